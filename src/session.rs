//! What is remembered of a session: its owner, its times, its locks and their wraps.

mod encoding;

use crate::attempts::Attempts;
use crate::context::Context;
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::policy::Policy;
use crate::record::{RecordKey, RecordKind};
use crate::situation::{LastSeen, Remembered, RequestContext, Situation};
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::token::{Epoch, TokenDigest, WrapId};

/// How a lock protects its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LockKind {
    /// Wrapped by the server under a PIN that it sees while unlocking.
    ServerPin,
    /// Wrapped by the client under a PIN that never leaves the device.
    ClientPin,
    /// Wrapped by the client under a key that its platform releases for a fingerprint, a face, or a touch.
    DeviceKey,
}

impl LockKind {
    /// Whether a PIN opens the lock.
    pub(crate) const fn is_pin(self) -> bool {
        match self {
            Self::ServerPin | Self::ClientPin => true,
            Self::DeviceKey => false,
        }
    }

    /// How the opened lock was authenticated, as the claim `amr` has it (RFC 8176).
    pub(crate) const fn amr(self) -> &'static str {
        match self {
            Self::ServerPin => r#"["pin"]"#,
            Self::ClientPin => r#"["pin","swk"]"#,
            Self::DeviceKey => r#"["user"]"#,
        }
    }

    pub(crate) fn from_amr(json: &str) -> Option<Self> {
        [Self::ServerPin, Self::ClientPin, Self::DeviceKey].into_iter().find(|kind| json == kind.amr())
    }

    pub(crate) const fn as_u8(self) -> u8 {
        match self {
            Self::ServerPin => 1,
            Self::ClientPin => 2,
            Self::DeviceKey => 3,
        }
    }

    pub(crate) const fn from_u8(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::ServerPin),
            2 => Some(Self::ClientPin),
            3 => Some(Self::DeviceKey),
            _ => None,
        }
    }
}

/// One wrap that may still open its session.
#[derive(Clone, Debug)]
pub(crate) struct Wrap {
    pub(crate) id: WrapId,
    /// `None` once the budget is used up: then nothing is left to test a PIN against.
    pub(crate) digest: Option<TokenDigest>,
    pub(crate) attempts: Attempts,
    /// How many wrong PINs the session had when it was handed out. Whoever opens it is told of all since then: also if
    /// a thief was told before, or an answer got lost.
    pub(crate) wrong_pins_before: u16,
}

impl Wrap {
    /// Whether no guess is left, under this policy or because its digest was deleted under another.
    fn is_exhausted(&self, policy: &Policy) -> bool {
        self.digest.is_none() || self.attempts.failures >= policy.attempts().limit()
    }
}

/// A lineage of wraps. `current` opens until one of its successors has been used; then only that one does.
#[derive(Clone, Debug)]
pub(crate) struct Lock {
    /// Its name within the session. A lock that ended does not move the others.
    pub(crate) index: u8,
    pub(crate) kind: LockKind,
    pub(crate) current: Wrap,
    /// Handed out but not yet used, the newest last.
    pub(crate) pending: Vec<Wrap>,
    /// When a wrap of this lock last died.
    pub(crate) changed_at: UnixTime,
    /// The whole second from which on its PIN is the one that it is. The first PIN always was.
    pub(crate) set_at: UnixTime,
}

impl Lock {
    /// Successors that may be outstanding at once: two tabs, or an answer that got lost.
    pub(crate) const MAX_PENDING: usize = 2;

    pub(crate) const fn new(index: u8, kind: LockKind, current: Wrap, now: UnixTime, set_at: UnixTime) -> Self {
        Self { index, kind, current, pending: Vec::new(), changed_at: now, set_at }
    }

    fn wraps(&self) -> impl Iterator<Item = &Wrap> {
        core::iter::once(&self.current).chain(&self.pending)
    }

    fn wraps_mut(&mut self) -> impl Iterator<Item = &mut Wrap> {
        core::iter::once(&mut self.current).chain(&mut self.pending)
    }

    /// Where the live wrap with this id stands: 0 is the current one. Ids are compared in constant time.
    pub(crate) fn position(&self, id: &WrapId) -> Option<usize> {
        self.wraps().position(|wrap| wrap.id.ct_eq(id).into())
    }

    /// The wrap at a position.
    pub(crate) fn wrap_mut(&mut self, at: usize) -> &mut Wrap {
        if at == 0 { &mut self.current } else { &mut self.pending[at - 1] }
    }

    /// The wrap at this position was opened: if it was a successor it becomes the current one, and all others die.
    pub(crate) fn promote(&mut self, at: usize, now: UnixTime) {
        if at > 0 {
            self.current = self.pending.swap_remove(at - 1);
            self.pending.clear();
            self.changed_at = now;
        }
    }

    /// Adds a successor. When there are two already, the older one dies.
    pub(crate) fn add_pending(&mut self, wrap: Wrap, now: UnixTime) {
        if self.pending.len() == Self::MAX_PENDING {
            self.pending.remove(0);
            self.changed_at = now;
        }
        self.pending.push(wrap);
    }
}

