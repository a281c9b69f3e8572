//! Keys of access tokens. The algorithm is a property of the key; no token chooses it.

use subtle::ConstantTimeEq;

use crate::crypto::{MacKey, NotAuthentic, PublicKey, SignatureKey, signing_secret};
use crate::encoding::{decode_public_array, push_base64url, text_len};
use crate::id::{KeyId, NameError};

/// Settings that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenConfigError {
    /// The secret does not have exactly 32 random bytes: another length, all bytes alike, or hexadecimal digits. (For
    /// HS256 a shorter one is weak, and a longer one would have other keys that sign alike.)
    #[error("the signing secret has exactly 32 random bytes, not all alike (hexadecimal text counts half: decode it)")]
    Secret,
    /// Not the 32 bytes of an Ed25519 public key, or of one for which anybody can sign.
    #[error("not an Ed25519 public key of 32 bytes")]
    PublicKey,
    /// A key id has 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[error("a key id has 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    KeyId,
    /// Two keys have the same key id. A token names its key by it.
    #[error("two keys have the same key id")]
    DuplicateKeyId,
    /// No key at all; a key set of others may have none that is for us.
    #[error("there is no key to verify with")]
    NoKey,
    /// More than [`AccessTokenVerifier::MAX_KEYS`](super::AccessTokenVerifier::MAX_KEYS) keys.
    #[error("too many keys: retired ones can go when their last token has expired")]
    TooManyKeys,
    /// Not a JSON Web Key Set.
    #[error("not a JSON Web Key Set")]
    Jwks,
    /// Issuer, audience and client id have 1 to 200 bytes.
    #[error("issuer, audience and client id have 1 to 200 bytes and no control characters")]
    Name,
}

/// A key that signs access tokens.
#[derive(Clone)]
pub struct AccessTokenKey {
    id: KeyId,
    signer: Signer,
}

#[derive(Clone)]
enum Signer {
    Hs256(MacKey),
    Ed25519(SignatureKey),
}

impl AccessTokenKey {
    /// A key for EdDSA with Ed25519 (RFC 8037), from the 32 random bytes that are its secret half (RFC 8032 §5.1.5).
    ///
    /// Whoever has the [public half](Self::verifying_key) can verify tokens and cannot mint any. This is the key to
    /// choose when services other than the issuer verify.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Secret`] or [`AccessTokenConfigError::KeyId`].
    pub fn ed25519(key_id: &str, secret: &[u8]) -> Result<Self, AccessTokenConfigError> {
        let key = SignatureKey::from_seed(strong(secret)?);
        Ok(Self { id: KeyId::new(key_id)?, signer: Signer::Ed25519(key) })
    }

    /// A key for HMAC-SHA256 (`HS256`, RFC 7518 §3.2). Whoever verifies with it can mint as well, so it is shared with
    /// nobody. It is not derived from the pepper.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Secret`] or [`AccessTokenConfigError::KeyId`].
    pub fn hs256(key_id: &str, secret: &[u8]) -> Result<Self, AccessTokenConfigError> {
        let key = MacKey::new(strong(secret)?);
        Ok(Self { id: KeyId::new(key_id)?, signer: Signer::Hs256(key) })
    }

    /// The half that verifies. Of an HS256 key it is as secret as the key.
    #[must_use]
    pub fn verifying_key(&self) -> AccessTokenVerifyingKey {
        let verifier = match &self.signer {
            Signer::Hs256(key) => Verifier::Hs256(key.clone()),
            Signer::Ed25519(key) => Verifier::Ed25519(key.public()),
        };
        AccessTokenVerifyingKey { header: verifier.header(&self.id), id: self.id.clone(), verifier }
    }

    /// Appends the signature of what the text holds so far, behind a dot.
    pub(super) fn sign(&self, text: &mut String) {
        match &self.signer {
            Signer::Hs256(key) => push_signature(text, &key.mac_plain(text.as_bytes())),
            Signer::Ed25519(key) => push_signature(text, &key.sign(text.as_bytes())),
        }
    }
}

fn push_signature(text: &mut String, signature: &[u8]) {
    text.push('.');
    push_base64url(text, signature);
}

fn strong(secret: &[u8]) -> Result<&[u8; 32], AccessTokenConfigError> {
    signing_secret(secret).ok_or(AccessTokenConfigError::Secret)
}

impl From<NameError> for AccessTokenConfigError {
    /// The only name here is a key's id.
    fn from(_: NameError) -> Self {
        Self::KeyId
    }
}

impl core::fmt::Debug for AccessTokenKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AccessTokenKey({}, [redacted])", self.id)
    }
}

/// A key that verifies access tokens.
#[derive(Clone)]
pub struct AccessTokenVerifyingKey {
    id: KeyId,
    /// The one header that tokens of this key have, encoded, with its dot.
    header: String,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Hs256(MacKey),
    Ed25519(PublicKey),
}

impl Verifier {
    const fn algorithm(&self) -> &'static str {
        match self {
            Self::Hs256(_) => "HS256",
            Self::Ed25519(_) => "EdDSA",
        }
    }

    fn header(&self, id: &KeyId) -> String {
        let json = format!(r#"{{"typ":"at+jwt","alg":"{}","kid":"{id}"}}"#, self.algorithm());
        let mut header = String::with_capacity(text_len(json.len()) + 1);
        push_base64url(&mut header, json.as_bytes());
        header.push('.');
        header
    }
}

impl AccessTokenVerifyingKey {
    /// The public half of an Ed25519 key, 32 bytes.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::PublicKey`] or [`AccessTokenConfigError::KeyId`].
    pub fn ed25519(key_id: &str, public_key: &[u8]) -> Result<Self, AccessTokenConfigError> {
        let bytes = public_key.try_into().map_err(|_| AccessTokenConfigError::PublicKey)?;
        let key = PublicKey::from_bytes(bytes).map_err(|NotAuthentic| AccessTokenConfigError::PublicKey)?;
        let (id, verifier) = (KeyId::new(key_id)?, Verifier::Ed25519(key));
        Ok(Self { header: verifier.header(&id), id, verifier })
    }

    /// The key id, `kid`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The public key, 32 bytes, if there is one.
    #[must_use]
    pub fn public_key(&self) -> Option<&[u8; 32]> {
        match &self.verifier {
            Verifier::Hs256(_) => None,
            Verifier::Ed25519(key) => Some(key.as_bytes()),
        }
    }

    pub(super) fn header(&self) -> &str {
        &self.header
    }

    /// A signature has one spelling, for base64url is read strictly. What is presented is no secret; a MAC is compared
    /// with it in constant time.
    pub(super) fn verify(&self, signed: &str, signature: &str) -> Result<(), NotAuthentic> {
        match &self.verifier {
            Verifier::Hs256(key) => {
                let presented: [u8; 32] = decode_public_array(signature).map_err(|_| NotAuthentic)?;
                let equal: bool = key.mac_plain(signed.as_bytes()).ct_eq(&presented).into();
                if equal { Ok(()) } else { Err(NotAuthentic) }
            }
            Verifier::Ed25519(key) => {
                let presented = decode_public_array(signature).map_err(|_| NotAuthentic)?;
                key.verify(signed.as_bytes(), &presented)
            }
        }
    }
}

impl core::fmt::Debug for AccessTokenVerifyingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "AccessTokenVerifyingKey({}, {})", self.id, self.verifier.algorithm())
    }
}
