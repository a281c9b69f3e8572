//! A session token in clear: for a client that wraps it itself, under a PIN that never leaves the device or under a key
//! that its platform keeps.
//!
//! ```text
//! text = "pls1_" + base64url(handle · MAC(K_handle, handle)[..16] · T)                             121 characters
//! ```
//!
//! The tag is over the handle and never over the token, so it tells nothing about a guess. It stops forgeries before
//! they cost anything.

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::encoding::{Malformed, Reader, decode_base64url, push_base64url, text_len};
use crate::handle::Handle;
use crate::id::SessionId;
use crate::keyring::{Keys, PepperKeys};
use crate::session::LockKind;
use crate::token::{CandidateToken, SessionToken};

const PREFIX: &str = "pls1_";
pub(crate) const TAG_LEN: usize = 16;
/// What of a token is no guess: handle and tag.
pub(crate) const HEAD_LEN: usize = Handle::LEN + TAG_LEN;
const BLOB_LEN: usize = HEAD_LEN + SessionToken::LEN;

/// A session token in clear, as text of [`PlainToken::LEN`] characters. It opens its session until its successor was
/// used, so nothing keeps it: a client wraps it at once, and unwraps it to present it.
///
/// A token that came out of a wrong PIN is as secret as the right one: with the wrapped one it tells which PIN that
/// was.
pub struct PlainToken(Zeroizing<String>);

/// Text that is no session token: damaged, forged, of another tenant, or made under a pepper that is no longer
/// accepted. Nothing was looked up or charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a session token of this service")]
pub struct InvalidPlainToken;

impl PlainToken {
    /// Characters of text.
    pub const LEN: usize = PREFIX.len() + text_len(BLOB_LEN);

    /// The text, to be sent over TLS and kept nowhere. Every call is a place to review.
    #[must_use]
    pub fn expose_secret(&self) -> &str {
        &self.0
    }

    pub(crate) fn assemble(head: &[u8; HEAD_LEN], token: &[u8; SessionToken::LEN]) -> Self {
        let mut blob = Zeroizing::new([0; BLOB_LEN]);
        blob[..HEAD_LEN].copy_from_slice(head);
        blob[HEAD_LEN..].copy_from_slice(token);
        let mut text = Zeroizing::new(String::with_capacity(Self::LEN));
        text.push_str(PREFIX);
        push_base64url(&mut text, &blob[..]);
        Self(text)
    }

    /// Head and token. The shape is checked, not the tag.
    pub(crate) fn take_apart(text: &str) -> Result<([u8; HEAD_LEN], Zeroizing<[u8; SessionToken::LEN]>), Malformed> {
        let text = text.strip_prefix(PREFIX).ok_or(Malformed)?;
        let blob: Zeroizing<[u8; BLOB_LEN]> = Zeroizing::new(decode_base64url(text.as_bytes())?);
        let (head, token) = blob.split_first_chunk().ok_or(Malformed)?;
        Ok((*head, Zeroizing::new(*token.first_chunk().ok_or(Malformed)?)))
    }
}

impl core::str::FromStr for PlainToken {
    type Err = InvalidPlainToken;

    /// Takes what a server has answered. Whether it is authentic only the server knows.
    fn from_str(text: &str) -> Result<Self, InvalidPlainToken> {
        let (head, token) = Self::take_apart(text).map_err(|Malformed| InvalidPlainToken)?;
        decode_head(&head).map_err(|Malformed| InvalidPlainToken)?;
        Ok(Self::assemble(&head, &token))
    }
}

impl core::fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("PlainToken([redacted])")
    }
}

/// The handle in a head, if it is one of a token that clients wrap.
pub(crate) fn decode_head(head: &[u8; HEAD_LEN]) -> Result<Handle, Malformed> {
    let handle = Handle::decode(&mut Reader::new(&head[..Handle::LEN]))?;
    if handle.lock_kind == LockKind::ServerPin { Err(Malformed) } else { Ok(handle) }
}

