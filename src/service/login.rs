//! Beginning a session.

use core::time::Duration;

use super::{Service, Sessions, os_rng};
use crate::handout::{Handout, InClear};
use crate::id::{SessionId, Subject};
use crate::issue::{FullLogin, Issued, issue};
use crate::observer::Event;
use crate::pin::{NewPin, Pin, WeakPin};
use crate::plain::PlainToken;
use crate::record::Inserted;
use crate::revoke::{excess_sessions, login_time};
use crate::session::SessionState;
use crate::store::StoreError;
use crate::stretched_pin::StretchTask;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::wrap::WrappedToken;

/// A session that has begun.
#[derive(Debug)]
#[must_use = "without its token the session can never be opened"]
#[non_exhaustive]
pub struct LoggedIn<T = WrappedToken> {
    /// Which session. Not secret.
    pub session_id: SessionId,
    /// What the device keeps, and presents with the PIN. A token in clear is wrapped by the client first.
    pub device_token: T,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
}

/// Why no session began. Texts and sources are for logs; clients are told [`LoginError::code`].
///
/// | variant | `code()` | HTTP |
/// | --- | --- | --- |
/// | `WeakPin` | `weak_pin`, with [`WeakPin::reason`] | 422 |
/// | `Busy` | `busy` | 503 with `Retry-After` |
/// | `Store` | `unavailable` or `overloaded` | 503 with `Retry-After` |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoginError {
    /// Ask the user for another PIN.
    #[error("the PIN is too easy to guess")]
    WeakPin(#[source] WeakPin),
    /// Too many KDF evaluations at once, or more logins of this subject at the same moment than sessions are allowed.
    /// Try again after the time given.
    #[error("too many requests at once")]
    Busy {
        /// When to try again.
        retry_after: Duration,
        /// The evidence, to try again with. `None` if it was used up, because others began at the same moment.
        login: Option<Box<FullLogin>>,
    },
    /// The store did not do it. Should the session have been stored all the same, nobody holds its wrapped token, and
    /// it idles out. Try again later, with full credentials: the evidence is used up, and who came with a code asks for
    /// another one.
    #[error("the session could not be stored")]
    Store(#[from] StoreError),
}

impl LoginError {
    /// A stable word for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WeakPin(_) => "weak_pin",
            Self::Busy { .. } => "busy",
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::WeakPin(_) => None,
            Self::Busy { retry_after, .. } => Some(*retry_after),
            Self::Store(error) => Some(error.retry_after()),
        }
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
    /// [`WeakPin`], which says why.
    pub fn check_new_pin(&self, pin: &Pin) -> Result<(), WeakPin> {
        NewPin::accept(pin.clone(), &self.0.policy).map(drop)
    }

    /// Begins a session of a subject who has just logged in with full credentials, locked under a new PIN.
    ///
    /// Neither hours nor criterion are asked: they decide when the session is used. The PIN is checked first. When the
    /// subject then has more than `max_sessions` live sessions, the oldest end.
    ///
    /// # Errors
    /// [`LoginError`].
    pub async fn login(&self, login: FullLogin, pin: Pin) -> Result<LoggedIn, LoginError> {
        let service = &*self.0;
        let pin = NewPin::accept(pin, &service.policy).map_err(LoginError::WeakPin)?;
        let task = StretchTask::for_new_pin(&pin, service.policy.kdf(), &mut os_rng());
        let owner = service.keys.owner(login.subject());
        let retry_after = service.kdf.max_wait();
        let Ok(turn) = service.turn(None, owner, Some(task.params().m_kib())).await else {
            return Err(LoginError::Busy { retry_after, login: Some(Box::new(login)) });
        };
        let pin = turn.run(task).await?;
        drop(turn);
        let logged_in = service.begin(login, &pin).await?;
        logged_in.ok_or(LoginError::Busy { retry_after, login: None })
    }

    /// Begins a session for a client that wraps the token itself, under a PIN that the server never sees. Whether that
    /// PIN is a good one only the client can know. Else it is [`Sessions::login`].
    ///
    /// # Errors
    /// [`LoginError::Busy`], [`LoginError::Store`].
    pub async fn login_client(&self, login: FullLogin) -> Result<LoggedIn<PlainToken>, LoginError> {
        let retry_after = self.0.kdf.max_wait();
        let logged_in = self.0.begin(login, &InClear::ClientPin).await?;
        logged_in.ok_or(LoginError::Busy { retry_after, login: None })
    }
}

impl Service {
    /// Stores the session and ends the oldest beyond the limit. `None` if that was this one, because others began at
    /// the same moment.
    async fn begin<H: Handout>(&self, login: FullLogin, handout: &H) -> Result<Option<LoggedIn<H::Token>>, StoreError> {
        let name = login.subject().clone();
        let started_at = self.now();
        let subject = self.ensure_subject(&name, started_at).await?;
        let earlier = self.live_of(&name, &subject, started_at).await?;
        let now = login_time(&earlier, started_at);
        let context = self.context_of(login.request(), now);
        let Issued { state, device_token } = issue(login, &subject, handout, &context, &mut os_rng());
        if self.insert_session(&state).await? == Inserted::Exists {
            return Err(StoreError::Corrupt(SessionIdTaken.into()));
        }
        let session_id = state.id();
        self.report(&Event::Issued { session_id, subject: name.clone() });
        let live = self.live_of(&name, &subject, now).await;
        let stays = match live {
            Ok(live) => self.end_excess(&live, &name, session_id, now).await,
            Err(_) => self.keep_excess(&name),
        };
        let session_expires_at = state.expires_at(&self.policy);
        Ok(stays.then_some(LoggedIn { session_id, device_token, session_expires_at }))
    }

    async fn live_of(
        &self,
        name: &Subject,
        subject: &SubjectState,
        now: UnixTime,
    ) -> Result<Vec<SessionState>, StoreError> {
        // A session that cannot be read must not keep its subject from logging in.
        let mut states = self.list_sessions(self.keys.owner(name)).await?.states;
        states.retain(|state| state.check_live(Some(subject), &self.policy, now).is_ok());
        Ok(states)
    }

    /// Ends the oldest sessions beyond the limit. Says whether the one that has just begun is live and stays.
    async fn end_excess(&self, live: &[SessionState], name: &Subject, own: SessionId, now: UnixTime) -> bool {
        let excess = excess_sessions(live.iter().collect(), &self.policy, now);
        for session_id in &excess {
            match self.remove_session(*session_id).await {
                Ok(true) => self.report(&Event::Revoked { session_id: *session_id }),
                Ok(false) => {}
                Err(_) => drop(self.keep_excess(name)),
            }
        }
        live.iter().any(|session| session.id() == own) && !excess.contains(&own)
    }

    /// The session that has just begun is good although the store failed; the next login ends what is too much.
    fn keep_excess(&self, name: &Subject) -> bool {
        self.report(&Event::ExcessKept { subject: name.clone() });
        true
    }
}
