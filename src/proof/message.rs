//! Signed requests of transports without HTTP, such as WebSocket, MQTT or gRPC: the same key, window and marks, over
//! named parts instead of headers.

use rand_core::CryptoRng;
use zeroize::Zeroizing;

use super::candidate::{Candidate, Signed, check_window};
use super::{ProofError, RequestKey};
use crate::crypto::MacKey;
use crate::encoding::{decode_public_array, push_public_base64url};
use crate::time::UnixTime;

/// A request as a list of named parts. What is not a part is not signed: which service it is for, what it asks for, and
/// with what, all belong in the list.
///
/// ```
/// use pinlatch::proof::MessageParts;
///
/// # let (access_token, payload) = ("", b"");
/// let parts = MessageParts {
///     access_token,
///     parts: &[("service", b"wss://api.example"), ("call", b"transfer"), ("payload", payload)],
/// };
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MessageParts<'a> {
    /// A token that is bound to the key.
    pub access_token: &'a str,
    /// Names and values in an order that client and server agree on. No two lists are signed alike.
    pub parts: &'a [(&'a str, &'a [u8])],
}

/// What a MAC is of: the parts, the time and the nonce.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    parts: MessageParts<'a>,
    created: [u8; 8],
    nonce: [u8; 16],
}

const PREFIX: &str = "plm1_";
/// Seconds since 1970 · nonce · MAC.
const LEN: usize = 8 + 16 + 32;

impl Envelope<'_> {
    /// The first bytes tell it from every signature base: those of a length are no quotation mark.
    pub(super) fn mac(&self, key: &MacKey) -> Zeroizing<[u8; 32]> {
        let head: [&[u8]; 4] = [b"pinlatch-message/1", &self.created, &self.nonce, self.parts.access_token.as_bytes()];
        let parts = self.parts.parts.iter().flat_map(|(name, value)| [name.as_bytes(), value]);
        key.mac(&head.into_iter().chain(parts).collect::<Vec<_>>())
    }
}

impl<'a> Candidate<'a> {
    /// Reads the signature of a message, the text that [`RequestKey::sign_message`] made.
    ///
    /// # Errors
    /// [`ProofError::Malformed`]; [`ProofError::Stale`] or [`ProofError::FromTheFuture`].
    pub fn read_message(parts: &MessageParts<'a>, signature: &str, now: UnixTime) -> Result<Self, ProofError> {
        let text = signature.strip_prefix(PREFIX).ok_or(ProofError::Malformed)?;
        let bytes: [u8; LEN] = decode_public_array(text).map_err(|_| ProofError::Malformed)?;
        let (created, rest) = bytes.split_first_chunk::<8>().expect("56 bytes begin with 8");
        let (nonce, mac) = rest.split_first_chunk::<16>().expect("48 bytes begin with 16");
        let at = UnixTime::from_secs(u64::from_be_bytes(*created));
        check_window(at, now)?;
        Ok(Self {
            session_id: None,
            access_token: parts.access_token,
            signed: Signed::Message(Envelope { parts: *parts, created: *created, nonce: *nonce }),
            signature: *mac.first_chunk().expect("32 bytes are left"),
            created: at,
            content: None,
        })
    }
}

impl RequestKey {
    /// Signs a message: `plm1_` and 75 characters of base64url, which go with it. Good for one message, for a minute.
    #[must_use]
    pub fn sign_message<R: CryptoRng + ?Sized>(&self, parts: &MessageParts<'_>, now: UnixTime, rng: &mut R) -> String {
        let mut nonce = [0; 16];
        rng.fill_bytes(&mut nonce);
        let created = now.as_secs().to_be_bytes();
        let mac = Envelope { parts: *parts, created, nonce }.mac(&self.mac_key());
        let mut text = String::from(PREFIX);
        push_public_base64url(&mut text, &[&created[..], &nonce, &mac[..]].concat());
        text
    }
}
