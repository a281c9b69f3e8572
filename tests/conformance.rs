//! The stores of the crate keep the contract, and the suite notices every way of breaking it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use pinlatch::UnixTime;
use pinlatch::clock::{ClockPolicy, SystemClock};
use pinlatch::conformance::{Violations, check_store};
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError, StoreFuture};
use pinlatch::stores::{MemoryStore, SqliteStore};

async fn check<S: SessionStore + 'static>(handle: impl AsyncFn() -> S) -> Result<(), Violations> {
    check_store(handle, SystemClock.now(), |task| drop(tokio::spawn(task))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_memory_store_conforms() {
    let store = Arc::new(MemoryStore::default());
    check(async || store.clone()).await.unwrap();
}

/// Each handle is a store of its own on one file, as in two processes.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_sqlite_store_conforms() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    check(async || SqliteStore::open(&path).unwrap()).await.unwrap();
}

/// One way of not keeping the contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flaw {
    None,
    AcceptsAnySize,
    CutsBodies,
    ForgetsOnClose,
    ForgetsOwners,
    HandlesAreApart,
    HidesExpired,
    InsertOverwrites,
    InsertRaces,
    InsertTears,
    ListByFirstOwner,
    ListIgnoresAfter,
    ListIgnoresKind,
    ListIgnoresLimit,
    ListIgnoresOwner,
    ListUnordered,
    MixesKinds,
    PurgeByFirstExpiry,
    PurgeIgnoresLimit,
    PurgeRaces,
    PurgesTooMuch,
    RemoveAlwaysTrue,
    RemoveRaces,
    SpoiledByDrop,
    SwapCreates,
    SwapIgnoresRevision,
    SwapKeepsOwner,
    SwapRaces,
    SwapRemovesFirst,
    SwapResurrects,
}

/// The simplest store there is, with a flaw.
struct Toy {
    records: Arc<Mutex<BTreeMap<RecordKey, Record>>>,
    /// What was written through this handle.
    written: Mutex<Vec<RecordKey>>,
    /// As what a record began.
    first: Mutex<BTreeMap<RecordKey, Record>>,
    /// Set while a swap is under way.
    busy: AtomicBool,
    flaw: Flaw,
}

impl Drop for Toy {
    fn drop(&mut self) {
        if self.flaw == Flaw::ForgetsOnClose {
            let mut records = self.records.lock().unwrap();
            for key in self.written.get_mut().unwrap() {
                records.remove(key);
            }
        }
    }
}

impl Toy {
    fn key(&self, key: RecordKey) -> RecordKey {
        if self.flaw == Flaw::MixesKinds { RecordKey { kind: RecordKind::Session, ..key } } else { key }
    }

    fn fits(&self, record: &Record) -> Result<(), StoreError> {
        let fits = record.body.len() <= Record::MAX_BODY || self.flaw == Flaw::AcceptsAnySize;
        if fits { Ok(()) } else { Err(StoreError::Rejected) }
    }

    fn get(&self, key: RecordKey) -> Option<Record> {
        self.records.lock().unwrap().get(&self.key(key)).cloned()
    }

    /// The row that it makes of a record.
    fn row(&self, record: &Record) -> Record {
        let mut row = Record { key: self.key(record.key), ..record.clone() };
        if self.flaw == Flaw::CutsBodies {
            row.body.truncate(200);
        }
        if self.flaw == Flaw::ForgetsOwners {
            row.owner = None;
        }
        row
    }

    fn put(&self, record: &Record) {
        let row = self.row(record);
        self.written.lock().unwrap().push(row.key);
        self.records.lock().unwrap().insert(row.key, row);
    }

    /// Where a flawed store decides on something that may be different when it acts.
    async fn meanwhile(&self, flaws: &[Flaw]) {
        if flaws.contains(&self.flaw) {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        }
    }

