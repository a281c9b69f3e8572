//! Limits of one-time codes beyond those of one recipient: for an address, a country, the whole service.
//!
//! [`OtpPolicy`](crate::otp::OtpPolicy) bounds what one recipient may be sent and guessed. Who goes through many
//! numbers is not stopped by that: neither one who has messages sent to expensive ones, nor one who tries a code at
//! each. The host knows what is usual for it and counts by what it sees fit, with a rate limiter that it likes.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use crate::id::{OtpPurpose, Recipient};
use crate::situation::RequestContext;

/// What is about to happen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct OtpRequest<'a> {
    /// To whom the message goes, or went.
    pub recipient: &'a Recipient,
    /// What for.
    pub purpose: &'a OtpPurpose,
    /// What the host knows of the request.
    pub context: &'a RequestContext,
}

impl<'a> OtpRequest<'a> {
    /// For tests of limits.
    #[must_use]
    pub const fn new(recipient: &'a Recipient, purpose: &'a OtpPurpose, context: &'a RequestContext) -> Self {
        Self { recipient, purpose, context }
    }
}

/// Why it does not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LimitError {
    /// Too much of it lately.
    #[error("a limit of the host's is reached")]
    Reached {
        /// When to try again.
        retry_after: Duration,
    },
    /// The limiter did not answer. It does not happen then either.
    #[error("the rate limiter did not answer")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
}

/// What a limit answers: boxed, so that `Arc<dyn OtpLimits>` works, and `Send`.
pub type LimitFuture<'a> = Pin<Box<dyn Future<Output = Result<(), LimitError>> + Send + 'a>>;

/// Counts what all recipients together are sent and guessed.
pub trait OtpLimits: Send + Sync {
    /// *Called* before a message is counted for its recipient, if that one may have it (who is throttled spends nothing
    /// of the others'); whether the host knows them or not. *Must* count it, also where the request has no address;
    /// nothing is taken back for one that then fails. *If broken*, a stranger has messages sent to every number there
    /// is.
    fn message<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a>;

    /// *Called* before a code is charged, if the challenge takes one and its recipient has guesses left. *Must* count
    /// it. *If broken*, a stranger guesses once at every number there is, and finds one code in a million.
    fn guess<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a>;

    /// *Called* after a right code, which [`Self::guess`] has counted. To limit wrong ones only, take this one back
    /// here.
    fn right_code(&self, request: &OtpRequest<'_>) {
        let _ = request;
    }
}

/// Shared limits are limits.
impl<L: OtpLimits + ?Sized> OtpLimits for Arc<L> {
    fn message<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        (**self).message(request)
    }

    fn guess<'a>(&'a self, request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        (**self).guess(request)
    }

    fn right_code(&self, request: &OtpRequest<'_>) {
        (**self).right_code(request);
    }
}

/// No limits but those of each recipient.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLimits;

impl OtpLimits for NoLimits {
    fn message<'a>(&'a self, _request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        Box::pin(core::future::ready(Ok(())))
    }

    fn guess<'a>(&'a self, _request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        Box::pin(core::future::ready(Ok(())))
    }
}
