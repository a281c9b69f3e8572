//! From where and with what a request comes, as far as the host knows it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::id::{DeviceLabel, SessionId, Subject};
use crate::time::UnixTime;

/// A point on the earth (WGS 84), and how far off it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Position {
    latitude_e6: i32,
    longitude_e6: i32,
    accuracy_m: u32,
}

/// Not a place on the earth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a latitude is within 90 degrees, a longitude within 180, an accuracy between 0 and 20000 kilometers")]
pub struct PositionError;

impl Position {
    /// From degrees north and east, which are kept to a millionth (11 centimeters), and the radius in meters of the
    /// circle around them in which the device is. These are `latitude`, `longitude` and `accuracy` of a browser's
    /// `GeolocationCoordinates`. The accuracy is rounded up to a meter.
    ///
    /// # Errors
    /// [`PositionError`] for what is not on the earth, or no number.
    pub fn new(latitude: f64, longitude: f64, accuracy: f64) -> Result<Self, PositionError> {
        let within = |value: f64, max: f64| (-max..=max).contains(&value);
        let valid = within(latitude, 90.0) && within(longitude, 180.0) && (0.0..=20_000_000.0).contains(&accuracy);
        if !valid {
            return Err(PositionError);
        }
        #[expect(clippy::cast_possible_truncation, reason = "180 million fits, and nothing here is not a number")]
        let millionths = |degrees: f64| (degrees * 1e6).round() as i32;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 20 million")]
        let accuracy_m = accuracy.ceil() as u32;
        Ok(Self { latitude_e6: millionths(latitude), longitude_e6: millionths(longitude), accuracy_m })
    }

    /// Degrees north.
    #[must_use]
    pub fn latitude(&self) -> f64 {
        f64::from(self.latitude_e6) / 1e6
    }

    /// Degrees east.
    #[must_use]
    pub fn longitude(&self) -> f64 {
        f64::from(self.longitude_e6) / 1e6
    }

    /// The radius in meters of the circle in which the device is.
    #[must_use]
    pub const fn accuracy(&self) -> u32 {
        self.accuracy_m
    }

    /// Meters along the surface between the two points, on a sphere (so up to 0.6 % off). Their accuracy is not looked
    /// at.
    #[must_use]
    pub fn distance(&self, other: &Self) -> f64 {
        const RADIUS: f64 = 6_371_008.8;
        let (from, to) = (self.latitude().to_radians(), other.latitude().to_radians());
        let east = (other.longitude() - self.longitude()).to_radians();
        // The haversine formula is exact for points that are close together.
        let half = ((to - from) / 2.0).sin().powi(2) + from.cos() * to.cos() * (east / 2.0).sin().powi(2);
        2.0 * RADIUS * half.sqrt().min(1.0).asin()
    }

    pub(crate) const fn to_parts(self) -> (i32, i32, u32) {
        (self.latitude_e6, self.longitude_e6, self.accuracy_m)
    }

    /// The inverse of `to_parts`.
    pub(crate) fn from_parts((latitude_e6, longitude_e6, accuracy_m): (i32, i32, u32)) -> Result<Self, PositionError> {
        let position = Self { latitude_e6, longitude_e6, accuracy_m };
        Self::new(position.latitude(), position.longitude(), accuracy_m.into()).map(|_| position)
    }
}

/// What the host knows of a request. All of it is optional; a criterion that needs what is missing does not allow.
///
/// The host vouches for it: an address is that of the client and not of a proxy, and a position or a label is what the
/// device said, which its owner can forge.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestContext {
    ip: Option<IpAddr>,
    position: Option<Position>,
    device: Option<DeviceLabel>,
    attributes: BTreeMap<String, String>,
}

impl RequestContext {
    /// Nothing is known.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The address of the client. One of IPv4 that is written as one of IPv6 (`::ffff:192.0.2.1`) is the same address.
    #[must_use]
    pub fn with_ip(self, ip: IpAddr) -> Self {
        Self { ip: Some(ip.to_canonical()), ..self }
    }

    /// Where the device says it is.
    #[must_use]
    pub fn with_position(self, position: Position) -> Self {
        Self { position: Some(position), ..self }
    }

    /// What the device is called, for criteria. What users see in their list is [`FullLogin::with_label`].
    ///
    /// [`FullLogin::with_label`]: crate::FullLogin::with_label
    #[must_use]
    pub fn with_device(self, device: DeviceLabel) -> Self {
        Self { device: Some(device), ..self }
    }

    /// Something that a criterion of the host's own looks at.
    #[must_use]
    pub fn with_attribute(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }

    /// The address of the client.
    #[must_use]
    pub const fn ip(&self) -> Option<IpAddr> {
        self.ip
    }

    /// Where the device says it is.
    #[must_use]
    pub const fn position(&self) -> Option<Position> {
        self.position
    }

    /// What the device is called.
    #[must_use]
    pub const fn device(&self) -> Option<&DeviceLabel> {
        self.device.as_ref()
    }

    /// An attribute of the host's own.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    /// What a session may remember of this request.
    #[must_use]
    pub fn seen(&self, at: UnixTime) -> LastSeen {
        LastSeen { ip: self.ip, place: self.position.map(|position| Place { position, at }) }
    }
}

/// A position, and when the session was used there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Place {
    /// Where.
    pub position: Position,
    /// When.
    pub at: UnixTime,
}

/// What a session's record shall keep of where it was last used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Remembered {
    /// The last address.
    pub ip: bool,
    /// The last place.
    pub place: bool,
}

