//! Sending a message after the answer is given.

use std::error::Error;
use std::sync::Arc;

use super::Codes;
use crate::id::{OtpPurpose, Recipient, Subject};
use crate::observer::Event;
use crate::otp::{ChallengeHandle, ChallengeState, ChargedMessage, SmsTemplate};

/// A message that is counted and yet to be sent, if there is anybody to send it to.
#[must_use = "no message is sent before this is run"]
pub struct Delivery {
    codes: Arc<Codes>,
    state: ChallengeState,
    handle: ChallengeHandle,
    charged: ChargedMessage,
    template: Option<SmsTemplate>,
}

/// The gateway did not take a message. For the log: its user asks for another one.
#[derive(Debug, thiserror::Error)]
#[error("the message could not be sent")]
pub struct DeliveryError(#[source] Box<dyn Error + Send + Sync>);

impl Delivery {
    pub(super) const fn new(
        codes: Arc<Codes>,
        state: ChallengeState,
        handle: ChallengeHandle,
        charged: ChargedMessage,
    ) -> Self {
        Self { codes, state, handle, charged, template: None }
    }

    /// Whom the message goes to.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        self.state.recipient()
    }

    /// What its code is for.
    #[must_use]
    pub const fn purpose(&self) -> &OtpPurpose {
        self.state.purpose()
    }

    /// Whom it leads to. Nobody, if there is no message.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.state.subject()
    }

    /// Another text than that of the service: in the language of its reader, say. To be given for each message.
    pub fn with_template(self, template: SmsTemplate) -> Self {
        Self { template: Some(template), ..self }
    }

    /// Sends the message. One that could not be sent is counted for an hour only: the day has one more.
    ///
    /// # Errors
    /// [`DeliveryError`] with what the gateway said.
    pub async fn run(self) -> Result<(), DeliveryError> {
        let (codes, challenge_id) = (&*self.codes, self.handle.id());
        let template = self.template.as_ref().unwrap_or(&codes.template);
        let context = codes.context(codes.service.now());
        let sms = self.state.sms(&self.handle, self.charged, template, &context);
        let Some((sms, failed)) = sms else { return Ok(()) };
        let Err(error) = codes.sender.send(&sms).await else {
            codes.service.report(&Event::CodeSent { challenge_id });
            return Ok(());
        };
        codes.service.report(&Event::CodeNotSent { challenge_id });
        codes.take_back(self.state.recipient(), challenge_id, |state| state.refund_message(&failed)).await;
        Err(DeliveryError(error))
    }
}

impl core::fmt::Debug for Delivery {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Delivery").field("challenge_id", &self.handle.id()).finish_non_exhaustive()
    }
}
