//! The file: its settings, its table, and what is refused.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

/// Why a file cannot serve as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SqliteStoreError {
    /// SQLite or the file system said no.
    #[error("the SQLite file cannot be opened")]
    Open(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The file holds another application's tables, or those of a newer pinlatch.
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

const VERSION: i64 = 1;

/// `WITHOUT ROWID`: the key is the row's place, so a load is one descent. The listing's index ends in the id through
/// the primary key, so a page is one range.
const SCHEMA: &str = "
    CREATE TABLE pinlatch_record (
        kind INTEGER NOT NULL,
        id BLOB NOT NULL,
        owner BLOB,
        revision INTEGER NOT NULL,
        expires_at INTEGER NOT NULL,
        body BLOB NOT NULL,
        PRIMARY KEY (kind, id)
    ) WITHOUT ROWID, STRICT;
    CREATE INDEX pinlatch_record_owner ON pinlatch_record (owner, kind, id) WHERE owner IS NOT NULL;
    CREATE INDEX pinlatch_record_expires_at ON pinlatch_record (expires_at);
    PRAGMA user_version = 1;
";

/// How long to wait for another process that writes.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn open_connection(path: &Path) -> Result<Connection, SqliteStoreError> {
    create_private(path)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(SqliteStoreError::NotWal { found: mode });
    }
    // Flush every commit, also where the platform's plain flush stops at the drive's cache.
    connection.execute_batch("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;")?;
    create_schema(&mut connection)?;
    Ok(connection)
}

/// SQLite gives its log the permissions of the file, so it is enough to create that for its owner only.
fn create_private(path: &Path) -> Result<(), SqliteStoreError> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|error| SqliteStoreError::Open(error.into()))
}

fn create_schema(connection: &mut Connection) -> Result<(), SqliteStoreError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let found: i64 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables: i64 = transaction.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    match (found, tables) {
        (VERSION, _) => {}
        (0, 0) => transaction.execute_batch(SCHEMA)?,
        _ => return Err(SqliteStoreError::WrongSchema { found }),
    }
    transaction.commit()?;
    Ok(())
}
