//! Opening hours, against a second opinion: `chrono` and its time zones, minute by minute.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use chrono::{Datelike, NaiveDate, NaiveDateTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;
use pinlatch::clock::{ClockPolicy, HoursError, WeeklyHours};
use pinlatch::permission::Window;
use pinlatch::time::UnixTime;

fn hours(text: &str) -> WeeklyHours {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

/// An instant, by its time in UTC.
fn utc(text: &str) -> UnixTime {
    let at = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").unwrap();
    UnixTime::from_secs(at.and_utc().timestamp().try_into().unwrap())
}

fn open(until: &str) -> Window {
    Window::Open { until: utc(until) }
}

fn closed(opens: &str) -> Window {
    Window::Closed { opens: Some(utc(opens)) }
}

#[test]
fn office_hours_begin_and_end_by_the_zones_clock() {
    let office = hours("Mon-Fri 08:00-18:00 Europe/Berlin");
    // Winter is an hour ahead of UTC, summer two. 2026-01-05 and 2026-07-06 are Mondays.
    assert_eq!(office.window(utc("2026-01-05 06:59")), closed("2026-01-05 07:00"));
    assert_eq!(office.window(utc("2026-01-05 07:00")), open("2026-01-05 17:00"));
    assert_eq!(office.window(utc("2026-01-05 16:59")), open("2026-01-05 17:00"));
    assert_eq!(office.window(utc("2026-01-05 17:00")), closed("2026-01-06 07:00"));
    assert_eq!(office.window(utc("2026-07-06 06:00")), open("2026-07-06 16:00"));
    // Friday evening to Monday morning.
    assert_eq!(office.window(utc("2026-01-09 17:00")), closed("2026-01-12 07:00"));
    assert_eq!(ClockPolicy::window(&office, utc("2026-01-05 07:00")), open("2026-01-05 17:00"));
}

#[test]
fn several_times_a_day_touch_overlap_and_cross_midnight() {
    let shifts = hours("Mon 06:00-14:00,13:00-22:00; Mon-Tue 22:00-06:00; Sun 20:00-24:00; Mon 00:00-02:00 UTC");
    // 2026-01-05 is a Monday. Sunday evening goes over into Monday.
    assert_eq!(shifts.window(utc("2026-01-04 20:00")), open("2026-01-05 02:00"));
    assert_eq!(shifts.window(utc("2026-01-05 02:00")), closed("2026-01-05 06:00"));
    assert_eq!(shifts.window(utc("2026-01-05 06:00")), open("2026-01-06 06:00"));
    assert_eq!(shifts.window(utc("2026-01-06 06:00")), closed("2026-01-06 22:00"));
    assert_eq!(shifts.window(utc("2026-01-07 05:59")), open("2026-01-07 06:00"));
}

/// Hours belong to the day on which they begin: a closed day keeps the end of the night before, and loses its own.
#[test]
fn a_date_has_its_own_hours_whatever_weekday_it_is() {
    let club = hours("Thu-Sat 22:00-04:00; 2026-12-25 closed; 2026-12-31 20:00-06:00; 2027-01-03 12:00-13:00 UTC");
    // 2026-12-24 is a Thursday.
    assert_eq!(club.window(utc("2026-12-25 01:00")), open("2026-12-25 04:00"));
    assert_eq!(club.window(utc("2026-12-25 22:00")), closed("2026-12-26 22:00"));
    assert_eq!(club.window(utc("2026-12-31 20:00")), open("2027-01-01 06:00"));
    assert_eq!(club.window(utc("2027-01-03 04:00")), closed("2027-01-03 12:00"));
}

#[test]
fn where_the_clock_is_put_forward_hours_begin_and_end_with_that() {
    // Berlin, 2026-03-29: 01:59 is followed by 03:00, at 01:00 UTC.
    let gap = "2026-03-29 01:00";
    assert_eq!(hours("Sun 02:30-05:00 Europe/Berlin").window(utc("2026-03-29 00:59")), closed(gap));
    assert_eq!(hours("Sun 02:30-05:00 Europe/Berlin").window(utc(gap)), open("2026-03-29 03:00"));
    assert_eq!(hours("Sun 01:00-02:30 Europe/Berlin").window(utc("2026-03-29 00:00")), open(gap));
    // Hours that would lie in the gap altogether are none.
    assert_eq!(hours("Sun 02:10-02:50 Europe/Berlin").window(utc(gap)), closed("2026-04-05 00:10"));
}

#[test]
fn where_the_clock_is_put_back_the_first_time_counts() {
    // Berlin, 2026-10-25: 02:00 to 02:59 come twice, from 00:00 UTC and from 01:00 UTC.
    assert_eq!(hours("Sun 02:30-05:00 Europe/Berlin").window(utc("2026-10-25 00:30")), open("2026-10-25 04:00"));
    assert_eq!(hours("Sun 01:00-02:30 Europe/Berlin").window(utc("2026-10-25 00:29")), open("2026-10-25 00:30"));
    assert_eq!(hours("Sun 01:00-02:30 Europe/Berlin").window(utc("2026-10-25 01:15")), closed("2026-11-01 00:00"));
}

#[test]
fn round_the_clock_is_open_for_longer_than_any_token_lives() {
    let Window::Open { until } = hours("Mon-Sun 00:00-24:00 America/New_York").window(utc("2026-06-01 00:00")) else {
        panic!("closed")
    };
    assert!(until > utc("2027-06-01 00:00"));
}

#[test]
fn never_and_far_away_end_closed() {
    let past = hours("2020-01-01 08:00-09:00 UTC");
    assert_eq!(past.window(utc("2026-01-01 00:00")), Window::Closed { opens: None });
    for at in [UnixTime::MAX, UnixTime::from_secs(253_402_300_799), UnixTime::from_millis(i64::MAX as u64)] {
        assert!(matches!(hours("Mon-Sun 00:00-24:00 UTC").window(at), Window::Closed { .. } | Window::Open { .. }));
    }
    assert_eq!(hours("Mon-Sun 00:00-24:00 UTC").window(UnixTime::MAX), Window::Closed { opens: None });
}

#[test]
fn what_is_written_is_read_again() {
    for (text, canonical) in [
        ("Mon-Fri 08:00-18:00 Europe/Berlin", ""),
        (
            "  Fri,Mon,Tue   08:00-12:00, 13:00-18:00   Europe/Berlin ",
            "Mon-Tue,Fri 08:00-12:00,13:00-18:00 Europe/Berlin",
        ),
        ("Sat-Mon 22:00-04:00 Asia/Kathmandu", "Mon,Sat-Sun 22:00-04:00 Asia/Kathmandu"),
        ("Mon 08:00-12:00; Mon 10:00-18:00 UTC", "Mon 08:00-18:00 UTC"),
        ("Mon-Sun 00:00-24:00 UTC", ""),
        ("Mon 12:00-24:00; Tue 00:00-12:00 UTC", ""),
        ("Mon 22:00-00:00 UTC", "Mon 22:00-24:00 UTC"),
        // Together they are a day, which ends as it begins.
        ("Mon 16:00-13:00,13:00-18:00 UTC", "Mon 13:00-18:00,16:00-13:00 UTC"),
        ("2026-12-25 closed; 2026-12-24 08:00-12:00 UTC", "2026-12-24 08:00-12:00; 2026-12-25 closed UTC"),
    ] {
        let read = hours(text);
        let written = read.to_string();
        assert_eq!(written, if canonical.is_empty() { text } else { canonical });
        assert_eq!(hours(&written), read);
    }
}

#[test]
fn what_is_not_hours_says_what_is_wrong() {
    let refused = |text: &str| text.parse::<WeeklyHours>().unwrap_err();
    let (days, times) = (|text: &str| HoursError::Days(text.into()), |text: &str| HoursError::Hours(text.into()));
    for (text, error) in [
        ("", HoursError::Zone(String::new())),
        ("Europe/Berlin", HoursError::Zone("Europe/Berlin".into())),
        ("Mon 08:00-18:00 Europe/Atlantis", HoursError::Zone("Europe/Atlantis".into())),
        ("Mon 08:00-18:00 ../../etc/passwd", HoursError::Zone("../../etc/passwd".into())),
        ("Mon 08:00-18:00 +02:00", HoursError::Zone("+02:00".into())),
        ("Mon 08:00-18:00", HoursError::Zone("08:00-18:00".into())),
        ("Mo 08:00-18:00 UTC", days("Mo")),
        ("mon 08:00-18:00 UTC", days("mon")),
        ("Mon- 08:00-18:00 UTC", days("Mon-")),
        ("Mon-Tue-Wed 08:00-18:00 UTC", days("Mon-Tue-Wed")),
        ("Mon,,Tue 08:00-18:00 UTC", days("Mon,,Tue")),
        ("2026-02-30 08:00-18:00 UTC", days("2026-02-30")),
        ("2026-12-25T10:00 closed UTC", days("2026-12-25T10:00")),
        ("20261225 closed UTC", days("20261225")),
        ("; Mon 08:00-18:00 UTC", days("")),
        ("Mon 08:00-08:00 UTC", times("08:00-08:00")),
        ("Mon 8:00-18:00 UTC", times("8:00-18:00")),
        ("Mon 08:00-24:01 UTC", times("08:00-24:01")),
        ("Mon 24:00-08:00 UTC", times("24:00-08:00")),
        ("Mon 08:60-18:00 UTC", times("08:60-18:00")),
        ("Mon +8:00-18:00 UTC", times("+8:00-18:00")),
        ("Mon 08:00-18:00, UTC", times("")),
        ("Mon closed UTC", times("closed")),
        ("2026-12-25 closed; 2026-12-25 08:00-12:00 UTC", HoursError::Twice("2026-12-25".into())),
    ] {
        assert_eq!(refused(text), error, "{text}");
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(refused(&"Mon 08:00-18:00;".repeat(1000)), HoursError::TooLong);
    let many: Vec<_> = (0..17).map(|hour| format!("{hour:02}:00-{hour:02}:30")).collect();
    assert_eq!(refused(&format!("Mon {} UTC", many.join(","))), HoursError::TooLong);
}

/// Hours as the second opinion has them.
struct Plain {
    weekday: u32,
    from: i64,
    to: i64,
}

/// Small and simple: the same numbers in each run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// Random schedules for some days around each odd moment of several zones. The second opinion walks through the minutes
/// and keeps the latest time that the zone's clock has shown: an instant is open if that lies within somebody's hours.
#[test]
fn a_second_opinion_agrees_about_every_minute_around_every_odd_moment() {
    let odd_moments = [
        ("Europe/Berlin", "2026-03-28"),
        ("Europe/Berlin", "2026-10-24"),
        ("America/New_York", "2026-03-07"),
        ("America/New_York", "2026-10-31"),
        // Half an hour.
        ("Australia/Lord_Howe", "2026-04-04"),
        ("Australia/Lord_Howe", "2026-10-03"),
        // At midnight, so that a day begins at one o'clock, and one has its last hour twice.
        ("America/Sao_Paulo", "2018-11-03"),
        ("America/Sao_Paulo", "2018-02-17"),
        // A day that was left out.
        ("Pacific/Apia", "2011-12-29"),
        ("Africa/Casablanca", "2023-03-18"),
        ("Asia/Kathmandu", "2026-01-01"),
        ("UTC", "2024-02-28"),
    ];
    let mut dice = Dice(7);
    let mut flips = 0;
    for (zone, day) in odd_moments {
        for _ in 0..20 {
            let (text, plain) = schedule(&mut dice, zone);
            flips += compare(&hours(&text), &plain, zone.parse().unwrap(), day.parse().unwrap(), &text);
        }
    }
    assert!(flips > 1000, "only {flips} moments at which it opened or closed");
}

fn schedule(dice: &mut Dice, zone: &str) -> (String, Vec<Plain>) {
    let (mut rules, mut plain) = (Vec::new(), Vec::new());
    for _ in 0..=dice.below(6) {
        let weekday = u32::try_from(dice.below(7)).unwrap();
        let (from, length) = (dice.below(48) * 30, (1 + dice.below(48)) * 30);
        let length = length.min(1440);
        let (to, from) = (i64::try_from(from + length).unwrap(), i64::try_from(from).unwrap());
        if length == 1440 && from != 0 {
            continue;
        }
        let shown = if to > 1440 { to - 1440 } else { to };
        let name = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"][weekday as usize];
        rules.push(format!("{name} {:02}:{:02}-{:02}:{:02}", from / 60, from % 60, shown / 60, shown % 60));
        plain.push(Plain { weekday, from, to });
    }
    if rules.is_empty() {
        return schedule(dice, zone);
    }
    (format!("{} {zone}", rules.join("; ")), plain)
}

/// Compares each minute of four days; returns how often it opened or closed.
fn compare(hours: &WeeklyHours, plain: &[Plain], zone: Tz, day: NaiveDate, text: &str) -> usize {
    let start = day.and_hms_opt(0, 0, 0).unwrap().and_utc() - TimeDelta::days(4);
    let mut latest = NaiveDateTime::MIN;
    let is_open = |shown: NaiveDateTime| {
        plain.iter().any(|Plain { weekday, from, to }| {
            (-1..=0).any(|back| {
                let date = shown.date() + TimeDelta::days(back);
                let midnight = date.and_hms_opt(0, 0, 0).unwrap();
                let (from, to) = (midnight + TimeDelta::minutes(*from), midnight + TimeDelta::minutes(*to));
                date.weekday().num_days_from_monday() == *weekday && from <= shown && shown < to
            })
        })
    };
    let minutes: Vec<_> = (0..(4 + 4 + 9) * 1440)
        .map(|minute| {
            let at = start + TimeDelta::minutes(minute);
            latest = latest.max(zone.from_utc_datetime(&at.naive_utc()).naive_local());
            (at, is_open(latest))
        })
        .collect();
    // When it changes after each minute.
    let mut changes = vec![None; minutes.len()];
    for minute in (0..minutes.len() - 1).rev() {
        let (at, later) = minutes[minute + 1];
        changes[minute] = if later == minutes[minute].1 { changes[minute + 1] } else { Some(at) };
    }
    let mut flips = 0;
    for minute in 2 * 1440..8 * 1440 {
        let (at, open) = minutes[minute];
        let now = UnixTime::from_secs(at.timestamp().try_into().unwrap());
        let next = changes[minute];
        let place = || format!("{text}, {}", at.with_timezone(&Utc));
        let said = match hours.window(now) {
            Window::Open { until } if open => Some(until),
            Window::Closed { opens } if !open => opens,
            other => panic!("{}: {other:?}", place()),
        };
        if let Some(next) = next {
            assert_eq!(said.unwrap().as_secs(), u64::try_from(next.timestamp()).unwrap(), "{}", place());
        }
        flips += usize::from(minutes[minute - 1].1 != open);
    }
    flips
}
