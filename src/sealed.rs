//! Bodies that only the server can read, and answers that only the client which asked can read.
//!
//! TLS ends at a proxy, and in a browser it ends before the page: whoever keeps logs there, or looks into the memory of the
//! device, sees tokens in clear. A sealed body is encrypted for a key of the server's, by code that forgets it, and its
//! answer for a key that lives as long as the call. What remains anywhere else opens nothing, and sending it again brings an
//! answer that nobody can read.
//!
//! This is HPKE (RFC 9180) in the form of RFC 9458 §4.3 and §4.4, for media types of our own (its §4.6), with the path of
//! the request as associated data:
//!
//! ```text
//! request = key id · 0020 0001 0003 · encapsulated key, 32 bytes · ciphertext · tag, 16 bytes
//! answer  = fresh bytes, 32 · ciphertext · tag, 16 bytes
//! ```
//!
//! ```
//! use pinlatch::sealed::{self, SealingKey};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! # let mut secret = [0; 32];
//! # getrandom::fill(&mut secret)?;
//!
//! // The server has 32 random bytes, and its clients know the public half.
//! let keys = [SealingKey::x25519(1, &secret)?];
//! let public_key = keys[0].public_key();
//!
//! // The client.
//! let (request, answer) = public_key.seal("/authorize", br#"{"session_token":"pls1_..."}"#, &mut rng)?;
//!
//! // The server, for a request whose content type is `sealed::REQUEST_TYPE`.
//! let opened = sealed::open(&keys, "/authorize", &request)?;
//! assert!(opened.body.starts_with(b"{\"session_token"));
//! let reply = opened.answer.seal(br#"{"access_token":"..."}"#, &mut rng);
//!
//! // The client again.
//! let body = answer.open(&reply)?;
//! assert!(body.starts_with(b"{\"access_token"));
//! # Ok(())
//! # }
//! ```
//!
//! A sealed request proves nothing about who sent it; what is inside does. Opening one costs the server one operation on
//! the curve, about as much as one verified EdDSA signature, whatever is inside.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::hybrid::{AgreementKey, AgreementPublicKey, AnswerKey, Encrypted, SUITE};
use crate::crypto::{NotAuthentic, signing_secret};
use crate::encoding::{decode_public_array, push_public_base64url};

/// The content type of a sealed request.
pub const REQUEST_TYPE: &str = "application/pinlatch-sealed-request";
/// The content type of a sealed answer, whatever its status is.
pub const RESPONSE_TYPE: &str = "application/pinlatch-sealed-response";

const HEADER_LEN: usize = 1 + SUITE.len();
const FRESH_LEN: usize = 32;

/// A key that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealingKeyError {
    /// The secret does not have exactly 32 random bytes.
    #[error("the secret has exactly 32 random bytes, not all alike (hexadecimal text counts half: decode it)")]
    Secret,
    /// Not the 32 bytes of an X25519 public key, or of one that agrees with everybody on the same secret.
    #[error("not an X25519 public key of 32 bytes, or 43 characters of base64url")]
    PublicKey,
}

/// Why a sealed request cannot be read. Nothing of it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Sealed for a key that is not, or no longer, one of the server's: the client asks for its keys and tries again.
    #[error("sealed for a key that is not one of the server's")]
    UnknownKey,
    /// Damaged, or sealed for another path.
    #[error("not a sealed body for this path")]
    Malformed,
}

impl UnsealError {
    /// A stable word for clients: `unknown_sealing_key` (422) or `bad_request` (400).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_sealing_key",
            Self::Malformed => "bad_request",
        }
    }
}

/// An answer that is damaged, or not to this request: ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the sealed answer to this request")]
pub struct NotTheAnswer;

/// The secret half of an X25519 key pair for which clients seal, and nothing else. A second one with another id takes over
/// gradually: clients are told of the new one while both open.
#[derive(Clone)]
pub struct SealingKey {
    id: u8,
    key: AgreementKey,
}

impl SealingKey {
    /// From 32 random bytes (RFC 7748 §5), and the number by which clients name the key.
    ///
    /// # Errors
    /// [`SealingKeyError::Secret`].
    pub fn x25519(id: u8, secret: &[u8]) -> Result<Self, SealingKeyError> {
        let secret = signing_secret(secret).ok_or(SealingKeyError::Secret)?;
        Ok(Self { id, key: AgreementKey::from_secret(secret) })
    }

    /// The half that clients have.
    #[must_use]
    pub const fn public_key(&self) -> SealingPublicKey {
        SealingPublicKey { id: self.id, key: self.key.public() }
    }
}

impl core::fmt::Debug for SealingKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SealingKey({}, [redacted])", self.id)
    }
}

/// The public half of a [`SealingKey`]. A client has it from its own build, or from an answer that the server has signed.
#[derive(Clone, PartialEq, Eq)]
pub struct SealingPublicKey {
    id: u8,
    key: AgreementPublicKey,
}

impl SealingPublicKey {
    /// From its 32 bytes. A key for which anybody can open is refused by [`SealingPublicKey::seal`].
    #[must_use]
    pub const fn from_bytes(id: u8, bytes: [u8; 32]) -> Self {
        Self { id, key: AgreementPublicKey::from_bytes(bytes) }
    }