    async fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        self.fits(record)?;
        if self.flaw == Flaw::InsertRaces {
            if self.get(record.key).is_some() {
                return Ok(Inserted::Exists);
            }
            self.meanwhile(&[Flaw::InsertRaces]).await;
            self.put(record);
            return Ok(Inserted::Created);
        }
        let row = self.row(record);
        self.written.lock().unwrap().push(row.key);
        self.first.lock().unwrap().insert(row.key, row.clone());
        let taken = {
            let mut records = self.records.lock().unwrap();
            let taken = records.contains_key(&row.key);
            if taken && self.flaw != Flaw::InsertOverwrites {
                return Ok(Inserted::Exists);
            }
            let first =
                if self.flaw == Flaw::InsertTears { Record { body: Vec::new(), ..row.clone() } } else { row.clone() };
            records.insert(row.key, first);
            taken
        };
        if self.flaw == Flaw::InsertTears {
            self.meanwhile(&[Flaw::InsertTears]).await;
            self.records.lock().unwrap().insert(row.key, row);
        }
        Ok(if taken { Inserted::Exists } else { Inserted::Created })
    }

    async fn swap(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        self.fits(record)?;
        if self.flaw == Flaw::SpoiledByDrop {
            if self.busy.swap(true, Ordering::SeqCst) {
                return Err(StoreError::Unavailable("busy".into()));
            }
            tokio::time::sleep(std::time::Duration::from_micros(100)).await;
            self.busy.store(false, Ordering::SeqCst);
        }
        let Some(present) = self.get(record.key) else {
            if matches!(self.flaw, Flaw::SwapCreates) {
                self.put(record);
            }
            return Ok(Swap::Missing);
        };
        if present.revision != expected && self.flaw != Flaw::SwapIgnoresRevision {
            return Ok(Swap::Stale);
        }
        self.meanwhile(&[Flaw::SwapRaces, Flaw::SwapResurrects]).await;
        let next = match self.flaw {
            Flaw::SwapKeepsOwner => Record { owner: present.owner, ..record.clone() },
            _ => record.clone(),
        };
        let row = self.row(&next);
        {
            let mut records = self.records.lock().unwrap();
            let still = records.get(&row.key).map(|record| record.revision);
            match (still, self.flaw) {
                (_, Flaw::SwapResurrects | Flaw::SwapIgnoresRevision) | (Some(_), Flaw::SwapRaces) => {}
                (None, _) => return Ok(Swap::Missing),
                (Some(revision), _) if revision != expected => return Ok(Swap::Stale),
                _ => {}
            }
            records.remove(&row.key);
            if self.flaw != Flaw::SwapRemovesFirst {
                records.insert(row.key, row);
                return Ok(Swap::Replaced);
            }
        }
        self.meanwhile(&[Flaw::SwapRemovesFirst]).await;
        self.put(&next);
        Ok(Swap::Replaced)
    }

    async fn take(&self, key: RecordKey) -> bool {
        if self.flaw == Flaw::RemoveRaces {
            let there = self.get(key).is_some();
            if there {
                self.meanwhile(&[Flaw::RemoveRaces]).await;
            }
            self.records.lock().unwrap().remove(&self.key(key));
            return there;
        }
        let removed = self.records.lock().unwrap().remove(&self.key(key)).is_some();
        removed || self.flaw == Flaw::RemoveAlwaysTrue
    }

    fn page(&self, owner: OwnerKey, kind: RecordKind, page: Page) -> Vec<Record> {
        let records = self.records.lock().unwrap();
        let first = self.first.lock().unwrap().clone();
        let of_owner = |record: &&Record| {
            let began = first.get(&record.key).filter(|_| self.flaw == Flaw::ListByFirstOwner);
            began.unwrap_or(*record).owner == Some(owner) || self.flaw == Flaw::ListIgnoresOwner
        };
        let of_kind = |record: &&Record| record.key.kind == kind || self.flaw == Flaw::ListIgnoresKind;
        let mut all: Vec<Record> = records.values().filter(of_owner).filter(of_kind).cloned().collect();
        match (self.flaw, page.after) {
            (Flaw::ListIgnoresAfter, _) | (_, None) => {}
            (_, Some(after)) => all.retain(|record| record.key.id > after),
        }
        if self.flaw == Flaw::ListUnordered {
            all.reverse();
        }
        if self.flaw != Flaw::ListIgnoresLimit {
            all.truncate(page.limit.into());
        }
        all
    }

    async fn purge(&self, before: UnixTime, limit: u32) -> u64 {
        let last =
            if self.flaw == Flaw::PurgesTooMuch { before } else { UnixTime::from_millis(before.as_millis() - 1) };
        let limit = if self.flaw == Flaw::PurgeIgnoresLimit { usize::MAX } else { limit as usize };
        let first = self.first.lock().unwrap().clone();
        let expired = |record: &&Record| {
            let began = first.get(&record.key).filter(|_| self.flaw == Flaw::PurgeByFirstExpiry);
            began.unwrap_or(*record).expires_at <= last
        };
        let find = |records: &BTreeMap<RecordKey, Record>| -> Vec<RecordKey> {
            records.values().filter(expired).take(limit).map(|record| record.key).collect()
        };
        if self.flaw == Flaw::PurgeRaces {
            let keys = find(&self.records.lock().unwrap());
            self.meanwhile(&[Flaw::PurgeRaces]).await;
            let mut records = self.records.lock().unwrap();
            return keys.iter().filter(|key| records.remove(key).is_some()).count() as u64;
        }
        let mut records = self.records.lock().unwrap();
        let keys = find(&records);
        keys.iter().filter(|key| records.remove(key).is_some()).count() as u64
    }
}

