//! Why a one-time code was not sent, or not accepted.

use core::time::Duration;
use std::error::Error;

use crate::limits::LimitError;
use crate::otp::{ChallengeRefused, OtpThrottled};
use crate::store::StoreError;
use crate::time::UnixTime;

/// Why a code was not sent, or not accepted. Texts and sources are for logs; clients are told [`OtpError::code`].
///
/// | variant | `code()` | HTTP | the client |
/// | --- | --- | --- | --- |
/// | `WrongCode` | `otp_wrong`, with the tries that remain | 401 | asks for the code again; with no tries left, starts again |
/// | `Refused` | `otp_ended` | 401 | starts again |
/// | | `bad_request`, for [`ChallengeRefused::NotACode`] | 400 | asks for the code again |
/// | `Throttled` | `otp_throttled` | 429 with `Retry-After` | waits |
/// | `Busy` | `busy` | 503 with `Retry-After` | tries again |
/// | `LimitsUnavailable` | `unavailable` | 503 with `Retry-After` | tries again |
/// | `Store` | `unavailable` or `overloaded` | 503 with `Retry-After` | tries again; if a right code was used up in vain, it hears `otp_ended` then |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OtpError {
    /// Not the code.
    #[error("wrong code")]
    WrongCode {
        /// How many more this challenge takes.
        tries_remaining: u8,
    },
    /// Not a challenge of this service, not for this purpose, or over. Nothing was charged.
    #[error(transparent)]
    Refused(#[from] ChallengeRefused),
    /// Too many messages or wrong codes: of this recipient, or by a limit of the host's.
    #[error("too many messages or wrong codes")]
    Throttled {
        /// When to try again.
        retry_after: Duration,
    },
    /// Too many codes for one challenge at once. Nothing was charged.
    #[error("too many requests at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The host's rate limiter did not answer. Nothing was charged.
    #[error("the rate limiter did not answer")]
    LimitsUnavailable(#[source] Box<dyn Error + Send + Sync>),
    /// The store did not answer. What was charged may stay charged.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl OtpError {
    /// A stable word for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongCode { .. } => "otp_wrong",
            Self::Refused(ChallengeRefused::NotACode) => "bad_request",
            Self::Refused(_) => "otp_ended",
            Self::Throttled { .. } => "otp_throttled",
            Self::Busy { .. } => "busy",
            Self::LimitsUnavailable(_) => "unavailable",
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WrongCode { .. } | Self::Refused(_) => None,
            Self::Throttled { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            Self::LimitsUnavailable(_) => Some(Duration::from_secs(2)),
            Self::Store(error) => Some(error.retry_after()),
        }
    }

    pub(super) const fn until(throttled: OtpThrottled, now: UnixTime) -> Self {
        Self::Throttled { retry_after: now.until(throttled.retry_at) }
    }
}

impl From<LimitError> for OtpError {
    fn from(error: LimitError) -> Self {
        match error {
            LimitError::Reached { retry_after } => Self::Throttled { retry_after },
            LimitError::Unavailable(source) => Self::LimitsUnavailable(source),
        }
    }
}
