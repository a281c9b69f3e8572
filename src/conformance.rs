//! Is a store what [`SessionStore`] promises? A suite that any crate can point at its own.
//!
//! ```
//! # use std::sync::Arc;
//! # use pinlatch::clock::{ClockPolicy, SystemClock};
//! # use pinlatch::conformance::check_store;
//! # use pinlatch::stores::MemoryStore;
//! # tokio::runtime::Builder::new_multi_thread().build().unwrap().block_on(async {
//! let store = Arc::new(MemoryStore::default());
//! let now = SystemClock.now();
//! check_store(async || store.clone(), now, |task| drop(tokio::spawn(task))).await.unwrap();
//! # });
//! ```
//!
//! Run it on several threads and on the real database; races do not show anywhere else. Each check works on records of
//! its own, in a store that is empty at first and that nothing else uses, and leaves none behind unless it finds fault.
//! The store has to be available all the while. Not tested is that a write survives a crash: kill the database for that.

mod breaks;
mod listing;
mod purging;
mod races;
mod reading;
mod writing;

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use std::sync::Arc;

use tokio::sync::oneshot;

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
/// `handle` gives handles to the same records, as several processes would have them: a connection of its own to one
/// database, say, or another clone of the same `Arc`. `now` is the time, as some stores drop what expired long ago.
/// `spawn` runs a task in parallel, on the runtime that the store needs.
///
/// # Errors
/// [`Violations`], all that were found.
pub async fn check_store<S: SessionStore + 'static>(
    handle: impl AsyncFn() -> S,
    now: UnixTime,
    spawn: impl Fn(Task),
) -> Result<(), Violations> {
    let bench = Bench { one: Arc::new(handle().await), other: Arc::new(handle().await), now, spawn: &spawn };
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
}

/// How a check ends early.
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
        let checked = check.await;
        let emptied = self.empty(drawer).await.map_err(Broken::Store);
        let seen = match checked.and(emptied) {
            Ok(()) => return None,
            Err(Broken::Rule(seen)) => seen,
            Err(Broken::Store(error)) => format!("the store failed: {error} ({error:?})"),
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

    /// Runs tasks in parallel, the even ones through one handle and the odd ones through the other. A task that is
    /// lost, because it panicked or its runtime ended, counts as a failed one.
    async fn in_parallel<T, F>(&self, count: usize, task: impl Fn(usize, Arc<dyn SessionStore>) -> F) -> Vec<Option<T>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let results: Vec<_> = (0..count)
            .map(|number| {
                let (send, receive) = oneshot::channel();
                let handle = if number % 2 == 0 { &self.one } else { &self.other };
                let work = task(number, Arc::clone(handle));
                (self.spawn)(Box::pin(async move { drop(send.send(work.await.ok())) }));
                receive
            })
            .collect();
        let mut answers = Vec::with_capacity(count);
        for result in results {
            answers.push(result.await.ok().flatten());
        }
        answers
    }
}