impl SessionStore for Toy {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(self.insert(record))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let found = self.get(*key);
        let visible = found.filter(|record| self.flaw != Flaw::HidesExpired || record.expires_at >= SystemClock.now());
        Box::pin(async move { Ok(visible) })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(self.swap(expected, record))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.take(*key).await) })
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(async move { Ok(self.page(*owner, kind, page)) })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(async move { Ok(self.purge(before, limit).await) })
    }
}

async fn violations(flaw: Flaw) -> Vec<&'static str> {
    let records = Arc::default();
    let handle = async || {
        let records = if flaw == Flaw::HandlesAreApart { Arc::default() } else { Arc::clone(&records) };
        Toy { records, written: Mutex::default(), first: Mutex::default(), busy: AtomicBool::default(), flaw }
    };
    match check(handle).await {
        Ok(()) => Vec::new(),
        Err(Violations(violations)) => violations.iter().map(|violation| violation.rule).collect(),
    }
}

/// Every flaw is found under the sentence that it breaks. The toy without one conforms, so it is the flaw that is
/// found.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn every_flaw_is_found() {
    assert_eq!(violations(Flaw::None).await, [""; 0]);
    for (flaw, rule) in [
        (Flaw::AcceptsAnySize, "a record larger than the limit is rejected and changes nothing"),
        (Flaw::CutsBodies, "load returns what was stored, byte for byte"),
        (Flaw::ForgetsOnClose, "what was answered is there for a handle made later"),
        (Flaw::ForgetsOwners, "load returns every field at its bounds"),
        (Flaw::HandlesAreApart, "another handle sees what was answered"),
        (Flaw::HidesExpired, "load does not hide an expired record"),
        (Flaw::InsertOverwrites, "insert_new never overwrites"),
        (Flaw::InsertRaces, "of many insert_new of one key exactly one creates"),
        (Flaw::InsertTears, "a call that is dropped is done whole or not at all"),
        (Flaw::ListByFirstOwner, "list follows what is written"),
        (Flaw::ListIgnoresAfter, "the pages of list follow each other"),
        (Flaw::ListIgnoresKind, "list is of one owner and one kind, in ascending order of id"),
        (Flaw::ListIgnoresLimit, "the pages of list follow each other"),
        (Flaw::ListIgnoresOwner, "list is of one owner and one kind, in ascending order of id"),
        (Flaw::SwapRemovesFirst, "list has a record that stays on a page, whatever is written meanwhile"),
        (Flaw::ListUnordered, "list is of one owner and one kind, in ascending order of id"),
        (Flaw::MixesKinds, "kinds are apart"),
        (Flaw::PurgeByFirstExpiry, "purge_expired goes by the expiry that was written last"),
        (Flaw::PurgeIgnoresLimit, "purge_expired removes at most as many as it may"),
        (Flaw::PurgeRaces, "purge_expired does not remove what was replaced by something that expires later"),
        (Flaw::PurgesTooMuch, "purge_expired removes what expired before the instant and nothing else"),
        (Flaw::RemoveAlwaysTrue, "remove says whether there was a record"),
        (Flaw::RemoveRaces, "of many remove of one key exactly one removes"),
        (Flaw::SpoiledByDrop, "a call that is dropped is done whole or not at all"),
        (Flaw::SwapCreates, "replace_if never creates"),
        (Flaw::SwapIgnoresRevision, "replace_if needs the expected revision"),
        (Flaw::SwapIgnoresRevision, "of many replace_if in turn no update is lost"),
        (Flaw::SwapKeepsOwner, "replace_if replaces every field"),
        (Flaw::SwapRaces, "of many replace_if of one revision exactly one replaces"),
        (Flaw::SwapResurrects, "what was removed does not come back"),
    ] {
        // A race shows when the contenders meet. On a busy machine they may miss each other, so they try again.
        let mut found = Vec::new();
        for _ in 0..20 {
            found = violations(flaw).await;
            if found.contains(&rule) {
                break;
            }
        }
        assert!(found.contains(&rule), "{flaw:?}: {found:?}");
    }
}
