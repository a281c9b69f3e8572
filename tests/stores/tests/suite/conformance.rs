//! The stores keep the contract. Each handle has connections of its own, as in several processes.

use pinlatch::clock::{ClockPolicy, SystemClock};
use pinlatch::conformance::check_store;
use pinlatch::store::SessionStore;
use pinlatch::stores::{PostgresStore, RedisStore};
use pinlatch_test_servers::{Postgres, Redis, RedisCluster};

async fn check<S: SessionStore + 'static>(handle: impl AsyncFn() -> S) {
    if let Err(violations) = check_store(handle, SystemClock.now(), |task| drop(tokio::spawn(task))).await {
        panic!("{violations}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_postgres_store_conforms() {
    let server = Postgres::start();
    check(async || PostgresStore::connect(&server.url()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms() {
    let server = Redis::start();
    check(async || RedisStore::connect(&server.url()).await.unwrap()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_redis_store_conforms_on_a_cluster() {
    let cluster = RedisCluster::start();
    let urls = cluster.urls();
    check(async || RedisStore::cluster(urls.iter().map(String::as_str)).connect().await.unwrap()).await;
}
