//! The signed requests that this process has seen, for as long as a copy could be accepted.

use core::hash::{BuildHasherDefault, Hasher};
use core::time::Duration;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::id::SessionId;
use crate::proof::Candidate;
use crate::time::UnixTime;

/// Marks of accepted requests, a part of them behind each lock. A session's are in one part, so that they can be counted.
///
/// They lie in buckets by the time at which they were signed. A bucket goes as a whole when nothing in it could be
/// accepted any more, and it never comes back: a clock that is put back does not reopen it. Nothing is evicted; what
/// does not fit is refused.
pub(super) struct Seen {
    parts: [Mutex<Part>; PARTS],
    most_per_part: usize,
    most_per_session: u16,
}

const PARTS: usize = 16;
const BUCKET_SECS: u64 = 30;

#[derive(Default)]
struct Part {
    /// In the order of their numbers.
    buckets: VecDeque<Bucket>,
    /// Buckets below this number are gone.
    gone_below: u64,
    count: usize,
}

struct Bucket {
    number: u64,
    marks: HashSet<u128, BuildHasherDefault<Uniform>>,
    per_session: HashMap<u128, u16, BuildHasherDefault<Uniform>>,
}

/// Why a mark was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotNew {
    /// It is there.
    Seen,
    /// Whether it was there is not known any more.
    Gone,
    /// There is no room for more, or for more of this session.
    Full,
}

impl Seen {
    /// The next requests fall into another bucket then.
    pub(super) const MAKES_ROOM_AFTER: Duration = Duration::from_secs(BUCKET_SECS);

    /// Room for this many marks, and this many of one session among those signed in the same 30 seconds.
    pub(super) fn new(capacity: usize, most_per_session: u16) -> Self {
        let most_per_part = capacity.div_ceil(PARTS);
        Self { parts: core::array::from_fn(|_| Mutex::default()), most_per_part, most_per_session }
    }

    /// Adds a mark, if it is new. It must come from a signature that matches: forged ones would fill the memory.
    pub(super) fn add(
        &self,
        mark: [u8; 16],
        session_id: SessionId,
        created: UnixTime,
        now: UnixTime,
    ) -> Result<(), NotNew> {
        let session = *session_id.as_bytes();
        let part = &self.parts[usize::from(session[0]) % PARTS];
        let mut part = part.lock().unwrap_or_else(PoisonError::into_inner);
        part.forget(now);
        let full = part.count >= self.most_per_part;
        let bucket = part.bucket(created.as_secs() / BUCKET_SECS).ok_or(NotNew::Gone)?;
        let mark = u128::from_ne_bytes(mark);
        if bucket.marks.contains(&mark) {
            return Err(NotNew::Seen);
        }
        let of_session = bucket.per_session.entry(u128::from_ne_bytes(session)).or_default();
        if full || *of_session >= self.most_per_session {
            return Err(NotNew::Full);
        }
        *of_session += 1;
        bucket.marks.insert(mark);
        part.count += 1;
        Ok(())
    }
}

impl Part {
    /// Lets go of the buckets in which everything is too old.
    fn forget(&mut self, now: UnixTime) {
        let is_over = |bucket: &Bucket| {
            let end = UnixTime::from_secs((bucket.number + 1).saturating_mul(BUCKET_SECS));
            end.saturating_add(Candidate::MAX_AGE) < now
        };
        while self.buckets.front().is_some_and(is_over) {
            if let Some(bucket) = self.buckets.pop_front() {
                self.count -= bucket.marks.len();
                self.gone_below = bucket.number + 1;
            }
        }
    }

    /// `None` for one that is gone.
    fn bucket(&mut self, number: u64) -> Option<&mut Bucket> {
        if number < self.gone_below {
            return None;
        }
        let at = self.buckets.partition_point(|bucket| bucket.number < number);
        if self.buckets.get(at).is_none_or(|bucket| bucket.number != number) {
            let bucket = Bucket { number, marks: HashSet::default(), per_session: HashMap::default() };
            self.buckets.insert(at, bucket);
        }
        self.buckets.get_mut(at)
    }
}

/// For keys that are uniformly random already: the MAC of a key that the server chose, and ids that it drew.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk() {
            self.0 ^= u64::from_ne_bytes(*last);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
