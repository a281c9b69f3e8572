//! The short-lived access token: a JWT (RFC 7519) in the profile of RFC 9068, minted and verified strictly (RFC 8725).
//!
//! The header of our tokens is one known string for each key. It is recognized, never parsed: there is no algorithm to
//! confuse, no `kid` to inject, no `crit` to overlook.
//!
//! | claim | is |
//! | --- | --- |
//! | `iss`, `aud`, `client_id` | as configured, each a string |
//! | `sub` | the subject |
//! | `sid` | the session |
//! | `jti` | 16 random bytes, base64url |
//! | `iat`, `exp` | when it was granted, and the first second at which it is refused |
//! | `auth_time`, `amr` | when and how the session was unlocked (RFC 8176): `["pin"]`; `["pin","swk"]` where the PIN stayed on the device; `["user"]` for a fingerprint, a face, or a touch |
//! | `tenant` | the tenant; not there for the default one, and only for that |
//! | `cnf` | only in a token that is [bound](AccessTokenVerifier::verify_bound): the key of its client (RFC 7800 §3.4) |
//! | any other name | [claims of the host's own](HostClaims) |
//!
//! The claims of the profile are all required, but for `tenant` and `cnf`. Each claim may occur once, and its name has
//! no escapes. The order is free; `amr` and `cnf` are written without spaces.
//!
//! The headers are `{"typ":"at+jwt","alg":"EdDSA","kid":"…"}` and `{"typ":"at+jwt","alg":"HS256","kid":"…"}`, in this
//! order and without spaces, as many libraries write them.
//!
//! # Keys
//!
//! Other services verify with the public key of an [Ed25519](AccessTokenKey::ed25519) key, in any language; they find
//! it in the [JSON Web Key Set](AccessTokenVerifier::jwks). A new key comes in three steps, each on all servers before
//! the next: [publish](AccessTokens::with_verifying_key) its verifying key beside the present one; when every verifier
//! has fetched the key set, sign with it and keep the former as verifying key; drop the former after
//! `access_token_lifetime`, and `renewal_window` where tokens are renewed. At no step is a good token refused. A step
//! is a new [`Sessions`](crate::Sessions) over the same store; nothing but these settings changes.
//!
//! ```
//! use pinlatch::access_token::{AccessTokenConfigError, AccessTokenKey, AccessTokens};
//!
//! # fn rotation(old: AccessTokenKey, new: AccessTokenKey) -> Result<(), AccessTokenConfigError> {
//! let signing_with = |key: &AccessTokenKey| {
//!     AccessTokens::new(key.clone(), "https://id.example", "https://api.example", "app")
//! };
//! let publish = signing_with(&old)?.with_verifying_key(new.verifying_key())?;
//! let switch = signing_with(&new)?.with_verifying_key(old.verifying_key())?;
//! let finish = signing_with(&new)?;
//! # drop((publish, switch, finish));
//! # Ok(())
//! # }
//! ```

mod any_order;
mod claims;
mod host_claims;
mod jwks;
mod key;
mod template;
mod verifier;

use core::time::Duration;

use rand_core::CryptoRng;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

pub use self::host_claims::{HostClaims, HostClaimsError};
pub use self::key::{AccessTokenConfigError, AccessTokenKey, AccessTokenVerifyingKey};
pub use self::verifier::AccessTokenVerifier;

use crate::authorize::Grant;
use crate::encoding::{push_public_base64url, text_len};
use crate::id::{RequestKeyId, SessionId, Subject, Tenant, TokenId};
use crate::session::LockKind;
use crate::time::UnixTime;

/// The token of an `Authorization` header whose scheme is `Bearer`, in letters of any case (RFC 6750, RFC 9110 §11.1).
///
/// ```
/// use pinlatch::access_token::bearer_token;
///
/// assert_eq!(bearer_token(b"Bearer eyJ"), Some("eyJ"));
/// assert_eq!(bearer_token(b"Basic YTpi"), None);
/// ```
#[must_use]
pub fn bearer_token(authorization: &[u8]) -> Option<&str> {
    bearer_token_of(core::str::from_utf8(authorization).ok()?)
}