impl Remembered {
    /// Keeps nothing, and forgets what was kept before.
    pub const NOTHING: Self = Self { ip: false, place: false };

    /// What one of the two wants.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self { ip: self.ip || other.ip, place: self.place || other.place }
    }
}

/// From where a session was last used: at its login, unlocked, or renewed. It is kept in the session's record, as far
/// as the service's criterion wants it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LastSeen {
    /// The last address that was known.
    pub ip: Option<IpAddr>,
    /// The last place that was known.
    pub place: Option<Place>,
}

impl LastSeen {
    /// What a later request does not say stays as it was, so that saying nothing erases no trace. A clock that ran
    /// backwards makes no place older.
    #[must_use]
    pub(crate) fn then(self, later: Self) -> Self {
        let at = |place: Place| Place { at: self.place.map_or(place.at, |before| before.at.max(place.at)), ..place };
        Self { ip: later.ip.or(self.ip), place: later.place.map(at).or(self.place) }
    }

    /// What is to be kept of it.
    #[must_use]
    pub(crate) fn kept(self, wanted: Remembered) -> Self {
        Self { ip: self.ip.filter(|_| wanted.ip), place: self.place.filter(|_| wanted.place) }
    }
}

/// A session that is to be used, and the request that wants to.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Situation<'a> {
    /// The instant to decide for.
    pub now: UnixTime,
    /// Whose session.
    pub subject: &'a Subject,
    /// Which session.
    pub session_id: SessionId,
    /// When the full login was.
    pub logged_in_at: UnixTime,
    /// From where the session was last used, as far as the criterion [remembers](crate::Criterion::remembers) it.
    pub last: LastSeen,
    /// What the host knows of the request.
    pub request: &'a RequestContext,
}

impl<'a> Situation<'a> {
    /// A session that begins now, has been used nowhere, and has the id of zeros: to try a criterion.
    #[must_use]
    pub fn new(now: UnixTime, subject: &'a Subject, request: &'a RequestContext) -> Self {
        let session_id = SessionId::from_bytes([0; 16]);
        Self { now, subject, session_id, logged_in_at: now, last: LastSeen::default(), request }
    }

    /// After the session was used elsewhere.
    #[must_use]
    pub const fn after(self, last: LastSeen) -> Self {
        Self { last, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f64, longitude: f64) -> Position {
        Position::new(latitude, longitude, 0.0).unwrap()
    }

    #[test]
    fn distances_are_those_of_the_globe() {
        let (berlin, paris, sydney) =
            (at(52.520_008, 13.404_954), at(48.856_613, 2.352_222), at(-33.868_82, 151.209_29));
        for (from, to, kilometers) in
            [(berlin, paris, 877.5), (berlin, sydney, 16_095.0), (at(0.0, 0.0), at(0.0, 1.0), 111.195)]
        {
            let (there, back) = (from.distance(&to) / 1000.0, to.distance(&from) / 1000.0);
            assert!((there / kilometers - 1.0).abs() < 0.006, "{there} instead of {kilometers}");
            assert!((there - back).abs() < 1e-6);
        }
    }

    #[test]
    fn the_date_line_and_the_poles_are_no_walls() {
        assert!(at(0.0, 179.999).distance(&at(0.0, -179.999)) < 250.0);
        assert!(at(90.0, 0.0).distance(&at(90.0, 180.0)) < 1.0);
        assert!((at(90.0, 0.0).distance(&at(-90.0, 0.0)) / 20_015_115.0 - 1.0).abs() < 1e-3);
        assert!((at(0.0, 0.0).distance(&at(0.0, 180.0)) / 20_015_115.0 - 1.0).abs() < 1e-3);
        assert!(at(12.5, 45.0).distance(&at(12.5, 45.0)).abs() < f64::EPSILON);
    }

    #[test]
    fn what_is_not_on_the_earth_is_refused() {
        for (latitude, longitude, accuracy) in [
            (90.1, 0.0, 0.0),
            (0.0, -180.1, 0.0),
            (f64::NAN, 0.0, 0.0),
            (0.0, f64::INFINITY, 0.0),
            (0.0, 0.0, -1.0),
            (0.0, 0.0, f64::NAN),
            (0.0, 0.0, 2e7 + 1.0),
        ] {
            assert_eq!(Position::new(latitude, longitude, accuracy), Err(PositionError), "{latitude} {longitude}");
        }
        assert_eq!(Position::from_parts((90_000_001, 0, 0)), Err(PositionError));
        assert_eq!(Position::from_parts((0, 0, 20_000_001)), Err(PositionError));
        let edge = Position::new(-90.0, 180.0, 0.2).unwrap();
        assert_eq!((Position::from_parts(edge.to_parts()), edge.accuracy()), (Ok(edge), 1));
    }

    #[test]
    fn a_clock_that_ran_backwards_makes_no_place_older() {
        let (early, late) = (UnixTime::from_secs(5), UnixTime::from_secs(9));
        let elsewhere = RequestContext::new().with_position(at(3.0, 4.0));
        let last = RequestContext::new().with_position(at(1.0, 2.0)).seen(late).then(elsewhere.seen(early));
        assert_eq!(last, elsewhere.seen(late));
    }

    #[test]
    fn saying_nothing_erases_no_trace() {
        let now = UnixTime::from_secs(9);
        let request = RequestContext::new().with_position(at(1.0, 2.0)).with_ip("192.0.2.1".parse().unwrap());
        let later = RequestContext::new().seen(UnixTime::from_secs(10));
        assert_eq!(request.seen(now).then(later), request.seen(now));
    }
}
