//! Sealed requests, as a client sends them.

use pinlatch::proof::{Origin, RequestParts};
use pinlatch::sealed::{AnswerOpener, REQUEST_TYPE, RESPONSE_TYPE, SealingPublicKey};
use pinlatch::{ClockPolicy, SystemClock, UnixTime};
use rand_core::UnwrapErr;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

/// A client that has asked the server for its key.
struct Client {
    api: Api,
    origin: Origin,
    key: SealingPublicKey,
}

impl Client {
    async fn of(server: &Server) -> Self {
        let api = Api::of(server);
        let path = "/.well-known/http-message-signatures-directory";
        let directory = api.try_call(Method::GET, path, None, None).await.unwrap();
        assert_eq!(directory.headers["cache-control"], "no-store", "signed for one, it is for no other");
        let key = SealingPublicKey::from_directory(directory.body.to_string().as_bytes()).unwrap();
        Self { api, origin: server.url.parse().unwrap(), key }
    }

    fn seal(&self, path: &str, body: &[u8]) -> (Vec<u8>, AnswerOpener) {
        let request = RequestParts::new("POST", &self.origin, path, &[]);
        self.key.seal(&request, body, SystemClock.now(), &mut UnwrapErr(getrandom::SysRng)).unwrap()
    }

    /// The status and what is in the answer.
    async fn call(&self, path: &str, body: &Value) -> (u16, Value) {
        let (request, opener) = self.seal(path, body.to_string().as_bytes());
        let response = self.api.bytes(path, request, REQUEST_TYPE).await;
        assert_eq!(
            (response.status().as_u16(), &response.headers()["content-type"]),
            (200, &RESPONSE_TYPE.parse().unwrap())
        );
        let names: Vec<_> = response.headers().keys().map(|name| name.as_str().to_owned()).collect();
        let outside = ["content-type", "content-length", "cache-control", "date"];
        assert!(names.iter().all(|name| outside.contains(&name.as_str())), "{names:?} tell how it went");
        assert_eq!(response.content_length(), Some(4096 + 48), "and so would its length");
        let answer = opener.open(&response.bytes().await.unwrap()).unwrap();
        (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
    }
}

#[tokio::test]
async fn handlers_take_sealed_bodies_as_they_take_others() {
    let server = Server::start("memory:");
    let client = Client::of(&server).await;
    let login = json!({"username": "alice", "password": PASSWORD, "pin": PIN});
    let (status, issued) = client.call("/login", &login).await;
    assert_eq!(status, 201, "{issued}");
    let token = &issued["wrapped_token"];
    for _ in 0..5 {
        let (status, wrong) = client.call("/authorize", &json!({"wrapped_token": token, "pin": WRONG})).await;
        assert_eq!((status, &wrong["code"]), (401, &json!("wrong_pin")));
    }
    let right = json!({"wrapped_token": token, "pin": PIN});
    let (status, throttled) = client.call("/authorize", &right).await;
    assert_eq!((status, &throttled["code"]), (429, &json!("throttled")));
    assert!((1..=60).contains(&throttled["retry_after"].as_u64().unwrap()));
    for (path, status, code) in [("/nowhere", 404, "not_found"), ("/login", 400, "bad_request")] {
        let (found, problem) = client.call(path, &json!({})).await;
        assert_eq!((found, &problem["code"]), (status, &json!(code)));
    }
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_in_clear() {
    let server = Server::start("memory:");
    let client = Client::of(&server).await;
    let seal = |len: usize| client.seal("/authorize", &vec![b'x'; len]).0;
    let (mut other_key, mut damaged) = (seal(100), seal(100));
    other_key[0] += 1;
    damaged[80] ^= 1;
    let request = RequestParts::new("POST", &client.origin, "/authorize", &[]);
    let yesterday = UnixTime::from_secs(SystemClock.now().as_secs() - 86_400);
    let (stale, _) = client.key.seal(&request, b"{}", yesterday, &mut UnwrapErr(getrandom::SysRng)).unwrap();
    for (path, body, status, code) in [
        ("/authorize", other_key, 422, "unknown_sealing_key"),
        ("/authorize", stale, 422, "stale_seal"),
        ("/authorize", damaged, 400, "bad_request"),
        ("/device-key/remove", seal(100), 400, "bad_request"),
        ("/authorize?x", seal(100), 400, "bad_request"),
        ("/authorize", Vec::new(), 400, "bad_request"),
        ("/authorize", seal(20_000), 400, "bad_request"),
    ] {
        let response = client.api.bytes(path, body, REQUEST_TYPE).await;
        assert_eq!(response.status().as_u16(), status, "{code}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["code"], code);
    }
}

/// What is signed is what goes over the wire, and handlers see another body.
#[tokio::test]
async fn a_request_is_signed_or_sealed() {
    let server = Server::start("memory:");
    let client = Client::of(&server).await;
    let (body, _) = client.seal("/api/transfer", br#"{"to":"bob","amount":5}"#);
    let url = format!("{}/api/transfer", server.url);
    let request = reqwest::Client::builder().no_proxy().build().unwrap().post(url).header("content-type", REQUEST_TYPE);
    let request = request.header("signature", "a=:AA==:").header("signature-input", "a=()").body(body);
    assert_eq!(request.send().await.unwrap().status(), 400);
}
