//! Signing requests, and asking a server who it is.

use pinlatch::proof::{self, Body, RequestKey, RequestParts, ResponseParts, ServerPublicKey};
use pinlatch::{SessionId, UnixTime};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{problem, rng};

type Result<T> = core::result::Result<T, js_sys::Error>;

/// Names and values, by turns.
fn pairs(flat: &[String]) -> Vec<(&str, &[u8])> {
    flat.chunks_exact(2).map(|pair| (pair[0].as_str(), pair[1].as_bytes())).collect()
}

/// A request as it is signed: method, the parts of its address, and its headers as a flat list of names and values.
#[wasm_bindgen]
pub struct SignedParts {
    method: String,
    scheme: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Vec<String>,
    has_body: bool,
}

#[wasm_bindgen]
impl SignedParts {
    /// `scheme` without its colon, `authority` as `URL.host` has it, `query` without its question mark.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new(
        method: String,
        scheme: String,
        authority: String,
        path: String,
        query: Option<String>,
        headers: Vec<String>,
        has_body: bool,
    ) -> Self {
        Self { method, scheme, authority, path, query, headers, has_body }
    }
}

impl SignedParts {
    fn with<T>(&self, use_parts: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        use_parts(&RequestParts {
            method: &self.method,
            scheme: &self.scheme,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &pairs(&self.headers),
            also_signed: &["idempotency-key"],
            body: if self.has_body { Body::Present } else { Body::Absent },
        })
    }
}

/// The value of the header `content-digest` for a body.
#[wasm_bindgen(js_name = contentDigest)]
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    proof::content_digest(body)
}

/// Signs requests with the key that came with an access token.
#[wasm_bindgen]
pub struct Signer {
    key: RequestKey,
    session_id: SessionId,
}

#[wasm_bindgen]
impl Signer {
    /// With `request_key` and `session_id` as the server has answered them.
    ///
    /// # Errors
    /// `not_a_request_key`.
    #[wasm_bindgen(constructor)]
    pub fn new(request_key: &str, session_id: &str) -> Result<Self> {
        let key = request_key.parse().map_err(|_| problem("not_a_request_key"))?;
        let session_id = session_id.parse().map_err(|_| problem("not_a_request_key"))?;
        Ok(Self { key, session_id })
    }

    /// The headers to be added: `signature-input` and `signature`, in this order.
    ///
    /// # Errors
    /// `unsignable`, when something that has to be signed is not there, or there twice.
    pub fn sign(&self, parts: &SignedParts, now_seconds: f64) -> Result<Vec<String>> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a clock of this millennium")]
        let now = UnixTime::from_secs(now_seconds as u64);
        let signed = parts.with(|parts| self.key.sign_request(self.session_id, parts, now, &mut rng()));
        let headers = signed.map_err(|_| problem("unsignable"))?;
        Ok(vec![headers.signature_input, headers.signature])
    }
}

/// One question to a server who it is. Ask a new one with each request.
#[wasm_bindgen]
pub struct ServerCheck(proof::ServerCheck);

#[wasm_bindgen]
impl ServerCheck {
    /// With a nonce of its own.
    #[wasm_bindgen(constructor)]
    #[must_use]
    pub fn new() -> Self {
        Self(proof::ServerCheck::new(&mut rng()))
    }

    /// The value of the header `accept-signature`.
    #[wasm_bindgen(getter, js_name = acceptSignature)]
    #[must_use]
    pub fn accept_signature(&self) -> String {
        self.0.accept_signature()
    }

    /// Whether the answer is of a server that has one of these keys, ids and texts (43 characters of base64url) by
    /// turns, and is the answer to this request. Seconds since 1970 at which it was signed.
    ///
    /// # Errors
    /// `not_a_server_key`; `unknown_server`: show nothing of the answer, and ask for nothing.
    pub fn verify(
        self,
        pinned: Vec<String>,
        request: &SignedParts,
        status: u16,
        headers: Vec<String>,
        body: &[u8],
    ) -> Result<f64> {
        let keys = pinned.chunks_exact(2).map(|key| ServerPublicKey::from_text(&key[0], &key[1]));
        let keys: Vec<_> = keys.collect::<core::result::Result<_, _>>().map_err(|_| problem("not_a_server_key"))?;
        let headers = pairs(&headers);
        let response = ResponseParts { status, headers: &headers, body };
        let authentic = request.with(|request| self.0.verify(&keys, request, &response));
        #[expect(clippy::cast_precision_loss, reason = "a clock of this millennium")]
        let signed_at = authentic.map(|authentic| authentic.signed_at.as_secs() as f64);
        signed_at.map_err(|_| problem("unknown_server"))
    }
}
