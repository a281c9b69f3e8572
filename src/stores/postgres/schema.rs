//! The table, and how it is made by the first of many that arrive at once.

use tokio_postgres::Client;

use super::check::{PostgresStoreError, VERSION};

/// A row is written anew at each unlock. That stays cheap as long as no indexed column changes and there is room on the
/// page: so the expiry is indexed by its day, and a part of each page is left free.
pub(super) const SCHEMA: &str = "
CREATE TABLE pinlatch_record (
    revision bigint NOT NULL,
    expires_at bigint NOT NULL,
    expires_day bigint NOT NULL GENERATED ALWAYS AS (expires_at / 86400000) STORED,
    kind smallint NOT NULL,
    id bytea NOT NULL CHECK (octet_length(id) = 16),
    owner bytea CHECK (octet_length(owner) = 16),
    body bytea NOT NULL,
    PRIMARY KEY (kind, id)
) WITH (fillfactor = 80);
CREATE INDEX pinlatch_record_owner ON pinlatch_record (owner, kind, id) WHERE owner IS NOT NULL;
CREATE INDEX pinlatch_record_expires_day ON pinlatch_record (expires_day);
COMMENT ON TABLE pinlatch_record IS 'pinlatch 1';
";

/// Whoever makes the table holds this lock: \"pinlatch\" in ASCII.
const LOCK: &str = "SELECT pg_advisory_xact_lock(x'70696e6c61746368'::bigint)";

/// The table's comment, and whether it is flushed to the log; no row if there is no table.
const FOUND: &str = "SELECT obj_description(oid, 'pg_class'), relpersistence = 'p'
    FROM pg_class WHERE oid = to_regclass('pinlatch_record') AND relkind IN ('r', 'p')";

/// Makes the table if there is none, and refuses one of another version.
pub(super) async fn ensure(client: &mut Client) -> Result<(), PostgresStoreError> {
    if check(client).await? {
        return Ok(());
    }
    let transaction = client.transaction().await?;
    transaction.batch_execute(LOCK).await?;
    if transaction.query_opt(FOUND, &[]).await?.is_none() {
        transaction.batch_execute(SCHEMA).await?;
    }
    transaction.commit().await?;
    check(client).await.map(drop)
}

/// Whether there is a table.
pub(super) async fn check(client: &Client) -> Result<bool, PostgresStoreError> {
    let Some(row) = client.query_opt(FOUND, &[]).await? else { return Ok(false) };
    let (comment, logged): (Option<String>, bool) = (row.try_get(0)?, row.try_get(1)?);
    let found = comment.unwrap_or_default();
    if found != VERSION {
        return Err(PostgresStoreError::WrongSchema { found });
    }
    if !logged {
        return Err(PostgresStoreError::Unlogged);
    }
    Ok(true)
}
