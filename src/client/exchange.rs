//! One sealed call with a token in it.

use std::collections::BTreeMap;

use rand_core::CryptoRng;
use serde_json::value::{RawValue, to_raw_value};
use zeroize::{Zeroize, Zeroizing};

use super::{ClientKdf, ClientPin, DeviceKey, DeviceLocked, NotForThisLock, PinLocked};
use crate::pin::{NewPin, Pin};
use crate::plain::PlainToken;
use crate::proof::RequestParts;
use crate::sealed::{AnswerOpener, NotTheAnswer, SealError, SealingPublicKey};
use crate::stretch::KdfMemory;
use crate::time::UnixTime;

/// JSON whose values stay as they stand.
type Object = BTreeMap<String, Box<RawValue>>;

/// The member in which a token goes to the server, and the next one comes back.
const TOKEN: &str = "session_token";
/// The member in which the token of a device key comes.
const KEY_TOKEN: &str = "device_key_token";

/// One call to a server that takes [sealed](crate::sealed) bodies in JSON. The token goes into the body as
/// `session_token`, and what the answer has under that name, or under `device_key_token`, is locked before anybody sees
/// it: in clear, tokens exist only in here.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use pinlatch::client::{Exchange, PinLocked};
/// use pinlatch::pin::Pin;
/// use pinlatch::proof::{Origin, RequestParts};
/// use pinlatch::stretch::KdfMemory;
/// use pinlatch::{ClockPolicy, SystemClock};
/// # use pinlatch::client::{ClientKdf, ClientPin};
/// # use pinlatch::sealed::{SealingKey, SealingKeys};
/// # let token = "pls1_AQAAAAEAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
/// # let mut secret = [0; 32];
/// # getrandom::fill(&mut secret)?;
/// # let server = SealingKeys::new([SealingKey::x25519(1, &secret)?])?;
/// # let sealing_key = server.public_keys().next().unwrap();
/// # let mut chosen = rand_core::UnwrapErr(getrandom::SysRng);
/// # let new_pin = pinlatch::pin::NewPin::accept(Pin::new("739216")?, &pinlatch::Policy::default())?;
/// # let kept = ClientPin::choose(&new_pin, ClientKdf::STANDARD, &mut chosen, &mut KdfMemory::new()).lock(token.parse()?)?.to_text();
///
/// let (mut rng, mut memory) = (rand_core::UnwrapErr(getrandom::SysRng), KdfMemory::new());
/// let origin: Origin = "https://api.example".parse()?;
/// let request = RequestParts::new("POST", &origin, "/authorize", &[]);
///
/// let exchange = Exchange::with_pin(&kept.parse::<PinLocked>()?, &Pin::new("739216")?, &mut memory);
/// let (body, awaited) = exchange.seal(&sealing_key, &request, "{}", SystemClock.now(), &mut rng)?;
/// // Send the body as `sealed::REQUEST_TYPE`; for an answer that is a `sealed::RESPONSE_TYPE`:
/// # let opened = server.open(&request, &body, SystemClock.now())?;
/// # let answer = opened.answer.seal(200, format!("{{\"session_token\":\"{token}\",\"access_token\":\"eyJ\"}}").as_bytes(), &mut rng);
/// let outcome = awaited.open(&answer, &mut rng, &mut memory)?;
/// if let Some(locked) = outcome.locked {
///     // In one write, instead of what was kept before.
/// #   assert!(locked.starts_with("plc1_"));
/// }
/// assert_eq!((outcome.status, outcome.body.as_str()), (200, r#"{"access_token":"eyJ"}"#));
/// # Ok(())
/// # }
/// ```
///
/// An answer that is not sealed may be anybody's. It is no reason to forget anything.
pub struct Exchange {
    token: Option<PlainToken>,
    locks: NextLocks,
}

/// What the tokens of the answer are locked with.
#[derive(Default)]
struct NextLocks {
    session_token: Option<NextLock>,
    device_key_token: Option<DeviceKey>,
}

enum NextLock {
    NewPin(NewPin),
    Pin(ClientPin),
    Key(DeviceKey),
}

