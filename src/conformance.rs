//! Is a store what [`SessionStore`] promises? A suite that any crate can point at its own.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pinlatch::clock::{ClockPolicy, SystemClock};
//! use pinlatch::conformance::check_store;
//! use pinlatch::stores::MemoryStore;
//!
//! # async fn wrapped() {
//! // In a #[tokio::test(flavor = "multi_thread")]:
//! let store = Arc::new(MemoryStore::default());
//! let checked = check_store(async || store.clone(), SystemClock.now(), |task| drop(tokio::spawn(task))).await;
//! checked.unwrap_or_else(|violations| panic!("{violations}"));
//! # }
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(wrapped());
//! ```
//!
//! Run it on several threads and on the real database; races do not show anywhere else. It takes some seconds. Each
//! check works on records of its own, in a store that is empty at first and that nothing else uses, and leaves none
//! behind unless it finds fault. The store has to be available all the while. One broken sentence may show under
//! several; the plainest comes first. Not tested is that a write survives a crash: kill the database for that.

mod breaks;
mod listing;
mod purging;
mod races;
mod reading;
mod writing;

use core::cell::Cell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::deadline::within;
use crate::record::{OwnerKey, Record, RecordKey, RecordKind};
use crate::store::{SessionStore, StoreError};
use crate::time::UnixTime;

/// What the suite runs in parallel.
pub type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A sentence of the contract that the store did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// The sentence.
    pub rule: &'static str,
    /// What happened instead.
    pub seen: String,
}

/// Every sentence that the store did not keep, at most one violation of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violations(pub Vec<Violation>);

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|Violation { rule, seen }| writeln!(f, "{rule}, but {seen}"))
    }
}

impl std::error::Error for Violations {}

/// Checks a store against every sentence of its contract.
///
/// `handle` gives handles to the same records, as several processes would have them: each with a connection of its own.
/// Where only one process can open the database, they are clones of one. `now` is the time, as some stores drop what
/// expired long ago. `spawn` runs a task in parallel, on the runtime that the store needs.
///
/// # Errors
/// [`Violations`], all that were found.
pub async fn check_store<S: SessionStore + 'static>(
    handle: impl AsyncFn() -> S,
    now: UnixTime,
    spawn: impl Fn(Task),
) -> Result<(), Violations> {
    let (one, other) = (Arc::new(handle().await), Arc::new(handle().await));
    let bench = Bench { one, other, now, spawn: &spawn, patience: PATIENCE, silent: Cell::new(false) };
    let mut violations = Vec::new();
    violations.extend(reading::check(&bench).await);
    violations.extend(writing::check(&bench).await);
    violations.extend(listing::check(&bench).await);
    violations.extend(purging::check(&bench).await);
    violations.extend(races::check(&bench).await);
    violations.extend(breaks::check(&bench, &handle).await);
    if violations.is_empty() { Ok(()) } else { Err(Violations(violations)) }
}

/// The store under test, through two handles.
struct Bench<'a> {
    one: Arc<dyn SessionStore>,
    other: Arc<dyn SessionStore>,
    now: UnixTime,
    spawn: &'a dyn Fn(Task),
    patience: Duration,
    /// Set when a check did not come to its end. There is no use in waiting for the others.
    silent: Cell<bool>,
}

/// A check takes seconds. A store that keeps it waiting for so long does not answer.
const PATIENCE: Duration = Duration::from_secs(if cfg!(miri) { 3600 } else { 120 });

/// How a check ends early.
#[derive(Debug)]
enum Broken {
    Rule(String),
    Store(StoreError),
}

impl From<StoreError> for Broken {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

type Checked = Result<(), Broken>;

/// After so many turns a loop that a store keeps going is given up.
const MOST_TURNS: usize = 10_000;

/// Holds if the two are equal; what was seen otherwise.
#[expect(clippy::needless_pass_by_value, reason = "checks read better without references")]
fn expect<T: PartialEq + fmt::Debug>(what: &str, seen: T, expected: T) -> Checked {
    if seen == expected { Ok(()) } else { Err(Broken::Rule(format!("{what} was {seen:?}, not {expected:?}"))) }
}

/// Holds if the two are equal; which fields differ otherwise.
fn expect_record(what: &str, seen: Option<&Record>, expected: Option<&Record>) -> Checked {
    let (seen, expected) = match (seen, expected) {
        (Some(seen), Some(expected)) => (seen, expected),
        (None, None) => return Ok(()),
        (Some(_), None) => return Err(Broken::Rule(format!("{what} was there"))),
        (None, Some(_)) => return Err(Broken::Rule(format!("{what} was not there"))),
    };
    expect(&format!("the key of {what}"), seen.key, expected.key)?;
    expect(&format!("the owner of {what}"), seen.owner, expected.owner)?;
    expect(&format!("the revision of {what}"), seen.revision, expected.revision)?;
    expect(&format!("the expiry of {what}"), seen.expires_at, expected.expires_at)?;
    expect(&format!("the length of the body of {what}"), seen.body.len(), expected.body.len())?;
    let differs = seen.body.iter().zip(&expected.body).position(|(seen, expected)| seen != expected);
    expect(&format!("the first byte that differs in the body of {what}"), differs, None)
}

/// A name for a check's own records.
#[derive(Clone, Copy)]
struct Drawer(u8);

impl Drawer {
    fn key(self, number: u8) -> RecordKey {
        let mut id = [0; 16];
        (id[0], id[8], id[15]) = (number, self.0, number);
        RecordKey { kind: RecordKind::Session, id }
    }

