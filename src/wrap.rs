//! The server wrap: a session token under a PIN and the pepper, as text that the device keeps.
//!
//! ```text
//! handle = version · pepper id · lock index · lock kind · session id · wrap id                          39 bytes
//! s      = Argon2id(PIN, lock_salt, m t p)
//! mask   = MAC(K_mask, handle, s)
//! blob   = handle · m t p · nonce · XChaCha20-Poly1305(K_seal, nonce, aad = handle · m t p, lock_salt · (T ⊕ mask))
//! text   = "plw1_" + base64url(blob)                                                                   183 characters
//! ```
//!
//! The inner layer has no redundancy: each PIN opens it to some token, and only the server, which counts, can tell
//! whether it was the right one. The outer layer stops forgeries before they cost anything. The tenant is in the keys.

use rand_core::CryptoRng;
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::SealKey;
use crate::encoding::{Malformed, Reader, decode_base64url, push_base64url, text_len};
use crate::handle::Handle;
use crate::id::SessionId;
use crate::keyring::{Keys, PepperKeys};
use crate::policy::Policy;
use crate::stretch::KdfParams;
use crate::stretched_pin::StretchedPin;
use crate::token::{CandidateToken, LockSalt, SessionToken};

const PREFIX: &str = "plw1_";
const PARAMS_LEN: usize = 4 + 1 + 1;
const AAD_LEN: usize = Handle::LEN + PARAMS_LEN;
const INNER_LEN: usize = LockSalt::LEN + SessionToken::LEN;
const BLOB_LEN: usize = AAD_LEN + SealKey::NONCE_LEN + INNER_LEN + SealKey::TAG_LEN;

/// A wrapped token as the device keeps it: [`WrappedToken::LEN`] characters.
///
/// Not printable by `Debug`, because who collects these needs only the PINs.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedToken(String);

impl WrappedToken {
    /// Characters of text.
    pub const LEN: usize = PREFIX.len() + text_len(BLOB_LEN);

    /// The text, to be given to the device and to nobody else.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, to be given to the device and to nobody else.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

impl core::fmt::Debug for WrappedToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("WrappedToken([redacted])")
    }
}

/// Text that is not a wrapped token of this service: damaged, forged, of another tenant, or made under a pepper or
/// with KDF parameters that are no longer accepted. Nothing was looked up, computed or charged. Only a full login
/// helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a wrapped token of this service")]
pub struct InvalidWrappedToken;

/// Wraps a token.
#[expect(clippy::needless_pass_by_value, reason = "a token is wrapped once, and gone")]
pub(crate) fn wrap_token<R: CryptoRng + ?Sized>(
    token: SessionToken,
    handle: &Handle,
    pin: &StretchedPin,
    pepper: &PepperKeys,
    rng: &mut R,
) -> WrappedToken {
    let mut blob = [0; BLOB_LEN];
    let (aad, sealed) = blob.split_at_mut(AAD_LEN);
    let (nonce, sealed) = sealed.split_first_chunk_mut().expect("the blob has room for a nonce");
    let (inner, tag) = sealed.split_at_mut(INNER_LEN);

    let handle = handle.encode();
    aad[..Handle::LEN].copy_from_slice(&handle);
    aad[Handle::LEN..].copy_from_slice(&encode_params(pin.params()));
    rng.fill_bytes(nonce);
    inner[..LockSalt::LEN].copy_from_slice(pin.salt().expose_secret());
    let mask = pepper.mask(&handle, pin.secret());
    for (out, (token, mask)) in inner[LockSalt::LEN..].iter_mut().zip(token.expose_secret().iter().zip(mask.iter())) {
        *out = token ^ mask;
    }
    tag.copy_from_slice(&pepper.seal(nonce, aad, inner));

    let mut text = String::with_capacity(WrappedToken::LEN);
    text.push_str(PREFIX);
    push_base64url(&mut text, &blob);
    WrappedToken(text)
}

