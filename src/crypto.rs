//! MAC, signature, key derivation and the AEAD. Beside `stretch` this is the only module that names a primitive.

use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256, Sha512};
use zeroize::Zeroizing;

#[cfg(feature = "sealed")]
pub(crate) mod hybrid;

/// HMAC-SHA256 over length-prefixed parts, so that no two lists of parts are the same message.
#[derive(Clone)]
pub(crate) struct MacKey(Hmac<Sha256>);

impl MacKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self::from_slice(key)
    }

    pub(crate) fn from_slice(key: &[u8]) -> Self {
        Self(<Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    /// `MAC(k, parts…)`.
    pub(crate) fn mac(&self, parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
        let mut mac = self.0.clone();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        Zeroizing::new(mac.finalize().into_bytes().into())
    }

    /// HMAC-SHA256 of one message as it stands (RFC 2104), for formats that others define.
    pub(crate) fn mac_plain(&self, message: &[u8]) -> [u8; 32] {
        self.clone().into_mac_plain(message)
    }

    /// The same for a key that is not needed any more: it need not be copied, nor the copy erased.
    pub(crate) fn into_mac_plain(mut self, message: &[u8]) -> [u8; 32] {
        self.0.update(message);
        self.0.finalize().into_bytes().into()
    }
}

/// An Ed25519 key pair (RFC 8032).
#[derive(Clone)]
pub(crate) struct SignatureKey(SigningKey);

impl SignatureKey {
    pub(crate) fn from_seed(seed: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(seed))
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; PublicKey::SIGNATURE_LEN] {
        self.0.sign(message).to_bytes()
    }

    pub(crate) fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }
}

/// The public half of an Ed25519 key pair.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct PublicKey(VerifyingKey);

impl PublicKey {
    pub(crate) const SIGNATURE_LEN: usize = 64;

    /// Refused: bytes that are no point of the curve, a second spelling of one, and points of small order, for which
    /// anybody can sign.
    pub(crate) fn from_bytes(bytes: &[u8; 32]) -> Result<Self, NotAuthentic> {
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| NotAuthentic)?;
        let canonical = key.to_edwards().compress().to_bytes() == *bytes;
        if key.is_weak() || !canonical { Err(NotAuthentic) } else { Ok(Self(key)) }
    }

    pub(crate) fn as_bytes(&self) -> &[u8; 32] {
        self.0.as_bytes()
    }

    /// Refuses a second signature made out of a good one (RFC 8032 §5.1.7: `S` is reduced), and points of small order.
    pub(crate) fn verify(&self, message: &[u8], signature: &[u8; Self::SIGNATURE_LEN]) -> Result<(), NotAuthentic> {
        self.0.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| NotAuthentic)
    }
}

/// SHA-256 (FIPS 180-4).
pub(crate) fn sha256(message: &[u8]) -> [u8; 32] {
    Sha256::digest(message).into()
}

/// SHA-256 or SHA-512 (FIPS 180-4) of bytes that come in pieces.
#[derive(Clone)]
pub(crate) enum Hasher {
    Sha256(Sha256),
    Sha512(Sha512),
}

impl Hasher {
    pub(crate) fn sha256() -> Self {
        Self::Sha256(Sha256::new())
    }

    pub(crate) fn sha512() -> Self {
        Self::Sha512(Sha512::new())
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => Digest::update(hasher, bytes),
            Self::Sha512(hasher) => Digest::update(hasher, bytes),
        }
    }

    /// The digest of all that came: 32 or 64 bytes, as the algorithm has it.
    pub(crate) fn finish(self, room: &mut [u8; 64]) -> &[u8] {
        match self {
            Self::Sha256(hasher) => {
                room[..32].copy_from_slice(&hasher.finalize());
                &room[..32]
            }
            Self::Sha512(hasher) => {
                *room = hasher.finalize().into();
                room
            }
        }
    }
}

/// XChaCha20-Poly1305 under one key.
#[derive(Clone)]
pub(crate) struct SealKey(XChaCha20Poly1305);

/// The tag or signature did not match: altered, or made under another key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotAuthentic;

