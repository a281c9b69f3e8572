//! What the page does with the npm package: a PIN that never leaves the browser, a fingerprint, signed requests, and a
//! server that proves who it is before the PIN is asked for.

use std::path::Path;

use serde_json::json;

use crate::browser::Browser;
use crate::page::{assert_quiet, say_who, storage};
use crate::server::*;
use crate::wire::Wire;

const NEW_PIN: &str = "902714";

/// The browser takes names, and no addresses, for a site that has a fingerprint.
fn by_name(server: &Server) -> String {
    server.url.replace("127.0.0.1", "localhost")
}

pub(crate) async fn log_in(browser: &Browser, pin_stays_here: bool) {
    say_who(browser).await;
    if pin_stays_here {
        browser.click("pin-here").await;
    }
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(PIN).await;
    }
    browser.wait_for_view("unlocked").await;
}

pub(crate) async fn enter(browser: &Browser, view: &str, pin: &str) {
    browser.wait_for_view(view).await;
    browser.enter_pin(pin).await;
}

#[tokio::test]
async fn a_pin_that_never_leaves_the_browser() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let url = server.url.clone();
    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    log_in(&browser, true).await;
    browser.click("call-api").await;
    browser.wait_for_text("api-result", "alice").await;
    browser.click("transfer").await;
    browser.wait_for_text("api-result", "\"amount\": 5").await;
    let kept = storage(&browser).await;
    assert!(
        kept.contains("plc1_") && !kept.contains("plw1_") && !kept.contains("pls1_") && !kept.contains("eyJ"),
        "{kept}"
    );
    assert_quiet(&browser).await;
    let first = locked_token(&browser).await;
    browser.close().await;

    server.kill();
    let server = Server::on_file_at(data.path(), &url);
    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    enter(&browser, "pin", WRONG).await;
    browser.wait_for_text("pin-message", "9 attempts left").await;
    enter(&browser, "pin", PIN).await;
    browser.wait_for_view("unlocked").await;
    browser.wait_for_text("notice", "1 wrong PIN attempt").await;
    let second = locked_token(&browser).await;
    assert_ne!(first, second);

    browser.click("change-pin").await;
    browser.wait_for_step("old").await;
    browser.enter_pin(PIN).await;
    browser.wait_for_step("first").await;
    browser.enter_pin("123456").await;
    browser.wait_for_step("repeat").await;
    browser.enter_pin("123456").await;
    browser.wait_for_text("pin-message", "counts up").await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(NEW_PIN).await;
    }
    browser.wait_for_view("unlocked").await;
    browser.click("lock").await;
    enter(&browser, "pin", PIN).await;
    browser.wait_for_text("pin-message", "9 attempts left").await;
    enter(&browser, "pin", NEW_PIN).await;
    browser.wait_for_view("unlocked").await;
    assert_quiet(&browser).await;
    drop(server);
    browser.close().await;
}

async fn change_pin(browser: &Browser) {
    browser.click("change-pin").await;
    for (step, pin) in [("old", PIN), ("first", NEW_PIN), ("repeat", NEW_PIN)] {
        browser.wait_for_step(step).await;
        browser.enter_pin(pin).await;
    }
}

/// The server has changed the PIN, and the page does not hear of it.
const LOSE_ANSWERS: &str = "
    const fetch = window.fetch;
    window.fetch = async (...call) => {
        const answer = await fetch(...call);
        if (call[0] === '/pin') throw new TypeError('lost');
        return answer;
    };
    let lost = false; // Only the first worker's answer: the next one logs out.
    window.Worker = class extends Worker {
        addEventListener(type, listener) {
            super.addEventListener(type, (event) => {
                const loses = type === 'message' && !lost;
                lost ||= loses;
                listener(loses ? new MessageEvent('message', { data: { error: 'network' } }) : event);
            });
        }
    };";

