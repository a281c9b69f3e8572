//! What the manual promises of its programs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::process::{Child, Command};
use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// A port that was free a moment ago.
fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

async fn start(program: &str, folder: &std::path::Path) -> (Server, String) {
    let address = format!("127.0.0.1:{}", free_port());
    let secret = |mark: u8| core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap());
    let mut command = Command::new(program);
    command.current_dir(folder).env("ADDR", &address);
    for (name, mark) in [("PEPPER", 0), ("INDEX", 64), ("SIGNING", 128)] {
        command.env(name, base64::Engine::encode(&base64::prelude::BASE64_STANDARD, secret(mark)));
    }
    let server = Server(command.spawn().unwrap());
    for _ in 0..200 {
        if tokio::net::TcpStream::connect(&address).await.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    (server, format!("http://{address}"))
}

async fn post(client: &Client, url: String, body: Value) -> (u16, Value) {
    let response = client.post(url).json(&body).send().await.unwrap();
    assert_eq!(response.headers()["cache-control"], "no-store");
    (response.status().as_u16(), response.json().await.unwrap())
}

async fn a_pin_that_works(program: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (_server, url) = start(program, folder.path()).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let login = |password: &str, pin: &str| json!({"username": "alice", "password": password, "pin": pin});
    let right = "correct horse battery staple";
    let (status, refused) = post(&client, format!("{url}/login"), login("wrong", "739216")).await;
    assert_eq!((status, &refused["code"]), (401, &json!("invalid_credentials")));
    let (status, refused) = post(&client, format!("{url}/login"), login(right, "123456")).await;
    assert_eq!((status, &refused["code"], &refused["reason"]), (422, &json!("weak_pin"), &json!("sequence")));
    let (status, issued) = post(&client, format!("{url}/login"), login(right, "739216")).await;
    assert_eq!(status, 200, "{issued}");
    let (status, refused) = post(&client, format!("{url}/login"), json!({"username": "alice"})).await;
    assert_eq!((status, &refused["code"]), (400, &json!("bad_request")));
    let unlock = |pin: &str| json!({"wrapped_token": issued["wrapped_token"], "pin": pin});
    let (status, refused) = post(&client, format!("{url}/authorize"), unlock("739217")).await;
    assert_eq!((status, &refused["code"], &refused["attempts_remaining"]), (401, &json!("wrong_pin"), &json!(9)));
    let (status, opened) = post(&client, format!("{url}/authorize"), unlock("739216")).await;
    assert_eq!((status, &opened["expires_in"]), (200, &json!(900)), "{opened}");
    let me = client.get(format!("{url}/api/me"));
    assert_eq!(me.try_clone().unwrap().send().await.unwrap().status(), 401);
    let me: Value =
        me.bearer_auth(opened["access_token"].as_str().unwrap()).send().await.unwrap().json().await.unwrap();
    assert_eq!(me, json!({"subject": "alice"}));

    let log_out = async |token: &Value| {
        let body = json!({"wrapped_token": token});
        client.post(format!("{url}/logout")).json(&body).send().await.unwrap().status()
    };
    assert_eq!(log_out(&opened["wrapped_token"]).await, 204);
    let (status, refused) = post(&client, format!("{url}/authorize"), unlock("739216")).await;
    assert_eq!((status, &refused["code"]), (401, &json!("session_ended")));
    assert_eq!(log_out(&json!("plw1_")).await, 400);
}

#[tokio::test]
async fn with_axum() {
    a_pin_that_works(env!("CARGO_BIN_EXE_start-with-axum")).await;
}

#[tokio::test]
async fn with_actix() {
    a_pin_that_works(env!("CARGO_BIN_EXE_start-with-actix")).await;
}
