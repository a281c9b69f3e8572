//! Clients that wrap their tokens themselves, as they call the server.

use pinlatch::client::{ClientKdf, ClientPin, DeviceKey, DeviceLocked, PinLocked};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::stretch::KdfMemory;
use pinlatch::{Policy, SessionId};
use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

fn lock(token: &str, pin: &str) -> PinLocked {
    let pin = NewPin::accept(Pin::new(pin).unwrap(), &Policy::default()).unwrap();
    let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
    let pin = ClientPin::choose(&pin, ClientKdf::STANDARD, &mut rng, &mut KdfMemory::new());
    pin.lock(token.parse().unwrap()).unwrap()
}

async fn login(api: &Api) -> PinLocked {
    let body = json!({"username": "alice", "password": PASSWORD, "wrap": "client"});
    let issued = api.post("/login", body).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    assert!(issued.text("session_id").parse::<SessionId>().is_ok() && issued.body["wrapped_token"].is_null());
    lock(&issued.text("session_token"), PIN)
}

/// Opens with a PIN: the server's answer, and what is kept if it is a good one.
async fn open(api: &Api, kept: &PinLocked, pin: &str) -> (Answer, Option<PinLocked>) {
    let (token, pin) = kept.unlock(&Pin::new(pin).unwrap(), &mut KdfMemory::new());
    let answer = api.post("/authorize", json!({"session_token": token.expose_secret()})).await;
    let next = answer.body["session_token"].as_str().map(|next| pin.lock(next.parse().unwrap()).unwrap());
    (answer, next)
}

#[tokio::test]
async fn the_pin_stays_on_the_device() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let kept = login(&api).await;
    let (wrong, _) = open(&api, &kept, WRONG).await;
    assert_eq!((wrong.status, wrong.code(), &wrong.body["attempts_remaining"]), (401, "wrong_pin", &json!(9)));
    let (opened, next) = open(&api, &kept, PIN).await;
    assert_eq!((opened.status, &opened.body["failed_attempts"]), (200, &json!(1)));
    let me = api.with_token(Method::GET, "/api/me", &opened.text("access_token")).await;
    assert_eq!(me.text("subject"), "alice");
    let kept = next.unwrap();
    let (again, _) = open(&api, &kept, PIN).await;
    assert_eq!(again.status, 200);
}

#[tokio::test]
async fn a_client_changes_its_pin_and_adds_a_fingerprint() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let kept = login(&api).await;
    let token = |kept: &PinLocked, pin: &str| {
        let (token, pin) = kept.unlock(&Pin::new(pin).unwrap(), &mut KdfMemory::new());
        (json!({"session_token": token.expose_secret()}), pin)
    };
    let (body, pin) = token(&kept, PIN);
    let added = api.post("/device-key/add", body).await;
    assert_eq!(added.status, 200, "{added:?}");
    let kept = pin.lock(added.text("session_token").parse().unwrap()).unwrap();
    let key = DeviceKey::from_bytes([7; 32]);
    let by_key: DeviceLocked = key.lock(added.text("device_key_token").parse().unwrap()).unwrap();
    let unlock = |locked: &DeviceLocked| json!({"session_token": locked.unlock(&key).expose_secret()});
    let opened = api.post("/authorize", unlock(&by_key)).await;
    assert_eq!(opened.status, 200, "{opened:?}");
    let by_key = key.lock(opened.text("session_token").parse().unwrap()).unwrap();
    for path in ["/pin", "/device-key/add", "/device-key/remove"] {
        let refused = api.post(path, unlock(&by_key)).await;
        assert_eq!((refused.status, refused.code()), (401, "pin_required"), "{path}");
    }
    let (body, _) = token(&kept, PIN);
    let changed = api.post("/pin", body).await;
    let kept = lock(&changed.text("session_token"), "902714");
    let gone = api.post("/authorize", unlock(&by_key)).await;
    assert_eq!(gone.code(), "device_key_ended", "whoever knew the old PIN may have added it");
    assert_eq!(open(&api, &kept, "902714").await.0.status, 200);
}

#[tokio::test]
async fn the_two_modes_do_not_mix() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let with = |more: Value| {
        let mut body = json!({"username": "alice", "password": PASSWORD});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    for wrong in [
        json!({"wrap": "client", "pin": PIN}),
        json!({"wrap": "server"}),
        json!({}),
        json!({"wrap": "nobody", "pin": PIN}),
    ] {
        assert_eq!(api.post("/login", with(wrong.clone())).await.code(), "bad_request", "{wrong}");
    }
    let kept = login(&api).await;
    let wrapped = api.login().await;
    for body in [
        json!({"session_token": kept.to_text()}),
        json!({"session_token": wrapped}),
        json!({"wrapped_token": kept.to_text(), "pin": PIN}),
    ] {
        let refused = api.post("/authorize", body.clone()).await;
        assert_eq!((refused.status, refused.code()), (400, "invalid_wrapped_token"), "{body}");
    }
    let both = json!({"wrapped_token": wrapped, "pin": PIN, "session_token": "pls1_"});
    assert_eq!(api.post("/authorize", both).await.code(), "bad_request");
}
