//! What follows a right PIN: the next wrap is stored, and only then given out.

use super::attempt::Proof;
use super::records::{Contended, Loaded, MAX_SWAPS};
use super::unlock_error::UnlockError;
use super::{Service, os_rng};
use crate::context::Context;
use crate::observer::Event;
use crate::session::SessionState;
use crate::stretched_pin::StretchedPin;
use crate::subject::SubjectState;
use crate::unlock::{Refusal, Uncommitted, Unlocked};

/// What follows a right PIN.
pub(super) enum Rotation<'a> {
    /// The next wrap under the same PIN.
    Next,
    /// The only wrap, under another PIN.
    NewPin(&'a StretchedPin),
}

impl Service {
    /// Stores what a right PIN changes, without charging again however often the swap is repeated.
    pub(super) async fn commit(&self, proof: &Proof<'_>, rotation: Rotation<'_>) -> Result<Unlocked, UnlockError> {
        let mut reloaded: Option<(Loaded, Option<SubjectState>)> = None;
        for _ in 0..MAX_SWAPS {
            let (loaded, subject) = match &reloaded {
                Some((loaded, subject)) => (loaded, subject.as_ref()),
                None => (&proof.loaded, proof.subject.as_ref()),
            };
            let now = self.now();
            let step = match self.rotate(proof, &rotation, &loaded.state, subject, &self.context_of(proof.request, now))
            {
                Ok(step) => step,
                Err(refusal) => return Err(self.refuse(refusal, &loaded.state, now).await?),
            };
            let outcome = self.replace_session(loaded.revision, step.state()).await?;
            if let Ok((unlocked, state)) = step.stored(outcome) {
                return self.still_live(unlocked, &state).await;
            }
            let session = self.load_session(proof.loaded.state.id()).await?.ok_or(UnlockError::SessionEnded)?;
            let subject = self.load_subject(session.state.subject(), now).await?;
            reloaded = Some((session, subject));
        }
        Err(Contended.into_store_error().into())
    }

    fn rotate(
        &self,
        proof: &Proof<'_>,
        rotation: &Rotation<'_>,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
    ) -> Result<Uncommitted<Unlocked>, Refusal> {
        match rotation {
            Rotation::Next => proof.proven.rotate(state, subject, context, &mut os_rng()),
            Rotation::NewPin(pin) => proof.proven.change_pin(state, subject, pin, context, &mut os_rng()),
        }
    }

    /// The subject's sessions may all have been revoked while the PIN was being judged: that is in another record than
    /// the one just swapped.
    async fn still_live(&self, unlocked: Unlocked, state: &SessionState) -> Result<Unlocked, UnlockError> {
        let now = self.now();
        let subject = self.load_and_renew_subject(&unlocked.subject, now).await?;
        state.check_live(subject.as_ref(), &self.policy, now).map_err(|_| UnlockError::SessionEnded)?;
        let Unlocked { session_id, ref subject, failed_attempts, .. } = unlocked;
        self.report(&Event::Unlocked { session_id, subject: subject.clone(), failed_attempts });
        Ok(unlocked)
    }
}
