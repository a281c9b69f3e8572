//! The calls. Each is a thin layer over one call of [`Sessions`].

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, DefaultBodyLimit, FromRef, FromRequest, FromRequestParts, Path, Request, State};
use axum::http::header::{AUTHORIZATION, CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json, Router};
use pinlatch::proof::ServerKey;
use pinlatch::sealed::SealingKey;
use pinlatch::{DeviceLabel, LiveAccessError, RequestContext, SessionId, Sessions, VerifiedAccess};
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::begin;
use crate::problem::Problem;
use crate::signed::{Origins, Received, Signed};
use crate::unlock;

/// What every handler may need.
#[derive(Clone, FromRef)]
pub(crate) struct App {
    pub(crate) sessions: Sessions,
    pub(crate) origins: Origins,
    pub(crate) server_key: Arc<ServerKey>,
    pub(crate) sealing_keys: Arc<[SealingKey]>,
}

/// The most bytes of a request's body.
pub(crate) const MAX_BODY: usize = 16 * 1024;

pub(crate) fn routes(app: App) -> Router {
    Router::new()
        .route("/login", post(begin::login))
        .route("/authorize", post(unlock::authorize))
        .route("/pin", post(unlock::change_pin))
        .route("/device-key/add", post(unlock::add_device_key))
        .route("/device-key/remove", post(unlock::remove_device_key))
        .route("/renew", post(renew))
        .route("/api/me", get(me))
        .route("/api/transfer", post(transfer))
        .route("/sessions", get(list))
        .route("/sessions/{id}", delete(revoke))
        .route("/logout", post(logout))
        .route("/logout-all", post(logout_all))
        .route("/.well-known/jwks.json", get(jwks))
        .route("/.well-known/http-message-signatures-directory", get(server_keys))
        .fallback(async || Problem::new("not_found"))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(app)
}

/// A JSON body, or a problem that says no more than that it was not one.
#[derive(FromRequest)]
#[from_request(via(Json), rejection(Problem))]
pub(crate) struct Body<T>(pub(crate) T);

impl From<JsonRejection> for Problem {
    fn from(_rejection: JsonRejection) -> Self {
        Self::new("bad_request")
    }
}

/// Answers hold tokens; no cache may keep them.
pub(crate) fn answer(status: StatusCode, body: impl Serialize) -> Response {
    const HEADERS: [(HeaderName, &str); 2] = [(CACHE_CONTROL, "no-store"), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, HEADERS, Json(body)).into_response()
}

/// Goes on when the client goes away: axum drops a handler then, and a guess that was charged for a right PIN would
/// never be taken back.
pub(crate) async fn to_the_end<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|_| Problem::new("unavailable"))
}

/// From where a request comes. Behind a proxy this is the proxy, and a host takes the address from a header that it
/// knows its own proxy to set.
pub(crate) fn context(client: SocketAddr) -> RequestContext {
    RequestContext::new().with_ip(client.ip())
}

/// Evidence of a valid `Authorization: Bearer` whose session is live, for routes that ask for no signature. An API that
/// may believe a revoked session for some minutes leaves `check_live` away, and asks no store.
struct Bearer(VerifiedAccess);

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        // A signature that does not hold makes no bearer of its client. These routes look at no body.
        let received = Received::without_body(parts);
        if received.is_signed() {
            return Ok(Self(received.accept(app, axum::body::Body::empty()).await?.0.access));
        }
        let header = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| {
            let (scheme, token) = value.split_once(' ')?;
            scheme.eq_ignore_ascii_case("bearer").then_some(token)
        });
        let token = token.ok_or_else(|| Problem::new("invalid_token"))?;
        // `verify_live` refuses bound tokens; here they are as good as a bearer's.
        let access = app.sessions.verify_bound(token).map_err(LiveAccessError::from)?.without_proof();
        app.sessions.check_live(&access).await?;
        Ok(Self(access))
    }
}

