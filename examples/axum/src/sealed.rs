//! Sealed requests: read before any handler sees them, and answered sealed.

use std::sync::Arc;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, response};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use pinlatch::sealed::{self, AnswerSealer, Opened, REQUEST_TYPE, RESPONSE_TYPE, SealingKey};

use crate::api::MAX_BODY;
use crate::problem::Problem;

/// What is held in memory to be sealed.
const MAX_ANSWER: usize = 1 << 20;

/// Handlers take JSON, sealed or not, and know nothing of it.
pub(crate) async fn unseal(State(keys): State<Arc<[SealingKey]>>, request: Request, next: Next) -> Response {
    if request.headers().get(CONTENT_TYPE).is_none_or(|value| value != REQUEST_TYPE) {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return Problem::new("bad_request").into_response() };
    let Opened { body, answer } = match sealed::open(&keys, parts.uri.path(), &body) {
        Ok(opened) => opened,
        Err(error) => return Problem::new(error.code()).into_response(),
    };
    describe(&mut parts.headers, "application/json");
    let response = next.run(Request::from_parts(parts, Body::from(body.to_vec()))).await;
    let (parts, body) = response.into_parts();
    match to_bytes(body, MAX_ANSWER).await {
        Ok(body) => seal(parts, &body, answer),
        Err(_) => Problem::new("unavailable").into_response(),
    }
}

/// Whatever the answer is: what went wrong is nobody else's business either.
fn seal(mut parts: response::Parts, body: &[u8], answer: AnswerSealer) -> Response {
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    describe(&mut parts.headers, RESPONSE_TYPE);
    Response::from_parts(parts, Body::from(answer.seal(body, &mut rng)))
}

/// The body is another one now.
fn describe(headers: &mut HeaderMap, content_type: &'static str) {
    headers.remove(CONTENT_LENGTH);
    headers.remove(CONTENT_ENCODING);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
}
