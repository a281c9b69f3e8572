//! Drawing tokens, and the forms in which they leave the server.

#[cfg(test)]
mod offline_attacker;

use rand_core::CryptoRng;

use crate::attempts::Attempts;
use crate::handle::Handle;
use crate::id::{SessionId, Subject};
use crate::keyring::{Keys, PepperKeys};
use crate::plain::{PlainToken, in_clear};
use crate::session::{LockKind, Wrap};
use crate::stretched_pin::StretchedPin;
use crate::token::{SessionToken, WrapId};
use crate::wrap::{WrappedToken, wrap_token};

/// In which form the tokens of a lock leave the server: under a [`StretchedPin`], or [`InClear`].
pub trait Handout {
    /// What goes to the device.
    type Token;

    /// The kind of lock.
    fn lock_kind(&self) -> LockKind;

    /// Gives a token its form. Only this crate draws tokens, so only it can call this.
    #[doc(hidden)]
    fn hand_out<R: CryptoRng + ?Sized>(&self, fresh: FreshToken<'_>, rng: &mut R) -> Self::Token;
}

/// A token that was just drawn.
#[doc(hidden)]
pub struct FreshToken<'a> {
    token: SessionToken,
    handle: &'a Handle,
    pepper: &'a PepperKeys,
}

impl Handout for StretchedPin {
    type Token = WrappedToken;

    fn lock_kind(&self) -> LockKind {
        LockKind::ServerPin
    }

    fn hand_out<R: CryptoRng + ?Sized>(&self, fresh: FreshToken<'_>, rng: &mut R) -> WrappedToken {
        wrap_token(fresh.token, fresh.handle, self, fresh.pepper, rng)
    }
}

/// In clear, for a client that wraps tokens itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InClear {
    /// Under a PIN that never leaves the device.
    ClientPin,
    /// Under a key that its platform keeps. Only [`add_device_key`](crate::unlock::Proven::add_device_key) makes such a
    /// lock: a session without a PIN could never have another one.
    ///
    /// ```compile_fail
    /// let handout = pinlatch::handout::InClear::DeviceKey;
    /// ```
    #[non_exhaustive]
    DeviceKey,
}

impl InClear {
    /// The form of the tokens of a lock that clients wrap.
    pub(crate) fn of(kind: LockKind) -> Self {
        if kind == LockKind::DeviceKey { Self::DeviceKey } else { Self::ClientPin }
    }
}

impl Handout for InClear {
    type Token = PlainToken;

    fn lock_kind(&self) -> LockKind {
        match self {
            Self::ClientPin => LockKind::ClientPin,
            Self::DeviceKey => LockKind::DeviceKey,
        }
    }

    fn hand_out<R: CryptoRng + ?Sized>(&self, fresh: FreshToken<'_>, _rng: &mut R) -> PlainToken {
        in_clear(fresh.token, fresh.handle, fresh.pepper)
    }
}

impl core::fmt::Debug for FreshToken<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FreshToken([redacted])")
    }
}

/// Where a wrap belongs.
pub(crate) struct Place<'a> {
    pub(crate) subject: &'a Subject,
    pub(crate) session_id: SessionId,
    pub(crate) lock_index: u8,
    /// What whoever has it was told of, or is about to be.
    pub(crate) wrong_pins_before: u16,
}

/// Draws a token, hands it out, and forgets it: what remains is its digest for the server.
pub(crate) fn mint<H: Handout, R: CryptoRng + ?Sized>(
    place: &Place<'_>,
    handout: &H,
    keys: &Keys,
    rng: &mut R,
) -> (Wrap, H::Token) {
    let pepper = keys.active();
    let token = SessionToken::random(rng);
    let handle = Handle {
        pepper_id: pepper.id(),
        lock_index: place.lock_index,
        lock_kind: handout.lock_kind(),
        session_id: place.session_id,
        wrap_id: WrapId::random(rng),
    };
    let kind = handle.lock_kind.as_u8();
    let digest = pepper.digest(place.subject, place.session_id, kind, &handle.wrap_id, token.expose_secret());
    let wrap = Wrap {
        id: handle.wrap_id.clone(),
        digest: Some(digest),
        attempts: Attempts::default(),
        wrong_pins_before: place.wrong_pins_before,
    };
    (wrap, handout.hand_out(FreshToken { token, handle: &handle, pepper }, rng))
}
