//! Tokens under a PIN, and under a key of the platform.

use pinlatch::Policy;
use pinlatch::client::{ClientKdf, ClientPin, DeviceKey, DeviceLocked, PinLocked, PlainToken};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::stretch::KdfMemory;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{problem, rng};

type Result<T> = core::result::Result<T, js_sys::Error>;

fn token(text: &str) -> Result<PlainToken> {
    text.parse().map_err(|_| problem("not_a_session_token"))
}

/// Why a PIN may not be set, in a word (`too_short`, `repeated`, `sequence`, `date`, `keypad`, `common`); nothing if it may.
#[wasm_bindgen(js_name = weakPin)]
#[must_use]
pub fn weak_pin(pin: String) -> Option<String> {
    let accepted = Pin::new(pin).map(|pin| NewPin::accept(pin, &Policy::default()));
    match accepted {
        Ok(Ok(_)) => None,
        Ok(Err(weak)) => Some(weak.reason().to_owned()),
        Err(_) => Some("too_short".to_owned()),
    }
}

/// Locks a session token under a new PIN: `plc1_…`, for the storage of the device. Takes as long as the KDF does.
///
/// # Errors
/// `weak_pin`, `not_a_session_token`.
#[wasm_bindgen(js_name = lockWithPin)]
pub fn lock_with_pin(session_token: &str, pin: String) -> Result<String> {
    let token = token(session_token)?;
    let pin = Pin::new(pin).ok().and_then(|pin| NewPin::accept(pin, &Policy::default()).ok());
    let pin = pin.ok_or_else(|| problem("weak_pin"))?;
    let pin = ClientPin::choose(&pin, ClientKdf::STANDARD, &mut rng(), &mut KdfMemory::new());
    let locked = pin.lock(token).map_err(|_| problem("not_a_session_token"))?;
    Ok(locked.to_text())
}

/// A PIN that was typed, and what it makes of a locked token. Lock the next token with it, or free it.
#[wasm_bindgen]
pub struct PinUnlock {
    token: PlainToken,
    pin: ClientPin,
}

#[wasm_bindgen]
impl PinUnlock {
    /// Unlocks `plc1_…` with a PIN, right or wrong. Takes as long as the KDF does.
    ///
    /// # Errors
    /// `not_a_locked_token`; `too_short` for a PIN that none can be.
    #[wasm_bindgen(constructor)]
    pub fn new(locked: &str, pin: String) -> Result<Self> {
        let locked: PinLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
        let pin = Pin::new(pin).map_err(|_| problem("too_short"))?;
        let (token, pin) = locked.unlock(&pin, &mut KdfMemory::new());
        Ok(Self { token, pin })
    }

    /// To be sent to the server, and kept nowhere.
    #[wasm_bindgen(getter, js_name = sessionToken)]
    #[must_use]
    pub fn session_token(&self) -> String {
        self.token.expose_secret().to_owned()
    }

    /// Locks the next token under the same PIN, which is forgotten then.
    ///
    /// # Errors
    /// `not_a_session_token`.
    pub fn lock(self, next: &str) -> Result<String> {
        let locked = self.pin.lock(token(next)?).map_err(|_| problem("not_a_session_token"))?;
        Ok(locked.to_text())
    }
}

fn device_key(bytes: &[u8]) -> Result<DeviceKey> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| problem("not_a_device_key"))?;
    Ok(DeviceKey::from_bytes(bytes))
}

/// Locks a session token under 32 bytes that the platform keeps: `pld1_…`, for the storage of the device.
///
/// # Errors
/// `not_a_session_token`, `not_a_device_key`.
#[wasm_bindgen(js_name = lockWithKey)]
pub fn lock_with_key(session_token: &str, key: &[u8]) -> Result<String> {
    let locked = device_key(key)?.lock(token(session_token)?).map_err(|_| problem("not_a_session_token"))?;
    Ok(locked.to_text())
}

/// Unlocks `pld1_…`: a session token, to be sent to the server and kept nowhere.
///
/// # Errors
/// `not_a_locked_token`, `not_a_device_key`.
#[wasm_bindgen(js_name = unlockWithKey)]
pub fn unlock_with_key(locked: &str, key: &[u8]) -> Result<String> {
    let locked: DeviceLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
    Ok(locked.unlock(&device_key(key)?).expose_secret().to_owned())
}
