//! What a right PIN changes: its charge is withdrawn, and the next wrap is expected.

use rand_core::CryptoRng;

use super::{Proven, Refusal, Uncommitted, locate};
use crate::context::Context;
use crate::handout::{Handout, InClear, Place, mint};
use crate::id::{SessionId, Subject};
use crate::plain::PlainToken;
use crate::session::{Lock, LockKind, SessionState};
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::wrap::WrappedToken;

/// Evidence that the session was opened and that the state which expects the next wrap is stored.
///
/// ```compile_fail
/// // It comes out of a stored rotation only.
/// let unlocked = pinlatch::unlock::Unlocked {
///     session_id: unreachable!(), subject: unreachable!(), device_token: unreachable!(), failed_attempts: unreachable!(),
///     previous_unlock_at: unreachable!(), device_key_since: unreachable!(), session_expires_at: unreachable!(),
///     lock_kind: unreachable!(), unlocked_at: unreachable!(),
/// };
/// ```
#[derive(Debug)]
#[must_use = "the next token replaces the one that was presented"]
#[non_exhaustive]
pub struct Unlocked<T = WrappedToken> {
    /// Which session.
    pub session_id: SessionId,
    /// Whose.
    pub subject: Subject,
    /// The next token.
    pub device_token: T,
    /// Wrong PINs since the presented token was handed out, through any copy of any wrap.
    pub failed_attempts: u16,
    /// When the session was opened before this; the login counts as the first time, renewals do not.
    pub previous_unlock_at: UnixTime,
    /// Since when a key of the device's platform opens it, too.
    pub device_key_since: Option<UnixTime>,
    /// When the session ends if nothing happens any more.
    pub session_expires_at: UnixTime,
    /// What kind of lock was opened.
    pub lock_kind: LockKind,
    /// When.
    pub unlocked_at: UnixTime,
}

/// An opened session that has got another lock.
#[derive(Debug)]
#[must_use = "the next token replaces the one that was presented"]
#[non_exhaustive]
pub struct WithDeviceKey<T = WrappedToken> {
    /// The opened session.
    pub unlocked: Unlocked<T>,
    /// What the client wraps under the key of its platform.
    pub device_key_token: PlainToken,
}

/// What was presented, once its charge is withdrawn.
struct Withdrawn {
    /// Where its lock stands.
    lock: usize,
    wrong_pins_before: u16,
}

