//! Connections that break and servers that are slow: typed errors in bounded time, no free guess, and recovery.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError, StoreFuture};
use pinlatch::stores::{PostgresStore, RedisStore};
use pinlatch::{FullLogin, RequestContext, UnixTime};
use pinlatch_store_tests::{GUESSES, PIN, WRONG, login, pin, pool, sessions, subject, unlock};
use pinlatch_test_servers::{Fault, Postgres, Proxy, wait_until};
use tokio::time::timeout;

use crate::client::{Server, record};

/// How long the stores wait, and what is certainly longer.
const PATIENCE: Duration = Duration::from_millis(400);
const LONG: Duration = Duration::from_secs(10);

async fn store(server: &Server, port: u16) -> Arc<dyn SessionStore> {
    let url = server.url_at(port);
    match server {
        Server::Postgres(_) => {
            let store = PostgresStore::builder(&url).timeout(PATIENCE).max_connections(2);
            Arc::new(store.connect().await.unwrap())
        }
        Server::Redis(_) => Arc::new(RedisStore::builder(&url).timeout(PATIENCE).connect().await.unwrap()),
    }
}

/// A store whose next swap is carried out, and its answer lost.
struct LosesAnswers {
    inner: Arc<dyn SessionStore>,
    proxy: Proxy,
}

impl SessionStore for LosesAnswers {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        self.inner.insert_new(record)
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        self.inner.load(key)
    }

    fn replace_if<'a>(&'a self, expected: u64, record_: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(async move {
            // The connection has prepared its statement when this comes back, so the next answer is the swap's.
            assert_eq!(self.inner.replace_if(1, &record(0xFF, 2)).await?, Swap::Missing);
            self.proxy.set(Fault::CutAnswerTo(""));
            self.inner.replace_if(expected, record_).await
        })
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        self.inner.remove(key)
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        self.inner.list(owner, kind, page)
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        self.inner.purge_expired(before, limit)
    }
}

