//! Hours as text, and back.

use core::fmt;
use core::str::FromStr;
use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::weekly_hours::{DAY, Hours, WeeklyHours};

/// Why a text does not say hours.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum HoursError {
    /// Longer than 8 KiB, or more than 16 times on one day.
    #[error("too much for opening hours")]
    TooLong,
    /// No zone of this name is known here.
    #[error("there is no time zone {0:?}")]
    Zone(String),
    /// Neither weekdays nor a date.
    #[error("{0:?} is not Mon, Mon-Fri, Sat,Sun or 2026-12-25")]
    Days(String),
    /// Not a time of day, or hours that end as they begin: say 00:00-24:00 for a whole day.
    #[error("{0:?} is not 08:00-18:00")]
    Hours(String),
    /// A date has hours twice.
    #[error("{0} comes twice")]
    Twice(String),
}

const MAX_TEXT: usize = 8 * 1024;
const MAX_PER_DAY: usize = 16;
const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

impl FromStr for WeeklyHours {
    type Err = HoursError;

    fn from_str(text: &str) -> Result<Self, HoursError> {
        if text.len() > MAX_TEXT {
            return Err(HoursError::TooLong);
        }
        let text = text.trim();
        let (rules, zone) = text.rsplit_once(char::is_whitespace).ok_or_else(|| HoursError::Zone(text.to_owned()))?;
        // Names only: no rules of one's own, no numbers.
        let known = TimeZone::get(zone).ok().filter(|known| known.iana_name().is_some());
        let zone = known.ok_or_else(|| HoursError::Zone(zone.to_owned()))?;
        let (mut weekdays, mut dates): ([Vec<Hours>; 7], BTreeMap<_, _>) = Default::default();
        for rule in rules.split(';') {
            let rule = rule.trim();
            let (days, hours) =
                rule.split_once(char::is_whitespace).ok_or_else(|| HoursError::Days(rule.to_owned()))?;
            let hours = hours.trim();
            // A date and nothing else: a time behind it would be lost.
            if let Some(date) = days.parse::<Date>().ok().filter(|date| date.to_string() == days) {
                let hours = if hours == "closed" { Vec::new() } else { list(hours)? };
                if dates.insert(date, joined(hours)?).is_some() {
                    return Err(HoursError::Twice(date.to_string()));
                }
                continue;
            }
            let (days, hours) = (weekdays_of(days)?, list(hours)?);
            for day in days {
                weekdays[day].extend(&hours);
            }
        }
        for day in &mut weekdays {
            *day = joined(core::mem::take(day))?;
        }
        Ok(Self { weekdays, dates, zone })
    }
}

fn weekdays_of(text: &str) -> Result<Vec<usize>, HoursError> {
    let number =
        |name: &str| WEEKDAYS.iter().position(|day| *day == name).ok_or_else(|| HoursError::Days(text.to_owned()));
    let mut days = Vec::new();
    for part in text.split(',') {
        match part.split_once('-') {
            None => days.push(number(part)?),
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                // A range may go over the end of the week.
                days.extend((0..=(last + 7 - first) % 7).map(|day| (first + day) % 7));
            }
        }
    }
    days.sort_unstable();
    days.dedup();
    Ok(days)
}

fn list(text: &str) -> Result<Vec<Hours>, HoursError> {
    text.split(',').map(|part| one(part.trim())).collect()
}

fn one(text: &str) -> Result<Hours, HoursError> {
    let parsed = || {
        let (from, to) = text.split_once('-')?;
        let (from, to) = (minutes(from)?, minutes(to)?);
        if from == to || from == DAY {
            return None;
        }
        Some(Hours { from, to: if to > from { to } else { to + DAY } })
    };
    parsed().ok_or_else(|| HoursError::Hours(text.to_owned()))
}

fn minutes(text: &str) -> Option<u16> {
    let (hour, minute) = text.split_once(':')?;
    let number = |text: &str| {
        let is_number = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| text.parse::<u16>().ok())?
    };
    let (hour, minute) = (number(hour)?, number(minute)?);
    let within = (hour < 24 && minute < 60) || (hour, minute) == (24, 0);
    within.then_some(hour * 60 + minute)
}

/// In order, with those that touch made one.
fn joined(mut hours: Vec<Hours>) -> Result<Vec<Hours>, HoursError> {
    hours.sort_unstable();
    let mut joined: Vec<Hours> = Vec::new();
    for next in hours {
        match joined.last_mut() {
            Some(last) if next.from <= last.to && can_be_written(last.from, next.to.max(last.to)) => {
                last.to = last.to.max(next.to);
            }
            _ => joined.push(next),
        }
    }
    if joined.len() > MAX_PER_DAY { Err(HoursError::TooLong) } else { Ok(joined) }
}

/// Shorter than a day, or a day from midnight to midnight.
const fn can_be_written(from: u16, to: u16) -> bool {
    to - from < DAY || (from == 0 && to == DAY)
}

impl fmt::Display for WeeklyHours {
    /// As it is read: days with the same hours together, then dates, then the zone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rules = Vec::new();
        for (day, hours) in self.weekdays.iter().enumerate() {
            let same = |other: &usize| self.weekdays[*other] == *hours;
            if !hours.is_empty() && !(0..day).any(|earlier| same(&earlier)) {
                rules.push(format!("{} {}", days((day..7).filter(same)), Listed(hours)));
            }
        }
        for (date, hours) in &self.dates {
            rules.push(if hours.is_empty() { format!("{date} closed") } else { format!("{date} {}", Listed(hours)) });
        }
        let zone = self.zone.iana_name().unwrap_or("UTC");
        write!(f, "{} {zone}", rules.join("; "))
    }
}

/// Days one after the other as ranges.
fn days(days: impl Iterator<Item = usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for day in days {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == day => *last = day,
            _ => ranges.push((day, day)),
        }
    }
    let name = |(first, last): &(usize, usize)| match last - first {
        0 => WEEKDAYS[*first].to_owned(),
        _ => format!("{}-{}", WEEKDAYS[*first], WEEKDAYS[*last]),
    };
    ranges.iter().map(name).collect::<Vec<_>>().join(",")
}

struct Listed<'a>(&'a [Hours]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, Hours { from, to }) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            let to = if *to > DAY { to - DAY } else { *to };
            write!(f, "{comma}{:02}:{:02}-{:02}:{:02}", from / 60, from % 60, to / 60, to % 60)?;
        }
        Ok(())
    }
}
