//! Signed requests and signed answers, over HTTP, with pinlatch's own client.

use pinlatch::proof::{
    Body, RequestKey, RequestParts, ResponseParts, ServerCheck, ServerPublicKey, UnknownServer, content_digest,
};
use pinlatch::{ClockPolicy, SessionId, SystemClock, UnixTime};
use rand_core::UnwrapErr;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::server::*;

/// A device that has unlocked its session.
#[derive(Clone)]
struct Device {
    client: Client,
    url: String,
    authority: String,
    session_id: SessionId,
    token: String,
    key: String,
}

/// A request before it is sent: what is signed, and what is sent, which a test may make differ.
#[derive(Clone)]
struct Call {
    method: Method,
    path: &'static str,
    query: Option<&'static str>,
    headers: Vec<(&'static str, String)>,
    body: Option<String>,
}

impl Call {
    fn transfer() -> Self {
        Self {
            method: Method::POST,
            path: "/api/transfer",
            query: None,
            headers: vec![("content-type", "application/json".into())],
            body: Some(json!({"to": "bob", "amount": 5}).to_string()),
        }
    }

    fn get(path: &'static str) -> Self {
        Self { method: Method::GET, path, query: None, headers: Vec::new(), body: None }
    }

    fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| *known != name);
        self.headers.push((name, value.into()));
        self
    }

    fn value(&self, name: &str) -> String {
        self.headers.iter().find(|(known, _)| *known == name).unwrap().1.clone()
    }

    fn parts<T>(&self, authority: &str, then: impl FnOnce(&RequestParts<'_>) -> T) -> T {
        let headers: Vec<(&str, &[u8])> = self.headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        then(&RequestParts {
            method: self.method.as_str(),
            scheme: "http",
            authority,
            path: self.path,
            query: self.query,
            headers: &headers,
            also_signed: &["idempotency-key"],
            body: if self.body.is_some() { Body::Present } else { Body::Absent },
        })
    }
}

struct Reply {
    status: u16,
    code: String,
    body: Vec<u8>,
    headers: HeaderMap,
}

impl Reply {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    /// What the device makes of the answer to a call.
    fn seen(
        &self,
        check: ServerCheck,
        call: &Call,
        device: &Device,
        pinned: &[ServerPublicKey],
    ) -> Result<UnixTime, UnknownServer> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let response = ResponseParts { status: self.status, headers: &headers, body: &self.body };
        call.parts(&device.authority, |request| check.verify(pinned, request, &response)).map(|seen| seen.signed_at)
    }
}

impl Device {
    async fn of(server: &Server) -> Self {
        Self::unlocked(server, &Api::of(server)).await
    }

    async fn unlocked(server: &Server, api: &Api) -> Self {
        let login = json!({"username": "alice", "password": PASSWORD, "pin": PIN});
        let issued = api.post("/login", login).await;
        let opened = api.authorize(&issued.text("wrapped_token"), PIN).await;
        Self {
            client: Client::builder().no_proxy().build().unwrap(),
            url: server.url.clone(),
            authority: server.url.strip_prefix("http://").unwrap().to_owned(),
            session_id: issued.text("session_id").parse().unwrap(),
            token: opened.text("access_token"),
            key: opened.text("request_key"),
        }
    }

    fn sign_at(&self, call: Call, at: UnixTime) -> Call {
        let call = call.header("authorization", format!("Bearer {}", self.token));
        let call = match call.body.clone() {
            Some(body) => call.header("content-digest", content_digest(body.as_bytes())),
            None => call,
        };
        let key: RequestKey = self.key.parse().unwrap();
        let signed = call.parts(&self.authority, |parts| {
            key.sign_request(self.session_id, parts, at, &mut UnwrapErr(getrandom::SysRng)).unwrap()
        });
        call.header("signature-input", signed.signature_input).header("signature", signed.signature)
    }

    fn sign(&self, call: Call) -> Call {
        self.sign_at(call, SystemClock.now())
    }

