//! Tokens under a PIN, and under a key of the platform.

use std::collections::BTreeMap;

use pinlatch::Policy;
use pinlatch::client::{ClientKdf, ClientPin, DeviceKey, DeviceLocked, PinLocked, PlainToken};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::sealed::{AnswerOpener, SealingPublicKey};
use pinlatch::stretch::KdfMemory;
use serde_json::value::{RawValue, to_raw_value};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{problem, rng};

/// JSON whose values are left as they stand.
type Object = BTreeMap<String, Box<RawValue>>;

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

fn new_pin(pin: String) -> Result<NewPin> {
    let pin = Pin::new(pin).ok().and_then(|pin| NewPin::accept(pin, &Policy::default()).ok());
    pin.ok_or_else(|| problem("weak_pin"))
}

fn device_key(bytes: &[u8]) -> Result<DeviceKey> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| problem("not_a_device_key"))?;
    Ok(DeviceKey::from_bytes(bytes))
}

/// What the next token is locked with.
enum NextLock {
    NewPin(NewPin),
    Pin(ClientPin),
    Key(DeviceKey),
}

impl NextLock {
    fn lock(self, token: PlainToken) -> Result<String> {
        let locked = match self {
            Self::NewPin(pin) => {
                let pin = ClientPin::choose(&pin, ClientKdf::STANDARD, &mut rng(), &mut KdfMemory::new());
                pin.lock(token).map(|locked| locked.to_text())
            }
            Self::Pin(pin) => pin.lock(token).map(|locked| locked.to_text()),
            Self::Key(key) => key.lock(token).map(|locked| locked.to_text()),
        };
        locked.map_err(|_| problem("not_a_session_token"))
    }
}

/// One call to the server. Its body is sealed with the token in it, and the tokens of its answer are locked, before JavaScript
/// sees anything of either.
#[wasm_bindgen]
pub struct Exchange {
    token: Option<PlainToken>,
    next: Option<NextLock>,
    added: Option<DeviceKey>,
    answer: Option<AnswerOpener>,
}

impl Exchange {
    const fn new(token: Option<PlainToken>, next: Option<NextLock>) -> Self {
        Self { token, next, added: None, answer: None }
    }
}

#[wasm_bindgen]
impl Exchange {
    /// Without a token: whatever the body has.
    #[must_use]
    pub fn bare() -> Self {
        Self::new(None, None)
    }

    /// A login, whose answer has a `session_token` to be locked under a new PIN.
    ///
    /// # Errors
    /// `weak_pin`.
    pub fn begin(pin: String) -> Result<Self> {
        Ok(Self::new(None, Some(NextLock::NewPin(new_pin(pin)?))))
    }

    /// Unlocks `plc1_…` with a PIN, right or wrong; the next token is locked under the same, or under a new one. Takes as
    /// long as the KDF does.
    ///
    /// # Errors
    /// `not_a_locked_token`; `too_short` for a PIN that none can be; `weak_pin` for a new one.
    #[wasm_bindgen(js_name = withPin)]
    pub fn with_pin(locked: &str, pin: String, another: Option<String>) -> Result<Self> {
        let another = another.map(new_pin).transpose()?;
        let locked: PinLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
        let pin = Pin::new(pin).map_err(|_| problem("too_short"))?;
        let (token, pin) = locked.unlock(&pin, &mut KdfMemory::new());
        Ok(Self::new(Some(token), Some(another.map_or(NextLock::Pin(pin), NextLock::NewPin))))
    }

    /// Unlocks `pld1_…` with a key of the platform, under which the next token is locked, too.
    ///
    /// # Errors
    /// `not_a_locked_token`, `not_a_device_key`.
    #[wasm_bindgen(js_name = withKey)]
    pub fn with_key(locked: &str, key: &[u8]) -> Result<Self> {
        let locked: DeviceLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
        let key = device_key(key)?;
        Ok(Self::new(Some(locked.unlock(&key)), Some(NextLock::Key(key))))
    }

    /// Locks the `device_key_token` of the answer under 32 bytes that the platform keeps.
    ///
    /// # Errors
    /// `not_a_device_key`.
    #[wasm_bindgen(js_name = addKey)]
    pub fn add_key(&mut self, key: &[u8]) -> Result<()> {
        self.added = Some(device_key(key)?);
        Ok(())
    }

    /// Seals a body, an object in JSON, for a path of the server that has this key.
    ///
    /// # Errors
    /// `not_a_sealing_key`; `not_an_object`.
    pub fn seal(&mut self, key_id: u8, key: &str, path: &str, body: &str) -> Result<Vec<u8>> {
        let key = SealingPublicKey::from_text(key_id, key).map_err(|_| problem("not_a_sealing_key"))?;
        let mut body: Object = serde_json::from_str(body).map_err(|_| problem("not_an_object"))?;
        if let Some(token) = self.token.take() {
            let token = to_raw_value(token.expose_secret()).map_err(|_| problem("not_an_object"))?;
            body.insert("session_token".to_owned(), token);
        }
        let body = serde_json::to_vec(&body).map_err(|_| problem("not_an_object"))?;
        let (sealed, answer) = key.seal(path, &body, &mut rng()).map_err(|_| problem("not_a_sealing_key"))?;
        self.answer = Some(answer);
        Ok(sealed)
    }

    /// Opens the answer, and locks what is to be kept of it.
    ///
    /// # Errors
    /// `not_the_answer`; `not_a_session_token`.
    pub fn open(self, answer: &[u8]) -> Result<Opened> {
        let opener = self.answer.ok_or_else(|| problem("not_the_answer"))?;
        let body = opener.open(answer).map_err(|_| problem("not_the_answer"))?;
        let mut body: Object = serde_json::from_slice(&body).map_err(|_| problem("not_the_answer"))?;
        let mut lock = |name, next: Option<NextLock>| match (body.remove(name), next) {
            (Some(text), Some(next)) => next.lock(token(text.get().trim_matches('"'))?).map(Some),
            _ => Ok(None),
        };
        let locked = lock("session_token", self.next)?;
        let locked_by_key = lock("device_key_token", self.added.map(NextLock::Key))?;
        let body = serde_json::to_string(&body).map_err(|_| problem("not_the_answer"))?;
        Ok(Opened { body, locked, locked_by_key })
    }
}

/// An answer without its tokens, and what is to be kept of them.
#[wasm_bindgen(getter_with_clone)]
pub struct Opened {
    /// What is left of the body, in JSON.
    pub body: String,
    /// `plc1_…` or `pld1_…`, instead of what was kept before.
    pub locked: Option<String>,
    /// `pld1_…`, for the key that was added.
    #[wasm_bindgen(js_name = lockedByKey)]
    pub locked_by_key: Option<String>,
}
