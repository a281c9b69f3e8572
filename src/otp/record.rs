//! The states as records.

use super::{ChallengeState, RecipientState};
use crate::body::{RecordRefused, encoding_of, record_of};
use crate::id::OtpChallengeId;
use crate::keyring::Keys;
use crate::record::{Record, RecordKey};
use crate::time::UnixTime;

/// Makes the record of a challenge.
#[must_use]
pub fn challenge_record(keys: &Keys, state: &ChallengeState, revision: u64) -> Record {
    let key = ChallengeState::record_key(state.id);
    record_of(keys, key, revision, state.expires_at(), &state.encode())
}

/// Reads the record of a challenge.
///
/// # Errors
/// [`RecordRefused`].
pub fn read_challenge(keys: &Keys, record: &Record) -> Result<ChallengeState, RecordRefused> {
    let id = OtpChallengeId::from_bytes(record.key.id);
    ChallengeState::decode(id, encoding_of(keys, record)?).map_err(|_| RecordRefused::NotAuthentic)
}

/// Makes the record of a recipient, under the key that [`Keys::recipient_record`] has for them.
#[must_use]
pub fn recipient_record(keys: &Keys, key: RecordKey, state: &RecipientState, revision: u64, now: UnixTime) -> Record {
    record_of(keys, key, revision, state.expires_at(now), &state.encode())
}

/// Reads the record of a recipient.
///
/// # Errors
/// [`RecordRefused`].
pub fn read_recipient(keys: &Keys, record: &Record) -> Result<RecipientState, RecordRefused> {
    RecipientState::decode(encoding_of(keys, record)?).map_err(|_| RecordRefused::NotAuthentic)
}
