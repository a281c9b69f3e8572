//! What a host may want to record or be told of. No event carries a secret, a wrap id or a PIN.

use std::sync::Arc;

use crate::id::{OtpChallengeId, SessionId, Subject};
use crate::permission::Denial;
use crate::record::RecordKey;
use crate::time::UnixTime;

/// Something worth an audit record.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A full login began a session.
    Issued {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// A right PIN opened a session.
    Unlocked {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
        /// Wrong PINs since what was presented had been handed out. Tell the user when there were any.
        failed_attempts: u16,
    },
    /// A PIN was changed.
    PinChanged {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// A session was opened with its PIN, and can be opened with a key of its device from now on.
    DeviceKeyAdded {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// A session was opened with its PIN, and a key of its device opens it no more, if one did.
    DeviceKeyRemoved {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// A PIN was wrong.
    WrongPin {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
        /// Guesses that the wrap still grants.
        attempts_remaining: u8,
    },
    /// A guess was refused because of a wait.
    Throttled {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
        /// Until when.
        until: UnixTime,
    },
    /// A wrap's budget is used up: now, by a last wrong PIN, or it was before and somebody tried again.
    LockedOut {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// An old wrap came back: somebody has a copy. The session was ended.
    Reuse {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// Use was refused before a PIN was looked at: by the hours or by a criterion.
    Denied {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
        /// Why.
        denial: Denial,
    },
    /// An access token was renewed without a PIN.
    Renewed {
        /// Which session.
        session_id: SessionId,
        /// Whose.
        subject: Subject,
    },
    /// A signed request came again. A client that retried without signing anew, or somebody with a copy.
    Replayed {
        /// Which session.
        session_id: SessionId,
    },
    /// A session was ended: by its owner, by its device, by a newer login beyond the limit, or by its cap of wrong
    /// PINs.
    Revoked {
        /// Which session.
        session_id: SessionId,
    },
    /// The store failed before sessions beyond the limit were ended; the next login does it.
    ExcessKept {
        /// Whose.
        subject: Subject,
    },
    /// All sessions of a subject were ended.
    RevokedAll {
        /// Whose.
        subject: Subject,
    },
    /// The gateway took the message of a one-time code.
    CodeSent {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
    },
    /// The gateway did not take it.
    CodeNotSent {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
    },
    /// A one-time code was wrong.
    WrongCode {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
        /// Whom the right one leads to. Nobody, if the host does not know the recipient.
        subject: Option<Subject>,
        /// Tries that the challenge still takes.
        tries_remaining: u8,
    },
    /// A one-time code was right, and is used.
    RightCode {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
        /// Whom it leads to.
        subject: Subject,
    },
    /// No message with a code was sent: there were too many, to this recipient or by a limit of the host's.
    MessageThrottled {
        /// For which challenge, if another message was asked for.
        challenge_id: Option<OtpChallengeId>,
        /// Until when.
        until: UnixTime,
    },
    /// A one-time code was not looked at: there were too many wrong ones, of this recipient or by a limit of the
    /// host's.
    CodeThrottled {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
        /// Until when.
        until: UnixTime,
    },
    /// The store failed before a message or a guess was taken back; it stays counted for a day.
    ChargeKept {
        /// Of which challenge.
        challenge_id: OtpChallengeId,
    },
    /// A record was edited, damaged, or made under a pepper that is no longer accepted, and counts as absent; or it is
    /// of a newer pepper or a newer version of this library, and the call failed as if the store had not answered.
    RecordRefused {
        /// Which record.
        key: RecordKey,
    },
}

/// Is told of every event; a closure will do, if its argument has a type. Requests that run at the same time report in
/// no particular order, and one that is dropped halfway reports no more.
///
/// ```
/// # #[cfg(feature = "service")]
/// # fn with(builder: pinlatch::SessionsBuilder) -> pinlatch::SessionsBuilder {
/// builder.observer(|event: &pinlatch::Event| println!("{event:?}"))
/// # }
/// ```
pub trait Observer: Send + Sync {
    /// *Called* on the thread of the request, after the fact was stored. Must not block; whatever takes time belongs
    /// into a queue.
    fn observe(&self, event: &Event);
}

impl<F: Fn(&Event) + Send + Sync> Observer for F {
    fn observe(&self, event: &Event) {
        self(event);
    }
}

impl<O: Observer + ?Sized> Observer for Arc<O> {
    fn observe(&self, event: &Event) {
        (**self).observe(event);
    }
}

/// Tells nobody.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn observe(&self, _event: &Event) {}
}

/// Writes every event to `tracing`: what a user or an administrator did at `INFO`, what looks like an attack or does
/// not work at `WARN`.
#[cfg(all(feature = "service", feature = "tracing"))]
pub(crate) fn trace(event: &Event) {
    match event {
        Event::WrongPin { .. }
        | Event::LockedOut { .. }
        | Event::Reuse { .. }
        | Event::WrongCode { .. }
        | Event::MessageThrottled { .. }
        | Event::CodeThrottled { .. }
        | Event::CodeNotSent { .. }
        | Event::ChargeKept { .. }
        | Event::ExcessKept { .. }
        | Event::Replayed { .. }
        | Event::RecordRefused { .. } => tracing::warn!(target: "pinlatch", ?event),
        _ => tracing::info!(target: "pinlatch", ?event),
    }
}
