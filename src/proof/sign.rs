//! The client's half: signing a request.

use base64ct::{Base64, Encoding};
use rand_core::CryptoRng;

use super::RequestKey;
use super::base::{signature_base, signature_input};
use super::candidate::Candidate;
use super::fields::Component;
use super::message::{Envelope, MessageParts};
use super::parts::{Body, RequestParts};
use crate::encoding::push_public_base64url;
use crate::id::SessionId;
use crate::time::UnixTime;

/// The two headers of a signature (RFC 9421 §4).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SignatureHeaders {
    /// The value of `Signature-Input`.
    pub signature_input: String,
    /// The value of `Signature`.
    pub signature: String,
}

impl SignatureHeaders {
    pub(super) fn new(label: &str, input: &str, signature: &[u8]) -> Self {
        let signature = format!("{label}=:{}:", Base64::encode_string(signature));
        Self { signature_input: format!("{label}={input}"), signature }
    }
}

/// A request that cannot be signed: a header that must be is missing, is there twice, or has bytes that do not belong
/// in a header; or the target has such bytes. Correct the request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the request has no single value for `{component}`")]
pub struct UnsignableRequest {
    component: String,
}

impl UnsignableRequest {
    /// Which part of the request: a header's name, or one such as `@path`.
    #[must_use]
    pub fn component(&self) -> &str {
        &self.component
    }
}

impl RequestKey {
    /// Signs a request for now. Sign what goes on the wire, after whatever library normalizes addresses and bodies, and
    /// anew for each attempt: a copy is refused.
    ///
    /// The parts need the header `authorization` and, with a body, `content-digest`
    /// ([`content_digest`](super::content_digest)).
    ///
    /// # Errors
    /// [`UnsignableRequest`].
    pub fn sign_request<R: CryptoRng + ?Sized>(
        &self,
        session_id: SessionId,
        parts: &RequestParts<'_>,
        now: UnixTime,
        rng: &mut R,
    ) -> Result<SignatureHeaders, UnsignableRequest> {
        let (components, nonce, created) = (covered(parts), nonce_text(rng), now.as_secs());
        let parameters = format!(
            r#";created={created};nonce="{nonce}";keyid="{session_id}";alg="hmac-sha256";tag="{}""#,
            Candidate::TAG
        );
        let input = signature_input(&components, &parameters);
        let base = signature_base(&components, &input, |component, base| {
            let value = parts.push_component(component, base);
            value.map_err(|_| UnsignableRequest { component: component.name.to_owned() })
        })?;
        Ok(SignatureHeaders::new("sig1", &input, &self.mac_key().mac_plain(base.as_bytes())))
    }
}

impl RequestKey {
    /// Signs a message: `plm1_` and 75 characters of base64url, which go with it. Good for one message, for a minute.
    #[must_use]
    pub fn sign_message<R: CryptoRng + ?Sized>(&self, parts: &MessageParts<'_>, now: UnixTime, rng: &mut R) -> String {
        Envelope::new(parts, now, nonce(rng)).sign(&self.mac_key())
    }
}

fn nonce<R: CryptoRng + ?Sized>(rng: &mut R) -> [u8; 16] {
    let mut nonce = [0; 16];
    rng.fill_bytes(&mut nonce);
    nonce
}

/// 16 random bytes as 22 characters of base64url.
pub(super) fn nonce_text<R: CryptoRng + ?Sized>(rng: &mut R) -> String {
    let mut text = String::new();
    push_public_base64url(&mut text, &nonce(rng));
    text
}

/// What the profile demands of these parts, and no more.
fn covered<'a>(parts: &RequestParts<'a>) -> Vec<Component<'a>> {
    let mut names = vec!["@method", "@authority", "@path", "@query", "authorization"];
    if parts.body == Body::Present {
        names.push("content-digest");
    }
    names.extend(["content-type", "content-encoding"].into_iter().filter(|name| parts.has_header(name)));
    for name in parts.also_signed.iter().filter(|name| parts.has_header(name)) {
        if !names.contains(name) {
            names.push(name);
        }
    }
    names.into_iter().map(Component::of).collect()
}
