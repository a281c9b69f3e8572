//! Calls with tokens in them, which are in clear nowhere else.

use pinlatch::client::{self, AwaitedAnswer, DeviceKey, DeviceLocked, ExchangeError, PinLocked};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::proof::{Origin, RequestParts};
use pinlatch::sealed::SealingPublicKey;
use pinlatch::stretch::KdfMemory;
use pinlatch::{Policy, UnixTime};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{problem, rng};

type Result<T> = core::result::Result<T, js_sys::Error>;

/// Why a PIN may not be set, in a word (`too_short`, `too_long`, `repeated`, `sequence`, `date`, `keypad`, `common`);
/// nothing if it may.
#[wasm_bindgen(js_name = weakPin)]
#[must_use]
pub fn weak_pin(pin: String) -> Option<String> {
    let too_long = pin.len() > Pin::MAX_LEN;
    let accepted = Pin::new(pin).map(|pin| NewPin::accept(pin, &Policy::default()));
    match accepted {
        Ok(Ok(_)) => None,
        Ok(Err(weak)) => Some(weak.reason().to_owned()),
        Err(_) => Some(if too_long { "too_long" } else { "too_short" }.to_owned()),
    }
}

/// Of `plc1_…` or `pld1_…`: `ple1_…`, with which the device logs out without a PIN.
///
/// # Errors
/// `not_a_locked_token`.
#[wasm_bindgen(js_name = logOutToken)]
pub fn log_out_token(locked: &str) -> Result<String> {
    let by_pin = locked.parse().map(|locked: PinLocked| locked.log_out_token());
    let by_either = by_pin.or_else(|_| locked.parse().map(|locked: DeviceLocked| locked.log_out_token()));
    by_either.map(|token| token.as_str().to_owned()).map_err(|_| problem("not_a_locked_token"))
}

fn new_pin(pin: String) -> Result<NewPin> {
    let pin = Pin::new(pin).ok().and_then(|pin| NewPin::accept(pin, &Policy::default()).ok());
    pin.ok_or_else(|| problem("weak_pin"))
}

fn device_key(bytes: &[u8]) -> Result<DeviceKey> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| problem("not_a_device_key"))?;
    Ok(DeviceKey::from_bytes(bytes))
}

fn failed(error: ExchangeError) -> js_sys::Error {
    problem(match error {
        ExchangeError::Body => "not_an_object",
        ExchangeError::Seal(_) => "not_a_sealing_key",
        ExchangeError::Token(_) => "not_a_session_token",
        _ => "not_the_answer",
    })
}

/// One call to the server. Its body is sealed with the token in it, and the tokens of its answer are locked, before
/// JavaScript sees anything of either.
#[wasm_bindgen]
pub struct Exchange {
    exchange: Option<client::Exchange>,
    awaited: Option<AwaitedAnswer>,
}

impl From<client::Exchange> for Exchange {
    fn from(exchange: client::Exchange) -> Self {
        Self { exchange: Some(exchange), awaited: None }
    }
}

#[wasm_bindgen]
impl Exchange {
    /// Without a token: whatever the body has.
    #[must_use]
    pub fn bare() -> Self {
        client::Exchange::bare().into()
    }

    /// A login, whose answer has a `session_token` to be locked under a new PIN.
    ///
    /// # Errors
    /// `weak_pin`.
    pub fn begin(pin: String) -> Result<Self> {
        Ok(client::Exchange::begin(new_pin(pin)?).into())
    }

    /// Unlocks `plc1_…` with a PIN, right or wrong; the next token is locked under the same, or under a new one. Takes
    /// as long as the KDF does.
    ///
    /// # Errors
    /// `not_a_locked_token`; `not_a_pin` for a PIN that none can be; `weak_pin` for a new one.
    #[wasm_bindgen(js_name = withPin)]
    pub fn with_pin(locked: &str, pin: String, another: Option<String>) -> Result<Self> {
        let another = another.map(new_pin).transpose()?;
        let locked: PinLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
        let pin = Pin::new(pin).map_err(|_| problem("not_a_pin"))?;
        let exchange = client::Exchange::with_pin(&locked, &pin, &mut KdfMemory::new());
        Ok(match another {
            Some(another) => exchange.changing_to(another).into(),
            None => exchange.into(),
        })
    }

    /// Unlocks `pld1_…` with a key of the platform, under which the next token is locked, too.
    ///
    /// # Errors
    /// `not_a_locked_token`, `not_a_device_key`.
    #[wasm_bindgen(js_name = withKey)]
    pub fn with_key(locked: &str, key: &[u8]) -> Result<Self> {
        let locked: DeviceLocked = locked.parse().map_err(|_| problem("not_a_locked_token"))?;
        Ok(client::Exchange::with_key(&locked, device_key(key)?).into())
    }

    /// Locks the `device_key_token` of the answer under 32 bytes that the platform keeps.
    ///
    /// # Errors
    /// `not_a_device_key`.
    #[wasm_bindgen(js_name = addKey)]
    pub fn add_key(&mut self, key: &[u8]) -> Result<()> {
        let key = device_key(key)?;
        self.exchange = self.exchange.take().map(|exchange| exchange.adding(key));
        Ok(())
    }

    /// Seals a body, an object in JSON, for a `POST` to an address of the server that has this key:
    /// `https://api.example`, and path and query.
    ///
    /// # Errors
    /// `not_a_sealing_key`, `not_an_object`, `not_an_address`.
    pub fn seal(
        &mut self,
        key_id: u8,
        key: &str,
        origin: &str,
        target: &str,
        body: &str,
        now_seconds: f64,
    ) -> Result<Vec<u8>> {
        let key = SealingPublicKey::from_text(key_id, key).map_err(|_| problem("not_a_sealing_key"))?;
        let origin: Origin = origin.parse().map_err(|_| problem("not_an_address"))?;
        let request = RequestParts::new("POST", &origin, target, &[]);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a clock of this millennium")]
        let now = UnixTime::from_secs(now_seconds as u64);
        let exchange = self.exchange.take().ok_or_else(|| problem("not_the_answer"))?;
        let (sealed, awaited) = exchange.seal(&key, &request, body, now, &mut rng()).map_err(failed)?;
        self.awaited = Some(awaited);
        Ok(sealed)
    }

    /// Opens the answer, and locks what is to be kept of it.
    ///
    /// # Errors
    /// `not_the_answer`, `not_a_session_token`.
    pub fn open(self, answer: &[u8]) -> Result<Opened> {
        let awaited = self.awaited.ok_or_else(|| problem("not_the_answer"))?;
        let outcome = awaited.open(answer, &mut rng(), &mut KdfMemory::new()).map_err(failed)?;
        let client::ExchangeOutcome { status, body, locked, locked_by_key } = outcome;
        Ok(Opened { status, body, locked, locked_by_key })
    }
}

/// An answer without its tokens, and what is to be kept of them.
#[wasm_bindgen(getter_with_clone)]
pub struct Opened {
    /// The HTTP status that the server means.
    pub status: u16,
    /// What is left of the body, in JSON.
    pub body: String,
    /// `plc1_…`, instead of what was kept under the PIN before.
    pub locked: Option<String>,
    /// `pld1_…`, instead of what was kept under the device's key before.
    #[wasm_bindgen(js_name = lockedByKey)]
    pub locked_by_key: Option<String>,
}
