//! A token under a PIN that never leaves the device.

use rand_core::CryptoRng;

use super::{Masked, NotForThisLock, head_of, mask, text_of, unmask};
use crate::crypto::MacKey;
use crate::encoding::{Malformed, Reader, decode_base64url};
use crate::log_out::LogOutToken;
use crate::pin::{NewPin, Pin};
use crate::plain::{HEAD_LEN, PlainToken};
use crate::session::LockKind;
use crate::stretch::{KdfMemory, KdfParams, stretch};
use crate::token::{LockSalt, SessionToken};

const PREFIX: &str = "plc1_";
const LEN: usize = HEAD_LEN + 1 + LockSalt::LEN + SessionToken::LEN;

/// What the KDF costs on a device. Only what is named here is computed: whoever can write to the device's storage must
/// not choose it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientKdf {
    id: u8,
    params: KdfParams,
}

impl ClientKdf {
    /// Argon2id with 19 MiB, 2 passes and 1 lane ([`KdfParams::DEFAULT`]).
    pub const STANDARD: Self = Self { id: 1, params: KdfParams::DEFAULT };

    /// The least work Argon2id can do: for tests that are not about the KDF. A PIN behind it is as good as in clear.
    #[must_use]
    pub const fn danger_fast_for_tests() -> Self {
        Self { id: 0, params: KdfParams::danger_fast_for_tests() }
    }
}

/// A token under a PIN, as the device keeps it. Not printable by `Debug`.
#[derive(Clone)]
pub struct PinLocked {
    pub(super) head: [u8; HEAD_LEN],
    kdf: ClientKdf,
    salt: LockSalt,
    pub(super) masked: Masked,
}

/// A PIN after the KDF. It opens what is locked under it, so it is dropped as soon as the next token is locked.
pub struct ClientPin {
    key: MacKey,
    kdf: ClientKdf,
    salt: LockSalt,
}

impl ClientPin {
    /// For a PIN that is being set: with a fresh salt. Takes as long as the KDF does; not for the thread of a user
    /// interface.
    #[must_use]
    pub fn choose<R: CryptoRng + ?Sized>(pin: &NewPin, kdf: ClientKdf, rng: &mut R, memory: &mut KdfMemory) -> Self {
        Self::stretch(pin.pin(), kdf, LockSalt::random(rng), memory)
    }

    pub(super) fn stretch(pin: &Pin, kdf: ClientKdf, salt: LockSalt, memory: &mut KdfMemory) -> Self {
        let stretched = stretch(pin.expose_secret().as_bytes(), &salt, kdf.params, memory);
        Self { key: MacKey::new(stretched.expose_secret()), kdf, salt }
    }

    /// Locks a token, once.
    ///
    /// # Errors
    /// [`NotForThisLock`] for a token that a device key is to lock.
    pub fn lock(self, token: PlainToken) -> Result<PinLocked, NotForThisLock> {
        let (head, masked) = mask(LockKind::ClientPin, token, &self.key)?;
        Ok(PinLocked { head, kdf: self.kdf, salt: self.salt, masked })
    }
}

impl PinLocked {
    /// Characters of text.
    pub const LEN: usize = PREFIX.len() + crate::encoding::text_len(LEN);

    /// For the storage of the device. It tells nothing about the PIN without what the server has.
    #[must_use]
    pub fn to_text(&self) -> String {
        text_of(PREFIX, &[&self.head, &[self.kdf.id], self.salt.expose_secret(), &self.masked])
    }

    /// Takes what [`Self::to_text`] made with this KDF, and no other.
    ///
    /// # Errors
    /// [`NotForThisLock`].
    pub fn parse(text: &str, kdf: ClientKdf) -> Result<Self, NotForThisLock> {
        let text = text.strip_prefix(PREFIX).ok_or(NotForThisLock)?;
        let blob: [u8; LEN] = decode_base64url(text.as_bytes()).map_err(|Malformed| NotForThisLock)?;
        let (head, rest) = blob.split_at(HEAD_LEN);
        let mut rest = Reader::new(rest);
        let (Ok(id), Ok(salt), Ok(masked)) = (rest.u8(), rest.array(), rest.array()) else {
            return Err(NotForThisLock);
        };
        if id != kdf.id {
            return Err(NotForThisLock);
        }
        Ok(Self { head: head_of(LockKind::ClientPin, head)?, kdf, salt: LockSalt::from_bytes(salt), masked })
    }

    /// With which the device logs out without a PIN ([`Sessions::log_out`](crate::Sessions::log_out)).
    #[must_use]
    pub fn log_out_token(&self) -> LogOutToken {
        LogOutToken::of(&self.head)
    }

    /// Unlocks with a PIN, right or wrong: a token to present, and what locks the next one. Takes as long as the KDF
    /// does.
    #[must_use]
    pub fn unlock(&self, pin: &Pin, memory: &mut KdfMemory) -> (PlainToken, ClientPin) {
        let pin = ClientPin::stretch(pin, self.kdf, self.salt.clone(), memory);
        (unmask(&self.head, &self.masked, &pin.key), pin)
    }
}

impl core::str::FromStr for PinLocked {
    type Err = NotForThisLock;

    fn from_str(text: &str) -> Result<Self, NotForThisLock> {
        Self::parse(text, ClientKdf::STANDARD)
    }
}

impl core::fmt::Debug for PinLocked {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PinLocked([redacted])")
    }
}

impl core::fmt::Debug for ClientPin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ClientPin([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handle::Handle;
    use crate::id::{SessionId, Tenant};
    use crate::keyring::{KeyRing, Pepper, PepperId};
    use crate::plain::in_clear;
    use crate::testing::SplitMix;
    use crate::token::WrapId;

    /// The salt stays as long as the PIN does, so the handle has to make the masks differ: with the same one over two
    /// tokens, whoever knows one of them would have the other.
    #[test]
    fn no_two_tokens_have_one_mask() {
        let (mut rng, secret) = (SplitMix(1), *b"a secret of 32 bytes, for a test");
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret).unwrap(), secret).unwrap().keys(&Tenant::default());
        let (pepper, session_id, salt) = (keys.active(), SessionId::random(&mut rng), LockSalt::random(&mut rng));
        let mut masks = Vec::new();
        for _ in 0..2 {
            let (token, wrap_id) = (SessionToken::random(&mut rng), WrapId::random(&mut rng));
            let lock_kind = LockKind::ClientPin;
            let handle = Handle { pepper_id: pepper.id(), lock_index: 0, lock_kind, session_id, wrap_id };
            let bytes = *token.expose_secret();
            let pin = ClientPin::stretch(
                &Pin::new("739216").unwrap(),
                ClientKdf::danger_fast_for_tests(),
                salt.clone(),
                &mut KdfMemory::new(),
            );
            let locked = pin.lock(in_clear(token, &handle, pepper)).unwrap();
            masks.push(core::array::from_fn::<u8, 32, _>(|at| locked.masked[at] ^ bytes[at]));
        }
        assert_ne!(masks[0], masks[1]);
    }
}
