//! The structured fields of signatures (RFC 8941), as far as they occur in them, in their one canonical spelling: what is
//! signed is the text itself, so text that could be written otherwise is refused.

/// Not the canonical text of such a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// One member of `Signature-Input`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignatureInput<'a> {
    pub(super) label: &'a str,
    /// The covered components with the parameters, as they stand: the value of `@signature-params`.
    pub(super) text: &'a str,
    pub(super) components: Vec<Component<'a>>,
    pub(super) parameters: Vec<(&'a str, Value<'a>)>,
}

/// A component identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Component<'a> {
    pub(super) name: &'a str,
    /// Behind the name, from its first semicolon on; empty if there are no parameters.
    pub(super) parameters: &'a str,
}

impl SignatureInput<'_> {
    pub(super) fn has_tag(&self, tag: &str) -> bool {
        self.parameters.contains(&("tag", Value::Text(tag)))
    }

    pub(super) fn covers(&self, component: Component<'_>) -> bool {
        self.components.contains(&component)
    }

    pub(super) fn has_component_twice(&self) -> bool {
        (1..self.components.len()).any(|at| self.components[..at].contains(&self.components[at]))
    }
}

impl<'a> Component<'a> {
    /// Without parameters: of the message that is signed.
    pub(super) const fn of(name: &'a str) -> Self {
        Self { name, parameters: "" }
    }

    /// Of the request that a response answers (RFC 9421 §2.4).
    pub(super) const fn of_request(name: &'a str) -> Self {
        Self { name, parameters: ";req" }
    }
}

/// The value of a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    Integer(i64),
    Text(&'a str),
    /// Of a type that no parameter of the profile has.
    Other,
}

/// Reads a `Signature-Input` field: at most `most` members, each with at most 16 components.
pub(super) fn signature_inputs(field: &str, most: usize) -> Result<Vec<SignatureInput<'_>>, Malformed> {
    members(field, most, |input, label| {
        let start = input.rest;
        let components = input.inner_list()?;
        let parameters = input.parameters()?;
        let text = &start[..start.len() - input.rest.len()];
        Ok(SignatureInput { label, text, components, parameters })
    })
}

/// Reads a `Signature` or `Content-Digest` field: labels and the base64 text of each.
pub(super) fn byte_sequences(field: &str, most: usize) -> Result<Vec<(&str, &str)>, Malformed> {
    members(field, most, |input, label| Ok((label, input.byte_sequence()?)))
}

const MOST_COMPONENTS: usize = 16;
const MOST_PARAMETERS: usize = 8;

fn members<'a, T>(
    field: &'a str,
    most: usize,
    mut member: impl FnMut(&mut Input<'a>, &'a str) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    let mut input = Input { rest: field };
    let (mut members, mut labels) = (Vec::new(), Vec::new());
    loop {
        let label = input.key()?;
        // The last of several members with one label would count; which one was signed nobody knows.
        if labels.contains(&label) || members.len() == most {
            return Err(Malformed);
        }
        labels.push(label);
        input.expect("=")?;
        members.push(member(&mut input, label)?);
        if input.rest.is_empty() {
            return Ok(members);
        }
        input.skip_spaces();
        input.expect(",")?;
        input.skip_spaces();
    }
}

struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    fn eat(&mut self, text: &str) -> bool {
        let rest = self.rest.strip_prefix(text);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, text: &str) -> Result<(), Malformed> {
        if self.eat(text) { Ok(()) } else { Err(Malformed) }
    }

    /// Between members only: lines of one field may have been joined.
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take_while(&mut self, accepts: impl Fn(u8) -> bool) -> &'a str {
        let len = self.rest.bytes().take_while(|byte| accepts(*byte)).count();
        let (taken, rest) = self.rest.split_at(len);
        self.rest = rest;
        taken
    }

    fn key(&mut self) -> Result<&'a str, Malformed> {
        let key = self.take_while(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'*'));
        let starts_well = key.starts_with(|first: char| first.is_ascii_lowercase() || first == '*');
        if starts_well { Ok(key) } else { Err(Malformed) }
    }

    /// Without escapes: no name, nonce or key id needs any.
    fn text(&mut self) -> Result<&'a str, Malformed> {
        self.expect("\"")?;
        let text = self.take_while(|byte| matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\');
        self.expect("\"")?;
        Ok(text)
    }

    fn byte_sequence(&mut self) -> Result<&'a str, Malformed> {
        self.expect(":")?;
        let text = self.take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'='));
        self.expect(":")?;
        Ok(text)
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        let negative = self.eat("-");
        let digits = self.take_while(|byte| byte.is_ascii_digit());
        // At most 15 digits (RFC 8941 §3.3.1), and no second spelling of any number.
        let canonical = digits == "0" && !negative || !digits.starts_with('0') && (1..=15).contains(&digits.len());
        let value: i64 = digits.parse().ok().filter(|_| canonical).ok_or(Malformed)?;
        Ok(if negative { -value } else { value })
    }

    fn inner_list(&mut self) -> Result<Vec<Component<'a>>, Malformed> {
        self.expect("(")?;
        let mut components = Vec::new();
        while !self.eat(")") {
            if components.len() == MOST_COMPONENTS || !components.is_empty() && !self.eat(" ") {
                return Err(Malformed);
            }
            let name = self.text()?;
            let start = self.rest;
            self.parameters()?;
            components.push(Component { name, parameters: &start[..start.len() - self.rest.len()] });
        }
        Ok(components)
    }

    fn parameters(&mut self) -> Result<Vec<(&'a str, Value<'a>)>, Malformed> {
        let mut parameters: Vec<(&str, Value<'_>)> = Vec::new();
        while self.eat(";") {
            let name = self.key()?;
            let value = if self.eat("=") { self.value()? } else { Value::Other };
            if parameters.len() == MOST_PARAMETERS || parameters.iter().any(|(known, _)| *known == name) {
                return Err(Malformed);
            }
            parameters.push((name, value));
        }
        Ok(parameters)
    }

    fn value(&mut self) -> Result<Value<'a>, Malformed> {
        match self.rest.bytes().next() {
            Some(b'"') => self.text().map(Value::Text),
            Some(b'-' | b'0'..=b'9') => self.integer().map(Value::Integer),
            Some(b':') => self.byte_sequence().map(|_| Value::Other),
            Some(b'?') if self.eat("?0") || self.eat("?1") => Ok(Value::Other),
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'*') => {
                self.take_while(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~:/".contains(&byte));
                Ok(Value::Other)
            }
            _ => Err(Malformed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &str = r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#;

    fn one(field: &str) -> Result<SignatureInput<'_>, Malformed> {
        signature_inputs(field, 8).map(|mut inputs| inputs.remove(0))
    }

    #[test]
    fn the_text_is_kept_as_it_stands() {
        let input = one(RFC).unwrap();
        assert_eq!((input.label, input.text), ("sig-b25", &RFC["sig-b25=".len()..]));
        let names: Vec<&str> = input.components.iter().map(|component| component.name).collect();
        assert_eq!(names, ["date", "@authority", "content-type"]);
        let parameters = [("created", Value::Integer(1_618_884_473)), ("keyid", Value::Text("test-shared-secret"))];
        assert_eq!(input.parameters, parameters);
    }

    #[test]
    fn other_signatures_and_their_types_are_read_past() {
        let field = concat!(
            r#"other=("@status" "content-digest";req "@query-param";name="Pet");created=-1;x=tok/en:1;y=:AAAA:;z=?1;w, "#,
            r#"  mine=();tag="t""#
        );
        let inputs = signature_inputs(field, 2).unwrap();
        assert_eq!(inputs[0].components[1], Component { name: "content-digest", parameters: ";req" });
        assert_eq!(inputs[0].components[2].parameters, r#";name="Pet""#);
        assert_eq!((inputs[1].label, inputs[1].text), ("mine", r#"();tag="t""#));
        assert_eq!(signature_inputs(field, 1), Err(Malformed));
    }

    #[test]
    fn what_has_a_second_spelling_is_malformed() {
        for wrong in [
            "",
            "sig",
            "sig=",
            "sig=()x",
            "sig=(),",
            "sig=() , ",
            " sig=()",
            "Sig=()",
            "1sig=()",
            "sig=( \"a\")",
            "sig=(\"a\" )",
            "sig=(\"a\"  \"b\")",
            "sig=(\"a\"\t\"b\")",
            "sig=(\"a\"\"b\")",
            "sig=(a)",
            "sig=(\"a\"",
            "sig=(\"a)",
            "sig=(\"a\\\"\")",
            "sig=(\"ä\")",
            "sig=(\"a\n\")",
            "sig=(); created=1",
            "sig=() ;created=1",
            "sig=();created =1",
            "sig=();created= 1",
            "sig=();Created=1",
            "sig=();created=01",
            "sig=();created=-0",
            "sig=();created=1.0",
            "sig=();created=+1",
            "sig=();created=1e3",
            "sig=();created=1234567890123456",
            "sig=();created=",
            "sig=();created=1;created=2",
            "sig=();y=?2",
            "sig=();y=:A-A_:",
            "sig=(), sig=()",
            "sig=()\u{0}",
        ] {
            assert_eq!(signature_inputs(wrong, 8), Err(Malformed), "{wrong:?}");
        }
        let many = |count: usize| format!("sig=({})", vec!["\"a\""; count].join(" "));
        assert!(signature_inputs(&many(16), 8).is_ok());
        assert_eq!(signature_inputs(&many(17), 8), Err(Malformed));
    }

    #[test]
    fn byte_sequences_have_labels() {
        assert_eq!(byte_sequences("sig1=:AAAA:, x=::", 2), Ok(vec![("sig1", "AAAA"), ("x", "")]));
        for wrong in ["sig1=AAAA", "sig1=:AAAA", "sig1=:AA AA:", "sig1=:AA-_:", "sig1=:AAAA:;p=1", "sig1=:A:, sig1=:A:"]
        {
            assert_eq!(byte_sequences(wrong, 2), Err(Malformed), "{wrong}");
        }
    }
}
