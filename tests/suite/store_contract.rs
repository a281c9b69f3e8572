//! The store's contract, sentence by sentence, on each store; and what is particular to a file.

use std::collections::HashSet;
use std::sync::Arc;

use pinlatch::UnixTime;
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError};
use pinlatch::stores::{MemoryStore, SqliteStore, SqliteStoreError};

use crate::world::on_each_store;

fn record(mark: u8, revision: u64) -> Record {
    Record {
        key: RecordKey { kind: RecordKind::Session, id: [mark; 16] },
        owner: Some(OwnerKey([9; 16])),
        revision,
        expires_at: UnixTime::from_secs(u64::from(mark)),
        body: (0..=255).collect(),
    }
}

async fn insert(store: &dyn SessionStore, record: &Record) {
    assert_eq!(store.insert_new(record).await.unwrap(), Inserted::Created);
}

async fn ids(store: &dyn SessionStore, after: Option<u8>, limit: u16) -> Vec<u8> {
    let page = Page { after: after.map(|mark| [mark; 16]), limit };
    let records = store.list(&OwnerKey([9; 16]), RecordKind::Session, page).await.unwrap();
    records.iter().map(|record| record.key.id[0]).collect()
}

#[tokio::test]
async fn what_was_stored_is_loaded_byte_for_byte() {
    on_each_store(|name, store| async move {
        let most = i64::MAX as u64;
        for (mark, revision, expires_at) in [(0, 0, 0), (1, most, most), (255, 1, 1)] {
            let stored = Record { expires_at: UnixTime::from_millis(expires_at), ..record(mark, revision) };
            insert(&*store, &stored).await;
            assert_eq!(store.load(&stored.key).await.unwrap(), Some(stored), "{name}");
        }
        let bare = Record { owner: None, body: Vec::new(), ..record(7, 1) };
        insert(&*store, &bare).await;
        assert_eq!(store.load(&bare.key).await.unwrap(), Some(bare.clone()), "{name}");
        let other_kind = RecordKey { kind: RecordKind::Subject, ..bare.key };
        assert_eq!(store.load(&other_kind).await.unwrap(), None, "{name}: kinds are apart");
    })
    .await;
}

