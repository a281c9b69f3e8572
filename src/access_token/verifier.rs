//! Verifying: the header is recognized, the signature compared, the claims read, and each of them held against what
//! this service expects.

use core::time::Duration;

use super::claims::Claims;
use super::jwks;
use super::key::{AccessTokenConfigError, AccessTokenVerifyingKey};
use super::template::Template;
use super::{AccessTokenError, BoundAccess, RenewableAccess, VerifiedAccess};
use crate::encoding::decode_public_base64url;
use crate::id::{RequestKeyId, Subject, Tenant};
use crate::time::UnixTime;

/// Verifies the access tokens of one issuer, for one audience and client, in a service that mints none. (One that
/// serves several clients has a verifier for each.)
///
/// ```
/// use pinlatch::access_token::{AccessTokenVerifier, AccessTokenVerifyingKey};
/// use pinlatch::{ClockPolicy, SystemClock};
///
/// # let jwks = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
/// // `jwks` is what the issuer publishes at `/.well-known/jwks.json`.
/// let keys = AccessTokenVerifyingKey::from_jwks(jwks)?;
/// let verifier = AccessTokenVerifier::new(keys, "https://id.example", "https://api.example", "app")?;
///
/// // For each request; the time is always the caller's.
/// # let token = "";
/// match verifier.verify(token, SystemClock.now()) {
///     Ok(access) => println!("for {}", access.subject),
///     Err(error) => println!("401 {}: {error}", error.code()),
/// }
/// # Ok::<_, pinlatch::access_token::AccessTokenConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct AccessTokenVerifier {
    keys: Vec<AccessTokenVerifyingKey>,
    template: Template,
    leeway: Duration,
}

impl AccessTokenVerifier {
    /// The most bytes a token may have to be looked at.
    pub const MAX_LEN: usize = 4608;
    /// The most keys at once.
    pub const MAX_KEYS: usize = 8;
    /// What no policy's `access_token_lifetime` exceeds, and no token therefore may.
    const MAX_LIFETIME: Duration = Duration::from_secs(3600);

    /// For tokens of `issuer` (`iss`), meant for the API `audience` (`aud`), used by the client `client_id`.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Name`] when one of them is empty, longer than 200 bytes, or has a control character;
    /// [`AccessTokenConfigError::DuplicateKeyId`]; [`AccessTokenConfigError::TooManyKeys`];
    /// [`AccessTokenConfigError::NoKey`].
    pub fn new(
        keys: impl IntoIterator<Item = AccessTokenVerifyingKey>,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Result<Self, AccessTokenConfigError> {
        let (issuer, audience, client_id) = (issuer.into(), audience.into(), client_id.into());
        let valid = |name: &String| (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
        if ![&issuer, &audience, &client_id].into_iter().all(valid) {
            return Err(AccessTokenConfigError::Name);
        }
        let template = Template::new(issuer, audience, client_id, Tenant::default());
        let verifier = Self { keys: Vec::new(), template, leeway: Duration::from_secs(5) };
        let verifier = keys.into_iter().try_fold(verifier, Self::with_key)?;
        if verifier.keys.is_empty() { Err(AccessTokenConfigError::NoKey) } else { Ok(verifier) }
    }

    /// Accepts the tokens of one more key: of the one that will sign next, or of the one that did before.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::DuplicateKeyId`]; [`AccessTokenConfigError::TooManyKeys`].
    pub fn with_key(mut self, key: AccessTokenVerifyingKey) -> Result<Self, AccessTokenConfigError> {
        if self.keys.iter().any(|known| known.id() == key.id()) {
            return Err(AccessTokenConfigError::DuplicateKeyId);
        }
        if self.keys.len() == Self::MAX_KEYS {
            return Err(AccessTokenConfigError::TooManyKeys);
        }
        self.keys.push(key);
        Ok(self)
    }

    /// For the sessions of one tenant: its tokens carry the claim `tenant`, and those of all others are refused.
    #[must_use]
    pub fn for_tenant(self, tenant: Tenant) -> Self {
        Self { template: self.template.for_tenant(tenant), ..self }
    }

    /// How far in the future `iat` may lie, because two servers' clocks differ: 5 seconds unless set, at most 60.
    /// Expiry has no leeway.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway: leeway.min(Duration::from_secs(60)), ..self }
    }

    #[cfg(feature = "service")]
    pub(crate) const fn leeway(&self) -> Duration {
        self.leeway
    }

    /// The public keys as a JSON Web Key Set (RFC 7517, RFC 8037), for `/.well-known/jwks.json`. An HS256 key is not
    /// public and does not occur in it.
    #[must_use]
    pub fn jwks(&self) -> String {
        jwks::write(&self.keys)
    }

    pub(super) const fn template(&self) -> &Template {
        &self.template
    }

    /// Verifies a bearer token without asking a store: a session revoked since is still believed until `exp`.
    ///
    /// # Errors
    /// [`AccessTokenError`] with the reason, for logs; the outside is told nothing but `invalid_token`.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedAccess, AccessTokenError> {
        match self.read(token, now, Duration::ZERO)? {
            (access, None) => Ok(access),
            (_, Some(_)) => Err(AccessTokenError::ProofRequired),
        }
    }

