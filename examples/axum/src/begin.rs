//! Beginning sessions: with a password, for a PIN that the server sees or for one that never leaves the device.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::Response;
use pinlatch::{DeviceLabel, FullLogin, LoginError, Pin, SessionId, Sessions};
use serde::Deserialize;
use serde_json::json;

use crate::api::{Body, answer, context, to_the_end};
use crate::problem::Problem;
use crate::users;

#[derive(Deserialize)]
pub(crate) struct Login {
    username: String,
    password: String,
    #[serde(flatten)]
    lock: NewLock,
}

/// What a new session is locked with.
#[derive(Deserialize)]
pub(crate) struct NewLock {
    pin: Option<PinText>,
    wrap: Option<Wrap>,
    device: Option<String>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Wrap {
    /// The server wraps the token under the PIN in the request.
    Server,
    /// The client wraps it, and says no PIN.
    Client,
}

/// A PIN in a body: text, between 4 and 64 bytes.
#[derive(Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PinText(pub(crate) Pin);

impl TryFrom<String> for PinText {
    type Error = pinlatch::pin::PinLengthError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Pin::new(text).map(Self)
    }
}

/// A lock whose PIN, if the server is to know one, is good enough.
pub(crate) struct AcceptedLock {
    pin: Option<Pin>,
    label: Option<DeviceLabel>,
}

impl NewLock {
    /// Whatever is wrong with it is said before the credentials are looked at, so it says nothing about them.
    pub(crate) fn accept(self, sessions: &Sessions) -> Result<AcceptedLock, Problem> {
        let pin = match (self.wrap.unwrap_or(Wrap::Server), self.pin) {
            (Wrap::Server, Some(PinText(pin))) => Some(pin),
            (Wrap::Client, None) => None,
            _ => return Err(Problem::new("bad_request")),
        };
        pin.iter().try_for_each(|pin| sessions.check_new_pin(pin))?;
        let label = self.device.map(DeviceLabel::new).transpose().map_err(|_| Problem::new("bad_request"))?;
        Ok(AcceptedLock { pin, label })
    }
}

pub(crate) async fn login(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(body): Body<Login>,
) -> Result<Response, Problem> {
    let lock = body.lock.accept(&sessions)?;
    let login = users::check(&body.username, &body.password).ok_or_else(|| Problem::new("invalid_credentials"))?;
    let login = login.with_request(context(client));
    to_the_end(async move { begin(&sessions, login, lock).await }).await?
}

/// Begins the session. The evidence may have cost its user a code, so a busy moment must not cost another one.
pub(crate) async fn begin(sessions: &Sessions, login: FullLogin, lock: AcceptedLock) -> Result<Response, Problem> {
    const TRIES: usize = 5;
    let mut login = login.with_label(lock.label);
    let Some(pin) = lock.pin else {
        let begun = sessions.login_client(login).await?;
        return Ok(created(begun.session_id, "session_token", begun.device_token.expose_secret()));
    };
    for _ in 1..TRIES {
        match sessions.login(login, pin.clone()).await {
            Err(LoginError::Busy { login: Some(again), .. }) => login = *again,
            begun => {
                let begun = begun?;
                return Ok(created(begun.session_id, "wrapped_token", begun.device_token.as_str()));
            }
        }
    }
    let begun = sessions.login(login, pin).await?;
    Ok(created(begun.session_id, "wrapped_token", begun.device_token.as_str()))
}

fn created(session_id: SessionId, name: &str, token: &str) -> Response {
    answer(StatusCode::CREATED, json!({"session_id": session_id.to_string(), name: token}))
}
