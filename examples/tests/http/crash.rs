//! `kill -9` at any moment loses neither sessions nor charges.

use std::time::Duration;

use reqwest::Method;

use crate::server::*;

#[tokio::test]
async fn sessions_survive_a_kill() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::on_file(directory.path());
    let api = Api::of(&server);
    let opened = api.authorize(&api.login().await, PIN).await;
    server.kill();

    let server = Server::on_file(directory.path());
    let api = Api::of(&server);
    assert_eq!(api.with_token(Method::GET, "/api/me", &opened.text("access_token")).await.status, 200);
    let again = api.authorize(&opened.text("wrapped_token"), PIN).await;
    assert_eq!(again.status, 200);
}

/// In each round the server dies under parallel guesses, at another moment. Verdicts given before and after together
/// never exceed the schedule's five.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_under_load_loses_no_acknowledged_charge() {
    let directory = tempfile::tempdir().unwrap();
    let mut server = Server::on_file(directory.path());
    let mut interrupted = 0;
    for round in 0..25u64 {
        let api = Api::of(&server);
        let wrapped = api.login().await;
        let guesses: Vec<_> = (0..6)
            .map(|guess| {
                let (api, wrapped) = (api.clone(), wrapped.clone());
                tokio::spawn(async move {
                    let body = serde_json::json!({"wrapped_token": wrapped, "pin": format!("{:06}", 100_000 + guess)});
                    let answer = api.try_call(Method::POST, "/authorize", None, Some(body)).await;
                    answer.ok().map(|answer| answer.code().to_owned())
                })
            })
            .collect();
        tokio::time::sleep(Duration::from_millis(round * 9)).await;
        server.kill();
        let mut acknowledged = 0;
        for guess in guesses {
            match guess.await.unwrap().as_deref() {
                Some("wrong_pin") => acknowledged += 1,
                Some(_) => {}
                None => interrupted += 1,
            }
        }
        server = Server::on_file(directory.path());
        let api = Api::of(&server);
        let mut after = 0;
        while api.authorize(&wrapped, WRONG).await.code() == "wrong_pin" {
            after += 1;
        }
        assert!(acknowledged + after <= 5, "round {round}: {acknowledged} before, {after} after");
    }
    assert!(interrupted > 0, "no request was cut: the rounds have to kill earlier");
}
