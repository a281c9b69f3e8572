//! Hybrid public key encryption (RFC 9180, base mode): DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305.

use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{Aead, KeyInit};
use hkdf::Hkdf;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, Kem, OpModeR, OpModeS, Serializable};
use rand_core::CryptoRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use super::NotAuthentic;

type HpkeAead = hpke::aead::ChaCha20Poly1305;
type HpkeKdf = hpke::kdf::HkdfSha256;

/// KEM, KDF and AEAD as RFC 9180 §7 numbers them.
pub(crate) const SUITE: [u8; 6] = [0x00, 0x20, 0x00, 0x01, 0x00, 0x03];

/// An X25519 key pair (RFC 7748).
#[derive(Clone)]
pub(crate) struct AgreementKey {
    secret: <X25519HkdfSha256 as Kem>::PrivateKey,
    public: AgreementPublicKey,
}

impl AgreementKey {
    pub(crate) fn from_secret(secret: &[u8; 32]) -> Self {
        let secret = <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).expect("any 32 bytes are such a key");
        let public = AgreementPublicKey(X25519HkdfSha256::sk_to_pk(&secret).to_bytes().into());
        Self { secret, public }
    }

    pub(crate) const fn public(&self) -> AgreementPublicKey {
        self.public
    }

    /// Decrypts what came with an encapsulated key. The secret is the one that both sides have now (§5.3).
    pub(crate) fn open(&self, sent: &Encrypted<'_>, export: &[u8]) -> Result<Opened, NotAuthentic> {
        let key = Deserializable::from_bytes(sent.encapsulated_key).map_err(|_| NotAuthentic)?;
        let context =
            hpke::setup_receiver::<HpkeAead, HpkeKdf, X25519HkdfSha256>(&OpModeR::Base, &self.secret, &key, sent.info);
        let mut context = context.map_err(|_| NotAuthentic)?;
        let plain = Zeroizing::new(context.open(sent.ciphertext, sent.aad).map_err(|_| NotAuthentic)?);
        let mut secret = Zeroizing::new([0; 32]);
        context.export(export, &mut secret[..]).expect("32 bytes are within HKDF's bounds");
        Ok(Opened { plain, secret })
    }
}

/// What is decrypted, and all that it was encrypted for.
pub(crate) struct Encrypted<'a> {
    pub(crate) encapsulated_key: &'a [u8; 32],
    pub(crate) info: &'a [u8],
    pub(crate) aad: &'a [u8],
    pub(crate) ciphertext: &'a [u8],
}

pub(crate) struct Opened {
    pub(crate) plain: Zeroizing<Vec<u8>>,
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

/// The public half of an X25519 key pair.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct AgreementPublicKey([u8; 32]);

pub(crate) struct Sealed {
    pub(crate) encapsulated_key: [u8; 32],
    pub(crate) ciphertext: Vec<u8>,
    pub(crate) secret: Zeroizing<[u8; 32]>,
}

impl AgreementPublicKey {
    pub(crate) const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Encrypts under a fresh key that only the other half gives back. Refused: a key that agrees on zero with
    /// everybody (§7.1.4).
    pub(crate) fn seal<R: CryptoRng>(
        &self,
        info: &[u8],
        aad: &[u8],
        plain: &[u8],
        export: &[u8],
        rng: &mut R,
    ) -> Result<Sealed, NotAuthentic> {
        let key = Deserializable::from_bytes(&self.0).map_err(|_| NotAuthentic)?;
        let context =
            hpke::setup_sender_with_rng::<HpkeAead, HpkeKdf, X25519HkdfSha256>(&OpModeS::Base, &key, info, rng);
        let (encapsulated_key, mut context) = context.map_err(|_| NotAuthentic)?;
        let ciphertext = context.seal(plain, aad).expect("the first message under a key");
        let mut secret = Zeroizing::new([0; 32]);
        context.export(export, &mut secret[..]).expect("32 bytes are within HKDF's bounds");
        Ok(Sealed { encapsulated_key: encapsulated_key.to_bytes().into(), ciphertext, secret })
    }
}

/// The key of one answer, out of the secret of its request and of fresh bytes (RFC 9458 §4.4).
pub(crate) struct AnswerKey {
    cipher: ChaCha20Poly1305,
    nonce: Zeroizing<[u8; 12]>,
}

impl AnswerKey {
    pub(crate) fn new(secret: &[u8; 32], encapsulated_key: &[u8; 32], fresh: &[u8; 32]) -> Self {
        let kdf = Hkdf::<Sha256>::new(Some(&[*encapsulated_key, *fresh].concat()), secret);
        let (mut key, mut nonce) = (Zeroizing::new([0; 32]), Zeroizing::new([0; 12]));
        kdf.expand(b"key", &mut key[..]).expect("32 bytes are within HKDF's bounds");
        kdf.expand(b"nonce", &mut nonce[..]).expect("12 bytes are within HKDF's bounds");
        Self { cipher: ChaCha20Poly1305::new((&*key).into()), nonce }
    }

    pub(crate) fn seal(self, plain: &[u8]) -> Vec<u8> {
        self.cipher.encrypt((&*self.nonce).into(), plain).expect("a body is within the cipher's bounds")
    }

    pub(crate) fn open(self, ciphertext: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotAuthentic> {
        let plain = self.cipher.decrypt((&*self.nonce).into(), ciphertext).map_err(|_| NotAuthentic)?;
        Ok(Zeroizing::new(plain))
    }
}