/// The handle in a head, if it was made here.
fn authentic(head: &[u8; HEAD_LEN], keys: &Keys) -> Result<Handle, InvalidPlainToken> {
    let handle = decode_head(head).map_err(|Malformed| InvalidPlainToken)?;
    let pepper = keys.find(handle.pepper_id).ok_or(InvalidPlainToken)?;
    let (encoded, tag) = head.split_at(Handle::LEN);
    let authentic: bool = pepper.handle_tag(encoded).ct_eq(tag).into();
    if authentic { Ok(handle) } else { Err(InvalidPlainToken) }
}

/// The handout of a token in clear.
#[expect(clippy::needless_pass_by_value, reason = "a token is handed out once, and gone")]
pub(crate) fn in_clear(token: SessionToken, handle: &Handle, pepper: &PepperKeys) -> PlainToken {
    let mut head = [0; HEAD_LEN];
    let handle = handle.encode();
    head[..Handle::LEN].copy_from_slice(&handle);
    head[Handle::LEN..].copy_from_slice(&pepper.handle_tag(&handle));
    PlainToken::assemble(&head, token.expose_secret())
}

/// Evidence that a token's handle was made by this service for this tenant. Whether the token is the one that the
/// session expects is yet to be judged: each guess at a PIN looks like this.
///
/// ```compile_fail
/// // There is no other way to it than `PresentedToken::open`.
/// let presented = pinlatch::plain::PresentedToken { handle: unreachable!(), candidate: unreachable!() };
/// ```
#[derive(Debug)]
pub struct PresentedToken {
    handle: Handle,
    candidate: CandidateToken,
}

impl PresentedToken {
    /// Checks canonical text, known version and pepper, and the tag of the handle. Costs microseconds, whatever the
    /// text is.
    ///
    /// # Errors
    /// [`InvalidPlainToken`], one answer for every cause.
    pub fn open(text: &str, keys: &Keys) -> Result<Self, InvalidPlainToken> {
        let (head, token) = PlainToken::take_apart(text).map_err(|Malformed| InvalidPlainToken)?;
        Ok(Self { handle: authentic(&head, keys)?, candidate: CandidateToken::from_bytes(*token) })
    }

    /// The session it was made for.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.handle.session_id
    }

    /// What kind of lock it is for.
    #[must_use]
    pub const fn lock_kind(&self) -> LockKind {
        self.handle.lock_kind
    }

    pub(crate) const fn handle(&self) -> &Handle {
        &self.handle
    }

    pub(crate) const fn candidate(&self) -> &CandidateToken {
        &self.candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::Tenant;
    use crate::keyring::{KeyRing, Pepper, PepperId};
    use crate::testing::SplitMix;
    use crate::token::WrapId;

    /// The server wraps those of its own locks, so one in clear was never handed out.
    #[test]
    fn a_token_of_a_lock_of_the_servers_is_none_that_clients_have() {
        let (mut rng, secret) = (SplitMix(1), *b"a secret of 32 bytes, for a test");
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret).unwrap(), secret).unwrap().keys(&Tenant::default());
        let pepper = keys.active();
        for (lock_kind, accepted) in
            [(LockKind::ServerPin, false), (LockKind::ClientPin, true), (LockKind::DeviceKey, true)]
        {
            let (pepper_id, session_id, wrap_id) = (pepper.id(), SessionId::random(&mut rng), WrapId::random(&mut rng));
            let handle = Handle { pepper_id, lock_index: 0, lock_kind, session_id, wrap_id };
            let token = in_clear(SessionToken::random(&mut rng), &handle, pepper);
            assert_eq!(PresentedToken::open(token.expose_secret(), &keys).is_ok(), accepted, "{lock_kind:?}");
            assert_eq!(token.expose_secret().parse::<PlainToken>().is_ok(), accepted, "{lock_kind:?}");
        }
    }
}
