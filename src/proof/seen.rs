//! The signed requests that a process has accepted, for as long as a copy could be accepted, too.

use core::hash::{BuildHasherDefault, Hasher};
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::PoisonError;

use super::{Candidate, Proof};
use crate::record::Inserted;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard};
use crate::time::UnixTime;

/// The marks of accepted requests, in memory: about 40 bytes each, for two minutes. [`crate::Sessions`] has one; this
/// is for who works without it.
///
/// They lie in buckets by the time at which they were signed. A bucket goes as a whole when nothing in it could be
/// accepted any more, and it never comes back: a clock that is put back does not reopen it. Nothing is evicted; what
/// does not fit is refused. What was accepted before it was made it cannot know: see
/// [`Proof::created`] and [`Proof::token_issued_at`].
pub struct SeenRequests {
    /// Each behind its own lock. A session's marks are in one part, so that they can be counted.
    parts: [Mutex<Part>; PARTS],
    /// Marks in all parts.
    count: AtomicUsize,
    capacity: usize,
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
}

struct Bucket {
    number: u64,
    marks: HashSet<u128, BuildHasherDefault<Uniform>>,
    per_session: HashMap<u128, u16, BuildHasherDefault<Uniform>>,
}

/// Why it cannot be known whether a request is a copy. It must not be accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NotRemembered {
    /// It was signed at a time of which nothing is remembered any more: the clock was put back.
    #[error("requests of that time are forgotten")]
    Forgotten,
    /// There is no room for more, or for more of this session. There will be, at the latest in 30 seconds for the
    /// session, and in two minutes for all.
    #[error("there is no room for more requests")]
    Full,
}

impl SeenRequests {
    /// Room for this many requests, and this many of one session among those signed in the same 30 seconds.
    #[must_use]
    pub fn new(capacity: usize, most_per_session: u16) -> Self {
        let parts = core::array::from_fn(|_| Mutex::default());
        Self { parts, count: AtomicUsize::new(0), capacity, most_per_session }
    }

    /// Remembers a request, if it is new. Only authentic ones get here: forged ones would fill the memory.
    ///
    /// # Errors
    /// [`NotRemembered`].
    pub fn insert_new<A>(&self, proof: &Proof<A>, now: UnixTime) -> Result<Inserted, NotRemembered> {
        let outcome = self.insert(proof, now);
        if outcome != Err(NotRemembered::Full) {
            return outcome;
        }
        // The room may be taken by sessions that are silent since, with marks that are too old by now.
        for part in &self.parts {
            self.forget(&mut lock(part), now);
        }
        self.insert(proof, now)
    }

    fn forget(&self, part: &mut Part, now: UnixTime) {
        self.count.fetch_sub(part.forget(now), Ordering::Relaxed);
    }

    fn insert<A>(&self, proof: &Proof<A>, now: UnixTime) -> Result<Inserted, NotRemembered> {
        let (session, created) = (*proof.session_id().as_bytes(), proof.created());
        let mut part = lock(&self.parts[usize::from(session[0]) % PARTS]);
        self.forget(&mut part, now);
        let bucket = part.bucket(created.as_secs() / BUCKET_SECS).ok_or(NotRemembered::Forgotten)?;
        let mark = u128::from_ne_bytes(proof.mark);
        if bucket.marks.contains(&mark) {
            return Ok(Inserted::Exists);
        }
        let of_session = bucket.per_session.entry(u128::from_ne_bytes(session)).or_default();
        if *of_session >= self.most_per_session {
            return Err(NotRemembered::Full);
        }
        let one_more = |count| (count < self.capacity).then_some(count + 1);
        if self.count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).is_err() {
            return Err(NotRemembered::Full);
        }
        *of_session += 1;
        bucket.marks.insert(mark);
        Ok(Inserted::Created)
    }
}

fn lock(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl core::fmt::Debug for SeenRequests {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SeenRequests").field("most_per_session", &self.most_per_session).finish_non_exhaustive()
    }
}

