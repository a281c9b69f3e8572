//! By where the device says it is.

use super::{Criterion, CriterionError};
use crate::permission::Verdict;
use crate::situation::{Position, Remembered, Situation};

/// Allows use inside a circle. With [`any`](super::any) it becomes several, with [`not`](super::not) the outside.
///
/// A position has an accuracy: where the device may be on either side of the line, it is not allowed, and neither is
/// the opposite (`position_vague`). A request without a position is not allowed: `position_unknown`.
///
/// A device can be made to say anything, so this keeps honest users within bounds rather than thieves out.
#[derive(Clone, Copy, Debug)]
pub struct Geofence {
    center: Position,
    radius: f64,
}

impl Geofence {
    /// The circle around a point, in degrees north and east, with a radius in meters, from 1 to 20 million.
    ///
    /// # Errors
    /// [`CriterionError::Place`].
    pub fn inside(latitude: f64, longitude: f64, radius: f64) -> Result<Self, CriterionError> {
        let center = Position::new(latitude, longitude, 0.0).map_err(|_| CriterionError::Place)?;
        if !(1.0..=20e6).contains(&radius) {
            return Err(CriterionError::Place);
        }
        Ok(Self { center, radius })
    }
}

impl Criterion for Geofence {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        let Some(position) = situation.request.position() else {
            return Verdict::Unknown { reason: "position_unknown" };
        };
        let (distance, accuracy) = (position.distance(&self.center), f64::from(position.accuracy()));
        if distance + accuracy <= self.radius {
            Verdict::ALLOW
        } else if distance - accuracy > self.radius {
            Verdict::Deny { reason: "outside_area", retry_at: None }
        } else {
            Verdict::Unknown { reason: "position_vague" }
        }
    }

    fn remembers(&self) -> Remembered {
        Remembered::NOTHING
    }
}
