//! What a store costs an unlock, among few sessions and among many. PostgreSQL and Redis are started here (`tests/run`
//! installs them).

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use pinlatch::UnixTime;
use pinlatch::record::{OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::SessionStore;
use pinlatch::stores::{MemoryStore, PostgresStore, RedisStore, SqliteStore};
use pinlatch_test_servers::{Postgres, Redis};

pub const FEW: u64 = 1000;
const TURNS: u64 = 40;
const UNLOCKS_PER_TURN: u64 = 100;

/// What pinlatch writes: the body of a session after some unlocks, and that of a subject.
const SESSION_BODY: usize = 240;
const SUBJECT_BODY: usize = 53;
const EXPIRES_AT: UnixTime = UnixTime::from_secs(4_000_000_000);

/// What the store's part of an unlock takes, at the median.
#[derive(Clone, Copy, Debug)]
pub struct Costs {
    pub among_few: Duration,
    pub among_many: Duration,
}

impl Costs {
    #[must_use]
    pub fn ratio(&self) -> f64 {
        self.among_many.as_secs_f64() / self.among_few.as_secs_f64()
    }
}

/// Measures a store with few sessions and one with many in turns, so that a busy machine slows both.
pub async fn compare(name: &str, many: u64) -> Costs {
    let (few, many) = (Setup::start(name, FEW).await, Setup::start(name, many).await);
    let (mut among_few, mut among_many) = (Vec::new(), Vec::new());
    for turn in 0..TURNS {
        among_few.push(few.unlocks(turn).await);
        among_many.push(many.unlocks(turn).await);
    }
    Costs { among_few: median(among_few), among_many: median(among_many) }
}

fn median(mut costs: Vec<Duration>) -> Duration {
    costs.sort();
    costs[costs.len() / 2]
}

/// A store with sessions in it, and what it runs on.
struct Setup {
    store: Arc<dyn SessionStore>,
    sessions: u64,
    _server: Box<dyn Send>,
}

impl Setup {
    async fn start(name: &str, sessions: u64) -> Self {
        let (store, server): (Arc<dyn SessionStore>, Box<dyn Send>) = match name {
            "memory" => {
                let store = Arc::new(MemoryStore::with_capacity(usize::try_from(sessions).unwrap()));
                fill_by_inserting(&(store.clone() as Arc<dyn SessionStore>), sessions).await;
                (store, Box::new(()))
            }
            "sqlite" => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join("store.db");
                let store = Arc::new(SqliteStore::open(&path).unwrap());
                fill_sqlite(&path, sessions);
                (store, Box::new(directory))
            }
            "postgres" => {
                let server = Postgres::start_with(&["shared_buffers = '2GB'", "max_wal_size = '8GB'"]);
                let store = Arc::new(PostgresStore::connect(&server.url()).await.unwrap());
                fill_postgres(&server, sessions);
                (store, Box::new(server))
            }
            "redis" => {
                let server = Redis::start();
                server.command(&["CONFIG", "SET", "appendfsync", "no"]);
                let filler = RedisStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
                fill_by_inserting(&(Arc::new(filler) as Arc<dyn SessionStore>), sessions).await;
                server.command(&["CONFIG", "SET", "appendfsync", "always"]);
                (Arc::new(RedisStore::connect(&server.url()).await.unwrap()), Box::new(server))
            }
            other => panic!("{other} is no store"),
        };
        Self { store, sessions, _server: server }
    }

    /// The mean cost of the unlocks of a turn, one after the other, of sessions all over the place.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn unlocks(&self, turn: u64) -> Duration {
        let begin = Instant::now();
        for unlock in 0..UNLOCKS_PER_TURN {
            let number = (turn * UNLOCKS_PER_TURN + unlock).wrapping_mul(0x9E37_79B9_7F4A_7C15) % self.sessions;
            self.unlock(number).await;
        }
        begin.elapsed() / u32::try_from(UNLOCKS_PER_TURN).unwrap()
    }

    /// What `Sessions::unlock` asks of its store.
    async fn unlock(&self, number: u64) {
        let (session, subject) = (key(RecordKind::Session, number), key(RecordKind::Subject, number));
        let mut record = self.store.load(&session).await.unwrap().unwrap();
        for _ in 0..2 {
            self.store.load(&subject).await.unwrap().unwrap();
        }
        for millis in 0..2 {
            let expected = record.revision;
            record.revision += 1;
            record.expires_at = UnixTime::from_millis(record.expires_at.as_millis() + millis);
            assert_eq!(self.store.replace_if(expected, &record).await.unwrap(), Swap::Replaced);
        }
        self.store.load(&subject).await.unwrap().unwrap();
    }
}

/// Spread over all ids. The databases compute the same.
fn key(kind: RecordKind, number: u64) -> RecordKey {
    let mut id = [0; 16];
    id[..8].copy_from_slice(&number.reverse_bits().to_be_bytes());
    id[8..].copy_from_slice(&number.to_be_bytes());
    RecordKey { kind, id }
}

fn record(kind: RecordKind, number: u64) -> Record {
    let key = key(kind, number);
    let (owner, length) = match kind {
        RecordKind::Session => (Some(OwnerKey(key.id)), SESSION_BODY),
        _ => (None, SUBJECT_BODY),
    };
    Record { key, owner, revision: 1, expires_at: EXPIRES_AT, body: vec![7; length] }
}

async fn fill_by_inserting(store: &Arc<dyn SessionStore>, sessions: u64) {
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

fn fill_sqlite(path: &Path, sessions: u64) {
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

fn fill_postgres(server: &Postgres, sessions: u64) {
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
