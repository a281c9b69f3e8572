//! Every number a host may choose, with its default, its bounds and the reason.

use core::time::Duration;

use crate::attempts::AttemptSchedule;
use crate::stretch::KdfParams;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The rules of a service.
///
/// | setting | default | bounds | why |
/// | --- | --- | --- | --- |
/// | `absolute_lifetime` | 30 days | 5 minutes to 400 days | full login at least monthly (NIST SP 800-63B-4 §2.1.3) |
/// | `idle_timeout` | 14 days | 1 minute to 400 days | a forgotten device ends by itself |
/// | `access_token_lifetime` | 15 minutes | 10 seconds to 1 hour | how long a revoked session may still be believed |
/// | `renewal_limit` | 0: off | 0 to 24 hours | how long after an unlock an access token may be [renewed](crate::renew) |
/// | `renewal_window` | 2 minutes | 0 to 1 hour | how long ago it may have expired |
/// | `max_signed_requests` | 600 | 10 to 10,000 | of a session in 30 seconds, in one process; each is remembered for a while |
/// | `max_sessions` | 10 | 1 to 100 | the oldest ends when one more begins |
/// | `max_wrong_pins` | 100 | 10 to 1000 | of a session's whole life, never reset (NIST §3.2.2) |
/// | `min_pin_chars` | 6 | 4 to 16 | checked when a PIN is set |
/// | `superseded_grace` | 30 seconds | 5 seconds to 2 minutes | two tabs or a lost answer are not theft |
/// | `attempts` | 4 free, then 1, 5, 15, 30, 90 minutes; the 10th ends it | 3 to 10 guesses, see [`AttemptSchedule`] | NIST §3.2.10 |
/// | `kdf` | 19 MiB, 2 passes | see [`KdfParams`] | OWASP's recommendation |
/// | `max_kdf_m_kib` | 64 MiB | `kdf.m` to 1 GiB | more than this an old wrap may not ask for |
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    absolute_lifetime: Duration,
    idle_timeout: Duration,
    access_token_lifetime: Duration,
    renewal_limit: Duration,
    renewal_window: Duration,
    max_signed_requests: u16,
    max_sessions: u16,
    max_wrong_pins: u16,
    min_pin_chars: u8,
    superseded_grace: Duration,
    attempts: AttemptSchedule,
    kdf: KdfParams,
    max_kdf_m_kib: u32,
}

/// A setting outside its bounds. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` is outside its bounds: {bounds}")]
pub struct PolicyError {
    setting: &'static str,
    bounds: &'static str,
}

impl PolicyError {
    pub(crate) const fn new(setting: &'static str, bounds: &'static str) -> Self {
        Self { setting, bounds }
    }

    /// The name of the setting.
    #[must_use]
    pub const fn setting(&self) -> &'static str {
        self.setting
    }
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            absolute_lifetime: Duration::from_secs(30 * DAY),
            idle_timeout: Duration::from_secs(14 * DAY),
            access_token_lifetime: Duration::from_secs(15 * MINUTE),
            renewal_limit: Duration::ZERO,
            renewal_window: Duration::from_secs(2 * MINUTE),
            max_signed_requests: 600,
            max_sessions: 10,
            max_wrong_pins: 100,
            min_pin_chars: 6,
            superseded_grace: Duration::from_secs(30),
            attempts: AttemptSchedule::default(),
            kdf: KdfParams::DEFAULT,
            max_kdf_m_kib: 64 * 1024,
        }
    }
}

