//! Ending a session with what its device keeps, without a PIN.
//!
//! A wrapped token will do as it is. What a client has locked itself does not leave the device: from it the client
//! makes a token for this one purpose.
//!
//! ```text
//! text = "ple1_" + base64url(handle · MAC(tag, "log out" · handle)[..16])                           79 characters
//! ```
//!
//! The tag is that of the [session token](crate::plain). It cannot be computed from this text: whoever finds one in a
//! log can end the session, and cannot present a guess.

use subtle::ConstantTimeEq;

use crate::crypto::MacKey;
use crate::encoding::{decode_base64url, push_base64url, text_len};
use crate::handle::Handle;
use crate::id::SessionId;
use crate::keyring::Keys;
use crate::plain::{HEAD_LEN, TAG_LEN, decode_head};
use crate::wrap::{InvalidWrappedToken, PresentedWrap};

const PREFIX: &str = "ple1_";

/// Ends its session, and does nothing else. For the server alone, like all that a device has.
#[derive(Clone, PartialEq, Eq)]
pub struct LogOutToken(String);

impl LogOutToken {
    /// Characters of text.
    pub const LEN: usize = PREFIX.len() + text_len(HEAD_LEN);

    /// The text, to be sent to the server.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Of handle and tag.
    pub(crate) fn of(head: &[u8; HEAD_LEN]) -> Self {
        let (handle, tag) = head.split_at(Handle::LEN);
        let mut text = PREFIX.to_owned();
        push_base64url(&mut text, &[handle, &proof(handle, tag)].concat());
        Self(text)
    }
}

impl core::fmt::Debug for LogOutToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LogOutToken([redacted])")
    }
}

fn proof(handle: &[u8], tag: &[u8]) -> [u8; TAG_LEN] {
    *MacKey::from_slice(tag).mac(&[b"log out", handle]).first_chunk().expect("a MAC has 32 bytes")
}

/// The session that a device logs out of, by the wrapped token that it keeps or by a [`LogOutToken`]. Whether the token
/// still opens the session does not matter.
///
/// # Errors
/// [`InvalidWrappedToken`], one answer for every cause.
pub fn session_of(text: &str, keys: &Keys) -> Result<SessionId, InvalidWrappedToken> {
    let Some(text) = text.strip_prefix(PREFIX) else {
        return PresentedWrap::authentic(text, keys).map(|presented| presented.session_id());
    };
    let head: [u8; HEAD_LEN] = decode_base64url(text.as_bytes()).map_err(|_| InvalidWrappedToken)?;
    let named = decode_head(&head).map_err(|_| InvalidWrappedToken)?;
    let pepper = keys.find(named.pepper_id).ok_or(InvalidWrappedToken)?;
    let (handle, presented) = head.split_at(Handle::LEN);
    let authentic: bool = proof(handle, &pepper.handle_tag(handle)).ct_eq(presented).into();
    if authentic { Ok(named.session_id) } else { Err(InvalidWrappedToken) }
}
