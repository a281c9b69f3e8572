//! What is particular to the stores of the crate. That they keep the contract is shown by `tests/conformance.rs`.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::UnixTime;
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError};
use pinlatch::stores::{MemoryStore, SqliteStore, SqliteStoreError};

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

async fn winners(contenders: impl Iterator<Item = tokio::task::JoinHandle<bool>>) -> usize {
    let mut winners = 0;
    for contender in contenders.collect::<Vec<_>>() {
        winners += usize::from(contender.await.unwrap());
    }
    winners
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
    rusqlite::Connection::open(&newer).unwrap().execute_batch("PRAGMA user_version = 99").unwrap();
    assert!(matches!(SqliteStore::open(&newer), Err(SqliteStoreError::WrongSchema { found: 99 })));

    let foreign = directory.path().join("foreign.db");
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine (x)").unwrap();
    let bytes = std::fs::read(&foreign).unwrap();
    assert!(matches!(SqliteStore::open(&foreign), Err(SqliteStoreError::NotOurs)));
    assert_eq!(std::fs::read(&foreign).unwrap(), bytes);
    rusqlite::Connection::open(&foreign).unwrap().execute_batch("PRAGMA user_version = 2").unwrap();
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
    // More than fit into one transaction: the last ones do not wait for all that would fail before them.
    let writes: Vec<_> = (0..400)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.replace_if(1, &record(1, 2)).await })
        })
        .collect();
    let all = async {
        for write in writes {
            let locked = write.await.unwrap();
            assert!(matches!(locked, Err(StoreError::Unavailable(_))), "{locked:?}");
        }
    };
    tokio::time::timeout(Duration::from_secs(15), all).await.expect("each of them has waited five seconds, at once");
    assert_eq!(store.load(&record(1, 1).key).await.unwrap(), Some(record(1, 1)), "reading goes on");
    // One that comes while others have waited for long waits no less than they have.
    let early = tokio::spawn({
        let store = store.clone();
        async move { store.replace_if(1, &record(1, 2)).await }
    });
    tokio::time::sleep(Duration::from_secs(4)).await;
    let late = tokio::spawn({
        let store = store.clone();
        async move { store.replace_if(1, &record(1, 3)).await }
    });
    let locked = early.await.unwrap();
    assert!(matches!(locked, Err(StoreError::Unavailable(_))), "{locked:?}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(late.await.unwrap().unwrap(), Swap::Replaced);
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

/// More requests than can wait: the rest is refused at once, and those in the queue are served when the file is free.
#[tokio::test]
async fn a_queue_that_is_full_fails_at_once_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let key = record(1, 1).key;
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    let (mut refused, mut waiting) = (0, Vec::new());
    for _ in 0..5000 {
        let mut removal = store.remove(&key);
        match removal.as_mut().poll(&mut context) {
            std::task::Poll::Ready(Err(StoreError::Unavailable(_))) => refused += 1,
            std::task::Poll::Ready(other) => panic!("{other:?}"),
            std::task::Poll::Pending => waiting.push(removal),
        }
    }
    assert!(refused > 0 && waiting.len() >= 4096, "{refused} refused, {} waiting", waiting.len());
    other.execute_batch("ROLLBACK").unwrap();
    for removal in waiting {
        assert!(!removal.await.unwrap());
    }
    insert(&store, &record(1, 1)).await;
}
