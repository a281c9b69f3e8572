//! Logging in with a code by SMS.

use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::otp::OtpCode;
use pinlatch::{Delivery, PendingCode, Problem, RequestContext};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::begin::NewLock;
use crate::problem::{not_found, tell};
use crate::{Answer, Outcome, Service, to_the_end, users};

#[derive(Debug, Deserialize)]
pub struct Start {
    phone: String,
}

#[derive(Debug, Deserialize)]
pub struct Resend {
    challenge: String,
}

#[derive(Debug, Deserialize)]
pub struct CodeLogin {
    challenge: String,
    code: Code,
    #[serde(flatten)]
    lock: NewLock,
}

/// A code in a body: text, as it was typed.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
struct Code(OtpCode);

impl TryFrom<String> for Code {
    type Error = pinlatch::otp::NotACode;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse().map(Self)
    }
}

impl Service {
    pub async fn start_code(&self, body: Start, context: RequestContext) -> Outcome {
        let recipient = Recipient::phone(&body.phone).map_err(|_| Problem::bad_request())?;
        let subject = users::with_phone(&recipient);
        let codes = self.0.codes.clone();
        let start = async move { codes.start(&OtpPurpose::login(), recipient, subject, &context).await };
        Ok(Answer::json(201, &on_its_way(to_the_end(start).await?.map_err(tell)?)))
    }

    pub async fn resend_code(&self, body: Resend, context: RequestContext) -> Outcome {
        let codes = self.0.codes.clone();
        let resend = async move { codes.resend(&body.challenge, &context).await };
        Ok(Answer::json(200, &on_its_way(to_the_end(resend).await?.map_err(tell)?)))
    }

    pub async fn login_with_code(&self, body: CodeLogin, context: RequestContext) -> Outcome {
        // A code is good for once: whatever is wrong with the rest must not cost it.
        let lock = self.accept(body.lock)?;
        let service = self.clone();
        let login = async move {
            let login = service.0.codes.log_in(&body.challenge, &body.code.0, &context).await.map_err(tell)?;
            service.begin(login, lock).await
        };
        to_the_end(login).await?
    }

    /// What the demo's gateway was given, if somebody wants to look into it.
    pub fn outbox(&self) -> Outcome {
        let outbox = self.0.outbox.as_ref().ok_or_else(not_found)?;
        Ok(Answer::json(200, &outbox.messages().into()))
    }
}

/// The answer does not wait for the gateway: how long that takes would tell whether anybody has the number.
fn on_its_way(pending: PendingCode) -> Value {
    tokio::spawn(deliver(pending.delivery));
    json!({
        "challenge": *pending.challenge.to_text(),
        "digits": pending.digits,
        "hint": pending.hint,
        "resend_after": pending.resend_after.as_millis().div_ceil(1000),
        "expires_in": pending.expires_in.as_secs(),
    })
}

async fn deliver(delivery: Delivery) {
    if let Err(error) = delivery.run().await {
        tracing::warn!(error = &error as &dyn std::error::Error, "a code was not sent");
    }
}
