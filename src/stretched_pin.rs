//! The only way to the KDF: a task that somebody was entitled to.

use core::fmt;

use rand_core::CryptoRng;

use crate::pin::{NewPin, Pin};
use crate::stretch::{KdfMemory, KdfParams, Stretched, stretch};
use crate::token::LockSalt;

/// One evaluation of the KDF, made by a charged attempt, an accepted new PIN, or a proven one. It owns what it needs,
/// so it can run on another thread.
///
/// ```compile_fail
/// // The KDF does not run for a PIN that merely came in.
/// let pin = pinlatch::Pin::new("739216").unwrap();
/// let task = pinlatch::stretched_pin::StretchTask { pin, salt: unreachable!(), params: Default::default() };
/// ```
#[must_use = "nothing was computed yet"]
pub struct StretchTask {
    pin: Pin,
    salt: LockSalt,
    params: KdfParams,
}

/// A PIN after the KDF, with what is needed to wrap tokens under it.
pub struct StretchedPin {
    secret: Stretched,
    salt: LockSalt,
    params: KdfParams,
}

impl StretchTask {
    /// For a PIN that is being set: with a fresh salt.
    pub fn for_new_pin<R: CryptoRng + ?Sized>(pin: &NewPin, params: KdfParams, rng: &mut R) -> Self {
        Self { pin: pin.pin().clone(), salt: LockSalt::random(rng), params }
    }

    /// For a charged attempt: with the salt and the costs that the wrap names.
    pub(crate) fn for_attempt(pin: &Pin, salt: &LockSalt, params: KdfParams) -> Self {
        Self { pin: pin.clone(), salt: salt.clone(), params }
    }

    /// For a proven PIN that moves to other costs: with a fresh salt.
    pub(crate) fn for_upgrade<R: CryptoRng + ?Sized>(pin: &Pin, params: KdfParams, rng: &mut R) -> Self {
        Self { pin: pin.clone(), salt: LockSalt::random(rng), params }
    }

    /// What the evaluation costs.
    #[must_use]
    pub const fn params(&self) -> KdfParams {
        self.params
    }

    /// Evaluates the KDF: milliseconds to seconds of one core. Not for an async thread.
    #[must_use]
    pub fn run(self, memory: &mut KdfMemory) -> StretchedPin {
        let secret = stretch(self.pin.expose_secret().as_bytes(), &self.salt, self.params, memory);
        StretchedPin { secret, salt: self.salt, params: self.params }
    }
}

impl StretchedPin {
    pub(crate) const fn secret(&self) -> &Stretched {
        &self.secret
    }

    pub(crate) const fn salt(&self) -> &LockSalt {
        &self.salt
    }

    /// The costs it was made with.
    #[must_use]
    pub const fn params(&self) -> KdfParams {
        self.params
    }
}

impl fmt::Debug for StretchTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StretchTask").field("params", &self.params).finish_non_exhaustive()
    }
}

impl fmt::Debug for StretchedPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StretchedPin").field("params", &self.params).finish_non_exhaustive()
    }
}
