//! Requests as their clients have signed them.

use std::borrow::Cow;
use std::sync::Arc;

use pinlatch::Problem;
use pinlatch::access_token::{RenewableAccess, bearer_token};
use pinlatch::proof::{Accepted, Body, InvalidOrigin, Origin, RequestParts};

use crate::Service;
use crate::problem::tell;

/// The addresses under which clients know this service: what they sign. From the configuration; a header only chooses
/// among them.
#[derive(Clone, Debug)]
pub struct Origins(Arc<[Origin]>);

impl Origins {
    /// One or more, with commas between them.
    pub(crate) fn parse(text: &str) -> Result<Self, InvalidOrigin> {
        text.split(',').map(|origin| origin.trim().parse()).collect::<Result<_, _>>().map(Self)
    }

    /// Where the server listens: right for who runs it on their own machine.
    pub(crate) fn of(addr: std::net::SocketAddr) -> Result<Self, InvalidOrigin> {
        let local = if addr.ip().is_loopback() { format!(",http://localhost:{}", addr.port()) } else { String::new() };
        Self::parse(&format!("http://{addr}{local}"))
    }

    /// The first one. Codes by SMS are bound to its host.
    pub(crate) fn main(&self) -> &Origin {
        &self.0[0]
    }

    fn of_host(&self, host: &[u8]) -> &Origin {
        let known = |origin: &&Origin| origin.authority().as_bytes().eq_ignore_ascii_case(host);
        self.0.iter().find(known).unwrap_or_else(|| self.main())
    }
}

/// A request as a signature sees it. It outlives the request, so that the answer can be signed, too.
#[derive(Debug)]
pub struct Received {
    pub method: String,
    /// Path and query as the client has sent them, before any router took a prefix off.
    pub target: String,
    /// Every line, names in lowercase.
    pub headers: Vec<(String, Vec<u8>)>,
    pub has_body: bool,
}

impl Received {
    /// Of a request whose body nobody has looked at: whether it has one, by its framing.
    pub fn unread(method: &str, target: &str, headers: Vec<(String, Vec<u8>)>) -> Self {
        let mut received = Self { method: method.to_owned(), target: target.to_owned(), headers, has_body: false };
        let counted = received.header("content-length").is_some_and(|length| length != b"0");
        received.has_body = counted || received.header("transfer-encoding").is_some();
        received
    }

    /// The text of each line with that name. None is left out: bytes that are no text become characters that nothing
    /// takes for its own.
    pub(crate) fn values<'a>(&'a self, name: &'a str) -> impl Iterator<Item = Cow<'a, str>> {
        let lines = self.headers.iter().filter(move |(known, _)| known == name);
        lines.map(|(_, value)| String::from_utf8_lossy(value))
    }

    pub(crate) fn header(&self, name: &str) -> Option<&[u8]> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_slice())
    }

    /// Whether somebody meant it to be signed. Such a request is accepted as that or not at all.
    pub(crate) fn is_signed(&self) -> bool {
        self.header("signature").is_some() || self.header("signature-input").is_some()
    }

    pub(crate) fn bearer_token(&self) -> Option<&str> {
        bearer_token(self.header("authorization")?)
    }

    pub(crate) fn lines(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (&**name, &**value)).collect()
    }
}

impl Service {
    pub(crate) fn parts<'a>(&'a self, received: &'a Received, lines: &'a [(&'a str, &'a [u8])]) -> RequestParts<'a> {
        let origin = self.0.origins.of_host(received.header("host").unwrap_or_default());
        let body = if received.has_body { Body::Present } else { Body::Absent };
        RequestParts::new(&received.method, origin, &received.target, lines)
            .also_signed(&["idempotency-key"])
            .body(body)
    }

    /// Accepts a request once, with the body that was signed. A route that may act on requests of sessions which were
    /// revoked some minutes ago leaves `check_live` away; then no session is loaded.
    pub(crate) async fn accept_signed(&self, received: &Received, body: &[u8]) -> Result<Accepted, Problem> {
        let (sessions, lines) = (&self.0.sessions, received.lines());
        let fresh = sessions.verify_request(&self.parts(received, &lines)).await.map_err(tell)?;
        let accepted = fresh.with_body(body).map_err(tell)?;
        sessions.check_live(&accepted.access).await.map_err(tell)?;
        Ok(accepted)
    }

    /// The same for a request whose access token may have expired.
    pub(crate) async fn accept_renewal(
        &self,
        received: &Received,
        body: &[u8],
    ) -> Result<Accepted<RenewableAccess>, Problem> {
        let lines = received.lines();
        let fresh = self.0.sessions.verify_renewal(&self.parts(received, &lines)).await.map_err(tell)?;
        fresh.with_body(body).map_err(tell)
    }
}