/// What is kept may be an old copy then, which would look like a thief's: it is not tried again, in no mode.
#[tokio::test]
async fn a_change_of_the_pin_whose_answer_got_lost_ends_in_a_login() {
    for (package, pin_stays_here) in [(Some("/nowhere"), false), (None, false), (None, true)] {
        let environment: Vec<_> = package.map(|folder| ("PACKAGE", folder)).into_iter().collect();
        let server = Server::start_with("memory:", &environment);
        let api = Api::of(&server);
        let (_profile, browser) = Browser::visit(&server.url).await;
        log_in(&browser, pin_stays_here).await;
        if package.is_none() {
            // What fails before anything is sent costs nothing.
            browser.lose(&["*/.well-known/*"]).await;
            change_pin(&browser).await;
            browser.wait_for_text("pin-message", "reach the server").await;
            browser.click("pin-cancel").await;
            browser.wait_for_view("unlocked").await;
            browser.lose(&[]).await;
        }
        let token = api.authorize(&api.login().await, PIN).await.text("access_token");
        let sessions = async || {
            let answer = api.with_token(reqwest::Method::GET, "/sessions", &token).await;
            answer.body["sessions"].as_array().unwrap().len()
        };
        assert_eq!(sessions().await, 2);
        browser.evaluate(LOSE_ANSWERS).await;
        change_pin(&browser).await;
        browser.wait_for_view("ended").await;
        browser.wait_for_text("ended-text", "whether your PIN was changed").await;
        let kept = storage(&browser).await;
        assert!(!kept.contains("plw1_") && !kept.contains("plc1_"), "{kept}");
        let mut tries = 0;
        while sessions().await == 2 {
            tries += 1;
            assert!(tries < 200, "the session is still there");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        browser.click("ended-login").await;
        log_in(&browser, pin_stays_here).await;
        browser.close().await;
    }
}

pub(crate) async fn locked_token(browser: &Browser) -> String {
    let token = browser.evaluate("return localStorage.getItem('pinlatch.wrapped_token')").await;
    token.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_told_in_the_client_mode_too() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, true).await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    let elsewhere = api.login().await;
    let token = api.authorize(&elsewhere, PIN).await.text("access_token");
    assert_eq!(api.with_token(reqwest::Method::POST, "/logout-all", &token).await.status, 204);
    browser.enter_pin(PIN).await;
    browser.wait_for_view("ended").await;
    browser.wait_for_text("ended-title", "has ended").await;
    assert!(!storage(&browser).await.contains("plc1_"));
    browser.close().await;
}

