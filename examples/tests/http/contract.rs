//! The HTTP contract, call by call, on each store.

use pinlatch_test_servers::{Postgres, Redis};
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

#[tokio::test]
async fn log_in_come_back_call_the_api_on_each_store() {
    let directory = tempfile::tempdir().unwrap();
    let (postgres, redis, secrets) = (Postgres::start(), Redis::start(), directory.path().join("secrets"));
    let sqlite = format!("sqlite://{}", directory.path().join("demo.db").display());
    for store in ["memory:", &sqlite, &postgres.url(), &redis.url()] {
        let server = Server::start_with(store, &[("SECRETS", secrets.to_str().unwrap())]);
        let api = Api::of(&server);
        let login = json!({"username": "alice", "password": PASSWORD, "pin": PIN, "device": "a test"});
        let issued = api.post("/login", login).await;
        assert_eq!((issued.status, issued.content_type.as_str()), (201, "application/json"));
        let session_id = issued.text("session_id");

        let opened = api.authorize(&issued.text("wrapped_token"), PIN).await;
        assert_eq!(opened.status, 200);
        assert_eq!((&opened.body["token_type"], &opened.body["expires_in"]), (&json!("Bearer"), &json!(900)));
        assert_ne!(opened.text("wrapped_token"), issued.text("wrapped_token"));
        let token = opened.text("access_token");

        let me = api.with_token(Method::GET, "/api/me", &token).await;
        assert_eq!(me.status, 200);
        assert_eq!((me.text("subject"), me.text("session_id")), ("alice".into(), session_id.clone()));
        assert!(me.body["expires_at"].is_u64());

        let sessions = api.with_token(Method::GET, "/sessions", &token).await;
        let list = sessions.body["sessions"].as_array().unwrap();
        assert_eq!(list.len(), 1);
        assert_eq!((&list[0]["device"], &list[0]["current"]), (&json!("a test"), &json!(true)));
        for answer in [&issued, &opened, &me, &sessions] {
            assert_eq!(answer.headers["cache-control"], "no-store");
        }

        let wrapped = opened.text("wrapped_token");
        assert_eq!(api.authorize(&wrapped, WRONG).await.body["attempts_remaining"], 9);
        let change = json!({"wrapped_token": wrapped, "pin": PIN, "new_pin": "902714"});
        let changed = api.post("/pin", change).await.text("wrapped_token");
        let token = api.authorize(&changed, "902714").await.text("access_token");
        assert_eq!(api.with_token(Method::POST, "/logout", &token).await.status, 204);
        assert_eq!(api.authorize(&changed, "902714").await.code(), "session_ended");
        assert_eq!(api.with_token(Method::GET, "/api/me", &token).await.code(), "invalid_token");
    }
}

