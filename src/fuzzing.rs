//! What fuzz targets reach beneath the public interface. Only under `cfg(fuzzing)`, which fuzzers set.

use crate::id::{OtpChallengeId, Recipient, SessionId};
use crate::otp::{ChallengeState, RecipientState};
use crate::session::SessionState;
use crate::subject::SubjectState;

/// The content of a record of some kind, read and written again; `None` for what cannot be read.
#[must_use]
pub fn reread(kind: u8, bytes: &[u8]) -> Option<Vec<u8>> {
    match kind {
        0 => {
            let state = SessionState::decode(SessionId::from_bytes([1; 16]), bytes).ok()?;
            // An older version is written as the present one, which says the same.
            Some(if matches!(bytes, [1 | 2, ..]) { bytes.to_vec() } else { state.encode() })
        }
        1 => Some(SubjectState::decode(bytes).ok()?.encode()),
        2 => Some(ChallengeState::decode(OtpChallengeId::from_bytes([1; 16]), bytes).ok()?.encode()),
        3 => Some(RecipientState::decode(Recipient::phone("+447700900123").ok()?, bytes).ok()?.encode()),
        _ => None,
    }
}

/// The content of a session's record.
#[must_use]
pub fn written(session: &SessionState) -> Vec<u8> {
    session.encode()
}
