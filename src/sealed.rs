//! Bodies that only the server can read, and answers that only the client which asked can read.
//!
//! TLS ends at a proxy, and in a browser it ends before the page: whoever keeps logs there, or looks into the memory of
//! the device, sees tokens in clear. A sealed body is encrypted for a key of the server's, by code that forgets it, and
//! its answer for a key that lives as long as the call. What remains anywhere else opens nothing, and sending it again
//! brings an answer that nobody can read.
//!
//! This is HPKE (RFC 9180) in the form of RFC 9458 §4.3 and §4.4, for media types of our own (its §4.6), with method
//! and address of the request as associated data:
//!
//! ```text
//! request = key id · 0020 0001 0003 · encapsulated key, 32 bytes · sealed (seconds since 1970, 8 bytes · length, 4 · body · zeros) · tag, 16
//! answer  = fresh bytes, 32 · sealed (status, 2 bytes · length, 4 · body · zeros) · tag, 16
//! ```
//!
//! The zeros fill up to a multiple of 1,024 bytes, and in an answer of 4,096, so that neither the length of a PIN shows
//! nor whether it was right: as long as the body of a request has no more than 1,012 bytes, and that of an answer no
//! more than 4,090. (In the example an unlock takes 220, and its answer 970; claims of the host's own add 1,400 at
//! most.) The answer travels with the status 200; its own is inside.
//!
//! ```
//! use pinlatch::proof::{Origin, RequestParts};
//! use pinlatch::sealed::{SealingKey, SealingKeys};
//! use pinlatch::{ClockPolicy, SystemClock};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! # let mut secret = [0; 32];
//! # getrandom::fill(&mut secret)?;
//!
//! // The server has 32 random bytes, and its clients know the public half.
//! let keys = SealingKeys::new([SealingKey::x25519(1, &secret)?])?;
//! let public_key = keys.public_keys().next().unwrap();
//! let origin: Origin = "https://api.example".parse()?;
//! let request = RequestParts::new("POST", &origin, "/authorize", &[]);
//!
//! // The client.
//! let now = SystemClock.now();
//! let (body, opener) = public_key.seal(&request, br#"{"session_token":"pls1_..."}"#, now, &mut rng)?;
//!
//! // The server, for a request whose content type is `sealed::REQUEST_TYPE`.
//! let opened = keys.open(&request, &body, SystemClock.now())?;
//! assert!(opened.body.starts_with(b"{\"session_token"));
//! let reply = opened.answer.seal(200, br#"{"access_token":"..."}"#, &mut rng);
//!
//! // The client again.
//! let answer = opener.open(&reply)?;
//! assert!(answer.status == 200 && answer.body.starts_with(b"{\"access_token"));
//! # Ok(())
//! # }
//! ```
//!
//! A sealed request proves nothing about who sent it; what is inside does. It is read within two minutes of having been
//! sealed, by the server's clock: a client that cannot trust its own takes the time from an answer that the server has
//! signed ([`AuthenticResponse::signed_at`](crate::proof::AuthenticResponse)). Opening one costs two operations on the
//! curve, whatever is inside.
//!
//! It has no forward secrecy: whoever has recorded traffic, and gets the secret half of the key later, reads it. Let
//! keys live for days, and destroy them: [`SealingKeys`] has several, and clients take the first of those that the
//! server has signed.

use core::time::Duration;

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::crypto::hybrid::{AgreementKey, AgreementPublicKey, AnswerKey, Encrypted, SUITE};
use crate::crypto::{NotAuthentic, signing_secret};
use crate::encoding::{Malformed, Reader, decode_public_array, push_public_base64url};
use crate::proof::RequestParts;
use crate::time::UnixTime;

/// The content type of a sealed request.
pub const REQUEST_TYPE: &str = "application/pinlatch-sealed-request";
/// The content type of a sealed answer. Its status is 200; the one that the server means is inside.
pub const RESPONSE_TYPE: &str = "application/pinlatch-sealed-response";

/// How long a sealed request is good for, by the server's clock, before and after it was sealed: 2 minutes.
pub const WINDOW: Duration = Duration::from_secs(120);

const HEADER_LEN: usize = 1 + SUITE.len();
const FRESH_LEN: usize = 32;
/// Lengths of requests are multiples of this.
const REQUEST_STEP: usize = 1024;
/// Those of answers, so that a refusal is as long as what a right PIN brings.
const ANSWER_STEP: usize = 4096;

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
    /// Two keys have the same id, or there is none.
    #[error("each key has an id of its own, and there is at least one")]
    Ids,
}