/// Why a call failed on the client's side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ExchangeError {
    /// The body is not an object in JSON.
    #[error("the body is not an object in JSON")]
    Body,
    /// The body could not be sealed.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// The answer is damaged, not to this request, or neither empty nor an object in JSON. What is kept stays good.
    #[error(transparent)]
    Answer(#[from] NotTheAnswer),
    /// A token of the answer is not one for the lock that waits for it.
    #[error(transparent)]
    Token(#[from] NotForThisLock),
}

/// What came of a call.
#[derive(Clone)]
pub struct ExchangeOutcome {
    /// The HTTP status that the server means.
    pub status: u16,
    /// The body without its tokens: an object in JSON.
    pub body: String,
    /// `plc1_…`, to be kept instead of what was kept under the PIN before, in one write.
    pub locked: Option<String>,
    /// `pld1_…`, to be kept instead of what was kept under the device's key before, in one write.
    pub locked_by_key: Option<String>,
}

impl Exchange {
    /// A call without a token of its own: whatever the body has, such as a wrapped token and a PIN.
    #[must_use]
    pub fn bare() -> Self {
        Self { token: None, locks: NextLocks::default() }
    }

    /// A login, whose answer has a token to be locked under a new PIN.
    #[must_use]
    pub fn begin(pin: NewPin) -> Self {
        Self::new(None, NextLock::NewPin(pin))
    }

    /// Unlocks with a PIN, right or wrong; the next token is locked under the same. Takes as long as the KDF does.
    #[must_use]
    pub fn with_pin(locked: &PinLocked, pin: &Pin, memory: &mut KdfMemory) -> Self {
        let (token, pin) = locked.unlock(pin, memory);
        Self::new(Some(token), NextLock::Pin(pin))
    }

    /// Unlocks with a key of the platform; the next token is locked under it, too.
    #[must_use]
    pub fn with_key(locked: &DeviceLocked, key: DeviceKey) -> Self {
        Self::new(Some(locked.unlock(&key)), NextLock::Key(key))
    }

    /// What a body has room for before it moves.
    const MAX_BODY: usize = 4096;

    fn new(token: Option<PlainToken>, next: NextLock) -> Self {
        Self { token, locks: NextLocks { session_token: Some(next), device_key_token: None } }
    }

    /// Locks the next token under another PIN. For a call that ends with
    /// [`Sessions::change_client_pin`](crate::Sessions::change_client_pin), and no other.
    #[must_use]
    pub fn changing_to(mut self, pin: NewPin) -> Self {
        self.locks.session_token = Some(NextLock::NewPin(pin));
        self
    }

    /// Locks the token of a device key, too. For a call that ends with
    /// [`Sessions::add_device_key`](crate::Sessions::add_device_key).
    #[must_use]
    pub fn adding(mut self, key: DeviceKey) -> Self {
        self.locks.device_key_token = Some(key);
        self
    }

    /// Seals a body, an object in JSON, with the token in it. `now` is the server's time, as well as it is known.
    ///
    /// # Errors
    /// [`ExchangeError::Body`], [`ExchangeError::Seal`].
    pub fn seal<R: CryptoRng>(
        self,
        key: &SealingPublicKey,
        request: &RequestParts<'_>,
        body: &str,
        now: UnixTime,
        rng: &mut R,
    ) -> Result<(Vec<u8>, AwaitedAnswer), ExchangeError> {
        let mut body: Object = serde_json::from_str(body).map_err(|_| ExchangeError::Body)?;
        if let Some(token) = &self.token {
            let token = to_raw_value(token.expose_secret()).map_err(|_| ExchangeError::Body)?;
            body.insert(TOKEN.to_owned(), token);
        }
        // Grown in place, it would leave pieces behind.
        let mut text = Zeroizing::new(Vec::with_capacity(Self::MAX_BODY));
        serde_json::to_writer(&mut *text, &body).map_err(|_| ExchangeError::Body)?;
        if let Some(token) = body.remove(TOKEN) {
            erase(token);
        }
        let body = text;
        let (sealed, opener) = key.seal(request, &body, now, rng)?;
        Ok((sealed, AwaitedAnswer { locks: self.locks, opener }))
    }
}

/// A call that was sent.
pub struct AwaitedAnswer {
    locks: NextLocks,
    opener: AnswerOpener,
}

impl AwaitedAnswer {
    /// Opens the answer, and locks its tokens. Takes as long as the KDF does if there is a new PIN.
    ///
    /// # Errors
    /// [`ExchangeError::Answer`], [`ExchangeError::Token`].
    pub fn open<R: CryptoRng>(
        self,
        answer: &[u8],
        rng: &mut R,
        memory: &mut KdfMemory,
    ) -> Result<ExchangeOutcome, ExchangeError> {
        let answer = self.opener.open(answer)?;
        let mut body = Object::new();
        if !answer.body.is_empty() {
            body = serde_json::from_slice(&answer.body).map_err(|_| NotTheAnswer)?;
        }
        let mut take = |name: &str| body.remove(name).map(token).transpose();
        let (next, key_token) = (take(TOKEN)?, take(KEY_TOKEN)?);
        let (mut locked, mut locked_by_key) = (None, None);
        match next.zip(self.locks.session_token) {
            Some((token, NextLock::NewPin(pin))) => {
                let pin = ClientPin::choose(&pin, ClientKdf::STANDARD, rng, memory);
                locked = Some(pin.lock(token)?.to_text());
            }
            Some((token, NextLock::Pin(pin))) => locked = Some(pin.lock(token)?.to_text()),
            Some((token, NextLock::Key(key))) => locked_by_key = Some(key.lock(token)?.to_text()),
            None => {}
        }
        if let Some((token, key)) = key_token.zip(self.locks.device_key_token) {
            locked_by_key = Some(key.lock(token)?.to_text());
        }
        let body = serde_json::to_string(&body).map_err(|_| NotTheAnswer)?;
        Ok(ExchangeOutcome { status: answer.status, body, locked, locked_by_key })
    }
}

fn token(text: Box<RawValue>) -> Result<PlainToken, NotForThisLock> {
    let token = text.get().trim_matches('"').parse().map_err(|_| NotForThisLock);
    erase(text);
    token
}

fn erase(text: Box<RawValue>) {
    Box::<str>::from(text).zeroize();
}

impl core::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Exchange([redacted])")
    }
}

impl core::fmt::Debug for ExchangeOutcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ExchangeOutcome({}, [redacted])", self.status)
    }
}

impl core::fmt::Debug for AwaitedAnswer {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AwaitedAnswer([redacted])")
    }
}