#[tokio::test]
async fn an_insert_never_overwrites() {
    on_each_store(|name, store| async move {
        insert(&*store, &record(1, 5)).await;
        assert_eq!(store.insert_new(&record(1, 6)).await.unwrap(), Inserted::Exists, "{name}");
        assert_eq!(store.load(&record(1, 5).key).await.unwrap(), Some(record(1, 5)), "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_swap_needs_the_revision_and_never_creates() {
    on_each_store(|name, store| async move {
        assert_eq!(store.replace_if(5, &record(1, 6)).await.unwrap(), Swap::Missing, "{name}");
        insert(&*store, &record(1, 5)).await;
        for wrong in [4, 6, 0, i64::MAX as u64, u64::MAX] {
            assert_eq!(store.replace_if(wrong, &record(1, 6)).await.unwrap(), Swap::Stale, "{name}");
        }
        let next = Record { owner: None, body: vec![0; Record::MAX_BODY], ..record(1, 6) };
        assert_eq!(store.replace_if(5, &next).await.unwrap(), Swap::Replaced, "{name}");
        assert_eq!(store.load(&next.key).await.unwrap(), Some(next), "{name}");
        assert_eq!(ids(&*store, None, 10).await, [0u8; 0], "{name}: the listing follows the record");
    })
    .await;
}

#[tokio::test]
async fn what_was_removed_stays_removed() {
    on_each_store(|name, store| async move {
        insert(&*store, &record(1, 5)).await;
        assert!(store.remove(&record(1, 5).key).await.unwrap(), "{name}");
        assert!(!store.remove(&record(1, 5).key).await.unwrap(), "{name}");
        assert_eq!(store.replace_if(5, &record(1, 6)).await.unwrap(), Swap::Missing, "{name}");
        assert_eq!(store.load(&record(1, 5).key).await.unwrap(), None, "{name}");
        assert_eq!(ids(&*store, None, 10).await, [0u8; 0], "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_rejected_and_changes_nothing() {
    on_each_store(|name, store| async move {
        let huge = Record { body: vec![0; Record::MAX_BODY + 1], ..record(1, 6) };
        assert!(matches!(store.insert_new(&huge).await, Err(StoreError::Rejected)), "{name}");
        insert(&*store, &record(1, 5)).await;
        assert!(matches!(store.replace_if(5, &huge).await, Err(StoreError::Rejected)), "{name}");
        assert_eq!(store.load(&huge.key).await.unwrap(), Some(record(1, 5)), "{name}");
    })
    .await;
}

#[tokio::test]
async fn listing_is_in_order_by_owner_and_kind_in_pages() {
    on_each_store(|name, store| async move {
        for mark in [200, 3, 1, 2, 128] {
            insert(&*store, &record(mark, 1)).await;
        }
        insert(&*store, &Record { owner: Some(OwnerKey([8; 16])), ..record(4, 1) }).await;
        insert(&*store, &Record { owner: Some(OwnerKey([10; 16])), ..record(5, 1) }).await;
        insert(&*store, &Record { owner: None, ..record(6, 1) }).await;
        let subject = RecordKey { kind: RecordKind::Subject, id: [7; 16] };
        insert(&*store, &Record { key: subject, ..record(7, 1) }).await;

        assert_eq!(ids(&*store, None, 1000).await, [1, 2, 3, 128, 200], "{name}");
        assert_eq!(ids(&*store, None, 2).await, [1, 2], "{name}");
        assert_eq!(ids(&*store, Some(2), 2).await, [3, 128], "{name}");
        assert_eq!(ids(&*store, Some(200), 2).await, [0u8; 0], "{name}");
        // A page may begin after a record that is gone.
        store.remove(&record(2, 1).key).await.unwrap();
        assert_eq!(ids(&*store, Some(2), 2).await, [3, 128], "{name}");
    })
    .await;
}

#[tokio::test]
async fn purging_takes_the_expired_up_to_the_limit() {
    on_each_store(|name, store| async move {
        for mark in 1..=10 {
            insert(&*store, &record(mark, 1)).await;
        }
        let before = UnixTime::from_secs(6);
        assert_eq!(store.purge_expired(before, 2).await.unwrap(), 2, "{name}");
        assert_eq!(store.purge_expired(before, 100).await.unwrap(), 3, "{name}");
        assert_eq!(store.purge_expired(before, 100).await.unwrap(), 0, "{name}");
        assert_eq!(ids(&*store, None, 100).await, [6, 7, 8, 9, 10], "{name}");
        assert!(store.load(&record(6, 1).key).await.unwrap().is_some(), "{name}: an expired record is not hidden");
    })
    .await;
}

/// As many at once as there are cores and more; several rounds.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_writers_exactly_one_wins() {
    on_each_store(|name, store| async move {
        for round in 0..20 {
            let key = record(round, 0).key;
            let insert = |revision| {
                let store = store.clone();
                tokio::spawn(async move {
                    store.insert_new(&Record { key, ..record(1, revision) }).await.unwrap() == Inserted::Created
                })
            };
            assert_eq!(winners((0..16).map(insert)).await, 1, "{name}");
            let revision = store.load(&key).await.unwrap().unwrap().revision;
            let swap = |next: u64| {
                let store = store.clone();
                tokio::spawn(async move {
                    let next = Record { key, ..record(1, 100 + next) };
                    store.replace_if(revision, &next).await.unwrap() == Swap::Replaced
                })
            };
            assert_eq!(winners((0..16).map(swap)).await, 1, "{name}");
            let remove = |_| {
                let store = store.clone();
                tokio::spawn(async move { store.remove(&key).await.unwrap() })
            };
            assert_eq!(winners((0..16).map(remove)).await, 1, "{name}");
        }
    })
    .await;
}

async fn winners(contenders: impl Iterator<Item = tokio::task::JoinHandle<bool>>) -> usize {
    let mut winners = 0;
    for contender in contenders.collect::<Vec<_>>() {
        winners += usize::from(contender.await.unwrap());
    }
    winners
}

/// A counter by compare-and-swap loses nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_update_is_lost() {
    on_each_store(|name, store| async move {
        insert(&*store, &Record { body: vec![0, 0], ..record(1, 0) }).await;
        let count = |_| {
            let store = store.clone();
            tokio::spawn(async move {
                for _ in 0..25 {
                    loop {
                        let mut present = store.load(&record(1, 0).key).await.unwrap().unwrap();
                        let expected = present.revision;
                        let counted = u16::from_be_bytes([present.body[0], present.body[1]]) + 1;
                        (present.revision, present.body) = (expected + 1, counted.to_be_bytes().to_vec());
                        if store.replace_if(expected, &present).await.unwrap() == Swap::Replaced {
                            break;
                        }
                    }
                }
                true
            })
        };
        assert_eq!(winners((0..8).map(count)).await, 8);
        let counted = store.load(&record(1, 0).key).await.unwrap().unwrap();
        assert_eq!((counted.body, counted.revision), (200u16.to_be_bytes().to_vec(), 200), "{name}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn paging_finds_every_record_that_stays_while_others_come_and_go() {
    on_each_store(|name, store| async move {
        for mark in (0..100).map(|at| at * 2) {
            insert(&*store, &record(mark, 1)).await;
        }
        let writer = {
            let store = store.clone();
            tokio::spawn(async move {
                for mark in (0..100).map(|at| at * 2 + 1) {
                    insert(&*store, &record(mark, 1)).await;
                    store.remove(&record(mark, 1).key).await.unwrap();
                }
            })
        };
        for _ in 0..5 {
            let (mut seen, mut after) = (HashSet::new(), None);
            loop {
                let page = ids(&*store, after, 7).await;
                let Some(last) = page.last() else { break };
                after = Some(*last);
                seen.extend(page);
            }
            assert!((0..100).all(|at| seen.contains(&(at * 2))), "{name}");
        }
        writer.await.unwrap();
    })
    .await;
}

#[tokio::test]
async fn a_full_memory_store_says_so_and_evicts_nothing() {
    let store = MemoryStore::with_capacity(2);
    insert(&store, &record(1, 1)).await;
    insert(&store, &record(2, 1)).await;
    assert!(matches!(store.insert_new(&record(3, 1)).await, Err(StoreError::Rejected)));
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Exists);
    assert_eq!(store.replace_if(1, &record(1, 2)).await.unwrap(), Swap::Replaced);
    let subject = Record { key: RecordKey { kind: RecordKind::Subject, id: [1; 16] }, ..record(1, 1) };
    insert(&store, &subject).await;
    store.remove(&record(2, 1).key).await.unwrap();
    insert(&store, &record(3, 1)).await;
}

#[tokio::test]
async fn a_file_keeps_everything_and_two_stores_on_it_see_each_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let one = Arc::new(SqliteStore::open(&path).unwrap());
    insert(&*one, &record(1, 1)).await;
    let two = SqliteStore::open(&path).unwrap();
    assert_eq!(two.load(&record(1, 1).key).await.unwrap(), Some(record(1, 1)));
    assert_eq!(two.replace_if(1, &record(1, 2)).await.unwrap(), Swap::Replaced);
    assert_eq!(one.replace_if(1, &record(1, 3)).await.unwrap(), Swap::Stale);
    drop((one, two));
    let again = SqliteStore::open(&path).unwrap();
    assert_eq!(again.load(&record(1, 1).key).await.unwrap(), Some(record(1, 2)));
}

#[cfg(unix)]
#[test]
fn the_file_is_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let _store = SqliteStore::open(directory.path().join("store.db")).unwrap();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{:?}", entry.file_name());
    }
}

#[test]
fn files_of_others_are_refused_and_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let newer = directory.path().join("newer.db");
    drop(SqliteStore::open(&newer).unwrap());
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
    assert!(matches!(SqliteStore::open(&newer), Err(SqliteStoreError::WrongSchema { found: 2 })));

    let foreign = directory.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    assert!(matches!(SqliteStore::open(&foreign), Err(SqliteStoreError::NotOurs)));
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("PRAGMA user_version = 1").unwrap();
    assert!(matches!(SqliteStore::open(&foreign), Err(SqliteStoreError::NotOurs)));

    let text = directory.path().join("text.db");
    std::fs::write(&text, "this is no database, but somebody's text\n".repeat(100)).unwrap();
    assert!(matches!(SqliteStore::open(&text), Err(SqliteStoreError::Open(_))));
    assert!(std::fs::read_to_string(&text).unwrap().starts_with("this is no database"));

    assert!(matches!(SqliteStore::open(directory.path().join("no/such/place.db")), Err(SqliteStoreError::Open(_))));
}

#[tokio::test]
async fn a_row_that_is_not_a_record_is_corrupt() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    insert(&store, &record(1, 1)).await;
    for edit in ["owner = x'00'", "revision = -1", "expires_at = -1"] {
        let sql = format!("UPDATE pinlatch_record SET {edit}");
        rusqlite::Connection::open(&path).unwrap().execute_batch(&sql).unwrap();
        assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Corrupt(_))), "{edit}");
        rusqlite::Connection::open(&path)
            .unwrap()
            .execute_batch("UPDATE pinlatch_record SET owner = NULL, revision = 1, expires_at = 1")
            .unwrap();
    }
}

