//! Errors as `application/problem+json` (RFC 9457) with a stable `code`.

use std::time::Duration;

use axum::Json;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use pinlatch::permission::Denial;
use pinlatch::pin::WeakPin;
use pinlatch::proof::ProofError;
use pinlatch::store::StoreError;
use pinlatch::{ChangePinError, LiveAccessError, LoginError, OtpError, RenewError, RequestError, UnlockError};
use serde_json::{Map, Value, json};

/// What went wrong, for the client.
pub(crate) struct Problem {
    code: &'static str,
    detail: Map<String, Value>,
    retry_after: Option<Duration>,
}

impl Problem {
    pub(crate) fn new(code: &'static str) -> Self {
        Self { code, detail: Map::new(), retry_after: None }
    }

    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.into(), value.into());
        self
    }

    fn after(self, retry_after: Option<Duration>) -> Self {
        Self { retry_after, ..self }
    }

    /// Why a session may not be used now, and from when on it may.
    fn because(self, denial: Denial) -> Self {
        match denial {
            Denial::OutsideHours { opens: Some(opens) } => self.with("opens", opens.as_secs()),
            Denial::Criterion { reason, retry_at: Some(at) } => {
                self.with("reason", reason).with("retry_at", at.as_secs())
            }
            Denial::Criterion { reason, .. } | Denial::LogInAgain { reason } => self.with("reason", reason),
            _ => self,
        }
    }

    /// The status and the constant text of a code.
    fn meaning(&self) -> (StatusCode, &'static str) {
        match self.code {
            "bad_request" => (StatusCode::BAD_REQUEST, "The request is not what this call takes."),
            "busy" => (StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once; try again."),
            "denied" => (StatusCode::FORBIDDEN, "Not from here."),
            "invalid_credentials" => (StatusCode::UNAUTHORIZED, "Wrong username or password."),
            "invalid_proof" => (StatusCode::UNAUTHORIZED, "The signature of the request is not valid."),
            "invalid_token" => (StatusCode::UNAUTHORIZED, "The access token is not valid."),
            "invalid_wrapped_token" => (StatusCode::BAD_REQUEST, "The wrapped token is not valid; log in."),
            "log_in_again" => (StatusCode::UNAUTHORIZED, "From here a PIN is not enough; log in."),
            "locked_out" => (StatusCode::UNAUTHORIZED, "Too many wrong PINs; log in."),
            "not_found" => (StatusCode::NOT_FOUND, "There is nothing here."),
            "otp_ended" => {
                (StatusCode::UNAUTHORIZED, "The code is used, too old, or was tried too often; start again.")
            }
            "otp_throttled" => (StatusCode::TOO_MANY_REQUESTS, "Too many messages or wrong codes; wait."),
            "otp_wrong" => (StatusCode::UNAUTHORIZED, "Wrong code."),
            "outside_hours" => (StatusCode::FORBIDDEN, "Outside the hours of use."),
            "overloaded" => (StatusCode::SERVICE_UNAVAILABLE, "There is no room for more; try again."),
            "pin_required" => (StatusCode::UNAUTHORIZED, "The session must be unlocked with its PIN."),
            "replayed" => (StatusCode::CONFLICT, "The request came before."),
            "session_ended" => (StatusCode::UNAUTHORIZED, "The session has ended; log in."),
            "superseded" => (StatusCode::CONFLICT, "A newer wrapped token was handed out; use that one."),
            "throttled" => (StatusCode::TOO_MANY_REQUESTS, "Too many wrong PINs; wait."),
            "token_reused" => (StatusCode::UNAUTHORIZED, "An old wrapped token was used again; log in."),
            "unknown_sealing_key" => {
                (StatusCode::UNPROCESSABLE_ENTITY, "Sealed for a key that this server does not have; ask for its keys.")
            }
            "weak_pin" => (StatusCode::UNPROCESSABLE_ENTITY, "The PIN is too easy to guess; choose another."),
            "wrong_pin" => (StatusCode::UNAUTHORIZED, "Wrong PIN."),
            _ => (StatusCode::SERVICE_UNAVAILABLE, "The service is not available; try again."),
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let (status, title) = self.meaning();
        let mut body = json!({"type": "about:blank", "title": title, "status": status.as_u16(), "code": self.code});
        if let Value::Object(members) = &mut body {
            members.extend(self.detail);
        }
        let mut response = (status, Json(body)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        if self.code == "invalid_token" {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer error=\"invalid_token\""));
        }
        if let Some(retry_after) = self.retry_after {
            // Rounded up: a client that comes back at that second is not refused again.
            let secs = retry_after.as_millis().div_ceil(1000);
            headers.insert(RETRY_AFTER, HeaderValue::from(u64::try_from(secs).unwrap_or(u64::MAX)));
        }
        response
    }
}

