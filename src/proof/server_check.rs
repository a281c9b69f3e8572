//! Signed responses: the client's half.

use rand_core::CryptoRng;

use super::base::signature_base;
use super::candidate::instant;
use super::digest::{ContentDigest, decode};
use super::fields::{self, SignatureInput, Value};
use super::parts::{Body, RequestParts, ResponseParts, header, lines};
use super::response::{TAG, covered, nonce_of, push_value};
use super::sign::nonce_text;
use super::{Candidate, ServerPublicKey};
use crate::time::UnixTime;

/// Asks who answers. One for each request, made before it is sent.
///
/// ```
/// # use pinlatch::proof::{Body, RequestParts, ResponseParts, ServerCheck, ServerKey, ServerPublicKey};
/// # use pinlatch::UnixTime;
/// # let (mut rng, secret) = (rand_core::UnwrapErr(getrandom::SysRng), [*b"a secret", *b"of 32 ra", *b"ndom byt", *b"es, too."].concat());
/// # let server = ServerKey::ed25519("server-1", &secret)?;
/// // Comes with the app.
/// let pinned = [server.public_key()];
///
/// let check = ServerCheck::new(&mut rng);
/// let accept_signature = check.accept_signature();
/// let request = RequestParts {
///     method: "GET", scheme: "https", authority: "api.example", path: "/hello", query: None,
///     headers: &[("accept-signature", accept_signature.as_bytes())], also_signed: &[], body: Body::Absent,
/// };
/// # // The server.
/// # let answer = ResponseParts { status: 200, headers: &[], body: b"hi" };
/// # let signed = server.sign_response(&request, b"", &answer, UnixTime::from_secs(1_800_000_000)).ok_or("not asked")?;
/// # let digest = signed.content_digest;
/// # let (input, signature) = (signed.headers.signature_input, signed.headers.signature);
/// // Sent, and answered.
/// let response = ResponseParts {
///     status: 200, body: b"hi",
///     headers: &[
///         ("content-digest", digest.as_bytes()),
///         ("signature-input", input.as_bytes()),
///         ("signature", signature.as_bytes()),
///     ],
/// };
/// let authentic = check.verify(&pinned, &request, &response)?;
/// # assert_eq!(authentic.signed_at, UnixTime::from_secs(1_800_000_000));
/// // Now, and not before, the user may be asked for the PIN.
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "nothing is known of a server that was not asked"]
pub struct ServerCheck {
    nonce: String,
}

/// Why a response is not believed. There is one thing to do: use nothing of it, and ask for no PIN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UnknownServer {
    /// There is no signature of our kind, or more than one, or its headers are not canonical.
    #[error("the response is not signed")]
    NotSigned,
    /// By a key that is not among the pinned ones.
    #[error("the response is signed with another key")]
    UnknownKey,
    /// The signature leaves out something that it must cover, or is for another nonce: an old answer, or somebody
    /// else's.
    #[error("the response is signed for another request, or only in part")]
    NotCovered,
    /// The signature does not match: another key, another response, or an answer to another request.
    #[error("the signature of the response does not match")]
    BadSignature,
    /// The body is not the one that was signed.
    #[error("the body of the response is not the one that was signed")]
    BadDigest,
}

/// Evidence that a response is the server's own answer to this request: its status, its body, and its `content-type`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AuthenticResponse {
    /// What the server's clock said. A client whose own clock is wrong may correct for the difference when it signs; it
    /// must not set its clock by it.
    pub signed_at: UnixTime,
}

impl ServerCheck {
    /// Draws a nonce: 16 random bytes.
    pub fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self { nonce: nonce_text(rng) }
    }

    /// The value of the header `Accept-Signature`, to be sent with the request.
    #[must_use]
    pub fn accept_signature(&self) -> String {
        let nonce = &self.nonce;
        format!(
            r#"sig1=("@status" "content-digest" "@method";req "@authority";req "@path";req "@query";req);created;nonce="{nonce}";tag="{TAG}""#
        )
    }

    /// Whether the response is that of a server with one of these keys, to this request. The request's parts are those
    /// that were sent, with the headers `authorization`, `content-digest`, `signature-input` and `signature` if it had
    /// them. One with a body needs the digest: what has none, somebody could have replaced by another question.
    ///
    /// The time is not compared with any clock: the nonce is new, so the answer is, too.
    ///
    /// # Errors
    /// [`UnknownServer`].
    pub fn verify(
        self,
        pinned: &[ServerPublicKey],
        request: &RequestParts<'_>,
        response: &ResponseParts<'_>,
    ) -> Result<AuthenticResponse, UnknownServer> {
        if request.body == Body::Present && !request.has_header("content-digest") {
            return Err(UnknownServer::NotCovered);
        }
        let [Ok(inputs), Ok(signatures)] = lines(response.headers, ["signature-input", "signature"]) else {
            return Err(UnknownServer::NotSigned);
        };
        if inputs.len() + signatures.len() > Candidate::MAX_LEN {
            return Err(UnknownServer::NotSigned);
        }
        let input = &fields::signature_input(inputs, TAG).map_err(|_| UnknownServer::NotSigned)?;
        let signature = fields::signature(signatures, input.label).ok();
        let signature = signature.and_then(decode).ok_or(UnknownServer::NotSigned)?;

        let (key_id, signed_at) = parameters(input).ok_or(UnknownServer::NotSigned)?;
        let key = pinned.iter().find(|key| key.id() == key_id).ok_or(UnknownServer::UnknownKey)?;
        let all = covered(request, response).into_iter().all(|component| input.covers(component));
        if !all || input.has_component_twice() || nonce_of(input) != Some(&self.nonce) {
            return Err(UnknownServer::NotCovered);
        }
        let base = signature_base(&input.components, input.text, |component, base| {
            push_value(component, request, response, base)
        });
        let base = base.map_err(|_| UnknownServer::NotCovered)?;
        key.verify(&base, &signature).map_err(|_| UnknownServer::BadSignature)?;
        let digest = header(response.headers, "content-digest").map_err(|_| UnknownServer::NotSigned)?;
        let digest = ContentDigest::read(digest).ok_or(UnknownServer::BadDigest)?;
        if digest.is_of(response.body) { Ok(AuthenticResponse { signed_at }) } else { Err(UnknownServer::BadDigest) }
    }
}

/// Key id and time, if every parameter is of the profile.
fn parameters<'a>(input: &SignatureInput<'a>) -> Option<(&'a str, UnixTime)> {
    let (mut key_id, mut created) = (None, None);
    for (name, value) in &input.parameters {
        match (*name, *value) {
            ("created", Value::Integer(secs)) => created = instant(secs),
            ("keyid", Value::Text(text)) => key_id = Some(text),
            ("nonce" | "tag", Value::Text(_)) | ("alg", Value::Text("ed25519")) => {}
            _ => return None,
        }
    }
    key_id.zip(created)
}
