//! Opening a session with its PIN: the steps of [`crate::unlock`], each decision stored before the next is made.

use super::attempt::Proof;
use super::opener::{ByPin, ByToken, Open, Opener};
use super::unlock_error::{ChangePinError, UnlockError};
use super::{Service, Sessions, os_rng};
use crate::access_token::{AccessToken, HostClaims};
use crate::authorize::{Grant, authorize};
use crate::handout::InClear;
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::permission::Permission;
use crate::pin::{NewPin, Pin};
use crate::plain::PlainToken;
use crate::session::LockKind;
use crate::situation::RequestContext;
use crate::stretched_pin::StretchTask;
use crate::time::UnixTime;
use crate::unlock::{Presented, Unlocked, WithDeviceKey};
use crate::wrap::WrappedToken;

/// An opened session.
#[derive(Debug)]
#[must_use = "the device must replace its token by the one in here"]
#[non_exhaustive]
pub struct UnlockedSession<T = WrappedToken> {
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub subject: Subject,
    /// For the API. The device keeps it in memory only. It is a bearer's: where requests are to be signed, hand out
    /// that of [`Sessions::mint_bound`] instead.
    pub access_token: AccessToken,
    /// What the access token was minted for: [`Sessions::mint`] makes another one, with claims of the host's own.
    pub grant: Grant,
    /// Replaces the one that was presented, in one storage write. A token in clear is wrapped by the client first.
    pub device_token: T,
    /// Wrong PINs since the presented token was handed out, entered with any copy of it. Tell the user when there were
    /// any. Who opens the same token again, after an answer got lost, is told again. What another server looks at in
    /// this moment counts, too, though it may be the right one.
    pub failed_attempts: u16,
    /// When the session was opened before this; the login counts as the first time, renewals and changes of the PIN do
    /// not. Show it: a user notices a time at which it was somebody else. After an answer that got lost it is the time
    /// of that one.
    pub previous_unlock_at: UnixTime,
    /// Since when a key of the device's platform opens the session, too. A device that has none should warn its user,
    /// and [remove](Sessions::remove_device_key) it: whoever knew the PIN has added it elsewhere.
    pub device_key_since: Option<UnixTime>,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
}

