//! The statements.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use deadpool_postgres::{Object, Pool};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{CancelToken, Error as PgError, Row};

use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, StoreError};
use crate::stores::columns::{Columns, instant_column, revision_column};
use crate::time::UnixTime;

const INSERT: &str = "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, body)
    VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (kind, id) DO NOTHING RETURNING 1";

const LOAD: &str = "SELECT id, owner, revision, expires_at, body FROM pinlatch_record WHERE kind = $1 AND id = $2";

const REPLACE: &str = "UPDATE pinlatch_record SET owner = $3, revision = $4, expires_at = $5, body = $6
    WHERE kind = $1 AND id = $2 AND revision = $7 RETURNING 1";

const EXISTS: &str = "SELECT 1 FROM pinlatch_record WHERE kind = $1 AND id = $2";

const REMOVE: &str = "DELETE FROM pinlatch_record WHERE kind = $1 AND id = $2 RETURNING 1";

const LIST: &str = "SELECT id, owner, revision, expires_at, body FROM pinlatch_record
    WHERE owner = $1 AND kind = $2 AND id > $3 ORDER BY id LIMIT $4";

/// The list of what is due is made once (`MATERIALIZED`; a plan that made it again would delete more than the limit),
/// and of rows that nobody is about to replace (`SKIP LOCKED`; a lock looks at the row's newest version).
const PURGE: &str = "WITH due AS MATERIALIZED (
        SELECT kind, id FROM pinlatch_record WHERE expires_day <= $1::bigint / 86400000 AND expires_at < $1
        ORDER BY expires_day LIMIT $2 FOR UPDATE SKIP LOCKED),
    gone AS (DELETE FROM pinlatch_record AS record USING due
        WHERE record.kind = due.kind AND record.id = due.id AND record.expires_at < $1 RETURNING 1)
    SELECT count(*) FROM gone";

/// A statement did not end in time. Whether it was carried out is unknown.
#[derive(Debug, thiserror::Error)]
#[error("PostgreSQL did not answer within {0:?}")]
struct TimedOut(Duration);

/// A row that pinlatch did not write.
#[derive(Debug, thiserror::Error)]
#[error("a row of pinlatch_record does not hold a record")]
struct NotARecord;

/// Asks the server to give up on a statement; with TLS, if the connection has it.
pub(super) type Cancel = Arc<dyn Fn(CancelToken) -> Pin<Box<dyn Future<Output = ()> + Send>> + Send + Sync>;

#[derive(Clone)]
pub(super) struct Database {
    pub(super) pool: Pool,
    pub(super) timeout: Duration,
    pub(super) cancel: Cancel,
}

type Values<'a> = [&'a (dyn ToSql + Sync)];

impl Database {
    async fn query(&self, sql: &str, values: &Values<'_>) -> Result<Vec<Row>, StoreError> {
        let client = self.pool.get().await.map_err(|error| StoreError::Unavailable(error.into()))?;
        let statement = async {
            let statement = client.prepare_cached(sql).await?;
            client.query(&statement, values).await
        };
        if let Ok(answer) = timeout(self.timeout, statement).await {
            return answer.map_err(store_error);
        }
        // A server that waits for its standby does not notice that nobody waits for it.
        (self.cancel)(client.cancel_token()).await;
        // The cancel may come late. On a connection that went back to the pool it would hit somebody else's statement.
        drop(Object::take(client));
        Err(StoreError::Unavailable(TimedOut(self.timeout).into()))
    }

    /// Whether the statement found its row.
    async fn found(&self, sql: &str, values: &Values<'_>) -> Result<bool, StoreError> {
        Ok(!self.query(sql, values).await?.is_empty())
    }

    pub(super) async fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        let columns = Columns::of(record)?;
        let (kind, id) = names(&record.key);
        let values: [&(dyn ToSql + Sync); 6] =
            [&kind, &id, &bytes(&columns.owner), &columns.revision, &columns.expires_at, &record.body];
        Ok(if self.found(INSERT, &values).await? { Inserted::Created } else { Inserted::Exists })
    }

    pub(super) async fn load(&self, key: RecordKey) -> Result<Option<Record>, StoreError> {
        let (kind, id) = names(&key);
        self.query(LOAD, &[&kind, &id]).await?.first().map(|row| read(key.kind, row)).transpose()
    }

    pub(super) async fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        let columns = Columns::of(record)?;
        let (kind, id) = names(&record.key);
        let (owner, expected) = (bytes(&columns.owner), revision_column(expected));
        let values: [&(dyn ToSql + Sync); 7] =
            [&kind, &id, &owner, &columns.revision, &columns.expires_at, &record.body, &expected];
        if self.found(REPLACE, &values).await? {
            return Ok(Swap::Replaced);
        }
        Ok(if self.found(EXISTS, &[&kind, &id]).await? { Swap::Stale } else { Swap::Missing })
    }

    pub(super) async fn remove(&self, key: RecordKey) -> Result<bool, StoreError> {
        let (kind, id) = names(&key);
        self.found(REMOVE, &[&kind, &id]).await
    }

    pub(super) async fn list(&self, owner: OwnerKey, kind: RecordKind, page: Page) -> Result<Vec<Record>, StoreError> {
        // Every id is longer than the empty one, and so above it.
        let after = page.after.as_ref().map_or(&[][..], |id| &id[..]);
        let (owner, number, limit) = (&owner.0[..], i16::from(kind.as_u8()), i64::from(page.limit));
        let rows = self.query(LIST, &[&owner, &number, &after, &limit]).await?;
        rows.iter().map(|row| read(kind, row)).collect()
    }

    pub(super) async fn purge(&self, before: UnixTime, limit: u32) -> Result<u64, StoreError> {
        let rows = self.query(PURGE, &[&instant_column(before), &i64::from(limit)]).await?;
        let purged: Option<i64> = rows.first().and_then(|row| row.try_get(0).ok());
        purged.and_then(|purged| purged.try_into().ok()).ok_or_else(|| StoreError::Corrupt(NotARecord.into()))
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
    const CORRUPT: [SqlState; 6] = [
        SqlState::UNDEFINED_TABLE,
        SqlState::UNDEFINED_COLUMN,
        SqlState::DATATYPE_MISMATCH,
        SqlState::CHECK_VIOLATION,
        SqlState::DATA_CORRUPTED,
        SqlState::INDEX_CORRUPTED,
    ];
    match error.code() {
        Some(state) if *state == SqlState::DISK_FULL => StoreError::Rejected,
        Some(state) if CORRUPT.contains(state) => StoreError::Corrupt(error.into()),
        _ => StoreError::Unavailable(Box::<dyn Error + Send + Sync>::from(error)),
    }
}
