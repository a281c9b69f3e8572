//! Circles and journeys.

use super::*;

fn position(latitude: f64, longitude: f64, accuracy: f64) -> Position {
    Position::new(latitude, longitude, accuracy).unwrap()
}

fn at(latitude: f64, longitude: f64, accuracy: f64) -> RequestContext {
    RequestContext::new().with_position(position(latitude, longitude, accuracy))
}

/// A degree of latitude has about 111.195 km.
#[test]
fn a_fence_allows_what_is_certainly_inside_and_denies_what_is_certainly_outside() {
    let fence = Geofence::inside(0.0, 0.0, 100_000.0).unwrap();
    let outside = Verdict::Deny { reason: "outside_area", retry_at: None };
    let vague = Verdict::Unknown { reason: "position_vague" };
    for (latitude, accuracy, expected) in [
        (0.0, 0.0, Verdict::ALLOW),
        (0.89, 0.0, Verdict::ALLOW),
        (0.91, 0.0, outside),
        (0.89, 2000.0, vague),
        (0.91, 2000.0, vague),
        (0.80, 2000.0, Verdict::ALLOW),
        (1.0, 2000.0, outside),
        (0.0, 2e7, vague),
    ] {
        assert_eq!(ask(&fence, &at(latitude, 0.0, accuracy)), expected, "{latitude} {accuracy}");
    }
    let unknown = Verdict::Unknown { reason: "position_unknown" };
    assert_eq!(ask(&fence, &RequestContext::new()), unknown);
    let away = not(fence, "inside_area");
    assert_eq!(ask(&away, &RequestContext::new()), unknown, "who says nothing is not outside, either");
    assert_eq!(ask(&away, &at(0.91, 0.0, 2000.0)), vague);
    assert_eq!(ask(&away, &at(2.0, 0.0, 2000.0)), Verdict::ALLOW);
}

#[test]
fn settings_that_are_not_of_this_earth_are_refused() {
    let place = |result: Result<_, CriterionError>| assert_eq!(result.err(), Some(CriterionError::Place));
    for (latitude, longitude, radius) in [
        (91.0, 0.0, 1.0),
        (0.0, 181.0, 1.0),
        (0.0, 0.0, 0.5),
        (0.0, 0.0, 3e7),
        (0.0, 0.0, f64::NAN),
        (f64::NAN, 0.0, 9.0),
    ] {
        place(Geofence::inside(latitude, longitude, radius).map(drop));
    }
    for value in [f64::NAN, f64::INFINITY, -1.0, 1e9] {
        place(Travel::default().with_max_speed(value).map(drop));
        place(Travel::default().with_slack(value).map(drop));
        place(Travel::default().with_max_distance(value).map(drop));
        place(Travel::default().with_max_accuracy(value).map(drop));
    }
}

/// From the equator at 0° at the time 1000 to some way north, seconds later.
fn journey(travel: Travel, north: f64, accuracy: f64, seconds: i64) -> Verdict {
    let subject = Subject::new("alice").unwrap();
    let start = UnixTime::from_secs(1000);
    let last = at(0.0, 0.0, 0.0).seen(start);
    let request = at(north, 0.0, accuracy);
    let now = UnixTime::from_secs(1000_u64.saturating_add_signed(seconds));
    travel.check(&Situation::new(now, &subject, &request).after(last))
}

#[test]
fn a_journey_takes_its_time() {
    let travel = Travel::default().with_max_speed(360.0).unwrap().with_slack(0.0).unwrap();
    let impossible = Verdict::LogInAgain { reason: "impossible_travel" };
    // A hundred meters each second: a degree in 1112 seconds.
    for (accuracy, seconds, expected) in [
        (0.0, 1112, Verdict::ALLOW),
        (0.0, 1111, impossible),
        (0.0, 0, impossible),
        (0.0, -500, impossible),
        (1000.0, 1102, Verdict::ALLOW),
        (1000.0, 1101, impossible),
    ] {
        assert_eq!(journey(travel, 1.0, accuracy, seconds), expected, "{accuracy} {seconds}");
    }
    assert_eq!(journey(travel, 0.0, 0.0, 0), Verdict::ALLOW);
    assert_eq!(journey(travel.with_slack(112_000.0).unwrap(), 1.0, 0.0, 0), Verdict::ALLOW);
}

#[test]
fn a_session_that_was_never_anywhere_may_be_used_anywhere_but_not_nowhere() {
    let travel = Travel::default().with_max_distance(1000.0).unwrap();
    assert_eq!(ask(&travel, &at(50.0, 50.0, 0.0)), Verdict::ALLOW);
    assert_eq!(ask(&travel, &RequestContext::new()), Verdict::Unknown { reason: "position_unknown" });
}

/// Who says "somewhere on the earth" has said nothing, and erased nothing.
#[test]
fn a_vague_position_is_none() {
    let vague = Verdict::Unknown { reason: "position_vague" };
    assert_eq!(journey(Travel::default(), 1.0, 100_001.0, 1000), vague);
    assert_eq!(journey(Travel::default(), 1.0, 100_000.0, 1000), Verdict::ALLOW);
    assert_eq!(journey(Travel::default().with_max_accuracy(500.0).unwrap(), 0.0, 501.0, 1000), vague);
}

#[test]
fn both_accuracies_count() {
    let travel = Travel::default().with_slack(0.0).unwrap();
    let subject = Subject::new("alice").unwrap();
    let request = at(1.0, 0.0, 60_000.0);
    let after = |accuracy| {
        let situation = Situation::new(UnixTime::from_secs(0), &subject, &request);
        travel.check(&situation.after(at(0.0, 0.0, accuracy).seen(UnixTime::from_secs(0))))
    };
    assert_eq!(after(52_000.0), Verdict::ALLOW);
    assert_eq!(after(50_000.0), Verdict::LogInAgain { reason: "impossible_travel" });
}

#[test]
fn far_is_far_whatever_the_speed() {
    let travel = Travel::default().with_max_distance(100_000.0).unwrap();
    let year = Duration::from_secs(365 * 24 * 3600).as_secs().try_into().unwrap();
    assert_eq!(journey(travel, 1.0, 0.0, year), Verdict::LogInAgain { reason: "far_away" });
    assert_eq!(journey(travel, 1.0, 12_000.0, year), Verdict::ALLOW, "perhaps it is not");
    assert_eq!(journey(travel, 0.8, 0.0, year), Verdict::ALLOW);
}
