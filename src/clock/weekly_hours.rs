//! Opening hours that repeat by the week.

use std::collections::BTreeMap;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Span as Days, Timestamp};

use super::{ClockPolicy, SystemClock};
use crate::permission::Window;
use crate::time::UnixTime;

/// Opening hours by the week, in a time zone, with exceptions.
///
/// ```
/// use pinlatch::permission::Window;
/// use pinlatch::clock::WeeklyHours;
/// use pinlatch::time::UnixTime;
///
/// let hours: WeeklyHours = "Mon-Fri 08:00-12:00,13:00-18:00; Sat 22:00-04:00; 2026-12-25 closed Europe/Berlin".parse()?;
/// // Monday 2026-11-23, 11:59 in Berlin.
/// let at = UnixTime::from_secs(1_795_431_540);
/// assert_eq!(hours.window(at), Window::Open { until: UnixTime::from_secs(1_795_431_600) });
/// # Ok::<_, pinlatch::clock::HoursError>(())
/// ```
///
/// Days are `Mon` `Tue` `Wed` `Thu` `Fri` `Sat` `Sun` and ranges of them, with commas between several; or one date.
/// Hours are `HH:MM-HH:MM`; those that end before they begin last into the next day, and belong to the day on which
/// they begin. `24:00` is the end of a day. A date has its own hours, or is `closed`, whatever weekday it is.
/// The last word names the zone, as the IANA has it.
///
/// Hours begin and end at the first instant at which the zone's clock shows their time **or a later one**. So where a
/// clock is put forward over `02:30`, they begin or end when it is put forward; where it is put back and shows `02:30`
/// twice, the first time counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WeeklyHours {
    /// From Monday.
    pub(super) weekdays: [Vec<Hours>; 7],
    pub(super) dates: BTreeMap<Date, Vec<Hours>>,
    pub(super) zone: TimeZone,
}

/// From one time to another, in minutes since the midnight at which their day begins. The end may lie on the next day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Hours {
    pub(super) from: u16,
    pub(super) to: u16,
}

pub(super) const DAY: u16 = 24 * 60;

/// How many days ahead it is looked for a change.
const AHEAD: i64 = 400;

impl WeeklyHours {
    /// Whether an instant lies within the hours, and when that changes.
    ///
    /// It is looked 400 days ahead: hours that go on for longer are said to end then, and none that begin later are
    /// found. Instants beyond the year 9999 are closed.
    #[must_use]
    pub fn window(&self, at: UnixTime) -> Window {
        let mut open_until = None;
        let Some(today) = self.date_of(at) else { return Window::Closed { opens: None } };
        // Hours may have begun the day before.
        for day in -1..=AHEAD {
            let Ok(date) = today.checked_add(Days::new().days(day)) else { break };
            for hours in self.of(date) {
                let (Some(from), Some(to)) = (self.instant(date, hours.from), self.instant(date, hours.to)) else {
                    continue;
                };
                match open_until {
                    None if to <= at => {}
                    None if from <= at => open_until = Some(to),
                    // A day that a zone leaves out has hours that end as they begin.
                    None if from < to => return Window::Closed { opens: Some(from) },
                    Some(until) if from <= until => open_until = Some(to.max(until)),
                    Some(until) if from < to => return Window::Open { until },
                    _ => {}
                }
            }
        }
        open_until.map_or(Window::Closed { opens: None }, |until| Window::Open { until })
    }

    /// The hours that begin on a date.
    fn of(&self, date: Date) -> &[Hours] {
        let weekday = date.weekday().to_monday_zero_offset().unsigned_abs();
        self.dates.get(&date).unwrap_or_else(|| &self.weekdays[usize::from(weekday)])
    }

    fn date_of(&self, at: UnixTime) -> Option<Date> {
        let millis = i64::try_from(at.as_millis()).ok()?;
        Some(self.zone.to_datetime(Timestamp::from_millisecond(millis).ok()?).date())
    }

    /// The first instant at which the zone's clock shows this time or a later one. Before 1970 it is 1970.
    fn instant(&self, date: Date, minutes: u16) -> Option<UnixTime> {
        let date = date.checked_add(Days::new().days(i64::from(minutes / DAY))).ok()?;
        let minutes = minutes % DAY;
        let (hour, minute) = (i8::try_from(minutes / 60).ok()?, i8::try_from(minutes % 60).ok()?);
        let shown = DateTime::from_parts(date, Time::new(hour, minute, 0, 0).ok()?);
        let first = match self.zone.to_ambiguous_timestamp(shown).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(shown).ok()?,
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(shown).ok()?,
            // By the offset after the gap it would be too early: what follows then is the gap.
            AmbiguousOffset::Gap { after, .. } => {
                let early = after.to_timestamp(shown).ok()?;
                self.zone.following(early).next()?.timestamp()
            }
        };
        Some(UnixTime::from_millis(u64::try_from(first.as_millisecond()).unwrap_or(0)))
    }
}

/// By the system's clock.
impl ClockPolicy for WeeklyHours {
    fn now(&self) -> UnixTime {
        SystemClock.now()
    }

    fn window(&self, at: UnixTime) -> Window {
        self.window(at)
    }
}
