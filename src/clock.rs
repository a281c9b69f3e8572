//! What time it is, and whether that is a time to let people in.

#[cfg(feature = "hours")]
mod hours_text;
#[cfg(feature = "hours")]
mod weekly_hours;

use core::time::Duration;
use std::sync::{Arc, Mutex, PoisonError};

#[cfg(feature = "hours")]
pub use self::hours_text::HoursError;
#[cfg(feature = "hours")]
pub use self::weekly_hours::WeeklyHours;
use crate::permission::Window;
use crate::time::UnixTime;

/// The clock of a service and its hours.
pub trait ClockPolicy: Send + Sync {
    /// The present. Not required to be monotonic: a clock that runs backwards makes waits longer, never shorter.
    /// Servers that share a store must agree to within the policy's `superseded_grace`, or two tabs look like theft.
    ///
    /// *Called* once for each decision.
    fn now(&self) -> UnixTime;

    /// Whether use is allowed at an instant, and when that changes.
    ///
    /// *Called* before a PIN is looked at. An access token minted at `at` does not outlive the window.
    fn window(&self, at: UnixTime) -> Window;
}

impl<C: ClockPolicy + ?Sized> ClockPolicy for Arc<C> {
    fn now(&self) -> UnixTime {
        (**self).now()
    }

    fn window(&self, at: UnixTime) -> Window {
        (**self).window(at)
    }
}

/// The operating system's clock, always open.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl ClockPolicy for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the place where the clock is read")]
    fn now(&self) -> UnixTime {
        let since_1970 = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        // A clock before 1970 counts as 1970: everything is then in the future, and nothing opens early.
        UnixTime::default().saturating_add(since_1970.unwrap_or(Duration::ZERO))
    }

    fn window(&self, _at: UnixTime) -> Window {
        Window::Open { until: UnixTime::MAX }
    }
}

/// A clock that stands still until told otherwise, for tests and demonstrations.
#[derive(Debug)]
pub struct ManualClock(Mutex<(UnixTime, Window)>);

impl ManualClock {
    /// Stands at `now`, always open.
    #[must_use]
    pub const fn new(now: UnixTime) -> Self {
        Self(Mutex::new((now, Window::Open { until: UnixTime::MAX })))
    }

    /// Moves forward.
    pub fn advance(&self, by: Duration) {
        self.set(self.now().saturating_add(by));
    }

    /// Moves anywhere, also back.
    pub fn set(&self, now: UnixTime) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }

    /// Opens or closes, for every instant.
    pub fn set_window(&self, window: Window) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = window;
    }
}

impl ClockPolicy for ManualClock {
    fn now(&self) -> UnixTime {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn window(&self, _at: UnixTime) -> Window {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}
