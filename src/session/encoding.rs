//! The bytes of a session's record, version 3. Earlier ones are still read: 1, which did not know where a session was
//! last used and when a PIN was set, and 2, which did not know for each wrap which wrong PINs were told with it, nor an
//! unlock from a renewal.

use std::net::IpAddr;

use super::{Lock, LockKind, SessionState, Wrap};
use crate::attempts::Attempts;
use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::situation::{LastSeen, Place, Position};
use crate::token::{Epoch, TokenDigest, WrapId};

const VERSION: u8 = 3;

impl SessionState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(320);
        out.u8(VERSION);
        out.short_text(self.subject.as_str());
        out.short_text(self.label.as_ref().map_or("", DeviceLabel::as_str));
        out.bytes(self.epoch.expose_secret());
        out.time(self.created_at);
        out.time(self.last_used_at);
        out.time(self.unlocked_at);
        encode_last_seen(&self.last_seen, &mut out);
        out.u16(self.wrong_pins);
        out.u8(u8::try_from(self.locks.len()).expect("at most four locks"));
        for lock in &self.locks {
            out.u8(lock.index);
            out.u8(lock.kind.as_u8());
            out.time(lock.changed_at);
            out.time(lock.set_at);
            out.u8(u8::try_from(lock.pending.len()).expect("at most two pending wraps"));
            lock.wraps().for_each(|wrap| encode_wrap(wrap, &mut out));
        }
        out.finish()
    }

    /// Takes nothing but what `encode` writes, or wrote.
    pub(crate) fn decode(id: SessionId, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        let version = input.u8()?;
        if !(1..=VERSION).contains(&version) {
            return Err(Malformed);
        }
        let subject = Subject::new(input.short_text()?).map_err(|_| Malformed)?;
        let label = decode_label(input.short_text()?)?;
        let epoch = Epoch::from_bytes(input.array()?);
        let (created_at, last_used_at) = (input.time()?, input.time()?);
        let state = Self {
            id,
            subject,
            label,
            epoch,
            created_at,
            last_used_at,
            unlocked_at: if version < 3 { last_used_at } else { input.time()? },
            last_seen: if version == 1 { LastSeen::default() } else { decode_last_seen(&mut input)? },
            wrong_pins: input.u16()?,
            locks: decode_locks(version, &mut input)?,
        };
        input.finish()?;
        Ok(state)
    }
}

fn encode_last_seen(LastSeen { ip, place }: &LastSeen, out: &mut Writer) {
    match ip {
        None => out.u8(0),
        Some(IpAddr::V4(ip)) => {
            out.u8(4);
            out.bytes(&ip.octets());
        }
        Some(IpAddr::V6(ip)) => {
            out.u8(6);
            out.bytes(&ip.octets());
        }
    }
    out.u8(place.is_some().into());
    if let Some(Place { position, at }) = place {
        let (latitude, longitude, accuracy) = position.to_parts();
        for part in [latitude.to_be_bytes(), longitude.to_be_bytes(), accuracy.to_be_bytes()] {
            out.bytes(&part);
        }
        out.time(*at);
    }
}

fn encode_wrap(wrap: &Wrap, out: &mut Writer) {
    out.bytes(wrap.id.expose_secret());
    out.u8(wrap.attempts.failures);
    out.time(wrap.attempts.throttled_until);
    out.u16(wrap.wrong_pins_before);
    out.u8(wrap.digest.is_some().into());
    if let Some(digest) = &wrap.digest {
        out.bytes(digest.expose_secret());
    }
}

fn decode_last_seen(input: &mut Reader<'_>) -> Result<LastSeen, Malformed> {
    let ip = match input.u8()? {
        0 => None,
        4 => Some(IpAddr::from(input.array::<4>()?)),
        6 => Some(IpAddr::from(input.array::<16>()?)),
        _ => return Err(Malformed),
    };
    let place = decode_flag(input)?.then(|| decode_place(input)).transpose()?;
    Ok(LastSeen { ip, place })
}

fn decode_place(input: &mut Reader<'_>) -> Result<Place, Malformed> {
    let (latitude, longitude) = (i32::from_be_bytes(input.array()?), i32::from_be_bytes(input.array()?));
    let position = Position::from_parts((latitude, longitude, input.u32()?)).map_err(|_| Malformed)?;
    Ok(Place { position, at: input.time()? })
}

