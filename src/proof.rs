//! Signed requests: HTTP Message Signatures (RFC 9421) in one strict profile. [`Sessions`](crate::Sessions) does not use them
//! yet; these are the pure steps.
//!
//! A client that has unlocked a session shares a key with the server and an access token that is bound to it. It signs
//! each request with the key, token and all; the server then knows that nobody changed or invented the request, although
//! it asks no database.
//!
//! ```text
//! RequestParts ─▶ Candidate ─▶ Proof ─▶ Fresh ─▶ Accepted
//!                  fits the     the MAC  no copy   the body is
//!                  profile      matches            the signed one
//! ```
//!
//! # The profile
//!
//! | | |
//! | --- | --- |
//! | covered, in any order | `@method`, `@authority`, `authorization`; `@path` and `@query`, or `@target-uri`; with a body also `content-digest`, and `content-type` if there is one; any other header that is there once |
//! | parameters | `created` (seconds), `nonce` (16 to 64 characters of base64url), `keyid` (the session), `tag` (`pinlatch-request/1`); `alg` (`hmac-sha256`) and `expires` may be there; no others |
//! | window | at most 60 seconds old, at most 30 in the future |
//! | size | 4096 bytes of signature headers, 8 signatures, 16 components |
//!
//! What is signed is text, so each part of it has one spelling, and what has another one is refused: spaces where none
//! belong, escapes, parameters of components, headers that are there twice, bytes beyond ASCII.

mod accepted;
mod base;
mod candidate;
mod digest;
mod fields;
mod message;
mod parts;
mod request_key;
mod response;
mod seen;
mod server_check;
mod server_key;
mod sign;

pub use self::accepted::{Accepted, Fresh, Proof, SignedBody};
pub use self::candidate::Candidate;
pub use self::digest::content_digest;
pub use self::message::MessageParts;
pub use self::parts::{Body, RequestParts, ResponseParts};
pub use self::request_key::RequestKey;
pub use self::response::ResponseSignature;
pub use self::seen::{NotRemembered, SeenRequests};
pub use self::server_check::{AuthenticResponse, ServerCheck, UnknownServer};
pub use self::server_key::{ServerKey, ServerKeyError, ServerPublicKey};
pub use self::sign::{SignatureHeaders, UnsignableRequest};

use crate::access_token::AccessTokenError;

/// Why a request is not proven. The texts are for logs; clients are told [`ProofError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// There is no signature at all.
    #[error("the request is not signed")]
    NoSignature,
    /// The signature headers are not canonical, too long, there twice, or only one of them is there.
    #[error("the signature headers are malformed")]
    Malformed,
    /// No signature has our tag, or more than one has.
    #[error("not exactly one signature is for this service")]
    NotForUs,
    /// A parameter is missing, unknown, or not what the profile says.
    #[error("the parameters of the signature are not those of the profile")]
    Parameter,
    /// A component that must be covered is not, is covered twice, is not there, or is not of the profile.
    #[error("the signature does not cover what it must")]
    NotCovered,
    /// A covered header is there twice, or a covered value has bytes that do not belong there.
    #[error("a covered value is ambiguous")]
    Ambiguous,
    /// Older than the window. Sign again.
    #[error("the signature is too old")]
    Stale,
    /// Made in the future, by this server's clock.
    #[error("the signature is from the future")]
    FromTheFuture,
    /// The covered `authorization` has no bearer token.
    #[error("the request has no access token")]
    NoAccessToken,
    /// The access token is refused, or not bound to a key.
    #[error(transparent)]
    AccessToken(#[from] AccessTokenError),
    /// The signature names another session than the access token, or its pepper is no longer accepted.
    #[error("the signature is not by the key of the access token")]
    WrongKey,
    /// The signature does not match.
    #[error("the signature does not match")]
    BadSignature,
    /// The same request came before. A client that retries signs again.
    #[error("the request was accepted before")]
    Replayed,
    /// The body is not the one that was signed, or its digest is not `sha-256` or `sha-512`.
    #[error("the body is not the one that was signed")]
    BadDigest,
}

impl ProofError {
    /// A stable word for clients: `invalid_proof`, or `invalid_token` for the access token (HTTP 401), or `replayed` (409).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccessToken(error) => error.code(),
            Self::Replayed => "replayed",
            _ => "invalid_proof",
        }
    }
}