    async fn send(&self, call: &Call) -> Reply {
        let query = call.query.map(|query| format!("?{query}")).unwrap_or_default();
        let mut headers = HeaderMap::new();
        for (name, value) in &call.headers {
            headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
        }
        let request = self.client.request(call.method.clone(), format!("{}{}{query}", self.url, call.path));
        let request = request.headers(headers);
        let request = match call.body.clone() {
            Some(body) => request.body(body),
            None => request,
        };
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.unwrap().to_vec();
        let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
        Reply { status, code: problem["code"].as_str().unwrap_or_default().to_owned(), body, headers }
    }

    async fn refused(&self, call: &Call) -> (u16, String) {
        let reply = self.send(call).await;
        (reply.status, reply.code)
    }
}

fn is(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[tokio::test]
async fn a_transfer_is_signed_and_happens_once() {
    let directory = tempfile::tempdir().unwrap();
    for server in [Server::start("memory:"), Server::on_file(directory.path())] {
        let device = Device::of(&server).await;
        let call = device.sign(Call::transfer());
        let reply = device.send(&call).await;
        assert_eq!(reply.status, 200, "{}", reply.code);
        let transfer = reply.json();
        assert_eq!((&transfer["to"], &transfer["amount"]), (&json!("bob"), &json!(5)));
        assert_eq!(transfer["id"].as_str().unwrap().len(), 16);
        assert_eq!(device.refused(&call).await, is(409, "replayed"));
        assert_eq!(device.send(&device.sign(Call::transfer())).await.status, 200, "signed anew it is another one");
    }
}

#[tokio::test]
async fn what_is_not_as_it_was_signed_is_refused() {
    let server = Server::start("memory:");
    let device = Device::of(&server).await;
    let signed = |call: Call| device.sign(call);
    let unsigned = Call::transfer().header("authorization", format!("Bearer {}", device.token));
    assert_eq!(device.refused(&unsigned).await, is(401, "invalid_proof"), "a token alone is not enough");

    let call = signed(Call::transfer());
    let mut more = call.clone();
    more.body = Some(json!({"to": "bob", "amount": 500}).to_string());
    assert_eq!(device.refused(&more).await, is(401, "invalid_proof"));
    let mut more = signed(Call::transfer());
    more.query = Some("dry=0");
    assert_eq!(device.refused(&more).await, is(401, "invalid_proof"));
    let key = signed(Call::transfer()).header("idempotency-key", "7");
    assert_eq!(device.refused(&key).await, is(401, "invalid_proof"), "it means something here, so it is signed");
    let key = signed(Call::transfer().header("idempotency-key", "7"));
    assert_eq!(device.send(&key).await.status, 200);
    let other = Device { authority: "other.example".into(), ..device.clone() };
    assert_eq!(device.refused(&other.sign(Call::transfer())).await, is(401, "invalid_proof"));
    let host = signed(Call::transfer()).header("x-forwarded-host", "other.example");
    assert_eq!(device.send(&host).await.status, 200, "nobody asks for that header");
    let old = UnixTime::from_secs(SystemClock.now().as_secs() - 70);
    assert_eq!(device.refused(&device.sign_at(Call::transfer(), old)).await, is(401, "invalid_proof"));
    let stranger = Device { key: Device::of(&server).await.key, ..device.clone() };
    assert_eq!(device.refused(&stranger.sign(Call::transfer())).await, is(401, "invalid_proof"));

    let nothing = signed(Call { body: Some(String::new()), ..Call::transfer() });
    assert_eq!(device.refused(&nothing).await, is(400, "bad_request"));
    for body in ["{", "{}", r#"{"to":"bob","amount":-5}"#, r#"{"to":"bob","amount":0}"#, r#"{"to":"","amount":1}"#] {
        let call = signed(Call { body: Some(body.into()), ..Call::transfer() });
        assert_eq!(device.refused(&call).await, is(400, "bad_request"), "{body}");
    }
    let large = signed(Call { body: Some(" ".repeat(20_000)), ..Call::transfer() });
    assert_eq!(device.refused(&large).await, is(400, "bad_request"));
}

#[tokio::test]
async fn a_broken_signature_is_no_bearers_token() {
    let server = Server::start("memory:");
    let device = Device::of(&server).await;
    let bearer = format!("Bearer {}", device.token);
    let plain = Call::get("/api/me").header("authorization", bearer);
    assert_eq!(device.send(&plain).await.status, 200, "a route that asks for no signature");
    let signed = device.sign(Call::get("/api/me"));
    assert_eq!(device.send(&signed).await.status, 200, "takes one that holds");
    assert_eq!(device.refused(&signed).await, is(409, "replayed"));
    let flipped = device.sign(Call::get("/api/me")).header("signature", "sig1=:AAAA:");
    assert_eq!(device.refused(&flipped).await, is(401, "invalid_proof"));
    for name in ["signature", "signature-input"] {
        let half = plain.clone().header(name, signed.value(name));
        assert_eq!(device.refused(&half).await, is(401, "invalid_proof"), "{name}");
    }
    // Whoever gives a signed request a body on its way.
    let mut stuffed = device.sign(Call::get("/api/me"));
    stuffed.body = Some("x".into());
    assert_eq!(device.refused(&stuffed).await, is(401, "invalid_proof"));
}

#[tokio::test]
async fn a_revoked_session_signs_nothing() {
    let server = Server::start("memory:");
    let device = Device::of(&server).await;
    let logout = device.sign(Call { method: Method::POST, ..Call::get("/logout") });
    assert_eq!(device.send(&logout).await.status, 204);
    assert_eq!(device.refused(&device.sign(Call::transfer())).await, is(401, "invalid_token"));
}

#[tokio::test]
async fn a_signed_request_renews_the_access_token() {
    let renew = || Call { method: Method::POST, ..Call::get("/renew") };
    let server = Server::start("memory:");
    let device = Device::of(&server).await;
    assert_eq!(device.refused(&device.sign(renew())).await, is(401, "pin_required"), "off unless wanted");

    let server = Server::start_with("memory:", &[("RENEW", "3600")]);
    let device = Device::of(&server).await;
    let bearer = renew().header("authorization", format!("Bearer {}", device.token));
    assert_eq!(device.refused(&bearer).await, is(401, "invalid_proof"));
    let reply = device.send(&device.sign(renew())).await;
    assert_eq!(reply.status, 200, "{}", reply.code);
    let token = reply.json()["access_token"].as_str().unwrap().to_owned();
    assert_ne!(token, device.token);
    let renewed = Device { token, ..device };
    assert_eq!(renewed.send(&renewed.sign(Call::transfer())).await.status, 200, "with the key that it had");
}

/// Several addresses of one service: what a client signs is the one that it uses.
#[tokio::test]
async fn the_authority_is_configured() {
    let server = Server::start_with("memory:", &[("ORIGIN", "https://api.example, http://127.0.0.1")]);
    let device = Device::of(&server).await;
    assert_eq!(device.refused(&device.sign(Call::transfer())).await, is(401, "invalid_proof"), "not by its own port");
    let outside = Device { authority: "api.example".into(), ..device.clone() };
    let call = outside.sign(Call::transfer());
    assert_eq!(device.send(&call).await.status, 200, "behind a proxy that sets no host of ours");
    let call = outside.sign(Call::transfer()).header("host", "API.example");
    assert_eq!(device.send(&call).await.status, 200);
    let call = outside.sign(Call::transfer()).header("host", "127.0.0.1");
    assert_eq!(device.refused(&call).await, is(401, "invalid_proof"), "signed for one address, sent to another");

    let local = Server::start("memory:");
    let device = Device::of(&local).await;
    let port = device.authority.rsplit_once(':').unwrap().1.to_owned();
    let named = Device { authority: format!("localhost:{port}"), url: format!("http://localhost:{port}"), ..device };
    assert_eq!(named.send(&named.sign(Call::transfer())).await.status, 200);
}

/// Who answers is known before anything is typed.
#[tokio::test]
async fn answers_are_signed_for_who_asks() {
    let directory = tempfile::tempdir().unwrap();
    let server = Server::on_file(directory.path());
    let device = Device::of(&server).await;
    let directory = device.send(&Call::get("/.well-known/http-message-signatures-directory")).await.json();
    let jwk = &directory["keys"][0];
    let pinned = [ServerPublicKey::from_text(jwk["kid"].as_str().unwrap(), jwk["x"].as_str().unwrap()).unwrap()];

    let check = || ServerCheck::new(&mut UnwrapErr(getrandom::SysRng));
    let asking = |call: Call, check: &ServerCheck| call.header("accept-signature", check.accept_signature());
    let now = SystemClock.now();
    for call in [Call::get("/"), Call::get("/nothing"), Call::get("/api/me"), Call::transfer()] {
        let check = check();
        let call = asking(call, &check);
        let call = if call.body.is_some() { device.sign(call) } else { call };
        let reply = device.send(&call).await;
        let signed_at = reply.seen(check, &call, &device, &pinned).unwrap();
        assert!(now.as_secs() <= signed_at.as_secs() && signed_at <= SystemClock.now(), "{}", call.path);
    }

    let plain = device.send(&Call::get("/api/me")).await;
    assert!(plain.headers.get("signature").is_none(), "nobody asked");
    // Somebody in between asks with another body under the digest of the first.
    let asked = check();
    let login = json!({"username": "bob", "password": "hunter2hunter2hunter2", "pin": PIN}).to_string();
    let digest = content_digest(br#"{"username":"alice"}"#);
    let call = asking(Call { path: "/login", body: Some(login), ..Call::transfer() }, &asked);
    let relayed = device.send(&call.clone().header("content-digest", digest)).await;
    assert_eq!(relayed.status, 201);
    assert!(relayed.headers.get("signature").is_none(), "that is not what was asked");
    let undigested = device.send(&call).await;
    assert!(undigested.headers.get("signature").is_none(), "nor could anybody tell");
    let old = check();
    let call = asking(Call::get("/api/me"), &old);
    let reply = device.send(&call).await;
    assert_eq!(reply.seen(check(), &call, &device, &pinned), Err(UnknownServer::NotCovered), "an answer from before");
    let other = Device { authority: "other.example".into(), ..device.clone() };
    assert_eq!(reply.seen(old, &call, &other, &pinned), Err(UnknownServer::BadSignature));

    // Another server in its place, with a database and a key of its own.
    let elsewhere = tempfile::tempdir().unwrap();
    let impostor = Server::on_file(elsewhere.path());
    let there = Device { url: impostor.url.clone(), ..device.clone() };
    let check = check();
    let call = asking(Call::get("/"), &check);
    let reply = there.send(&call).await;
    assert!(reply.seen(check, &call, &device, &pinned).is_err());
}

/// Signatures that somebody made up, each under another name, leave nothing behind.
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_forged_requests_leaves_the_memory_flat() {
    let server = Server::start("memory:");
    let device = Device::of(&server).await;
    let flood = async |first: usize, last: usize| {
        let tasks: Vec<_> = (0..16)
            .map(|lane| {
                let device = device.clone();
                tokio::spawn(async move {
                    for number in (first..last).filter(|number| number % 16 == lane) {
                        let forged = format!("sig1=:{number:0>42}A=:");
                        let call = device.sign(Call::transfer()).header("signature", forged);
                        assert_eq!(device.refused(&call).await, is(401, "invalid_proof"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
    };
    // Buffers and connections are there after some of them.
    flood(0, 2000).await;
    let before = server.resident_kib();
    flood(2000, 12_000).await;
    let grown = server.resident_kib().saturating_sub(before);
    // 13 bytes for each.
    assert!(grown < 128, "{grown} KiB");
    assert_eq!(device.send(&device.sign(Call::transfer())).await.status, 200);
}