/// In both modes, and without a PIN.
#[tokio::test]
async fn a_device_that_forgets_its_account_ends_the_session() {
    let profile = tempfile::tempdir().unwrap();
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let browser = Browser::open(profile.path()).await;
    for here in [false, true] {
        browser.goto(&server.url).await;
        log_in(&browser, here).await;
        browser.click("lock").await;
        browser.wait_for_view("pin").await;
        let token = api.authorize(&api.login().await, PIN).await.text("access_token");
        let sessions = async || {
            let answer = api.with_token(reqwest::Method::GET, "/sessions", &token).await;
            answer.body["sessions"].as_array().unwrap().len()
        };
        let before = sessions().await;
        browser.click("forget").await;
        browser.click("forget-confirm").await;
        browser.wait_for_view("login").await;
        let kept = storage(&browser).await;
        assert!(!kept.contains("plw1_") && !kept.contains("plc1_"), "{kept}");
        let mut tries = 0;
        while sessions().await == before {
            tries += 1;
            assert!(tries < 200, "the session is still there");
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    }
    assert_quiet(&browser).await;
    browser.close().await;
}

/// In both modes: a fingerprint in place of the PIN, until the PIN changes or it is given up.
#[tokio::test]
async fn a_fingerprint_opens_the_session() {
    for pin_stays_here in [false, true] {
        let profile = tempfile::tempdir().unwrap();
        let server = Server::start("memory:");
        let browser = Browser::open(profile.path()).await;
        browser.add_fingerprint_reader().await;
        browser.goto(&by_name(&server)).await;
        log_in(&browser, pin_stays_here).await;
        browser.wait_until_shown("add-key").await;
        browser.click("add-key").await;
        enter(&browser, "add-key", PIN).await;
        browser.wait_for_view("unlocked").await;
        browser.wait_for_text("notice", "enough").await;
        let kept = storage(&browser).await;
        assert!(kept.contains("pld1_") && !kept.contains("pls1_"), "{kept}");
        for _ in 0..2 {
            browser.click("lock").await;
            browser.wait_for_view("pin").await;
            browser.wait_until_shown("key-unlock").await;
            browser.click("key-unlock").await;
            browser.wait_for_view("unlocked").await;
        }
        browser.click("call-api").await;
        browser.wait_for_text("api-result", "alice").await;
        browser.click("lock").await;
        enter(&browser, "pin", PIN).await;
        browser.wait_for_view("unlocked").await;
        browser.wait_until_shown("remove-key").await;
        browser.click("remove-key").await;
        enter(&browser, "remove-key", PIN).await;
        browser.wait_for_text("notice", "only your PIN").await;
        assert!(!storage(&browser).await.contains("pld1_"));
        assert_quiet(&browser).await;
        browser.close().await;
    }
}

/// A browser without Web Locks, as on plain HTTP, whose answers come late: when `release()` is called.
const LATE_WITHOUT_LOCKS: &str = "
    Object.defineProperty(navigator, 'locks', { value: undefined });
    const released = new Promise((resolve) => { window.release = resolve; });
    window.Worker = class extends Worker {
        addEventListener(type, listener) {
            super.addEventListener(type, async (event) => {
                if (type === 'message') {
                    window.answered = true;
                    await released;
                }
                listener(event);
            });
        }
    };";

/// What another tab has stored meanwhile is newer, whether a PIN or a fingerprint was answered late.
#[tokio::test]
async fn a_late_answer_replaces_nothing_newer() {
    let profile = tempfile::tempdir().unwrap();
    let server = Server::start("memory:");
    let browser = Browser::open(profile.path()).await;
    browser.add_fingerprint_reader().await;
    browser.goto(&by_name(&server)).await;
    log_in(&browser, true).await;
    browser.wait_until_shown("add-key").await;
    browser.click("add-key").await;
    enter(&browser, "add-key", PIN).await;
    browser.wait_for_text("notice", "enough").await;
    for (key, newer) in [("wrapped_token", "newer"), ("device_key", r#"{"id":"AAAA","locked":"newer"}"#)] {
        browser.goto(&by_name(&server)).await;
        browser.wait_for_view("pin").await;
        let before = browser.evaluate(&format!("return localStorage.getItem('pinlatch.{key}')")).await;
        browser.evaluate(LATE_WITHOUT_LOCKS).await;
        if key == "device_key" {
            browser.click("key-unlock").await;
        } else {
            browser.enter_pin(PIN).await;
        }
        browser.wait_until_true("return window.answered").await;
        browser.evaluate(&format!("localStorage.setItem('pinlatch.{key}', '{newer}')")).await;
        browser.evaluate("release()").await;
        browser.wait_for_view("unlocked").await;
        let kept = browser.evaluate(&format!("return localStorage.getItem('pinlatch.{key}')")).await;
        assert_eq!(kept, newer);
        browser.evaluate(&format!("localStorage.setItem('pinlatch.{key}', '{}')", before.as_str().unwrap())).await;
    }
    browser.close().await;
}

/// While the platform asks for a finger, another tab can have a PIN; and end what the finger was for.
#[tokio::test]
async fn a_finger_that_is_waited_for_keeps_no_tab_waiting() {
    let profile = tempfile::tempdir().unwrap();
    let server = Server::start("memory:");
    let browser = Browser::open(profile.path()).await;
    browser.add_fingerprint_reader().await;
    browser.goto(&by_name(&server)).await;
    log_in(&browser, true).await;
    browser.wait_until_shown("add-key").await;
    browser.click("add-key").await;
    enter(&browser, "add-key", PIN).await;
    browser.wait_for_text("notice", "enough").await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    let prompt = "
        const get = navigator.credentials.get.bind(navigator.credentials);
        const answered = new Promise((resolve) => { window.touch = resolve; });
        navigator.credentials.get = async (options) => {
            window.prompted = true;
            await answered;
            return get(options);
        };";
    browser.evaluate(prompt).await;
    browser.click("key-unlock").await;
    browser.wait_until_true("return window.prompted").await;
    let locks = "return navigator.locks.query().then(({ held }) => held.length)";
    assert_eq!(browser.evaluate(locks).await, 0);
    // The other tab gives the key up.
    browser.evaluate("localStorage.removeItem('pinlatch.device_key'); touch()").await;
    browser.wait_for_text("notice", "Enter your PIN this time").await;
    enter(&browser, "pin", PIN).await;
    browser.wait_for_view("unlocked").await;
    browser.close().await;
}

/// Who has a copy and knows the PIN adds a key of their own device. The page tells that there is one, and takes it
/// away.
#[tokio::test]
async fn a_key_of_another_device_is_told() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, false).await;
    browser.wait_for_text("last-use", "now").await;
    for of_this_device in
        ["", "localStorage.setItem('pinlatch.device_key', '{\"id\":\"AA\",\"locked\":\"\",\"since\":1}')"]
    {
        let copy = json!({ "wrapped_token": locked_token(&browser).await, "pin": PIN });
        assert_eq!(api.post("/device-key/add", copy).await.status, 200);
        browser.click("lock").await;
        // One that was here before it does not hide it.
        browser.evaluate(of_this_device).await;
        enter(&browser, "pin", PIN).await;
        browser.wait_until_shown("key-elsewhere").await;
        browser.click("remove-key").await;
        enter(&browser, "remove-key", PIN).await;
        browser.wait_for_text("notice", "only your PIN").await;
        browser.wait_until_true("return document.getElementById('key-elsewhere').hidden").await;
    }
    browser.close().await;
}