#[tokio::test]
async fn every_error_has_its_status_and_code() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let wrapped = api.login().await;

    let expect = |answer: &Answer, status: u16, code: &str| {
        assert_eq!((answer.status, answer.code()), (status, code), "{answer:?}");
        assert_eq!(answer.content_type, "application/problem+json");
        assert_eq!(answer.body["status"], status);
        assert!(answer.body["title"].is_string());
    };
    let login = |username: &str, password: &str, pin: &str| {
        api.post("/login", json!({"username": username, "password": password, "pin": pin}))
    };
    expect(&login("alice", "wrong", PIN).await, 401, "invalid_credentials");
    expect(&login("nobody", "wrong", PIN).await, 401, "invalid_credentials");
    let weak = login("alice", PASSWORD, "123456").await;
    expect(&weak, 422, "weak_pin");
    assert_eq!(weak.body["reason"], "sequence");
    expect(&login("alice", "wrong", "123456").await, 422, "weak_pin");
    expect(&login("alice", PASSWORD, "123").await, 400, "bad_request");

    for (body, content_type) in [
        ("", "application/json"),
        ("{", "application/json"),
        ("[]", "application/json"),
        ("null", "application/json"),
        (r#"{"username":1,"password":2,"pin":3}"#, "application/json"),
        (r#"{"username":"alice","password":"x","pin":123456}"#, "application/json"),
        (r#"{"username":"alice"}"#, "application/json"),
        ("username=alice", "application/x-www-form-urlencoded"),
    ] {
        expect(&api.raw(body, content_type).await, 400, "bad_request");
    }
    let long = format!(r#"{{"username":"{}","password":"x","pin":"739216"}}"#, "a".repeat(20_000));
    expect(&api.raw(&long, "application/json").await, 400, "bad_request");
    let deep = "[".repeat(10_000);
    expect(&api.raw(&deep, "application/json").await, 400, "bad_request");

    expect(&api.authorize("plw1_nonsense", PIN).await, 400, "invalid_wrapped_token");
    let wrong = api.authorize(&wrapped, WRONG).await;
    expect(&wrong, 401, "wrong_pin");
    assert_eq!((&wrong.body["attempts_remaining"], wrong.retry_after), (&json!(9), None));
    for token in ["", "nonsense", "a.b.c"] {
        let answer = api.with_token(Method::GET, "/api/me", token).await;
        expect(&answer, 401, "invalid_token");
        assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
    }
    expect(&api.with_token(Method::GET, "/nothing", "x").await, 404, "not_found");
}

#[tokio::test]
async fn throttled_answers_are_byte_equal_for_right_and_wrong_pins() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let wrapped = api.login().await;
    for remaining in [9, 8, 7, 6] {
        let answer = api.authorize(&wrapped, WRONG).await;
        assert_eq!((&answer.body["attempts_remaining"], answer.retry_after), (&json!(remaining), None));
    }
    let fifth = api.authorize(&wrapped, WRONG).await;
    assert_eq!((fifth.code(), fifth.retry_after), ("wrong_pin", Some(60)));
    // The seconds may tick between two requests, so pairs are asked until one falls into the same second.
    for _ in 0..20 {
        let (right, wrong) = (api.authorize(&wrapped, PIN).await, api.authorize(&wrapped, WRONG).await);
        assert_eq!((right.status, right.code(), wrong.code()), (429, "throttled", "throttled"));
        assert_eq!(right.body, wrong.body);
        if right.retry_after == wrong.retry_after {
            let mut headers = [right.headers, wrong.headers];
            headers.iter_mut().for_each(|headers| drop(headers.remove("date")));
            assert_eq!(headers[0], headers[1]);
            return;
        }
    }
    panic!("no two answers fell into the same second");
}

#[tokio::test]
async fn changing_the_pin_works_and_voids_the_old_token() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let wrapped = api.login().await;
    let change = |wrapped: &str, pin: &str, new_pin: &str| {
        api.post("/pin", json!({"wrapped_token": wrapped, "pin": pin, "new_pin": new_pin}))
    };
    assert_eq!(change(&wrapped, PIN, "111111").await.code(), "weak_pin");
    assert_eq!(change(&wrapped, WRONG, "902714").await.code(), "wrong_pin");
    let changed = change(&wrapped, PIN, "902714").await;
    assert_eq!(changed.status, 200);
    assert_eq!(api.authorize(&wrapped, PIN).await.code(), "superseded");
    assert_eq!(api.authorize(&changed.text("wrapped_token"), "902714").await.status, 200);
}

#[tokio::test]
async fn sessions_end_as_asked_and_only_ones_own() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let open = |wrapped: String| {
        let api = api.clone();
        async move { api.authorize(&wrapped, PIN).await }
    };
    let bob = api.post("/login", json!({"username": "bob", "password": "hunter2hunter2hunter2", "pin": PIN})).await;
    let (one, two) = (open(api.login().await).await, open(api.login().await).await);
    let (token, other) = (one.text("access_token"), two.text("access_token"));

    let list = api.with_token(Method::GET, "/sessions", &token).await;
    let of_two =
        list.body["sessions"].as_array().unwrap().iter().find(|session| session["current"] == Value::Bool(false));
    let of_two = of_two.unwrap()["session_id"].as_str().unwrap().to_owned();
    for id in [bob.text("session_id").as_str(), "nonsense", "AAAAAAAAAAAAAAAAAAAAAA"] {
        let answer = api.with_token(Method::DELETE, &format!("/sessions/{id}"), &token).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"), "{id}");
    }
    assert_eq!(api.with_token(Method::DELETE, &format!("/sessions/{of_two}"), &token).await.status, 204);
    assert_eq!(api.with_token(Method::GET, "/api/me", &other).await.code(), "invalid_token");
    assert_eq!(api.authorize(&two.text("wrapped_token"), PIN).await.code(), "session_ended");

    assert_eq!(api.with_token(Method::POST, "/logout", &token).await.status, 204);
    assert_eq!(api.with_token(Method::POST, "/logout", &token).await.code(), "invalid_token");

    // Without a PIN and without an access token: with what the device keeps.
    let kept = api.login().await;
    assert_eq!(api.post("/forget", json!({"kept": kept})).await.status, 204);
    assert_eq!(api.authorize(&kept, PIN).await.code(), "session_ended");
    assert_eq!(api.post("/forget", json!({"kept": kept})).await.status, 204);
    assert_eq!(api.post("/forget", json!({"kept": "plw1_"})).await.code(), "invalid_wrapped_token");
    assert_eq!(api.post("/forget", json!({})).await.code(), "bad_request");

    let (three, four) = (open(api.login().await).await, open(api.login().await).await);
    assert_eq!(api.with_token(Method::POST, "/logout-all", &three.text("access_token")).await.status, 204);
    for answer in [three, four] {
        assert_eq!(api.authorize(&answer.text("wrapped_token"), PIN).await.code(), "session_ended");
    }
    assert_eq!(api.authorize(&bob.text("wrapped_token"), PIN).await.status, 200);
}

#[tokio::test]
async fn the_page_keeps_to_itself_and_sets_no_cookie() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    for (path, content_type) in [
        ("/", "text/html"),
        ("/app.js", "text/javascript"),
        ("/code.js", "text/javascript"),
        ("/style.css", "text/css"),
    ] {
        let answer = api.with_token(Method::GET, path, "x").await;
        assert!(answer.status == 200 && answer.content_type.starts_with(content_type), "{path}");
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe-inline"), "{policy}");
        assert!(policy.matches("unsafe").count() == 1 && policy.contains("'wasm-unsafe-eval'"), "{policy}");
        assert_eq!(answer.headers.get("set-cookie"), None);
    }
}

#[tokio::test]
async fn access_tokens_live_as_long_as_ttl_says() {
    let server = Server::start_with("memory:", &[("TTL", "10")]);
    let api = Api::of(&server);
    let opened = api.authorize(&api.login().await, PIN).await;
    assert_eq!(opened.body["expires_in"], 10);
}

#[test]
fn settings_that_cannot_serve_stop_the_server() {
    for (name, value) in
        [("ADDR", "nowhere"), ("STORE", "mysql://x"), ("STORE", "sqlite://"), ("TTL", "-1"), ("TTL", "1")]
    {
        let output = std::process::Command::new(program())
            .env_clear()
            .env("ADDR", "127.0.0.1:0")
            .env("STORE", "memory:")
            .env(name, value)
            .output()
            .unwrap();
        assert!(!output.status.success(), "{name}={value}");
        assert!(!output.stderr.is_empty(), "{name}={value} is explained");
    }
}
