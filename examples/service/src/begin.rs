//! Beginning sessions: with a password, for a PIN that the server sees or for one that never leaves the device.

use pinlatch::{DeviceLabel, FullLogin, LoginError, Pin, Problem, RequestContext, SessionId};
use serde::Deserialize;
use serde_json::json;

use crate::problem::{invalid_credentials, tell};
use crate::{Answer, Outcome, Service, to_the_end, users};

#[derive(Debug, Deserialize)]
pub struct Login {
    username: String,
    password: String,
    #[serde(flatten)]
    lock: NewLock,
}

/// What a new session is locked with.
#[derive(Debug, Deserialize)]
pub(crate) struct NewLock {
    pin: Option<PinText>,
    wrap: Option<Wrap>,
    device: Option<String>,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Wrap {
    /// The server wraps the token under the PIN in the request.
    Server,
    /// The client wraps it, and says no PIN.
    Client,
}

/// A PIN in a body: text, between 4 and 64 bytes.
#[derive(Debug, Deserialize)]
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

impl Service {
    pub async fn login(&self, body: Login, context: RequestContext) -> Outcome {
        let lock = self.accept(body.lock)?;
        let login = users::check(&body.username, &body.password).ok_or_else(invalid_credentials)?;
        let (service, login) = (self.clone(), login.with_request(context));
        to_the_end(async move { service.begin(login, lock).await }).await?
    }

    /// Whatever is wrong with a lock is said before the credentials are looked at, so it says nothing about them.
    pub(crate) fn accept(&self, lock: NewLock) -> Result<AcceptedLock, Problem> {
        let pin = match (lock.wrap.unwrap_or(Wrap::Server), lock.pin) {
            (Wrap::Server, Some(PinText(pin))) => Some(pin),
            (Wrap::Client, None) => None,
            _ => return Err(Problem::bad_request()),
        };
        pin.iter().try_for_each(|pin| self.0.sessions.check_new_pin(pin))?;
        let label = lock.device.map(DeviceLabel::new).transpose().map_err(|_| Problem::bad_request())?;
        Ok(AcceptedLock { pin, label })
    }

    /// Begins the session. The evidence may have cost its user a code, so a busy moment must not cost another one.
    pub(crate) async fn begin(&self, login: FullLogin, lock: AcceptedLock) -> Outcome {
        const TRIES: usize = 5;
        let sessions = &self.0.sessions;
        let mut login = login.with_label(lock.label);
        let Some(pin) = lock.pin else {
            let begun = sessions.login_client(login).await.map_err(tell)?;
            return Ok(created(begun.session_id, "session_token", begun.device_token.expose_secret()));
        };
        for _ in 1..TRIES {
            match sessions.login(login, pin.clone()).await {
                Err(LoginError::Busy { login: Some(again), .. }) => login = *again,
                begun => {
                    let begun = begun.map_err(tell)?;
                    return Ok(created(begun.session_id, "wrapped_token", begun.device_token.as_str()));
                }
            }
        }
        let begun = sessions.login(login, pin).await.map_err(tell)?;
        Ok(created(begun.session_id, "wrapped_token", begun.device_token.as_str()))
    }
}

fn created(session_id: SessionId, name: &str, token: &str) -> Answer {
    Answer::json(201, &json!({"session_id": session_id.to_string(), name: token}))
}
