//! The file: its settings, its table, and what is refused.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, OpenFlags, TransactionBehavior};

/// Why a file cannot serve as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteStoreError {
    /// SQLite or the file system said no.
    #[error("the SQLite file cannot be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file is another application's.
    #[error("the SQLite file is not a pinlatch store")]
    NotOurs,
    /// The file was written by another version of pinlatch.
    #[error("the SQLite file holds schema version {found}, not {}", VERSION)]
    WrongSchema {
        /// Its `user_version`.
        found: i64,
    },
    /// Write-ahead logging is not to be had, for instance on a network file system.
    #[error("the SQLite file cannot be opened in WAL mode (it is in {found} mode)")]
    NotWal {
        /// The mode it is in.
        found: String,
    },
    /// A thread could not be started.
    #[error("the store's threads cannot be started")]
    Thread(#[source] std::io::Error),
}

impl From<rusqlite::Error> for SqliteStoreError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Open(error.into())
    }
}

const VERSION: i64 = 2;

/// `WITHOUT ROWID`: the key is the row's place, so a load is one descent. The listing's index ends in the id through
/// the primary key, so a page is one range. The expiry is indexed by its day, which an unlock seldom changes: then only
/// the row itself is written.
const SCHEMA: &str = "
    CREATE TABLE pinlatch_record (
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        owner BLOB,
        revision INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        expires_day INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX pinlatch_record_owner ON pinlatch_record (owner, kind, id) WHERE owner IS NOT NULL;
    CREATE INDEX pinlatch_record_expires_day ON pinlatch_record (expires_day);
";

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// Says in the file's header that it is ours: "plat".
const APPLICATION_ID: i64 = 0x706C_6174;

pub(super) fn open_connection(path: &Path) -> Result<Connection, SqliteStoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    // Another application's file is left as it is. Looked at in one transaction, as another process may be creating it.
    check_owner(&*connection.transaction()?)?;
    let mode = switch_to_wal(&connection)?;
    if mode != "wal" {
        return Err(SqliteStoreError::NotWal { found: mode });
    }
    // Flush every commit, also where the platform's plain flush stops at the drive's cache. Overwrite what is deleted:
    // a digest that was forgotten must be gone.
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON; PRAGMA secure_delete = ON;",
    )?;
    create_schema(&mut connection)?;
    Ok(connection)
}

/// SQLite waits for other connections in some cases of this switch and fails at once in others, so the waiting is done
/// here.
fn switch_to_wal(connection: &Connection) -> Result<String, SqliteStoreError> {
    const PAUSE: Duration = Duration::from_millis(20);
    connection.busy_timeout(Duration::ZERO)?;
    let mut waited = Duration::ZERO;
    let mode = loop {
        match connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0)) {
            Err(rusqlite::Error::SqliteFailure(failure, _))
                if failure.code == ErrorCode::DatabaseBusy && waited < BUSY_TIMEOUT =>
            {
                std::thread::sleep(PAUSE);
                waited += PAUSE;
            }
            result => break result?,
        }
    };
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(mode)
}

/// SQLite gives its log the permissions of the file, so it is enough to create that for its owner only.
///
/// A file that is there is never opened: to close it again would take away all locks that this process has on it (POSIX
/// wants it so), and other programs would then remove the log from under the connections that are open. Nor must a
/// second store of this process have opened it before the first one has closed it.
pub(super) fn create_private(path: &Path) -> Result<(), SqliteStoreError> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut options = std::fs::OpenOptions::new();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let created = match options.open(path) {
        // A link that leads to no file yet.
        Err(error) if error.kind() == ErrorKind::AlreadyExists && !path.exists() => {
            options.create_new(false).create(true).open(path)
        }
        created => created,
    };
    match created {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(SqliteStoreError::Open(error.into())),
        _ => Ok(()),
    }
}

/// Whether the file has the table (`true`) or is empty (`false`).
fn check_owner(connection: &Connection) -> Result<bool, SqliteStoreError> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (found, application) = (number("PRAGMA user_version")?, number("PRAGMA application_id")?);
    match (application, found, number("SELECT count(*) FROM sqlite_schema")?) {
        (APPLICATION_ID, VERSION, _) => Ok(true),
        (0, 0, 0) => Ok(false),
        (APPLICATION_ID, ..) => Err(SqliteStoreError::WrongSchema { found }),
        _ => Err(SqliteStoreError::NotOurs),
    }
}

fn create_schema(connection: &mut Connection) -> Result<(), SqliteStoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if !check_owner(&transaction)? {
        transaction.execute_batch(SCHEMA)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", VERSION)?;
    }
    transaction.commit()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a kill of the process cannot show: a commit survives the loss of power because it is flushed.
    #[test]
    fn every_connection_flushes_its_commits_and_overwrites_what_it_deletes() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store.db");
        create_private(&path).unwrap();
        for _ in 0..2 {
            let connection = open_connection(&path).unwrap();
            let setting = |name: &str| -> String {
                let value = |row: &rusqlite::Row<'_>| row.get_ref(0).map(|value| format!("{value:?}"));
                connection.query_row(&format!("PRAGMA {name}"), [], value).unwrap()
            };
            assert_eq!(setting("synchronous"), "Integer(2)");
            assert_eq!(setting("journal_mode"), format!("{:?}", rusqlite::types::ValueRef::Text(b"wal")));
            assert_eq!(setting("secure_delete"), "Integer(1)");
            assert_eq!(setting("fullfsync"), "Integer(1)");
        }
    }
}
