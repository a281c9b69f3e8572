//! Coming back with a PIN, in steps that can only be taken in their order.
//!
//! ```text
//! PresentedWrap ─▶ Admitted ─▶ ChargedAttempt ─▶ StretchTask ─▶ StretchedPin ─▶ Proven ─▶ Unlocked
//!  authentic        live, a     charge stored     may run the    KDF ran         digest     next wrap
//!                   guess free                    KDF                            equal      stored
//!
//! PresentedToken ─▶ Admitted ─▶ ChargedAttempt ────────────────────────────────▶ Proven ─▶ Unlocked
//! ```
//!
//! Each arrow demands what stands before it. The KDF cannot run for an attempt that was not charged, and a token
//! cannot leave before the state that expects it is stored.

#[cfg(test)]
mod model;
mod rotate;

pub use rotate::{Unlocked, WithDeviceKey};

use rand_core::CryptoRng;

use crate::attempts::{Charge, Refused};
use crate::context::Context;
use crate::handle::Handle;
use crate::handout::InClear;
use crate::id::{SessionId, Subject};
use crate::keyring::Keys;
use crate::pin::Pin;
use crate::plain::PresentedToken;
use crate::policy::Policy;
use crate::record::Swap;
use crate::session::{Lock, LockKind, SessionState};
use crate::stretched_pin::{StretchTask, StretchedPin};
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::token::{CandidateToken, TokenDigest};
use crate::wrap::PresentedWrap;

/// Why a wrap is not admitted. No guess was charged and no PIN was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Over: expired, idle, revoked, all sessions revoked, or a PIN that was replaced.
    SessionEnded,
    /// The key of the device opens the session no more; its PIN does.
    DeviceKeyEnded,
    /// A newer wrap was handed out moments ago: read the storage again and retry with what is there.
    Superseded,
    /// An old wrap came back long after it was replaced. The session is to be revoked.
    Reused,
    /// Wait until then.
    Throttled {
        /// The first instant at which a guess is granted again.
        until: UnixTime,
    },
    /// The budget of this wrap is used up.
    LockedOut,
    /// A PIN has to open the session for that: a fingerprint is not enough.
    PinRequired,
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Throttled { until } => Self::Throttled { until },
            Refused::LockedOut => Self::LockedOut,
        }
    }
}

/// A state that must be stored before its evidence exists.
///
/// ```compile_fail
/// // The attempt is not charged before a store says so.
/// fn early(step: pinlatch::unlock::Uncommitted<pinlatch::unlock::ChargedAttempt>) { let attempt = step.evidence; }
/// ```
#[derive(Debug)]
#[must_use = "a state that is not stored did not happen"]
pub struct Uncommitted<T> {
    state: SessionState,
    evidence: T,
}

impl<T> Uncommitted<T> {
    pub(crate) const fn new(state: SessionState, evidence: T) -> Self {
        Self { state, evidence }
    }

    /// What to store.
    #[must_use]
    pub const fn state(&self) -> &SessionState {
        &self.state
    }

    /// Gives out the evidence, and the state that is now stored, if the swap took place.
    ///
    /// # Errors
    /// The outcome, when it was another one. The step has to be repeated on a fresh state.
    pub fn stored(self, outcome: Swap) -> Result<(T, SessionState), Swap> {
        if outcome == Swap::Replaced { Ok((self.evidence, self.state)) } else { Err(outcome) }
    }
}

/// Where a live wrap stands in its session.
struct WrapAt {
    lock: usize,
    wrap: usize,
}

