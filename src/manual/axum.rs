//! Log in with a password, come back with a PIN, call an API, log out.

use std::net::SocketAddr;

use axum::extract::rejection::JsonRejection;
use axum::extract::{ConnectInfo, State};
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use pinlatch::access_token::bearer_token;
use pinlatch::stores::SqliteStore;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, Problem, RequestContext, Sessions, Subject,
};
use serde::Deserialize;
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

/// A body as it was read, or not.
type Read<T> = Result<Json<T>, JsonRejection>;

/// A secret of 32 random bytes, base64: `openssl rand -base64 32`. Yours come from a vault.
fn secret(name: &str) -> Result<[u8; 32], Error> {
    let text = std::env::var(name).map_err(|_| format!("{name} is not set"))?;
    let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, text)?;
    bytes.try_into().map_err(|_| format!("{name} does not have 32 bytes").into())
}

fn sessions() -> Result<Sessions, Error> {
    let keys = KeyRing::new(Pepper::new(PepperId(1), secret("PEPPER")?)?, secret("INDEX")?)?;
    let signing = AccessTokenKey::ed25519("key-1", &secret("SIGNING")?)?;
    let access_tokens = AccessTokens::new(signing, "https://id.example", "https://api.example", "app")?;
    Ok(Sessions::builder(keys, SqliteStore::open("sessions.db")?, access_tokens).build()?)
}

/// Yours: against the hashes in your database, and limited in how often it can be asked.
fn password_is_right(username: &str, password: &str) -> bool {
    (username, password) == ("alice", "correct horse battery staple")
}

/// A body with tokens, which no cache may keep.
type Tokens = ([(HeaderName, &'static str); 1], Json<Value>);

fn tokens(body: Value) -> Tokens {
    ([(CACHE_CONTROL, "no-store")], Json(body))
}

/// Any error of pinlatch, as an answer.
struct Failure(Problem);

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let header = |(name, value): (_, String)| Some((HeaderName::from_static(name), value.parse().ok()?));
        let headers: HeaderMap = self.0.headers().filter_map(header).collect();
        (status, headers, self.0.to_json()).into_response()
    }
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
    pin: String,
}

async fn login(State(sessions): State<Sessions>, body: Read<Login>) -> Result<Tokens, Failure> {
    let Json(body) = body.map_err(|_| Problem::bad_request())?;
    let pin = Pin::new(body.pin)?;
    sessions.check_new_pin(&pin)?; // before the password is looked at: then the answer says nothing about it
    if !password_is_right(&body.username, &body.password) {
        return Err(Problem::new(401, "invalid_credentials", "Wrong username or password.").into());
    }
    // Better: the primary key of your users.
    let login = FullLogin::vouched_by_host(Subject::new(body.username)?);
    let issued = sessions.login(login, pin).await?;
    Ok(tokens(json!({"wrapped_token": issued.device_token.as_str()})))
}

#[derive(Deserialize)]
struct Unlock {
    wrapped_token: String,
    pin: String,
}

async fn authorize(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    body: Read<Unlock>,
) -> Result<Tokens, Failure> {
    let Json(body) = body.map_err(|_| Problem::bad_request())?;
    let pin = Pin::new(body.pin)?;
    let context = RequestContext::new().with_ip(client.ip());
    // In a task of its own: axum drops a handler whose client goes away, and the guess would stay charged.
    let unlock = async move { sessions.unlock(&body.wrapped_token, &pin, &context).await };
    let lost = |_| Problem::new(503, "unavailable", "The service is not available; try again.");
    let opened = tokio::spawn(unlock).await.map_err(lost)??;
    Ok(tokens(json!({
        "wrapped_token": opened.device_token.as_str(), // replaces the one that the device has
        "access_token": opened.access_token.as_str(),
        "expires_in": opened.access_token.expires_in().as_secs(),
        "failed_attempts": opened.failed_attempts, // to be shown: were these wrong PINs the user's own,
        "previous_unlock_at": opened.previous_unlock_at.as_secs(), // and this the last time?
    })))
}

async fn me(State(sessions): State<Sessions>, headers: HeaderMap) -> Result<Json<Value>, Failure> {
    let token = headers.get("authorization").and_then(|value| bearer_token(value.as_bytes()));
    let access = sessions.verify(token.unwrap_or_default())?;
    Ok(Json(json!({"subject": access.subject.as_str()})))
}

#[derive(Deserialize)]
struct LogOut {
    wrapped_token: String,
}

async fn log_out(State(sessions): State<Sessions>, body: Read<LogOut>) -> Result<StatusCode, Failure> {
    let Json(body) = body.map_err(|_| Problem::bad_request())?;
    sessions.log_out(&body.wrapped_token).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let router = Router::new()
        .route("/login", post(login))
        .route("/authorize", post(authorize))
        .route("/logout", post(log_out))
        .route("/api/me", get(me))
        .with_state(sessions()?);
    let address = std::env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    let listener = tokio::net::TcpListener::bind(address).await?;
    let stop = async { drop(tokio::signal::ctrl_c().await) }; // and what has begun comes to its end
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    Ok(axum::serve(listener, router).with_graceful_shutdown(stop).await?)
}