impl SealKey {
    pub(crate) const TAG_LEN: usize = 16;
    pub(crate) const NONCE_LEN: usize = 24;

    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(XChaCha20Poly1305::new(key.into()))
    }

    /// Encrypts in place and returns the tag.
    pub(crate) fn seal(&self, nonce: &[u8; 24], aad: &[u8], buffer: &mut [u8]) -> [u8; 16] {
        self.0
            .encrypt_inout_detached(nonce.into(), aad, buffer.into())
            .expect("a buffer of some bytes is within the cipher's bounds")
            .into()
    }

    /// Checks the tag, then decrypts in place. The buffer stays as it was if the tag does not match.
    pub(crate) fn open(
        &self,
        nonce: &[u8; 24],
        aad: &[u8],
        buffer: &mut [u8],
        tag: &[u8; 16],
    ) -> Result<(), NotAuthentic> {
        self.0.decrypt_inout_detached(nonce.into(), aad, buffer.into(), tag.into()).map_err(|_| NotAuthentic)
    }
}

/// Whether a secret has no 32 random bytes in it: too short, all bytes alike, or 32 to 63 hexadecimal digits, which
/// hold half as much as their length. Or 32 bytes in base64: whoever decodes them on one server, or later, would have
/// another secret.
pub(crate) fn is_weak_secret(secret: &[u8]) -> bool {
    let all_alike = secret.windows(2).all(|pair| pair[0] == pair[1]);
    let short_hex = secret.len() < 64 && secret.iter().all(u8::is_ascii_hexdigit);
    let base64 = matches!(secret.len(), 43 | 44)
        && secret.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte));
    secret.len() < 32 || all_alike || short_hex || base64
}

/// The secret half of a signing key: exactly 32 random bytes.
pub(crate) fn signing_secret(secret: &[u8]) -> Option<&[u8; 32]> {
    secret.try_into().ok().filter(|secret: &&[u8; 32]| !is_weak_secret(*secret))
}

/// `HKDF(k, label)`: HKDF-SHA256 (RFC 5869) without a salt, 32 bytes, info `pinlatch/v1/<label>/<tenant>`.
///
/// Labels hold no slash, so no label and tenant can pass for another pair.
pub(crate) fn derive_key(secret: &[u8], label: &str, tenant: &str) -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(None, secret)
        .expand_multi_info(&[b"pinlatch/v1/", label.as_bytes(), b"/", tenant.as_bytes()], key.as_mut())
        .expect("32 bytes are within HKDF's bounds");
    key
}

#[cfg(test)]
mod vectors;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cannot_be_shifted_into_each_other() {
        let key = MacKey::new(&[1; 32]);
        assert_ne!(key.mac(&[b"ab", b"c"]), key.mac(&[b"a", b"bc"]));
        assert_ne!(key.mac(&[b"ab"]), key.mac(&[b"ab", b""]));
    }

    #[test]
    fn secrets_that_were_not_decoded_are_weak() {
        assert!(!is_weak_secret(b"a secret of thirty-two bytes all"));
        assert!(is_weak_secret(b"0123456789abcdef0123456789abcdef"));
        assert!(is_weak_secret(b"31 bytes are one byte too few."));
        assert!(is_weak_secret(&[0; 64]));
        assert!(is_weak_secret(b"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="));
        assert!(is_weak_secret(b"__-_NDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjA"));
        assert!(!is_weak_secret(b"a secret of three and forty bytes, in words."));
        assert!(!is_weak_secret(&b"0123456789abcdef".repeat(4)));
    }

    #[test]
    fn labels_and_tenants_derive_different_keys() {
        let base = derive_key(&[7; 32], "seal", "");
        assert_ne!(base, derive_key(&[7; 32], "mask", ""));
        assert_ne!(base, derive_key(&[7; 32], "seal", "acme"));
        assert_ne!(base, derive_key(&[8; 32], "seal", ""));
    }

    #[test]
    fn seal_refuses_every_altered_bit() {
        let key = SealKey::new(&[3; 32]);
        let mut sealed = *b"sealed text";
        let tag = key.seal(&[9; 24], b"aad", &mut sealed);
        for bit in 0..sealed.len() * 8 {
            let mut altered = sealed;
            altered[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(key.open(&[9; 24], b"aad", &mut altered, &tag), Err(NotAuthentic));
        }
        assert_eq!(key.open(&[9; 24], b"add", &mut sealed, &tag), Err(NotAuthentic));
        key.open(&[9; 24], b"aad", &mut sealed, &tag).unwrap();
        assert_eq!(&sealed, b"sealed text");
    }
}
