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
use self::schema::{create_private, open_connection};
use self::worker::{Reader, Writer};
use super::columns::{Columns, day_of, instant_column, revision_column};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreFuture};
use crate::time::UnixTime;

/// A store in a file. Clones share it. While somebody else writes to the file, calls wait for up to five seconds twice
/// over; while the disk itself does not answer, they wait as long as it takes.
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
    /// This waits for the disk; call it before the server starts. Other programs may look into the file with SQLite
    /// while it is open, and back it up with SQLite's own means; nothing in this process may open and close it
    /// otherwise, as that takes SQLite's locks away.
    ///
    /// # Errors
    /// [`SqliteStoreError`] when the file cannot be opened, holds something else, or cannot be made durable.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, SqliteStoreError> {
        let path = path.as_ref();
        create_private(path)?;
        let writer = Writer::start(open_connection(path)?).map_err(SqliteStoreError::Thread)?;
        let readers = (0..READERS).map(|_| open_connection(path)).collect::<Result<_, _>>()?;
        let reader = Reader::start(readers).map_err(SqliteStoreError::Thread)?;
        Ok(Self { writer: Arc::new(writer), reader: Arc::new(reader) })
    }
}

impl SessionStore for SqliteStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(async move {
            let (columns, record) = (Columns::of(record)?, record.clone());
            self.writer.run(move |connection| insert(connection, &record, columns)).await
        })
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let key = *key;
        Box::pin(async move { self.reader.run(move |connection| load(connection, key)).await })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            let (columns, record, expected) = (Columns::of(record)?, record.clone(), revision_column(expected));
            self.writer.run(move |connection| replace(connection, expected, &record, columns)).await
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
            let before = instant_column(before);
            let purged = self.writer.run(move |connection| {
                connection
                    .prepare_cached(
                        "DELETE FROM pinlatch_record WHERE (kind, id) IN
                         (SELECT kind, id FROM pinlatch_record
                          WHERE expires_day <= ?1 AND expires_at < ?2 ORDER BY expires_day LIMIT ?3)",
                    )?
                    .execute(params![day_of(before), before, limit])
            });
            Ok(purged.await? as u64)
        })
    }
}

fn insert(connection: &Connection, record: &Record, columns: Columns) -> rusqlite::Result<Inserted> {
    let Columns { owner, revision, expires_at } = columns;
    let (kind, id, day) = (record.key.kind.as_u8(), record.key.id, day_of(expires_at));
    let inserted = connection
        .prepare_cached(
            "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, expires_day, body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (kind, id) DO NOTHING",
        )?
        .execute(params![kind, id, owner, revision, expires_at, day, record.body])?;
    Ok(if inserted == 1 { Inserted::Created } else { Inserted::Exists })
}

fn replace(connection: &Connection, expected: i64, record: &Record, columns: Columns) -> rusqlite::Result<Swap> {
    let Columns { owner, revision, expires_at } = columns;
    let (kind, id, day) = (record.key.kind.as_u8(), record.key.id, day_of(expires_at));
    // SQLite writes every index whose column is set, also to the value that it has.
    for sql in [
        "UPDATE pinlatch_record SET revision = ?4, expires_at = ?5, body = ?7
         WHERE kind = ?1 AND id = ?2 AND revision = ?8 AND owner IS ?3 AND expires_day = ?6",
        "UPDATE pinlatch_record SET revision = ?4, expires_at = ?5, body = ?7, owner = ?3, expires_day = ?6
         WHERE kind = ?1 AND id = ?2 AND revision = ?8",
    ] {
        let values = params![kind, id, owner, revision, expires_at, day, record.body, expected];
        if connection.prepare_cached(sql)?.execute(values)? == 1 {
            return Ok(Swap::Replaced);
        }
    }
    let exists = connection
        .prepare_cached("SELECT 1 FROM pinlatch_record WHERE kind = ?1 AND id = ?2")?
        .exists(params![kind, id])?;
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
    let columns = Columns { owner: row.get(1)?, revision: row.get(2)?, expires_at: row.get(3)? };
    let key = RecordKey { kind, id: row.get(0)? };
    columns.into_record(key, row.get(4)?).ok_or(rusqlite::Error::IntegralValueOutOfRange(2, columns.revision))
}
