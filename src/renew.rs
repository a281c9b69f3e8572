//! Another access token without a PIN, for a limited time after an unlock. Off unless the [policy](crate::Policy) says
//! otherwise.

use crate::access_token::RenewableAccess;
use crate::authorize::Grant;
use crate::context::Context;
use crate::permission::Permission;
use crate::session::SessionState;
use crate::subject::SubjectState;
use crate::unlock::Uncommitted;

/// Evidence that the request which asks for the renewal comes from the client that unlocked the session. A token alone
/// is not enough: whoever reads one in a log could go on with it.
#[derive(Debug)]
pub struct RequestProof(());

impl RequestProof {
    /// The host vouches that it has verified a proof of possession, made for this very request with a key that the
    /// client got or showed when it unlocked: a DPoP proof (RFC 9449), say, or a client certificate (RFC 8705).
    #[must_use]
    pub const fn vouched_by_host() -> Self {
        Self(())
    }
}

/// Why an access token is not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalRefused {
    /// Renewal is off, too late, or over. Unlock the session with its PIN.
    #[error("the session must be unlocked with its PIN")]
    PinRequired,
    /// The session is over. Only a full login helps.
    #[error("the session has ended")]
    SessionEnded,
}

/// Grants access for another while: no longer than the policy's lifetime, the permission, the session itself, and
/// `renewal_limit` after the unlock. What comes out must be stored before the grant exists; it counts as use of the
/// session, so its idle timeout starts anew.
///
/// # Errors
/// [`RenewalRefused`].
pub fn renew(
    previous: &RenewableAccess,
    _proof: &RequestProof,
    state: &SessionState,
    subject: Option<&SubjectState>,
    permission: Permission,
    context: &Context<'_>,
) -> Result<Uncommitted<Grant>, RenewalRefused> {
    let Context { policy, now, .. } = *context;
    let access = &previous.access;
    let same = access.session_id == state.id && access.subject == state.subject;
    if !same || state.check_live(subject, policy, now).is_err() {
        return Err(RenewalRefused::SessionEnded);
    }
    let ends_at = access.authenticated_at.saturating_add(policy.renewal_limit());
    let in_time = now < access.expires_at.saturating_add(policy.renewal_window()) && now < ends_at;
    // Whoever knew only a PIN that was changed since must not go on.
    let pin_stands = state
        .locks
        .iter()
        .any(|lock| lock.kind == access.unlocked_with && lock.set_at.as_secs() <= access.authenticated_at.as_secs());
    if !in_time || !pin_stands {
        return Err(RenewalRefused::PinRequired);
    }
    let mut state = state.clone();
    state.touch(context);
    let lifetime = now.saturating_add(policy.access_token_lifetime());
    let grant = Grant {
        subject: state.subject.clone(),
        session_id: state.id,
        issued_at: now,
        expires_at: lifetime.min(permission.until()).min(state.expires_at(policy)).min(ends_at),
        authenticated_at: access.authenticated_at,
        unlocked_with: access.unlocked_with,
        bound_to: previous.bound_to,
    };
    Ok(Uncommitted::new(state, grant))
}
