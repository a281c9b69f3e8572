//! Records in PostgreSQL, for any number of machines.
//!
//! Every operation is one statement at READ COMMITTED, with what it depends on in its `WHERE`. Its row lock decides
//! among parallel writers, and the loser's condition is looked at again on the row that won.

mod connect;
mod schema;

use core::time::Duration;
use std::error::Error;

use deadpool_postgres::Object;
use tokio::time::error::Elapsed;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Error as PgError, Row};

pub use self::connect::{PostgresStore, PostgresStoreBuilder, PostgresStoreError};
use super::columns::{Columns, instant_column, revision_column};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreError, StoreFuture};
use crate::time::UnixTime;

const INSERT: &str = "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, body)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, id) DO NOTHING";

const LOAD: &str = "SELECT id, owner, revision, expires_at, body FROM pinlatch_record WHERE kind = $1 AND id = $2";

const REPLACE: &str = "UPDATE pinlatch_record SET owner = $3, revision = $4, expires_at = $5, body = $6
    WHERE kind = $1 AND id = $2 AND revision = $7";

const EXISTS: &str = "SELECT 1 FROM pinlatch_record WHERE kind = $1 AND id = $2";

const REMOVE: &str = "DELETE FROM pinlatch_record WHERE kind = $1 AND id = $2";

const LIST: &str = "SELECT id, owner, revision, expires_at, body FROM pinlatch_record
    WHERE owner = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";

/// The list of what is due is made once (`MATERIALIZED`; a plan that made it again would delete more than the limit),
/// and of rows that nobody is about to replace (`SKIP LOCKED`; a lock looks at the row's newest version).
const PURGE: &str = "WITH due AS MATERIALIZED (
        SELECT kind, id FROM pinlatch_record WHERE expires_day <= $1::bigint / 86400000 AND expires_at < $1
        ORDER BY expires_day LIMIT $2 FOR UPDATE SKIP LOCKED)
    DELETE FROM pinlatch_record AS record USING due
    WHERE record.kind = due.kind AND record.id = due.id AND record.expires_at < $1";

/// All connections were busy, or none could be made.
#[derive(Debug, thiserror::Error)]
#[error("no connection to PostgreSQL within {0:?}")]
struct NoConnection(Duration);

/// A statement did not end in time. Whether it was carried out is unknown.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL did not answer within {0:?}")]
struct TimedOut(Duration);

/// A row that pinlatch did not write.
#[derive(Debug, thiserror::Error)]
#[error("a row of pinlatch_record does not hold a record")]
struct NotARecord;

impl PostgresStore {
    async fn client(&self) -> Result<Object, StoreError> {
        match timeout(self.timeout, self.pool.get()).await {
            Ok(client) => client.map_err(|error| StoreError::Unavailable(error.into())),
            Err(_) => Err(StoreError::Unavailable(NoConnection(self.timeout).into())),
        }
    }

    async fn execute(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, StoreError> {
        let client = self.client().await?;
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.execute(&statement, values).await
        };
        let outcome = timeout(self.timeout, work).await;
        self.settle(client, outcome)
    }

    async fn query(&self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, StoreError> {
        let client = self.client().await?;
        let work = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, values).await
        };
        let outcome = timeout(self.timeout, work).await;
        self.settle(client, outcome)
    }

    /// A connection that did not answer leaves the pool: whoever got it next would wait for nothing, too.
    fn settle<T>(&self, client: Object, outcome: Result<Result<T, PgError>, Elapsed>) -> Result<T, StoreError> {
        match outcome {
            Ok(result) => result.map_err(store_error),
            Err(_) => {
                drop(Object::take(client));
                Err(StoreError::Unavailable(TimedOut(self.timeout).into()))
            }
        }
    }

    async fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        let columns = Columns::of(record)?;
        let (kind, id) = names(&record.key);
        let values: [&(dyn ToSql + Sync); 6] =
            [&kind, &id, &bytes(&columns.owner), &columns.revision, &columns.expires_at, &record.body];
        Ok(if self.execute(INSERT, &values).await? == 1 { Inserted::Created } else { Inserted::Exists })
    }

    async fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        let columns = Columns::of(record)?;
        let (kind, id) = names(&record.key);
        let (owner, expected) = (bytes(&columns.owner), revision_column(expected));
        let values: [&(dyn ToSql + Sync); 7] =
            [&kind, &id, &owner, &columns.revision, &columns.expires_at, &record.body, &expected];
        if self.execute(REPLACE, &values).await? == 1 {
            return Ok(Swap::Replaced);
        }
        let exists = !self.query(EXISTS, &[&kind, &id]).await?.is_empty();
        Ok(if exists { Swap::Stale } else { Swap::Missing })
    }
}

fn names(key: &RecordKey) -> (i16, &[u8]) {
    (i16::from(key.kind.as_u8()), &key.id)
}

fn bytes(owner: &Option<[u8; 16]>) -> Option<&[u8]> {
    owner.as_ref().map(<[u8; 16]>::as_slice)
}

fn read(kind: RecordKind, row: &Row) -> Result<Record, StoreError> {
    let fields = || -> Result<_, PgError> {
        let owner: Option<&[u8]> = row.try_get("owner")?;
        Ok((row.try_get("id")?, owner, row.try_get("revision")?, row.try_get("expires_at")?, row.try_get("body")?))
    };
    let (id, owner, revision, expires_at, body): (&[u8], _, _, _, _) =
        fields().map_err(|error| StoreError::Corrupt(error.into()))?;
    let record = || {
        let key = RecordKey { kind, id: id.try_into().ok()? };
        let owner = owner.map(<[u8; 16]>::try_from).transpose().ok()?;
        Columns { owner, revision, expires_at }.into_record(key, body)
    };
    record().ok_or_else(|| StoreError::Corrupt(NotARecord.into()))
}

fn store_error(error: PgError) -> StoreError {
    let state = error.code();
    let full = [SqlState::DISK_FULL];
    let corrupt = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::DATATYPE_MISMATCH,
        SqlState::CHECK_VIOLATION,
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
    ];
    let is_one_of = |states: &[SqlState]| state.is_some_and(|state| states.contains(state));
    if is_one_of(&full) {
        return StoreError::Rejected;
    }
    let corrupt = is_one_of(&corrupt);
    let source: Box<dyn Error + Send + Sync> = error.into();
    if corrupt { StoreError::Corrupt(source) } else { StoreError::Unavailable(source) }
}

impl SessionStore for PostgresStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(self.insert(record))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            let (kind, id) = names(key);
            self.query(LOAD, &[&kind, &id]).await?.first().map(|row| read(key.kind, row)).transpose()
        })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(self.replace(expected, record))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        Box::pin(async move {
            let (kind, id) = names(key);
            Ok(self.execute(REMOVE, &[&kind, &id]).await? > 0)
        })
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(async move {
            // Every id is longer than the empty one, and so above it.
            let after = page.after.as_ref().map_or(&[][..], |id| &id[..]);
            let (owner, number, limit) = (&owner.0[..], i16::from(kind.as_u8()), i64::from(page.limit));
            let rows = self.query(LIST, &[&owner, &number, &after, &limit]).await?;
            rows.iter().map(|row| read(kind, row)).collect()
        })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(async move { self.execute(PURGE, &[&instant_column(before), &i64::from(limit)]).await })
    }
}
