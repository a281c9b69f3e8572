//! The states as records.

use super::{ChallengeState, RecipientState};
use crate::body::{RecordRefused, encoding_of, record_of};
use crate::id::{OtpChallengeId, Recipient};
use crate::keyring::Keys;
use crate::record::Record;
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
    ChallengeState::decode(id, encoding_of(keys, record)?).map_err(|_| RecordRefused::UnknownFormat)
}

/// Makes the record of a recipient.
#[must_use]
pub fn recipient_record(keys: &Keys, state: &RecipientState, revision: u64, now: UnixTime) -> Record {
    let key = keys.recipient_record(&state.recipient);
    record_of(keys, key, revision, state.expires_at(now), &state.encode())
}

/// Reads the record of a recipient.
///
/// # Errors
/// [`RecordRefused`]; another recipient's record is not authentic.
pub fn read_recipient(keys: &Keys, record: &Record, recipient: &Recipient) -> Result<RecipientState, RecordRefused> {
    let encoding = encoding_of(keys, record)?;
    if record.key != keys.recipient_record(recipient) {
        return Err(RecordRefused::NotAuthentic);
    }
    RecipientState::decode(recipient.clone(), encoding).map_err(|_| RecordRefused::UnknownFormat)
}
