//! What follows a right PIN: the next token is expected, and only then given out.

use super::Service;
use super::attempt::Proof;
use super::opener::Opener;
use super::records::{Contended, Loaded, MAX_SWAPS};
use super::unlock_error::UnlockError;
use crate::context::Context;
use crate::observer::Event;
use crate::record::Swap;
use crate::session::SessionState;
use crate::subject::SubjectState;
use crate::unlock::{Proven, Refusal, Uncommitted, Unlocked};

impl Service {
    /// Stores what a right PIN changes, without charging again however often the swap is repeated.
    pub(super) async fn commit<O: Opener, T>(
        &self,
        proof: &Proof<'_, O>,
        step: impl Fn(
            &Proven<'_, O::Handout>,
            &SessionState,
            Option<&SubjectState>,
            &Context<'_>,
        ) -> Result<Uncommitted<T>, Refusal>,
    ) -> Result<(T, SessionState), UnlockError> {
        let mut reloaded: Option<(Loaded, Option<SubjectState>)> = None;
        for _ in 0..MAX_SWAPS {
            let (loaded, subject) = match &reloaded {
                Some((loaded, subject)) => (loaded, subject.as_ref()),
                None => (&proof.loaded, proof.subject.as_ref()),
            };
            let now = self.now();
            match step(&proof.proven, &loaded.state, subject, &self.context_of(proof.request, now)) {
                Ok(step) => {
                    let outcome = self.replace_session(loaded.revision, step.state()).await?;
                    if let Ok(stored) = step.stored(outcome) {
                        return Ok(stored);
                    }
                }
                // Its token opens nothing any more. It was the right PIN all the same, and none that anybody is told of.
                Err(refusal @ (Refusal::Superseded | Refusal::DeviceKeyEnded)) => {
                    let mut state = loaded.state.clone();
                    state.withdraw_wrong_pin();
                    if self.replace_session(loaded.revision, &state).await? != Swap::Stale {
                        return Err(self.refuse(refusal, &state, now).await?);
                    }
                }
                Err(refusal) => return Err(self.refuse(refusal, &loaded.state, now).await?),
            }
            let session = self.load_session(proof.loaded.state.id()).await?.ok_or(UnlockError::SessionEnded)?;
            let subject = self.load_subject(session.state.subject(), now).await?;
            reloaded = Some((session, subject));
        }
        Err(Contended.into_store_error().into())
    }

    /// The subject's sessions may all have been revoked while the PIN was being judged: that is in another record than
    /// the one just swapped.
    pub(super) async fn still_live<T>(&self, unlocked: &Unlocked<T>, state: &SessionState) -> Result<(), UnlockError> {
        let now = self.now();
        let subject = self.load_and_renew_subject(&unlocked.subject, now).await?;
        state.check_live(subject.as_ref(), &self.policy, now).map_err(|_| UnlockError::SessionEnded)?;
        let Unlocked { session_id, ref subject, failed_attempts, .. } = *unlocked;
        self.report(&Event::Unlocked { session_id, subject: subject.clone(), failed_attempts });
        Ok(())
    }
}
