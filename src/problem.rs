//! Errors as clients are told them: problem details (RFC 9457) with a stable code.
//!
//! | code | status | members | the client |
//! | --- | --- | --- | --- |
//! | `bad_request` | 400 | `reason`, if it is `pin_length` or `not_a_code` | asks again, with such a reason; else it has made a mistake |
//! | `invalid_wrapped_token` | 400 | | forgets what it keeps, and asks for a login |
//! | `session_ended`, `token_reused`, `locked_out` | 401 | | the same, and says why |
//! | `log_in_again` | 401 | `reason` | the same, and says why |
//! | `wrong_pin` | 401 | `attempts_remaining` | asks again |
//! | `device_key_ended` | 401 | | forgets the token under the device's key, and asks for the PIN |
//! | `pin_required` | 401 | | asks for the PIN |
//! | `superseded` | 409 | | reads its storage again, and retries once with what is there |
//! | `throttled` | 429 | | counts down |
//! | `weak_pin` | 422 | `reason`; `min`, characters, if it is `too_short` | asks for another new PIN |
//! | `outside_hours` | 403 | `opens`, if it ever does | says when to come back |
//! | `denied` | 403 | `reason`; `retry_at`, if that helps | says why |
//! | `invalid_token` | 401 | | asks for the PIN |
//! | `invalid_proof` | 401 | `reason`, if it is `clock` | signs anew, or sets its clock |
//! | `replayed` | 409 | | signs anew what may happen twice |
//! | `otp_wrong` | 401 | `tries_remaining` | asks for the code again |
//! | `otp_ended` | 401 | | asks for another code |
//! | `otp_throttled` | 429 | | counts down |
//! | `unknown_sealing_key`, `stale_seal` | 422 | | asks the server for its keys and the time, and seals anew, once |
//! | `busy`, `overloaded`, `unavailable` | 503 | | tries again later |
//!
//! Where there is a time to wait, it stands in the header `Retry-After` and in the member `retry_after`, in whole
//! seconds. `opens` and `retry_at` are instants, in whole seconds since 1970. [`NextStep`](crate::client::NextStep) is
//! the last column for clients in Rust; it sees no `reason`, so look at that of a `bad_request` first.

use core::time::Duration;

use crate::access_token::AccessTokenError;
use crate::id::NameError;
use crate::otp::NotACode;
use crate::permission::Denial;
use crate::pin::{PinLengthError, WeakPin};
use crate::proof::ProofError;
use crate::renew::RenewalRefused;
use crate::situation::PositionError;
use crate::store::StoreError;

