//! Signed responses: the server's half.
//!
//! A client asks for one with the header `Accept-Signature` (RFC 9421 §5) and a nonce of its own. The signature covers
//! the response and what was asked, so that nobody can answer one question with the answer to another.

use super::base::{signature_base, signature_input};
use super::candidate::is_nonce;
use super::digest::{ContentDigest, content_digest};
use super::fields::{self, Component, SignatureInput, Value};
use super::parts::{Body, NoValue, RequestParts, ResponseParts, header};
use super::{ServerKey, SignatureHeaders};
use crate::time::UnixTime;

/// The value of the parameter `tag` of a response.
pub(super) const TAG: &str = "pinlatch-response/1";

/// Headers that a response needs to be believed. Each replaces what the response has of that name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ResponseSignature {
    /// The value of `Content-Digest`.
    pub content_digest: String,
    /// `Signature-Input` and `Signature`.
    pub headers: SignatureHeaders,
}

impl ServerKey {
    /// Signs a response, of any status, if its request asks for it. Signed are the status, the body, its `content-type`
    /// and `content-encoding`, and what was asked: method, authority, path, query, body, and those of the headers
    /// `authorization`, `signature-input` and `signature` that the request has. Other headers of the response are not.
    ///
    /// The body of the request is bound by its `content-digest`, which is compared with it here. (In answers to `HEAD`
    /// the body is that which is sent: none.)
    ///
    /// `None` when the request does not ask in the way that this profile understands, its body has no digest or another
    /// one, or request and response have something that cannot be signed. A client that asked takes that for an answer
    /// of somebody else.
    #[must_use]
    pub fn sign_response(
        &self,
        request: &RequestParts<'_>,
        request_body: &[u8],
        response: &ResponseParts<'_>,
        now: UnixTime,
    ) -> Option<ResponseSignature> {
        if !is_bound(request, request_body) {
            return None;
        }
        let asked = fields::signature_input(request.header("accept-signature").ok()?, TAG).ok()?;
        let nonce = nonce_of(&asked)?;

        let content_digest = content_digest(if request.method == "HEAD" { &[] } else { response.body });
        let components = covered(request, response);
        let parameters =
            format!(r#";created={};nonce="{nonce}";keyid="{}";alg="ed25519";tag="{TAG}""#, now.as_secs(), self.id());
        let input = signature_input(&components, &parameters);
        let base = signature_base(&components, &input, |component, base| match component {
            Component { name: "content-digest", parameters: "" } => {
                base.push_str(&content_digest);
                Ok(())
            }
            component => push_value(component, request, response, base),
        });
        let signature = self.sign(&base.ok()?);
        let headers = SignatureHeaders::new(asked.label, &input, &signature);
        Some(ResponseSignature { content_digest, headers })
    }
}

/// Whether the body of a request is what its digest says; without a digest there is none.
fn is_bound(request: &RequestParts<'_>, body: &[u8]) -> bool {
    match request.header("content-digest") {
        Ok(field) => ContentDigest::read(field).is_some_and(|digest| digest.is_of(body)),
        Err(NoValue::Absent) => request.body == Body::Absent && body.is_empty(),
        Err(NoValue::Ambiguous) => false,
    }
}

/// The nonce of a request for a signature, or of a signature.
pub(super) fn nonce_of<'a>(input: &SignatureInput<'a>) -> Option<&'a str> {
    input.parameters.iter().find_map(|(name, value)| match value {
        Value::Text(text) if *name == "nonce" && is_nonce(text) => Some(*text),
        _ => None,
    })
}

/// What a signature of a response must cover: what client and server both know of it.
pub(super) fn covered(request: &RequestParts<'_>, response: &ResponseParts<'_>) -> Vec<Component<'static>> {
    let mut components = vec![Component::of("@status"), Component::of("content-digest")];
    let typed = ["content-type", "content-encoding"].into_iter();
    components.extend(typed.filter(|name| header(response.headers, name) != Err(NoValue::Absent)).map(Component::of));
    components.extend(["@method", "@authority", "@path", "@query"].map(Component::of_request));
    let headers = ["authorization", "content-digest", "signature-input", "signature"].into_iter();
    components.extend(headers.filter(|name| request.has_header(name)).map(Component::of_request));
    components
}

/// Appends the value of a component of a response, or of the request it answers.
pub(super) fn push_value(
    component: &Component<'_>,
    request: &RequestParts<'_>,
    response: &ResponseParts<'_>,
    base: &mut String,
) -> Result<(), NoValue> {
    match (component.name, component.parameters) {
        (name, ";req") => request.push_value(name, base),
        ("@status", "") if (100..=999).contains(&response.status) => {
            base.push_str(&response.status.to_string());
            Ok(())
        }
        (name, "") if !name.starts_with('@') => {
            base.push_str(header(response.headers, name)?);
            Ok(())
        }
        _ => Err(NoValue::Absent),
    }
}
