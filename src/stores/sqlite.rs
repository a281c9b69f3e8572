//! Records in one SQLite file, for one machine: any number of processes may share it.
//!
//! One thread writes, and commits what waits for it together, so that parallel requests share the cost of a flush to
//! disk. Two threads read. An answer is given after the commit: WAL mode with `synchronous=FULL`.

mod schema;
mod worker;

use std::path::Path;
use std::sync::Arc;

use rusqlite::{Connection, OptionalExtension, Row, params};

pub use self::schema::SqliteStoreError;
use self::schema::open_connection;
use self::worker::{Reader, Writer};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreError, StoreFuture};
use crate::time::UnixTime;

/// A store in a file. Clones share it.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    writer: Arc<Writer>,
    reader: Arc<Reader>,
}

/// Threads that read.
const READERS: usize = 2;

impl SqliteStore {
    /// Opens the file, or creates it, readable for its owner only.
    ///
    /// This waits for the disk; call it before the server starts.
    ///
    /// # Errors
    /// [`SqliteStoreError`] when the file cannot be opened, holds something else, or cannot be made durable.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        let path = path.as_ref();
        let writer = Writer::start(open_connection(path)?).map_err(SqliteStoreError::Thread)?;
        let readers = (0..READERS).map(|_| open_connection(path)).collect::<Result<_, _>>()?;
        let reader = Reader::start(readers).map_err(SqliteStoreError::Thread)?;
        Ok(Self { writer: Arc::new(writer), reader: Arc::new(reader) })
    }
}

impl SessionStore for SqliteStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(async move {
            let row = RowValues::of(record)?;
            self.writer.run(move |connection| insert(connection, &row)).await
        })
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let key = *key;
        Box::pin(async move { self.reader.run(move |connection| load(connection, key)).await })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let row = RowValues::of(record)?;
            // A revision beyond the column's range is in no row.
            let expected = i64::try_from(expected).unwrap_or(-1);
            self.writer.run(move |connection| replace(connection, expected, &row)).await
        })
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        let key = *key;
        Box::pin(async move {
            let removed = self.writer.run(move |connection| {
                connection
                    .prepare_cached("DELETE FROM pinlatch_record WHERE kind = ?1 AND id = ?2")?
                    .execute(params![key.kind.as_u8(), key.id])
            });
            Ok(removed.await? > 0)
        })
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        let owner = *owner;
        Box::pin(async move { self.reader.run(move |connection| list(connection, owner, kind, page)).await })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(async move {
            let before = i64::try_from(before.as_millis()).unwrap_or(i64::MAX);
            let purged = self.writer.run(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM pinlatch_record WHERE (kind, id) IN
                         (SELECT kind, id FROM pinlatch_record WHERE expires_at < ?1 LIMIT ?2)",
                    )?
                    .execute(params![before, limit])
            });
            Ok(purged.await? as u64)
        })
    }
}

/// A record with its numbers as SQLite keeps them.
struct RowValues {
    key: RecordKey,
    owner: Option<[u8; 16]>,
    revision: i64,
    expires_at: i64,
    body: Vec<u8>,
}

impl RowValues {
    fn of(record: &Record) -> Result<Self, StoreError> {
        let revision = i64::try_from(record.revision).map_err(|_| StoreError::Rejected)?;
        let expires_at = i64::try_from(record.expires_at.as_millis()).map_err(|_| StoreError::Rejected)?;
        if record.body.len() > Record::MAX_BODY {
            return Err(StoreError::Rejected);
        }
        let owner = record.owner.map(|owner| owner.0);
        Ok(Self { key: record.key, owner, revision, expires_at, body: record.body.clone() })
    }
}

fn insert(connection: &Connection, row: &RowValues) -> rusqlite::Result<Inserted> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (kind, id) DO NOTHING",
        )?
        .execute(params![row.key.kind.as_u8(), row.key.id, row.owner, row.revision, row.expires_at, row.body])?;
    Ok(if inserted == 1 { Inserted::Created } else { Inserted::Exists })
}

fn replace(connection: &Connection, expected: i64, row: &RowValues) -> rusqlite::Result<Swap> {
    let kind = row.key.kind.as_u8();
    let updated = connection
        .prepare_cached(
            "UPDATE pinlatch_record SET owner = ?3, revision = ?4, expires_at = ?5, body = ?6
             WHERE kind = ?1 AND id = ?2 AND revision = ?7",
        )?
        .execute(params![kind, row.key.id, row.owner, row.revision, row.expires_at, row.body, expected])?;
    if updated == 1 {
        return Ok(Swap::Replaced);
    }
    let exists = connection
        .prepare_cached("SELECT 1 FROM pinlatch_record WHERE kind = ?1 AND id = ?2")?
        .exists(params![kind, row.key.id])?;
    Ok(if exists { Swap::Stale } else { Swap::Missing })
}

fn load(connection: &Connection, key: RecordKey) -> rusqlite::Result<Option<Record>> {
    connection
        .prepare_cached(
            "SELECT id, owner, revision, expires_at, body FROM pinlatch_record WHERE kind = ?1 AND id = ?2",
        )?
        .query_row(params![key.kind.as_u8(), key.id], |row| read(key.kind, row))
        .optional()
}

fn list(connection: &Connection, owner: OwnerKey, kind: RecordKind, page: Page) -> rusqlite::Result<Vec<Record>> {
    let mut statement = connection.prepare_cached(
        "SELECT id, owner, revision, expires_at, body FROM pinlatch_record
         WHERE owner = ?1 AND kind = ?2 AND (?3 IS NULL OR id > ?3) ORDER BY id LIMIT ?4",
    )?;
    let rows = statement.query_map(params![owner.0, kind.as_u8(), page.after, page.limit], |row| read(kind, row))?;
    rows.collect()
}

fn read(kind: RecordKind, row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        key: RecordKey { kind, id: row.get(0)? },
        owner: row.get::<_, Option<[u8; 16]>>(1)?.map(OwnerKey),
        revision: unsigned(row, 2)?,
        expires_at: UnixTime::from_millis(unsigned(row, 3)?),
        body: row.get(4)?,
    })
}

fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let value: i64 = row.get(column)?;
    u64::try_from(value).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, value))
}
