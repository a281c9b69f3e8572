//! The device's half: tokens that a client wraps itself, so that its PIN never leaves the device, and what to do next.
//!
//! ```text
//! text under a PIN = "plc1_" + base64url(handle · tag · KDF · salt · T ⊕ MAC(Argon2id(PIN, salt), handle))     144 characters
//! text under a key = "pld1_" + base64url(handle · tag · T ⊕ MAC(key, handle))                                  121 characters
//! ```
//!
//! Neither has any redundancy: each PIN yields a token, and only the server, which counts, can tell whether it is the
//! right one. So there is nothing on the device to try PINs against.
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use pinlatch::client::{ClientKdf, ClientPin, PinLocked};
//! use pinlatch::pin::{NewPin, Pin};
//! use pinlatch::stretch::KdfMemory;
//! use pinlatch::Policy;
//! // The crates `rand_core` 0.10 and `getrandom` 0.4, with its feature `sys_rng`.
//! let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! # let session_token = format!("pls1_{}", TOKEN);
//! # const TOKEN: &str = "AQAAAAEAAgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
//!
//! // After a login: the server has handed out a session token, and the user has chosen a PIN.
//! let mut memory = KdfMemory::new();
//! let pin = NewPin::accept(Pin::new("739216")?, &Policy::default())?;
//! let locked = ClientPin::choose(&pin, ClientKdf::STANDARD, &mut rng, &mut memory).lock(session_token.parse()?)?;
//! let kept = locked.to_text(); // in the storage of the device
//!
//! // When the user comes back.
//! let (token, pin) = kept.parse::<PinLocked>()?.unlock(&Pin::new("739216")?, &mut memory);
//! let send = token.expose_secret(); // over TLS; the server answers with the next one
//! # assert_eq!(send, session_token);
//! # let answered = &session_token;
//! let kept = pin.lock(answered.parse()?)?.to_text(); // replaces the one before, in one write
//! # let _ = kept;
//! # Ok(())
//! # }
//! ```
//!
//! A device has one unlock on its way at a time, or two at most, and stores what an answer brings only while the
//! storage still has what was presented: an answer that comes late must not overwrite a newer one. With one at a time
//! any number of answers may get lost; with two at once, one of them that gets lost and is tried again can push out the
//! other's. (`unlock::model`, a test, explores every course of events within its bounds.)
//!
//! For another PIN, the one that was returned is dropped, and [`ClientPin::choose`] makes the next. A [`DeviceKey`]
//! locks the token that [`Sessions::add_device_key`](crate::Sessions::add_device_key) gives, and opens the session
//! beside the PIN. With the feature `sealed`, `Exchange` does all of it around one call, and keeps tokens out of
//! everything else. A client needs no other feature: `default-features = false`.
//!
//! Signing requests is [`RequestKey`]; asking a server who it is, before a PIN is entered, is [`ServerCheck`].
//! [`NextStep`] says what to do about an error. To log out takes no PIN: [`PinLocked::log_out_token`].

mod device_key;
#[cfg(feature = "sealed")]
mod exchange;
mod next_step;
#[cfg(test)]
mod offline_attacker;
mod pin_locked;

pub use self::device_key::{DeviceKey, DeviceLocked};
#[cfg(feature = "sealed")]
pub use self::exchange::{AwaitedAnswer, Exchange, ExchangeError, ExchangeOutcome};
pub use self::next_step::NextStep;
pub use self::pin_locked::{ClientKdf, ClientPin, PinLocked};
#[doc(no_inline)]
pub use crate::log_out::LogOutToken;
#[doc(no_inline)]
pub use crate::plain::PlainToken;
#[doc(no_inline)]
pub use crate::proof::{RequestKey, ServerCheck, ServerPublicKey};

/// Text that is not a locked token, or a token that is for another kind of lock. Forget it, and open the session in
/// another way or log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a token for this kind of lock")]
pub struct NotForThisLock;

use crate::crypto::MacKey;
use crate::encoding::push_base64url;
use crate::handle::Handle;
use crate::plain::{HEAD_LEN, decode_head};
use crate::session::LockKind;
use crate::token::SessionToken;

/// A token, masked.
type Masked = [u8; SessionToken::LEN];

/// Handle and tag of a token of this kind.
fn head_of(kind: LockKind, head: &[u8]) -> Result<[u8; HEAD_LEN], NotForThisLock> {
    let head = head.try_into().map_err(|_| NotForThisLock)?;
    let found = decode_head(&head).map_err(|_| NotForThisLock)?.lock_kind;
    if found == kind { Ok(head) } else { Err(NotForThisLock) }
}

/// Takes a token apart and masks it.
#[expect(clippy::needless_pass_by_value, reason = "a token is locked once, and gone")]
fn mask(kind: LockKind, token: PlainToken, key: &MacKey) -> Result<([u8; HEAD_LEN], Masked), NotForThisLock> {
    let (head, mut token) = PlainToken::take_apart(token.expose_secret()).map_err(|_| NotForThisLock)?;
    let head = head_of(kind, &head)?;
    flip(&mut token, &head, key);
    Ok((head, *token))
}

/// Takes the mask off and puts the token together.
fn unmask(head: &[u8; HEAD_LEN], masked: &Masked, key: &MacKey) -> PlainToken {
    let mut token = zeroize::Zeroizing::new(*masked);
    flip(&mut token, head, key);
    PlainToken::assemble(head, &token)
}

fn flip(token: &mut Masked, head: &[u8; HEAD_LEN], key: &MacKey) {
    let mask = key.mac(&[&head[..Handle::LEN]]);
    for (token, mask) in token.iter_mut().zip(mask.iter()) {
        *token ^= mask;
    }
}

fn text_of(prefix: &str, parts: &[&[u8]]) -> String {
    let mut text = prefix.to_owned();
    push_base64url(&mut text, &parts.concat());
    text
}
