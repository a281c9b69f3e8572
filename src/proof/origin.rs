//! Where clients reach a service.

/// Scheme and authority by which clients reach a service, which they sign: `https://api.example`. From the host's own
/// configuration; a service with several names has one of each, and chooses among them by the header `host`.
///
/// ```
/// use pinlatch::proof::Origin;
///
/// let origin: Origin = "https://API.example:443".parse()?;
/// assert_eq!((origin.scheme(), origin.authority(), origin.host()), ("https", "api.example", "api.example"));
/// # Ok::<_, pinlatch::proof::InvalidOrigin>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    secure: bool,
    authority: String,
}

/// Not `http://` or `https://` with a host and perhaps a port, and nothing behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an origin is http:// or https:// with a host and perhaps a port, and nothing behind it")]
pub struct InvalidOrigin;

impl Origin {
    /// `https` or `http`.
    #[must_use]
    pub const fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }

    /// Host, and port unless it is the scheme's own, in lowercase: `api.example:8443`.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The host alone: `api.example`, `[::1]`.
    #[must_use]
    pub fn host(&self) -> &str {
        split_port(&self.authority).0
    }
}

/// Host and port. The colons in the brackets of an address are none that a port follows.
fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

impl core::str::FromStr for Origin {
    type Err = InvalidOrigin;

    /// Lowercases, and leaves the scheme's own port away.
    fn from_str(text: &str) -> Result<Self, InvalidOrigin> {
        let (scheme, authority) = text.split_once("://").ok_or(InvalidOrigin)?;
        let (secure, default_port) = match scheme.to_ascii_lowercase().as_str() {
            "https" => (true, "443"),
            "http" => (false, "80"),
            _ => return Err(InvalidOrigin),
        };
        let authority = authority.to_ascii_lowercase();
        let (host, port) = split_port(&authority);
        let bracketed = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let good_host = match bracketed {
            Some(address) => address.parse::<core::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte)),
        };
        let good_port = port.is_none_or(|port| port.parse::<u16>().is_ok_and(|number| number.to_string() == port));
        if !good_host || !good_port {
            return Err(InvalidOrigin);
        }
        let authority = if port == Some(default_port) { host.to_owned() } else { authority };
        Ok(Self { secure, authority })
    }
}

impl core::fmt::Display for Origin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_have_one_spelling() {
        for (text, spelling, host) in [
            ("https://api.example", "https://api.example", "api.example"),
            ("HTTPS://API.Example:443", "https://api.example", "api.example"),
            ("http://localhost:3000", "http://localhost:3000", "localhost"),
            ("http://localhost:80", "http://localhost", "localhost"),
            ("https://localhost:80", "https://localhost:80", "localhost"),
            ("http://[::1]:3000", "http://[::1]:3000", "[::1]"),
            ("http://[::1]", "http://[::1]", "[::1]"),
        ] {
            let origin: Origin = text.parse().unwrap();
            assert_eq!((origin.to_string().as_str(), origin.host()), (spelling, host), "{text}");
            assert_eq!(origin.to_string().parse(), Ok(origin));
        }
    }

    #[test]
    fn what_is_more_or_less_than_an_origin_is_none() {
        for text in [
            "",
            "api.example",
            "https://",
            "https://api.example/",
            "https://api.example/v1",
            "ftp://api.example",
            "https://a b",
            "https://user@api.example",
            "https://api.example:",
            "https://api.example:0443",
            "https://api.example:70000",
            "https://api.example?x",
            "https://:443",
            "https://[::1",
            "https://[x]",
            "https://a,b",
            "https://é.example",
        ] {
            assert_eq!(text.parse::<Origin>(), Err(InvalidOrigin), "{text}");
        }
    }
}
