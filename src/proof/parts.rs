//! A message as far as a signature covers it: borrowed parts, no types of any HTTP library.

use super::fields::Component;
use super::origin::Origin;

/// The parts of a request that a signature may cover, as they arrived.
#[derive(Clone, Copy)]
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
#[derive(Clone, Copy)]
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

/// For logs, where tokens and cookies have no place: of headers the names, and of a query that there is one.
impl core::fmt::Debug for RequestParts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("RequestParts")
            .field("method", &self.method)
            .field("scheme", &self.scheme)
            .field("authority", &self.authority)
            .field("path", &self.path)
            .field("has_query", &self.query.is_some())
            .field("headers", &names(self.headers))
            .field("body", &self.body)
            .finish_non_exhaustive()
    }
}

/// For logs: what the answer says is nobody's business there.
impl core::fmt::Debug for ResponseParts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = f.debug_struct("ResponseParts");
        shown.field("status", &self.status).field("headers", &names(self.headers)).finish_non_exhaustive()
    }
}

fn names<'a>(headers: &[(&'a str, &[u8])]) -> Vec<&'a str> {
    headers.iter().map(|(name, _)| *name).collect()
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
    /// A request without a body, and without further headers that must be signed. `target` is what stands in the
    /// request line: the path, and the query if there is one.
    #[must_use]
    pub fn new(method: &'a str, origin: &'a Origin, target: &'a str, headers: &'a [(&'a str, &'a [u8])]) -> Self {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let (scheme, authority) = (origin.scheme(), origin.authority());
        Self { method, scheme, authority, path, query, headers, also_signed: &[], body: Body::Absent }
    }

    /// With or without a body.
    #[must_use]
    pub const fn body(self, body: Body) -> Self {
        Self { body, ..self }
    }

    /// With these headers signed where they are there.
    #[must_use]
    pub const fn also_signed(self, also_signed: &'a [&'a str]) -> Self {
        Self { also_signed, ..self }
    }

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

    /// Method and whole address, as both sides of a request know them.
    #[cfg(feature = "sealed")]
    pub(crate) fn target(&self) -> Option<String> {
        let mut target = String::new();
        self.push_value("@method", &mut target).ok()?;
        target.push(' ');
        self.push_value("@target-uri", &mut target).ok()?;
        Some(target)
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
#[inline]
fn is(known: &str, name: &str) -> bool {
    known.len() == name.len() && (known == name || known.eq_ignore_ascii_case(name))
}

/// The one line of each of these headers, for a reader who looks at every byte of it. Lines are never joined: whoever
/// reads the header later may read only one of them.
pub(super) fn lines<'a, const N: usize>(
    headers: &[(&'a str, &'a [u8])],
    names: [&str; N],
) -> [Result<&'a str, NoValue>; N] {
    let mut found: [Result<&[u8], NoValue>; N] = [Err(NoValue::Absent); N];
    for (known, value) in headers {
        if let Some(at) = names.iter().position(|name| is(known, name)) {
            let first = matches!(found[at], Err(NoValue::Absent));
            found[at] = if first { Ok(value) } else { Err(NoValue::Ambiguous) };
        }
    }
    found.map(|value| core::str::from_utf8(trimmed(value?)).map_err(|_| NoValue::Ambiguous))
}

fn trimmed(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

/// The one line of a header, with nothing in it that could forge a line of a signature base.
pub(super) fn header<'a>(headers: &[(&'a str, &'a [u8])], name: &str) -> Result<&'a str, NoValue> {
    let [value] = lines(headers, [name]);
    visible(value?)
}

pub(super) fn visible(value: &str) -> Result<&str, NoValue> {
    // Without stopping at the first one, it is done in whole vectors of bytes.
    let visible = value.bytes().fold(true, |visible, byte| visible & matches!(byte, b' '..=b'~' | b'\t'));
    if visible { Ok(value) } else { Err(NoValue::Ambiguous) }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_says_whether_it_is_signed_and_what_must_be() {
        let origin: Origin = "https://api.example".parse().unwrap();
        for (name, signed) in [("Signature", true), ("signature-input", true), ("x", false)] {
            assert_eq!(RequestParts::new("POST", &origin, "/", &[(name, b"")]).is_signed(), signed);
        }
        let parts = RequestParts::new("POST", &origin, "/a?b", &[]).also_signed(&["x"]).body(Body::Present);
        assert_eq!((parts.also_signed, parts.body), (&["x"][..], Body::Present));
        assert_eq!((parts.scheme, parts.authority, parts.path, parts.query), ("https", "api.example", "/a", Some("b")));
    }

    #[test]
    fn the_default_port_of_a_scheme_is_not_written() {
        let value = |scheme, authority| {
            let origin: Origin = "https://api.example".parse().unwrap();
            let parts = RequestParts { scheme, authority, ..RequestParts::new("GET", &origin, "/", &[]) };
            parts.push_value("@authority", &mut String::new())
        };
        for (scheme, default, other) in [("https", "a:443", "a:80"), ("http", "a:80", "a:443")] {
            assert_eq!(value(scheme, default), Err(NoValue::Ambiguous));
            assert_eq!(value(scheme, other), Ok(()));
        }
    }
}
