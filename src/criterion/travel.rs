//! By how far it is from where the session was used before.

use core::time::Duration;

use super::{Criterion, CriterionError};
use crate::permission::Verdict;
use crate::situation::{Position, Remembered, Situation};

/// Demands a full login where nobody can have got to in time (`impossible_travel`), and, if a distance is set, far away
/// from where the session was last used (`far_away`). Unless set otherwise: 1000 km/h, which no airliner does, beyond
/// 100 km, and no distance.
///
/// The accuracies of both positions count in the user's favor, up to a limit: one that is vaguer is not allowed
/// (`position_vague`), and neither is a request without a position (`position_unknown`). A session that was never used
/// with one may be used anywhere, for the first time. A login takes a position, too:
/// [`FullLogin::with_request`](crate::FullLogin::with_request).
#[derive(Clone, Copy, Debug)]
pub struct Travel {
    /// Meters for each second.
    speed: f64,
    /// Meters that are no travel.
    slack: f64,
    farthest: f64,
    /// The least accurate position that is looked at.
    vaguest: f64,
}

impl Default for Travel {
    /// At most 1000 km/h (airliners do 900), not counting the first 100 km, with positions that are no vaguer than
    /// that.
    fn default() -> Self {
        Self { speed: 1000.0 / 3.6, slack: 100_000.0, farthest: f64::INFINITY, vaguest: 100_000.0 }
    }
}

impl Travel {
    /// The highest speed in km/h, 1 to 100 000.
    ///
    /// # Errors
    /// [`CriterionError::Place`].
    pub fn with_max_speed(self, kilometers_per_hour: f64) -> Result<Self, CriterionError> {
        bounded(kilometers_per_hour, 1.0, 100_000.0).map(|speed| Self { speed: speed / 3.6, ..self })
    }

    /// Meters that count as no travel, whatever the time and at each use: 0 to 20 million.
    ///
    /// # Errors
    /// [`CriterionError::Place`].
    pub fn with_slack(self, meters: f64) -> Result<Self, CriterionError> {
        bounded(meters, 0.0, 20e6).map(|slack| Self { slack, ..self })
    }

    /// The accuracy in meters beyond which a position is too vague: 1 to 20 million.
    ///
    /// # Errors
    /// [`CriterionError::Place`].
    pub fn with_max_accuracy(self, meters: f64) -> Result<Self, CriterionError> {
        bounded(meters, 1.0, 20e6).map(|vaguest| Self { vaguest, ..self })
    }

    /// The farthest in meters that a session may be used from where it was last used, however much later: 1 to 20
    /// million.
    ///
    /// # Errors
    /// [`CriterionError::Place`].
    pub fn with_max_distance(self, meters: f64) -> Result<Self, CriterionError> {
        bounded(meters, 1.0, 20e6).map(|farthest| Self { farthest, ..self })
    }
}

fn bounded(value: f64, min: f64, max: f64) -> Result<f64, CriterionError> {
    if (min..=max).contains(&value) { Ok(value) } else { Err(CriterionError::Place) }
}

/// Meters that certainly lie between two positions.
fn certain_distance(one: &Position, other: &Position) -> f64 {
    one.distance(other) - f64::from(one.accuracy()) - f64::from(other.accuracy())
}

impl Criterion for Travel {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        let Some(position) = situation.request.position() else {
            return Verdict::Unknown { reason: "position_unknown" };
        };
        if f64::from(position.accuracy()) > self.vaguest {
            return Verdict::Unknown { reason: "position_vague" };
        }
        let Some(last) = situation.last.place else { return Verdict::ALLOW };
        let distance = certain_distance(&position, &last.position);
        // A clock that ran backwards leaves no time to travel in.
        let elapsed: Duration = last.at.until(situation.now);
        if distance > self.farthest {
            Verdict::LogInAgain { reason: "far_away" }
        } else if distance > self.slack + self.speed * elapsed.as_secs_f64() {
            Verdict::LogInAgain { reason: "impossible_travel" }
        } else {
            Verdict::ALLOW
        }
    }

    fn remembers(&self) -> Remembered {
        Remembered { place: true, ..Remembered::NOTHING }
    }
}
