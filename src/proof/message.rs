//! Requests of transports without HTTP, such as WebSocket, MQTT or gRPC: the same key, window and marks, over named
//! parts instead of headers.

use zeroize::Zeroizing;

use crate::crypto::MacKey;
use crate::encoding::{decode_public_array, push_public_base64url};
use crate::time::UnixTime;

/// A request as a list of named parts. What is not a part is not signed: what it asks for, and with what, all belong in
/// the list.
///
/// ```
/// use pinlatch::proof::MessageParts;
///
/// # let (access_token, payload) = ("", b"");
/// let parts = MessageParts {
///     access_token,
///     service: "wss://api.example",
///     parts: &[("call", b"transfer"), ("payload", payload)],
/// };
/// ```
#[derive(Clone, Copy)]
pub struct MessageParts<'a> {
    /// A token that is bound to the key.
    pub access_token: &'a str,
    /// For whom it is, as the server knows itself: from its configuration. Not empty.
    pub service: &'a str,
    /// Names and values in an order that client and server agree on. No two lists are signed alike.
    pub parts: &'a [(&'a str, &'a [u8])],
}

/// What a MAC is of: the parts, the time in seconds since 1970, and the nonce.
pub(super) struct Envelope<'a> {
    parts: MessageParts<'a>,
    created: u64,
    nonce: [u8; 16],
}

/// For logs: without the token, and without what the parts say.
impl core::fmt::Debug for MessageParts<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let names: Vec<_> = self.parts.iter().map(|(name, _)| name).collect();
        f.debug_struct("MessageParts").field("service", &self.service).field("parts", &names).finish_non_exhaustive()
    }
}

const PREFIX: &str = "plm1_";
/// Time · nonce · MAC.
const LEN: usize = 8 + 16 + 32;

impl<'a> Envelope<'a> {
    pub(super) fn new(parts: &MessageParts<'a>, created: UnixTime, nonce: [u8; 16]) -> Self {
        Self { parts: *parts, created: created.as_secs(), nonce }
    }

    /// What is signed, and the MAC that came with it. `None` for what is no signature of a message, or for nobody.
    pub(super) fn read(parts: &MessageParts<'a>, signature: &str) -> Option<(Self, [u8; 32])> {
        if parts.service.is_empty() {
            return None;
        }
        let bytes: [u8; LEN] = decode_public_array(signature.strip_prefix(PREFIX)?).ok()?;
        let (created, rest) = bytes.split_first_chunk()?;
        let (nonce, mac) = rest.split_first_chunk()?;
        let envelope = Self { parts: *parts, created: u64::from_be_bytes(*created), nonce: *nonce };
        Some((envelope, *mac.first_chunk()?))
    }

    pub(super) const fn created(&self) -> UnixTime {
        UnixTime::from_secs(self.created)
    }

    /// The first bytes tell it from every signature base: those of a length are no quotation mark.
    pub(super) fn mac(&self, key: &MacKey) -> Zeroizing<[u8; 32]> {
        let created = self.created.to_be_bytes();
        let MessageParts { access_token, service, .. } = self.parts;
        let head: [&[u8]; 5] =
            [b"pinlatch-message/1", &created, &self.nonce, access_token.as_bytes(), service.as_bytes()];
        let parts = self.parts.parts.iter().flat_map(|(name, value)| [name.as_bytes(), value]);
        key.mac(&head.into_iter().chain(parts).collect::<Vec<_>>())
    }

    pub(super) fn sign(&self, key: &MacKey) -> String {
        let (mut text, mac) = (String::from(PREFIX), self.mac(key));
        push_public_base64url(&mut text, &[&self.created.to_be_bytes()[..], &self.nonce, &mac[..]].concat());
        text
    }
}