/// Writes of several clients share commits; each is there for others when it is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn parallel_writes_are_all_seen_by_another_store() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    let write = |mark: u8| {
        let store = store.clone();
        tokio::spawn(async move { store.insert_new(&record(mark, 1)).await.unwrap() == Inserted::Created })
    };
    assert_eq!(winners((0..200).map(write)).await, 200);
    let reopened = SqliteStore::open(&path).unwrap();
    assert_eq!(ids(&reopened, None, 1000).await.len(), 200);
}

/// Several processes, played by several stores, open one new file at the same moment.
#[test]
fn a_new_file_may_be_opened_by_many_at_once() {
    for _ in 0..20 {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        let openers: Vec<_> = (0..4)
            .map(|_| {
                let path = path.clone();
                std::thread::spawn(move || SqliteStore::open(path).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().unwrap().unwrap();
        }
    }
}

/// Another process keeps the file locked for longer than anyone waits: an error, and all is well afterwards.
#[tokio::test]
async fn a_file_locked_by_somebody_else_is_unavailable_until_it_is_free() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    insert(&store, &record(1, 1)).await;
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let locked = store.replace_if(1, &record(1, 2)).await;
    assert!(matches!(locked, Err(StoreError::Unavailable(_))), "{locked:?}");
    assert_eq!(store.load(&record(1, 1).key).await.unwrap(), Some(record(1, 1)), "reading goes on");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(store.replace_if(1, &record(1, 2)).await.unwrap(), Swap::Replaced);
}

/// One write of a batch fails: its caller is told, and the others are stored.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_write_that_fails_takes_no_other_with_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = Arc::new(SqliteStore::open(&path).unwrap());
    // A row that the database refuses, among others that it takes.
    let poison = "CREATE TRIGGER poison BEFORE INSERT ON pinlatch_record WHEN NEW.revision = 666
                  BEGIN SELECT RAISE(FAIL, 'poison'); END";
    rusqlite::Connection::open(&path).unwrap().execute_batch(poison).unwrap();
    let write = |mark: u8| {
        let store = store.clone();
        tokio::spawn(async move {
            let revision = if mark.is_multiple_of(10) { 666 } else { 1 };
            store.insert_new(&record(mark, revision)).await.is_ok()
        })
    };
    assert_eq!(winners((0..100).map(write)).await, 90);
    assert_eq!(ids(&*store, None, 1000).await.len(), 90);
}
