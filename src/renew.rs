//! Another access token without a PIN, for a limited time after an unlock. Off unless the [policy](crate::Policy) says
//! otherwise.
//!
//! A token alone is never enough: whoever reads one in a log could go on with it. So only a token that is
//! [bound](crate::authorize::Grant::bound_to) to a key of its client is renewed, for a request that was signed with
//! that key, and what comes out is bound to it again.
//!
//! ```
//! # #[cfg(feature = "service")]
//! # async fn story(sessions: pinlatch::Sessions, opened: pinlatch::UnlockedSession, thumbprint: [u8; 32]) -> Result<(), Box<dyn std::error::Error>> {
//! use pinlatch::RequestContext;
//! use pinlatch::id::RequestKeyId;
//! use pinlatch::renew::RequestProof;
//!
//! // With `Policy::builder().renewal_limit(…)`. At the unlock the client showed a key, and proved that it has it.
//! let key = RequestKeyId::from_bytes(*thumbprint.first_chunk().ok_or("too short")?);
//! let no_claims = serde_json::json!({});
//! let token = sessions.mint(&opened.grant.bound_to(key), &no_claims)?;
//!
//! // Whenever the token is about to end, and the host has verified a proof with the same key:
//! let request = RequestContext::new();
//! let renewed = sessions.renew(token.as_str(), RequestProof::vouched_by_host(key), &request).await?;
//! # drop(renewed);
//! # Ok(())
//! # }
//! ```

use crate::access_token::RenewableAccess;
use crate::authorize::Grant;
use crate::context::Context;
use crate::id::RequestKeyId;
use crate::permission::Permission;
use crate::policy::Policy;
use crate::session::SessionState;
use crate::subject::SubjectState;
use crate::time::UnixTime;
use crate::unlock::Uncommitted;

/// Evidence that a request was signed with a key of the client.
#[derive(Debug)]
pub struct RequestProof {
    key: RequestKeyId,
}

impl RequestProof {
    /// The host vouches that it has verified a proof of possession of this key, made for this very request and not seen
    /// before: a DPoP proof (RFC 9449), say, or a client certificate (RFC 8705). The id is any 20 bytes that name the
    /// key and no other, such as the beginning of its thumbprint.
    #[must_use]
    pub const fn vouched_by_host(key: RequestKeyId) -> Self {
        Self { key }
    }
}

/// Why an access token is not renewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RenewalRefused {
    /// Renewal is off, too late, or over. Unlock the session with its PIN.
    #[error("the session must be unlocked with its PIN")]
    PinRequired,
    /// The token is a bearer's, or bound to another key than the one that signed the request.
    #[error("the access token is not bound to the key that signed the request")]
    WrongKey,
    /// The session is over. Only a full login helps.
    #[error("the session has ended")]
    SessionEnded,
}

impl RenewalRefused {
    /// A stable word for clients: `pin_required`, `invalid_proof` or `session_ended`. HTTP 401.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::PinRequired => "pin_required",
            Self::WrongKey => "invalid_proof",
            Self::SessionEnded => "session_ended",
        }
    }
}

/// Evidence that a token may be renewed, as far as it can tell without its session.
#[derive(Debug)]
pub struct Renewal<'a> {
    previous: &'a RenewableAccess,
    key: RequestKeyId,
}

impl<'a> Renewal<'a> {
    /// Checks that the token is bound to the key that signed the request, and that it is not too late.
    ///
    /// # Errors
    /// [`RenewalRefused::PinRequired`]; [`RenewalRefused::WrongKey`].
    pub fn admit(
        previous: &'a RenewableAccess,
        proof: &RequestProof,
        policy: &Policy,
        now: UnixTime,
    ) -> Result<Self, RenewalRefused> {
        let renewal = Self { previous, key: proof.key };
        let access = &previous.access;
        let until = access.expires_at.saturating_add(policy.renewal_window()).min(renewal.ends_at(policy));
        // Before the unlock, by a clock that is behind, nothing is renewed: a limit of zero is never met.
        let in_time = access.authenticated_at <= now && now < until;
        if !in_time {
            return Err(RenewalRefused::PinRequired);
        }
        if previous.bound_to == Some(proof.key) { Ok(renewal) } else { Err(RenewalRefused::WrongKey) }
    }

    fn ends_at(&self, policy: &Policy) -> UnixTime {
        self.previous.access.authenticated_at.saturating_add(policy.renewal_limit())
    }

    /// Grants access for another while: no longer than the policy's lifetime, the permission, the session itself, and
    /// `renewal_limit` after the unlock. The state must be stored before the grant exists; this counts as use of the
    /// session, so its idle timeout starts anew.
    ///
    /// # Errors
    /// [`RenewalRefused::SessionEnded`]; [`RenewalRefused::PinRequired`] when the PIN was changed since the unlock, or
    /// less than a second would be left.
    pub fn grant(
        &self,
        state: &SessionState,
        subject: Option<&SubjectState>,
        permission: Permission,
        context: &Context<'_>,
    ) -> Result<Uncommitted<Grant>, RenewalRefused> {
        let Context { keys, policy, now, .. } = *context;
        let access = &self.previous.access;
        let same = access.session_id == state.id && access.subject == state.subject;
        if !same || state.check_live(subject, policy, now).is_err() {
            return Err(RenewalRefused::SessionEnded);
        }
        // Whoever knew only a PIN that was changed since must not go on.
        let mut locks = state.locks.iter().filter(|lock| lock.kind == access.unlocked_with);
        let pin_stands = locks.any(|lock| lock.set_at <= access.authenticated_at);
        let mut state = state.clone();
        state.touch(context);
        let lifetime = now.saturating_add(policy.access_token_lifetime());
        let expires_at = lifetime.min(permission.until()).min(state.expires_at(policy)).min(self.ends_at(policy));
        if !pin_stands || expires_at.as_secs() <= now.as_secs() {
            return Err(RenewalRefused::PinRequired);
        }
        let grant = Grant {
            tenant: keys.tenant().clone(),
            subject: state.subject.clone(),
            session_id: state.id,
            issued_at: now,
            expires_at,
            authenticated_at: access.authenticated_at,
            unlocked_with: access.unlocked_with,
            bound_to: Some(self.key),
        };
        Ok(Uncommitted::new(state, grant))
    }
}
