//! Signed requests and signed answers, as axum has them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{FromRequest, OriginalUri, Request, State};
use axum::http::header::{HOST, HeaderName};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, Uri, response};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pinlatch::access_token::RenewableAccess;
use pinlatch::proof::{self, Accepted, RequestParts, ResponseParts};
use pinlatch::{ClockPolicy, SystemClock};
use serde::de::DeserializeOwned;

use crate::api::{App, MAX_BODY};
use crate::problem::Problem;

/// The addresses under which clients know this service: what they sign. From the configuration; a header only chooses
/// among them.
#[derive(Clone)]
pub(crate) struct Origins(Arc<[Origin]>);

struct Origin {
    scheme: String,
    authority: String,
}

impl Origin {
    /// `https://api.example`
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let bare = uri.path() == "/" && uri.query().is_none() && !text.ends_with('/');
        let (scheme, authority) = (uri.scheme_str()?.to_owned(), uri.authority()?.as_str().to_lowercase());
        bare.then_some(Self { scheme, authority })
    }
}

impl Origins {
    /// A list with commas between them.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.split(',').map(|origin| Origin::parse(origin.trim())).collect::<Option<_>>().map(Self)
    }

    /// Where the server listens: right for who runs it on their own machine.
    pub(crate) fn of(addr: SocketAddr) -> Self {
        let local = addr.ip().is_loopback().then(|| format!("localhost:{}", addr.port()));
        let authorities = std::iter::once(addr.to_string()).chain(local);
        Self(authorities.map(|authority| Origin { scheme: "http".into(), authority }).collect())
    }

    /// The host name of the first one: codes by SMS are bound to it.
    pub(crate) fn domain(&self) -> &str {
        let authority = self.0.first().map_or("localhost", |origin| origin.authority.as_str());
        authority.rsplit_once(':').map_or(authority, |(host, _port)| host)
    }

    fn of_request(&self, headers: &HeaderMap) -> Option<&Origin> {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        self.0.iter().find(|origin| origin.authority.eq_ignore_ascii_case(host)).or_else(|| self.0.first())
    }
}

/// A request as a signature sees it. It outlives the request, so that the answer can be signed, too.
pub(crate) struct Received {
    method: Method,
    /// Before any router took a prefix off it.
    uri: Uri,
    headers: HeaderMap,
    body: proof::Body,
}

impl Received {
    pub(crate) fn of(parts: &Parts, body: proof::Body) -> Self {
        let uri = parts.extensions.get().map_or_else(|| parts.uri.clone(), |OriginalUri(uri)| uri.clone());
        Self { method: parts.method.clone(), uri, headers: parts.headers.clone(), body }
    }

    /// For handlers that see no body: whether there is one.
    pub(crate) fn without_body(parts: &Parts) -> Self {
        let empty = |length: &HeaderValue| length.as_bytes() == b"0";
        let framed = parts.headers.contains_key("transfer-encoding")
            || parts.headers.get("content-length").is_some_and(|length| !empty(length));
        Self::of(parts, if framed { proof::Body::Present } else { proof::Body::Absent })
    }

    /// Whether somebody meant it to be signed. Such a request is accepted as that or not at all.
    pub(crate) fn is_signed(&self) -> bool {
        self.headers.contains_key("signature") || self.headers.contains_key("signature-input")
    }

    fn lines(&self) -> Vec<(&str, &[u8])> {
        self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect()
    }

    fn parts<'a>(&'a self, origins: &'a Origins, headers: &'a [(&'a str, &'a [u8])]) -> Option<RequestParts<'a>> {
        let origin = origins.of_request(&self.headers)?;
        Some(RequestParts {
            method: self.method.as_str(),
            scheme: &origin.scheme,
            authority: &origin.authority,
            path: self.uri.path(),
            query: self.uri.query(),
            headers,
            also_signed: &["idempotency-key"],
            body: self.body,
        })
    }

    /// Verifies the signature, and then the body. A handler that may act on requests of sessions which were revoked some
    /// minutes ago leaves `check_live` away; then no session is loaded.
    pub(crate) async fn accept(&self, app: &App, body: Body) -> Result<(Accepted, Vec<u8>), Problem> {
        let lines = self.lines();
        let parts = self.parts(&app.origins, &lines).ok_or_else(|| Problem::new("invalid_proof"))?;
        let fresh = app.sessions.verify_request(&parts).await?;
        let body = read(body).await?;
        let accepted = fresh.with_body(&body)?;
        app.sessions.check_live(&accepted.access).await?;
        Ok((accepted, body))
    }

    /// The same for a request whose access token may have expired.
    pub(crate) async fn accept_renewal(&self, app: &App, body: Body) -> Result<Accepted<RenewableAccess>, Problem> {
        let lines = self.lines();
        let parts = self.parts(&app.origins, &lines).ok_or_else(|| Problem::new("invalid_proof"))?;
        let fresh = app.sessions.verify_renewal(&parts).await?;
        Ok(fresh.with_body(&read(body).await?)?)
    }
}

async fn read(body: Body) -> Result<Vec<u8>, Problem> {
    to_bytes(body, MAX_BODY).await.map(Into::into).map_err(|_| Problem::new("bad_request"))
}

/// A JSON body that its client signed, and who it was.
pub(crate) struct Signed<T> {
    pub(crate) body: T,
}

