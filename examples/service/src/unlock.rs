//! Opening sessions, and changing what opens them.

use pinlatch::client::PlainToken;
use pinlatch::{ByPin, ByToken, Problem, RequestContext, UnixTime, UnlockedSession, WrappedToken};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::begin::PinText;
use crate::problem::{tell, unavailable};
use crate::{Answer, Outcome, Service, to_the_end};

/// What a client comes with.
#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Opening {
    /// What the device keeps, and the PIN.
    #[expect(private_interfaces, reason = "made by reading a body")]
    Pin { wrapped_token: String, pin: PinText },
    /// What the client has unwrapped itself.
    Token { session_token: String },
}

#[derive(Debug, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum ChangePin {
    /// The server sees the old PIN and the new one.
    #[expect(private_interfaces, reason = "made by reading a body")]
    Pin { wrapped_token: String, pin: PinText, new_pin: PinText },
    /// The client wraps the answer under a PIN that it has chosen.
    Token { session_token: String },
}

impl Service {
    pub async fn authorize(&self, opening: Opening, context: RequestContext) -> Outcome {
        let service = self.clone();
        let unlock = async move {
            let sessions = &service.0.sessions;
            match opening {
                Opening::Pin { wrapped_token, pin } => {
                    let opened = sessions.unlock(&wrapped_token, &pin.0, &context).await.map_err(tell)?;
                    service.unlocked(&opened, by_pin(&opened.device_token))
                }
                Opening::Token { session_token } => {
                    let opened = sessions.unlock_token(&session_token, &context).await.map_err(tell)?;
                    service.unlocked(&opened, by_token(&opened.device_token))
                }
            }
        };
        Ok(Answer::json(200, &to_the_end(unlock).await??))
    }

    pub async fn change_pin(&self, change: ChangePin, context: RequestContext) -> Outcome {
        let service = self.clone();
        let change = async move {
            let sessions = &service.0.sessions;
            Ok::<_, Problem>(match change {
                ChangePin::Pin { wrapped_token, pin, new_pin } => {
                    let next = sessions.change_pin(&wrapped_token, &pin.0, new_pin.0, &context).await;
                    by_pin(&next.map_err(tell)?)
                }
                ChangePin::Token { session_token } => {
                    by_token(&sessions.change_client_pin(&session_token, &context).await.map_err(tell)?)
                }
            })
        };
        Ok(Answer::json(200, &to_the_end(change).await??))
    }

    /// Another way in: a token for the client to wrap under a key of its platform.
    pub async fn add_device_key(&self, opening: Opening, context: RequestContext) -> Outcome {
        let service = self.clone();
        let add = async move {
            let sessions = &service.0.sessions;
            let (mut body, key) = match opening {
                Opening::Pin { wrapped_token, pin } => {
                    let opener = ByPin { wrapped_token: &wrapped_token, pin: &pin.0 };
                    let added = sessions.add_device_key(opener, &context).await.map_err(tell)?;
                    let next = by_pin(&added.opened.device_token);
                    (service.unlocked(&added.opened, next)?, added.device_key_token)
                }
                Opening::Token { session_token } => {
                    let opener = ByToken { session_token: &session_token };
                    let added = sessions.add_device_key(opener, &context).await.map_err(tell)?;
                    let next = by_token(&added.opened.device_token);
                    (service.unlocked(&added.opened, next)?, added.device_key_token)
                }
            };
            merge(&mut body, json!({"device_key_token": key.expose_secret()}));
            Ok::<_, Problem>(body)
        };
        Ok(Answer::json(200, &to_the_end(add).await??))
    }

    pub async fn remove_device_key(&self, opening: Opening, context: RequestContext) -> Outcome {
        let service = self.clone();
        let remove = async move {
            let sessions = &service.0.sessions;
            match opening {
                Opening::Pin { wrapped_token, pin } => {
                    let opener = ByPin { wrapped_token: &wrapped_token, pin: &pin.0 };
                    let opened = sessions.remove_device_key(opener, &context).await.map_err(tell)?;
                    service.unlocked(&opened, by_pin(&opened.device_token))
                }
                Opening::Token { session_token } => {
                    let opener = ByToken { session_token: &session_token };
                    let opened = sessions.remove_device_key(opener, &context).await.map_err(tell)?;
                    service.unlocked(&opened, by_token(&opened.device_token))
                }
            }
        };
        Ok(Answer::json(200, &to_the_end(remove).await??))
    }

    /// One access token for all routes, the key to sign with where they ask for it, and the next token for the device.
    fn unlocked<T>(&self, opened: &UnlockedSession<T>, next: Value) -> Result<Value, Problem> {
        let bound = self.0.sessions.mint_bound(&opened.grant, &()).map_err(|_| unavailable())?;
        let mut body = json!({
            "session_id": bound.session_id.to_string(),
            "access_token": bound.access_token.as_str(),
            "token_type": "Bearer",
            "expires_in": bound.access_token.expires_in().as_secs(),
            "request_key": *bound.request_key.to_text(),
            "failed_attempts": opened.failed_attempts,
            "previous_unlock_at": opened.previous_unlock_at.as_secs(),
            "device_key_since": opened.device_key_since.map(UnixTime::as_secs),
        });
        merge(&mut body, next);
        Ok(body)
    }
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
