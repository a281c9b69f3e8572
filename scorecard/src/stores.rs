//! What a store costs an unlock, among few sessions and among many. PostgreSQL and Redis are started here (`tests/run`
//! installs them).

mod fill;

use std::sync::Arc;
use std::time::{Duration, Instant};

use pinlatch::UnixTime;
use pinlatch::record::{OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::SessionStore;
use pinlatch::stores::{MemoryStore, PostgresStore, RedisStore, SqliteStore};
use pinlatch_test_servers::{Postgres, Redis};
use tempfile::TempDir;

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
pub(crate) struct Setup {
    store: Arc<dyn SessionStore>,
    sessions: u64,
    server: Server,
}

/// What a store runs on.
enum Server {
    /// This process; and what it took before, in bytes.
    Memory(u64),
    Sqlite(TempDir),
    Postgres(Postgres),
    Redis(Redis),
}

impl Server {
    /// What the sessions take.
    fn bytes(&self) -> u64 {
        match self {
            Self::Memory(before) => resident() - before,
            Self::Sqlite(directory) => std::fs::metadata(directory.path().join(FILE)).unwrap().len(),
            Self::Postgres(server) => {
                server.sql("SELECT pg_total_relation_size('pinlatch_record')").trim().parse().unwrap()
            }
            Self::Redis(server) => {
                let info = server.command(&["INFO", "memory"]);
                let line = info.lines().find_map(|line| line.strip_prefix("used_memory:")).unwrap();
                line.trim().parse().unwrap()
            }
        }
    }
}

/// Of this process.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() * 1024
}

const FILE: &str = "store.db";

impl Setup {
    pub(crate) async fn start(name: &str, sessions: u64) -> Self {
        let (store, server): (Arc<dyn SessionStore>, Server) = match name {
            "memory" => {
                let before = resident();
                let store = Arc::new(MemoryStore::with_capacity(usize::try_from(sessions).unwrap()));
                fill::by_inserting(store.clone(), sessions).await;
                (store, Server::Memory(before))
            }
            "sqlite" => {
                let directory = tempfile::tempdir().unwrap();
                let path = directory.path().join(FILE);
                let store = Arc::new(SqliteStore::open(&path).unwrap());
                fill::sqlite(&path, sessions);
                (store, Server::Sqlite(directory))
            }
            "postgres" => {
                let server = Postgres::start_with(&["shared_buffers = '2GB'", "max_wal_size = '8GB'"]);
                let store = Arc::new(PostgresStore::connect(&server.url()).await.unwrap());
                fill::postgres(&server, sessions);
                (store, Server::Postgres(server))
            }
            "redis" => {
                let server = Redis::start();
                server.command(&["CONFIG", "SET", "appendfsync", "no"]);
                let filler = RedisStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
                fill::by_inserting(Arc::new(filler), sessions).await;
                server.command(&["CONFIG", "SET", "appendfsync", "always"]);
                (Arc::new(RedisStore::connect(&server.url()).await.unwrap()), Server::Redis(server))
            }
            other => panic!("{other} is no store"),
        };
        Self { store, sessions, server }
    }

    /// What one session takes with its subject, in bytes.
    pub(crate) fn bytes_per_session(&self) -> u64 {
        self.server.bytes() / self.sessions
    }

    /// The mean cost of the unlocks of a turn, one after the other, of sessions all over the place.
    #[expect(clippy::disallowed_methods, reason = "a measurement")]
    async fn unlocks(&self, turn: u64) -> Duration {
        let begin = Instant::now();
        for unlock in 0..UNLOCKS_PER_TURN {
            self.unlock(anywhere(turn * UNLOCKS_PER_TURN + unlock) % self.sessions).await;
        }
        begin.elapsed() / u32::try_from(UNLOCKS_PER_TURN).unwrap()
    }

    /// What `Sessions::unlock` asks of its store.
    pub(crate) async fn unlock(&self, number: u64) {
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

/// Numbers that follow each other, all over the place.
pub(crate) const fn anywhere(number: u64) -> u64 {
    number.wrapping_mul(0x9E37_79B9_7F4A_7C15)
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
