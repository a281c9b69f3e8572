//! What can stand between a user and an opened session.

use core::time::Duration;

use crate::permission::Denial;
use crate::pin::WeakPin;
use crate::store::StoreError;

/// Why a session was not opened, and what to do. Texts and sources are for logs; clients are told
/// [`UnlockError::code`].
///
/// | variant | `code()` | HTTP | the client |
/// | --- | --- | --- | --- |
/// | `Invalid` | `invalid_wrapped_token` | 400 | forgets the wrapped token and asks for a login |
/// | `Superseded` | `superseded` | 409 | reads its storage again and retries once with what is there |
/// | `SessionEnded` | `session_ended` | 401 | forgets, asks for a login |
/// | `Reused` | `token_reused` | 401 | forgets, asks for a login, says why |
/// | `WrongPin` | `wrong_pin` | 401 | asks again; `Retry-After` if there is a wait |
/// | `Throttled` | `throttled` | 429 with `Retry-After` | counts down |
/// | `LockedOut` | `locked_out` | 401 | forgets, asks for a login |
/// | `DeviceKeyEnded` | `device_key_ended` | 401 | forgets the token under the device's key, asks for the PIN |
/// | `PinRequired` | `pin_required` | 401 | asks for the PIN |
/// | `Denied` | `outside_hours` | 403 | says when it opens |
/// | | `denied` | 403 | says why, and from when on it may be allowed |
/// | | `log_in_again` | 401 | forgets, asks for a login, says why |
/// | `Busy` | `busy` | 503 with `Retry-After` | retries |
/// | `Store` | `unavailable` or `overloaded` | 503 with `Retry-After` | retries |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// Not a wrapped token of this service (nor a session token that a client has unwrapped), damaged, or made under a
    /// pepper that is below `min_id` or not on this server. Log in.
    #[error("not a wrapped token of this service")]
    Invalid,
    /// A newer wrapped token was handed out moments ago. Read the storage again and retry with what is there.
    #[error("a newer wrapped token was handed out")]
    Superseded,
    /// The session is over. Log in.
    #[error("the session has ended")]
    SessionEnded,
    /// An old copy of the wrapped token came back, so the session was ended. Tell the user, and log in.
    #[error("an old wrapped token was used again; the session was ended")]
    Reused,
    /// The PIN was wrong, and the guess is charged.
    #[error("wrong PIN")]
    WrongPin {
        /// Guesses left.
        attempts_remaining: u8,
        /// How long to wait before the next one, if at all.
        retry_after: Option<Duration>,
    },
    /// Wait. Until then no PIN is looked at.
    #[error("too many wrong PINs; wait")]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The guesses are used up. Log in.
    #[error("too many wrong PINs; log in")]
    LockedOut,
    /// The key of the device opens the session no more: it was removed or replaced, the PIN has changed, or its guesses
    /// are used up. The PIN opens it as before. Forget that one token, and ask for the PIN.
    #[error("the key of the device opens the session no more")]
    DeviceKeyEnded,
    /// Only a PIN may do that; a key of the device has opened nothing. No guess was charged.
    #[error("the session must be opened with its PIN for that")]
    PinRequired,
    /// Outside the hours of use, or not what the criterion allows. No PIN was looked at and no guess was charged.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// Too many requests at once. No guess was charged; try again after the time given.
    #[error("too many requests at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The store did not answer. A guess may have been charged, also for a right PIN; the wrapped token that the device
    /// has stays good unless its PIN was being changed. Try again later.
    #[error("the store did not answer")]
    Store(#[source] StoreError),
}

impl UnlockError {
    /// A stable word for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid => "invalid_wrapped_token",
            Self::Superseded => "superseded",
            Self::SessionEnded => "session_ended",
            Self::Reused => "token_reused",
            Self::WrongPin { .. } => "wrong_pin",
            Self::Throttled { .. } => "throttled",
            Self::LockedOut => "locked_out",
            Self::DeviceKeyEnded => "device_key_ended",
            Self::PinRequired => "pin_required",
            Self::Denied(denial) => denial.code(),
            Self::Busy { .. } => "busy",
            Self::Store(error) => error.code(),
        }
    }

    /// How long to wait before trying again, where that helps. A [`Denial`] has an instant instead.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WrongPin { retry_after, .. } => *retry_after,
            Self::Throttled { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            Self::Store(error) => Some(error.retry_after()),
            Self::Invalid
            | Self::Superseded
            | Self::SessionEnded
            | Self::Reused
            | Self::LockedOut
            | Self::DeviceKeyEnded
            | Self::PinRequired
            | Self::Denied(_) => None,
        }
    }
}

impl From<StoreError> for UnlockError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Why a PIN was not changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChangePinError {
    /// Ask the user for another new PIN. The old one was not looked at.
    #[error("the new PIN is too easy to guess")]
    WeakPin(#[source] WeakPin),
    /// The session was not opened with the old PIN.
    #[error(transparent)]
    Unlock(#[from] UnlockError),
}

impl ChangePinError {
    /// A stable word for clients: `weak_pin`, or what [`UnlockError::code`] says.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WeakPin(_) => "weak_pin",
            Self::Unlock(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WeakPin(_) => None,
            Self::Unlock(error) => error.retry_after(),
        }
    }
}
