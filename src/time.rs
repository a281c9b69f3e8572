//! Instants as plain values. Nothing here reads a clock.

use core::time::Duration;
use std::time::SystemTime;

/// Milliseconds since 1970-01-01T00:00:00Z, leap seconds not counted.
///
/// Arithmetic saturates: an instant that cannot be represented becomes the last one that can. Serialized it is a
/// number, in whole seconds, as in a JWT.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(u64);

impl UnixTime {
    /// The last instant.
    pub const MAX: Self = Self(u64::MAX);

    /// From whole milliseconds since 1970.
    #[must_use]
    pub const fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970.
    #[must_use]
    pub const fn from_secs(secs: u64) -> Self {
        Self(secs.saturating_mul(1000))
    }

    /// Milliseconds since 1970.
    #[must_use]
    pub const fn as_millis(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970, rounded down.
    #[must_use]
    pub const fn as_secs(self) -> u64 {
        self.0 / 1000
    }

    /// The same for the standard library, and so for every library of dates. `None` where the platform cannot represent
    /// it.
    #[must_use]
    pub fn to_system_time(self) -> Option<SystemTime> {
        SystemTime::UNIX_EPOCH.checked_add(Duration::from_millis(self.0))
    }

    /// How long from here until `later`; zero when `later` is not later.
    #[must_use]
    pub const fn until(self, later: Self) -> Duration {
        Duration::from_millis(later.0.saturating_sub(self.0))
    }

    /// This instant moved forward, in whole milliseconds.
    #[must_use]
    pub fn saturating_add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// This instant moved back, in whole milliseconds.
    #[must_use]
    pub fn saturating_sub(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl serde::Serialize for UnixTime {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(self.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(UnixTime::MAX.saturating_add(Duration::from_secs(1)), UnixTime::MAX);
        assert_eq!(UnixTime::default().saturating_add(Duration::MAX), UnixTime::MAX);
        assert_eq!(UnixTime::from_secs(1).saturating_sub(Duration::from_secs(2)), UnixTime::default());
        assert_eq!(UnixTime::from_secs(u64::MAX), UnixTime::MAX);
    }

    #[test]
    fn an_instant_is_one_of_the_standard_library_and_a_number_of_seconds() {
        let instant = UnixTime::from_millis(1_800_000_000_250);
        let since = instant.to_system_time().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(since, Duration::from_millis(1_800_000_000_250));
        assert_eq!(serde_json::to_string(&instant).unwrap(), "1800000000");
    }

    #[test]
    fn until_never_goes_negative() {
        let (early, late) = (UnixTime::from_secs(10), UnixTime::from_millis(10_250));
        assert_eq!(early.until(late), Duration::from_millis(250));
        assert_eq!(late.until(early), Duration::ZERO);
    }
}
