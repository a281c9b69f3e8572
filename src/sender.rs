//! Who sends one-time codes: the host, through its SMS gateway.

use core::future::Future;
use core::pin::Pin;
use std::error::Error;

use crate::otp::Sms;

/// What a sender returns: boxed, so that `Arc<dyn SmsSender>` works, and `Send`. Any error will do.
pub type SendFuture<'a> = Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Sends messages.
///
/// ```
/// use pinlatch::otp::Sms;
/// use pinlatch::sender::{SendFuture, SmsSender};
///
/// struct Gateway;
///
/// impl SmsSender for Gateway {
///     fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a> {
///         Box::pin(async move {
///             let (to, text) = (sms.recipient().as_str(), sms.expose_secret());
///             // … POST both to the gateway, and give up after some seconds.
/// #           let _ = (to, text);
///             Ok(())
///         })
///     }
/// }
/// ```
pub trait SmsSender: Send + Sync {
    /// *Called* once for each message, after it was counted, in the task that the host runs its delivery in. *Must*
    /// come to an end; *must not* log the text. *May fail*: then the message counts for an hour only. One that says it
    /// failed and was sent all the same is one more in the day.
    fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a>;
}

/// A shared sender is a sender.
impl<S: SmsSender + ?Sized> SmsSender for std::sync::Arc<S> {
    fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a> {
        (**self).send(sms)
    }
}
