//! Is this the time, and are these the circumstances?

use crate::time::UnixTime;

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

/// What a criterion says of a situation. A reason is a stable word for clients, such as `far_away`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Use is allowed.
    Allow {
        /// The first instant at which it is not allowed any more; [`UnixTime::MAX`] if there is none.
        until: UnixTime,
    },
    /// Use is not allowed, and full credentials would not change that.
    Deny {
        /// Why.
        reason: &'static str,
        /// From when on it may be allowed; until then it is not. `None` if waiting does not help.
        retry_at: Option<UnixTime>,
    },
    /// A PIN is not enough: only full credentials help.
    LogInAgain {
        /// Why.
        reason: &'static str,
    },
    /// The request does not say what the criterion must know. It is denied, and so is its opposite.
    Unknown {
        /// What is not known.
        reason: &'static str,
    },
}

impl Verdict {
    /// Allowed for as long as anything else allows it.
    pub const ALLOW: Self = Self::Allow { until: UnixTime::MAX };
}

/// The session may not be used now. No guess was charged and no PIN was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Denial {
    /// Outside the hours of use.
    #[error("outside the hours of use")]
    OutsideHours {
        /// When use is allowed again, if ever.
        opens: Option<UnixTime>,
    },
    /// A criterion is not met.
    #[error("denied: {reason}")]
    Criterion {
        /// The criterion's word for it.
        reason: &'static str,
        /// From when on it may be allowed; until then it is not. `None` if waiting does not help.
        retry_at: Option<UnixTime>,
    },
    /// Only a full login helps.
    #[error("a full login is needed: {reason}")]
    LogInAgain {
        /// The criterion's word for it.
        reason: &'static str,
    },
}

impl Denial {
    /// A stable word for clients: `outside_hours` or `denied` (HTTP 403), or `log_in_again` (401).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::OutsideHours { .. } => "outside_hours",
            Self::Criterion { .. } => "denied",
            Self::LogInAgain { .. } => "log_in_again",
        }
    }
}

/// Evidence that a session may be used, and until when.
///
/// ```compile_fail
/// // There is no other way to it than `permit`.
/// let permission = pinlatch::permission::Permission { until: pinlatch::UnixTime::MAX };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Permission {
    until: UnixTime,
}

impl Permission {
    pub(crate) const fn until(self) -> UnixTime {
        self.until
    }
}

/// Permits what the clock and the criterion both allow at this instant. Without a criterion the verdict is
/// [`Verdict::ALLOW`].
///
/// # Errors
/// [`Denial`]; also when what allows is over already, with the reason `over`.
pub fn permit(window: Window, verdict: Verdict, now: UnixTime) -> Result<Permission, Denial> {
    let open_until = match window {
        Window::Open { until } => until,
        Window::Closed { opens } => return Err(Denial::OutsideHours { opens }),
    };
    match verdict {
        Verdict::Allow { until } if until.min(open_until) <= now => {
            Err(Denial::Criterion { reason: "over", retry_at: None })
        }
        Verdict::Allow { until } => Ok(Permission { until: until.min(open_until) }),
        Verdict::Deny { reason, retry_at } => Err(Denial::Criterion { reason, retry_at }),
        Verdict::LogInAgain { reason } => Err(Denial::LogInAgain { reason }),
        Verdict::Unknown { reason } => Err(Denial::Criterion { reason, retry_at: None }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
    const SOON: UnixTime = UnixTime::from_secs(1_800_000_001);

    /// Until when, or why not.
    fn until(window: Window, verdict: Verdict) -> Result<UnixTime, &'static str> {
        permit(window, verdict, NOW).map(Permission::until).map_err(|denial| denial.code())
    }

    #[test]
    fn the_earlier_end_counts_and_the_hours_speak_first() {
        let (open, ever) = (|until| Window::Open { until }, UnixTime::MAX);
        let allow = |until| Verdict::Allow { until };
        assert_eq!(until(open(SOON), Verdict::ALLOW), Ok(SOON));
        assert_eq!(until(open(ever), allow(SOON)), Ok(SOON));
        assert_eq!(until(Window::Closed { opens: None }, Verdict::LogInAgain { reason: "r" }), Err("outside_hours"));
        assert_eq!(until(open(ever), Verdict::LogInAgain { reason: "r" }), Err("log_in_again"));
        assert_eq!(until(open(ever), Verdict::Unknown { reason: "r" }), Err("denied"));
    }

    #[test]
    fn what_is_over_already_allows_nothing() {
        let open = Window::Open { until: UnixTime::MAX };
        assert_eq!(until(open, Verdict::Allow { until: NOW }), Err("denied"));
        assert_eq!(until(Window::Open { until: NOW }, Verdict::ALLOW), Err("denied"));
    }
}