    /// Verifies a token that is bound to a key of its client. It is worth nothing alone: the request must be signed
    /// with that key, or the route must ask for [no signature](BoundAccess::without_proof).
    ///
    /// # Errors
    /// [`AccessTokenError`]; [`AccessTokenError::NotBound`] for a bearer token.
    pub fn verify_bound(&self, token: &str, now: UnixTime) -> Result<BoundAccess, AccessTokenError> {
        match self.read(token, now, Duration::ZERO)? {
            (access, Some(key)) => Ok(BoundAccess { access, key }),
            (_, None) => Err(AccessTokenError::NotBound),
        }
    }

    /// Verifies a token, bound or not, that may have expired long ago. [`renew`](crate::renew) says whether it is too
    /// late.
    ///
    /// # Errors
    /// [`AccessTokenError`].
    pub fn verify_for_renewal(&self, token: &str, now: UnixTime) -> Result<RenewableAccess, AccessTokenError> {
        let (access, bound_to) = self.read(token, now, Duration::MAX)?;
        Ok(RenewableAccess { access, bound_to })
    }

    /// What an authentic token of ours says, whether a bearer's or bound. It may have expired up to `grace` ago.
    fn read(
        &self,
        token: &str,
        now: UnixTime,
        grace: Duration,
    ) -> Result<(VerifiedAccess, Option<RequestKeyId>), AccessTokenError> {
        let json = decode_public_base64url(self.authentic(token)?).map_err(|_| AccessTokenError::BadClaims)?;
        let claims = self.template.read(&json)?;
        self.check_times(&claims, now, grace)?;
        let access = VerifiedAccess {
            subject: Subject::new(&claims.sub).map_err(|_| AccessTokenError::BadClaims)?,
            session_id: claims.sid,
            token_id: claims.jti,
            issued_at: claims.iat,
            expires_at: claims.exp,
            authenticated_at: claims.auth_time,
            unlocked_with: claims.amr,
            host_claims: claims.host,
        };
        Ok((access, claims.cnf))
    }

    /// The payload of a token that one of the keys signed.
    fn authentic<'t>(&self, token: &'t str) -> Result<&'t str, AccessTokenError> {
        if token.len() > Self::MAX_LEN {
            return Err(AccessTokenError::TooLong);
        }
        let key = self.keys.iter().find(|key| token.starts_with(key.header()));
        let key = key.ok_or(AccessTokenError::UnknownHeader)?;
        let (signed, signature) = token.rsplit_once('.').ok_or(AccessTokenError::UnknownHeader)?;
        // A token of two parts has nothing between its header and its last dot.
        let payload = signed.get(key.header().len()..).ok_or(AccessTokenError::UnknownHeader)?;
        key.verify(signed, signature).map_err(|_| AccessTokenError::BadSignature)?;
        Ok(payload)
    }

    fn check_times(&self, claims: &Claims<'_>, now: UnixTime, grace: Duration) -> Result<(), AccessTokenError> {
        if claims.exp.saturating_add(grace) <= now {
            return Err(AccessTokenError::Expired);
        }
        if claims.iat > now.saturating_add(self.leeway) {
            return Err(AccessTokenError::NotYetValid);
        }
        let lives_too_long = claims.iat.until(claims.exp) > Self::MAX_LIFETIME;
        if lives_too_long || claims.auth_time > claims.iat { Err(AccessTokenError::BadClaims) } else { Ok(()) }
    }
}
