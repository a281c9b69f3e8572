//! The guess budget of one wrap: charge, throttle, lockout. A pure state machine.
//!
//! A guess is charged before the PIN is looked at, and only the proof that the PIN was right takes that one charge
//! back. A crash, a lost connection or a cancelled request leaves it standing.

use core::time::Duration;

use crate::time::UnixTime;

/// How many guesses a wrap grants, and how long to wait after each.
///
/// The default: after the first four wrong guesses no wait, then 1, 5, 15, 30 and 90 minutes; the tenth ends the wrap.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptSchedule {
    waits: Vec<Duration>,
}

/// A schedule outside its bounds. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("2 to 9 waits of at most 24 hours, none shorter than the one before")]
pub struct AttemptScheduleError;

impl AttemptSchedule {
    /// `waits[n]` follows the failure number `n + 1`; one more failure than there are waits ends the wrap.
    ///
    /// # Errors
    /// [`AttemptScheduleError`] unless there are 2 to 9 waits (so that at most 10 guesses are granted, as NIST
    /// SP 800-63B-4 §3.2.10 demands of activation secrets), in non-decreasing order, of at most 24 hours each.
    pub fn new(waits: impl Into<Vec<Duration>>) -> Result<Self, AttemptScheduleError> {
        let waits = waits.into();
        let ordered = waits.windows(2).all(|pair| pair[0] <= pair[1]);
        let bounded = waits.iter().all(|wait| *wait <= Duration::from_secs(24 * 3600));
        if (2..=9).contains(&waits.len()) && ordered && bounded {
            Ok(Self { waits })
        } else {
            Err(AttemptScheduleError)
        }
    }

    /// The number of guesses a wrap grants.
    #[must_use]
    pub fn limit(&self) -> u8 {
        u8::try_from(self.waits.len()).expect("at most 9 waits") + 1
    }

    /// The wait that the failure with this number brings; zero also for the last, which ends the wrap.
    fn wait_after(&self, failures: u8) -> Duration {
        let wait = usize::from(failures).checked_sub(1).and_then(|at| self.waits.get(at));
        wait.copied().unwrap_or(Duration::ZERO)
    }
}

impl Default for AttemptSchedule {
    /// Four free failures, then waits of 1, 5, 15, 30 and 90 minutes; the 10th failure ends the wrap.
    fn default() -> Self {
        let minutes = [0, 0, 0, 0, 1, 5, 15, 30, 90];
        Self { waits: minutes.map(|minutes| Duration::from_secs(minutes * 60)).into() }
    }
}

/// What was charged to one wrap so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    pub(crate) failures: u8,
    pub(crate) throttled_until: UnixTime,
}

/// Why a wrap grants no guess now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Wait until then.
    Throttled {
        /// The first instant at which a guess is granted again.
        until: UnixTime,
    },
    /// The budget is used up, for good.
    LockedOut,
}

/// One guess, charged: which failure it would be, and the wait it brought.
#[derive(Debug)]
pub(crate) struct Charge {
    number: u8,
    limit: u8,
    wait_until: UnixTime,
}

impl Charge {
    /// Guesses left should this one be wrong.
    pub(crate) const fn remaining(&self) -> u8 {
        self.limit.saturating_sub(self.number)
    }

    /// When the next guess is granted should this one be wrong, if there is a wait.
    pub(crate) fn wait_until(&self) -> Option<UnixTime> {
        (self.wait_until > UnixTime::default()).then_some(self.wait_until)
    }
}

impl Attempts {
    /// Whether a guess is granted.
    ///
    /// # Errors
    /// [`Refused`] with the reason.
    pub fn check(&self, schedule: &AttemptSchedule, now: UnixTime) -> Result<(), Refused> {
        if self.failures >= schedule.limit() {
            Err(Refused::LockedOut)
        } else if now < self.throttled_until {
            Err(Refused::Throttled { until: self.throttled_until })
        } else {
            Ok(())
        }
    }

    /// Charges a guess as if it had failed: the count and the wait this count brings, together.
    pub(crate) fn charge(self, schedule: &AttemptSchedule, now: UnixTime) -> Result<(Self, Charge), Refused> {
        self.check(schedule, now)?;
        let number = self.failures + 1;
        let wait = schedule.wait_after(number);
        let wait_until = if wait.is_zero() { UnixTime::default() } else { now.saturating_add(wait) };
        let charged = Self { failures: number, throttled_until: wait_until };
        Ok((charged, Charge { number, limit: schedule.limit(), wait_until }))
    }