/// A session that was opened, and can be opened with a key of the device's platform from now on.
#[derive(Debug)]
#[must_use = "the device must replace its token by the one in here"]
#[non_exhaustive]
pub struct DeviceKeyAdded<T = WrappedToken> {
    /// The opened session.
    pub opened: UnlockedSession<T>,
    /// What the client wraps under the key, once.
    pub device_key_token: PlainToken,
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
        self.0.unlock(ByPin { wrapped_token, pin }, request).await
    }

    /// Opens a session with a token that the client has unwrapped itself, with a PIN or with a key of its platform. In
    /// all other respects like [`Sessions::unlock`]: a token that came out of a wrong PIN is a wrong guess.
    ///
    /// # Errors
    /// [`UnlockError`] with what to do.
    pub async fn unlock_token(
        &self,
        session_token: &str,
        request: &RequestContext,
    ) -> Result<UnlockedSession<PlainToken>, UnlockError> {
        self.0.unlock(ByToken { session_token }, request).await
    }

    /// Replaces the PIN of this session, which is that of one device: each has its own, and the others keep theirs
    /// ([`Sessions::revoke_others`] ends them).
    ///
    /// All older tokens of the session are void from then on, also that of a device key, so a lost answer costs a full
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
        let opener = ByPin { wrapped_token, pin };
        let presented = opener.present(service)?;
        let proof = service.prove(&opener, &presented, request).await?;
        let task = StretchTask::for_new_pin(&new_pin, service.policy.kdf(), &mut os_rng());
        let new_pin = proof.turn.run(task).await.map_err(UnlockError::Store)?;
        Ok(service.replace(&proof, &new_pin).await?)
    }

    /// Replaces the token, for a client that is about to wrap it under another PIN: the server cannot see that it does.
    /// In all other respects like [`Sessions::change_pin`].
    ///
    /// # Errors
    /// [`UnlockError`]; [`UnlockError::PinRequired`] for a token that a device key has opened.
    pub async fn change_client_pin(
        &self,
        session_token: &str,
        request: &RequestContext,
    ) -> Result<PlainToken, UnlockError> {
        let (service, opener) = (&*self.0, ByToken { session_token });
        let presented = service.by_pin(&opener)?;
        let proof = service.prove(&opener, &presented, request).await?;
        service.replace(&proof, &InClear::ClientPin).await
    }

    /// Opens a session with its PIN, and adds a second way to open it: a token that the client wraps under a key which
    /// its platform releases for a fingerprint or a face. It has a budget of guesses of its own. There is one at most;
    /// one that was there is void.
    ///
    /// # Errors
    /// [`UnlockError`]; [`UnlockError::PinRequired`] for a token that a device key has opened.
    pub async fn add_device_key<O: Opener>(
        &self,
        opener: O,
        request: &RequestContext,
    ) -> Result<DeviceKeyAdded<O::Token>, UnlockError> {
        let service = &*self.0;
        let presented = service.by_pin(&opener)?;
        let proof = service.prove(&opener, &presented, request).await?;
        let (WithDeviceKey { unlocked, device_key_token, .. }, state) = service
            .commit(&proof, |proven, state, subject, context| {
                proven.add_device_key(state, subject, context, &mut os_rng())
            })
            .await?;
        service.still_live(&unlocked, &state).await?;
        let Unlocked { session_id, ref subject, .. } = unlocked;
        service.report(&Event::DeviceKeyAdded { session_id, subject: subject.clone() });
        let opened = service.opened(unlocked, proof.permission);
        Ok(DeviceKeyAdded { opened, device_key_token })
    }

    /// Opens a session with its PIN, and ends the way that [`Sessions::add_device_key`] has added, if there is one.
    ///
    /// # Errors
    /// [`UnlockError`]; [`UnlockError::PinRequired`] for a token that a device key has opened.
    pub async fn remove_device_key<O: Opener>(
        &self,
        opener: O,
        request: &RequestContext,
    ) -> Result<UnlockedSession<O::Token>, UnlockError> {
        let service = &*self.0;
        let presented = service.by_pin(&opener)?;
        let proof = service.prove(&opener, &presented, request).await?;
        let (unlocked, state) = service
            .commit(&proof, |proven, state, subject, context| {
                proven.remove_device_key(state, subject, context, &mut os_rng())
            })
            .await?;
        service.still_live(&unlocked, &state).await?;
        let Unlocked { session_id, ref subject, .. } = unlocked;
        service.report(&Event::DeviceKeyRemoved { session_id, subject: subject.clone() });
        Ok(service.opened(unlocked, proof.permission))
    }
}

impl Service {
    async fn unlock<O: Opener>(
        &self,
        opener: O,
        request: &RequestContext,
    ) -> Result<UnlockedSession<O::Token>, UnlockError> {
        let presented = opener.present(self)?;
        let proof = self.prove(&opener, &presented, request).await?;
        let rotated = self
            .commit(&proof, |proven, state, subject, context| proven.rotate(state, subject, context, &mut os_rng()));
        let (unlocked, state) = rotated.await?;
        self.still_live(&unlocked, &state).await?;
        Ok(self.opened(unlocked, proof.permission))
    }

    /// What a PIN opens. A key of the device is refused before anything is charged.
    fn by_pin<O: Opener>(&self, opener: &O) -> Result<O::Presented, UnlockError> {
        let presented = opener.present(self)?;
        if presented.lock_kind() == LockKind::DeviceKey { Err(UnlockError::PinRequired) } else { Ok(presented) }
    }

    async fn replace<O: Opener>(&self, proof: &Proof<'_, O>, new: &O::Handout) -> Result<O::Token, UnlockError> {
        let (unlocked, state) = self
            .commit(proof, |proven, state, subject, context| {
                proven.change_pin(state, subject, new, context, &mut os_rng())
            })
            .await?;
        self.still_live(&unlocked, &state).await?;
        let Unlocked { session_id, subject, device_token, .. } = unlocked;
        self.report(&Event::PinChanged { session_id, subject });
        Ok(device_token)
    }

    fn opened<T>(&self, unlocked: Unlocked<T>, permission: Permission) -> UnlockedSession<T> {
        let grant = authorize(&unlocked, permission, &self.context(self.now()));
        UnlockedSession {
            session_id: unlocked.session_id,
            subject: unlocked.subject,
            access_token: self.mint(&grant, &HostClaims::default()),
            grant,
            device_token: unlocked.device_token,
            failed_attempts: unlocked.failed_attempts,
            previous_unlock_at: unlocked.previous_unlock_at,
            device_key_since: unlocked.device_key_since,
            session_expires_at: unlocked.session_expires_at,
        }
    }
}