impl<H: Handout> Proven<'_, H> {
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
    ) -> Result<Uncommitted<Unlocked<H::Token>>, Refusal> {
        let (state, unlocked) = self.next(state, subject, context, rng)?;
        Ok(Uncommitted::new(state, unlocked))
    }

    /// As [`Self::rotate`], and adds a lock for a key of the device's platform; the one there was ends.
    ///
    /// # Errors
    /// [`Refusal`] when the session or the wrap ended in the meantime; [`Refusal::PinRequired`] when no PIN was proven.
    pub fn add_device_key<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<Uncommitted<WithDeviceKey<H::Token>>, Refusal> {
        let (mut state, mut unlocked) = self.next_by_pin(state, subject, context, rng)?;
        let kind = InClear::DeviceKey.lock_kind();
        let lock_index = state.fresh_lock_index(rng);
        let (wrap, device_key_token) =
            mint(&place(&state, lock_index, state.wrong_pins), &InClear::DeviceKey, context.keys, rng);
        state.locks.retain(|lock| lock.kind != kind);
        // `last_used_at` is this unlock, or a later one by a clock that is ahead.
        state.locks.push(Lock::new(lock_index, kind, wrap, context.now, whole_second_after(state.last_used_at)));
        unlocked.device_key_since = state.device_key_since();
        Ok(Uncommitted::new(state, WithDeviceKey { unlocked, device_key_token }))
    }

    /// As [`Self::rotate`], and ends the lock for a key of the device's platform, if there is one.
    ///
    /// # Errors
    /// As [`Self::add_device_key`].
    pub fn remove_device_key<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<Uncommitted<Unlocked<H::Token>>, Refusal> {
        let (mut state, mut unlocked) = self.next_by_pin(state, subject, context, rng)?;
        state.locks.retain(|lock| lock.kind.is_pin());
        unlocked.device_key_since = None;
        Ok(Uncommitted::new(state, unlocked))
    }

    /// Takes the charge back and makes a wrap of the new form the only one of the session: of a new PIN, or of a client
    /// that is about to choose one. A lock for a key of the device ends, too: whoever knew the old PIN may have added
    /// it.
    ///
    /// # Errors
    /// As [`Self::add_device_key`].
    pub fn change_pin<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        new: &H,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<Uncommitted<Unlocked<H::Token>>, Refusal> {
        let mut state = state.clone();
        let Withdrawn { lock, wrong_pins_before } = self.by_pin()?.withdraw(&mut state, subject, context)?;
        let index = state.locks[lock].index;
        // What was guessed in between, and who was here before, is told at the next unlock.
        let (wrap, device_token) = mint(&place(&state, index, wrong_pins_before), new, context.keys, rng);
        // Beyond every unlock with the old one, also if a server's clock is ahead.
        let set_at = whole_second_after(context.now.max(state.last_used_at));
        state.locks = vec![Lock::new(index, new.lock_kind(), wrap, context.now, set_at)];
        let unlocked = self.opened(&mut state, device_token, context);
        Ok(Uncommitted::new(state, unlocked))
    }

    fn by_pin(&self) -> Result<&Self, Refusal> {
        if self.handle.lock_kind.is_pin() { Ok(self) } else { Err(Refusal::PinRequired) }
    }

    fn next_by_pin<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<(SessionState, Unlocked<H::Token>), Refusal> {
        self.by_pin()?.next(state, subject, context, rng)
    }

    fn next<R: CryptoRng + ?Sized>(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
        rng: &mut R,
    ) -> Result<(SessionState, Unlocked<H::Token>), Refusal> {
        let mut state = state.clone();
        let Withdrawn { lock, wrong_pins_before } = self.withdraw(&mut state, subject, context)?;
        let next = place(&state, state.locks[lock].index, state.wrong_pins);
        let (wrap, device_token) = mint(&next, &self.handout, context.keys, rng);
        state.locks[lock].add_pending(wrap, context.now);
        let failed_attempts = state.wrong_pins - wrong_pins_before;
        let previous_unlock_at = state.unlocked_at;
        state.unlocked_at = context.now.max(previous_unlock_at);
        let opened = self.opened(&mut state, device_token, context);
        Ok((state, Unlocked { failed_attempts, previous_unlock_at, ..opened }))
    }

    /// Withdraws the one charge that was proven, and lets the presented wrap take its place in the lineage.
    fn withdraw(
        &self,
        state: &mut SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
    ) -> Result<Withdrawn, Refusal> {
        // The session may have reached its cap by this very charge, which was not a wrong PIN.
        state.withdraw_wrong_pin();
        let at = locate(self.handle, state, subject, context)?;
        let lock = &mut state.locks[at.lock];
        let wrap = lock.wrap_mut(at.wrap);
        wrap.attempts = wrap.attempts.withdraw(&self.charge);
        // While its last guess was judged, which was right, the budget looked used up to others.
        wrap.digest.get_or_insert_with(|| self.digest.clone());
        let wrong_pins_before = wrap.wrong_pins_before;
        lock.promote(at.wrap, context.now);
        Ok(Withdrawn { lock: at.lock, wrong_pins_before })
    }

    fn opened<T>(&self, state: &mut SessionState, device_token: T, context: &Context<'_>) -> Unlocked<T> {
        state.touch(context);
        Unlocked {
            session_id: state.id,
            subject: state.subject.clone(),
            device_token,
            failed_attempts: 0,
            previous_unlock_at: state.unlocked_at,
            device_key_since: state.device_key_since(),
            session_expires_at: state.expires_at(context.policy),
            lock_kind: self.handle.lock_kind,
            unlocked_at: context.now,
        }
    }
}

/// Tokens have whole seconds.
const fn whole_second_after(time: UnixTime) -> UnixTime {
    UnixTime::from_secs(time.as_secs() + 1)
}

const fn place(state: &SessionState, lock_index: u8, wrong_pins_before: u16) -> Place<'_> {
    Place { subject: &state.subject, session_id: state.id, lock_index, wrong_pins_before }
}
