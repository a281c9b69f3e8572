//! Log in with a password, come back with a PIN, call an API, log out.

use actix_web::http::StatusCode;
use actix_web::web::{Data, Json, JsonConfig};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, ResponseError, web};
use pinlatch::access_token::bearer_token;
use pinlatch::stores::SqliteStore;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, Problem, RequestContext, Sessions, Subject,
};
use serde::Deserialize;
use serde_json::{Value, json};

type Error = Box<dyn std::error::Error>;

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
fn tokens(body: Value) -> HttpResponse {
    HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(body)
}

/// Any error of pinlatch, as an answer.
#[derive(Debug)]
struct Failure(Problem);

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.code())
    }
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl ResponseError for Failure {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        for header in self.0.headers() {
            response.insert_header(header);
        }
        response.body(self.0.to_json())
    }
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
    pin: String,
}

async fn login(sessions: Data<Sessions>, body: Json<Login>) -> Result<HttpResponse, Failure> {
    let body = body.into_inner();
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
    sessions: Data<Sessions>,
    request: HttpRequest,
    body: Json<Unlock>,
) -> Result<HttpResponse, Failure> {
    let (sessions, body) = (sessions.as_ref().clone(), body.into_inner());
    let pin = Pin::new(body.pin)?;
    let context = match request.peer_addr() {
        Some(client) => RequestContext::new().with_ip(client.ip()),
        None => RequestContext::new(),
    };
    // In a task of its own: actix drops a handler whose client goes away, and the guess would stay charged.
    let unlock = async move { sessions.unlock(&body.wrapped_token, &pin, &context).await };
    let lost = |_| Problem::new(503, "unavailable", "The service is not available; try again.");
    let opened = actix_web::rt::spawn(unlock).await.map_err(lost)??;
    Ok(tokens(json!({
        "wrapped_token": opened.device_token.as_str(), // replaces the one that the device has
        "access_token": opened.access_token.as_str(),
        "expires_in": opened.access_token.expires_in().as_secs(),
        "failed_attempts": opened.failed_attempts, // to be shown: were these wrong PINs the user's own,
        "previous_unlock_at": opened.previous_unlock_at.as_secs(), // and this the last time?
    })))
}

async fn me(sessions: Data<Sessions>, request: HttpRequest) -> Result<Json<Value>, Failure> {
    let token = request.headers().get("authorization").and_then(|value| bearer_token(value.as_bytes()));
    let access = sessions.verify(token.unwrap_or_default())?;
    Ok(Json(json!({"subject": access.subject.as_str()})))
}

#[derive(Deserialize)]
struct LogOut {
    wrapped_token: String,
}

async fn log_out(sessions: Data<Sessions>, body: Json<LogOut>) -> Result<HttpResponse, Failure> {
    sessions.log_out(&body.wrapped_token).await?;
    Ok(HttpResponse::NoContent().finish())
}

#[actix_web::main]
async fn main() -> Result<(), Error> {
    let sessions = sessions()?;
    let app = move || {
        App::new()
            .app_data(Data::new(sessions.clone()))
            .app_data(JsonConfig::default().error_handler(|_, _| Failure(Problem::bad_request()).into()))
            .route("/login", web::post().to(login))
            .route("/authorize", web::post().to(authorize))
            .route("/logout", web::post().to(log_out))
            .route("/api/me", web::get().to(me))
    };
    let address = std::env::var("ADDR").unwrap_or_else(|_| "127.0.0.1:3000".to_owned());
    HttpServer::new(app).bind(address)?.run().await?;
    Ok(())
}