fn encode_params(params: KdfParams) -> [u8; PARAMS_LEN] {
    let [a, b, c, d] = params.m_kib().to_be_bytes();
    [a, b, c, d, params.t(), params.p()]
}

/// Evidence that a wrapped token was made by this service for this tenant. It says nothing about the PIN, nor whether
/// the session still exists.
///
/// ```compile_fail
/// // There is no other way to it than `PresentedWrap::open`.
/// let presented = pinlatch::wrap::PresentedWrap { handle: unreachable!(), params: unreachable!(), salt: unreachable!(), masked: unreachable!() };
/// ```
#[derive(Debug)]
pub struct PresentedWrap {
    handle: Handle,
    params: KdfParams,
    salt: LockSalt,
    masked: Masked,
}

crate::secret::secret_bytes! {
    /// `T ⊕ mask`.
    struct Masked([u8; 32]);
    redaction: masked_token_is_redacted
}

impl PresentedWrap {
    /// Opens the outer layer: canonical text, known version and pepper, authentic, acceptable KDF parameters.
    ///
    /// Costs microseconds, whatever the text is; nothing is allocated.
    ///
    /// # Errors
    /// [`InvalidWrappedToken`], one answer for every cause.
    pub fn open(text: &str, keys: &Keys, policy: &Policy) -> Result<Self, InvalidWrappedToken> {
        let presented = Self::authentic(text, keys)?;
        if policy.accepts(presented.params) { Ok(presented) } else { Err(InvalidWrappedToken) }
    }

    /// The same, with any KDF parameters: they must not be used.
    pub(crate) fn authentic(text: &str, keys: &Keys) -> Result<Self, InvalidWrappedToken> {
        let text = text.strip_prefix(PREFIX).ok_or(InvalidWrappedToken)?;
        let blob: [u8; BLOB_LEN] = decode_base64url(text.as_bytes()).map_err(|Malformed| InvalidWrappedToken)?;
        let (aad, sealed) = blob.split_at(AAD_LEN);
        let (handle, params) = decode_aad(aad).map_err(|Malformed| InvalidWrappedToken)?;
        let pepper = keys.find(handle.pepper_id).ok_or(InvalidWrappedToken)?;

        let mut inner = Zeroizing::new([0; INNER_LEN]);
        let (nonce, sealed) = sealed.split_first_chunk().ok_or(InvalidWrappedToken)?;
        let (ciphertext, tag) = sealed.split_last_chunk().ok_or(InvalidWrappedToken)?;
        inner.copy_from_slice(ciphertext);
        pepper.open(nonce, aad, inner.as_mut(), tag).map_err(|_| InvalidWrappedToken)?;

        let mut inner = Reader::new(&inner[..]);
        let (Ok(salt), Ok(masked)) = (inner.array(), inner.array()) else { return Err(InvalidWrappedToken) };
        Ok(Self { handle, params, salt: LockSalt::from_bytes(salt), masked: Masked::from_bytes(masked) })
    }

    /// The session it was made for.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.handle.session_id
    }

    /// What one evaluation of its KDF costs.
    #[must_use]
    pub const fn params(&self) -> KdfParams {
        self.params
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) const fn salt(&self) -> &LockSalt {
        &self.salt
    }

    /// Takes the mask of a PIN off. Every PIN yields a candidate, and none of them looks right or wrong.
    pub(crate) fn unwrap_token(&self, pin: &StretchedPin, pepper: &PepperKeys) -> CandidateToken {
        let mut mask = pepper.mask(&self.handle.encode(), pin.secret());
        for (mask, masked) in mask.iter_mut().zip(self.masked.expose_secret()) {
            *mask ^= masked;
        }
        let candidate = CandidateToken::from_bytes(*mask);
        mask.zeroize();
        candidate
    }
}

fn decode_aad(aad: &[u8]) -> Result<(Handle, KdfParams), Malformed> {
    let mut input = Reader::new(aad);
    let handle = Handle::decode(&mut input)?;
    let params = KdfParams::from_wire(input.u32()?, input.u8()?, input.u8()?);
    input.finish()?;
    Ok((handle, params))
}