/// A getter and a builder's setter for each setting of a policy.
macro_rules! settings {
    ($policy:ident, $builder:ident; $($(#[$meta:meta])* $name:ident: $type:ty),* $(,)?) => {
        impl $policy {
            $($(#[$meta])*
            #[must_use]
            pub const fn $name(&self) -> $type {
                self.$name
            })*
        }

        impl $builder {
            $($(#[$meta])*
            #[must_use]
            pub const fn $name(mut self, $name: $type) -> Self {
                self.0.$name = $name;
                self
            })*
        }
    };
}

pub(crate) use settings;

/// Builds a [`Policy`] from its defaults.
#[derive(Clone, Debug)]
pub struct PolicyBuilder(Policy);

settings! {
    Policy, PolicyBuilder;
    /// From login to the end of the session, whatever happens in between.
    absolute_lifetime: Duration,
    /// From one unlock or renewal to the end of the session if no other follows.
    idle_timeout: Duration,
    /// The longest an access token lives.
    access_token_lifetime: Duration,
    /// How long after an unlock an access token may be renewed without a PIN; zero is never.
    renewal_limit: Duration,
    /// How long after its expiry an access token may still be renewed.
    renewal_window: Duration,
    /// Signed requests that a process accepts of a session in 30 seconds.
    max_signed_requests: u16,
    /// Live sessions a subject may have.
    max_sessions: u16,
    /// Wrong PINs in the whole life of a session; the last one ends it.
    max_wrong_pins: u16,
    /// Characters a new PIN must have.
    min_pin_chars: u8,
    /// How long an outdated wrap is answered with "read your storage again" instead of being taken for stolen.
    superseded_grace: Duration,
    /// KDF parameters of new wraps. Older wraps move to them at their next unlock.
    kdf: KdfParams,
    /// The most memory an older wrap may ask for, in KiB.
    max_kdf_m_kib: u32,
}

impl Policy {
    /// Starts from the defaults.
    #[must_use]
    pub fn builder() -> PolicyBuilder {
        PolicyBuilder(Self::default())
    }

    /// The guess budget of a wrap.
    #[must_use]
    pub const fn attempts(&self) -> &AttemptSchedule {
        &self.attempts
    }

    /// Whether a wrap with these costs is worked on at all. An authentic wrap of an older policy may ask for less
    /// than the present one, but not for more than `max_kdf_m_kib`, and not for less than any policy could be.
    pub(crate) fn accepts(&self, params: KdfParams) -> bool {
        params == self.kdf
            || params.m_kib() <= self.max_kdf_m_kib && KdfParams::new(params.m_kib(), params.t(), params.p()).is_ok()
    }
}

impl PolicyBuilder {
    /// The guess budget of a wrap.
    #[must_use]
    pub fn attempts(mut self, attempts: AttemptSchedule) -> Self {
        self.0.attempts = attempts;
        self
    }

    /// Checks every bound.
    ///
    /// # Errors
    /// [`PolicyError`] naming the first setting outside its bounds.
    pub fn build(self) -> Result<Policy, PolicyError> {
        let policy = self.0;
        let secs = |duration: Duration, min: u64, max: u64| {
            (Duration::from_secs(min)..=Duration::from_secs(max)).contains(&duration)
        };
        let checks = [
            ("absolute_lifetime", "5 minutes to 400 days", secs(policy.absolute_lifetime, 5 * MINUTE, 400 * DAY)),
            ("idle_timeout", "1 minute to 400 days", secs(policy.idle_timeout, MINUTE, 400 * DAY)),
            ("access_token_lifetime", "10 seconds to 1 hour", secs(policy.access_token_lifetime, 10, HOUR)),
            ("renewal_limit", "0 to 24 hours", secs(policy.renewal_limit, 0, DAY)),
            ("renewal_window", "0 to 1 hour", secs(policy.renewal_window, 0, HOUR)),
            ("max_signed_requests", "10 to 10,000", (10..=10_000).contains(&policy.max_signed_requests)),
            ("max_sessions", "1 to 100", (1..=100).contains(&policy.max_sessions)),
            ("max_wrong_pins", "10 to 1000", (10..=1000).contains(&policy.max_wrong_pins)),
            ("min_pin_chars", "4 to 16", (4..=16).contains(&policy.min_pin_chars)),
            ("superseded_grace", "5 seconds to 2 minutes", secs(policy.superseded_grace, 5, 2 * MINUTE)),
            (
                "max_kdf_m_kib",
                "`kdf.m` to 1 GiB",
                (policy.kdf.m_kib()..=KdfParams::MAX_M_KIB).contains(&policy.max_kdf_m_kib),
            ),
        ];
        match checks.into_iter().find(|(_, _, within)| !within) {
            Some((setting, bounds, _)) => Err(PolicyError { setting, bounds }),
            None => Ok(policy),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn defaults_are_within_their_bounds() {
        assert_eq!(Policy::builder().build(), Ok(Policy::default()));
    }

    #[test]
    fn each_setting_has_its_bounds() {
        type Set = fn(PolicyBuilder, u64) -> PolicyBuilder;
        let settings: [(&str, Set, u64, u64); 11] = [
            ("absolute_lifetime", |policy, n| policy.absolute_lifetime(secs(n)), 300, 34_560_000),
            ("idle_timeout", |policy, n| policy.idle_timeout(secs(n)), 60, 34_560_000),
            ("access_token_lifetime", |policy, n| policy.access_token_lifetime(secs(n)), 10, 3600),
            ("renewal_limit", |policy, n| policy.renewal_limit(secs(n)), 0, 86_400),
            ("renewal_window", |policy, n| policy.renewal_window(secs(n)), 0, 3600),
            ("max_signed_requests", |policy, n| policy.max_signed_requests(n.try_into().unwrap()), 10, 10_000),
            ("max_sessions", |policy, n| policy.max_sessions(n.try_into().unwrap()), 1, 100),
            ("max_wrong_pins", |policy, n| policy.max_wrong_pins(n.try_into().unwrap()), 10, 1000),
            ("min_pin_chars", |policy, n| policy.min_pin_chars(n.try_into().unwrap()), 4, 16),
            ("superseded_grace", |policy, n| policy.superseded_grace(secs(n)), 5, 120),
            ("max_kdf_m_kib", |policy, n| policy.max_kdf_m_kib(n.try_into().unwrap()), 19_456, 1_048_576),
        ];
        for (setting, set, min, max) in settings {
            let built = |n| set(Policy::builder(), n).build().map(drop).map_err(|error| error.setting());
            assert_eq!([built(min), built(max)], [Ok(()); 2], "{setting}");
            assert_eq!(built(max + 1), Err(setting));
            if let Some(below) = min.checked_sub(1) {
                assert_eq!(built(below), Err(setting));
            }
        }
    }

    #[test]
    fn kdf_parameters_of_a_wrap_are_held_against_the_policy() {
        let policy = Policy::default();
        assert!(policy.accepts(KdfParams::DEFAULT));
        assert!(policy.accepts(KdfParams::from_wire(7_168, 5, 1)));
        for (m, t, p) in [(8, 1, 1), (4 << 20, 2, 1), (65_537, 2, 1), (19_456, 0, 1), (19_456, 255, 1), (19_456, 2, 0)]
        {
            assert!(!policy.accepts(KdfParams::from_wire(m, t, p)), "{m} {t} {p}");
        }
        let fast = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
        assert!(fast.accepts(KdfParams::danger_fast_for_tests()));
    }
}
