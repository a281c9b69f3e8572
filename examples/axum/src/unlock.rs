//! Opening sessions, and changing what opens them.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, State};
use axum::http::StatusCode;
use axum::response::Response;
use pinlatch::client::PlainToken;
use pinlatch::{ByPin, ByToken, Sessions, UnlockedSession, WrappedToken};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::api::{Body, answer, context, to_the_end};
use crate::begin::PinText;
use crate::problem::Problem;

/// What a client comes with.
#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum Opening {
    /// What the device keeps, and the PIN.
    Pin { wrapped_token: String, pin: PinText },
    /// What the client has unwrapped itself.
    Token { session_token: String },
}

pub(crate) async fn authorize(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(opening): Body<Opening>,
) -> Result<Response, Problem> {
    let unlock = async move {
        match opening {
            Opening::Pin { wrapped_token, pin } => {
                let opened = sessions.unlock(&wrapped_token, &pin.0, &context(client)).await?;
                unlocked(&sessions, &opened, by_pin(&opened.device_token))
            }
            Opening::Token { session_token } => {
                let opened = sessions.unlock_token(&session_token, &context(client)).await?;
                unlocked(&sessions, &opened, by_token(&opened.device_token))
            }
        }
    };
    Ok(answer(StatusCode::OK, to_the_end(unlock).await??))
}

/// One access token for all routes, the key to sign with where they ask for it, and the next token for the device.
fn unlocked<T>(sessions: &Sessions, opened: &UnlockedSession<T>, next: Value) -> Result<Value, Problem> {
    let bound = sessions.mint_bound(&opened.grant, &()).map_err(|_| Problem::new("unavailable"))?;
    let mut body = json!({
        "session_id": bound.session_id.to_string(),
        "access_token": bound.access_token.as_str(),
        "token_type": "Bearer",
        "expires_in": bound.access_token.expires_in().as_secs(),
        "request_key": *bound.request_key.to_text(),
        "failed_attempts": opened.failed_attempts,
    });
    merge(&mut body, next);
    Ok(body)
}

fn merge(body: &mut Value, more: Value) {
    if let (Value::Object(body), Value::Object(more)) = (body, more) {
        body.extend(more);
    }
}

fn by_pin(token: &WrappedToken) -> Value {
    json!({"wrapped_token": token.as_str()})
}

fn by_token(token: &PlainToken) -> Value {
    json!({"session_token": token.expose_secret()})
}

#[derive(Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(crate) enum ChangePin {
    /// The server sees the old PIN and the new one.
    Pin { wrapped_token: String, pin: PinText, new_pin: PinText },
    /// The client wraps the answer under a PIN that it has chosen.
    Token { session_token: String },
}

pub(crate) async fn change_pin(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(change): Body<ChangePin>,
) -> Result<Response, Problem> {
    let change = async move {
        Ok::<_, Problem>(match change {
            ChangePin::Pin { wrapped_token, pin, new_pin } => {
                by_pin(&sessions.change_pin(&wrapped_token, &pin.0, new_pin.0, &context(client)).await?)
            }
            ChangePin::Token { session_token } => {
                by_token(&sessions.change_client_pin(&session_token, &context(client)).await?)
            }
        })
    };
    Ok(answer(StatusCode::OK, to_the_end(change).await??))
}

/// Another way in: a token for the client to wrap under a key of its platform.
pub(crate) async fn add_device_key(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(opening): Body<Opening>,
) -> Result<Response, Problem> {
    let add = async move {
        let (mut body, key) = match opening {
            Opening::Pin { wrapped_token, pin } => {
                let opener = ByPin { wrapped_token: &wrapped_token, pin: &pin.0 };
                let added = sessions.add_device_key(opener, &context(client)).await?;
                let next = by_pin(&added.opened.device_token);
                (unlocked(&sessions, &added.opened, next)?, added.device_key_token)
            }
            Opening::Token { session_token } => {
                let opener = ByToken { session_token: &session_token };
                let added = sessions.add_device_key(opener, &context(client)).await?;
                let next = by_token(&added.opened.device_token);
                (unlocked(&sessions, &added.opened, next)?, added.device_key_token)
            }
        };
        merge(&mut body, json!({"device_key_token": key.expose_secret()}));
        Ok::<_, Problem>(body)
    };
    Ok(answer(StatusCode::OK, to_the_end(add).await??))
}

pub(crate) async fn remove_device_key(
    State(sessions): State<Sessions>,
    ConnectInfo(client): ConnectInfo<SocketAddr>,
    Body(opening): Body<Opening>,
) -> Result<Response, Problem> {
    let remove = async move {
        match opening {
            Opening::Pin { wrapped_token, pin } => {
                let opener = ByPin { wrapped_token: &wrapped_token, pin: &pin.0 };
                let opened = sessions.remove_device_key(opener, &context(client)).await?;
                unlocked(&sessions, &opened, by_pin(&opened.device_token))
            }
            Opening::Token { session_token } => {
                let opener = ByToken { session_token: &session_token };
                let opened = sessions.remove_device_key(opener, &context(client)).await?;
                unlocked(&sessions, &opened, by_token(&opened.device_token))
            }
        }
    };
    Ok(answer(StatusCode::OK, to_the_end(remove).await??))
}
