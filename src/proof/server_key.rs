//! The key with which a server proves to its clients that it is the one they know.

use crate::crypto::{NotAuthentic, PublicKey, SignatureKey, signing_secret};
use crate::encoding::{decode_public_array, push_public_base64url};
use crate::id::{KeyId, NameError};

/// A key that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ServerKeyError {
    /// The secret does not have exactly 32 random bytes.
    #[error("the secret has exactly 32 random bytes, not all alike (hexadecimal text counts half: decode it)")]
    Secret,
    /// Not the 32 bytes of an Ed25519 public key, or of one for which anybody can sign.
    #[error("not an Ed25519 public key of 32 bytes, or 43 characters of base64url")]
    PublicKey,
    /// A key id has 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[error("a key id has 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    KeyId,
}

impl From<NameError> for ServerKeyError {
    /// The only name here is a key's id.
    fn from(_: NameError) -> Self {
        Self::KeyId
    }
}

/// The secret half of an Ed25519 key pair (RFC 8032) that signs responses and nothing else.
#[derive(Clone)]
pub struct ServerKey {
    id: KeyId,
    key: SignatureKey,
}

impl ServerKey {
    /// From the 32 random bytes that are its secret half (RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`ServerKeyError::Secret`] or [`ServerKeyError::KeyId`].
    pub fn ed25519(key_id: &str, secret: &[u8]) -> Result<Self, ServerKeyError> {
        let secret = signing_secret(secret).ok_or(ServerKeyError::Secret)?;
        Ok(Self { id: KeyId::new(key_id)?, key: SignatureKey::from_seed(secret) })
    }

    /// The half that clients are built with.
    #[must_use]
    pub fn public_key(&self) -> ServerPublicKey {
        ServerPublicKey { id: self.id.clone(), key: self.key.public() }
    }

    pub(super) fn sign(&self, base: &str) -> [u8; 64] {
        self.key.sign(base.as_bytes())
    }

    pub(super) const fn id(&self) -> &KeyId {
        &self.id
    }
}

impl core::fmt::Debug for ServerKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ServerKey({}, [redacted])", self.id)
    }
}

/// The public half of a [`ServerKey`]. A client has it from its own build, not from the server it is about to ask.
#[derive(Clone, PartialEq, Eq)]
pub struct ServerPublicKey {
    id: KeyId,
    key: PublicKey,
}

impl ServerPublicKey {
    /// From its 32 bytes.
    ///
    /// # Errors
    /// [`ServerKeyError::PublicKey`] or [`ServerKeyError::KeyId`].
    pub fn from_bytes(key_id: &str, bytes: &[u8; 32]) -> Result<Self, ServerKeyError> {
        let key = PublicKey::from_bytes(bytes).map_err(|NotAuthentic| ServerKeyError::PublicKey)?;
        Ok(Self { id: KeyId::new(key_id)?, key })
    }

    /// From 43 characters of base64url: the member `x` of a JSON Web Key.
    ///
    /// # Errors
    /// [`ServerKeyError::PublicKey`] or [`ServerKeyError::KeyId`].
    pub fn from_text(key_id: &str, text: &str) -> Result<Self, ServerKeyError> {
        Self::from_bytes(key_id, &decode_public_array(text).map_err(|_| ServerKeyError::PublicKey)?)
    }

    /// How the server names it in `keyid`.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// The 32 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// As a JSON Web Key (RFC 7517, RFC 8037).
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let (id, mut x) = (&self.id, String::new());
        push_public_base64url(&mut x, self.as_bytes());
        format!(r#"{{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"{id}","x":"{x}"}}"#)
    }

    pub(super) fn verify(&self, base: &str, signature: &[u8; 64]) -> Result<(), NotAuthentic> {
        self.key.verify(base.as_bytes(), signature)
    }
}

impl core::fmt::Debug for ServerPublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ServerPublicKey({})", self.id)
    }
}
