//! Opening a session with its PIN: the steps of [`crate::unlock`], each decision stored before the next is made.

use core::time::Duration;

use super::login::{STORE_RETRY, store_code};
use super::rotation::Rotation;
use super::{Sessions, os_rng};
use crate::access_token::AccessToken;
use crate::authorize::authorize;
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::pin::{NewPin, Pin, WeakPin};
use crate::store::StoreError;
use crate::stretched_pin::StretchTask;
use crate::time::UnixTime;
use crate::unlock::Unlocked;
use crate::wrap::WrappedToken;

/// An opened session.
#[derive(Debug)]
#[must_use = "the device must replace its wrapped token by the one in here"]
#[non_exhaustive]
pub struct UnlockedSession {
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub subject: Subject,
    /// For the API. The device keeps it in memory only.
    pub access_token: AccessToken,
    /// Replaces the one that was presented, in one storage write.
    pub wrapped_token: WrappedToken,
    /// Wrong PINs since the last unlock. Tell the user when there were any.
    pub failed_attempts: u16,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
}

/// Why a session was not opened, and what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UnlockError {
    /// Not a wrapped token of this service, damaged, or from before a leak. Log in.
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
    /// Wait. No PIN is looked at before.
    #[error("too many wrong PINs; wait")]
    Throttled {
        /// How long to wait.
        retry_after: Duration,
    },
    /// The guesses are used up. Log in.
    #[error("too many wrong PINs; log in")]
    LockedOut,
    /// Outside the hours of use. No PIN was looked at and no guess was charged.
    #[error("outside the hours of use")]
    OutsideHours {
        /// When use is allowed again, if ever.
        opens: Option<UnixTime>,
    },
    /// Too many requests at once. No guess was charged; try again after the time given.
    #[error("too many requests at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The store did not answer. A guess may have been charged; a right PIN takes nothing from the wrapped token that
    /// the device has. Try again later.
    #[error("the store did not answer")]
    Store(#[source] StoreError),
}

impl UnlockError {
    /// A stable word for the outside.
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
            Self::OutsideHours { .. } => "outside_hours",
            Self::Busy { .. } => "busy",
            Self::Store(error) => store_code(error),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WrongPin { retry_after, .. } => *retry_after,
            Self::Throttled { retry_after } | Self::Busy { retry_after } => Some(*retry_after),
            Self::Store(_) => Some(STORE_RETRY),
            Self::Invalid
            | Self::Superseded
            | Self::SessionEnded
            | Self::Reused
            | Self::LockedOut
            | Self::OutsideHours { .. } => None,
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

impl Sessions {
    /// Opens a session with its PIN: a new access token, and the next wrapped token.
    ///
    /// # Errors
    /// [`UnlockError`] with what to do. A guess was charged only for [`UnlockError::WrongPin`],
    /// [`UnlockError::LockedOut`] at the last one, and perhaps for [`UnlockError::Store`].
    pub async fn unlock(&self, wrapped_token: &str, pin: &Pin) -> Result<UnlockedSession, UnlockError> {
        let service = &*self.0;
        let presented = service.open(wrapped_token)?;
        let proof = service.prove(&presented, pin).await?;
        let unlocked = service.commit(&proof, Rotation::Next).await?;
        let now = service.now();
        let grant = authorize(&unlocked, proof.within, &service.context(now));
        Ok(UnlockedSession {
            session_id: unlocked.session_id,
            subject: unlocked.subject,
            access_token: service.access_tokens.mint(&grant, &mut os_rng()),
            wrapped_token: unlocked.wrapped_token,
            failed_attempts: unlocked.failed_attempts,
            session_expires_at: unlocked.session_expires_at,
        })
    }

    /// Replaces the PIN. All older wrapped tokens of the session are void from then on, so a lost answer costs a full
    /// login. Returns the new wrapped token.
    ///
    /// # Errors
    /// [`ChangePinError`]; the new PIN is checked before the old one is looked at.
    pub async fn change_pin(
        &self,
        wrapped_token: &str,
        pin: &Pin,
        new_pin: Pin,
    ) -> Result<WrappedToken, ChangePinError> {
        let service = &*self.0;
        let new_pin = NewPin::accept(new_pin, &service.policy).map_err(ChangePinError::WeakPin)?;
        let presented = service.open(wrapped_token)?;
        let proof = service.prove(&presented, pin).await?;
        let task = StretchTask::for_new_pin(&new_pin, service.policy.kdf(), &mut os_rng());
        let new_pin = proof.turn.run(task).await?;
        let unlocked = service.commit(&proof, Rotation::NewPin(&new_pin)).await?;
        let Unlocked { session_id, subject, .. } = unlocked;
        service.report(&Event::PinChanged { session_id, subject });
        Ok(unlocked.wrapped_token)
    }
}
