//! What the page does with the npm package: a PIN that never leaves the browser, a fingerprint, signed requests, and a
//! server that proves who it is before the PIN is asked for.

use std::path::Path;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::browser::Browser;
use crate::page::{assert_quiet, say_who, storage};
use crate::server::*;

const NEW_PIN: &str = "902714";

/// The browser takes names, and no addresses, for a site that has a fingerprint.
fn by_name(server: &Server) -> String {
    server.url.replace("127.0.0.1", "localhost")
}

async fn log_in(browser: &Browser, pin_stays_here: bool) {
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

async fn enter(browser: &Browser, view: &str, pin: &str) {
    browser.wait_for_view(view).await;
    browser.enter_pin(pin).await;
}

#[tokio::test]
async fn a_pin_that_never_leaves_the_browser() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let wire = Wire::tap().await;
    let store = format!("sqlite://{}", data.path().join("demo.db").display());
    let start = || Server::start_with(&store, &[("ORIGIN", &wire.url)]);
    let server = start();
    wire.lead_to(&server);
    let browser = Browser::open(profile.path()).await;
    browser.goto(&wire.url).await;
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
    let server = start();
    wire.lead_to(&server);
    let browser = Browser::open(profile.path()).await;
    browser.goto(&wire.url).await;
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

    // All that went over the network: tokens in clear and access tokens, but nothing of the PINs and of what is kept.
    let sent = wire.recorded();
    for expected in ["pls1_", "\"wrap\":\"client\"", "POST /api/transfer", "accept-signature"] {
        assert!(sent.contains(expected), "{expected}: {sent}");
    }
    for secret in [PIN, WRONG, NEW_PIN, "123456", "plc1_"] {
        assert!(!sent.contains(secret), "{secret}: {sent}");
    }
    for token in [first, second, locked_token(&browser).await] {
        assert!(!sent.contains(&token[100..]), "{sent}");
    }
    browser.close().await;
}

/// A wire between browser and server that somebody has tapped.
struct Wire {
    url: String,
    server: Arc<Mutex<String>>,
    record: Arc<Mutex<Vec<u8>>>,
}

impl Wire {
    async fn tap() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wire = Self {
            url: format!("http://{}", listener.local_addr().unwrap()),
            server: Arc::default(),
            record: Arc::default(),
        };
        let (server, record) = (wire.server.clone(), wire.record.clone());
        tokio::spawn(async move {
            while let Ok((mut browser, _)) = listener.accept().await {
                let (address, record) = (server.lock().unwrap().clone(), record.clone());
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(address).await else { return };
                    let (mut from_browser, mut to_browser) = browser.split();
                    let (mut from_server, mut to_server) = server.split();
                    let requests = async {
                        let mut piece = vec![0; 4096];
                        while let Ok(read @ 1..) = from_browser.read(&mut piece).await {
                            record.lock().unwrap().extend(&piece[..read]);
                            if to_server.write_all(&piece[..read]).await.is_err() {
                                break;
                            }
                        }
                        drop(to_server.shutdown().await);
                    };
                    drop(tokio::join!(requests, tokio::io::copy(&mut from_server, &mut to_browser)));
                });
            }
        });
        wire
    }

    fn lead_to(&self, server: &Server) {
        server.url.strip_prefix("http://").unwrap().clone_into(&mut self.server.lock().unwrap());
    }

    /// What the browser has sent.
    fn recorded(&self) -> String {
        String::from_utf8_lossy(&self.record.lock().unwrap()).into_owned()
    }
}

async fn locked_token(browser: &Browser) -> String {
    let token = browser.evaluate("return localStorage.getItem('pinlatch.wrapped_token')").await;
    token.as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_session_that_was_ended_elsewhere_is_told_in_the_client_mode_too() {
    let profile = tempfile::tempdir().unwrap();
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let browser = Browser::open(profile.path()).await;
    browser.goto(&server.url).await;
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
    browser.close().await;
    drop(server);
}

#[tokio::test]
async fn too_many_wrong_pins_end_in_a_login() {
    for pin_stays_here in [false, true] {
        let profile = tempfile::tempdir().unwrap();
        let server = Server::start_with("memory:", &[("GUESSES", "3")]);
        let browser = Browser::open(profile.path()).await;
        browser.goto(&server.url).await;
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
