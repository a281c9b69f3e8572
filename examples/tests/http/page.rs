//! The page, in a real browser, as a person uses it.

use reqwest::Method;

use crate::browser::Browser;
use crate::server::*;

/// Says who it is, and is asked for a new PIN.
pub(crate) async fn say_who(browser: &Browser) {
    browser.wait_for_view("login").await;
    browser.fill("username", "alice").await;
    browser.fill("password", PASSWORD).await;
    browser.click("login-submit").await;
    browser.wait_for_view("choose-pin").await;
    browser.wait_for_step("first").await;
}

async fn log_in(browser: &Browser, pin: &str) {
    say_who(browser).await;
    browser.enter_pin(pin).await;
    browser.wait_for_step("repeat").await;
    browser.enter_pin(pin).await;
    browser.wait_for_view("unlocked").await;
}

/// All that the page keeps, in one text.
pub(crate) async fn storage(browser: &Browser) -> String {
    browser.evaluate("return JSON.stringify([localStorage, sessionStorage])").await.to_string()
}

/// The console may tell of requests that were refused, which is what a wrong PIN is; of nothing else.
pub(crate) async fn assert_quiet(browser: &Browser) {
    let said = browser.console().await;
    let unexpected: Vec<_> =
        said.iter().filter(|line| !line.contains("the server responded with a status of 4")).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
}

#[tokio::test]
async fn log_in_close_come_back_with_the_pin_also_after_the_server_was_killed() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let url = server.url.clone();

    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    log_in(&browser, PIN).await;
    browser.wait_for_text("greeting", "alice").await;
    browser.click("call-api").await;
    browser.wait_for_text("api-result", "alice").await;
    assert_quiet(&browser).await;
    let kept = storage(&browser).await;
    assert!(
        kept.contains("plw1_") && !kept.contains("eyJ") && !kept.contains(PIN) && !kept.contains("horse"),
        "{kept}"
    );
    assert_eq!(browser.cookies().await, 0);
    browser.close().await;

    server.kill();
    let _server = Server::on_file_at(data.path(), &url);

    let browser = Browser::open(profile.path()).await;
    browser.goto(&url).await;
    browser.wait_for_view("pin").await;
    browser.enter_pin(WRONG).await;
    browser.wait_for_text("pin-message", "9 attempts left").await;
    browser.press(PIN).await;
    browser.press("\u{e007}").await;
    browser.wait_for_view("unlocked").await;
    browser.wait_for_text("notice", "1 wrong PIN attempt").await;
    browser.click("call-api").await;
    browser.wait_for_text("api-result", "alice").await;
    assert_ne!(storage(&browser).await, kept, "the wrapped token was replaced");
    assert_quiet(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn wrong_pins_end_in_a_countdown_and_a_session_ended_elsewhere_in_a_login() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let browser = Browser::open(profile.path()).await;
    browser.goto(&server.url).await;
    log_in(&browser, PIN).await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    for attempts in ["9 attempts", "8 attempts", "7 attempts", "6 attempts", "5 attempts"] {
        browser.enter_pin(WRONG).await;
        browser.wait_for_text("pin-message", attempts).await;
    }
    browser.wait_for_text("pin-wait", "00:5").await;
    let blocked = browser.evaluate("return document.getElementById('pin-submit').disabled").await;
    assert_eq!(blocked, true, "the pad waits");

    // Another device of the same user ends all sessions.
    let api = Api::of(&server);
    let other = api.authorize(&api.login().await, PIN).await;
    assert_eq!(api.with_token(Method::POST, "/logout-all", &other.text("access_token")).await.status, 204);
    browser.goto(&server.url).await;
    browser.wait_for_view("pin").await;
    browser.enter_pin(PIN).await;
    browser.wait_for_view("ended").await;
    browser.wait_for_text("ended-title", "ended").await;
    browser.click("ended-login").await;
    log_in(&browser, PIN).await;
    assert_quiet(&browser).await;
    browser.close().await;
}

/// English names, in the order of days since 1970-01-01, a Thursday.
const WEEKDAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

#[tokio::test]
async fn outside_the_hours_the_page_says_when_it_opens_and_keeps_what_it_has() {
    let days = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / (24 * 3600);
    let opens = WEEKDAYS[usize::try_from((days + 2) % 7).unwrap()];
    let server = Server::start_with("memory:", &[("HOURS", &format!("{} 08:00-18:00 UTC", &opens[..3]))]);
    let (_profile, browser) = Browser::visit(&server.url).await;
    browser.wait_for_view("login").await;
    browser.fill("username", "alice").await;
    browser.fill("password", PASSWORD).await;
    browser.click("login-submit").await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(PIN).await;
    }
    browser.wait_for_view("ended").await;
    browser.wait_for_text("ended-title", "Closed right now").await;
    browser.wait_for_text("ended-text", opens).await;
    let kept = storage(&browser).await;
    assert!(kept.contains("plw1_"), "{kept}");
    browser.click("ended-retry").await;
    browser.wait_for_view("pin").await;
    browser.enter_pin(WRONG).await;
    browser.wait_for_view("ended").await;
    assert_eq!(storage(&browser).await, kept, "a wrong PIN is not looked at, either");
    assert_quiet(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn sessions_and_the_pin_are_managed_from_the_page() {
    let (data, profile) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let server = Server::on_file(data.path());
    let api = Api::of(&server);
    let elsewhere = api.login().await;
    let browser = Browser::open(profile.path()).await;
    browser.goto(&server.url).await;
    log_in(&browser, PIN).await;
    browser.wait_for_text("sessions", "Chrome on Linux").await;
    browser.click_css("#sessions .revoke").await;
    for _ in 0..100 {
        if browser.evaluate("return document.querySelectorAll('#sessions li').length").await == 1 {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    assert_eq!(api.authorize(&elsewhere, PIN).await.code(), "session_ended");

    browser.click("change-pin").await;
    browser.wait_for_view("change-pin").await;
    browser.wait_for_step("old").await;
    browser.enter_pin(PIN).await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin("902714").await;
    }
    browser.wait_for_view("unlocked").await;
    browser.click("lock").await;
    browser.wait_for_view("pin").await;
    browser.enter_pin(PIN).await;
    browser.wait_for_text("pin-message", "9 attempts left").await;
    browser.enter_pin("902714").await;
    browser.wait_for_view("unlocked").await;
    browser.click("logout").await;
    browser.wait_for_view("login").await;
    assert!(!storage(&browser).await.contains("plw1_"));
    assert_quiet(&browser).await;
    browser.close().await;
}
