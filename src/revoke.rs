//! Which sessions end when one more begins.

use core::time::Duration;

use crate::id::SessionId;
use crate::policy::Policy;
use crate::session::SessionState;
use crate::time::UnixTime;

/// How far servers' clocks may be apart for the order of logins to hold.
pub(crate) const MOST_SKEW: Duration = Duration::from_secs(300);

/// The sessions beyond `max_sessions`, oldest first by login time and id; those from a future that no honest clock
/// shows come before all. All of them are live and of one subject.
///
/// Every server orders them alike, so logins at the same time agree on who stays.
#[must_use]
pub fn excess_sessions(mut live: Vec<&SessionState>, policy: &Policy, now: UnixTime) -> Vec<SessionId> {
    let latest = now.saturating_add(MOST_SKEW);
    live.sort_by_key(|session| (session.created_at() <= latest, session.created_at(), session.id()));
    let excess = live.len().saturating_sub(usize::from(policy.max_sessions()));
    live[..excess].iter().map(|session| session.id()).collect()
}

/// A login time after that of all earlier logins, or a session that begins on a server whose clock is behind would
/// count as the oldest.
#[must_use]
pub fn login_time(earlier: &[SessionState], now: UnixTime) -> UnixTime {
    let latest = now.saturating_add(MOST_SKEW);
    let newest = earlier.iter().map(SessionState::created_at).filter(|at| *at < latest).max();
    newest.map_or(now, |newest| now.max(newest.saturating_add(Duration::from_millis(1))))
}
