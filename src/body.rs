//! The body of a record: `pepper id · encoding · MAC(K_record, key, owner, revision, expires_at, encoding)`.
//!
//! A row that was edited, moved to another key, or given another revision or expiry is refused. A row replaced by an
//! older copy of itself is not noticed; see SECURITY.md.

use zeroize::Zeroizing;

use crate::id::SessionId;
use crate::keyring::{Keys, PepperId, PepperKeys};
use crate::record::{OwnerKey, Record, RecordKey};
use crate::session::SessionState;
use crate::subject::SubjectState;
use crate::time::UnixTime;

/// Why a record cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordRefused {
    /// Edited, damaged, or made under a pepper that is no longer accepted. It counts as absent.
    #[error("the record is not authentic")]
    NotAuthentic,
    /// Made under a pepper newer than the active one, which this ring does not have: another server is ahead in a
    /// rotation. It must not be overwritten. Add that pepper to the ring.
    #[error("the record was made under pepper {}, which is newer than this server's", id.0)]
    NewerPepper {
        /// The pepper that is missing.
        id: PepperId,
    },
    /// Authentic, and in a format that this version does not know: another server runs a newer one. It must not be
    /// overwritten.
    #[error("the record has a format of a newer version")]
    UnknownFormat,
}

const ID_LEN: usize = 4;
const MAC_LEN: usize = 32;

/// Makes the record of a session.
#[must_use]
pub fn session_record(keys: &Keys, state: &SessionState, revision: u64, expires_at: UnixTime) -> Record {
    let owner = keys.owner(&state.subject);
    seal(keys, SessionState::record_key(state.id), Some(owner), revision, expires_at, &state.encode())
}

/// Makes the record of a subject.
#[must_use]
pub fn subject_record(
    keys: &Keys,
    key: RecordKey,
    state: &SubjectState,
    revision: u64,
    expires_at: UnixTime,
) -> Record {
    seal(keys, key, None, revision, expires_at, &state.encode())
}

/// Reads the record of a session.
///
/// # Errors
/// [`RecordRefused`].
pub fn read_session(keys: &Keys, record: &Record) -> Result<SessionState, RecordRefused> {
    let encoding = open(keys, record)?;
    SessionState::decode(SessionId::from_bytes(record.key.id), encoding).map_err(|_| RecordRefused::UnknownFormat)
}

/// Reads the record of a subject.
///
/// # Errors
/// [`RecordRefused`].
pub fn read_subject(keys: &Keys, record: &Record) -> Result<SubjectState, RecordRefused> {
    SubjectState::decode(open(keys, record)?).map_err(|_| RecordRefused::UnknownFormat)
}

/// Makes a record that belongs to nobody in particular.
pub(crate) fn record_of(keys: &Keys, key: RecordKey, revision: u64, expires_at: UnixTime, encoding: &[u8]) -> Record {
    seal(keys, key, None, revision, expires_at, encoding)
}

/// The encoding in an authentic record.
pub(crate) fn encoding_of<'a>(keys: &Keys, record: &'a Record) -> Result<&'a [u8], RecordRefused> {
    open(keys, record)
}

fn seal(
    keys: &Keys,
    key: RecordKey,
    owner: Option<OwnerKey>,
    revision: u64,
    expires_at: UnixTime,
    encoding: &[u8],
) -> Record {
    let pepper = keys.active();
    let mac = mac(pepper, key, owner, revision, expires_at, encoding);
    let mut body = Vec::with_capacity(ID_LEN + encoding.len() + MAC_LEN);
    body.extend_from_slice(&pepper.id().0.to_be_bytes());
    body.extend_from_slice(encoding);
    body.extend_from_slice(mac.as_ref());
    Record { key, owner, revision, expires_at, body }
}

/// The same row, as a version of the future would have written it.
#[cfg(test)]
pub(crate) fn of_the_future(keys: &Keys, row: &Record) -> Record {
    seal(keys, row.key, row.owner, crate::record::next_revision(row.revision), row.expires_at, &[200; 40])
}

/// The pepper that a record says it was made under.
fn pepper_id(record: &Record) -> Option<PepperId> {
    record.body.first_chunk().map(|id| PepperId(u32::from_be_bytes(*id)))
}

