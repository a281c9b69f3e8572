//! Signed requests, and a server that proves itself: HTTP Message Signatures (RFC 9421) in one strict profile, with
//! digests of bodies (RFC 9530).
//!
//! A client that has unlocked a session gets a key and an access token that is bound to it
//! ([`Sessions::mint_bound`](crate::Sessions::mint_bound)). It signs each request with the key, token and all. The
//! server then knows that nobody has invented, changed or copied the request, and asks its database for nothing but the
//! mark of a copy: the key is derived from the pepper and from what the token says. Whoever reads the token in a log
//! has nothing.
//!
//! ```text
//! RequestParts ─▶ Candidate ─▶ Proof ─▶ Fresh ─▶ Accepted
//!                  fits the     the MAC  no copy   the body is
//!                  profile      matches            the signed one
//! ```
//!
//! | | the server | the client |
//! | --- | --- | --- |
//! | request | [`Sessions::verify_request`](crate::Sessions::verify_request) | [`RequestKey::sign_request`] |
//! | without HTTP | [`Sessions::verify_message`](crate::Sessions::verify_message) | [`RequestKey::sign_message`] |
//! | another token without a PIN | [`Sessions::verify_renewal`](crate::Sessions::verify_renewal) and [`renew_signed`](crate::Sessions::renew_signed) | [`RequestKey::sign_request`] |
//! | answer | [`ServerKey::sign_response`] | [`ServerCheck`] |
//!
//! Any library for RFC 9421 will do on either side; the tests use `http-message-signatures` for Python and for Node.
//!
//! # The profile
//!
//! | | |
//! | --- | --- |
//! | algorithm | `hmac-sha256` (RFC 9421 §3.3.3) under the 32 bytes of the [`RequestKey`] |
//! | covered, in any order | `@method`, `@authority`, `authorization`; `@path` and `@query`, or `@target-uri`; with a body also `content-digest` (one, `sha-256` or `sha-512`); `content-type` and `content-encoding` if they are there; [what the host adds](RequestParts::also_signed); any other header that is there once |
//! | parameters | `created` (seconds), `nonce` (16 to 64 characters of base64url), `keyid` (the session), `tag` (`pinlatch-request/1`); `alg` and `expires` may be there; no others |
//! | window | at most 60 seconds old, at most 30 in the future |
//! | size | 4096 bytes of signature headers, 8 signatures, 16 components |
//!
//! What is signed is text, so each part of it has one spelling, and what has another one is refused: spaces where none
//! belong, escapes, parameters of components, headers that are there twice, bytes beyond ASCII. Sign what goes on the
//! wire: many libraries normalize addresses before they send them (`/a/../b`, `%7e`), and proxies may reorder queries.
//!
//! ```text
//! POST /api/transfer HTTP/1.1
//! Host: api.example
//! Authorization: Bearer eyJ…
//! Content-Type: application/json
//! Content-Digest: sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:
//! Signature-Input: sig1=("@method" "@authority" "@path" "@query" "authorization" "content-digest" "content-type");created=1800000000;nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A";keyid="BwcHBwcHBwcHBwcHBwcHBw";alg="hmac-sha256";tag="pinlatch-request/1"
//! Signature: sig1=:…:
//! ```
//!
//! # Which route takes what
//!
//! A route asks for a bearer's token or for a signed request, and bound never passes for bearer by itself:
//! [`Sessions::verify`](crate::Sessions::verify) refuses a bound token. A service that gives its clients one token for
//! both kinds of routes says so where it means it: `sessions.verify_bound(token)?.without_proof()`. There a request
//! that [has a signature](RequestParts::is_signed) must be verified as a signed one all the same, and be refused if it
//! does not hold.
//!
//! # Copies
//!
//! Each authentic request leaves a mark, until its signature is too old to be accepted: as soon as its signature is
//! verified, before its body is, and whether or not the store then answers. Marks are kept in memory, which catches
//! copies to the same process, and in the [store of the sessions](crate::SessionsBuilder::replay_store), which catches
//! copies to others; a service of one process [needs no store](crate::SessionsBuilder::replay_in_memory) for them. When
//! there is no room for more marks, or a session makes
//! [too many requests](crate::policy::PolicyBuilder::max_signed_requests), they are refused; no mark is forgotten.
//!
//! A copy is told from a forgery (`replayed`, HTTP 409), because HTTP clients and proxies repeat requests by themselves
//! when a connection breaks. The first one may have been carried out or not. A client signs anew what may happen twice;
//! for what may not, it sends the same `idempotency-key` again, a header that the host looks at, and lists in
//! [`also_signed`](RequestParts::also_signed) so that it is signed.
//!
//! A store that loses what it acknowledged loses the marks in it. If the sessions lie in it, too,
//! [`Sessions::check_live`](crate::Sessions::check_live) notices; a store for the marks alone must be as durable. The
//! clocks of servers that share marks must agree to within [5 minutes](Candidate::MARK_LINGER), also when one of them
//! [purges](crate::Sessions::purge).
//!
//! # Answers
//!
//! A client that has the server's public key built in can know who answers before it asks for the PIN. It sends
//! `Accept-Signature` with a fresh nonce (RFC 9421 §5); the server signs the status, the body, its type, and what was
//! asked, with Ed25519. [`ServerCheck`] has both sides of it. That tells a false server from the true one; it does not
//! show that nobody sits in between and passes everything on. TLS does, and certificate pinning.
//!
//! Messages have no signed answers, and renew no tokens: these are HTTP's.
//!
//! # Behind a proxy
//!
//! A proxy leaves alone: the path and the query as they were sent (slashes, dots, percent signs, order), the headers
//! that are signed, and the bodies; it neither compresses signed answers nor unpacks signed requests. What it repeats
//! by itself after an error comes back as `replayed`. The authority is the one that clients use, from the host's
//! configuration.
//!
//! # Clocks
//!
//! A client whose clock is wrong by more than the window is refused ([`ProofError::Stale`],
//! [`ProofError::FromTheFuture`]); a host may tell it so. It corrects for the difference when it signs, and takes the
//! server's time from a signed answer ([`AuthenticResponse::signed_at`]), never from one that anybody could have made.
//!
//! # Browsers
//!
//! For pages of another origin, CORS needs
//!
//! ```text
//! Access-Control-Allow-Headers: authorization, content-type, content-digest, signature-input, signature, accept-signature, idempotency-key
//! Access-Control-Expose-Headers: content-digest, signature-input, signature, retry-after
//! ```
//!
//! Where no headers can be set, as for a WebSocket, the first message is signed instead ([`MessageParts`]).

mod accepted;
mod base;
mod candidate;
mod digest;
mod fields;
mod message;
mod origin;
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
pub use self::origin::{InvalidOrigin, Origin};
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
    /// The same request came before. It may or may not have been carried out: what must not happen twice is not simply
    /// signed anew.
    #[error("the request came before")]
    Replayed,
    /// The body is not the one that was signed, or its digest is not `sha-256` or `sha-512`.
    #[error("the body is not the one that was signed")]
    BadDigest,
}

impl ProofError {
    /// A stable word for clients: `invalid_proof`, or `invalid_token` for the access token (HTTP 401), or `replayed`
    /// (409).
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::AccessToken(error) => error.code(),
            Self::Replayed => "replayed",
            _ => "invalid_proof",
        }
    }
}