/// Why a body was not sealed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SealError {
    /// For this key anybody could open.
    #[error("not a key that only its owner could open for")]
    PublicKey,
    /// Method or address have characters that do not belong there, or the body has 4 GiB.
    #[error("the request cannot be sealed")]
    Request,
}

/// Why a sealed request cannot be read. Nothing of it was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnsealError {
    /// Sealed for a key that is not, or no longer, one of the server's: the client asks for its keys and tries again.
    #[error("sealed for a key that is not one of the server's")]
    UnknownKey,
    /// Sealed more than [`WINDOW`] ago, or ahead: the client asks for the time and tries again.
    #[error("sealed at another time")]
    Stale,
    /// Damaged, or sealed for another method or address.
    #[error("not a sealed body for this request")]
    Malformed,
}

impl UnsealError {
    /// A stable word for clients: `unknown_sealing_key` or `stale_seal` (422), or `bad_request` (400).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownKey => "unknown_sealing_key",
            Self::Stale => "stale_seal",
            Self::Malformed => "bad_request",
        }
    }
}

/// An answer that is damaged, or not to this request: ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the sealed answer to this request")]
pub struct NotTheAnswer;

/// The secret half of an X25519 key pair for which clients seal, and nothing else.
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

/// The public half of a [`SealingKey`]. A client has it from its own build, or from an answer that the server has
/// signed.
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

    /// The first one in a server's directory, a JSON Web Key Set, which may have keys of other kinds, too. Believe it
    /// if the server has signed it.
    ///
    /// # Errors
    /// [`SealingKeyError::PublicKey`] if there is none, or its id is no number below 256.
    pub fn from_directory(directory: &[u8]) -> Result<Self, SealingKeyError> {
        #[derive(serde::Deserialize)]
        struct Directory<'a> {
            #[serde(borrow)]
            keys: Vec<Jwk<'a>>,
        }
        #[derive(serde::Deserialize)]
        struct Jwk<'a> {
            crv: Option<&'a str>,
            kid: Option<&'a str>,
            x: Option<&'a str>,
        }
        let directory: Directory<'_> = serde_json::from_slice(directory).map_err(|_| SealingKeyError::PublicKey)?;
        let key = directory.keys.iter().find(|key| key.crv == Some("X25519"));
        let (id, x) = key.and_then(|key| key.kid.zip(key.x)).ok_or(SealingKeyError::PublicKey)?;
        Self::from_text(id.parse().map_err(|_| SealingKeyError::PublicKey)?, x)
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

    /// Seals the body of a request. The second value opens the answer.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal<R: CryptoRng>(
        &self,
        request: &RequestParts<'_>,
        body: &[u8],
        now: UnixTime,
        rng: &mut R,
    ) -> Result<(Vec<u8>, AnswerOpener), SealError> {
        let (header, target) = (header(self.id), request.target().ok_or(SealError::Request)?);
        let plain = pad(&now.as_secs().to_be_bytes(), body, REQUEST_STEP).ok_or(SealError::Request)?;
        let sealed = self.key.seal(&info(&header), target.as_bytes(), &plain, RESPONSE_TYPE.as_bytes(), rng);
        let sealed = sealed.map_err(|NotAuthentic| SealError::PublicKey)?;
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

/// What it begins with, its length, the body, and zeros. Nothing of 4 GiB.
fn pad(head: &[u8], body: &[u8], step: usize) -> Option<Zeroizing<Vec<u8>>> {
    let len = u32::try_from(body.len()).ok()?.to_be_bytes();
    let whole = head.len() + len.len() + body.len();
    let mut plain = Zeroizing::new(Vec::with_capacity(whole.next_multiple_of(step)));
    for part in [head, &len, body] {
        plain.extend_from_slice(part);
    }
    plain.resize(whole.next_multiple_of(step), 0);
    Some(plain)
}

/// What it began with, and the body.
fn unpad<const N: usize>(plain: &[u8]) -> Result<([u8; N], Zeroizing<Vec<u8>>), Malformed> {
    let mut reader = Reader::new(plain);
    let head = reader.array()?;
    let len = usize::try_from(reader.u32()?).map_err(|_| Malformed)?;
    Ok((head, Zeroizing::new(reader.slice(len)?.to_vec())))
}

/// A server's sealing keys. Clients take the first; the others open what was sealed for them before.
#[derive(Clone, Debug)]
pub struct SealingKeys(Vec<SealingKey>);

impl SealingKeys {
    /// The one that clients are to take comes first.
    ///
    /// # Errors
    /// [`SealingKeyError::Ids`].
    pub fn new(keys: impl IntoIterator<Item = SealingKey>) -> Result<Self, SealingKeyError> {
        let keys: Vec<_> = keys.into_iter().collect();
        let alike = keys.iter().enumerate().any(|(at, key)| keys[..at].iter().any(|before| before.id == key.id));
        if keys.is_empty() || alike { Err(SealingKeyError::Ids) } else { Ok(Self(keys)) }
    }

    /// The halves that clients have.
    pub fn public_keys(&self) -> impl Iterator<Item = SealingPublicKey> {
        self.0.iter().map(SealingKey::public_key)
    }

    /// Opens the body of a request, with the key that it names. Method and address are those that the client has used;
    /// its headers are not covered.
    ///
    /// # Errors
    /// [`UnsealError`].
    pub fn open(&self, request: &RequestParts<'_>, body: &[u8], now: UnixTime) -> Result<Opened, UnsealError> {
        let (header, rest) = body.split_first_chunk::<HEADER_LEN>().ok_or(UnsealError::Malformed)?;
        let (encapsulated_key, ciphertext) = rest.split_first_chunk().ok_or(UnsealError::Malformed)?;
        let known = self.0.iter().find(|key| *header == self::header(key.id)).ok_or(UnsealError::UnknownKey)?;
        let target = request.target().ok_or(UnsealError::Malformed)?;
        let sent = Encrypted { encapsulated_key, info: &info(header), aad: target.as_bytes(), ciphertext };
        let opened = known.key.open(&sent, RESPONSE_TYPE.as_bytes()).map_err(|NotAuthentic| UnsealError::Malformed)?;
        let (sealed_at, body) = unpad(&opened.plain).map_err(|Malformed| UnsealError::Malformed)?;
        let sealed_at = UnixTime::from_secs(u64::from_be_bytes(sealed_at));
        if sealed_at.until(now).max(now.until(sealed_at)) > WINDOW {
            return Err(UnsealError::Stale);
        }
        let exchange = Exchange { encapsulated_key: *encapsulated_key, secret: opened.secret };
        Ok(Opened { body, answer: AnswerSealer(exchange) })
    }
}

/// A request that could be read.
pub struct Opened {
    /// Its body, erased when dropped.
    pub body: Zeroizing<Vec<u8>>,
    /// Seals the answer.
    pub answer: AnswerSealer,
}

/// An answer that could be read.
pub struct SealedAnswer {
    /// The HTTP status that the server means. The one outside is nobody's word.
    pub status: u16,
    /// Its body, erased when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl core::fmt::Debug for Opened {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Opened([redacted])")
    }
}

