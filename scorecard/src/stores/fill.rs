//! Sessions in a store, as fast as it takes them.

use std::path::Path;
use std::sync::Arc;

use pinlatch::record::{Record, RecordKind};
use pinlatch::store::SessionStore;
use pinlatch_test_servers::Postgres;

use super::{EXPIRES_AT, SESSION_BODY, SUBJECT_BODY, record};

pub(super) async fn by_inserting(store: Arc<dyn SessionStore>, sessions: u64) {
    const WORKERS: u64 = 256;
    let workers: Vec<_> = (0..WORKERS)
        .map(|worker| {
            let store = store.clone();
            tokio::spawn(async move {
                for number in (worker..sessions).step_by(usize::try_from(WORKERS).unwrap()) {
                    for kind in [RecordKind::Session, RecordKind::Subject] {
                        let _ = store.insert_new(&record(kind, number)).await.unwrap();
                    }
                }
            })
        })
        .collect();
    for worker in workers {
        worker.await.unwrap();
    }
}

pub(super) fn sqlite(path: &Path, sessions: u64) {
    let mut connection = rusqlite::Connection::open(path).unwrap();
    connection.execute_batch("PRAGMA cache_size = -4000000").unwrap();
    let transaction = connection.transaction().unwrap();
    {
        let sql = "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, expires_day, body)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?5 / 86400000, ?6)";
        let mut insert = transaction.prepare(sql).unwrap();
        for kind in [RecordKind::Session, RecordKind::Subject] {
            for number in 0..sessions {
                let Record { key, owner, expires_at, body, .. } = record(kind, number);
                let (owner, expires_at) = (owner.map(|owner| owner.0), expires_at.as_millis().cast_signed());
                insert.execute((key.kind.as_u8(), key.id, owner, 1, expires_at, body)).unwrap();
            }
        }
    }
    transaction.commit().unwrap();
    connection.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
}

pub(super) fn postgres(server: &Postgres, sessions: u64) {
    for (kind, owner, length) in [(1, "id", SESSION_BODY), (2, "NULL", SUBJECT_BODY)] {
        server.sql(&format!(
            "INSERT INTO pinlatch_record (kind, id, owner, revision, expires_at, body)
             SELECT {kind}, id, {owner}, 1, {}, decode(repeat('07', {length}), 'hex')
             FROM (SELECT int8send(reverse(number::bit(64)::text)::bit(64)::bigint) || int8send(number) AS id
                   FROM generate_series(0, {sessions}::bigint - 1) AS number) AS ids",
            EXPIRES_AT.as_millis()
        ));
    }
    server.sql("VACUUM ANALYZE pinlatch_record");
    server.sql("CHECKPOINT");
}
