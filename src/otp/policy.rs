//! The numbers of one-time codes, with defaults, bounds and reasons.

use core::time::Duration;

use crate::policy::{PolicyError, settings};

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: Duration = Duration::from_secs(24 * HOUR);

/// What a second message to the same person says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Resend {
    /// The same code: whichever of the messages arrives first is right. For as long as the code lives and has tries.
    SameCode,
    /// Another one; the one before is void at once.
    FreshCode,
}

/// The rules of one-time codes.
///
/// | setting | default | bounds | why |
/// | --- | --- | --- | --- |
/// | `digits` | 6 | 4 to 8 | 20 bits (NIST SP 800-63B-4 §3.1.3.2; OWASP ASVS 6.5.4) |
/// | `lifetime` | 5 minutes | 30 seconds to 10 minutes | OWASP ASVS 6.5.5 |
/// | `tries` | 5; with 4 digits 3 | 1 to 10 | wrong codes of one challenge, whatever is sent again |
/// | `guesses_per_day` | 20; with 4 digits 10 | `tries` to 100, and one guess of a thousand codes | wrong codes of one recipient in any 24 hours, over all challenges |
/// | `cool_downs` | 1, 2, 5, 10 minutes | 15 seconds to 1 hour each | between messages to one recipient, the more the later; the last one repeats |
/// | `sends_per_hour` | 5 | 1 to 20 | messages to one recipient, failed ones included |
/// | `sends_per_day` | 10 | `sends_per_hour` to 20 | messages to one recipient in any 24 hours |
/// | `resend` | the same code | – | see [`Resend`] |
/// | `hint` | no | – | a digit in front of the code that tells messages apart; no part of the secret |
///
/// Who guesses blindly, with all the tries that a day has, finds the code of one recipient with this probability:
///
/// | digits | guesses a day | probability |
/// | --- | --- | --- |
/// | 4 | 10 | 1 in 1,000 |
/// | 5 | 20 | 1 in 5,000 |
/// | 6 | 20 | 1 in 50,000 |
/// | 7 | 20 | 1 in 500,000 |
/// | 8 | 20 | 1 in 5,000,000 |
///
/// Who guesses for many recipients finds as many times more: 100,000 recipients a day are 100 codes at four digits and
/// two at six. Limit messages and wrong codes of the whole service, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OtpPolicy {
    digits: u8,
    lifetime: Duration,
    tries: u8,
    guesses_per_day: u8,
    cool_downs: Vec<Duration>,
    sends_per_hour: u8,
    sends_per_day: u8,
    resend: Resend,
    hint: bool,
}

impl Default for OtpPolicy {
    fn default() -> Self {
        Self::of_digits(6)
    }
}

/// Builds an [`OtpPolicy`] from the defaults of its number of digits.
#[derive(Clone, Debug)]
pub struct OtpPolicyBuilder(OtpPolicy);

settings! {
    OtpPolicy, OtpPolicyBuilder;
    /// How long a code may be used.
    lifetime: Duration,
    /// Wrong codes of one challenge.
    tries: u8,
    /// Wrong codes of one recipient in any 24 hours.
    guesses_per_day: u8,
    /// Messages to one recipient in any hour.
    sends_per_hour: u8,
    /// Messages to one recipient in any 24 hours.
    sends_per_day: u8,
    /// What a second message says.
    resend: Resend,
    /// Whether a digit in front of the code tells messages apart.
    hint: bool,
}

impl OtpPolicy {
    /// How many digits a code may have.
    pub(super) const DIGITS: core::ops::RangeInclusive<u8> = 4..=8;
    /// What is counted by the day is counted in any 24 hours.
    pub(super) const DAY: Duration = DAY;

    /// Starts from the defaults for codes of this many digits.
    #[must_use]
    pub fn builder(digits: u8) -> OtpPolicyBuilder {
        OtpPolicyBuilder(Self::of_digits(digits))
    }

    fn of_digits(digits: u8) -> Self {
        Self {
            digits,
            lifetime: Duration::from_secs(5 * MINUTE),
            tries: if digits < 5 { 3 } else { 5 },
            guesses_per_day: if digits < 5 { 10 } else { 20 },
            cool_downs: [1, 2, 5, 10].map(|minutes| Duration::from_secs(minutes * MINUTE)).into(),
            sends_per_hour: 5,
            sends_per_day: 10,
            resend: Resend::SameCode,
            hint: false,
        }
    }

    /// How many digits a code has.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// How many codes there are.
    #[must_use]
    pub const fn codes(&self) -> u32 {
        10_u32.pow(self.digits as u32)
    }

    /// `guesses_per_day`, where codes have so many digits: under whatever policy a challenge was begun, it takes no
    /// more guesses than any policy for its codes could grant.
    pub(super) fn guesses_per_day_of(&self, digits: u8) -> u8 {
        self.guesses_per_day.min(most_guesses(digits))
    }

    /// How long to wait after so many messages.
    #[must_use]
    pub fn cool_down(&self, sent: usize) -> Duration {
        let at = sent.saturating_sub(1).min(self.cool_downs.len() - 1);
        self.cool_downs[at]
    }
}

/// One guess of a thousand codes, and no more than 100; never none, as a limit of none would be no limit.
fn most_guesses(digits: u8) -> u8 {
    let codes = 10_u32.saturating_pow(digits.into());
    u8::try_from(codes / 1000).unwrap_or(u8::MAX).clamp(1, 100)
}

