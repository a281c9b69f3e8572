//! The bytes of a session's record, version 1.

use super::{Lock, LockKind, SessionState, Wrap};
use crate::attempts::Attempts;
use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{DeviceLabel, SessionId, Subject};
use crate::token::{Epoch, TokenDigest, WrapId};

const VERSION: u8 = 1;

impl SessionState {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(320);
        out.u8(VERSION);
        out.short_text(self.subject.as_str());
        out.short_text(self.label.as_ref().map_or("", DeviceLabel::as_str));
        out.bytes(self.epoch.expose_secret());
        out.time(self.created_at);
        out.time(self.last_unlocked_at);
        out.u16(self.wrong_pins);
        out.u16(self.reported_wrong_pins);
        out.u8(u8::try_from(self.locks.len()).expect("at most four locks"));
        for lock in &self.locks {
            out.u8(lock.index);
            out.u8(lock.kind.as_u8());
            out.time(lock.changed_at);
            out.u8(u8::try_from(lock.pending.len()).expect("at most two pending wraps"));
            lock.wraps().for_each(|wrap| encode_wrap(wrap, &mut out));
        }
        out.finish()
    }

    /// Takes nothing but what `encode` writes.
    pub(crate) fn decode(id: SessionId, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let state = Self {
            id,
            subject: Subject::new(input.short_text()?).map_err(|_| Malformed)?,
            label: decode_label(input.short_text()?)?,
            epoch: Epoch::from_bytes(input.array()?),
            created_at: input.time()?,
            last_unlocked_at: input.time()?,
            wrong_pins: input.u16()?,
            reported_wrong_pins: input.u16()?,
            locks: decode_locks(&mut input)?,
        };
        input.finish()?;
        Ok(state)
    }
}

fn encode_wrap(wrap: &Wrap, out: &mut Writer) {
    out.bytes(wrap.id.expose_secret());
    out.u8(wrap.attempts.failures);
    out.time(wrap.attempts.throttled_until);
    out.u8(wrap.digest.is_some().into());
    if let Some(digest) = &wrap.digest {
        out.bytes(digest.expose_secret());
    }
}

fn decode_label(text: &str) -> Result<Option<DeviceLabel>, Malformed> {
    if text.is_empty() { Ok(None) } else { DeviceLabel::new(text).map(Some).map_err(|_| Malformed) }
}

fn decode_locks(input: &mut Reader<'_>) -> Result<Vec<Lock>, Malformed> {
    let count = usize::from(input.u8()?);
    if !(1..=SessionState::MAX_LOCKS).contains(&count) {
        return Err(Malformed);
    }
    (0..count).map(|_| decode_lock(input)).collect()
}

fn decode_lock(input: &mut Reader<'_>) -> Result<Lock, Malformed> {
    let index = input.u8()?;
    let kind = LockKind::from_u8(input.u8()?).ok_or(Malformed)?;
    let changed_at = input.time()?;
    let pending = usize::from(input.u8()?);
    if pending > Lock::MAX_PENDING {
        return Err(Malformed);
    }
    let current = decode_wrap(input)?;
    let pending = (0..pending).map(|_| decode_wrap(input)).collect::<Result<_, _>>()?;
    Ok(Lock { index, kind, current, pending, changed_at })
}

fn decode_wrap(input: &mut Reader<'_>) -> Result<Wrap, Malformed> {
    Ok(Wrap {
        id: WrapId::from_bytes(input.array()?),
        attempts: Attempts { failures: input.u8()?, throttled_until: input.time()? },
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
        }
    }

    fn state() -> SessionState {
        let mut lock = Lock::new(0, LockKind::ServerPin, wrap(1), UnixTime::from_secs(5));
        lock.pending = vec![wrap(2), wrap(3)];
        SessionState {
            id: SessionId::from_bytes([9; 16]),
            subject: Subject::new("alice").unwrap(),
            label: Some(DeviceLabel::new("Firefox on Linux").unwrap()),
            epoch: Epoch::from_bytes([8; 16]),
            created_at: UnixTime::from_secs(1),
            last_unlocked_at: UnixTime::from_secs(2),
            wrong_pins: 3,
            reported_wrong_pins: 1,
            locks: vec![lock],
        }
    }

    #[test]
    fn every_field_survives() {
        let bytes = state().encode();
        let decoded = SessionState::decode(state().id, &bytes).unwrap();
        assert_eq!(decoded.encode(), bytes);
        assert_eq!((decoded.wrong_pins, decoded.locks[0].pending.len()), (3, 2));
        assert_eq!(decoded.label.unwrap().as_str(), "Firefox on Linux");
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
    fn other_versions_are_refused() {
        let mut bytes = state().encode();
        bytes[0] = 2;
        assert!(SessionState::decode(state().id, &bytes).is_err());
    }
}
