//! A record's numbers as SQL databases keep them.

use super::check_size;
use crate::record::{OwnerKey, Record, RecordKey};
use crate::store::StoreError;
use crate::time::UnixTime;

/// The columns beside kind, id and body.
#[derive(Clone, Copy)]
pub(super) struct Columns {
    pub(super) owner: Option<[u8; 16]>,
    pub(super) revision: i64,
    pub(super) expires_at: i64,
}

impl Columns {
    /// What is larger than the columns, or the largest body, is rejected.
    pub(super) fn of(record: &Record) -> Result<Self, StoreError> {
        check_size(record)?;
        let revision = i64::try_from(record.revision).map_err(|_| StoreError::Rejected)?;
        let expires_at = i64::try_from(record.expires_at.as_millis()).map_err(|_| StoreError::Rejected)?;
        Ok(Self { owner: record.owner.map(|owner| owner.0), revision, expires_at })
    }

    /// The record that was kept; `None` if the numbers are none that were written.
    pub(super) fn into_record(self, key: RecordKey, body: Vec<u8>) -> Option<Record> {
        let revision = u64::try_from(self.revision).ok()?;
        let expires_at = UnixTime::from_millis(u64::try_from(self.expires_at).ok()?);
        Some(Record { key, owner: self.owner.map(OwnerKey), revision, expires_at, body })
    }
}

/// What the expiry is indexed by.
#[cfg(feature = "sqlite")]
pub(super) const fn day_of(millis: i64) -> i64 {
    millis / 86_400_000
}

/// A revision beyond the column's range is in no row.
pub(super) fn revision_column(revision: u64) -> i64 {
    i64::try_from(revision).unwrap_or(-1)
}

/// No row expires after the last instant that fits.
pub(super) fn instant_column(instant: UnixTime) -> i64 {
    i64::try_from(instant.as_millis()).unwrap_or(i64::MAX)
}
