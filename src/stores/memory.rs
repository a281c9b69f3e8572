//! Records in the memory of one process: the reference for what a store promises, except that they end with it.

use std::collections::{BTreeSet, HashMap};
use std::sync::PoisonError;

use super::check_size;
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreError, StoreFuture};
use crate::sync::{Mutex, MutexGuard};
use crate::time::UnixTime;

/// A bounded store in memory. When it is full it says so; nothing is evicted.
#[derive(Debug)]
pub struct MemoryStore {
    records: Mutex<Records>,
    max_records_per_kind: usize,
}

#[derive(Debug, Default)]
struct Records {
    by_key: HashMap<RecordKey, Record>,
    by_owner: BTreeSet<(OwnerKey, RecordKey)>,
    by_expiry: BTreeSet<(UnixTime, RecordKey)>,
    count: HashMap<RecordKind, usize>,
}

impl MemoryStore {
    /// Room for this many sessions, and as many records of each other kind.
    #[must_use]
    pub fn with_capacity(max_records_per_kind: usize) -> Self {
        Self { records: Mutex::default(), max_records_per_kind }
    }

    /// No method panics halfway through a change, so a poisoned lock guards a whole state.
    fn lock(&self) -> MutexGuard<'_, Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        check_size(record)?;
        let mut records = self.lock();
        if records.by_key.contains_key(&record.key) {
            return Ok(Inserted::Exists);
        }
        if records.count.get(&record.key.kind).copied().unwrap_or(0) >= self.max_records_per_kind {
            return Err(StoreError::Rejected);
        }
        records.add(record.clone());
        Ok(Inserted::Created)
    }

    fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        check_size(record)?;
        let mut records = self.lock();
        let Records { by_key, by_owner, by_expiry, .. } = &mut *records;
        let Some(present) = by_key.get_mut(&record.key) else { return Ok(Swap::Missing) };
        if present.revision != expected {
            return Ok(Swap::Stale);
        }
        if present.owner != record.owner {
            present.owner.map(|owner| by_owner.remove(&(owner, record.key)));
            record.owner.map(|owner| by_owner.insert((owner, record.key)));
        }
        if present.expires_at != record.expires_at {
            by_expiry.remove(&(present.expires_at, record.key));
            by_expiry.insert((record.expires_at, record.key));
        }
        let Record { key: _, owner, revision, expires_at, body } = present;
        (*owner, *revision, *expires_at) = (record.owner, record.revision, record.expires_at);
        body.clone_from(&record.body);
        Ok(Swap::Replaced)
    }
}

impl Default for MemoryStore {
    /// Room for 100,000 sessions.
    fn default() -> Self {
        Self::with_capacity(100_000)
    }
}

impl Records {
    fn add(&mut self, record: Record) {
        if let Some(owner) = record.owner {
            self.by_owner.insert((owner, record.key));
        }
        self.by_expiry.insert((record.expires_at, record.key));
        *self.count.entry(record.key.kind).or_default() += 1;
        self.by_key.insert(record.key, record);
    }

    fn take(&mut self, key: &RecordKey) -> Option<Record> {
        let record = self.by_key.remove(key)?;
        if let Some(owner) = record.owner {
            self.by_owner.remove(&(owner, record.key));
        }
        self.by_expiry.remove(&(record.expires_at, record.key));
        if let Some(count) = self.count.get_mut(&record.key.kind) {
            *count -= 1;
        }
        Some(record)
    }

    fn page(&self, owner: OwnerKey, kind: RecordKind, page: Page) -> Vec<Record> {
        use core::ops::Bound::{Excluded, Included, Unbounded};
        let from = |id| (owner, RecordKey { kind, id });
        let start = page.after.map_or_else(|| Included(from([0; 16])), |id| Excluded(from(id)));
        self.by_owner
            .range((start, Unbounded))
            .take_while(|(of, key)| *of == owner && key.kind == kind)
            .take(page.limit.into())
            .filter_map(|(_, key)| self.by_key.get(key).cloned())
            .collect()
    }

