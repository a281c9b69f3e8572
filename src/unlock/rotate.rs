//! What a right PIN changes: its charge is withdrawn, and the next wrap is expected.

use rand_core::CryptoRng;

use super::{ProvenPin, Refusal, Uncommitted, locate};
use crate::context::Context;
use crate::id::{SessionId, Subject};
use crate::issue::{Place, mint};
use crate::session::{Lock, LockKind, SessionState, Wrap};
use crate::stretched_pin::StretchedPin;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::wrap::WrappedToken;

/// Evidence that the session was opened and that the state which expects the next wrap is stored.
///
/// ```compile_fail
/// // It comes out of a stored rotation only.
/// let unlocked = pinlatch::unlock::Unlocked {
///     session_id: unreachable!(), subject: unreachable!(), wrapped_token: unreachable!(), failed_attempts: unreachable!(),
///     session_expires_at: unreachable!(), lock_kind: unreachable!(), unlocked_at: unreachable!(),
/// };
/// ```
#[derive(Debug)]
#[must_use = "the next wrapped token replaces the one that was presented"]
#[non_exhaustive]
pub struct Unlocked {
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub subject: Subject,
    /// The next wrapped token.
    pub wrapped_token: WrappedToken,
    /// Wrong PINs since the last unlock, through any copy of any wrap.
    pub failed_attempts: u16,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
    /// What kind of lock was opened.
    pub lock_kind: LockKind,
    /// When.
    pub unlocked_at: UnixTime,
}

impl ProvenPin<'_> {
    /// Takes the charge back and adds the next wrap. If the presented wrap was a successor, the others die.
    ///
    /// # Errors
    /// [`Refusal`] when the session or the wrap ended in the meantime.
    pub fn rotate<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<Uncommitted<Unlocked>, Refusal> {
        let mut state = state.clone();
        let at = self.withdraw(&mut state, subject, context)?;
        let (wrap, wrapped_token) = mint_next(&state, at, &self.pin, context, rng);
        state.locks[at].add_pending(wrap, context.now);
        let failed_attempts = state.wrong_pins.saturating_sub(state.reported_wrong_pins);
        state.reported_wrong_pins = state.wrong_pins;
        let kind = state.locks[at].kind;
        Ok(opened(state, wrapped_token, failed_attempts, kind, context))
    }

    /// Takes the charge back and makes a wrap under the new PIN the only one of all PIN locks.
    ///
    /// # Errors
    /// [`Refusal`] when the session or the wrap ended in the meantime.
    pub fn change_pin<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        new_pin: &StretchedPin,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<Uncommitted<Unlocked>, Refusal> {
        let mut state = state.clone();
        let at = self.withdraw(&mut state, subject, context)?;
        let (wrap, wrapped_token) = mint_next(&state, at, new_pin, context, rng);
        let kind = state.locks[at].kind;
        // Beyond every unlock with the old one, in whole seconds as tokens have them, also if a server's clock is ahead.
        let set_at = UnixTime::from_secs(context.now.max(state.last_used_at).as_secs() + 1);
        let replacement = Lock::new(state.locks[at].index, kind, wrap, context.now, set_at);
        state.locks.retain(|lock| !lock.kind.is_pin());
        state.locks.push(replacement);
        // What was guessed in between is told at the next unlock.
        Ok(opened(state, wrapped_token, 0, kind, context))
    }

    /// Withdraws the one charge that was proven, and lets the presented wrap take its place in the lineage. Returns
    /// where its lock stands.
    fn withdraw(
        &self,
        state: &mut SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
    ) -> Result<usize, Refusal> {
        // The session may have reached its cap by this very charge, which was not a wrong PIN.
        state.wrong_pins = state.wrong_pins.saturating_sub(1);
        let at = locate(self.presented.handle(), state, subject, context)?;
        let lock = &mut state.locks[at.lock];
        let wrap = lock.wrap_mut(at.wrap);
        wrap.attempts = wrap.attempts.withdraw(&self.charge);
        lock.promote(at.wrap, context.now);
        Ok(at.lock)
    }
}

fn mint_next<R: CryptoRng + ?Sized>(
    state: &SessionState,
    at: usize,
    pin: &StretchedPin,
    context: &Context<'_>,
    rng: &mut R,
) -> (Wrap, WrappedToken) {
    let lock = &state.locks[at];
    let (subject, session_id) = (&state.subject, state.id);
    let place = Place { subject, session_id, lock_index: lock.index, lock_kind: lock.kind };
    mint(&place, pin, context.keys, rng)
}

fn opened(
    mut state: SessionState,
    wrapped_token: WrappedToken,
    failed_attempts: u16,
    lock_kind: LockKind,
    context: &Context<'_>,
) -> Uncommitted<Unlocked> {
    state.touch(context);
    let evidence = Unlocked {
        session_id: state.id,
        subject: state.subject.clone(),
        wrapped_token,
        failed_attempts,
        session_expires_at: state.expires_at(context.policy),
        lock_kind,
        unlocked_at: context.now,
    };
    Uncommitted::new(state, evidence)
}