impl OtpPolicyBuilder {
    /// How long to wait after the first message, the second, and so on; the last one repeats. 1 to 10 of them.
    #[must_use]
    pub fn cool_downs(mut self, cool_downs: impl IntoIterator<Item = Duration>) -> Self {
        self.0.cool_downs = cool_downs.into_iter().collect();
        self
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// [`PolicyError`] naming the first setting outside its bounds.
    pub fn build(self) -> Result<OtpPolicy, PolicyError> {
        let policy = self.0;
        let secs = |duration: &Duration, min: u64, max: u64| {
            (Duration::from_secs(min)..=Duration::from_secs(max)).contains(duration)
        };
        let digits = OtpPolicy::DIGITS.contains(&policy.digits);
        let guesses = policy.tries..=most_guesses(policy.digits);
        let waits = policy.cool_downs.iter().all(|wait| secs(wait, 15, HOUR));
        let checks = [
            ("digits", "4 to 8", digits),
            ("lifetime", "30 seconds to 10 minutes", secs(&policy.lifetime, 30, 10 * MINUTE)),
            ("tries", "1 to 10", (1..=10).contains(&policy.tries)),
            (
                "guesses_per_day",
                "`tries` to 100, and one of a thousand codes",
                guesses.contains(&policy.guesses_per_day),
            ),
            ("cool_downs", "1 to 10 of them, 15 seconds to 1 hour each", {
                waits && (1..=10).contains(&policy.cool_downs.len())
            }),
            ("sends_per_hour", "1 to 20", (1..=20).contains(&policy.sends_per_hour)),
            ("sends_per_day", "`sends_per_hour` to 20", (policy.sends_per_hour..=20).contains(&policy.sends_per_day)),
        ];
        match checks.into_iter().find(|(_, _, within)| !within) {
            Some((setting, bounds, _)) => Err(PolicyError::new(setting, bounds)),
            None => Ok(policy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_within_their_bounds() {
        for digits in 4..=8 {
            let built = OtpPolicy::builder(digits).build();
            let policy = built.unwrap();
            assert_eq!((policy.digits(), policy.tries()), (digits, if digits == 4 { 3 } else { 5 }));
        }
        assert_eq!(OtpPolicy::builder(6).build(), Ok(OtpPolicy::default()));
    }

    /// The table above.
    #[test]
    fn the_printed_probabilities_are_those_of_the_defaults() {
        let one_in = [(4, 1_000), (5, 5_000), (6, 50_000), (7, 500_000), (8, 5_000_000)];
        for (digits, one_in) in one_in {
            let policy = OtpPolicy::builder(digits).build().unwrap();
            // Each wrong guess leaves one code fewer: the k-th is right with 1 of n whatever came before.
            let missed = (0..u32::from(policy.guesses_per_day()))
                .map(|guess| 1.0 - 1.0 / f64::from(policy.codes() - guess))
                .product::<f64>();
            let expected = 1.0 / f64::from(one_in);
            assert!(((1.0 - missed) - expected).abs() < expected * 1e-6, "{digits}: {}", 1.0 - missed);
        }
    }

    #[test]
    fn each_setting_is_named_when_out_of_bounds() {
        let long = Duration::from_secs(HOUR + 1);
        for (setting, builder) in [
            ("digits", OtpPolicy::builder(3)),
            ("digits", OtpPolicy::builder(9)),
            ("lifetime", OtpPolicy::builder(6).lifetime(Duration::from_secs(10 * MINUTE + 1))),
            ("tries", OtpPolicy::builder(6).tries(0)),
            ("guesses_per_day", OtpPolicy::builder(4).guesses_per_day(11)),
            ("guesses_per_day", OtpPolicy::builder(8).guesses_per_day(101)),
            ("guesses_per_day", OtpPolicy::builder(6).guesses_per_day(4)),
            ("cool_downs", OtpPolicy::builder(6).cool_downs([])),
            ("cool_downs", OtpPolicy::builder(6).cool_downs([long])),
            ("sends_per_hour", OtpPolicy::builder(6).sends_per_hour(0)),
            ("sends_per_day", OtpPolicy::builder(6).sends_per_day(4)),
            ("sends_per_day", OtpPolicy::builder(6).sends_per_day(21)),
        ] {
            assert_eq!(builder.build().unwrap_err().setting(), setting);
        }
    }

    #[test]
    fn every_bound_is_where_the_table_says() {
        let secs = Duration::from_secs;
        let six = || OtpPolicy::builder(6);
        let eight = || OtpPolicy::builder(8);
        let many = |count: u8| six().sends_per_hour(count).sends_per_day(20);
        for (setting, inside, outside) in [
            ("lifetime", six().lifetime(secs(30)), six().lifetime(secs(29))),
            ("lifetime", six().lifetime(secs(600)), six().lifetime(secs(601))),
            ("tries", six().tries(10).guesses_per_day(20), six().tries(11)),
            ("guesses_per_day", eight().guesses_per_day(100), eight().guesses_per_day(101)),
            ("guesses_per_day", OtpPolicy::builder(4), OtpPolicy::builder(4).guesses_per_day(11)),
            ("cool_downs", six().cool_downs([secs(15)]), six().cool_downs([Duration::from_millis(14_999)])),
            ("cool_downs", six().cool_downs([secs(3600)]), six().cool_downs([secs(3601)])),
            ("cool_downs", six().cool_downs([secs(60); 10]), six().cool_downs([secs(60); 11])),
            ("sends_per_hour", many(20), many(21)),
        ] {
            assert!(inside.build().is_ok(), "{setting}");
            assert_eq!(outside.build().unwrap_err().setting(), setting);
        }
    }

    #[test]
    fn cool_downs_grow_and_then_repeat() {
        let minutes: Vec<u64> = (0..7).map(|sent| OtpPolicy::default().cool_down(sent).as_secs() / 60).collect();
        assert_eq!(minutes, [1, 1, 2, 5, 10, 10, 10]);
    }
}