impl Part {
    /// Lets go of the buckets in which everything is too old. Returns how many marks these had.
    fn forget(&mut self, now: UnixTime) -> usize {
        let mut forgotten = 0;
        let is_over = |bucket: &Bucket| {
            let end = UnixTime::from_secs((bucket.number + 1).saturating_mul(BUCKET_SECS));
            end.saturating_add(Candidate::MAX_AGE) < now
        };
        while self.buckets.front().is_some_and(is_over) {
            if let Some(bucket) = self.buckets.pop_front() {
                forgotten += bucket.marks.len();
                self.gone_below = bucket.number + 1;
            }
        }
        forgotten
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::SessionId;

    pub(super) fn at(secs: u64) -> UnixTime {
        UnixTime::from_secs(1_800_000_000 + secs)
    }

    pub(super) fn proof(session: u8, created: UnixTime) -> Proof<()> {
        let session_id = SessionId::from_bytes([session; 16]);
        Proof { access: (), session_id, token_issued_at: at(0), mark: [1; 16], created, content: None }
    }

    #[test]
    fn sessions_that_are_silent_take_no_room() {
        let seen = SeenRequests::new(2, 9);
        for session in [1, 2] {
            assert_eq!(seen.insert_new(&proof(session, at(0)), at(0)), Ok(Inserted::Created));
        }
        assert_eq!(seen.insert_new(&proof(3, at(0)), at(0)), Err(NotRemembered::Full));
        for session in [3, 4] {
            assert_eq!(seen.insert_new(&proof(session, at(120)), at(120)), Ok(Inserted::Created), "{session}");
        }
        assert_eq!(seen.insert_new(&proof(5, at(120)), at(120)), Err(NotRemembered::Full));
    }

    /// When the marks of half a minute go, those of the next stay, and more may come.
    #[test]
    fn what_is_forgotten_is_forgotten_alone() {
        let seen = SeenRequests::new(9, 9);
        for (session, secs) in [(1, 29), (2, 30)] {
            assert_eq!(seen.insert_new(&proof(session, at(secs)), at(secs)), Ok(Inserted::Created));
        }
        let outcomes =
            [(1, 29), (2, 30), (1, 31)].map(|(session, secs)| seen.insert_new(&proof(session, at(secs)), at(91)));
        assert_eq!(outcomes, [Err(NotRemembered::Forgotten), Ok(Inserted::Exists), Ok(Inserted::Created)]);
    }
}

#[cfg(test)]
#[cfg(pinlatch_loom)]
mod interleavings {
    use std::sync::Arc;

    use loom::thread::spawn;

    use super::tests::{at, proof};
    use super::*;
    use crate::testing::in_every_order;

    /// Requests of these sessions at the same time.
    fn at_once<const N: usize>(
        seen: &Arc<SeenRequests>,
        sessions: [u8; N],
        secs: u64,
    ) -> [Result<Inserted, NotRemembered>; N] {
        let remember = |session: u8| {
            let seen = Arc::clone(seen);
            spawn(move || seen.insert_new(&proof(session, at(secs)), at(secs)))
        };
        sessions.map(remember).map(|call| call.join().unwrap())
    }

    #[test]
    fn one_of_two_copies_is_new() {
        in_every_order(|| {
            let seen = Arc::new(SeenRequests::new(9, 9));
            let [one, copy, other] = at_once(&seen, [1, 1, 2], 0);
            assert!(one != copy, "{one:?}, {copy:?}");
            assert_eq!(other, Ok(Inserted::Created));
        });
    }

    /// Both let go of what is too old, before one of them takes its place.
    #[test]
    fn the_last_place_is_given_once() {
        in_every_order(|| {
            let seen = Arc::new(SeenRequests::new(1, 9));
            assert_eq!(seen.insert_new(&proof(3, at(0)), at(0)), Ok(Inserted::Created));
            let [one, two] = at_once(&seen, [1, 2], 300);
            assert!(one != two, "{one:?}, {two:?}");
            assert_eq!(seen.count.load(Ordering::Relaxed), 1);
        });
    }
}
