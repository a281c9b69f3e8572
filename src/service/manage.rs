//! Seeing and ending sessions.

use core::time::Duration;

use super::records::Listed;
use super::{Service, Sessions};
use crate::access_token::{AccessTokenError, VerifiedAccess};
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::log_out::session_of;
use crate::observer::Event;
use crate::session::SessionState;
use crate::store::StoreError;
use crate::time::UnixTime;
use crate::wrap::InvalidWrappedToken;

/// What a user may see of a session of theirs. Serialized it has these names, ids as text, and times in whole seconds
/// since 1970.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Which session.
    pub session_id: SessionId,
    /// What the device was called at login.
    pub label: Option<DeviceLabel>,
    /// When the full login was.
    pub created_at: UnixTime,
    /// When a PIN last opened it, or an access token was renewed.
    pub last_used_at: UnixTime,
    /// When it ends if nothing happens any more.
    pub expires_at: UnixTime,
    /// Since when a key of the device's platform opens it, too.
    pub device_key_since: Option<UnixTime>,
    /// Whether the guesses of all its locks are used up, so that only a full login helps.
    pub locked_out: bool,
}

/// Why an access token is refused where the store is asked, too. Texts and sources are for logs; clients are told
/// [`LiveAccessError::code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LiveAccessError {
    /// Not authentic or not in force.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
    /// Its session was ended since.
    #[error("the session has ended")]
    SessionEnded,
    /// The store did not answer. Try again later.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl LiveAccessError {
    /// A stable word for clients: `invalid_token` (HTTP 401), or what [`StoreError::code`] says (503). Also for a
    /// session that has ended: what the device keeps may be of a newer one by now, and tells when it is used.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccessToken(_) | Self::SessionEnded => "invalid_token",
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::AccessToken(_) | Self::SessionEnded => None,
            Self::Store(error) => Some(error.retry_after()),
        }
    }
}

/// Why a device was not logged out. Clients are told [`LogOutError::code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LogOutError {
    /// Nothing that this service has given to a device. Forget it.
    #[error("not a wrapped token of this service")]
    Invalid(#[from] InvalidWrappedToken),
    /// The store did not answer. Try again later; a session that is not used ends by itself.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl LogOutError {
    /// A stable word for clients: `invalid_wrapped_token` (HTTP 400), or what [`StoreError::code`] says (503).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_wrapped_token",
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Invalid(_) => None,
            Self::Store(error) => Some(error.retry_after()),
        }
    }
}

impl Sessions {
    /// Verifies an access token and that its session is still live: revoked a moment ago means refused.
    ///
    /// # Errors
    /// [`LiveAccessError`].
    pub async fn verify_live(&self, access_token: &str) -> Result<VerifiedAccess, LiveAccessError> {
        let access = self.verify(access_token)?;
        self.check_live(&access).await?;
        Ok(access)
    }

    /// Whether the session of a verified token is still live; for tokens that are bound to a key, once their proof was
    /// verified.
    ///
    /// # Errors
    /// [`LiveAccessError::SessionEnded`]; [`LiveAccessError::Store`].
    pub async fn check_live(&self, access: &VerifiedAccess) -> Result<(), LiveAccessError> {
        let service = &*self.0;
        let now = service.now();
        let session = service.load_session(access.session_id).await?.ok_or(LiveAccessError::SessionEnded)?;
        let subject = service.load_subject(&access.subject, now).await?;
        let live = session.state.check_live(subject.as_ref(), &service.policy, now);
        let same = *session.state.subject() == access.subject;
        if live.is_ok() && same { Ok(()) } else { Err(LiveAccessError::SessionEnded) }
    }

