//! Which sessions end: when one more begins, and when a device logs out.

use core::time::Duration;

use crate::id::SessionId;
use crate::keyring::Keys;
use crate::plain::named_session;
use crate::policy::Policy;
use crate::session::SessionState;
use crate::time::UnixTime;
use crate::wrap::{InvalidWrappedToken, PresentedWrap};

/// How far servers' clocks may be apart for the order of logins to hold.
pub(crate) const MOST_SKEW: Duration = Duration::from_secs(300);

/// The sessions beyond `max_sessions`, oldest first by login time and id; those from a future that no honest clock shows
/// come before all. All of them are live and of one subject.
///
/// Every server orders them alike, so logins at the same time agree on who stays.
#[must_use]
pub fn excess_sessions(mut live: Vec<&SessionState>, policy: &Policy, now: UnixTime) -> Vec<SessionId> {
    let latest = now.saturating_add(MOST_SKEW);
    live.sort_by_key(|session| (session.created_at() <= latest, session.created_at(), session.id()));
    let excess = live.len().saturating_sub(usize::from(policy.max_sessions()));
    live[..excess].iter().map(|session| session.id()).collect()
}

/// The session of what a device keeps: of a wrapped token, or of the [handle](crate::client::PinLocked::handle) of one that
/// the client has locked. It says nothing about who asks: whoever has a copy of a token could end the session with wrong
/// PINs, too.
///
/// # Errors
/// [`InvalidWrappedToken`], one answer for every cause.
pub fn session_of(kept: &str, keys: &Keys, policy: &Policy) -> Result<SessionId, InvalidWrappedToken> {
    let of_wrap = PresentedWrap::open(kept, keys, policy).map(|presented| presented.session_id());
    of_wrap.or_else(|InvalidWrappedToken| named_session(kept, keys).map_err(|_| InvalidWrappedToken))
}

/// A login time after that of all earlier logins, or a session that begins on a server whose clock is behind would
/// count as the oldest.
#[must_use]
pub fn login_time(earlier: &[SessionState], now: UnixTime) -> UnixTime {
    let latest = now.saturating_add(MOST_SKEW);
    let newest = earlier.iter().map(SessionState::created_at).filter(|at| *at < latest).max();
    newest.map_or(now, |newest| now.max(newest.saturating_add(Duration::from_millis(1))))
}