/// The state of one session. It has no secret that would open anything, but it is not for the public either.
#[derive(Clone, Debug)]
pub struct SessionState {
    pub(crate) id: SessionId,
    pub(crate) subject: Subject,
    pub(crate) label: Option<DeviceLabel>,
    pub(crate) epoch: Epoch,
    pub(crate) created_at: UnixTime,
    pub(crate) last_used_at: UnixTime,
    /// When it was last opened by somebody who was told when it had been opened before; at first when it began. So a
    /// renewal, or a change of the PIN, hides nobody's.
    pub(crate) unlocked_at: UnixTime,
    pub(crate) last_seen: LastSeen,
    /// Wrong verdicts since login, charges in flight included. Never reset.
    pub(crate) wrong_pins: u16,
    /// 1 to 4.
    pub(crate) locks: Vec<Lock>,
}

/// The session is over, for whatever reason: expired, idle, revoked, or with it all sessions of its subject.
/// Only a full login helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the session has ended")]
pub struct SessionEnded;

impl SessionState {
    /// The most locks a session may have.
    pub(crate) const MAX_LOCKS: usize = 4;

    /// Where the record of a session lies.
    #[must_use]
    pub const fn record_key(id: SessionId) -> RecordKey {
        RecordKey { kind: RecordKind::Session, id: *id.as_bytes() }
    }

    /// Which session this is.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.id
    }

    /// Whose session this is.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// What the session list calls the device.
    #[must_use]
    pub const fn label(&self) -> Option<&DeviceLabel> {
        self.label.as_ref()
    }

    /// When the full login was.
    #[must_use]
    pub const fn created_at(&self) -> UnixTime {
        self.created_at
    }

    /// When the session was last unlocked or renewed; the login counts as the first time.
    #[must_use]
    pub const fn last_used_at(&self) -> UnixTime {
        self.last_used_at
    }

    /// From where that was, as far as it was to be remembered.
    #[must_use]
    pub const fn last_seen(&self) -> LastSeen {
        self.last_seen
    }

    /// What a criterion is asked.
    #[must_use]
    pub fn situation<'a>(&'a self, request: &'a RequestContext, wanted: Remembered, now: UnixTime) -> Situation<'a> {
        Situation {
            now,
            subject: &self.subject,
            session_id: self.id,
            logged_in_at: self.created_at,
            last: self.last_seen.kept(wanted),
            request,
        }
    }

    /// The session is used: its idle timeout starts anew.
    pub(crate) fn touch(&mut self, context: &Context<'_>) {
        self.last_used_at = self.last_used_at.max(context.now);
        self.last_seen = self.last_seen.then(context.seen).kept(context.remembered);
    }

    /// An index that no lock has. One of a lock that ended is unlikely to come back, so an old wrap of it stays
    /// unknown.
    pub(crate) fn fresh_lock_index<R: rand_core::CryptoRng + ?Sized>(&self, rng: &mut R) -> u8 {
        let [drawn, ..] = rng.next_u64().to_be_bytes();
        let free = |index: &u8| self.locks.iter().all(|lock| lock.index != *index);
        (0..=u8::MAX).map(|step| drawn.wrapping_add(step)).find(free).expect("there are fewer locks than indexes")
    }

    /// One charge was not of a wrong PIN. Nothing that was handed out meanwhile may have it for told.
    pub(crate) fn withdraw_wrong_pin(&mut self) {
        self.wrong_pins = self.wrong_pins.saturating_sub(1);
        for wrap in self.locks.iter_mut().flat_map(Lock::wraps_mut) {
            wrap.wrong_pins_before = wrap.wrong_pins_before.min(self.wrong_pins);
        }
    }

    /// Since when a key of the device's platform opens the session, too.
    pub(crate) fn device_key_since(&self) -> Option<UnixTime> {
        self.locks.iter().find(|lock| lock.kind == LockKind::DeviceKey).map(|lock| lock.set_at)
    }

    /// Whether no wrap of any lock grants another guess, so that only a full login helps.
    #[must_use]
    pub fn is_locked_out(&self, policy: &Policy) -> bool {
        self.locks.iter().flat_map(Lock::wraps).all(|wrap| wrap.is_exhausted(policy))
    }

    /// When the session ends if nothing happens any more.
    #[must_use]
    pub fn expires_at(&self, policy: &Policy) -> UnixTime {
        let absolute = self.created_at.saturating_add(policy.absolute_lifetime());
        absolute.min(self.last_used_at.saturating_add(policy.idle_timeout()))
    }

    /// Whether the session still counts: its times, its count of wrong PINs, and its subject's epoch.
    ///
    /// `subject` is `None` when there is no record of the subject, or none that is authentic.
    ///
    /// # Errors
    /// [`SessionEnded`], without telling why.
    pub fn check_live(
        &self,
        subject: Option<&SubjectState>,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<(), SessionEnded> {
        let same_epoch = subject.is_some_and(|subject| subject.epoch.ct_eq(&self.epoch).into());
        let in_time = now < self.expires_at(policy);
        if same_epoch && in_time && self.wrong_pins < policy.max_wrong_pins() { Ok(()) } else { Err(SessionEnded) }
    }

    /// Forgets the digests of wraps whose budget is used up. Says whether there were any.
    pub fn forget_exhausted(&mut self, policy: &Policy) -> bool {
        let mut forgot = false;
        for wrap in self.locks.iter_mut().flat_map(Lock::wraps_mut).filter(|wrap| wrap.is_exhausted(policy)) {
            forgot |= wrap.digest.take().is_some();
        }
        forgot
    }
}