/// The secrets file with another key for answers.
fn change_server_key(data: &Path) {
    let file = data.join("demo.db.key");
    let mut secrets = std::fs::read(&file).unwrap();
    secrets[128] ^= 1;
    std::fs::write(file, secrets).unwrap();
}

#[tokio::test]
async fn another_server_is_asked_who_it_is_and_gets_no_pin() {
    for pin_stays_here in [false, true] {
        let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let server = Server::on_file(data.path());
        let url = server.url.clone();
        let browser = Browser::open(profile.path()).await;
        browser.goto(&url).await;
        log_in(&browser, pin_stays_here).await;
        server.kill();
        change_server_key(data.path());
        let server = Server::on_file_at(data.path(), &url);
        browser.goto(&url).await;
        browser.wait_for_view("ended").await;
        browser.wait_for_text("ended-title", "not the server you know").await;
        browser.click("ended-retry").await;
        browser.wait_for_text("ended-title", "not the server you know").await;
        browser.wait_for_view("ended").await;
        // Who wants to log in there, and does not, is warned again before anybody asks for the PIN.
        browser.click("ended-login").await;
        browser.wait_for_view("login").await;
        browser.goto(&url).await;
        browser.wait_for_text("ended-title", "not the server you know").await;
        browser.click("ended-login").await;
        say_who(&browser).await;
        for step in ["first", "repeat"] {
            browser.wait_for_step(step).await;
            browser.enter_pin("111111").await;
        }
        browser.wait_for_text("pin-message", "repetition").await;
        browser.goto(&url).await;
        browser.wait_for_text("ended-title", "not the server you know").await;
        // If all is well with it, a login makes it the server that the device knows.
        browser.click("ended-login").await;
        log_in(&browser, pin_stays_here).await;
        browser.click("lock").await;
        enter(&browser, "pin", PIN).await;
        browser.wait_for_view("unlocked").await;
        browser.close().await;
        drop(server);
    }
}