/// The same, of a header that is text.
pub(crate) fn bearer_token_of(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start_matches(' '))
}

/// Mints and verifies the access tokens of one issuer for one audience and client.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    key: AccessTokenKey,
    /// Encoded, with its dot.
    header: String,
    verifier: AccessTokenVerifier,
}

impl AccessTokens {
    /// For tokens of `issuer` (`iss`), meant for the API `audience` (`aud`), used by the client `client_id`.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Name`] when one of them is empty, longer than 200 bytes, or has a control
    /// character.
    pub fn new(
        key: AccessTokenKey,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Result<Self, AccessTokenConfigError> {
        let verifying_key = key.verifying_key();
        let header = verifying_key.header().to_owned();
        let verifier = AccessTokenVerifier::new([verifying_key], issuer, audience, client_id)?;
        Ok(Self { key, header, verifier })
    }

    /// Accepts and publishes one more key: the one that will sign next, or the one that did before.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::DuplicateKeyId`]; [`AccessTokenConfigError::TooManyKeys`].
    pub fn with_verifying_key(self, key: AccessTokenVerifyingKey) -> Result<Self, AccessTokenConfigError> {
        Ok(Self { verifier: self.verifier.with_key(key)?, ..self })
    }

    /// As [`AccessTokenVerifier::for_tenant`]. [`Sessions`](crate::Sessions) does this by itself.
    #[must_use]
    pub fn for_tenant(self, tenant: Tenant) -> Self {
        Self { verifier: self.verifier.for_tenant(tenant), ..self }
    }

    /// As [`AccessTokenVerifier::with_leeway`].
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { verifier: self.verifier.with_leeway(leeway), ..self }
    }

    /// What verifies these tokens.
    #[must_use]
    pub const fn verifier(&self) -> &AccessTokenVerifier {
        &self.verifier
    }

    /// Mints the token of a grant, with claims of the host's own ([`HostClaims::default`] has none).
    #[must_use]
    pub fn mint<R: CryptoRng + ?Sized>(&self, grant: &Grant, claims: &HostClaims, rng: &mut R) -> AccessToken {
        let json = self.verifier.template().write(grant, TokenId::random(rng), claims);
        let issued_at = UnixTime::from_secs(grant.issued_at.as_secs());
        let expires_at = UnixTime::from_secs(grant.expires_at.as_secs());
        AccessToken { text: Zeroizing::new(self.sign(&json)), issued_at, expires_at }
    }

    fn sign(&self, json: &str) -> String {
        const LONGEST_SIGNATURE: usize = text_len(64);
        let capacity = self.header.len() + text_len(json.len()) + 1 + LONGEST_SIGNATURE;
        let mut text = String::with_capacity(capacity);
        text.push_str(&self.header);
        push_public_base64url(&mut text, json.as_bytes());
        self.key.sign(&mut text);
        text
    }
}

/// A minted token. Shown to nobody but its session.
pub struct AccessToken {
    text: Zeroizing<String>,
    issued_at: UnixTime,
    expires_at: UnixTime,
}

impl AccessToken {
    /// The compact serialization, for an `Authorization: Bearer` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its `exp`, a whole second.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// How long it lived when it was minted: `exp - iat`, as `expires_in` of a token response (RFC 6749 §5.1).
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        self.issued_at.until(self.expires_at)
    }
}

impl core::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

