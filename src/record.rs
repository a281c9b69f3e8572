//! What a store holds, and what it answers.

use core::time::Duration;

use crate::time::UnixTime;

/// What a record is about. Stored as one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum RecordKind {
    /// One session.
    Session,
    /// One person: outlives all their sessions.
    Subject,
    /// One signed request that was accepted: while its mark is there, no copy of it is.
    ReplayMark,
    /// One challenge of a one-time code.
    OtpChallenge,
    /// What was sent to a recipient of one-time codes, and guessed.
    OtpRecipient,
}

impl RecordKind {
    /// The stored byte.
    #[must_use]
    pub const fn as_u8(self) -> u8 {
        match self {
            Self::Session => 1,
            Self::Subject => 2,
            Self::ReplayMark => 3,
            Self::OtpChallenge => 4,
            Self::OtpRecipient => 5,
        }
    }

    /// The kind of a stored byte; `None` when this version does not know it.
    #[must_use]
    pub const fn from_u8(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Session),
            2 => Some(Self::Subject),
            3 => Some(Self::ReplayMark),
            4 => Some(Self::OtpChallenge),
            5 => Some(Self::OtpRecipient),
            _ => None,
        }
    }
}

/// The name of a record: its kind and 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordKey {
    /// What the record is about.
    pub kind: RecordKind,
    /// Which one.
    pub id: [u8; 16],
}

/// Whose record it is: a keyed hash of tenant and subject, so that a database shows no names in its index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OwnerKey(pub [u8; 16]);

/// A row, as opaque to the store as it can be.
#[derive(Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name; unique.
    pub key: RecordKey,
    /// Whose it is, if it is to be listed.
    pub owner: Option<OwnerKey>,
    /// Changes with every write. Below 2^63, so that it fits a signed integer column.
    pub revision: u64,
    /// From here on the record may be purged. The store itself never hides it.
    pub expires_at: UnixTime,
    /// At most [`Record::MAX_BODY`] bytes, any values.
    pub body: Vec<u8>,
}

impl core::fmt::Debug for Record {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        // The body names wraps, which are not for logs.
        f.debug_struct("Record")
            .field("key", &self.key)
            .field("revision", &self.revision)
            .field("expires_at", &self.expires_at)
            .field("body_len", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl Record {
    /// The most bytes a body may have: 16 KiB, more than ten times the largest that pinlatch writes.
    pub const MAX_BODY: usize = 16 * 1024;

    /// A store may drop a record by itself when it expired this long ago by the store's own clock, 10 minutes, and not
    /// before.
    pub const LINGER: Duration = Duration::from_secs(600);

    /// Whether the body is no larger than it may be.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.body.len() <= Self::MAX_BODY
    }
}

/// The revision that follows.
#[must_use]
pub const fn next_revision(revision: u64) -> u64 {
    revision.wrapping_add(1) & (u64::MAX >> 1)
}

/// A first revision: 63 random bits, so that a row created anew never matches one read before.
#[must_use]
pub fn first_revision<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> u64 {
    rng.next_u64() >> 1
}

/// What became of an insert.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "an insert that found the key taken stored nothing"]
pub enum Inserted {
    /// The record is stored, durably.
    Created,
    /// The key was taken; nothing changed.
    Exists,
}

/// What became of a compare-and-swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "a swap that was stale stored nothing"]
pub enum Swap {
    /// The record is stored, durably.
    Replaced,
    /// Somebody else wrote first; nothing changed.
    Stale,
    /// There is no such record; nothing changed.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SplitMix;

    #[test]
    fn revisions_stay_below_two_to_the_63() {
        assert_eq!(next_revision(5), 6);
        assert_eq!(next_revision(i64::MAX as u64), 0);
    }

    /// One bit in 64 is left out, and none is made up.
    #[test]
    fn a_first_revision_is_random() {
        let mut rng = SplitMix(1);
        let drawn: Vec<u64> = (0..64).map(|_| first_revision(&mut rng)).collect();
        assert_eq!(drawn.iter().fold(0, |all, one| all | one), i64::MAX as u64);
        assert_eq!(drawn.iter().fold(u64::MAX, |all, one| all & one), 0);
    }

    #[test]
    fn kinds_keep_their_byte() {
        let kinds = [
            RecordKind::Session,
            RecordKind::Subject,
            RecordKind::ReplayMark,
            RecordKind::OtpChallenge,
            RecordKind::OtpRecipient,
        ];
        for (kind, byte) in kinds.into_iter().zip(1..) {
            assert_eq!(kind.as_u8(), byte);
            assert_eq!(RecordKind::from_u8(byte), Some(kind));
        }
        assert_eq!((RecordKind::from_u8(0), RecordKind::from_u8(6)), (None, None));
    }
}