impl<T: DeserializeOwned> FromRequest<App> for Signed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let (_, body) = Received::of(&parts, framing(&body)).accept(app, body).await?;
        Ok(Self { body: serde_json::from_slice(&body).map_err(|_| Problem::new("bad_request"))? })
    }
}

/// What is held in memory to be signed.
const MAX_ANSWER: usize = 1 << 20;

/// Signs the answers to those who ask for it.
pub(crate) async fn sign_answers(State(app): State<App>, request: Request, next: Next) -> Response {
    if !request.headers().contains_key("accept-signature") {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let framing = framing(&body);
    let Ok(asked) = read(body).await else { return Problem::new("bad_request").into_response() };
    let received = Received::of(&parts, framing);
    let request = Request::from_parts(parts, Body::from(asked.clone()));
    let (mut parts, body) = next.run(request).await.into_parts();
    let Ok(body) = to_bytes(body, MAX_ANSWER).await else { return Problem::new("unavailable").into_response() };
    for (name, value) in signature(&app, &received, &asked, &parts, &body).into_iter().flatten() {
        parts.headers.insert(name, value);
    }
    Response::from_parts(parts, Body::from(body))
}

fn framing(body: &Body) -> proof::Body {
    if body.is_end_stream() { proof::Body::Absent } else { proof::Body::Present }
}

fn signature(
    app: &App,
    received: &Received,
    asked: &[u8],
    answer: &response::Parts,
    body: &[u8],
) -> Option<[(HeaderName, HeaderValue); 3]> {
    let lines = received.lines();
    let headers: Vec<(&str, &[u8])> =
        answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    let response = ResponseParts { status: answer.status.as_u16(), headers: &headers, body };
    let request = received.parts(&app.origins, &lines)?;
    let signed = app.server_key.sign_response(&request, asked, &response, SystemClock.now())?;
    let header = |name, value: String| Some((HeaderName::from_static(name), HeaderValue::try_from(value).ok()?));
    Some([
        header("content-digest", signed.content_digest)?,
        header("signature-input", signed.headers.signature_input)?,
        header("signature", signed.headers.signature)?,
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::http::StatusCode;
    use axum::routing::post;
    use pinlatch::proof::{ServerKey, content_digest};
    use pinlatch::stores::MemoryStore;
    use pinlatch::{
        AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, RequestContext, SessionId, Sessions,
        Subject,
    };
    use tower::ServiceExt;

    use super::*;

    fn app() -> App {
        let secret = |mark: u8| core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap());
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap();
        let key = AccessTokenKey::hs256("k", &secret(3)).unwrap();
        let tokens = AccessTokens::new(key, "i", "a", "c").unwrap();
        App {
            sessions: Sessions::builder(keys, MemoryStore::default(), tokens).build().unwrap(),
            origins: Origins::parse("https://api.example").unwrap(),
            server_key: Arc::new(ServerKey::ed25519("s", &secret(4)).unwrap()),
            sealing_keys: Arc::new([]),
        }
    }

    /// A POST that is signed for one path and sent to another.
    async fn answer(router: Router, sessions: &Sessions, signed: &str, sent: &str) -> StatusCode {
        let (pin, body) = (Pin::new("739216").unwrap(), "1");
        let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
        let issued = sessions.login(login, pin.clone()).await.unwrap();
        let opened = sessions.unlock(issued.device_token.as_str(), &pin, &RequestContext::new()).await.unwrap();
        let bound = sessions.mint_bound(&opened.grant, &()).unwrap();
        let (session_id, authorization): (SessionId, _) =
            (opened.session_id, format!("Bearer {}", bound.access_token.as_str()));
        let digest = content_digest(body.as_bytes());
        let parts = RequestParts {
            method: "POST",
            scheme: "https",
            authority: "api.example",
            path: signed,
            query: None,
            headers: &[("authorization", authorization.as_bytes()), ("content-digest", digest.as_bytes())],
            also_signed: &[],
            body: proof::Body::Present,
        };
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let signature = bound.request_key.sign_request(session_id, &parts, SystemClock.now(), &mut rng).unwrap();
        let request = Request::post(sent)
            .header("authorization", authorization)
            .header("content-digest", digest)
            .header("signature-input", signature.signature_input)
            .header("signature", signature.signature)
            .body(Body::from(body));
        router.oneshot(request.unwrap()).await.unwrap().status()
    }

    /// What the client has sent counts, not what a router left of it.
    #[tokio::test]
    async fn a_nested_route_is_verified_under_its_whole_path() {
        let app = app();
        let sessions = app.sessions.clone();
        let inner = Router::new().route("/transfer", post(async |_: Signed<u32>| StatusCode::OK)).with_state(app);
        let router = Router::new().nest("/v1", inner);
        assert_eq!(answer(router.clone(), &sessions, "/v1/transfer", "/v1/transfer").await, StatusCode::OK);
        assert_eq!(answer(router.clone(), &sessions, "/transfer", "/v1/transfer").await, StatusCode::UNAUTHORIZED);
        let absolute = "http://127.0.0.1:3000/v1/transfer";
        assert_eq!(answer(router, &sessions, "/v1/transfer", absolute).await, StatusCode::OK, "as proxies send it");
    }

    #[test]
    fn origins_have_no_path() {
        assert!(Origins::parse("https://api.example,http://LOCALHOST:3000").is_some());
        for wrong in ["", "api.example", "https://", "https://api.example/", "https://api.example/v1", "https://a,,"] {
            assert!(Origins::parse(wrong).is_none(), "{wrong}");
        }
    }
}