    fn owner(self) -> OwnerKey {
        OwnerKey([self.0; 16])
    }

    /// A record with every byte value in its body.
    fn record(self, number: u8, revision: u64) -> Record {
        Record {
            key: self.key(number),
            owner: Some(self.owner()),
            revision,
            expires_at: UnixTime::from_secs(4_000_000_000),
            body: (0..=255).collect(),
        }
    }
}

impl Bench<'_> {
    /// Runs a check, removes what it left, and says which sentence it is about.
    async fn judge(
        &self,
        drawer: Drawer,
        rule: &'static str,
        check: impl Future<Output = Checked>,
    ) -> Option<Violation> {
        if self.silent.get() {
            return None;
        }
        let whole = async { (check.await, self.empty(drawer).await.map_err(Broken::Store)) };
        let seen = match within(self.patience, whole).await {
            Some((Ok(()), Ok(()))) => return None,
            Some((Err(broken), _) | (Ok(()), Err(broken))) => broken.to_string(),
            None => {
                self.silent.set(true);
                format!("the store kept it waiting for {:?}, and what follows was not tried", self.patience)
            }
        };
        Some(Violation { rule, seen })
    }

    /// Removes what a check left.
    async fn empty(&self, drawer: Drawer) -> Result<(), StoreError> {
        for number in 0..=255 {
            self.one.remove(&drawer.key(number)).await?;
        }
        Ok(())
    }

    /// Runs tasks in parallel, the even ones through one handle and the odd ones through the other.
    async fn in_parallel<T, F>(
        &self,
        count: usize,
        task: impl Fn(usize, Arc<dyn SessionStore>) -> F,
    ) -> Result<Vec<T>, Broken>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let results: Vec<_> = (0..count)
            .map(|number| {
                let (send, receive) = oneshot::channel();
                let handle = if number % 2 == 0 { &self.one } else { &self.other };
                let work = task(number, Arc::clone(handle));
                (self.spawn)(Box::pin(async move { drop(send.send(work.await)) }));
                receive
            })
            .collect();
        let mut answers = Vec::with_capacity(count);
        for result in results {
            // A task that panicked, or whose runtime ended, does not send.
            answers.push(result.await.unwrap_or_else(|_| Err(StoreError::Unavailable("its task was lost".into())))?);
        }
        Ok(answers)
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(seen) => f.write_str(seen),
            Self::Store(error) => write!(f, "the store failed: {error} ({error:?})"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Inserted, Swap};
    use crate::store::{Page, StoreFuture};

    /// A store that takes its time.
    struct Silent;

    impl SessionStore for Silent {
        fn insert_new<'a>(&'a self, _: &'a Record) -> StoreFuture<'a, Inserted> {
            Box::pin(core::future::pending())
        }

        fn load<'a>(&'a self, _: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
            Box::pin(core::future::pending())
        }

        fn replace_if<'a>(&'a self, _: u64, _: &'a Record) -> StoreFuture<'a, Swap> {
            Box::pin(core::future::pending())
        }

        fn remove<'a>(&'a self, _: &'a RecordKey) -> StoreFuture<'a, bool> {
            Box::pin(core::future::pending())
        }

        fn list<'a>(&'a self, _: &'a OwnerKey, _: RecordKind, _: Page) -> StoreFuture<'a, Vec<Record>> {
            Box::pin(core::future::pending())
        }

        fn purge_expired(&self, _: UnixTime, _: u32) -> StoreFuture<'_, u64> {
            Box::pin(core::future::pending())
        }
    }

    #[tokio::test]
    async fn a_store_that_never_answers_is_named_and_waited_for_once() {
        let bench = Bench {
            one: Arc::new(Silent),
            other: Arc::new(Silent),
            now: UnixTime::from_secs(1),
            spawn: &|task| drop(tokio::spawn(task)),
            patience: Duration::from_millis(50),
            silent: Cell::new(false),
        };
        let mut violations = reading::check(&bench).await;
        violations.extend(races::check(&bench).await);
        assert_eq!(violations.len(), 1);
        assert!(violations[0].seen.contains("kept it waiting for 50ms"), "{violations:?}");
    }

    #[test]
    fn records_that_differ_are_told_apart_by_their_fields() {
        let record = Drawer(1).record(1, 1);
        let says = |seen: Record| expect_record("it", Some(&seen), Some(&record)).unwrap_err().to_string();
        assert_eq!(says(Record { revision: 7, ..record.clone() }), "the revision of it was 7, not 1");
        assert!(says(Record { owner: None, ..record.clone() }).starts_with("the owner of it was None, not Some"));
        let mut body = record.body.clone();
        body[5] = 0;
        assert!(says(Record { body, ..record.clone() }).contains("differs in the body of it was Some(5)"));
    }
}
