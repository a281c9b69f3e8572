//! Whether the service answers about a number that nobody has as it does about another.

use futures_executor::block_on;
use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::otp::{OtpCode, Sms, SmsTemplate};
use pinlatch::sender::{SendFuture, SmsSender};
use pinlatch::stores::MemoryStore;
use pinlatch::{OneTimeCodes, PendingCode, RequestContext, Sessions, Subject};

use super::{Judge, timed};
use crate::fixtures::{access_tokens, fast, hs256, key_ring};

struct Nowhere;

impl SmsSender for Nowhere {
    fn send<'a>(&'a self, _sms: &'a Sms) -> SendFuture<'a> {
        Box::pin(core::future::ready(Ok(())))
    }
}

/// A number is entered, and a wrong code, through the façade with a store in memory. Each number is new, as its day
/// takes twenty guesses and no more.
pub fn strangers(judge: Judge<'_>) {
    let template = SmsTemplate::new("{code} is your code.", "example.com").unwrap();
    let store = MemoryStore::with_capacity(1 << 20);
    let builder = Sessions::builder(key_ring(), store, access_tokens(hs256()));
    let codes = builder.policy(fast()).build().unwrap().one_time_codes(Nowhere, template).build();
    let mut numbers = (0..).map(|number: u32| Recipient::phone(&format!("+4477{number:08}")).unwrap());
    judge("a number that somebody has, or nobody", &mut |kind| {
        let number = numbers.next().unwrap();
        timed(|| start(&codes, number, kind.then(|| Subject::new("alice").unwrap())))
    });
    let code: OtpCode = "000000".parse().unwrap();
    judge("a code for a number that somebody has, or nobody", &mut |kind| {
        let subject = kind.then(|| Subject::new("alice").unwrap());
        let challenge = start(&codes, numbers.next().unwrap(), subject).challenge.to_text();
        timed(|| block_on(codes.check(&OtpPurpose::login(), &challenge, &code, &RequestContext::new())))
    });
}

fn start(codes: &OneTimeCodes, number: Recipient, subject: Option<Subject>) -> PendingCode {
    block_on(codes.start(&OtpPurpose::login(), number, subject, &RequestContext::new())).unwrap()
}
