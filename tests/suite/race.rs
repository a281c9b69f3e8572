//! The guess race: several servers on one store, each with many requests at once. Each server lets only one request of
//! a session evaluate at a time, so it takes more than one of them to race.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreFuture};
use pinlatch::stores::MemoryStore;
use pinlatch::{StoreError, UnixTime, UnlockError};

use crate::world::*;

/// What became of all guesses.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    verdicts: usize,
    throttled: usize,
    evaluations: u64,
}

/// Until the fifth wrong PIN, which brings a wait; and the login has evaluated once.
const fn kept(guesses: usize) -> Outcome {
    Outcome { verdicts: 5, throttled: guesses - 5, evaluations: 1 + 5 }
}

async fn race(store: Arc<dyn SessionStore>, guesses: usize) -> Outcome {
    let servers: Vec<_> = (0..4).map(|_| Arc::new(World::on(store.clone(), policy(), key_ring(1), ""))).collect();
    let wrapped: Arc<str> = servers[0].wrapped().await.into();
    let room = room();
    let guess = |number: usize| {
        let (server, wrapped, room) = (servers[number % 4].clone(), wrapped.clone(), room.clone());
        tokio::spawn(async move {
            let _place = room.acquire().await.unwrap();
            loop {
                match server.unlock(&wrapped, &format!("{:06}", 100_000 + number)).await {
                    Err(UnlockError::Busy { .. }) => tokio::task::yield_now().await,
                    other => break other.map_or_else(|error| error.code(), |_| "ok"),
                }
            }
        })
    };
    let running: Vec<_> = (0..guesses).map(guess).collect();
    let mut outcome = Outcome::default();
    for guess in running {
        match guess.await.unwrap() {
            "wrong_pin" => outcome.verdicts += 1,
            "throttled" => outcome.throttled += 1,
            _ => {}
        }
    }
    outcome.evaluations = servers.iter().map(|server| server.kdf.evaluations()).sum();
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn ten_thousand_guesses_get_the_scheduled_number_of_evaluations() {
    on_each_store(|name, store| async move {
        assert_eq!(race(store, 10_000).await, kept(10_000), "{name}");
    })
    .await;
}

/// How a store can break its promise.
#[derive(Clone, Copy, Debug)]
enum Flaw {
    /// Reads the revision, lets others do the same, and writes.
    ReadsThenWrites,
    /// Says that it has replaced what was newer than expected, and has not.
    HidesTheLoser,
    /// Answers before it has written: what is evaluated is counted afterwards.
    CountsAfterwards,
}

struct Flawed {
    inner: Arc<MemoryStore>,
    flaw: Flaw,
}

impl Flawed {
    async fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        let present = async || {
            let loaded = self.inner.load(&record.key).await?;
            Ok::<_, StoreError>(loaded.map(|present| present.revision))
        };
        match self.flaw {
            Flaw::ReadsThenWrites => {
                if present().await? != Some(expected) {
                    return Ok(Swap::Stale);
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
                match present().await? {
                    Some(revision) => self.inner.replace_if(revision, record).await,
                    None => Ok(Swap::Missing),
                }
            }
            Flaw::HidesTheLoser => match self.inner.replace_if(expected, record).await? {
                Swap::Stale => Ok(Swap::Replaced),
                other => Ok(other),
            },
            Flaw::CountsAfterwards => {
                if present().await? != Some(expected) {
                    return Ok(Swap::Stale);
                }
                let (inner, record) = (self.inner.clone(), record.clone());
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                    inner.replace_if(expected, &record).await
                });
                Ok(Swap::Replaced)
            }
        }
    }
}

impl SessionStore for Flawed {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        self.inner.insert_new(record)
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        self.inner.load(key)
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(self.replace(expected, record))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        self.inner.remove(key)
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        self.inner.list(owner, kind, page)
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        self.inner.purge_expired(before, limit)
    }
}

/// That the race sees what it is there to see.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_store_that_breaks_its_promise_is_seen() {
    for flaw in [Flaw::ReadsThenWrites, Flaw::HidesTheLoser, Flaw::CountsAfterwards] {
        let mut seen = false;
        for _ in 0..20 {
            let store = Flawed { inner: Arc::default(), flaw };
            seen |= race(Arc::new(store), 200).await.evaluations > kept(200).evaluations;
        }
        assert!(seen, "{flaw:?}");
    }
}
