//! A token under a key of the device's platform.

use super::{Masked, NotForThisLock, head_of, mask, text_of, unmask};
use crate::crypto::MacKey;
use crate::encoding::{Malformed, decode_base64url};
use crate::log_out::LogOutToken;
use crate::plain::{HEAD_LEN, PlainToken};
use crate::secret::secret_bytes;
use crate::session::LockKind;
use crate::token::SessionToken;

const PREFIX: &str = "pld1_";
const LEN: usize = HEAD_LEN + SessionToken::LEN;

secret_bytes! {
    /// 32 bytes that a platform releases for a fingerprint, a face, or a touch: out of a keychain, or of the PRF
    /// extension of WebAuthn. Used for nothing else.
    pub struct DeviceKey([u8; 32]);
    redaction: device_key_is_redacted
}

/// A token under a device key, as the device keeps it. Not printable by `Debug`.
#[derive(Clone)]
pub struct DeviceLocked {
    head: [u8; HEAD_LEN],
    masked: Masked,
}

impl DeviceKey {
    /// Locks a token, once.
    ///
    /// # Errors
    /// [`NotForThisLock`] for a token that a PIN is to lock.
    pub fn lock(&self, token: PlainToken) -> Result<DeviceLocked, NotForThisLock> {
        let (head, masked) = mask(LockKind::DeviceKey, token, &MacKey::new(&self.0))?;
        Ok(DeviceLocked { head, masked })
    }
}

impl DeviceLocked {
    /// Characters of text.
    pub const LEN: usize = PREFIX.len() + crate::encoding::text_len(LEN);

    /// For the storage of the device. It tells nothing without the key.
    #[must_use]
    pub fn to_text(&self) -> String {
        text_of(PREFIX, &[&self.head, &self.masked])
    }

    /// With which the device logs out without the key ([`Sessions::log_out`](crate::Sessions::log_out)).
    #[must_use]
    pub fn log_out_token(&self) -> LogOutToken {
        LogOutToken::of(&self.head)
    }

    /// Unlocks with a key: a token to present. With another key it is a wrong guess.
    #[must_use]
    pub fn unlock(&self, key: &DeviceKey) -> PlainToken {
        unmask(&self.head, &self.masked, &MacKey::new(&key.0))
    }
}

impl core::fmt::Debug for DeviceLocked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("DeviceLocked([redacted])")
    }
}

impl core::str::FromStr for DeviceLocked {
    type Err = NotForThisLock;

    fn from_str(text: &str) -> Result<Self, NotForThisLock> {
        let text = text.strip_prefix(PREFIX).ok_or(NotForThisLock)?;
        let blob: [u8; LEN] = decode_base64url(text.as_bytes()).map_err(|Malformed| NotForThisLock)?;
        let (head, masked) = blob.split_first_chunk::<HEAD_LEN>().ok_or(NotForThisLock)?;
        let masked = *masked.first_chunk().ok_or(NotForThisLock)?;
        Ok(Self { head: head_of(LockKind::DeviceKey, head)?, masked })
    }
}