fn decode_label(text: &str) -> Result<Option<DeviceLabel>, Malformed> {
    if text.is_empty() { Ok(None) } else { DeviceLabel::new(text).map(Some).map_err(|_| Malformed) }
}

fn decode_locks(version: u8, input: &mut Reader<'_>) -> Result<Vec<Lock>, Malformed> {
    // Once the session knew what was told, with whatever wrap.
    let told = if version < 3 { Some(input.u16()?) } else { None };
    let count = usize::from(input.u8()?);
    if !(1..=SessionState::MAX_LOCKS).contains(&count) {
        return Err(Malformed);
    }
    (0..count).map(|_| decode_lock(version, told, input)).collect()
}

fn decode_lock(version: u8, told: Option<u16>, input: &mut Reader<'_>) -> Result<Lock, Malformed> {
    let index = input.u8()?;
    let kind = LockKind::from_u8(input.u8()?).ok_or(Malformed)?;
    let changed_at = input.time()?;
    // A PIN cannot have been set later than the lock changed.
    let set_at = if version == 1 { changed_at } else { input.time()? };
    let pending = usize::from(input.u8()?);
    if pending > Lock::MAX_PENDING {
        return Err(Malformed);
    }
    let current = decode_wrap(told, input)?;
    let pending = (0..pending).map(|_| decode_wrap(told, input)).collect::<Result<_, _>>()?;
    Ok(Lock { index, kind, current, pending, changed_at, set_at })
}

fn decode_wrap(told: Option<u16>, input: &mut Reader<'_>) -> Result<Wrap, Malformed> {
    Ok(Wrap {
        id: WrapId::from_bytes(input.array()?),
        attempts: Attempts { failures: input.u8()?, throttled_until: input.time()? },
        wrong_pins_before: told.map_or_else(|| input.u16(), Ok)?,
        digest: decode_flag(input)?.then(|| input.array()).transpose()?.map(TokenDigest::from_bytes),
    })
}

