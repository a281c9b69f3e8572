//! A world with codes: a gateway that keeps what it is to send, and limits that can be closed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::limits::{LimitError, LimitFuture, OtpLimits, OtpRequest};
use pinlatch::observer::Event;
use pinlatch::otp::{OtpCode, OtpPolicy, Sms, SmsTemplate};
use pinlatch::sender::{SendFuture, SmsSender};
use pinlatch::{FullLogin, OneTimeCodes, OneTimeCodesBuilder, OtpError, PendingCode, RequestContext};

use crate::world::*;

pub(crate) const ALICE: &str = "+447700900123";
pub(crate) const NOBODY: &str = "+447700900999";

/// Keeps what it was to send; fails on demand.
#[derive(Default)]
pub(crate) struct Gateway {
    pub(crate) sent: Mutex<Vec<(String, String)>>,
    pub(crate) fails: AtomicBool,
}

impl SmsSender for Gateway {
    fn send<'a>(&'a self, sms: &'a Sms) -> SendFuture<'a> {
        Box::pin(async move {
            if self.fails.load(Ordering::SeqCst) {
                return Err("CANARY-GATEWAY no credit".into());
            }
            let message = (sms.recipient().as_str().to_owned(), sms.expose_secret().to_owned());
            self.sent.lock().unwrap().push(message);
            Ok(())
        })
    }
}

impl Gateway {
    /// The code in the last message.
    pub(crate) fn code(&self) -> String {
        let sent = self.sent.lock().unwrap();
        sent.last().unwrap().1.rsplit_once('#').unwrap().1.to_owned()
    }

    pub(crate) fn count(&self) -> usize {
        self.sent.lock().unwrap().len()
    }
}

/// The host's own limits: counted, and closed on demand.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) messages: AtomicU32,
    pub(crate) guesses: AtomicU32,
    pub(crate) right: AtomicU32,
    pub(crate) reached: AtomicBool,
    pub(crate) down: AtomicBool,
}

impl Limits {
    fn answer(&self, count: &AtomicU32) -> LimitFuture<'_> {
        count.fetch_add(1, Ordering::SeqCst);
        let (reached, down) = (self.reached.load(Ordering::SeqCst), self.down.load(Ordering::SeqCst));
        Box::pin(async move {
            match (reached, down) {
                (true, _) => Err(LimitError::Reached { retry_after: Duration::from_secs(77) }),
                (_, true) => Err(LimitError::Unavailable("limiter gone".into())),
                _ => Ok(()),
            }
        })
    }

    pub(crate) fn counts(&self) -> (u32, u32, u32) {
        let [messages, guesses, right] =
            [&self.messages, &self.guesses, &self.right].map(|count| count.load(Ordering::SeqCst));
        (messages, guesses, right)
    }
}

struct SharedLimits(Arc<Limits>);

impl OtpLimits for SharedLimits {
    fn message<'a>(&'a self, _request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        self.0.answer(&self.0.messages)
    }

    fn guess<'a>(&'a self, _request: &'a OtpRequest<'a>) -> LimitFuture<'a> {
        self.0.answer(&self.0.guesses)
    }

    fn right_code(&self, _request: &OtpRequest<'_>) {
        self.0.right.fetch_add(1, Ordering::SeqCst);
    }
}

fn template() -> SmsTemplate {
    SmsTemplate::new("{code} is your code for Example. Never tell it to anyone.", "example.com").unwrap()
}

/// A world with codes.
pub(crate) struct Phone {
    pub(crate) world: World,
    pub(crate) codes: OneTimeCodes,
    pub(crate) gateway: Arc<Gateway>,
    pub(crate) limits: Arc<Limits>,
}

impl Phone {
    pub(crate) fn of(world: World, more: impl FnOnce(OneTimeCodesBuilder) -> OneTimeCodesBuilder) -> Self {
        let (gateway, limits) = (Arc::<Gateway>::default(), Arc::<Limits>::default());
        let builder = world.sessions.one_time_codes(gateway.clone(), template()).limits(SharedLimits(limits.clone()));
        let codes = more(builder).build();
        Self { world, codes, gateway, limits }
    }

    pub(crate) fn new() -> Self {
        Self::of(World::new(), |builder| builder)
    }

    pub(crate) fn with(policy: OtpPolicy) -> Self {
        Self::of(World::new(), |builder| builder.policy(policy))
    }

    pub(crate) async fn begin(&self, number: &str, name: Option<&str>) -> Result<PendingCode, OtpError> {
        let recipient = Recipient::phone(number).unwrap();
        self.codes.start(&OtpPurpose::login(), recipient, name.map(subject), &RequestContext::new()).await
    }

    /// Has a code sent to alice; returns the challenge.
    pub(crate) async fn start(&self) -> String {
        let pending = self.begin(ALICE, Some("alice")).await.unwrap();
        let challenge = pending.challenge.to_text().to_string();
        pending.delivery.run().await.unwrap();
        challenge
    }

    pub(crate) async fn log_in(&self, challenge: &str, code: &str) -> Result<FullLogin, OtpError> {
        self.codes.log_in(challenge, &typed(code), &RequestContext::new()).await
    }

    pub(crate) async fn answer(&self, challenge: &str, code: &str) -> &'static str {
        word(&self.log_in(challenge, code).await)
    }

    pub(crate) fn compared(&self) -> usize {
        let looked_at = |event: &&Event| matches!(event, Event::WrongCode { .. } | Event::RightCode { .. });
        self.world.events.take().iter().filter(looked_at).count()
    }
}

pub(crate) fn typed(code: &str) -> OtpCode {
    code.parse().unwrap()
}

pub(crate) fn word<T>(outcome: &Result<T, OtpError>) -> &'static str {
    outcome.as_ref().map_or_else(OtpError::code, |_| "ok")
}

/// A code that is not this one.
pub(crate) fn other_than(code: &str) -> String {
    format!("{}{}", &code[..code.len() - 1], if code.ends_with('0') { '1' } else { '0' })
}