impl core::fmt::Debug for SealedAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SealedAnswer({}, [redacted])", self.status)
    }
}

/// Seals the answer to one request, for the client that sent it.
pub struct AnswerSealer(Exchange);

impl AnswerSealer {
    /// The body of the answer, to be sent with the status 200 and [`RESPONSE_TYPE`], whatever its own status is.
    ///
    /// # Panics
    /// With a body of 4 GiB.
    #[must_use]
    pub fn seal<R: CryptoRng>(self, status: u16, body: &[u8], rng: &mut R) -> Vec<u8> {
        let mut fresh = [0; FRESH_LEN];
        rng.fill_bytes(&mut fresh);
        let plain = pad(&status.to_be_bytes(), body, ANSWER_STEP).expect("answers of 4 GiB are not sealed");
        [&fresh[..], &self.0.answer_key(&fresh).seal(&plain)].concat()
    }
}

/// Opens the answer to one request.
pub struct AnswerOpener(Exchange);

impl AnswerOpener {
    /// What the server has answered. Nobody else can have: it takes the server's key.
    ///
    /// # Errors
    /// [`NotTheAnswer`].
    pub fn open(self, answer: &[u8]) -> Result<SealedAnswer, NotTheAnswer> {
        let (fresh, ciphertext) = answer.split_first_chunk().ok_or(NotTheAnswer)?;
        let plain = self.0.answer_key(fresh).open(ciphertext).map_err(|NotAuthentic| NotTheAnswer)?;
        let (status, body) = unpad(&plain).map_err(|Malformed| NotTheAnswer)?;
        Ok(SealedAnswer { status: u16::from_be_bytes(status), body })
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
