//! Several instances on one database, as behind a load balancer; and what clients see when that database goes away.

use std::path::Path;
use std::time::Duration;

use pinlatch_test_servers::{Postgres, Redis};
use reqwest::Method;

use crate::race::guess;
use crate::server::*;

/// Instances start at once; they agree on the secrets in one file.
fn instances<const N: usize>(store: &str, directory: &Path) -> [Server; N] {
    let secrets = directory.join("secrets");
    let start = || Server::start_with(store, &[("SECRETS", secrets.to_str().unwrap())]);
    std::thread::scope(|scope| [(); N].map(|()| scope.spawn(start)).map(|started| started.join().unwrap()))
}

/// Each request goes to another instance. Nobody notices.
async fn take_turns(store: &str) {
    let directory = tempfile::tempdir().unwrap();
    let servers: [Server; 2] = instances(store, directory.path());
    let [one, two] = [Api::of(&servers[0]), Api::of(&servers[1])];
    let mut wrapped = one.login().await;
    for (here, there) in [(&two, &one), (&one, &two), (&two, &one)] {
        assert_eq!(here.authorize(&wrapped, WRONG).await.body["attempts_remaining"], 9);
        let opened = there.authorize(&wrapped, PIN).await;
        assert_eq!(opened.status, 200, "{opened:?}");
        wrapped = opened.text("wrapped_token");
        let token = opened.text("access_token");
        assert_eq!(here.with_token(Method::GET, "/api/me", &token).await.status, 200);
    }
    let last = two.authorize(&wrapped, PIN).await;
    let token = last.text("access_token");
    assert_eq!(one.with_token(Method::POST, "/logout", &token).await.status, 204);
    assert_eq!(two.with_token(Method::GET, "/api/me", &token).await.code(), "invalid_token");
    assert_eq!(two.authorize(&last.text("wrapped_token"), PIN).await.code(), "session_ended");
}

#[tokio::test]
async fn instances_on_postgres_take_turns() {
    take_turns(&Postgres::start().url()).await;
}

#[tokio::test]
async fn instances_on_redis_take_turns() {
    take_turns(&Redis::start().url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_guesses_get_five_verdicts_from_three_instances_on_each_database() {
    let (postgres, redis) = (Postgres::start(), Redis::start());
    for store in [postgres.url(), redis.url()] {
        let directory = tempfile::tempdir().unwrap();
        let servers: [Server; 3] = instances(&store, directory.path());
        let wrapped = Api::of(&servers[0]).login().await;
        assert_eq!(guess(&servers, &wrapped, 1000).await, 5, "{store}");
    }
}

/// Every call that needs the database answers 503 and says when to come back. Verifying with the store is one of them;
/// what was begun is there when the database is.
async fn without_database(store: &str, mut kill: impl FnMut(bool)) {
    let directory = tempfile::tempdir().unwrap();
    let [server] = instances(store, directory.path());
    let api = Api::of(&server);
    let opened = api.authorize(&api.login().await, PIN).await;
    let (wrapped, token) = (opened.text("wrapped_token"), opened.text("access_token"));
    kill(true);
    let login = serde_json::json!({"username": "alice", "password": PASSWORD, "pin": PIN});
    for answer in [
        api.post("/login", login).await,
        api.authorize(&wrapped, PIN).await,
        api.authorize(&wrapped, WRONG).await,
        api.with_token(Method::GET, "/api/me", &token).await,
        api.with_token(Method::GET, "/sessions", &token).await,
        api.with_token(Method::POST, "/logout", &token).await,
    ] {
        assert_eq!((answer.status, answer.code()), (503, "unavailable"), "{answer:?}");
        assert_eq!(answer.retry_after, Some(2));
        assert_eq!(answer.content_type, "application/problem+json");
        let text = answer.body.to_string();
        assert!(!text.contains("ostgres") && !text.contains("edis") && !text.contains("refused"), "{text}");
    }
    kill(false);
    // That took a while, in which the server may have closed its side of an idle connection.
    let api = Api::of(&server);
    while api.with_token(Method::GET, "/api/me", &token).await.status == 503 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(api.authorize(&wrapped, PIN).await.status, 200);
}

#[tokio::test]
async fn without_postgres_clients_are_told_to_come_back() {
    let mut server = Postgres::start();
    let url = server.url();
    without_database(&url, |kill| if kill { server.kill() } else { server.start_again() }).await;
}

#[tokio::test]
async fn without_redis_clients_are_told_to_come_back() {
    let mut server = Redis::start();
    let url = server.url();
    without_database(&url, |kill| if kill { server.kill() } else { server.start_again() }).await;
}
