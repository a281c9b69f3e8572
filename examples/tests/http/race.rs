//! A thousand guesses at once, over HTTP.

use crate::server::*;

/// Sends the guesses to the servers in turn, and asks again where a server is busy. Returns the verdicts.
pub(crate) async fn guess(servers: &[Server], wrapped: &str, guesses: usize) -> usize {
    let apis: Vec<_> = servers.iter().map(Api::of).collect();
    let requests: Vec<_> = (0..guesses)
        .map(|guess| {
            let (api, wrapped) = (apis[guess % apis.len()].clone(), wrapped.to_owned());
            tokio::spawn(async move {
                loop {
                    let answer = api.authorize(&wrapped, &format!("{:06}", 100_000 + guess)).await;
                    match answer.code() {
                        "busy" => tokio::time::sleep(std::time::Duration::from_millis(50)).await,
                        "wrong_pin" => break 1,
                        "throttled" => break 0,
                        _ => panic!("{answer:?}"),
                    }
                }
            })
        })
        .collect();
    let mut verdicts = 0;
    for request in requests {
        verdicts += request.await.unwrap();
    }
    verdicts
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_guesses_get_five_verdicts_in_memory() {
    let servers = [Server::start("memory:")];
    for _ in 0..2 {
        let wrapped = Api::of(&servers[0]).login().await;
        assert_eq!(guess(&servers, &wrapped, 1000).await, 5);
    }
}

/// Three server processes share one file; within one process, requests of a session queue up anyway.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_parallel_guesses_get_five_verdicts_from_three_processes_on_one_file() {
    let directory = tempfile::tempdir().unwrap();
    let servers = [(); 3].map(|()| Server::on_file(directory.path()));
    for _ in 0..2 {
        let wrapped = Api::of(&servers[0]).login().await;
        assert_eq!(guess(&servers, &wrapped, 1000).await, 5);
    }
}