async fn me(Bearer(access): Bearer) -> Response {
    let (subject, session_id) = (access.subject.as_str(), access.session_id.to_string());
    let expires_at = access.expires_at.as_secs();
    answer(StatusCode::OK, json!({"subject": subject, "session_id": session_id, "expires_at": expires_at}))
}

async fn list(State(sessions): State<Sessions>, Bearer(access): Bearer) -> Result<Response, Problem> {
    let of_subject = sessions.sessions_of(&access.subject).await?;
    let list: Vec<_> = of_subject
        .iter()
        .map(|session| {
            json!({
                "session_id": session.session_id.to_string(),
                "device": session.label.as_ref().map(DeviceLabel::as_str),
                "created_at": session.created_at.as_secs(),
                "last_used_at": session.last_used_at.as_secs(),
                "expires_at": session.expires_at.as_secs(),
                "locked_out": session.locked_out,
                "current": session.session_id == access.session_id,
            })
        })
        .collect();
    Ok(answer(StatusCode::OK, json!({"sessions": list})))
}

async fn revoke(
    State(sessions): State<Sessions>,
    Bearer(access): Bearer,
    Path(id): Path<String>,
) -> Result<StatusCode, Problem> {
    let id: SessionId = id.parse().map_err(|_| Problem::new("not_found"))?;
    let ended = sessions.revoke(&access.subject, id).await?;
    if ended { Ok(StatusCode::NO_CONTENT) } else { Err(Problem::new("not_found")) }
}

async fn logout(State(sessions): State<Sessions>, Bearer(access): Bearer) -> Result<StatusCode, Problem> {
    sessions.revoke(&access.subject, access.session_id).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn logout_all(State(sessions): State<Sessions>, Bearer(access): Bearer) -> Result<StatusCode, Problem> {
    sessions.revoke_all(&access.subject).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Transfer {
    to: String,
    amount: u64,
}

/// Money moves for a signed request only, and once for each.
async fn transfer(Signed { body: Transfer { to, amount } }: Signed<Transfer>) -> Result<Response, Problem> {
    if to.is_empty() || to.len() > 100 || amount == 0 {
        return Err(Problem::new("bad_request"));
    }
    let id = getrandom::u64().map_err(|_| Problem::new("unavailable"))?;
    Ok(answer(StatusCode::OK, json!({"id": format!("{id:016x}"), "to": to, "amount": amount})))
}

/// Another access token without a PIN, if `RENEW` allows it, for the key that the device has.
async fn renew(
    State(app): State<App>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    request: Request,
) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let accepted = Received::without_body(&parts).accept_renewal(&app, body).await?;
    let renewed = app.sessions.renew_signed(accepted, &context(client)).await?;
    let body = json!({
        "access_token": renewed.access_token.as_str(),
        "token_type": "Bearer",
        "expires_in": renewed.access_token.expires_in().as_secs(),
    });
    Ok(answer(StatusCode::OK, body))
}

/// The key that signs answers, which a client has built in, and those for sealed requests, in an answer that it can have
/// signed.
async fn server_keys(State(app): State<App>) -> impl IntoResponse {
    const DIRECTORY: &str = "application/http-message-signatures-directory+json";
    let headers = [(CONTENT_TYPE, DIRECTORY), (CACHE_CONTROL, "public, max-age=300")];
    let sealing = app.sealing_keys.iter().map(|key| key.public_key().to_jwk());
    let keys: Vec<_> = std::iter::once(app.server_key.public_key().to_jwk()).chain(sealing).collect();
    (headers, format!("{{\"keys\":[{}]}}", keys.join(",")))
}

/// The public keys, for services that verify access tokens by themselves.
async fn jwks(State(sessions): State<Sessions>) -> impl IntoResponse {
    let headers = [(CONTENT_TYPE, "application/jwk-set+json"), (CACHE_CONTROL, "public, max-age=300")];
    (headers, sessions.jwks())
}