/// A proxy of one's own that says its server is away is no other server. Only what answers in its place is one.
#[tokio::test]
async fn a_proxy_without_its_server_is_waited_for() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wire = Wire::tap().await;
    let store = format!("sqlite://{}", data.path().join("demo.db").display());
    let server = Server::start_with(&store, &[("ORIGIN", &wire.url)]);
    wire.lead_to(&server);
    let browser = Browser::open(profile.path()).await;
    browser.goto(&wire.url).await;
    log_in(&browser, true).await;
    server.kill();
    browser.click("lock").await;
    browser.wait_for_text("ended-title", "reach the server").await;
    for (status, title) in [
        ("502 Bad Gateway", "reach the server"),
        ("503 Service Unavailable", "reach the server"),
        ("429 Too Many Requests", "reach the server"),
        ("200 OK", "not the server you know"),
    ] {
        wire.answer_itself(status);
        browser.evaluate("document.getElementById('ended-title').textContent = ''").await;
        browser.click("ended-retry").await;
        browser.wait_for_text("ended-title", title).await;
        assert!(!browser.find("pin-view").await.is_displayed().await.unwrap(), "{status}");
    }
    let server = Server::start_with(&store, &[("ORIGIN", &wire.url)]);
    wire.lead_to(&server);
    browser.click("ended-retry").await;
    enter(&browser, "pin", PIN).await;
    browser.wait_for_view("unlocked").await;
    browser.close().await;
}

/// A storage without room for the next token keeps none, and still knows the server.
#[tokio::test]
async fn a_storage_that_is_full_forgets_no_server() {
    let server = Server::start("memory:");
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, true).await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    let known = async || browser.evaluate("return localStorage.getItem('pinlatch.server_key')").await;
    let before = known().await;
    assert!(before.as_str().is_some_and(|keys| keys.len() > 43), "{before}");
    let full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }";
    browser.evaluate(full).await;
    for _ in 0..2 {
        browser.enter_pin(PIN).await;
        browser.wait_for_view("unlocked").await;
        browser.click("lock").await;
        browser.wait_for_view("pin").await;
    }
    assert!(!storage(&browser).await.contains("plc1_"), "a token that is used is not kept");
    assert_eq!(known().await, before);
    browser.close().await;
}

/// A browser says the type of a body that has none, and spells some methods its own way: that is what is signed.
#[tokio::test]
async fn what_a_browser_makes_of_a_request_is_signed() {
    let server = Server::start("memory:");
    let (_profile, browser) = Browser::visit(&server.url).await;
    browser.wait_for_view("login").await;
    let script = format!(
        "return (async () => {{
            const pinlatch = await import('/pinlatch/index.js');
            const {{ sealing: sealTo }} = await pinlatch.meetServer();
            const login = {{ username: 'alice', password: '{PASSWORD}', wrap: 'client' }};
            const {{ locked }} = await pinlatch.beginWithPin({{ url: '/login', body: login, sealTo }}, '{PIN}');
            const {{ answer }} = await pinlatch.openWithPin(locked, '{PIN}', {{ url: '/authorize', sealTo }});
            const {{ session_id: sessionId, request_key: requestKey, access_token: accessToken }} = answer.body;
            const send = pinlatch.signer({{ sessionId, requestKey, accessToken, ahead: sealTo.ahead }});
            const body = JSON.stringify({{ to: 'bob', amount: 5 }});
            const headers = {{ 'content-type': 'application/json' }};
            const statuses = [];
            for (const options of [{{ method: 'POST', headers, body }}, {{ method: 'post', headers, body }},
                                   {{ method: 'POST', body }}]) {{
                statuses.push((await send('/api/transfer', options)).status);
            }}
            return statuses.join();
        }})()"
    );
    assert_eq!(browser.evaluate(&script).await, "200,200,200");
    browser.close().await;
}

/// Neither a transfer nor a call waits for ever, and what did not arrive is told.
#[tokio::test]
async fn a_call_without_an_answer_is_told() {
    let server = Server::start("memory:");
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, true).await;
    browser.lose(&["*/api/*"]).await;
    for button in ["transfer", "call-api"] {
        browser.click(button).await;
        browser.wait_for_text("notice", "reach the server").await;
    }
    browser.lose(&[]).await;
    // No answer at all, and little time.
    browser
        .evaluate(
            "const { timeout } = AbortSignal;
            AbortSignal.timeout = () => timeout.call(AbortSignal, 100);
            const fetch = window.fetch;
            window.fetch = (path, options) => !path.includes('/api/') ? fetch(path, options) : new Promise(
                (_, fail) => options.signal.addEventListener('abort', () => fail(options.signal.reason)));",
        )
        .await;
    for button in ["transfer", "call-api"] {
        browser.click(button).await;
        browser.wait_for_text("notice", "reach the server").await;
    }
    browser.close().await;
}