/// What a client is told about an error. Made from each error that a request or the store can cause; the error itself,
/// with its source, is for logs.
///
/// ```
/// use pinlatch::Problem;
/// use pinlatch::pin::WeakPin;
///
/// let problem = Problem::from(&WeakPin::Repeated);
/// assert_eq!((problem.status(), problem.code()), (422, "weak_pin"));
/// assert!(problem.to_json().contains(r#""reason":"repeated""#));
/// // A host has problems of its own.
/// let problem = Problem::new(401, "invalid_credentials", "Wrong username or password.");
/// # assert_eq!(problem.status(), 401);
/// ```
#[derive(Clone, Debug)]
pub struct Problem {
    status: u16,
    code: &'static str,
    title: &'static str,
    members: Vec<(&'static str, Member)>,
    retry_after: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
enum Member {
    Word(&'static str),
    Number(u64),
}

impl Problem {
    /// The content type of the body.
    pub const CONTENT_TYPE: &'static str = "application/problem+json";

    /// One of the host's own: an HTTP status, a stable code, and a sentence for developers.
    #[must_use]
    pub const fn new(status: u16, code: &'static str, title: &'static str) -> Self {
        Self { status, code, title, members: Vec::new(), retry_after: None }
    }

    /// The request is not what the call takes.
    #[must_use]
    pub const fn bad_request() -> Self {
        Self::of("bad_request")
    }

    /// Of a code that the table has.
    pub(crate) const fn of(code: &'static str) -> Self {
        let (status, title) = meaning(code);
        Self::new(status, code, title)
    }

    pub(crate) fn number(mut self, name: &'static str, value: u64) -> Self {
        self.members.push((name, Member::Number(value)));
        self
    }

    pub(crate) fn word(mut self, name: &'static str, value: &'static str) -> Self {
        self.members.push((name, Member::Word(value)));
        self
    }

    pub(crate) const fn after(mut self, retry_after: Option<Duration>) -> Self {
        self.retry_after = retry_after;
        self
    }

    /// With a time to wait: in the header `Retry-After` and in the body.
    #[must_use]
    pub const fn with_retry_after(self, wait: Duration) -> Self {
        self.after(Some(wait))
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The stable word.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// How long to wait, in seconds, rounded up: who comes back then is not refused again for that.
    #[must_use]
    pub fn retry_after_secs(&self) -> Option<u64> {
        self.retry_after.map(|wait| u64::try_from(wait.as_millis().div_ceil(1000)).unwrap_or(u64::MAX))
    }

    /// The headers of the answer: `content-type`, `cache-control`, and where they are called for `retry-after` and
    /// `www-authenticate` (RFC 6750).
    pub fn headers(&self) -> impl Iterator<Item = (&'static str, String)> + use<> {
        let fixed = [("content-type", Self::CONTENT_TYPE.to_owned()), ("cache-control", "no-store".to_owned())];
        let retry_after = self.retry_after_secs().map(|secs| ("retry-after", secs.to_string()));
        let bearer =
            (self.code == "invalid_token").then(|| ("www-authenticate", "Bearer error=\"invalid_token\"".to_owned()));
        fixed.into_iter().chain(retry_after).chain(bearer)
    }

    /// The body of the answer.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut body = serde_json::Map::new();
        body.insert("type".to_owned(), "about:blank".into());
        body.insert("title".to_owned(), self.title.into());
        body.insert("status".to_owned(), self.status.into());
        body.insert("code".to_owned(), self.code.into());
        for (name, member) in &self.members {
            let value = match member {
                Member::Word(word) => (*word).into(),
                Member::Number(number) => (*number).into(),
            };
            body.insert((*name).to_owned(), value);
        }
        if let Some(secs) = self.retry_after_secs() {
            body.insert("retry_after".to_owned(), secs.into());
        }
        serde_json::Value::Object(body).to_string()
    }
}

/// The status of a code, and a sentence about it.
const fn meaning(code: &'static str) -> (u16, &'static str) {
    match code.as_bytes() {
        b"bad_request" => (400, "The request is not what this call takes."),
        b"invalid_wrapped_token" => (400, "The wrapped token is not valid; log in."),
        b"device_key_ended" => (401, "The key of the device opens the session no more; enter the PIN."),
        b"invalid_proof" => (401, "The signature of the request is not valid."),
        b"invalid_token" => (401, "The access token is not valid."),
        b"locked_out" => (401, "Too many wrong PINs; log in."),
        b"log_in_again" => (401, "From here a PIN is not enough; log in."),
        b"otp_ended" => (401, "The code is used, too old, or was tried too often; start again."),
        b"otp_wrong" => (401, "Wrong code."),
        b"pin_required" => (401, "The session must be unlocked with its PIN."),
        b"session_ended" => (401, "The session has ended; log in."),
        b"token_reused" => (401, "An old wrapped token was used again; log in."),
        b"wrong_pin" => (401, "Wrong PIN."),
        b"denied" => (403, "Not allowed here, or not now."),
        b"outside_hours" => (403, "Outside the hours of use."),
        b"replayed" => (409, "The request came before."),
        b"superseded" => (409, "A newer wrapped token was handed out; use that one."),
        b"unknown_sealing_key" => (422, "Sealed for a key that this server does not have; ask for its keys."),
        b"stale_seal" => (422, "Sealed at another time; ask for the time."),
        b"weak_pin" => (422, "The PIN is too easy to guess; choose another."),
        b"otp_throttled" => (429, "Too many messages or wrong codes; wait."),
        b"throttled" => (429, "Too many wrong PINs; wait."),
        b"busy" => (503, "Too many requests at once; try again."),
        b"overloaded" => (503, "There is no room for more; try again."),
        _ => (503, "The service is not available; try again."),
    }
}

/// From an error, by value and by reference. By value it is for `?`; whoever logs sources keeps the error.
macro_rules! from_error {
    ($($error:ty: |$name:ident| $problem:expr;)*) => {$(
        impl From<&$error> for $crate::problem::Problem {
            fn from($name: &$error) -> Self {
                $problem
            }
        }

        impl From<$error> for $crate::problem::Problem {
            fn from(error: $error) -> Self {
                Self::from(&error)
            }
        }
    )*};
}

#[cfg(feature = "service")]
pub(crate) use from_error;

from_error! {
    AccessTokenError: |error| Problem::of(error.code());
    Denial: |denial| {
        let problem = Problem::of(denial.code());
        match *denial {
            Denial::OutsideHours { opens: Some(opens) } => problem.number("opens", opens.as_secs()),
            Denial::OutsideHours { opens: None } => problem,
            Denial::Criterion { reason, retry_at: Some(at) } => {
                problem.word("reason", reason).number("retry_at", at.as_secs())
            }
            Denial::Criterion { reason, retry_at: None } | Denial::LogInAgain { reason } => {
                problem.word("reason", reason)
            }
        }
    };
    ProofError: |error| {
        let problem = Problem::of(error.code());
        match error {
            // What an honest client can do something about.
            ProofError::Stale | ProofError::FromTheFuture => problem.word("reason", "clock"),
            _ => problem,
        }
    };
    RenewalRefused: |error| Problem::of(error.code());
    StoreError: |error| Problem::of(error.code()).after(Some(error.retry_after()));
    NameError: |_error| Problem::bad_request();
    NotACode: |_error| Problem::bad_request().word("reason", "not_a_code");
    PinLengthError: |_error| Problem::bad_request().word("reason", "pin_length");
    PositionError: |_error| Problem::bad_request();
    WeakPin: |weak| {
        let problem = Problem::of("weak_pin").word("reason", weak.reason());
        match weak {
            WeakPin::TooShort { min } => problem.number("min", u64::from(*min)),
            _ => problem,
        }
    };
}

#[cfg(feature = "sealed")]
from_error! {
    crate::sealed::UnsealError: |error| Problem::of(error.code());
}
