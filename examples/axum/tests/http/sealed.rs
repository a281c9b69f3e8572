//! Sealed requests, as a client sends them.

use pinlatch::sealed::{REQUEST_TYPE, RESPONSE_TYPE, SealingPublicKey};
use rand_core::UnwrapErr;
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

async fn sealing_key(api: &Api) -> SealingPublicKey {
    let path = "/.well-known/http-message-signatures-directory";
    let directory = api.try_call(Method::GET, path, None, None).await.unwrap();
    let keys = directory.body["keys"].as_array().unwrap().clone();
    let key = keys.iter().find(|key| key["crv"] == "X25519").unwrap();
    let text = |name: &str| key[name].as_str().unwrap().to_owned();
    SealingPublicKey::from_text(text("kid").parse().unwrap(), &text("x")).unwrap()
}

/// The status, the content type and what is in the answer.
async fn call(api: &Api, key: &SealingPublicKey, path: &str, body: &Value) -> (u16, String, Value) {
    let (request, opener) = key.seal(path, body.to_string().as_bytes(), &mut UnwrapErr(getrandom::SysRng)).unwrap();
    let response = api.bytes(path, request, REQUEST_TYPE).await;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    assert_eq!(headers["content-type"], RESPONSE_TYPE, "{headers:?}");
    let retry_after = headers.get("retry-after").map_or("", |value| value.to_str().unwrap()).to_owned();
    let opened = opener.open(&response.bytes().await.unwrap()).unwrap();
    (status, retry_after, serde_json::from_slice(&opened).unwrap())
}

#[tokio::test]
async fn handlers_take_sealed_bodies_as_they_take_others() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let key = sealing_key(&api).await;
    let login = json!({"username": "alice", "password": PASSWORD, "pin": PIN});
    let (status, _, issued) = call(&api, &key, "/login", &login).await;
    assert_eq!(status, 201, "{issued}");
    let token = &issued["wrapped_token"];
    for _ in 0..5 {
        let (status, _, wrong) = call(&api, &key, "/authorize", &json!({"wrapped_token": token, "pin": WRONG})).await;
        assert_eq!((status, &wrong["code"]), (401, &json!("wrong_pin")));
    }
    let right = json!({"wrapped_token": token, "pin": PIN});
    let (status, retry_after, throttled) = call(&api, &key, "/authorize", &right).await;
    assert_eq!((status, &throttled["code"]), (429, &json!("throttled")));
    assert!((1..=60).contains(&retry_after.parse::<u32>().unwrap()), "what a proxy may know stays outside");
    let (status, _, problem) = call(&api, &key, "/nowhere", &json!({})).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")));
}

#[tokio::test]
async fn what_cannot_be_opened_is_refused_in_clear() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let key = sealing_key(&api).await;
    let seal = |key: &SealingPublicKey, len: usize| {
        key.seal("/authorize", &vec![b'x'; len], &mut UnwrapErr(getrandom::SysRng)).unwrap().0
    };
    let other = SealingPublicKey::from_bytes(key.id() + 1, *key.as_bytes());
    let mut damaged = seal(&key, 100);
    damaged[80] ^= 1;
    for (path, body, status, code) in [
        ("/authorize", seal(&other, 100), 422, "unknown_sealing_key"),
        ("/authorize", damaged, 400, "bad_request"),
        ("/device-key/remove", seal(&key, 100), 400, "bad_request"),
        ("/authorize", Vec::new(), 400, "bad_request"),
        ("/authorize", seal(&key, 20_000), 400, "bad_request"),
    ] {
        let response = api.bytes(path, body, REQUEST_TYPE).await;
        assert_eq!(response.status().as_u16(), status, "{code}");
        assert_eq!(response.headers()["content-type"], "application/problem+json");
        let problem: Value = serde_json::from_slice(&response.bytes().await.unwrap()).unwrap();
        assert_eq!(problem["code"], code);
    }
}