    fn purge(&mut self, before: UnixTime, limit: u32) -> u64 {
        let mut purged = 0;
        while purged < u64::from(limit) {
            let Some(&(expires_at, key)) = self.by_expiry.first() else { break };
            if expires_at >= before {
                break;
            }
            self.take(&key);
            purged += 1;
        }
        purged
    }
}

impl SessionStore for MemoryStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(async move { self.insert(record) })
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move { Ok(self.lock().by_key.get(key).cloned()) })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(async move { self.replace(expected, record) })
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.lock().take(key).is_some()) })
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(async move { Ok(self.lock().page(*owner, kind, page)) })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(async move { Ok(self.lock().purge(before, limit)) })
    }
}

#[cfg(test)]
#[cfg(pinlatch_loom)]
mod interleavings {
    use std::sync::Arc;

    use loom::thread::{JoinHandle, spawn};

    use super::*;
    use crate::testing::in_every_order;

    fn record(id: u8, revision: u64, owner: u8) -> Record {
        let key = RecordKey { kind: RecordKind::Session, id: [id; 16] };
        let expires_at = UnixTime::from_secs(owner.into());
        Record { key, owner: Some(OwnerKey([owner; 16])), revision, expires_at, body: vec![owner] }
    }

    fn at_once<T: 'static>(calls: [fn(&MemoryStore) -> T; 3], store: &Arc<MemoryStore>) -> [T; 3] {
        let start = |call: fn(&MemoryStore) -> T| -> JoinHandle<T> {
            let store = Arc::clone(store);
            spawn(move || call(&store))
        };
        calls.map(start).map(|call| call.join().unwrap())
    }

    /// What is in the indexes is what is there.
    fn assert_whole(store: &MemoryStore) {
        let records = store.lock();
        assert_eq!(records.count.values().sum::<usize>(), records.by_key.len());
        assert_eq!((records.by_owner.len(), records.by_expiry.len()), (records.by_key.len(), records.by_key.len()));
        for (key, record) in &records.by_key {
            assert!(record.owner.is_some_and(|owner| records.by_owner.contains(&(owner, *key))));
            assert!(records.by_expiry.contains(&(record.expires_at, *key)));
        }
    }

    #[test]
    fn one_replacement_of_a_revision_wins() {
        in_every_order(|| {
            let store = Arc::new(MemoryStore::default());
            assert_eq!(store.insert(&record(1, 0, 1)).unwrap(), Inserted::Created);
            let swaps = at_once(
                [
                    |store| store.replace(0, &record(1, 1, 2)).unwrap(),
                    |store| store.replace(0, &record(1, 1, 3)).unwrap(),
                    |store| store.replace(1, &record(1, 2, 4)).unwrap(),
                ],
                &store,
            );
            assert_eq!(swaps[..2].iter().filter(|swap| **swap == Swap::Replaced).count(), 1, "{swaps:?}");
            assert_whole(&store);
        });
    }

    #[test]
    fn the_last_place_is_given_once() {
        in_every_order(|| {
            let store = Arc::new(MemoryStore::with_capacity(1));
            let inserted = at_once(
                [
                    |store| store.insert(&record(1, 0, 1)).is_ok(),
                    |store| store.insert(&record(2, 0, 2)).is_ok(),
                    |store| store.lock().purge(UnixTime::from_secs(2), 9) > 0,
                ],
                &store,
            );
            let [one, two, purged] = inserted;
            assert!(if purged { one } else { one != two }, "{inserted:?}");
            assert_whole(&store);
        });
    }

    #[test]
    fn a_record_is_removed_once() {
        in_every_order(|| {
            let store = Arc::new(MemoryStore::default());
            assert_eq!(store.insert(&record(1, 0, 1)).unwrap(), Inserted::Created);
            let removed = at_once(
                [
                    |store| store.lock().take(&record(1, 0, 1).key).is_some(),
                    |store| store.lock().take(&record(1, 0, 1).key).is_some(),
                    |store| store.replace(0, &record(1, 1, 2)).unwrap() == Swap::Missing,
                ],
                &store,
            );
            assert!(removed[0] != removed[1], "{removed:?}");
            assert_whole(&store);
        });
    }
}
