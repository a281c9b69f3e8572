//! Another access token without a PIN.

use core::time::Duration;

use super::records::{Contended, MAX_SWAPS};
use super::{Service, Sessions};
use crate::access_token::{AccessToken, AccessTokenError, HostClaims, RenewableAccess};
use crate::authorize::Grant;
use crate::id::SessionId;
use crate::observer::Event;
use crate::permission::Denial;
use crate::proof::Accepted;
use crate::renew::{Renewal, RenewalRefused, RequestProof};
use crate::situation::RequestContext;
use crate::store::StoreError;

/// An access token that goes on from another one.
#[derive(Debug)]
#[non_exhaustive]
pub struct RenewedAccess {
    /// For the API. It has no claims of the host's own.
    pub access_token: AccessToken,
    /// What it was minted for: [`Sessions::mint`] makes another one, with claims of the host's own.
    pub grant: Grant,
}

/// Why an access token was not renewed. Texts and sources are for logs; clients are told [`RenewError::code`].
///
/// | variant | `code()` | HTTP | the client |
/// | --- | --- | --- | --- |
/// | `AccessToken` | `invalid_token` | 401 | asks for the PIN |
/// | `Refused` | `pin_required` | 401 | asks for the PIN |
/// | | `invalid_proof` | 401 | signs with the key that its token is bound to; asks for the PIN if there is none |
/// | | `session_ended` | 401 | forgets, asks for a login |
/// | `Denied` | as for an unlock | | |
/// | `Store` | `unavailable` or `overloaded` | 503 with `Retry-After` | retries |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenewError {
    /// Not a token of this service. Unlock.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
    /// Not this token, not with this key, not any more. Unlock, or log in.
    #[error(transparent)]
    Refused(#[from] RenewalRefused),
    /// Outside the hours of use, or not what the criterion allows.
    #[error(transparent)]
    Denied(#[from] Denial),
    /// The store did not answer. Try again later.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl RenewError {
    /// A stable word for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccessToken(error) => error.code(),
            Self::Refused(refused) => refused.code(),
            Self::Denied(denial) => denial.code(),
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Store(error) => Some(error.retry_after()),
            Self::AccessToken(_) | Self::Refused(_) | Self::Denied(_) => None,
        }
    }
}

impl Sessions {
    /// Renews an access token, which may have expired up to the policy's `renewal_window` ago, for a client that has
    /// proven possession of the key it is bound to. Refused unless the policy has a `renewal_limit`.
    ///
    /// To have such a token, mint it after the unlock: `sessions.mint(&opened.grant.bound_to(key), &claims)`.
    ///
    /// # Errors
    /// [`RenewError`].
    pub async fn renew(
        &self,
        access_token: &str,
        proof: RequestProof,
        request: &RequestContext,
    ) -> Result<RenewedAccess, RenewError> {
        let previous = self.0.access_tokens.verifier().verify_for_renewal(access_token, self.0.now())?;
        self.0.renew(&previous, &proof, request).await
    }

    /// As [`Sessions::renew`], for a request that was signed with the key which the service gave out: what comes of
    /// [`Sessions::verify_renewal`]. The client goes on with the key that it has.
    ///
    /// # Errors
    /// [`RenewError`].
    pub async fn renew_signed(
        &self,
        accepted: Accepted<RenewableAccess>,
        request: &RequestContext,
    ) -> Result<RenewedAccess, RenewError> {
        let proof = accepted.renewal_proof().ok_or(RenewalRefused::WrongKey)?;
        self.0.renew(&accepted.access, &proof, request).await
    }
}

impl Service {
    async fn renew(
        &self,
        previous: &RenewableAccess,
        proof: &RequestProof,
        request: &RequestContext,
    ) -> Result<RenewedAccess, RenewError> {
        let renewal = Renewal::admit(previous, proof, &self.policy, self.now())?;
        let (session_id, subject) = (previous.session_id(), previous.subject().clone());
        let grant = self.grant_again(session_id, &renewal, request).await?;
        self.report(&Event::Renewed { session_id, subject });
        Ok(RenewedAccess { access_token: self.mint(&grant, &HostClaims::default()), grant })
    }

    async fn grant_again(
        &self,
        session_id: SessionId,
        renewal: &Renewal<'_>,
        request: &RequestContext,
    ) -> Result<Grant, RenewError> {
        for _ in 0..MAX_SWAPS {
            let loaded = self.load_session(session_id).await?.ok_or(RenewalRefused::SessionEnded)?;
            let now = self.now();
            let subject = self.load_subject(loaded.state.subject(), now).await?;
            let permission = self.permit(&loaded.state, request, now)?;
            let context = self.context_of(request, now);
            let step = renewal.grant(&loaded.state, subject.as_ref(), permission, &context)?;
            let outcome = self.replace_session(loaded.revision, step.state()).await?;
            if let Ok((grant, state)) = step.stored(outcome) {
                // All sessions may have been revoked meanwhile, which is in another record than the one just swapped.
                let now = self.now();
                let subject = self.load_subject(state.subject(), now).await?;
                return match state.check_live(subject.as_ref(), &self.policy, now) {
                    Ok(()) => Ok(grant),
                    Err(_) => Err(RenewalRefused::SessionEnded.into()),
                };
            }
        }
        Err(Contended.into_store_error().into())
    }
}
