//! For whom an access token may be minted, and until when.

use crate::context::Context;
use crate::id::{RequestKeyId, SessionId, Subject, Tenant};
use crate::permission::Permission;
use crate::session::LockKind;
use crate::time::UnixTime;
use crate::unlock::Unlocked;

/// Evidence that an access token may be minted: for whom, from when, until when.
///
/// ```compile_fail
/// // There is no other way to it than `authorize` and `renew`.
/// let grant = pinlatch::authorize::Grant {
///     tenant: unreachable!(), subject: unreachable!(), session_id: unreachable!(), issued_at: unreachable!(), expires_at: unreachable!(),
///     authenticated_at: unreachable!(), unlocked_with: unreachable!(), bound_to: unreachable!(),
/// };
/// ```
#[derive(Debug)]
pub struct Grant {
    pub(crate) tenant: Tenant,
    pub(crate) subject: Subject,
    pub(crate) session_id: SessionId,
    pub(crate) issued_at: UnixTime,
    pub(crate) expires_at: UnixTime,
    pub(crate) authenticated_at: UnixTime,
    pub(crate) unlocked_with: LockKind,
    pub(crate) bound_to: Option<RequestKeyId>,
}

impl Grant {
    /// The first instant at which the grant is over.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// The same for a token that is bound to another key.
    #[cfg(feature = "service")]
    pub(crate) fn rebound_to(&self, key: RequestKeyId) -> Self {
        let Self { tenant, subject, .. } = self;
        Self { tenant: tenant.clone(), subject: subject.clone(), bound_to: Some(key), ..*self }
    }

    /// Binds the token to a key of the client: it is then accepted by
    /// [`verify_bound`](crate::access_token::AccessTokenVerifier::verify_bound) only.
    #[must_use]
    pub fn bound_to(self, key: RequestKeyId) -> Self {
        Self { bound_to: Some(key), ..self }
    }
}

/// Grants access to an opened session, no longer than the policy's lifetime, the permission, and the session itself.
#[must_use]
pub fn authorize<T>(unlocked: &Unlocked<T>, permission: Permission, context: &Context<'_>) -> Grant {
    let lifetime = context.now.saturating_add(context.policy.access_token_lifetime());
    Grant {
        tenant: context.keys.tenant().clone(),
        subject: unlocked.subject.clone(),
        session_id: unlocked.session_id,
        // A clock that ran backwards since makes no token that was issued before its unlock.
        issued_at: context.now.max(unlocked.unlocked_at),
        expires_at: lifetime.min(permission.until()).min(unlocked.session_expires_at),
        authenticated_at: unlocked.unlocked_at,
        unlocked_with: unlocked.lock_kind,
        bound_to: None,
    }
}