fn decode_flag(input: &mut Reader<'_>) -> Result<bool, Malformed> {
    match input.u8()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::UnixTime;

    fn wrap(mark: u8) -> Wrap {
        Wrap {
            id: WrapId::from_bytes([mark; 16]),
            digest: (mark != 3).then(|| TokenDigest::from_bytes([mark; 32])),
            attempts: Attempts { failures: mark, throttled_until: UnixTime::from_secs(mark.into()) },
            wrong_pins_before: mark.into(),
        }
    }

    fn seen() -> LastSeen {
        let position = Position::new(52.52, -13.4, 30.0).unwrap();
        LastSeen {
            ip: Some("2001:db8::1".parse().unwrap()),
            place: Some(Place { position, at: UnixTime::from_secs(7) }),
        }
    }

    fn state() -> SessionState {
        let mut lock = Lock::new(0, LockKind::ServerPin, wrap(1), UnixTime::from_secs(5), UnixTime::from_secs(4));
        lock.pending = vec![wrap(2), wrap(3)];
        SessionState {
            id: SessionId::from_bytes([9; 16]),
            subject: Subject::new("alice").unwrap(),
            label: Some(DeviceLabel::new("Firefox on Linux").unwrap()),
            epoch: Epoch::from_bytes([8; 16]),
            created_at: UnixTime::from_secs(1),
            last_used_at: UnixTime::from_secs(3),
            unlocked_at: UnixTime::from_secs(2),
            last_seen: seen(),
            wrong_pins: 3,
            locks: vec![lock],
        }
    }

    #[test]
    fn a_fresh_lock_has_an_index_that_no_other_has() {
        let (mut state, mut rng) = (state(), crate::testing::SplitMix(1));
        state.locks[0].index = 1;
        let fresh: std::collections::HashSet<u8> = (0..10_000).map(|_| state.fresh_lock_index(&mut rng)).collect();
        assert!(fresh.len() == 255 && !fresh.contains(&1));
    }

    #[test]
    fn every_field_survives() {
        let bytes = state().encode();
        let decoded = SessionState::decode(state().id, &bytes).unwrap();
        assert_eq!(decoded.encode(), bytes);
        assert_eq!((decoded.wrong_pins, decoded.locks[0].pending.len()), (3, 2));
        assert_eq!(decoded.last_seen, seen());
        assert_eq!(decoded.label.unwrap().as_str(), "Firefox on Linux");
    }

    #[test]
    fn a_place_that_is_nowhere_is_refused() {
        let unseen = SessionState { last_seen: LastSeen::default(), ..state() }.encode();
        let of_v4 =
            SessionState { last_seen: LastSeen { ip: Some("192.0.2.1".parse().unwrap()), place: None }, ..state() };
        assert_eq!(of_v4.encode().len(), unseen.len() + 4);
        assert_eq!(SessionState::decode(state().id, &of_v4.encode()).unwrap().last_seen, of_v4.last_seen);
        // Where the last use was stands behind version, subject, label, epoch, three times.
        let at = 1 + 6 + 17 + 16 + 8 + 8 + 8;
        for (offset, byte) in [(0, 5), (1, 2)] {
            let mut bytes = unseen.clone();
            bytes[at + offset] = byte;
            assert!(SessionState::decode(state().id, &bytes).is_err(), "{offset}");
        }
        let mut bytes = state().encode();
        bytes[at + 18] = 0x7F;
        assert!(SessionState::decode(state().id, &bytes).is_err());
    }

    #[test]
    fn every_truncation_and_extension_is_refused() {
        let bytes = state().encode();
        for len in 0..bytes.len() {
            assert!(SessionState::decode(state().id, &bytes[..len]).is_err(), "{len}");
        }
        assert!(SessionState::decode(state().id, &[&bytes[..], &[0]].concat()).is_err());
    }

    #[test]
    fn the_largest_state_is_far_below_the_limit_of_a_record() {
        let mut largest = state();
        largest.subject = Subject::new("s".repeat(Subject::MAX_LEN)).unwrap();
        largest.label = Some(DeviceLabel::new("l".repeat(DeviceLabel::MAX_LEN)).unwrap());
        largest.locks = vec![largest.locks[0].clone(); SessionState::MAX_LOCKS];
        assert!(largest.encode().len() * 10 < crate::record::Record::MAX_BODY);
    }

    #[test]
    fn counts_out_of_bounds_are_refused() {
        let fits = |locks: usize, pending: usize| {
            let mut state = state();
            state.locks[0].pending = vec![wrap(2); pending];
            state.locks = vec![state.locks[0].clone(); locks];
            SessionState::decode(state.id, &state.encode()).is_ok()
        };
        assert!(fits(1, 0) && fits(SessionState::MAX_LOCKS, Lock::MAX_PENDING));
        assert!(!fits(0, 0) && !fits(SessionState::MAX_LOCKS + 1, 0) && !fits(1, Lock::MAX_PENDING + 1));
    }

    /// As version 2 wrote it: the session itself knew how many wrong PINs were told.
    fn of_version_2(wrong_pins: u16, told: u16) -> Vec<u8> {
        let mut state = state();
        state.last_seen = LastSeen::default();
        state.locks[0].pending.truncate(1);
        state.wrong_pins = wrong_pins;
        let now = state.encode();
        // Version, subject, label, epoch, two times; a third one; nothing seen; wrong PINs, and how many locks; the
        // lock; two wraps with a mark each.
        let (times, seen, lock) = (1 + 6 + 17 + 16 + 8 + 8, 2, 1 + 1 + 8 + 8 + 1);
        let wraps = times + 8 + seen + 2 + 1 + lock;
        let (id, wrap) = (16 + 1 + 8, 16 + 1 + 8 + 2 + 1 + 32);
        let mut old = [&[2], &now[1..times], &now[times + 8..times + 8 + seen + 2], &told.to_be_bytes()].concat();
        old.extend(&now[wraps - lock - 1..wraps]);
        for wrap in now[wraps..].chunks(wrap) {
            old.extend([&wrap[..id], &wrap[id + 2..]].concat());
        }
        old
    }

    #[test]
    fn what_an_earlier_version_had_told_is_not_told_again() {
        for (wrong_pins, told) in [(5, 3), (3, 5), (0, 0)] {
            let read = SessionState::decode(state().id, &of_version_2(wrong_pins, told)).unwrap();
            assert_eq!((read.wrong_pins, read.unlocked_at), (wrong_pins, read.last_used_at));
            let marks: Vec<u16> = read.locks[0].wraps().map(|wrap| wrap.wrong_pins_before).collect();
            assert_eq!(marks, [told, told]);
        }
    }

    #[test]
    fn other_versions_are_refused() {
        let mut bytes = state().encode();
        for version in [0, 4] {
            bytes[0] = version;
            assert!(SessionState::decode(state().id, &bytes).is_err());
        }
    }
}
