//! The structured fields of signatures (RFC 8941), as far as they occur in them, in their one canonical spelling: what
//! is signed is the text itself, so text that could be written otherwise is refused.

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

/// Why a field has no signature for us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotOne {
    Malformed,
    /// None has our tag, or several have.
    NotForUs,
}

impl From<Malformed> for NotOne {
    fn from(Malformed: Malformed) -> Self {
        Self::Malformed
    }
}

/// The one signature of a `Signature-Input` or `Accept-Signature` field that has this tag. Those of others are read
/// past.
pub(super) fn signature_input<'a>(field: &'a str, tag: &str) -> Result<SignatureInput<'a>, NotOne> {
    the_one(field, |parameters| parameters.contains(&("tag", Value::Text(tag))))
}

pub(super) fn the_one<'a>(
    field: &'a str,
    is_ours: impl Fn(&[(&'a str, Value<'a>)]) -> bool,
) -> Result<SignatureInput<'a>, NotOne> {
    let (mut ours, mut several) = (None, false);
    for_each_member(field, |input, label| {
        let start = input.rest;
        let components = input.inner_list()?;
        let parameters = input.parameters()?;
        if is_ours(&parameters) {
            let text = &start[..start.len() - input.rest.len()];
            several |= ours.replace(SignatureInput { label, text, components, parameters }).is_some();
        }
        Ok(())
    })?;
    ours.filter(|_| !several).ok_or(NotOne::NotForUs)
}

/// The base64 text under a label of a `Signature` field.
pub(super) fn signature<'a>(field: &'a str, label: &str) -> Result<&'a str, Malformed> {
    let mut found = None;
    for_each_member(field, |input, known| {
        let text = input.byte_sequence()?;
        if known == label {
            found = Some(text);
        }
        Ok(())
    })?;
    found.ok_or(Malformed)
}

/// Algorithm and base64 text of a `Content-Digest` field that has exactly one digest.
pub(super) fn digest(field: &str) -> Result<(&str, &str), Malformed> {
    let mut found = None;
    for_each_member(field, |input, algorithm| {
        let digest = (algorithm, input.byte_sequence()?);
        if found.replace(digest).is_none() { Ok(()) } else { Err(Malformed) }
    })?;
    found.ok_or(Malformed)
}

/// The most bytes of a field, or of two that belong together.
pub(super) const MAX_LEN: usize = 4096;
const MOST_MEMBERS: usize = 8;
const MOST_COMPONENTS: usize = 16;
const MOST_PARAMETERS: usize = 8;

fn for_each_member<'a>(
    field: &'a str,
    mut read: impl FnMut(&mut Input<'a>, &'a str) -> Result<(), Malformed>,
) -> Result<(), Malformed> {
    let mut input = Input { rest: field };
    let (mut labels, mut count) = ([""; MOST_MEMBERS], 0);
    if field.len() > MAX_LEN {
        return Err(Malformed);
    }
    loop {
        let label = input.key()?;
        // The last of several members with one label would count; which one was signed nobody knows.
        if labels[..count].contains(&label) {
            return Err(Malformed);
        }
        *labels.get_mut(count).ok_or(Malformed)? = label;
        count += 1;
        input.expect(b'=')?;
        read(&mut input, label)?;
        if input.rest.is_empty() {
            return Ok(());
        }
        input.skip_spaces();
        input.expect(b',')?;
        input.skip_spaces();
    }
}

/// A set of bytes, all of them ASCII.
type Bytes = [bool; 256];

const fn bytes(list: &[u8]) -> Bytes {
    let (mut bytes, mut at) = ([false; 256], 0);
    while at < list.len() {
        bytes[list[at] as usize] = true;
        at += 1;
    }
    bytes
}

const DIGIT: Bytes = bytes(b"0123456789");
const IN_KEY: Bytes = bytes(b"abcdefghijklmnopqrstuvwxyz0123456789_-.*");
const IN_BASE64: Bytes = bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=");
const IN_TOKEN: Bytes = bytes(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~:/");
/// Without `"` and `\`: no name, nonce or key id needs an escape.
const IN_TEXT: Bytes =
    bytes(b" !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~");

struct Input<'a> {
    rest: &'a str,
}

impl<'a> Input<'a> {
    fn eat(&mut self, byte: u8) -> bool {
        let there = self.rest.as_bytes().first() == Some(&byte);
        if there {
            self.rest = &self.rest[1..];
        }
        there
    }

    fn expect(&mut self, byte: u8) -> Result<(), Malformed> {
        if self.eat(byte) { Ok(()) } else { Err(Malformed) }
    }