/// Finds the wrap of a handle in a session that is live.
fn locate(
    handle: &Handle,
    state: &SessionState,
    subject: Option<&SubjectState>,
    context: &Context<'_>,
) -> Result<WrapAt, Refusal> {
    state.check_live(subject, context.policy, context.now).map_err(|_| Refusal::SessionEnded)?;
    let same_lock = |lock: &Lock| lock.index == handle.lock_index && lock.kind == handle.lock_kind;
    let gone = if handle.lock_kind == LockKind::DeviceKey { Refusal::DeviceKeyEnded } else { Refusal::SessionEnded };
    let at = state.locks.iter().position(same_lock).ok_or(gone)?;
    let lock = &state.locks[at];
    if let Some(wrap) = lock.position(&handle.wrap_id) {
        return Ok(WrapAt { lock: at, wrap });
    }
    // Also when the clock ran backwards since.
    let recent = context.now <= lock.changed_at.saturating_add(context.policy.superseded_grace());
    Err(if recent { Refusal::Superseded } else { Refusal::Reused })
}

/// Evidence that the session is live, the wrap is one that it expects, and a guess is granted.
#[derive(Debug)]
#[must_use = "an attempt that is not charged must not be made"]
pub struct Admitted<'a, P = PresentedWrap>(Uncommitted<ChargedAttempt<'a, P>>);

/// What a client comes with: a [`PresentedWrap`] and a PIN, or a [`PresentedToken`].
pub trait Presented {
    /// The session it was made for.
    fn session_id(&self) -> SessionId;

    /// What kind of lock it is for.
    fn lock_kind(&self) -> LockKind;

    /// Which wrap it is. Only this crate can say that.
    #[doc(hidden)]
    fn wrap(&self) -> WrapOf<'_>;
}

/// Which wrap something presented is.
#[doc(hidden)]
#[derive(Debug)]
pub struct WrapOf<'a>(&'a Handle);

impl Presented for PresentedWrap {
    fn session_id(&self) -> SessionId {
        self.session_id()
    }

    fn lock_kind(&self) -> LockKind {
        LockKind::ServerPin
    }

    fn wrap(&self) -> WrapOf<'_> {
        WrapOf(self.handle())
    }
}

impl Presented for PresentedToken {
    fn session_id(&self) -> SessionId {
        self.session_id()
    }

    fn lock_kind(&self) -> LockKind {
        self.lock_kind()
    }

    fn wrap(&self) -> WrapOf<'_> {
        WrapOf(self.handle())
    }
}

impl<'a, P: Presented> Admitted<'a, P> {
    /// Checks, in this order: the session is live, the wrap is expected, the wrap is not used up or throttled.
    ///
    /// # Errors
    /// [`Refusal`] with the first reason found.
    pub fn check(
        presented: &'a P,
        state: &SessionState,
        subject: Option<&SubjectState>,
        context: &Context<'_>,
    ) -> Result<Self, Refusal> {
        let policy = context.policy;
        let at = locate(presented.wrap().0, state, subject, context)?;
        let mut state = state.clone();
        let wrap = state.locks[at.lock].wrap_mut(at.wrap);
        let (attempts, charge) = wrap.attempts.charge(policy.attempts(), context.now)?;
        wrap.attempts = attempts;
        // A digest is deleted only when the budget is used up; a policy that grants more guesses cannot undo that.
        let digest = wrap.digest.clone().ok_or(Refusal::LockedOut)?;
        state.wrong_pins = state.wrong_pins.saturating_add(1);
        let ends_session = state.wrong_pins >= policy.max_wrong_pins();
        let subject = state.subject.clone();
        let evidence = ChargedAttempt { presented, subject, digest, charge, ends_session };
        Ok(Self(Uncommitted::new(state, evidence)))
    }

    /// Charges the guess: to the wrap, with the wait this brings, and to the session.
    pub fn charge(self) -> Uncommitted<ChargedAttempt<'a, P>> {
        self.0
    }
}

/// Evidence that a guess was charged and that the store has it.
///
/// ```compile_fail
/// // There is no other way to it than a stored charge.
/// let attempt = pinlatch::unlock::ChargedAttempt {
///     presented: unreachable!(), subject: unreachable!(), digest: unreachable!(), charge: unreachable!(), ends_session: unreachable!(),
/// };
/// ```
#[derive(Debug)]
pub struct ChargedAttempt<'a, P = PresentedWrap> {
    presented: &'a P,
    subject: Subject,
    digest: TokenDigest,
    charge: Charge,
    ends_session: bool,
}

