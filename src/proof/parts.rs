//! A message as far as a signature covers it: borrowed parts, no types of any HTTP library.

use super::fields::Component;

/// The parts of a request that a signature may cover, as they arrived.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    /// `POST`, as it stands in the request.
    pub method: &'a str,
    /// Scheme and host by which clients reach this service, such as `https` and `api.example:8443`: from the host's own
    /// configuration, never from a header. Lowercase, without the scheme's default port.
    pub scheme: &'a str,
    /// See `scheme`.
    pub authority: &'a str,
    /// The path as it was sent, percent-encoding and all, before any router took a prefix off it.
    pub path: &'a str,
    /// What follows the question mark, as it was sent; `None` if there is none.
    pub query: Option<&'a str>,
    /// Every header line: its name and its value. Lines of the same name stand in their order.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// Names of further headers, in lowercase, that mean something to the host, such as `idempotency-key`: each of them
    /// that is there must be signed.
    pub also_signed: &'a [&'a str],
    /// Whether there is a body.
    pub body: Body,
}

/// A response as far as a signature covers it.
#[derive(Clone, Copy, Debug)]
pub struct ResponseParts<'a> {
    /// Such as 200.
    pub status: u16,
    /// Every header line: its name and its value.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// As it is on the wire, after a content coding.
    pub body: &'a [u8],
}

/// Whether a request has a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body {
    /// None, as the framing of the request says: no `content-length` but zero, and no `transfer-encoding`.
    Absent,
    /// Of whatever length, be it unknown yet. Its digest must be signed.
    Present,
}

/// Why a component has no value that could be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NoValue {
    /// There is no such header, or no such component in the profile.
    Absent,
    /// The header is there twice, or has bytes that could forge a line of the signature base.
    Ambiguous,
}

impl<'a> RequestParts<'a> {
    /// Whether somebody meant the request to be signed. It is then accepted as a signed one or not at all.
    #[must_use]
    pub fn is_signed(&self) -> bool {
        self.has_header("signature") || self.has_header("signature-input")
    }

    /// In its one spelling, so that client and server cannot differ in it.
    fn authority(&self) -> Result<&'a str, NoValue> {
        let default_port = match self.scheme {
            "https" => ":443",
            "http" => ":80",
            _ => ":",
        };
        let upper_case = self.authority.bytes().any(|byte| byte.is_ascii_uppercase());
        match self.authority {
            "" => Err(NoValue::Absent),
            authority if upper_case || authority.ends_with(default_port) => Err(NoValue::Ambiguous),
            authority => Ok(authority),
        }
    }

    pub(super) fn header(&self, name: &str) -> Result<&'a str, NoValue> {
        header(self.headers, name)
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|(known, _)| is(known, name))
    }

    /// Appends the value of a component of a request's own signature: none has parameters.
    pub(super) fn push_component(&self, component: &Component<'_>, base: &mut String) -> Result<(), NoValue> {
        if component.parameters.is_empty() { self.push_value(component.name, base) } else { Err(NoValue::Absent) }
    }

    /// Appends the value of a component. Names that begin with `@` are never looked up among the headers.
    pub(super) fn push_value(&self, name: &str, base: &mut String) -> Result<(), NoValue> {
        let path = if self.path.is_empty() { "/" } else { self.path };
        match name {
            "@method" if !self.method.is_empty() => push_visible(base, &[self.method]),
            "@authority" => push_visible(base, &[self.authority()?]),
            "@path" => push_visible(base, &[path]),
            "@query" => push_visible(base, &["?", self.query.unwrap_or_default()]),
            "@target-uri" => {
                let question_mark = if self.query.is_some() { "?" } else { "" };
                let query = self.query.unwrap_or_default();
                push_visible(base, &[self.scheme, "://", self.authority()?, path, question_mark, query])
            }
            name if name.starts_with('@') => Err(NoValue::Absent),
            name => {
                base.push_str(self.header(name)?);
                Ok(())
            }
        }
    }
}

/// Names have no case. Most come in lowercase.
fn is(known: &str, name: &str) -> bool {
    known.len() == name.len() && (known == name || known.eq_ignore_ascii_case(name))
}

/// The one line of a header. Lines are never joined: whoever reads the header later may read only one of them.
pub(super) fn header<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Result<&'a str, NoValue> {
    let mut lines = headers.iter().filter(|(known, _)| is(known, name));
    let (_, value) = lines.next().ok_or(NoValue::Absent)?;
    if lines.next().is_some() {
        return Err(NoValue::Ambiguous);
    }
    // Without stopping at the first one, it is done in whole vectors of bytes.
    let visible = value.iter().fold(true, |visible, byte| visible & matches!(byte, b' '..=b'~' | b'\t'));
    let value = core::str::from_utf8(value).ok().filter(|_| visible).ok_or(NoValue::Ambiguous)?;
    Ok(value.trim_matches([' ', '\t']))
}

fn push_visible(base: &mut String, parts: &[&str]) -> Result<(), NoValue> {
    for part in parts {
        if !part.bytes().all(|byte| matches!(byte, b'!'..=b'~')) {
            return Err(NoValue::Ambiguous);
        }
        base.push_str(part);
    }
    Ok(())
}