/// The charge is stored, the answer is cut: the PIN is not looked at, right or wrong, and the guess is gone.
async fn cut_answers(server: Server) {
    let proxy = Proxy::to(server.port());
    let inner = store(&server, proxy.port()).await;
    let kdf = pool();
    let wrapped = login(&sessions(inner.clone(), &kdf), "alice").await.device_token.into_string();
    let losing = Arc::new(LosesAnswers { inner: inner.clone(), proxy });
    let evaluations = kdf.evaluations();
    let cut = sessions(losing.clone(), &kdf);
    for guess in 1..GUESSES {
        let with = if guess % 2 == 0 { PIN } else { WRONG };
        assert_eq!(unlock(&cut, &wrapped, with).await, "unavailable", "guess {guess}");
        assert_eq!(losing.proxy.cuts() as u64, guess);
    }
    assert_eq!(kdf.evaluations(), evaluations, "a charge whose outcome is unknown gives no guess");
    let whole = sessions(inner, &kdf);
    assert_eq!(unlock(&whole, &wrapped, WRONG).await, "locked_out", "all nine charges were stored");
    assert_eq!(kdf.evaluations(), evaluations + 1);
    assert_eq!(unlock(&whole, &wrapped, PIN).await, "locked_out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_postgres_is_no_free_guess() {
    cut_answers(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_redis_is_no_free_guess() {
    cut_answers(Server::redis()).await;
}

/// What was acknowledged opens afterwards; until then everybody is told that the store is unavailable; nobody has to
/// restart the service.
async fn killed_under_load(mut server: Server) {
    let store = store(&server, server.port()).await;
    let kdf = pool();
    let service = sessions(store, &kdf);
    for round in 0..5u64 {
        let users: Vec<_> = (0..8)
            .map(|user| {
                let service = service.clone();
                tokio::spawn(async move {
                    let name = format!("user-{user}");
                    let login = service.login(FullLogin::vouched_by_host(subject(&name)), pin(PIN)).await;
                    let mut wrapped = match login {
                        Ok(issued) => issued.device_token.into_string(),
                        Err(error) => return (None, error.code()),
                    };
                    loop {
                        match service.unlock(&wrapped, &pin(PIN), &RequestContext::new()).await {
                            Ok(opened) => wrapped = opened.device_token.into_string(),
                            Err(error) => return (Some(wrapped), error.code()),
                        }
                    }
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(100 + round * 13)).await;
        server.kill();
        let mut kept = Vec::new();
        for user in users {
            let (wrapped, ended_with) = timeout(LONG, user).await.unwrap().unwrap();
            assert_eq!(ended_with, "unavailable", "round {round}");
            kept.extend(wrapped);
        }
        assert!(!kept.is_empty(), "round {round}: nobody logged in before the kill");
        let down = service.unlock(&kept[0], &pin(PIN), &RequestContext::new()).await.unwrap_err();
        assert_eq!((down.code(), down.retry_after().is_some()), ("unavailable", true));
        server.start_again();
        for wrapped in kept {
            let opens = async {
                loop {
                    match unlock(&service, &wrapped, PIN).await {
                        "unavailable" => tokio::time::sleep(Duration::from_millis(20)).await,
                        other => break other,
                    }
                }
            };
            assert_eq!(timeout(LONG, opens).await.unwrap(), "ok", "round {round}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_that_postgres_is_killed_under_load() {
    killed_under_load(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_survive_that_redis_is_killed_under_load() {
    killed_under_load(Server::redis()).await;
}

async fn swap(store: &dyn SessionStore, revision: u64) -> Result<Swap, StoreError> {
    let next = record(1, revision + 1);
    timeout(LONG, store.replace_if(revision, &next)).await.expect("an answer in bounded time")
}

/// Answers that do not come, that come late, and connections that are dead without anyone having said so.
async fn silence(server: Server) {
    let proxy = Proxy::to(server.port());
    let store = store(&server, proxy.port()).await;
    assert_eq!(store.insert_new(&record(1, 0)).await.unwrap(), Inserted::Created);
    assert_eq!(swap(&*store, 0).await.unwrap(), Swap::Replaced);

    for fault in [Fault::Silence, Fault::Delay(PATIENCE * 3), Fault::Refuse] {
        proxy.set(fault);
        for _ in 0..3 {
            let outcome = swap(&*store, 7).await;
            assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{fault:?}: {outcome:?}");
        }
        // What was begun meanwhile never comes to its end.
        proxy.freeze();
        proxy.set(Fault::None);
        recovers(&*store).await;
    }
}

/// After some calls that fail.
async fn recovers(store: &dyn SessionStore) {
    let found_again = async {
        while let Err(error) = store.load(&record(1, 0).key).await {
            assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
        }
    };
    timeout(LONG, found_again).await.expect("the store recovers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_postgres_that_does_not_answer_is_unavailable_in_bounded_time() {
    silence(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_does_not_answer_is_unavailable_in_bounded_time() {
    silence(Server::redis()).await;
}

/// Somebody holds the table. Those who wait give up in time, those who find no connection too, and afterwards there are
/// connections again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_exhausted_pool_is_unavailable_in_bounded_time() {
    let server = Postgres::start();
    let store = PostgresStore::builder(&server.url()).timeout(PATIENCE).max_connections(1).connect().await.unwrap();
    assert_eq!(store.insert_new(&record(1, 0)).await.unwrap(), Inserted::Created);
    let hold = "BEGIN; LOCK TABLE pinlatch_record; SELECT 'held'; SELECT pg_sleep(60)";
    let mut holder =
        Command::new("psql").args(["-X", "-d", &server.url(), "-c", hold]).stdout(Stdio::null()).spawn().unwrap();
    let held = "SELECT count(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock'";
    wait_until("the table is held", || server.sql(held).trim() != "0");
    let waiting: Vec<_> = (0..20)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { swap(&store, 0).await })
        })
        .collect();
    for waiting in waiting {
        let error = waiting.await.unwrap().unwrap_err();
        assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    }
    holder.kill().unwrap();
    holder.wait().unwrap();
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'BEGIN; LOCK%'");
    recovers(&store).await;
    // Those who gave up do not know whether theirs was carried out: one may have been, before or after.
    assert_ne!(swap(&store, 0).await.unwrap(), Swap::Missing);
    let revision = store.load(&record(1, 0).key).await.unwrap().map(|record| record.revision);
    assert_eq!(revision, Some(1));
}

/// More requests than connections: they take turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_beyond_the_connections_take_turns() {
    let server = Postgres::start();
    let store = PostgresStore::builder(&server.url()).max_connections(2).connect().await.unwrap();
    let inserting: Vec<_> = (0..200u8)
        .map(|mark| {
            let store = store.clone();
            tokio::spawn(async move { store.insert_new(&record(mark, 0)).await.unwrap() })
        })
        .collect();
    for inserting in inserting {
        assert_eq!(inserting.await.unwrap(), Inserted::Created);
    }
}
