//! Beginning a session.

use core::time::Duration;

use super::kdf_pool::Busy;
use super::{Service, Sessions, os_rng};
use crate::id::SessionId;
use crate::issue::{FullLogin, issue};
use crate::observer::Event;
use crate::pin::{NewPin, Pin, WeakPin};
use crate::record::Inserted;
use crate::revoke::excess_sessions;
use crate::store::StoreError;
use crate::stretched_pin::StretchTask;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::wrap::WrappedToken;

/// A session that has begun.
#[derive(Debug)]
#[must_use = "without its wrapped token the session can never be opened"]
#[non_exhaustive]
pub struct LoggedIn {
    /// Which session. Not secret.
    pub session_id: SessionId,
    /// What the device keeps, and presents with the PIN.
    pub wrapped_token: WrappedToken,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
}

/// Why no session began. Nothing was stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Ask the user for another PIN.
    #[error("the PIN is too easy to guess")]
    WeakPin(#[source] WeakPin),
    /// Too many KDF evaluations at once. Try again after the time given.
    #[error("too many requests at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
    },
    /// The store did not do it. Try again later.
    #[error("the session could not be stored")]
    Store(#[source] StoreError),
}

impl LoginError {
    /// A stable word for the outside.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WeakPin(_) => "weak_pin",
            Self::Busy { .. } => "busy",
            Self::Store(error) => store_code(error),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WeakPin(_) => None,
            Self::Busy { retry_after } => Some(*retry_after),
            Self::Store(_) => Some(STORE_RETRY),
        }
    }
}

/// When to try a store again that did not answer.
pub(super) const STORE_RETRY: Duration = Duration::from_secs(2);

/// A stable word for what a store said.
pub(super) const fn store_code(error: &StoreError) -> &'static str {
    match error {
        StoreError::Rejected => "overloaded",
        StoreError::Unavailable(_) | StoreError::Corrupt(_) => "unavailable",
    }
}

/// The store holds a session id that was just drawn at random.
#[derive(Debug, thiserror::Error)]
#[error("a random session id was taken: is the randomness broken?")]
struct SessionIdTaken;

impl Sessions {
    /// Whether a PIN may be set. Ask before the credentials are looked at: then the answer to a weak PIN says nothing
    /// about them. [`Sessions::login`] and [`Sessions::change_pin`] check again.
    ///
    /// # Errors
    /// [`LoginError::WeakPin`] with the reason.
    pub fn check_new_pin(&self, pin: &Pin) -> Result<(), LoginError> {
        NewPin::accept(pin.clone(), &self.0.policy).map(drop).map_err(LoginError::WeakPin)
    }

    /// Begins a session of a subject who has just logged in with full credentials, locked under a new PIN.
    ///
    /// The PIN is checked first. When the subject then has more than `max_sessions` live sessions, the oldest end.
    ///
    /// # Errors
    /// [`LoginError`]; nothing was stored.
    pub async fn login(&self, login: FullLogin, pin: Pin) -> Result<LoggedIn, LoginError> {
        let service = &*self.0;
        let pin = NewPin::accept(pin, &service.policy).map_err(LoginError::WeakPin)?;
        let task = StretchTask::for_new_pin(&pin, service.policy.kdf(), &mut os_rng());
        let owner = service.keys.owner(login.subject());
        let turn = service.turn(None, owner, task.params().m_kib()).await.map_err(|Busy| service.login_busy())?;
        let pin = turn.room.run(task).await.map_err(|lost| LoginError::Store(StoreError::Unavailable(lost.into())))?;
        drop(turn);
        service.begin(login, &pin).await.map_err(LoginError::Store)
    }
}

impl Service {
    const fn login_busy(&self) -> LoginError {
        LoginError::Busy { retry_after: self.kdf.max_wait() }
    }

    async fn begin(&self, login: FullLogin, pin: &crate::stretched_pin::StretchedPin) -> Result<LoggedIn, StoreError> {
        let now = self.now();
        let subject_name = login.subject().clone();
        let subject = self.ensure_subject(&subject_name, now).await?;
        let issued = issue(login, &subject, pin, &self.context(now), &mut os_rng());
        if self.insert_session(&issued.state).await? == Inserted::Exists {
            return Err(StoreError::Corrupt(SessionIdTaken.into()));
        }
        let session_id = issued.state.id();
        self.report(&Event::Issued { session_id, subject: subject_name.clone() });
        self.end_excess(&subject_name, &subject, now).await?;
        let session_expires_at = issued.state.expires_at(&self.policy);
        Ok(LoggedIn { session_id, wrapped_token: issued.wrapped_token, session_expires_at })
    }

    async fn end_excess(
        &self,
        name: &crate::id::Subject,
        subject: &SubjectState,
        now: UnixTime,
    ) -> Result<(), StoreError> {
        let states = self.list_states(self.keys.owner(name)).await?;
        let live = states.iter().filter(|state| state.check_live(Some(subject), &self.policy, now).is_ok());
        for session_id in excess_sessions(live.collect(), &self.policy) {
            if self.remove_session(session_id).await? {
                self.report(&Event::Revoked { session_id });
            }
        }
        Ok(())
    }
}
