//! One-time codes: which digit is wrong, whether somebody has the number, and whose challenge it is.

use pinlatch::id::{OtpPurpose, Recipient};
use pinlatch::otp::{ChallengeHandle, ChallengeState, OtpCode, OtpContext, OtpPolicy, RecipientState, SmsTemplate};
use pinlatch::record::{Inserted, Swap};
use pinlatch::{Subject, Tenant, UnixTime};

use super::{Judge, TwoKinds, changed_at, timed};
use crate::fixtures::{key_ring, system};

/// All that a wrong code may be.
pub fn codes(judge: Judge<'_>) {
    let (keys, policy) = (key_ring().keys(&Tenant::default()), OtpPolicy::default());
    let context = OtpContext { keys: &keys, policy: &policy, now: UnixTime::from_secs(1_800_000_000) };
    let of_alice = Challenge::begin(&context, Some(Subject::new("alice").unwrap()));
    let right = of_alice.code.clone().unwrap();
    let wrong = |at: usize| {
        let digit = (right.as_bytes()[at] - b'0' + 5) % 10;
        format!("{}{digit}{}", &right[..at], &right[at + 1..])
    };

    let mut texts = TwoKinds::new(wrong(0), wrong(5));
    judge("code: the first or the last digit", &mut |kind| of_alice.refuse(texts.present(kind), &context));

    let mut challenges = TwoKinds::new(of_alice.clone(), Challenge::begin(&context, None));
    judge("code: for a number that somebody has, or nobody", &mut |kind| {
        challenges.present(kind).refuse(&wrong(3), &context)
    });

    // Behind the prefix: 16 bytes of id, and 16 that its holder knows.
    let mut texts = changed_at(&of_alice.handle, 5 + 22, 5 + 40);
    let code: OtpCode = wrong(3).parse().unwrap();
    judge("challenge: an early or a late byte of its holder's secret", &mut |kind| {
        let handle: ChallengeHandle = texts.present(kind).parse().unwrap();
        timed(|| of_alice.state.admit(&handle, &OtpPurpose::login(), &code, &context).unwrap_err())
    });
}

/// A challenge whose message was sent, if somebody has the number.
#[derive(Clone)]
struct Challenge {
    recipient: RecipientState,
    state: ChallengeState,
    handle: String,
    code: Option<String>,
}

impl Challenge {
    fn begin(context: &OtpContext<'_>, subject: Option<Subject>) -> Self {
        let number = Recipient::phone("+44 7700 900123").unwrap();
        let charge = RecipientState::new(number.clone()).charge_message(context, &mut system()).unwrap();
        let (message, recipient) = charge.inserted(Inserted::Created).unwrap();
        let (state, handle) = ChallengeState::begin(OtpPurpose::login(), number, subject, context, &mut system());
        let template = SmsTemplate::new("{code} is your code.", "example.com").unwrap();
        let sms = state.sms(&handle, message, &template, context);
        let code = sms.map(|(sms, _)| sms.expose_secret().rsplit_once('#').unwrap().1.to_owned());
        Self { recipient, state, handle: handle.to_text().to_string(), code }
    }

    /// How long it takes to find a code wrong, once the guess is charged.
    fn refuse(&self, code: &str, context: &OtpContext<'_>) -> f64 {
        let (handle, code): (ChallengeHandle, OtpCode) = (self.handle.parse().unwrap(), code.parse().unwrap());
        let (mut guess, _) =
            self.recipient.charge_guess(self.state.digits(), context).unwrap().replaced(Swap::Replaced).unwrap();
        let open = self.state.admit(&handle, &OtpPurpose::login(), &code, context).unwrap();
        let (charged, _) = open.charge(&mut guess).unwrap().replaced(Swap::Replaced).unwrap();
        timed(|| charged.judge(context).unwrap_err())
    }
}
