//! Opening a session with its PIN: the steps of [`crate::unlock`], each decision stored before the next is made.

use super::rotation::Rotation;
use super::unlock_error::{ChangePinError, UnlockError};
use super::{Sessions, os_rng};
use crate::access_token::{AccessToken, HostClaims};
use crate::authorize::{Grant, authorize};
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::pin::{NewPin, Pin};
use crate::situation::RequestContext;
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
    /// For the API. The device keeps it in memory only. It is a bearer's: where requests are to be signed, hand out that of
    /// [`Sessions::mint_bound`] instead.
    pub access_token: AccessToken,
    /// What the access token was minted for: [`Sessions::mint`] makes another one, with claims of the host's own.
    pub grant: Grant,
    /// Replaces the one that was presented, in one storage write.
    pub wrapped_token: WrappedToken,
    /// Wrong PINs since the last unlock. Tell the user when there were any.
    pub failed_attempts: u16,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
}

impl Sessions {
    /// Opens a session with its PIN: a new access token, and the next wrapped token. The service's criterion looks at
    /// the request; without one it may say nothing.
    ///
    /// The guess is charged before the PIN is looked at and taken back when it proves right. If the future is dropped
    /// in between, or the store fails, the charge stands. Where a framework drops the handler of a client that went
    /// away, run this in a task of its own.
    ///
    /// # Errors
    /// [`UnlockError`] with what to do.
    pub async fn unlock(
        &self,
        wrapped_token: &str,
        pin: &Pin,
        request: &RequestContext,
    ) -> Result<UnlockedSession, UnlockError> {
        let service = &*self.0;
        let presented = service.open(wrapped_token)?;
        let proof = service.prove(&presented, pin, request).await?;
        let unlocked = service.commit(&proof, Rotation::Next).await?;
        let grant = authorize(&unlocked, proof.permission, &service.context(service.now()));
        Ok(UnlockedSession {
            session_id: unlocked.session_id,
            subject: unlocked.subject,
            access_token: service.mint(&grant, &HostClaims::default()),
            grant,
            wrapped_token: unlocked.wrapped_token,
            failed_attempts: unlocked.failed_attempts,
            session_expires_at: unlocked.session_expires_at,
        })
    }

    /// Replaces the PIN. All older wrapped tokens of the session are void from then on, so a lost answer costs a full
    /// login, and one who comes back with an old one after the grace period is taken for a thief. Returns the new
    /// wrapped token. As with [`Sessions::unlock`], do not let the future be dropped.
    ///
    /// # Errors
    /// [`ChangePinError`]; the new PIN is checked before the old one is looked at.
    pub async fn change_pin(
        &self,
        wrapped_token: &str,
        pin: &Pin,
        new_pin: Pin,
        request: &RequestContext,
    ) -> Result<WrappedToken, ChangePinError> {
        let service = &*self.0;
        let new_pin = NewPin::accept(new_pin, &service.policy).map_err(ChangePinError::WeakPin)?;
        let presented = service.open(wrapped_token)?;
        let proof = service.prove(&presented, pin, request).await?;
        let task = StretchTask::for_new_pin(&new_pin, service.policy.kdf(), &mut os_rng());
        let new_pin = proof.turn.run(task).await.map_err(UnlockError::Store)?;
        let unlocked = service.commit(&proof, Rotation::NewPin(&new_pin)).await?;
        let Unlocked { session_id, subject, .. } = unlocked;
        service.report(&Event::PinChanged { session_id, subject });
        Ok(unlocked.wrapped_token)
    }
}