    /// Takes back exactly one proven charge and the wait it brought; what others were charged stays.
    pub(crate) fn withdraw(self, charge: &Charge) -> Self {
        let own_wait = self.throttled_until == charge.wait_until;
        Self {
            failures: self.failures.saturating_sub(1),
            throttled_until: if own_wait { UnixTime::default() } else { self.throttled_until },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    #[test]
    fn default_schedule_is_the_documented_one() {
        let schedule = AttemptSchedule::default();
        let (mut attempts, mut now, mut waits) = (Attempts::default(), NOW, Vec::new());
        while let Ok((next, charge)) = attempts.charge(&schedule, now) {
            waits.push(charge.wait_until().map_or(0, |until| now.until(until).as_secs() / 60));
            assert_eq!(usize::from(charge.remaining()), 10 - waits.len());
            now = charge.wait_until().unwrap_or(now);
            attempts = next;
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 5, 15, 30, 90, 0]);
        assert_eq!(attempts.check(&schedule, UnixTime::MAX), Err(Refused::LockedOut));
    }

    #[test]
    fn throttled_refuses_to_the_last_millisecond() {
        let schedule = AttemptSchedule::new([Duration::from_secs(1), Duration::from_secs(1)]).unwrap();
        let (attempts, _) = Attempts::default().charge(&schedule, NOW).unwrap();
        let until = NOW.saturating_add(Duration::from_secs(1));
        let just_before = until.saturating_sub(Duration::from_millis(1));
        assert_eq!(attempts.check(&schedule, just_before), Err(Refused::Throttled { until }));
        assert_eq!(attempts.check(&schedule, until), Ok(()));
    }

    #[test]
    fn withdrawing_leaves_the_wait_of_another_charge() {
        let schedule = AttemptSchedule::new([Duration::ZERO, Duration::from_secs(60)]).unwrap();
        let (attempts, right) = Attempts::default().charge(&schedule, NOW).unwrap();
        let (attempts, wrong) = attempts.charge(&schedule, NOW).unwrap();
        let after = attempts.withdraw(&right);
        assert_eq!(after, Attempts { failures: 1, throttled_until: wrong.wait_until().unwrap() });
        assert_eq!(after.withdraw(&wrong), Attempts::default());
    }

    #[test]
    fn schedules_out_of_bounds_are_refused() {
        let minute = Duration::from_secs(60);
        for waits in [vec![], vec![minute], vec![minute; 10], vec![minute, Duration::ZERO], vec![minute * 2000; 3]] {
            assert_eq!(AttemptSchedule::new(waits.clone()), Err(AttemptScheduleError), "{waits:?}");
        }
    }

    #[derive(Clone, Debug)]
    enum Operation {
        Charge,
        Prove(usize),
        Forget(usize),
        Wait(u64),
    }

    proptest! {
        /// Whatever is charged, proven, lost or waited for, and whatever the clock does: no wrap grants more than its
        /// limit of guesses that are not proven right.
        #[test]
        fn no_more_unproven_guesses_than_the_limit(
            waits in proptest::collection::vec(0..86_400u64, 2..=9),
            start in any::<u64>(),
            operations in proptest::collection::vec(prop_oneof![
                Just(Operation::Charge),
                (0..8usize).prop_map(Operation::Prove),
                (0..8usize).prop_map(Operation::Forget),
                (0..u64::MAX).prop_map(Operation::Wait),
            ], 0..200),
        ) {
            let mut waits: Vec<_> = waits.into_iter().map(Duration::from_secs).collect();
            waits.sort();
            let schedule = AttemptSchedule::new(waits).unwrap();
            let (mut attempts, mut now) = (Attempts::default(), UnixTime::from_millis(start));
            let (mut open, mut unproven) = (Vec::new(), 0usize);
            for operation in operations {
                match operation {
                    Operation::Charge => {
                        if let Ok((next, charge)) = attempts.charge(&schedule, now) {
                            attempts = next;
                            open.push(charge);
                        }
                    }
                    Operation::Prove(at) if at < open.len() => attempts = attempts.withdraw(&open.swap_remove(at)),
                    Operation::Forget(at) if at < open.len() => {
                        open.swap_remove(at);
                        unproven += 1;
                    }
                    Operation::Wait(by) => now = UnixTime::from_millis(now.as_millis().wrapping_add(by)),
                    _ => {}
                }
                prop_assert!(unproven + open.len() <= usize::from(schedule.limit()));
                prop_assert_eq!(usize::from(attempts.failures), unproven + open.len());
            }
        }
    }
}