    /// Between members only: lines of one field may have been joined.
    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t']);
    }

    fn take_while(&mut self, accepted: &Bytes) -> &'a str {
        let end = self.rest.bytes().position(|byte| !accepted[usize::from(byte)]);
        let (taken, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn key(&mut self) -> Result<&'a str, Malformed> {
        let key = self.take_while(&IN_KEY);
        let starts_well = matches!(key.as_bytes().first(), Some(b'a'..=b'z' | b'*'));
        if starts_well { Ok(key) } else { Err(Malformed) }
    }

    fn text(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b'"')?;
        let text = self.take_while(&IN_TEXT);
        self.expect(b'"')?;
        Ok(text)
    }

    fn byte_sequence(&mut self) -> Result<&'a str, Malformed> {
        self.expect(b':')?;
        let text = self.take_while(&IN_BASE64);
        self.expect(b':')?;
        Ok(text)
    }

    fn integer(&mut self) -> Result<i64, Malformed> {
        let negative = self.eat(b'-');
        let digits = self.take_while(&DIGIT);
        // At most 15 digits (RFC 8941 §3.3.1), and no second spelling of any number.
        let canonical = digits == "0" && !negative || !digits.starts_with('0') && (1..=15).contains(&digits.len());
        let value: i64 = digits.parse().ok().filter(|_| canonical).ok_or(Malformed)?;
        Ok(if negative { -value } else { value })
    }

    fn inner_list(&mut self) -> Result<Vec<Component<'a>>, Malformed> {
        self.expect(b'(')?;
        let mut components = Vec::with_capacity(8);
        while !self.eat(b')') {
            if !components.is_empty() {
                self.expect(b' ')?;
            }
            let name = self.text()?;
            let start = self.rest;
            if start.starts_with(';') {
                self.parameters()?;
            }
            let parameters = &start[..start.len() - self.rest.len()];
            if components.len() == MOST_COMPONENTS {
                return Err(Malformed);
            }
            components.push(Component { name, parameters });
        }
        Ok(components)
    }

    fn parameters(&mut self) -> Result<Vec<(&'a str, Value<'a>)>, Malformed> {
        let mut parameters: Vec<(&str, Value<'_>)> = Vec::with_capacity(MOST_PARAMETERS);
        while self.eat(b';') {
            let name = self.key()?;
            let value = if self.eat(b'=') { self.value()? } else { Value::Other };
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
            Some(b'?') if self.rest.starts_with("?0") || self.rest.starts_with("?1") => {
                self.rest = &self.rest[2..];
                Ok(Value::Other)
            }
            Some(b'a'..=b'z' | b'A'..=b'Z' | b'*') => {
                self.take_while(&IN_TOKEN);
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

    /// A field of signatures, the last of which has a tag.
    fn one(field: &str) -> Result<SignatureInput<'_>, NotOne> {
        signature_input(field, "t")
    }

    #[test]
    fn the_text_is_kept_as_it_stands() {
        let field = format!("{RFC};tag=\"t\"");
        let input = one(&field).unwrap();
        assert_eq!((input.label, input.text), ("sig-b25", &field["sig-b25=".len()..]));
        let names: Vec<&str> = input.components.iter().map(|component| component.name).collect();
        assert_eq!(names, ["date", "@authority", "content-type"]);
        let parameters = [
            ("created", Value::Integer(1_618_884_473)),
            ("keyid", Value::Text("test-shared-secret")),
            ("tag", Value::Text("t")),
        ];
        assert_eq!(input.parameters[..], parameters);
        assert_eq!(one(RFC), Err(NotOne::NotForUs));
    }

    #[test]
    fn other_signatures_and_their_types_are_read_past() {
        let field = concat!(
            r#"other=("@status" "content-digest";req "@query-param";name="Pet");created=-1;x=tok/en:1;y=:AAAA:;z=?1;v=?0;w, "#,
            r#"  mine=("x";req "y";key="a");tag="t""#
        );
        let input = one(field).unwrap();
        assert_eq!((input.label, input.text), ("mine", r#"("x";req "y";key="a");tag="t""#));
        assert_eq!(input.components[0], Component { name: "x", parameters: ";req" });
        assert_eq!(input.components[1].parameters, r#";key="a""#);
        for wrong in [r#"a=();tag=t"#, r#"a=();tag=:t:"#, r#"a=();tag"#, r#"a=();tag="t ""#, r#"a=();Tag="t""#] {
            assert_ne!(one(wrong).err(), None, "{wrong}");
        }
        assert_eq!(one(r#"a=();tag="t", b=();tag="t""#), Err(NotOne::NotForUs));
        let many = |count: usize| (0..count).map(|at| format!("s{at}=()")).collect::<Vec<_>>().join(", ");
        assert_eq!(one(&many(8)), Err(NotOne::NotForUs));
        assert_eq!(one(&many(9)), Err(NotOne::Malformed));
        let long = |len: usize| format!("a=(\"{}\");tag=\"t\"", "x".repeat(len - 14));
        assert!(one(&long(4096)).is_ok());
        assert_eq!(one(&long(4097)), Err(NotOne::Malformed));
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
            assert_eq!(one(wrong), Err(NotOne::Malformed), "{wrong:?}");
        }
        let many = |count: usize| format!("sig=({});tag=\"t\"", vec!["\"a\""; count].join(" "));
        assert!(one(&many(16)).is_ok());
        assert_eq!(one(&many(17)), Err(NotOne::Malformed));
        let many =
            |count: usize| format!("sig=();tag=\"t\"{}", (1..count).map(|at| format!(";p{at}")).collect::<String>());
        assert!(one(&many(8)).is_ok());
        assert_eq!(one(&many(9)), Err(NotOne::Malformed));
    }

    #[test]
    fn byte_sequences_have_labels() {
        assert_eq!(signature("sig1=:AAAA:, x=::", "sig1"), Ok("AAAA"));
        assert_eq!(signature("sig1=:AAAA:, x=::", "x"), Ok(""));
        assert_eq!(signature("sig1=:AAAA:, x=::", "y"), Err(Malformed));
        assert_eq!(digest("sha-256=:AAAA:"), Ok(("sha-256", "AAAA")));
        assert_eq!(digest("sha-256=:AAAA:, sha-512=:AAAA:"), Err(Malformed));
        for wrong in ["sig1=AAAA", "sig1=:AAAA", "sig1=:AA AA:", "sig1=:AA-_:", "sig1=:AAAA:;p=1", "sig1=:A:, sig1=:A:"]
        {
            assert_eq!(signature(wrong, "sig1"), Err(Malformed), "{wrong}");
            assert_eq!(digest(wrong), Err(Malformed), "{wrong}");
        }
    }
}
