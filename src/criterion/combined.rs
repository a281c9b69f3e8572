//! Criteria made of criteria. They reason with three values: what is not known is neither allowed nor denied, so that
//! the opposite of it is not allowed either.

use core::fmt;

use super::{Criterion, CriterionError};
use crate::permission::Verdict;
use crate::situation::{Remembered, Situation};
use crate::time::UnixTime;

type Parts = Vec<Box<dyn Criterion>>;

/// Allows what every part allows.
pub struct All(Parts);

/// Allows what at least one part allows.
pub struct Any(Parts);

/// Allows what its part denies.
pub struct Not {
    part: Box<dyn Criterion>,
    reason: &'static str,
}

/// What every part allows, for as long as all do. 1 to [`All::MAX_PARTS`] parts.
///
/// # Errors
/// [`CriterionError::Parts`].
pub fn all(parts: impl IntoIterator<Item = Box<dyn Criterion>>) -> Result<All, CriterionError> {
    few(parts).map(All)
}

/// What at least one part allows, for as long as one does. 1 to [`All::MAX_PARTS`] parts.
///
/// # Errors
/// [`CriterionError::Parts`].
pub fn any(parts: impl IntoIterator<Item = Box<dyn Criterion>>) -> Result<Any, CriterionError> {
    few(parts).map(Any)
}

#[cfg(feature = "service")]
impl All {
    /// Of exactly two parts.
    pub(crate) fn both(one: Box<dyn Criterion>, other: Box<dyn Criterion>) -> Self {
        Self(vec![one, other])
    }
}

/// What the part denies; what it allows is denied with this reason. What is not known stays unknown, and who must log
/// in again must do so.
#[must_use]
pub fn not(part: impl Criterion + 'static, reason: &'static str) -> Not {
    Not { part: part.boxed(), reason }
}

impl fmt::Debug for All {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "All({} parts)", self.0.len())
    }
}

impl fmt::Debug for Any {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Any({} parts)", self.0.len())
    }
}

impl fmt::Debug for Not {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Not").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl All {
    /// The most parts of one criterion.
    pub const MAX_PARTS: usize = 32;
}

fn few(parts: impl IntoIterator<Item = Box<dyn Criterion>>) -> Result<Parts, CriterionError> {
    let parts: Parts = parts.into_iter().take(All::MAX_PARTS + 1).collect();
    if (1..=All::MAX_PARTS).contains(&parts.len()) { Ok(parts) } else { Err(CriterionError::Parts) }
}

/// How strongly a verdict stands against use.
const fn severity(verdict: &Verdict) -> u8 {
    match verdict {
        Verdict::Allow { .. } => 0,
        Verdict::LogInAgain { .. } => 1,
        Verdict::Unknown { .. } => 2,
        Verdict::Deny { .. } => 3,
    }
}

/// When a denial may end.
fn end(retry_at: Option<UnixTime>) -> UnixTime {
    retry_at.unwrap_or(UnixTime::MAX)
}

/// The severer verdict, and of two that are alike the one that stands in the way longer; else the first.
fn both(one: Verdict, other: Verdict) -> Verdict {
    let other_counts = match (one, other) {
        (Verdict::Allow { until: one }, Verdict::Allow { until: other }) => other < one,
        (Verdict::Deny { retry_at: one, .. }, Verdict::Deny { retry_at: other, .. }) => end(other) > end(one),
        _ => severity(&other) > severity(&one),
    };
    if other_counts { other } else { one }
}

/// The milder verdict, and of two that are alike the one that lets in longer or sooner; else the first.
fn either(one: Verdict, other: Verdict) -> Verdict {
    let other_counts = match (one, other) {
        (Verdict::Allow { until: one }, Verdict::Allow { until: other }) => other > one,
        (Verdict::Deny { retry_at: one, .. }, Verdict::Deny { retry_at: other, .. }) => end(other) < end(one),
        _ => severity(&other) < severity(&one),
    };
    if other_counts { other } else { one }
}

fn fold(parts: &Parts, situation: &Situation<'_>, join: fn(Verdict, Verdict) -> Verdict) -> Verdict {
    let verdicts = parts.iter().map(|part| part.check(situation));
    // There is always a part; should there be none, nothing is known.
    verdicts.reduce(join).unwrap_or(Verdict::Unknown { reason: "no_criterion" })
}

fn remembered(parts: &Parts) -> Remembered {
    parts.iter().map(Criterion::remembers).fold(Remembered::NOTHING, Remembered::or)
}

impl Criterion for All {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        fold(&self.0, situation, both)
    }

    fn remembers(&self) -> Remembered {
        remembered(&self.0)
    }
}

impl Criterion for Any {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        fold(&self.0, situation, either)
    }

    fn remembers(&self) -> Remembered {
        remembered(&self.0)
    }
}

impl Criterion for Not {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        match self.part.check(situation) {
            Verdict::Allow { until } => {
                Verdict::Deny { reason: self.reason, retry_at: Some(until).filter(|until| *until < UnixTime::MAX) }
            }
            Verdict::Deny { retry_at, .. } => Verdict::Allow { until: retry_at.unwrap_or(UnixTime::MAX) },
            unchanged => unchanged,
        }
    }

    fn remembers(&self) -> Remembered {
        self.part.remembers()
    }
}
