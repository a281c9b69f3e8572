//! People who log in with codes, and the gateway that sends them.

use std::sync::{Arc, Mutex};

use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::otp::{Sms, SmsTemplate};
use pinlatch::sender::{SendFuture, SmsSender};
use pinlatch::{OneTimeCodes, RequestContext, Sessions};

use crate::subject;

/// Keeps the last message.
#[derive(Clone, Default)]
struct Gateway(Arc<Mutex<String>>);

impl SmsSender for Gateway {
    fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a> {
        sms.expose_secret().clone_into(&mut self.0.lock().unwrap());
        Box::pin(std::future::ready(Ok(())))
    }
}

/// A service of one-time codes.
#[derive(Clone)]
pub struct Phone {
    codes: OneTimeCodes,
    gateway: Gateway,
}

impl Phone {
    /// On the store of these sessions.
    #[must_use]
    pub fn of(sessions: &Sessions) -> Self {
        let gateway = Gateway::default();
        let template = SmsTemplate::new("{code} is your code.", "example.com").unwrap();
        Self { codes: sessions.one_time_codes(gateway.clone(), template).build(), gateway }
    }

    /// Has a code sent to alice at a number; returns the challenge and the code.
    pub async fn start(&self, number: &str) -> (String, String) {
        let (purpose, recipient) = (OtpPurpose::login(), Recipient::phone(number).unwrap());
        let request = RequestContext::new();
        let pending = self.codes.start(&purpose, recipient, Some(subject("alice")), &request).await.unwrap();
        let challenge = pending.challenge.to_text().to_string();
        pending.delivery.run().await.unwrap();
        let code = self.gateway.0.lock().unwrap().rsplit_once('#').unwrap().1.to_owned();
        (challenge, code)
    }

    /// Tries a code and returns the error's code, or "ok".
    pub async fn log_in(&self, challenge: &str, code: &str) -> &'static str {
        match self.codes.log_in(challenge, &code.parse().unwrap(), &RequestContext::new()).await {
            Ok(_) => "ok",
            Err(error) => error.code(),
        }
    }
}

impl std::fmt::Debug for Phone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Phone").finish_non_exhaustive()
    }
}
