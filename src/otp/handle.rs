//! What the client keeps of a challenge.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use crate::encoding::{decode_base64url, push_base64url};
use crate::id::OtpChallengeId;
#[cfg(feature = "service")]
use crate::keyring::Keys;

/// Names a challenge and proves that it is its holder's: `plo1_` and 43 characters of base64url. Half of it is a secret
/// that nobody else has, neither in the database nor in the message: without it no code can be tried, nor computed from
/// everything that the server keeps.
#[derive(Clone)]
pub struct ChallengeHandle {
    id: OtpChallengeId,
    holder: Zeroizing<[u8; 16]>,
}

/// Not the handle of a challenge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not the handle of a challenge")]
pub struct NotAHandle;

const PREFIX: &str = "plo1_";

impl ChallengeHandle {
    pub(super) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        let mut holder = Zeroizing::new([0; 16]);
        rng.fill_bytes(&mut *holder);
        Self { id: OtpChallengeId::random(rng), holder }
    }

    /// Which challenge. It may be logged.
    #[must_use]
    pub const fn id(&self) -> OtpChallengeId {
        self.id
    }

    /// What requests with this handle have in common, and no others.
    #[cfg(feature = "service")]
    pub(crate) fn lane(&self, keys: &Keys) -> [u8; 16] {
        keys.active().otp_holder(self.id, &self.holder)
    }

    pub(super) fn holder(&self) -> &[u8; 16] {
        &self.holder
    }

    /// For the client, over TLS.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(PREFIX.len() + 43));
        text.push_str(PREFIX);
        let mut bytes = Zeroizing::new([0; 32]);
        bytes[..16].copy_from_slice(self.id.as_bytes());
        bytes[16..].copy_from_slice(&self.holder[..]);
        push_base64url(&mut text, &bytes[..]);
        text
    }
}

impl core::str::FromStr for ChallengeHandle {
    type Err = NotAHandle;

    fn from_str(text: &str) -> Result<Self, NotAHandle> {
        let text = text.strip_prefix(PREFIX).ok_or(NotAHandle)?;
        let bytes: Zeroizing<[u8; 32]> = Zeroizing::new(decode_base64url(text.as_bytes()).map_err(|_| NotAHandle)?);
        let (id, holder) = bytes.split_first_chunk().ok_or(NotAHandle)?;
        let holder = Zeroizing::new(*holder.first_chunk().ok_or(NotAHandle)?);
        Ok(Self { id: OtpChallengeId::from_bytes(*id), holder })
    }
}

impl core::fmt::Debug for ChallengeHandle {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ChallengeHandle({}, [redacted])", self.id)
    }
}
