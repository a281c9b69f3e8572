//! Which sessions end when one more begins.

use crate::id::SessionId;
use crate::policy::Policy;
use crate::session::SessionState;

/// The sessions beyond `max_sessions`, oldest first by login time and id. All of them are live and of one subject.
///
/// Every server orders them alike, so logins at the same time agree on who stays.
#[must_use]
pub fn excess_sessions(mut live: Vec<&SessionState>, policy: &Policy) -> Vec<SessionId> {
    live.sort_by_key(|session| (session.created_at(), session.id()));
    let excess = live.len().saturating_sub(usize::from(policy.max_sessions()));
    live[..excess].iter().map(|session| session.id()).collect()
}
