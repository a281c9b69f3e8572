//! Logging in with a code by SMS, as clients call it.

use reqwest::Method;
use serde_json::{Value, json};

use crate::server::*;

pub(crate) const PHONE: &str = "+44 7700 900123";

/// With an outbox to look into.
pub(crate) fn server() -> Server {
    Server::start_with("memory:", &[("DEMO_OUTBOX", "1")])
}

/// All that was sent, the latest first.
async fn outbox(api: &Api) -> Vec<Value> {
    let answer = api.try_call(Method::GET, "/demo/outbox", None, None).await.unwrap();
    answer.body.as_array().unwrap().clone()
}

/// The code of the latest message, once there are so many.
pub(crate) async fn code(api: &Api, messages: usize) -> String {
    for _ in 0..200 {
        let sent = outbox(api).await;
        if sent.len() >= messages {
            return sent[0]["text"].as_str().unwrap().rsplit_once('#').unwrap().1.to_owned();
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("no message");
}

pub(crate) fn other_than(code: &str) -> String {
    format!("{}{}", &code[..5], if code.ends_with('0') { '1' } else { '0' })
}

async fn start(api: &Api, phone: &str) -> Answer {
    api.post("/otp/start", json!({"phone": phone})).await
}

async fn login(api: &Api, challenge: &str, code: &str, pin: &str) -> Answer {
    let body = json!({"challenge": challenge, "code": code, "pin": pin, "device": "a test"});
    api.post("/otp/login", body).await
}

#[tokio::test]
async fn a_code_logs_in_and_the_pin_opens() {
    let server = server();
    let api = Api::of(&server);
    let started = start(&api, PHONE).await;
    assert_eq!((started.status, started.headers["cache-control"].to_str().unwrap()), (201, "no-store"));
    let challenge = started.text("challenge");
    assert_eq!(started.body["digits"], json!(6));
    assert!((299..=300).contains(&started.body["expires_in"].as_u64().unwrap()));
    assert!((59..=60).contains(&started.body["resend_after"].as_u64().unwrap()));
    let code = code(&api, 1).await;
    let sent = &outbox(&api).await[0];
    assert_eq!(sent["to"], "+447700900123");
    let (hint, text) = (&started.body["hint"], sent["text"].as_str().unwrap());
    assert!(text.starts_with(&format!("{hint}-{code} is your code")), "{text}");
    assert!(text.ends_with(&format!("\n@127.0.0.1 #{code}")), "{text}");
    assert!(!started.body.to_string().contains(&code), "the answer has no code");

    let wrong = login(&api, &challenge, &other_than(&code), PIN).await;
    assert_eq!((wrong.status, wrong.code(), &wrong.body["tries_remaining"]), (401, "otp_wrong", &json!(4)));
    let typed = format!("{} {}", &code[..3], &code[3..]);
    let issued = login(&api, &challenge, &typed, PIN).await;
    assert_eq!(issued.status, 201, "{issued:?}");
    let opened = api.authorize(&issued.text("wrapped_token"), PIN).await;
    let me = api.with_token(Method::GET, "/api/me", &opened.text("access_token")).await;
    assert_eq!((me.text("subject"), me.text("session_id")), ("alice".into(), issued.text("session_id")));
    let again = login(&api, &challenge, &code, PIN).await;
    assert_eq!((again.status, again.code()), (401, "otp_ended"));
}

#[tokio::test]
async fn bad_input_costs_no_code() {
    let server = server();
    let api = Api::of(&server);
    let challenge = start(&api, PHONE).await.text("challenge");
    let code = code(&api, 1).await;
    for phone in ["", "07700 900123", "+44", "alice", "+447700900123x", &"+4".repeat(3000)] {
        assert_eq!((start(&api, phone).await.status), 400, "{phone}");
    }
    for typed in ["", "12", "abcdef", "1234", "12345678", "1234567890"] {
        assert_eq!(login(&api, &challenge, typed, PIN).await.code(), "bad_request", "{typed}");
    }
    assert_eq!(login(&api, &challenge, &code, "123456").await.code(), "weak_pin");
    assert_eq!(login(&api, &challenge, &code, "1").await.code(), "bad_request");
    for handle in ["", "plo1_", "plo1_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        let refused = login(&api, handle, &code, PIN).await;
        assert_eq!((refused.status, refused.code()), (401, "otp_ended"), "{handle}");
        assert_eq!(api.post("/otp/resend", json!({"challenge": handle})).await.code(), "otp_ended");
    }
    let issued = login(&api, &challenge, &code, PIN).await;
    assert_eq!(issued.status, 201, "{issued:?}");
}

/// A number that nobody has is answered alike, and nothing is sent.
#[tokio::test]
async fn nobody_is_answered_as_somebody_is() {
    let server = server();
    let api = Api::of(&server);
    let shape = |answer: &Answer| {
        let members: Vec<_> = answer.body.as_object().unwrap().keys().cloned().collect();
        (answer.status, members, answer.text("challenge").len())
    };
    let somebody = start(&api, PHONE).await;
    code(&api, 1).await;
    let nobody = start(&api, "+44 7700 900999").await;
    assert_eq!(shape(&somebody), shape(&nobody));
    let wrong = login(&api, &nobody.text("challenge"), "482913", PIN).await;
    assert_eq!((wrong.code(), &wrong.body["tries_remaining"]), ("otp_wrong", &json!(4)));
    for phone in [PHONE, "+44 7700 900999"] {
        let early = start(&api, phone).await;
        assert_eq!((early.status, early.code()), (429, "otp_throttled"));
        assert!((58..=60).contains(&early.retry_after.unwrap()), "{early:?}");
        assert_eq!(api.post("/otp/resend", json!({"challenge": somebody.text("challenge")})).await.status, 429);
    }
    assert_eq!(outbox(&api).await.len(), 1);
}

/// From one address, thirty messages an hour go out, to whomever.
#[tokio::test]
async fn the_host_limits_what_an_address_has_sent() {
    let server = server();
    let api = Api::of(&server);
    for number in 0..30 {
        assert_eq!(start(&api, &format!("+44770090{number:04}")).await.status, 201, "{number}");
    }
    let more = start(&api, "+447700901000").await;
    assert_eq!((more.status, more.code()), (429, "otp_throttled"));
    assert!((100..=121).contains(&more.retry_after.unwrap()), "{more:?}");
}

/// What a proxy of ours says of its clients counts; what a client says of itself does not.
#[tokio::test]
async fn addresses_are_those_of_clients_behind_a_proxy() {
    for (proxies, from_each, after_all) in [("127.0.0.1", 201, 201), ("192.0.2.1", 201, 429)] {
        let server = Server::start_with("memory:", &[("PROXIES", proxies)]);
        let api = Api::of(&server);
        let forwarded = async |number: u32, told: String| {
            api.forwarded("/otp/start", &told, json!({"phone": format!("+44770092{number:04}")})).await.status
        };
        for number in 0..30 {
            assert_eq!(forwarded(number, format!("198.51.100.{number}")).await, from_each, "{proxies}");
        }
        assert_eq!(forwarded(30, "198.51.100.30".into()).await, after_all, "{proxies}");
        for number in 31..60 {
            // Whatever one client claims to be.
            let status = forwarded(number, format!("198.51.100.{number}, 198.51.100.30")).await;
            assert_eq!(status, after_all, "{proxies}");
        }
        assert_eq!(forwarded(60, "198.51.100.60, 198.51.100.30".into()).await, 429, "{proxies}");
    }
}

#[tokio::test]
async fn there_is_no_outbox_unless_asked_for() {
    let server = Server::start("memory:");
    let answer = Api::of(&server).try_call(Method::GET, "/demo/outbox", None, None).await.unwrap();
    assert_eq!((answer.status, answer.code()), (404, "not_found"));
}

/// The right code, forty times at once: one session.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_double_submit_logs_in_once() {
    let server = server();
    let api = Api::of(&server);
    let challenge = start(&api, PHONE).await.text("challenge");
    let code = code(&api, 1).await;
    let submits: Vec<_> = (0..40)
        .map(|_| {
            let (api, challenge, code) = (api.clone(), challenge.clone(), code.clone());
            tokio::spawn(async move { login(&api, &challenge, &code, PIN).await.status })
        })
        .collect();
    let mut created = 0;
    for submit in submits {
        match submit.await.unwrap() {
            201 => created += 1,
            401 => {}
            other => panic!("{other}"),
        }
    }
    assert_eq!(created, 1);
}

/// Whatever is asked for, an address has its share: of guesses, and of messages that are sent again.
#[tokio::test]
async fn the_host_limits_what_an_address_guesses_and_has_sent_again() {
    let server = Server::start_with("memory:", &[("COOL_DOWN", "15")]);
    let api = Api::of(&server);
    let (mut guesses, mut first) = (0, String::new());
    for number in 0..30 {
        let started = start(&api, &format!("+44770091{number:04}")).await;
        assert_eq!(started.status, 201, "{number}");
        let challenge = started.text("challenge");
        if number == 0 {
            first = challenge;
            continue;
        }
        for _ in 0..5 {
            let answer = login(&api, &challenge, "482913", PIN).await;
            guesses += 1;
            assert_eq!(answer.code(), if guesses <= 100 { "otp_wrong" } else { "otp_throttled" }, "{guesses}");
        }
    }
    tokio::time::sleep(std::time::Duration::from_secs(15)).await;
    let again = api.post("/otp/resend", json!({"challenge": first})).await;
    assert_eq!((again.status, again.code()), (429, "otp_throttled"));
    assert!(again.retry_after.unwrap() > 60, "the address's wait, not the number's: {again:?}");
}

#[tokio::test]
async fn another_countrys_number_is_another_number() {
    let server = server();
    let api = Api::of(&server);
    let started = start(&api, "+33 7700 900123").await;
    assert_eq!(started.body["resend_after"], json!(60));
    let early = start(&api, "+33 7700 900123").await;
    assert_eq!(early.headers["cache-control"].to_str().unwrap(), "no-store");
    let large = json!({"phone": "+44 7700 900999", "padding": "x".repeat(100_000)});
    assert_eq!(api.post("/otp/start", large).await.code(), "bad_request");
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(outbox(&api).await.is_empty(), "it is not alice's");
}
