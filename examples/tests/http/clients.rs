//! Clients in other languages, with the libraries that these have for RFC 9421.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// What a script that is told how to sign says that it heard.
fn heard(mut client: Command, script: &str, given: &Value) -> Vec<Value> {
    let script = root().join("tests/peers/interop").join(script);
    let child = client.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{error} (tests/run installs it)"));
    child.stdin.take().unwrap().write_all(given.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn python() -> Command {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), Into::into);
    Command::new(target.join("interop/bin/python"))
}

/// An accepted transfer, the same once more, one that was changed, and a route that takes bearers, too.
async fn call(server: &Server, client: Command, script: &str, covered: &[&str]) {
    let api = Api::of(server);
    let issued = api.post("/login", json!({"username": "alice", "password": PASSWORD, "pin": PIN})).await;
    let opened = api.authorize(&issued.text("wrapped_token"), PIN).await;
    let directory = api.with_token(Method::GET, "/.well-known/http-message-signatures-directory", "").await;
    assert_eq!(directory.content_type, "application/http-message-signatures-directory+json");
    let given = json!({
        "url": server.url,
        "session_id": issued.text("session_id"),
        "access_token": opened.text("access_token"),
        "request_key": opened.text("request_key"),
        "server_key": directory.body["keys"][0],
        "covered": covered,
    });
    let heard = heard(client, script, &given);
    let told: Vec<_> = heard.iter().map(|answer| (&answer["status"], &answer["body"]["code"])).collect();
    let (replayed, invalid) = (json!("replayed"), json!("invalid_proof"));
    assert_eq!(
        told,
        [(&json!(200), &Value::Null), (&json!(409), &replayed), (&json!(401), &invalid), (&json!(200), &Value::Null)]
    );
    assert_eq!((&heard[0]["body"]["to"], &heard[0]["body"]["amount"]), (&json!("bob"), &json!(5)));
    assert_eq!(heard[3]["body"]["subject"], "alice");
    // Under another body than the one that was asked for with, nothing is signed.
    let authentic: Vec<_> = heard.iter().map(|answer| answer["authentic"] == true).collect();
    assert_eq!(authentic, [true, true, false, true], "{heard:?}");
}

#[tokio::test]
async fn a_python_client_signs_and_verifies() {
    let server = Server::start("memory:");
    // What the library covers by itself, with the type of the body; and what we would.
    call(&server, python(), "client.py", &["@method", "@authority", "@target-uri", "content-type"]).await;
    call(&server, python(), "client.py", &["@method", "@authority", "@path", "@query", "content-type"]).await;
}

#[tokio::test]
async fn a_node_client_signs_and_verifies() {
    let server = Server::start("memory:");
    call(&server, Command::new("node"), "client.mjs", &[]).await;
}