/// Evidence that an access token is authentic and in force.
///
/// ```compile_fail
/// // There is no other way to it than `AccessTokenVerifier::verify`.
/// let access = pinlatch::access_token::VerifiedAccess {
///     subject: unreachable!(), session_id: unreachable!(), token_id: unreachable!(), issued_at: unreachable!(),
///     expires_at: unreachable!(), authenticated_at: unreachable!(), unlocked_with: unreachable!(),
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAccess {
    /// For whom.
    pub subject: Subject,
    /// From which session.
    pub session_id: SessionId,
    /// The token's `jti`.
    pub token_id: TokenId,
    /// Its `iat`.
    pub issued_at: UnixTime,
    /// Its `exp`: the first instant at which it is refused.
    pub expires_at: UnixTime,
    /// When the session was unlocked, its `auth_time`. An API that wants a recent PIN looks here.
    pub authenticated_at: UnixTime,
    /// With which lock the session was unlocked, its `amr`.
    pub unlocked_with: LockKind,
    host_claims: HostClaims,
}

impl VerifiedAccess {
    /// The claims of the host's own, as its type.
    ///
    /// # Errors
    /// What `serde_json` says when they are not of that type.
    pub fn claims<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        self.host_claims.read()
    }
}

/// Evidence that a token is authentic, in force, and bound to a key. Access needs a request that this key has signed.
#[derive(Debug)]
#[must_use = "a bound token is worth nothing without a request signed with its key"]
pub struct BoundAccess {
    access: VerifiedAccess,
    key: RequestKeyId,
}

impl BoundAccess {
    /// Which key the request must be signed with.
    #[must_use]
    pub const fn key(&self) -> RequestKeyId {
        self.key
    }

    /// The access, once the host has verified that the request was signed with this key.
    #[must_use]
    pub fn proven_by_host(self) -> VerifiedAccess {
        self.access
    }

    /// The access for whoever holds the token, as if it were a bearer's: for routes that ask for no signature, in
    /// services whose clients have one token for all routes. Look for a
    /// [signature](crate::proof::RequestParts::is_signed) first: a request that has one must not be taken for a
    /// bearer's.
    #[must_use]
    pub fn without_proof(self) -> VerifiedAccess {
        self.access
    }
}

/// Evidence that a token is authentic. It may have expired.
#[derive(Debug)]
#[must_use = "a token is renewed by `renew::Renewal`"]
pub struct RenewableAccess {
    pub(crate) access: VerifiedAccess,
    pub(crate) bound_to: Option<RequestKeyId>,
}

impl RenewableAccess {
    /// Which key the request must be signed with. A bearer token has none, and is not renewed.
    #[must_use]
    pub const fn key(&self) -> Option<RequestKeyId> {
        self.bound_to
    }

    /// From which session.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.access.session_id
    }

    /// For whom.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.access.subject
    }

    /// Its `iat`.
    #[must_use]
    pub const fn issued_at(&self) -> UnixTime {
        self.access.issued_at
    }
}

/// Why an access token is refused. The texts are for logs; clients are told [`AccessTokenError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// Longer than [`AccessTokenVerifier::MAX_LEN`].
    #[error("the access token is too long")]
    TooLong,
    /// The header is not that of one of our keys: another algorithm, type, key, spelling, or not a token at all.
    #[error("the access token's header is not ours")]
    UnknownHeader,
    /// The signature does not match.
    #[error("the access token's signature does not match")]
    BadSignature,
    /// A claim is missing, reserved, there twice, of the wrong type, or says what no token of ours says.
    #[error("the access token's claims are not ours")]
    BadClaims,
    /// From another issuer, for another audience, client or tenant.
    #[error("the access token is meant for somebody else")]
    NotForUs,
    /// Issued in the future by more than the leeway.
    #[error("the access token is not valid yet")]
    NotYetValid,
    /// Over. Unlock the session for another one.
    #[error("the access token has expired")]
    Expired,
    /// Bound to a key, and presented as if it were a bearer token. Ask for a signed request.
    #[error("the access token is bound to a key, which was not used")]
    ProofRequired,
    /// A bearer token where a bound one is asked for.
    #[error("the access token is not bound to a key")]
    NotBound,
}

impl AccessTokenError {
    /// The one word for clients, whatever the reason: `invalid_token` (RFC 6750 §3.1). HTTP 401.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid_token"
    }
}