/// Keeps the source for the log. The answer has none of it.
fn log(error: &StoreError) {
    tracing::error!(error = error as &dyn std::error::Error, "store");
}

fn weak(pin: WeakPin) -> Problem {
    Problem::new("weak_pin").with("reason", pin.reason())
}

impl From<LoginError> for Problem {
    fn from(error: LoginError) -> Self {
        match &error {
            LoginError::WeakPin(pin) => weak(*pin),
            other => {
                if let LoginError::Store(source) = other {
                    log(source);
                }
                Self::new(error.code()).after(error.retry_after())
            }
        }
    }
}

impl From<UnlockError> for Problem {
    fn from(error: UnlockError) -> Self {
        let problem = Self::new(error.code()).after(error.retry_after());
        match error {
            UnlockError::WrongPin { attempts_remaining, .. } => problem.with("attempts_remaining", attempts_remaining),
            UnlockError::Denied(denial) => problem.because(denial),
            UnlockError::Store(source) => {
                log(&source);
                problem
            }
            _ => problem,
        }
    }
}

impl From<ChangePinError> for Problem {
    fn from(error: ChangePinError) -> Self {
        match error {
            ChangePinError::WeakPin(pin) => weak(pin),
            ChangePinError::Unlock(error) => error.into(),
            other => Self::new(other.code()).after(other.retry_after()),
        }
    }
}

impl From<LiveAccessError> for Problem {
    fn from(error: LiveAccessError) -> Self {
        if let LiveAccessError::Store(source) = &error {
            log(source);
        }
        Self::new(error.code()).after(error.retry_after())
    }
}

impl From<ProofError> for Problem {
    fn from(error: ProofError) -> Self {
        tracing::info!(%error, "signed request");
        let problem = Self::new(error.code());
        match error {
            // What an honest client can do something about.
            ProofError::Stale | ProofError::FromTheFuture => problem.with("reason", "clock"),
            _ => problem,
        }
    }
}

impl From<RequestError> for Problem {
    fn from(error: RequestError) -> Self {
        match &error {
            RequestError::Proof(proof) => return (*proof).into(),
            RequestError::Store(source) => log(source),
            _ => {}
        }
        Self::new(error.code()).after(error.retry_after())
    }
}

impl From<RenewError> for Problem {
    fn from(error: RenewError) -> Self {
        let problem = Self::new(error.code()).after(error.retry_after());
        match error {
            RenewError::Denied(denial) => problem.because(denial),
            RenewError::Store(source) => {
                log(&source);
                problem
            }
            _ => problem,
        }
    }
}

impl From<OtpError> for Problem {
    fn from(error: OtpError) -> Self {
        let problem = Self::new(error.code()).after(error.retry_after());
        match error {
            OtpError::WrongCode { tries_remaining } => problem.with("tries_remaining", tries_remaining),
            OtpError::Store(source) => {
                log(&source);
                problem
            }
            _ => problem,
        }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        log(&error);
        Self::new(error.code()).after(Some(error.retry_after()))
    }
}
