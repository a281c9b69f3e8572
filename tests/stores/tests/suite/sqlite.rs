//! What other programs may do with the file while it is open.

use std::process::Command;

use pinlatch::record::Inserted;
use pinlatch::store::SessionStore;
use pinlatch::stores::SqliteStore;

use crate::client::record;

/// With SQLite's locks gone, it would take itself for the last user of the file, and remove the log from under the
/// store: all that was acknowledged afterwards would be lost with the process.
#[tokio::test]
async fn another_program_that_looks_into_the_file_leaves_its_log() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("store.db");
    let store = SqliteStore::open(&path).unwrap();
    // Another store of the same process opens it, and closes it again.
    drop(SqliteStore::open(&path).unwrap());
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    let look = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM pinlatch_record').fetchone()[0])";
    let looked = Command::new("python3").args(["-c", look]).arg(&path).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&looked.stdout).trim(), "1", "{looked:?}");
    assert_eq!(store.insert_new(&record(2, 1)).await.unwrap(), Inserted::Created);
    let other = SqliteStore::open(&path).unwrap();
    assert_eq!(other.load(&record(2, 1).key).await.unwrap(), Some(record(2, 1)));
}

/// A link is followed, also when what it leads to is not there yet.
#[cfg(unix)]
#[test]
fn a_store_is_created_behind_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let (link, path) = (directory.path().join("link.db"), directory.path().join("store.db"));
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for _ in 0..2 {
        drop(SqliteStore::open(&link).unwrap());
        assert!(path.exists());
    }
}
