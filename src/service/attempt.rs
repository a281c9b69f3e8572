//! From a wrapped token and a PIN to a verdict. The order of the steps is the protection; see [`crate::unlock`].

use super::kdf_pool::Busy;
use super::opener::Opener;
use super::records::{Contended, Loaded, MAX_SWAPS};
use super::unlock_error::UnlockError;
use super::{Service, Turn};
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::permission::Permission;
use crate::record::{Swap, next_revision};
use crate::session::{LockKind, SessionState};
use crate::situation::RequestContext;
use crate::store::StoreError;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::unlock::{Admitted, Presented, Proven, Refusal, WrongPin};

/// A right PIN or token, the turn that is still held, and the permission to use the session.
pub(super) struct Proof<'a, O: Opener> {
    pub(super) proven: Proven<'a, O::Handout>,
    pub(super) turn: Turn<'a>,
    pub(super) permission: Permission,
    pub(super) request: &'a RequestContext,
    /// As it was stored with the charge.
    pub(super) loaded: Loaded,
    pub(super) subject: Option<SubjectState>,
}

impl Service {
    /// From something authentic to a proof. What has become of a device's key says nothing about the session's PIN.
    pub(super) async fn prove<'a, O: Opener>(
        &'a self,
        opener: &O,
        presented: &'a O::Presented,
        request: &'a RequestContext,
    ) -> Result<Proof<'a, O>, UnlockError> {
        self.prove_lock(opener, presented, request).await.map_err(|error| match (error, presented.lock_kind()) {
            (UnlockError::LockedOut, LockKind::DeviceKey) => UnlockError::DeviceKeyEnded,
            (error, _) => error,
        })
    }

    /// Liveness, permission, turn, charge, verdict.
    async fn prove_lock<'a, O: Opener>(
        &'a self,
        opener: &O,
        presented: &'a O::Presented,
        request: &'a RequestContext,
    ) -> Result<Proof<'a, O>, UnlockError> {
        let (mut loaded, mut subject) = self.load(presented.session_id()).await?;
        // Refused here, it costs nobody a turn. The permission must last through the longest wait for one.
        let now = self.now();
        drop(self.admit(presented, &loaded, subject.as_ref(), now).await?);
        self.permit(&loaded.state, request, now)?;
        self.permit(&loaded.state, request, now.saturating_add(self.kdf.max_wait()))?;

        let owner = self.keys.owner(loaded.state.subject());
        let kib = opener.kdf_kib(presented, &self.policy);
        let turn = self.turn(Some(presented.session_id()), owner, kib).await;
        let turn = turn.map_err(|Busy| UnlockError::Busy { retry_after: self.kdf.max_wait() })?;
        // All sessions may have been revoked meanwhile, which is in another record than the one about to be swapped.
        subject = self.load_subject(loaded.state.subject(), self.now()).await?;

        for _ in 0..MAX_SWAPS {
            let now = self.now();
            let admitted = self.admit(presented, &loaded, subject.as_ref(), now).await?;
            let permission = self.permit(&loaded.state, request, now)?;
            let charge = admitted.charge();
            let outcome = self.replace_session(loaded.revision, charge.state()).await?;
            if let Ok((attempt, state)) = charge.stored(outcome) {
                let loaded = Loaded { revision: next_revision(loaded.revision), state };
                let (session_id, name) = (attempt.session_id(), attempt.subject().clone());
                return match opener.judge(attempt, &turn, self).await? {
                    Ok(proven) => Ok(Proof { proven, turn, permission, request, loaded, subject }),
                    Err(wrong) => Err(self.wrong(wrong, session_id, name).await?),
                };
            }
            (loaded, subject) = self.load(presented.session_id()).await?;
        }
        Err(Contended.into_store_error().into())
    }

    /// A session and its subject.
    async fn load(&self, id: SessionId) -> Result<(Loaded, Option<SubjectState>), UnlockError> {
        let loaded = self.load_session(id).await?.ok_or(UnlockError::SessionEnded)?;
        let subject = self.load_subject(loaded.state.subject(), self.now()).await?;
        Ok((loaded, subject))
    }

    async fn admit<'a, P: Presented>(
        &self,
        presented: &'a P,
        loaded: &Loaded,
        subject: Option<&SubjectState>,
        now: UnixTime,
    ) -> Result<Admitted<'a, P>, UnlockError> {
        match Admitted::check(presented, &loaded.state, subject, &self.context(now)) {
            Ok(admitted) => Ok(admitted),
            Err(refusal) => Err(self.refuse(refusal, &loaded.state, now).await?),
        }
    }

    /// Acts on a refusal and says what to answer.
    pub(super) async fn refuse(
        &self,
        refusal: Refusal,
        state: &SessionState,
        now: UnixTime,
    ) -> Result<UnlockError, StoreError> {
        let (session_id, subject) = (state.id(), state.subject().clone());
        Ok(match refusal {
            Refusal::SessionEnded => UnlockError::SessionEnded,
            Refusal::DeviceKeyEnded => UnlockError::DeviceKeyEnded,
            Refusal::Superseded => UnlockError::Superseded,
            Refusal::PinRequired => UnlockError::PinRequired,
            Refusal::Reused => {
                self.remove_session(session_id).await?;
                self.report(&Event::Reuse { session_id, subject });
                UnlockError::Reused
            }
            Refusal::Throttled { until } => {
                self.report(&Event::Throttled { session_id, subject, until });
                UnlockError::Throttled { retry_after: now.until(until) }
            }
            Refusal::LockedOut => {
                self.report(&Event::LockedOut { session_id, subject });
                // Mostly they are forgotten already.
                if state.clone().forget_exhausted(&self.policy) {
                    self.forget_exhausted(session_id).await?;
                }
                UnlockError::LockedOut
            }
        })
    }

    /// Acts on a wrong PIN and says what to answer.
    async fn wrong(&self, wrong: WrongPin, session_id: SessionId, subject: Subject) -> Result<UnlockError, StoreError> {
        let WrongPin { attempts_remaining, retry_at, ends_session } = wrong;
        self.report(&Event::WrongPin { session_id, subject: subject.clone(), attempts_remaining });
        if ends_session {
            self.remove_session(session_id).await?;
            self.report(&Event::Revoked { session_id });
            return Ok(UnlockError::SessionEnded);
        }
        if attempts_remaining == 0 {
            self.report(&Event::LockedOut { session_id, subject });
            self.forget_exhausted(session_id).await?;
            return Ok(UnlockError::LockedOut);
        }
        let now = self.now();
        Ok(UnlockError::WrongPin { attempts_remaining, retry_after: retry_at.map(|at| now.until(at)) })
    }

    /// Deletes the digests of wraps whose budget is used up, so that nothing is left to test PINs against.
    async fn forget_exhausted(&self, session_id: SessionId) -> Result<(), StoreError> {
        for _ in 0..MAX_SWAPS {
            let Some(mut loaded) = self.load_session(session_id).await? else { return Ok(()) };
            if !loaded.state.forget_exhausted(&self.policy) {
                return Ok(());
            }
            if self.replace_session(loaded.revision, &loaded.state).await? == Swap::Replaced {
                return Ok(());
            }
        }
        Err(Contended.into_store_error())
    }
}
