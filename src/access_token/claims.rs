//! What a token says.

use std::borrow::Cow;

use super::host_claims::HostClaims;
use crate::id::{RequestKeyId, SessionId, TokenId};
use crate::session::LockKind;
use crate::time::UnixTime;

/// A string of a claim. One without escapes stays where it is.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// Whose a token is, as it says.
pub(super) struct Names<'a> {
    pub(super) iss: Text<'a>,
    pub(super) aud: Text<'a>,
    pub(super) client_id: Text<'a>,
    pub(super) tenant: Option<Text<'a>>,
}

/// The claims of a token that is meant for us.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Claims<'a> {
    pub(super) sub: Cow<'a, str>,
    pub(super) exp: UnixTime,
    pub(super) iat: UnixTime,
    pub(super) auth_time: UnixTime,
    pub(super) jti: TokenId,
    pub(super) sid: SessionId,
    pub(super) amr: LockKind,
    pub(super) cnf: Option<RequestKeyId>,
    pub(super) host: HostClaims,
}