/// Whether a record was not made under the active pepper, so that it should be made anew.
#[must_use]
pub fn is_of_other_pepper(keys: &Keys, record: &Record) -> bool {
    pepper_id(record) != Some(keys.active().id())
}

fn open<'a>(keys: &Keys, record: &'a Record) -> Result<&'a [u8], RecordRefused> {
    let id = pepper_id(record).ok_or(RecordRefused::NotAuthentic)?;
    let Some(pepper) = keys.find(id) else {
        let newer = id > keys.active().id();
        return Err(if newer { RecordRefused::NewerPepper { id } } else { RecordRefused::NotAuthentic });
    };
    let (encoding, presented) = record.body[ID_LEN..].split_last_chunk().ok_or(RecordRefused::NotAuthentic)?;
    let expected = mac(pepper, record.key, record.owner, record.revision, record.expires_at, encoding);
    let presented: &[u8; MAC_LEN] = presented;
    let equal: bool = subtle::ConstantTimeEq::ct_eq(&expected[..], &presented[..]).into();
    if equal { Ok(encoding) } else { Err(RecordRefused::NotAuthentic) }
}

fn mac(
    pepper: &PepperKeys,
    key: RecordKey,
    owner: Option<OwnerKey>,
    revision: u64,
    expires_at: UnixTime,
    encoding: &[u8],
) -> Zeroizing<[u8; MAC_LEN]> {
    pepper.record_mac(&[
        &[key.kind.as_u8()],
        &key.id,
        owner.as_ref().map_or(&[], |owner| &owner.0[..]),
        &revision.to_be_bytes(),
        &expires_at.as_millis().to_be_bytes(),
        encoding,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{Subject, Tenant};
    use crate::keyring::{KeyRing, Pepper};

    fn keys() -> Keys {
        let secret: Vec<u8> = (0..32).collect();
        KeyRing::new(Pepper::new(PepperId(7), secret.clone()).unwrap(), secret).unwrap().keys(&Tenant::default())
    }

    fn record() -> Record {
        let key = keys().subject_record(&Subject::new("alice").unwrap());
        let state = SubjectState { epoch: crate::token::Epoch::from_bytes([5; 16]) };
        subject_record(&keys(), key, &state, 42, UnixTime::from_secs(9))
    }

    #[test]
    fn an_unedited_row_reads_back() {
        assert_eq!(read_subject(&keys(), &record()).unwrap().epoch.expose_secret(), &[5; 16]);
    }

    #[test]
    fn an_edited_row_is_refused_whatever_was_edited() {
        let original = record();
        let mut edited: Vec<Record> = (0..original.body.len() * 8)
            .map(|bit| {
                let mut copy = original.clone();
                copy.body[bit / 8] ^= 1 << (bit % 8);
                copy
            })
            .collect();
        edited.push(Record { revision: 43, ..original.clone() });
        edited.push(Record { expires_at: UnixTime::from_secs(10), ..original.clone() });
        edited.push(Record { owner: Some(OwnerKey([0; 16])), ..original.clone() });
        edited.push(Record { key: RecordKey { id: [0; 16], ..original.key }, ..original.clone() });
        edited.push(Record { body: original.body[..35].to_vec(), ..original.clone() });
        edited.push(Record { body: Vec::new(), ..original });
        for copy in edited {
            let newer = pepper_id(&copy).is_some_and(|id| id > PepperId(7));
            match read_subject(&keys(), &copy).unwrap_err() {
                RecordRefused::NotAuthentic => assert!(!newer, "{copy:?}"),
                RecordRefused::NewerPepper { .. } => assert!(newer, "{copy:?}"),
                RecordRefused::UnknownFormat => panic!("nobody can edit a row into another format: {copy:?}"),
            }
        }
    }

    /// What a newer version has written is not damaged, and nobody logs anybody out because of it.
    #[test]
    fn an_authentic_row_in_a_format_of_the_future_is_no_broken_one() {
        let future = of_the_future(&keys(), &record());
        assert_eq!(read_subject(&keys(), &future).unwrap_err(), RecordRefused::UnknownFormat);
        let session = RecordKey { kind: crate::record::RecordKind::Session, ..record().key };
        let future = of_the_future(&keys(), &Record { key: session, ..record() });
        assert_eq!(read_session(&keys(), &future).unwrap_err(), RecordRefused::UnknownFormat);
    }
}
