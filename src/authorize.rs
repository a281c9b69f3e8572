//! May this session be used right now, and until when?

use crate::context::Context;
use crate::id::{SessionId, Subject};
use crate::time::UnixTime;
use crate::unlock::Unlocked;

/// What a clock says of an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// Use is allowed.
    Open {
        /// The first instant at which it is not allowed any more; [`UnixTime::MAX`] if there is none.
        until: UnixTime,
    },
    /// Use is not allowed.
    Closed {
        /// When it is allowed again, if ever.
        opens: Option<UnixTime>,
    },
}

/// Outside the hours in which the session may be used. No guess was charged and no PIN was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("outside the hours of use")]
pub struct OutsideHours {
    /// When use is allowed again, if ever.
    pub opens: Option<UnixTime>,
}

/// Evidence that an instant lies within the hours of use.
#[derive(Clone, Copy, Debug)]
pub struct WithinHours {
    until: UnixTime,
}

impl Window {
    /// Evidence for an open window.
    ///
    /// # Errors
    /// [`OutsideHours`] for a closed one.
    pub fn admit(self) -> Result<WithinHours, OutsideHours> {
        match self {
            Self::Open { until } => Ok(WithinHours { until }),
            Self::Closed { opens } => Err(OutsideHours { opens }),
        }
    }
}

/// Evidence that an access token may be minted: for whom, from when, until when.
///
/// ```compile_fail
/// // There is no other way to it than `authorize`.
/// let grant = pinlatch::authorize::Grant {
///     subject: unreachable!(), session_id: unreachable!(), issued_at: unreachable!(), expires_at: unreachable!(),
/// };
/// ```
#[derive(Debug)]
pub struct Grant {
    pub(crate) subject: Subject,
    pub(crate) session_id: SessionId,
    pub(crate) issued_at: UnixTime,
    pub(crate) expires_at: UnixTime,
}

/// Grants access to an opened session, no longer than the policy's lifetime, the window, and the session itself.
#[must_use]
pub fn authorize(unlocked: &Unlocked, within: WithinHours, context: &Context<'_>) -> Grant {
    let lifetime = context.now.saturating_add(context.policy.access_token_lifetime());
    Grant {
        subject: unlocked.subject.clone(),
        session_id: unlocked.session_id,
        issued_at: context.now,
        expires_at: lifetime.min(within.until).min(unlocked.session_expires_at),
    }
}