    /// The live sessions of a subject, the newest login first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sessions_of(&self, subject: &Subject) -> Result<Vec<SessionInfo>, StoreError> {
        let service = &*self.0;
        let policy = &service.policy;
        let mut live = service.live_sessions(subject).await?;
        live.sort_by_key(|state| core::cmp::Reverse((state.created_at(), state.id())));
        let info = |state: SessionState| SessionInfo {
            session_id: state.id(),
            label: state.label().cloned(),
            created_at: state.created_at(),
            last_used_at: state.last_used_at(),
            expires_at: state.expires_at(policy),
            device_key_since: state.device_key_since(),
            locked_out: state.is_locked_out(policy),
        };
        Ok(live.into_iter().map(info).collect())
    }

    /// Ends one session of a subject. Says whether there was one; a session of somebody else is none.
    ///
    /// A logout is `revoke(&access.subject, access.session_id)` with what [`Sessions::verify_live`] returned, or
    /// [`Sessions::log_out`] with what the device keeps.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn revoke(&self, subject: &Subject, session_id: SessionId) -> Result<bool, StoreError> {
        let service = &*self.0;
        let session = service.load_session(session_id).await?;
        if session.is_none_or(|session| session.state.subject() != subject) {
            return Ok(false);
        }
        service.end(session_id).await
    }

    /// Ends the session of what a device keeps, which it then forgets: a wrapped token, or the [`LogOutToken`] of one
    /// that the client has locked. So a user can log out, or make room for somebody else, without a PIN and without an
    /// access token. An old copy will do, too. Says whether the session was still there.
    ///
    /// [`LogOutToken`]: crate::client::LogOutToken
    ///
    /// # Errors
    /// [`LogOutError`].
    pub async fn log_out(&self, kept: &str) -> Result<bool, LogOutError> {
        let service = &*self.0;
        let session_id = session_of(kept, &service.keys)?;
        Ok(service.end(session_id).await?)
    }

    /// Ends all sessions of a subject, in one write, and then removes what is stored of them: nothing is left to test
    /// PINs against, for who also has the pepper and a device.
    ///
    /// # Errors
    /// [`StoreError`]. Repeat the call: they may have ended, and some of them still be stored.
    pub async fn revoke_all(&self, subject: &Subject) -> Result<(), StoreError> {
        let service = &*self.0;
        service.renew_epoch(subject).await?;
        service.report(&Event::RevokedAll { subject: subject.clone() });
        let Listed { states, unread, .. } = service.list_sessions(service.keys.owner(subject)).await?;
        // Looked at after them: whatever began since then, in whatever epoch, is not among what has ended.
        let now = service.now();
        let state = service.load_subject(subject, now).await?;
        // What cannot be read goes, too. Should a newer server have begun it in this very moment, it costs a login.
        let ended = states.iter().filter(|it| it.check_live(state.as_ref(), &service.policy, now).is_err());
        for session_id in ended.map(SessionState::id).chain(unread) {
            service.remove_session(session_id).await?;
        }
        Ok(())
    }

    /// Ends all sessions of a subject but one. Says how many ended.
    ///
    /// # Errors
    /// [`StoreError`]; some may have ended.
    pub async fn revoke_others(&self, subject: &Subject, keep: SessionId) -> Result<u32, StoreError> {
        let mut ended = 0;
        for state in self.0.live_sessions(subject).await? {
            if state.id() != keep && self.0.end(state.id()).await? {
                ended += 1;
            }
        }
        Ok(ended)
    }

    /// Removes up to `limit` records of each store, of whichever tenant: sessions and subjects that ended, signed
    /// requests too old to come again, challenges and recipients of one-time codes. Returns how many; there may be more
    /// if it is `limit` or above. Call it every few minutes: no decision depends on it, but a store that is never
    /// tidied grows, and keeps hashes of what has run out and telephone numbers.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn purge(&self, limit: u32) -> Result<u64, StoreError> {
        let now = self.0.now();
        let marks = match self.0.marks.other_store() {
            Some(store) => store.purge_expired(now, limit).await?,
            None => 0,
        };
        Ok(marks + self.0.store.purge_expired(now, limit).await?)
    }
}

impl Service {
    async fn live_sessions(&self, subject: &Subject) -> Result<Vec<SessionState>, StoreError> {
        let now = self.now();
        let state = self.load_subject(subject, now).await?;
        let Listed { mut states, newer, .. } = self.list_sessions(self.keys.owner(subject)).await?;
        states.retain(|session| session.check_live(state.as_ref(), &self.policy, now).is_ok());
        newer.map_or(Ok(states), Err)
    }

    async fn end(&self, session_id: SessionId) -> Result<bool, StoreError> {
        let ended = self.remove_session(session_id).await?;
        if ended {
            self.report(&Event::Revoked { session_id });
        }
        Ok(ended)
    }
}
