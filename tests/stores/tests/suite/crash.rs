//! `kill -9` of the database loses nothing that it acknowledged.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::record::{Inserted, Swap};
use pinlatch::store::SessionStore;
use pinlatch::stores::{PostgresStore, RedisStore};
use pinlatch_store_tests::times;
use pinlatch_test_servers::{Postgres, Redis};

use crate::client::{Server, record};

const COUNTERS: u8 = 8;

/// Counts a record up, as charges do, until the store fails. Returns the last revision that it acknowledged.
async fn count(store: Arc<dyn SessionStore>, counter: u8, mut revision: u64) -> u64 {
    while let Ok(swap) = store.replace_if(revision, &record(counter, revision + 1)).await {
        assert_eq!(swap, Swap::Replaced);
        revision += 1;
    }
    revision
}

async fn revision(store: &dyn SessionStore, counter: u8) -> u64 {
    loop {
        // The store finds the server again by itself.
        if let Ok(record) = store.load(&record(counter, 0).key).await {
            return record.map_or(0, |record| record.revision);
        }
    }
}

/// Kills the server under load in each round. Returns how many acknowledged writes were lost in all.
async fn lost(mut server: Server, store: Arc<dyn SessionStore>, rounds: u64) -> u64 {
    for counter in 0..COUNTERS {
        assert_eq!(store.insert_new(&record(counter, 0)).await.unwrap(), Inserted::Created);
    }
    let (mut lost, mut acknowledged) = (0, 0);
    for round in 0..rounds {
        let mut counting = Vec::new();
        for counter in 0..COUNTERS {
            let present = revision(&*store, counter).await;
            counting.push((present, tokio::spawn(count(store.clone(), counter, present))));
        }
        tokio::time::sleep(Duration::from_millis(20 + round % 17 * 7)).await;
        server.kill();
        let mut told = Vec::new();
        for (before, counting) in counting {
            let last = counting.await.unwrap();
            acknowledged += last - before;
            told.push(last);
        }
        server.start_again();
        for (counter, told) in (0..COUNTERS).zip(told) {
            let kept = revision(&*store, counter).await;
            // One more may have been written whose answer did not come.
            assert!(kept <= told + 1, "round {round}: {kept} is there, {told} was the last answer");
            lost += told.saturating_sub(kept);
            if kept == 0 && told > 0 {
                // Forgotten altogether.
                let _ = store.insert_new(&record(counter, 0)).await.unwrap();
            }
        }
    }
    assert!(acknowledged > rounds * 8, "only {acknowledged} writes in {rounds} rounds");
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_postgres_lose_no_acknowledged_charge() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(lost(Server::Postgres(server), Arc::new(store), times(20, 1000)).await, 0);
}

/// The revision of the only record, as others see it.
fn stored(postgres: &Postgres) -> u64 {
    postgres.sql("SELECT revision FROM pinlatch_record").trim().parse().unwrap()
}

/// Somebody turns the setting off while the store is connected: its connection keeps what it was found with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_that_changes_while_connected_loses_no_charge() {
    for _ in 0..3 {
        let server = Postgres::start();
        let store = PostgresStore::connect(&server.url()).await.unwrap();
        let mut server = Server::Postgres(server);
        assert_eq!(store.insert_new(&record(0, 0)).await.unwrap(), Inserted::Created);
        let Server::Postgres(postgres) = &server else { unreachable!("started above") };
        postgres.sql("ALTER SYSTEM SET synchronous_commit = off");
        postgres.sql("SELECT pg_reload_conf()");
        let counting = tokio::spawn(count(Arc::new(store), 0, 0));
        while stored(postgres) < 10 {}
        server.kill();
        let told = counting.await.unwrap();
        server.start_again();
        let Server::Postgres(postgres) = &server else { unreachable!("started above") };
        let kept = stored(postgres);
        assert!(told >= 10 && kept >= told, "{kept} is there, {told} was the last answer");
    }
}

/// The same test sees what is lost where the store would have refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_synchronous_commit_a_kill_loses_charges() {
    let server = Postgres::start_with(&["synchronous_commit = off"]);
    let store = PostgresStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
    assert!(lost(Server::Postgres(server), Arc::new(store), 10).await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_of_redis_lose_no_acknowledged_charge() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    assert_eq!(lost(Server::Redis(server), Arc::new(store), times(20, 1000)).await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_file_a_kill_of_redis_loses_charges() {
    let server = Redis::start_with(&["--appendonly", "no"]);
    let store = RedisStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
    assert!(lost(Server::Redis(server), Arc::new(store), 3).await > 0);
}
