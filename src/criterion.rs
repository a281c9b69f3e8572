//! Circumstances in which a session may be used: from which network, where, when.
//!
//! ```
//! use pinlatch::Criterion;
//! use pinlatch::criterion::{Geofence, Networks, Travel, all, any};
//!
//! // In the office, or anywhere else in the country if nobody could have traveled too fast.
//! let office = Networks::allow(["192.0.2.0/24".parse()?, "2001:db8::/32".parse()?])?;
//! let country = Geofence::inside(51.2, 10.4, 500_000.0)?;
//! let criterion = any([office.boxed(), all([country.boxed(), Travel::default().boxed()])?.boxed()])?;
//! # let _ = criterion;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! A service has one criterion ([`SessionsBuilder::criterion`](crate::SessionsBuilder::criterion)), which may consist
//! of several. It is asked before a PIN is looked at, so a denial costs no guess, and what it says bounds the access
//! token that a right PIN then gets.
//!
//! [`not`]'s reason is its own; [`all`] and [`any`] give the reason and the time of the part that counts.
//!
//! | the parts say | [`all`] | [`any`] | [`not`] |
//! | --- | --- | --- | --- |
//! | `Allow` | the earliest end, if all do | the latest end, if one does | `Deny` |
//! | `Deny` | before all else, the longest | if nothing else is said, the shortest | `Allow`, until it would be allowed |
//! | `Unknown` | before `LogInAgain` | before `Deny` | `Unknown` |
//! | `LogInAgain` | if the others allow | if none allows | `LogInAgain` |
//!
//! One of your own is a type with two methods:
//!
//! ```
//! use pinlatch::criterion::{Criterion, Remembered, Situation, Verdict};
//!
//! /// The host has looked up how risky the address is, and passed it along.
//! struct LowRisk;
//!
//! impl Criterion for LowRisk {
//!     fn check(&self, situation: &Situation<'_>) -> Verdict {
//!         match situation.request.attribute("risk") {
//!             Some("low") => Verdict::ALLOW,
//!             Some(_) => Verdict::LogInAgain { reason: "risky" },
//!             None => Verdict::Unknown { reason: "risk_unknown" },
//!         }
//!     }
//!
//!     fn remembers(&self) -> Remembered {
//!         Remembered::NOTHING
//!     }
//! }
//! ```

mod combined;
mod geofence;
mod networks;
mod travel;

pub use self::combined::{All, Any, Not, all, any, not};
pub use self::geofence::Geofence;
pub use self::networks::{Network, Networks};
pub use self::travel::Travel;
#[doc(no_inline)]
pub use crate::permission::Verdict;
#[doc(no_inline)]
pub use crate::situation::{Position, Remembered, Situation};

/// Decides whether a session may be used in a situation.
pub trait Criterion: Send + Sync {
    /// *Called* several times for one attempt, also with a `now` that lies a little ahead: the answer must last until a
    /// PIN has had its turn. *Must* be quick and depend on nothing but the situation; what takes a lookup belongs into
    /// the [`RequestContext`](crate::RequestContext). What it allows must not end before the `until` it names. *If
    /// broken*, an access token may be valid where it should not.
    fn check(&self, situation: &Situation<'_>) -> Verdict;

    /// What of [`Situation::last`] is looked at. Nothing else of it is kept in the sessions' records.
    fn remembers(&self) -> Remembered;

    /// As a part of another criterion.
    fn boxed(self) -> Box<dyn Criterion>
    where
        Self: Sized + 'static,
    {
        Box::new(self)
    }
}

impl Criterion for Box<dyn Criterion> {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        (**self).check(situation)
    }

    fn remembers(&self) -> Remembered {
        (**self).remembers()
    }
}

/// Opening hours as one criterion among others; closed, they deny with the reason `outside_hours` (and the code
/// `denied`, as all criteria do). Hours that hold for everybody belong to the service's clock.
#[cfg(feature = "hours")]
impl Criterion for crate::clock::WeeklyHours {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        match self.window(situation.now) {
            crate::permission::Window::Open { until } => Verdict::Allow { until },
            crate::permission::Window::Closed { opens } => Verdict::Deny { reason: "outside_hours", retry_at: opens },
        }
    }

    fn remembers(&self) -> Remembered {
        Remembered::NOTHING
    }
}

/// Settings that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CriterionError {
    /// Nothing to choose from, or more parts than anybody oversees.
    #[error("a criterion of several parts has 1 to {} of them", All::MAX_PARTS)]
    Parts,
    /// No network at all, or more than can be meant.
    #[error("a list of networks has 1 to {} of them", Networks::MAX)]
    Networks,
    /// Not an address, or one with a prefix length behind a slash; or an address that has bits beyond its prefix.
    #[error("not a network such as 192.0.2.0/24 or 2001:db8::/32")]
    Network,
    /// A place that is not on the earth, or too large or small a distance.
    #[error("not a place on the earth, or a distance outside its bounds")]
    Place,
}
