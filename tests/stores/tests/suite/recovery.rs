//! Servers that were away are found again, whatever the callers did meanwhile; nodes that are away take nobody along.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use pinlatch::record::{Inserted, Swap};
use pinlatch::store::{SessionStore, StoreError};
use pinlatch::stores::{PostgresStore, RedisStore};
use pinlatch_test_servers::{Fault, Postgres, Proxy, Redis, RedisCluster, wait_until};
use tokio::runtime::{Builder, Runtime};
use tokio::time::{sleep, timeout};

use crate::client::{Server, record};

const PATIENCE: Duration = Duration::from_millis(400);

async fn insert(store: &dyn SessionStore, mark: u8) {
    assert_eq!(store.insert_new(&record(mark, 0)).await.unwrap(), Inserted::Created);
}

async fn store(server: &Server, port: u16) -> Arc<dyn SessionStore> {
    let url = server.url_at(port);
    match server {
        Server::Postgres(_) => Arc::new(PostgresStore::builder(&url).timeout(PATIENCE).connect().await.unwrap()),
        Server::Redis(_) => Arc::new(RedisStore::builder(&url).timeout(PATIENCE).connect().await.unwrap()),
    }
}

/// The connection is dead, and every caller gives up before the store does. One after the other would use it without
/// end if it took a patient one to notice.
async fn impatient_callers(server: Server) {
    let proxy = Proxy::to(server.port());
    let store = store(&server, proxy.port()).await;
    insert(&*store, 1).await;
    proxy.freeze();
    for _ in 0..40 {
        if let Ok(Ok(found)) = timeout(PATIENCE / 2, store.load(&record(1, 0).key)).await {
            assert_eq!(found, Some(record(1, 0)));
            return;
        }
    }
    panic!("the store does not notice that its connection is dead");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_connection_to_postgres_is_noticed_by_impatient_callers() {
    impatient_callers(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_connection_to_redis_is_noticed_by_impatient_callers() {
    impatient_callers(Server::redis()).await;
}

/// The server is silent for a while, and calls come in all the time. Whoever waits at the front must have time enough
/// to connect, however long the queue was.
async fn load_without_pause(server: Server) {
    let proxy = Proxy::to(server.port());
    let store = store(&server, proxy.port()).await;
    insert(&*store, 1).await;
    let served = Arc::new(AtomicUsize::new(0));
    let call_for = async |time: Duration| {
        for _ in 0..time.as_millis() / 10 {
            let (store, served) = (store.clone(), served.clone());
            tokio::spawn(async move {
                if store.load(&record(1, 0).key).await.is_ok() {
                    served.fetch_add(1, Ordering::SeqCst);
                }
            });
            sleep(Duration::from_millis(10)).await;
        }
    };
    proxy.set(Fault::Silence);
    call_for(Duration::from_secs(2)).await;
    served.store(0, Ordering::SeqCst);
    proxy.set(Fault::Delay(Duration::from_millis(20)));
    call_for(Duration::from_secs(4)).await;
    let early = served.swap(0, Ordering::SeqCst);
    call_for(Duration::from_secs(1)).await;
    assert!(served.load(Ordering::SeqCst) > 50, "{early} and {served:?} of 400 and 100 calls were served");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_found_again_under_load() {
    load_without_pause(Server::postgres()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_is_found_again_under_load() {
    load_without_pause(Server::redis()).await;
}

/// A statement that was given up does not hold up whoever gets its connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_gives_up_leaves_no_busy_connection_behind() {
    let server = Postgres::start();
    let store = PostgresStore::builder(&server.url()).timeout(PATIENCE).max_connections(1).connect().await.unwrap();
    insert(&store, 1).await;
    insert(&store, 2).await;
    let hold = "BEGIN; SELECT * FROM pinlatch_record WHERE id = '\\x01010101010101010101010101010101' FOR UPDATE;
                SELECT pg_sleep(60)";
    let psql = Command::new("psql").args(["-X", "-d", &server.url(), "-c", hold]).stdout(Stdio::null()).spawn();
    let mut holder = psql.unwrap();
    let held = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'";
    wait_until("the row is held", || server.sql(held).trim() != "0");
    drop(timeout(PATIENCE / 4, store.replace_if(0, &record(1, 1))).await);
    let other = async {
        loop {
            if let Ok(swap) = store.replace_if(0, &record(2, 1)).await {
                break swap;
            }
        }
    };
    assert_eq!(timeout(PATIENCE * 5, other).await.expect("the connection is free again"), Swap::Replaced);
    holder.kill().unwrap();
    holder.wait().unwrap();
}

/// Its cancel may come late, and must not hit whoever would have the connection by then.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_statement_was_given_up_is_not_used_again() {
    let server = Postgres::start();
    let proxy = Proxy::to(server.port());
    let url = Postgres::url_at(proxy.port());
    let store = PostgresStore::builder(&url).timeout(PATIENCE).max_connections(1).connect().await.unwrap();
    insert(&store, 1).await;
    let backends = || server.sql("SELECT pid FROM pg_stat_activity WHERE application_name = 'pinlatch'");
    let before = backends();
    assert_eq!(before.lines().count(), 1);
    proxy.set(Fault::Silence);
    let silent = store.clone();
    let given_up = tokio::spawn(async move { silent.load(&record(1, 0).key).await });
    sleep(PATIENCE + PATIENCE / 2).await;
    // What it has to say comes after all.
    proxy.set(Fault::None);
    assert!(given_up.await.unwrap().is_err());
    assert_eq!(store.load(&record(1, 0).key).await.unwrap(), Some(record(1, 0)));
    assert!(!backends().contains(before.trim()));
}

/// A server that waits for its standby does not notice that nobody waits for it. The store tells it, and takes no more
/// connections than it may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_standby_that_is_away_does_not_cost_more_and_more_connections() {
    let server = Postgres::start();
    let store = PostgresStore::builder(&server.url()).timeout(PATIENCE).max_connections(2).connect().await.unwrap();
    for mark in 0..10 {
        insert(&store, mark).await;
    }
    server.sql("ALTER SYSTEM SET synchronous_standby_names = 'away'");
    server.sql("SELECT pg_reload_conf()");
    sleep(PATIENCE).await;
    for mark in 0..10 {
        let outcome = store.replace_if(0, &record(mark, 1)).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "no standby has it: {outcome:?}");
    }
    let own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pinlatch'";
    let connections: usize = server.sql(own).trim().parse().unwrap();
    assert!(connections <= 2, "{connections}");
}

/// Each shard of a cluster has one record.
async fn spread(store: &RedisStore) -> Vec<u8> {
    let marks: Vec<u8> = (0..16).map(|shard| shard << 4).collect();
    for mark in &marks {
        insert(store, *mark).await;
    }
    marks
}

async fn served(store: &RedisStore, marks: &[u8]) -> usize {
    let mut served = 0;
    for mark in marks {
        served += usize::from(store.load(&record(*mark, 0).key).await.is_ok());
    }
    served
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_away_takes_only_its_shards_along_and_a_killed_cluster_is_found_again() {
    let mut cluster = RedisCluster::start();
    for node in cluster.nodes() {
        node.command(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let urls = cluster.urls();
    let builder = RedisStore::cluster(urls.iter().map(String::as_str)).timeout(PATIENCE);
    let store = builder.check_every(PATIENCE).connect().await.unwrap();
    let marks = spread(&store).await;

    // A record and an index entry for each shard.
    let of_node: usize = cluster.nodes()[2].command(&["DBSIZE"]).parse::<usize>().unwrap() / 2;
    cluster.nodes()[2].pause();
    for _ in 0..2 {
        assert_eq!(served(&store, &marks).await, 16 - of_node);
    }
    cluster.nodes()[2].resume();

    for node in cluster.nodes_mut() {
        node.kill();
    }
    assert_eq!(served(&store, &marks[..2]).await, 0);
    for node in cluster.nodes_mut() {
        node.start_again();
    }
    for _ in 0..200 {
        if served(&store, &marks).await == 16 {
            return;
        }
        sleep(Duration::from_millis(100)).await;
    }
    panic!("the cluster is not found again");
}

/// One of the addresses that were given does not answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_is_found_by_the_nodes_that_are_there() {
    let cluster = RedisCluster::start();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = Redis::url_at(silent.local_addr().unwrap().port());
    let urls = [silent, cluster.nodes()[0].url()];
    let store = RedisStore::cluster(urls.iter().map(String::as_str)).timeout(PATIENCE * 5).connect().await.unwrap();
    assert_eq!(spread(&store).await.len(), 16);
}

/// A cluster of one node, behind a proxy that it announces as its address.
fn behind_a_proxy() -> (Redis, Proxy, String) {
    let node = Redis::start_with(&["--cluster-enabled", "yes"]);
    let proxy = Proxy::to(node.port());
    node.command(&["CONFIG", "SET", "cluster-announce-ip", "127.0.0.1"]);
    node.command(&["CONFIG", "SET", "cluster-announce-port", &proxy.port().to_string()]);
    node.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    wait_until("the cluster is whole", || node.command(&["CLUSTER", "INFO"]).contains("cluster_state:ok"));
    let url = Redis::url_at(proxy.port());
    (node, proxy, url)
}

/// The host of a node is gone, and nothing closes its connection: no error, no answer, for ever.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_connection_of_a_cluster_is_replaced() {
    let (_node, proxy, url) = behind_a_proxy();
    let builder = RedisStore::cluster([url.as_str()]).timeout(PATIENCE);
    let store = builder.check_every(PATIENCE).connect().await.unwrap();
    insert(&store, 1).await;
    proxy.freeze();
    assert!(store.load(&record(1, 0).key).await.is_err());
    for _ in 0..40 {
        if let Ok(found) = store.load(&record(1, 0).key).await {
            assert_eq!(found, Some(record(1, 0)));
            return;
        }
    }
    panic!("the silent connection stays");
}

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

/// One that ends while its task is connecting.
#[test]
fn a_store_outlives_a_runtime_that_was_connecting() {
    let node = Redis::start();
    let proxy = Proxy::to(node.port());
    let url = Redis::url_at(proxy.port());
    let first = runtime();
    let store = first.block_on(RedisStore::builder(&url).timeout(PATIENCE * 20).connect()).unwrap();
    first.block_on(insert(&store, 1));
    let key = record(1, 0).key;
    proxy.set(Fault::Refuse);
    assert!(first.block_on(store.load(&key)).is_err());
    proxy.set(Fault::Silence);
    first.block_on(async { sleep(PATIENCE).await });
    assert!(first.block_on(async { timeout(PATIENCE, store.load(&key)).await }).is_err(), "it is connecting");
    drop(first);
    proxy.set(Fault::None);
    runtime().block_on(async {
        // Who finds it lost is told.
        drop(store.load(&key).await);
        assert_eq!(store.load(&key).await.unwrap(), Some(record(1, 0)));
    });
}

/// The runtime in which a store was connected has ended, and with it the tasks of its connections.
#[test]
fn a_store_outlives_the_runtime_that_has_connected_it() {
    let (_node, _proxy, url) = behind_a_proxy();
    let first = runtime();
    let store = first.block_on(RedisStore::cluster([url.as_str()]).connect()).unwrap();
    first.block_on(insert(&store, 1));
    drop(first);
    runtime().block_on(async {
        let found = store.load(&record(1, 0).key).await;
        assert_eq!(found.unwrap(), Some(record(1, 0)));
    });
}

/// Every write is one, and nothing that a cluster's driver asks for by itself.
const SCRIPT: &str = "EVAL";

/// What a cluster's driver would send again it would find done, and say so wrongly: `Exists`, `Stale`, `false`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_answer_of_a_cluster_is_unknown() {
    let (_node, proxy, url) = behind_a_proxy();
    let store = RedisStore::cluster([url.as_str()]).connect().await.unwrap();
    let present = async |mark: u8| {
        for _ in 0..100 {
            if let Ok(found) = store.load(&record(mark, 0).key).await {
                return found;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("the cluster is not found again")
    };
    for mark in 0..5 {
        assert_eq!(present(mark).await, None);
        proxy.set(Fault::CutAnswerTo(SCRIPT));
        let inserted = store.insert_new(&record(mark, 0)).await;
        assert!(matches!(inserted, Err(StoreError::Unavailable(_))), "{inserted:?}");
        assert_eq!(present(mark).await, Some(record(mark, 0)));
        proxy.set(Fault::CutAnswerTo(SCRIPT));
        let swapped = store.replace_if(0, &record(mark, 1)).await;
        assert!(matches!(swapped, Err(StoreError::Unavailable(_))), "{swapped:?}");
        assert_eq!(present(mark).await, Some(record(mark, 1)));
        proxy.set(Fault::CutAnswerTo(SCRIPT));
        let removed = store.remove(&record(mark, 1).key).await;
        assert!(matches!(removed, Err(StoreError::Unavailable(_))), "{removed:?}");
    }
}