/// The PIN was wrong. The charge stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongPin {
    /// Guesses that the wrap still grants. At 0 only a full login helps.
    pub attempts_remaining: u8,
    /// From when on the next one is granted, if there is a wait.
    pub retry_at: Option<UnixTime>,
    /// Whether this was the last wrong PIN of the session's whole life, so that the session is to be removed.
    pub ends_session: bool,
}

impl<'a, P: Presented> ChargedAttempt<'a, P> {
    /// Of which session.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.presented.session_id()
    }

    /// Of whom.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// Compares a token with what the server expects, in constant time.
    fn compare<H>(
        self,
        candidate: Option<&CandidateToken>,
        handout: H,
        keys: &Keys,
    ) -> Result<Proven<'a, H>, WrongPin> {
        let Self { presented, subject, digest, charge, ends_session } = self;
        let WrapOf(handle) = presented.wrap();
        let Handle { pepper_id, lock_kind, session_id, wrap_id, .. } = handle;
        let right = keys.find(*pepper_id).zip(candidate).is_some_and(|(pepper, candidate)| {
            let candidate = candidate.expose_secret();
            pepper.digest(&subject, *session_id, lock_kind.as_u8(), wrap_id, candidate).ct_eq(&digest).into()
        });
        if right {
            Ok(Proven { handle, digest, charge, handout })
        } else {
            let (attempts_remaining, retry_at) = (charge.remaining(), charge.wait_until());
            Err(WrongPin { attempts_remaining, retry_at, ends_session })
        }
    }
}

impl<'a> ChargedAttempt<'a> {
    /// The KDF evaluation that was paid for.
    pub fn stretch_task(&self, pin: &Pin) -> StretchTask {
        StretchTask::for_attempt(pin, self.presented.salt(), self.presented.params())
    }

    /// Compares what the PIN opens with what the server expects.
    ///
    /// # Errors
    /// [`WrongPin`] with what is left of the budget.
    pub fn judge(self, pin: StretchedPin, keys: &Keys) -> Result<Proven<'a>, WrongPin> {
        let pepper = keys.find(self.presented.handle().pepper_id);
        let candidate = pepper.map(|pepper| self.presented.unwrap_token(&pin, pepper));
        self.compare(candidate.as_ref(), pin, keys)
    }
}

impl<'a> ChargedAttempt<'a, PresentedToken> {
    /// Compares the token that a client has unwrapped with what the server expects.
    ///
    /// # Errors
    /// [`WrongPin`] with what is left of the budget.
    pub fn judge_token(self, keys: &Keys) -> Result<Proven<'a, InClear>, WrongPin> {
        let candidate = self.presented.candidate();
        let handout = InClear::of(self.presented.lock_kind());
        self.compare(Some(candidate), handout, keys)
    }
}

/// Evidence that the PIN was right, or the token that a client has unwrapped. `H` is the form of the next one.
///
/// ```compile_fail
/// // There is no other way to it than `ChargedAttempt::judge`.
/// let proven = pinlatch::unlock::Proven { handle: unreachable!(), digest: unreachable!(), charge: unreachable!(), handout: unreachable!() };
/// ```
#[derive(Debug)]
pub struct Proven<'a, H = StretchedPin> {
    handle: &'a Handle,
    digest: TokenDigest,
    charge: Charge,
    handout: H,
}

impl Proven<'_> {
    /// The KDF evaluation that moves the lock to the policy's present parameters, if it has others.
    pub fn upgrade_task<R: CryptoRng + ?Sized>(&self, pin: &Pin, policy: &Policy, rng: &mut R) -> Option<StretchTask> {
        (self.handout.params() != policy.kdf()).then(|| StretchTask::for_upgrade(pin, policy.kdf(), rng))
    }

    /// Takes the result of the upgrade: the next wrap is made with it.
    pub fn upgrade(&mut self, pin: StretchedPin) {
        self.handout = pin;
    }
}