    /// From 43 characters of base64url: the member `x` of a JSON Web Key.
    ///
    /// # Errors
    /// [`SealingKeyError::PublicKey`].
    pub fn from_text(id: u8, text: &str) -> Result<Self, SealingKeyError> {
        let bytes = decode_public_array(text).map_err(|_| SealingKeyError::PublicKey)?;
        Ok(Self::from_bytes(id, bytes))
    }

    /// How clients name it.
    #[must_use]
    pub const fn id(&self) -> u8 {
        self.id
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// As a JSON Web Key (RFC 7517, RFC 8037). Its `kid` is the id in decimal.
    #[must_use]
    pub fn to_jwk(&self) -> String {
        let (id, mut x) = (self.id, String::new());
        push_public_base64url(&mut x, self.as_bytes());
        format!(r#"{{"kty":"OKP","crv":"X25519","use":"enc","kid":"{id}","x":"{x}"}}"#)
    }

    /// Seals the body of a request to this path, which begins with a slash. The second value opens the answer.
    ///
    /// # Errors
    /// [`SealingKeyError::PublicKey`] for a key for which anybody could open.
    pub fn seal<R: CryptoRng>(
        &self,
        path: &str,
        body: &[u8],
        rng: &mut R,
    ) -> Result<(Vec<u8>, AnswerOpener), SealingKeyError> {
        let header = header(self.id);
        let sealed = self.key.seal(&info(&header), path.as_bytes(), body, RESPONSE_TYPE.as_bytes(), rng);
        let sealed = sealed.map_err(|NotAuthentic| SealingKeyError::PublicKey)?;
        let request = [&header[..], &sealed.encapsulated_key, &sealed.ciphertext].concat();
        Ok((request, AnswerOpener(Exchange { encapsulated_key: sealed.encapsulated_key, secret: sealed.secret })))
    }
}

impl core::fmt::Debug for SealingPublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SealingPublicKey({})", self.id)
    }
}

const fn header(id: u8) -> [u8; HEADER_LEN] {
    let [a, b, c, d, e, f] = SUITE;
    [id, a, b, c, d, e, f]
}

fn info(header: &[u8; HEADER_LEN]) -> Vec<u8> {
    [REQUEST_TYPE.as_bytes(), &[0], header].concat()
}

/// What both sides of one request have in common.
struct Exchange {
    encapsulated_key: [u8; 32],
    secret: Zeroizing<[u8; 32]>,
}

impl Exchange {
    fn answer_key(&self, fresh: &[u8; FRESH_LEN]) -> AnswerKey {
        AnswerKey::new(&self.secret, &self.encapsulated_key, fresh)
    }
}

/// A request that could be read.
pub struct Opened {
    /// Its body, erased when dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// Seals the answer.
    pub answer: AnswerSealer,
}

impl core::fmt::Debug for Opened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opened([redacted])")
    }
}

/// Opens the body of a request to this path, with whichever of the keys it names.
///
/// # Errors
/// [`UnsealError`].
pub fn open(keys: &[SealingKey], path: &str, request: &[u8]) -> Result<Opened, UnsealError> {
    let (header, rest) = request.split_first_chunk::<HEADER_LEN>().ok_or(UnsealError::Malformed)?;
    let (encapsulated_key, ciphertext) = rest.split_first_chunk().ok_or(UnsealError::Malformed)?;
    if header[1..] != SUITE {
        return Err(UnsealError::UnknownKey);
    }
    let key = keys.iter().find(|key| key.id == header[0]).ok_or(UnsealError::UnknownKey)?;
    let sent = Encrypted { encapsulated_key, info: &info(header), aad: path.as_bytes(), ciphertext };
    let opened = key.key.open(&sent, RESPONSE_TYPE.as_bytes()).map_err(|NotAuthentic| UnsealError::Malformed)?;
    let answer = AnswerSealer(Exchange { encapsulated_key: *encapsulated_key, secret: opened.secret });
    Ok(Opened { body: opened.plain, answer })
}

/// Seals the answer to one request, for the client that sent it.
pub struct AnswerSealer(Exchange);

impl AnswerSealer {
    /// The body of the answer: 48 bytes longer than what is in it.
    #[must_use]
    pub fn seal<R: CryptoRng>(self, body: &[u8], rng: &mut R) -> Vec<u8> {
        let mut fresh = [0; FRESH_LEN];
        rng.fill_bytes(&mut fresh);
        [&fresh[..], &self.0.answer_key(&fresh).seal(body)].concat()
    }
}

/// Opens the answer to one request.
pub struct AnswerOpener(Exchange);

impl AnswerOpener {
    /// What the server has answered. Nobody else can have: it takes the server's key.
    ///
    /// # Errors
    /// [`NotTheAnswer`].
    pub fn open(self, answer: &[u8]) -> Result<Zeroizing<Vec<u8>>, NotTheAnswer> {
        let (fresh, ciphertext) = answer.split_first_chunk().ok_or(NotTheAnswer)?;
        self.0.answer_key(fresh).open(ciphertext).map_err(|NotAuthentic| NotTheAnswer)
    }
}

impl core::fmt::Debug for AnswerSealer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AnswerSealer([redacted])")
    }
}

impl core::fmt::Debug for AnswerOpener {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AnswerOpener([redacted])")
    }
}