/// Also a login, which has the password in it, goes to the server that the device knows.
#[tokio::test]
async fn another_server_gets_no_password() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let url = server.url.clone();
    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    log_in(&browser, false).await;
    browser.click("logout").await;
    browser.wait_for_view("login").await;
    server.kill();
    change_server_key(data.path());
    let server = Server::on_file_at(data.path(), &url);
    browser.goto(&url).await;
    say_who(&browser).await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(PIN).await;
    }
    browser.wait_for_text("ended-title", "not the server you know").await;
    browser.close().await;
    drop(server);
}

/// A package that does not arrive is not one that is not there: nothing is sent in clear instead.
#[tokio::test]
async fn a_page_whose_package_got_lost_waits_for_it() {
    for lost in ["*/pinlatch/index.js", "*/dist/pinlatch_bg.wasm"] {
        let profile = tempfile::tempdir().unwrap();
        let server = Server::start("memory:");
        let browser = Browser::open(profile.path()).await;
        browser.lose(&[lost]).await;
        browser.goto(&server.url).await;
        browser.wait_for_text("ended-title", "reach the server").await;
        browser.lose(&[]).await;
        browser.click("ended-retry").await;
        log_in(&browser, false).await;
        browser.wait_for_view("unlocked").await;
        browser.close().await;
    }
}

/// The same later: a file of it is loaded anew for each PIN.
#[tokio::test]
async fn a_worker_that_got_lost_is_waited_for() {
    let server = Server::start("memory:");
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, true).await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    let lose = "
        const Found = window.Worker;
        window.Worker = class extends Found {
            constructor(url, options) {
                window.Worker = Found;
                super('/pinlatch/lost.js', options);
            }
        };";
    browser.evaluate(lose).await;
    browser.enter_pin(PIN).await;
    browser.wait_for_text("pin-message", "reach the server").await;
    let steps = "const { nextStep } = await import('/pinlatch/index.js');
        return ['no_worker', 'no_wasm', 'network', 'no_prf'].map(nextStep).join();";
    let steps = browser.evaluate(&format!("return (async () => {{ {steps} }})()")).await;
    assert_eq!(steps, "wait,wait,wait,mistake");
    browser.enter_pin(PIN).await;
    browser.wait_for_view("unlocked").await;
    browser.close().await;
}

/// A server that keeps the package from the page is not believed either.
#[tokio::test]
async fn a_server_that_cannot_be_asked_gets_no_pin() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let url = server.url.clone();
    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    log_in(&browser, false).await;
    server.kill();
    let store = format!("sqlite://{}", data.path().join("demo.db").display());
    let addr = url.strip_prefix("http://").unwrap();
    let server = Server::start_with(&store, &[("ADDR", addr), ("PACKAGE", "/nowhere")]);
    browser.goto(&url).await;
    browser.wait_for_text("ended-title", "not the server you know").await;
    assert!(!browser.find("pin-view").await.is_displayed().await.unwrap());
    // Neither does it get the password of somebody who goes on: what was sealed once is sealed from then on.
    browser.click("ended-login").await;
    say_who(&browser).await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(PIN).await;
    }
    browser.wait_for_text("ended-title", "not the server you know").await;
    browser.close().await;
    drop(server);
}

#[tokio::test]
async fn too_many_wrong_pins_end_in_a_login() {
    for pin_stays_here in [false, true] {
        let server = Server::start_with("memory:", &[("GUESSES", "3")]);
        let (_profile, browser) = Browser::visit(&server.url).await;
        log_in(&browser, pin_stays_here).await;
        browser.click("lock").await;
        for left in ["2 attempts", "1 attempt "] {
            enter(&browser, "pin", WRONG).await;
            browser.wait_for_text("pin-message", left).await;
        }
        enter(&browser, "pin", WRONG).await;
        browser.wait_for_text("ended-title", "Too many wrong PINs").await;
        let kept = storage(&browser).await;
        assert!(!kept.contains("plc1_") && !kept.contains("plw1_"), "{kept}");
        browser.click("ended-login").await;
        browser.wait_for_view("login").await;
        assert_quiet(&browser).await;
        browser.close().await;
    }
}
