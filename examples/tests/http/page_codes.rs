//! Logging in with a code by SMS, in a real browser.

use reqwest::Method;

use crate::browser::Browser;
use crate::codes::{PHONE, code, other_than};
use crate::page::{assert_quiet, storage};
use crate::server::*;

async fn choose_pin(browser: &Browser) {
    browser.wait_for_view("choose-pin").await;
    for step in ["first", "repeat"] {
        browser.wait_for_step(step).await;
        browser.enter_pin(PIN).await;
    }
}

async fn ask_for_a_code(browser: &Browser, phone: &str) {
    browser.fill("phone", phone).await;
    browser.click("phone-submit").await;
}

#[tokio::test]
async fn a_code_a_pin_and_from_then_on_the_pin() {
    let server = Server::start_with("memory:", &[("DEMO_OUTBOX", "1"), ("COOL_DOWN", "15")]);
    let api = Api::of(&server);
    let (_profile, browser) = Browser::visit(&server.url).await;
    browser.wait_for_view("login").await;
    browser.click("use-phone").await;
    browser.wait_for_view("phone").await;
    browser.click("fill-phone").await;
    browser.click("phone-submit").await;
    browser.wait_for_view("code").await;
    browser.wait_for_text("code-resend", "Send again in 00:1").await;
    let autocomplete = browser.evaluate("return document.activeElement.autocomplete").await;
    assert_eq!(autocomplete, "one-time-code", "the browser offers what the message says");
    let blocked = browser.evaluate("return document.getElementById('code-resend').disabled").await;
    assert_eq!(blocked, true);
    let sent = api.try_call(Method::GET, "/demo/outbox", None, None).await.unwrap();
    let hint = sent.body[0]["text"].as_str().unwrap()[..1].to_owned();
    browser.wait_for_text("code-help", &format!("with {hint}- in front")).await;
    browser.wait_for_text("code-hint", &hint).await;
    let first = code(&api, 1).await;

    // Too few digits are seen here, wrong ones there; the PIN is chosen once.
    browser.fill("code", "123").await;
    browser.click("code-submit").await;
    browser.wait_for_text("code-message", "6 digits").await;
    browser.fill("code", &other_than(&first)).await;
    browser.click("code-submit").await;
    choose_pin(&browser).await;
    browser.wait_for_view("code").await;
    browser.wait_for_text("code-message", "Wrong code. 4 attempts left.").await;

    // Another message, as soon as it may be asked for.
    browser.wait_for_only(20, "code-resend", "Send again").await;
    browser.click("code-resend").await;
    browser.wait_for_text("notice", "Another message").await;
    let second = code(&api, 2).await;
    assert_eq!(second, first);
    browser.fill("code", &format!("{} {}", &second[..3], &second[3..])).await;
    browser.click("code-submit").await;
    browser.wait_for_view("unlocked").await;
    browser.wait_for_text("greeting", "Hello, alice").await;
    let kept = storage(&browser).await;
    assert!(kept.contains("plw1_") && kept.contains("alice"), "{kept}");
    assert!(!kept.contains("plo1_") && !kept.contains(&second) && !kept.contains("7700"), "{kept}");
    assert_eq!(browser.cookies().await, 0);

    browser.click("lock").await;
    browser.wait_for_text("pin-title", "Welcome back, alice").await;
    browser.enter_pin(PIN).await;
    browser.wait_for_view("unlocked").await;
    assert_quiet(&browser).await;
    browser.close().await;
}

#[tokio::test]
async fn wrong_codes_and_numbers_end_where_one_can_go_on() {
    let server = Server::start_with("memory:", &[("DEMO_OUTBOX", "1")]);
    let (_profile, browser) = Browser::visit(&server.url).await;
    browser.wait_for_view("login").await;
    browser.click("use-phone").await;
    ask_for_a_code(&browser, "07700 900123").await;
    browser.wait_for_text("notice", "country code").await;

    // Nobody has this number, which the page cannot know.
    ask_for_a_code(&browser, "+44 7700 900999").await;
    browser.wait_for_view("code").await;
    browser.wait_for_text("code-phone", "+44 7700 900999").await;
    browser.fill("code", "482913").await;
    browser.click("code-submit").await;
    choose_pin(&browser).await;
    for attempts in ["4 attempts", "3 attempts", "2 attempts", "1 attempt "] {
        browser.wait_for_text("code-message", attempts).await;
        browser.fill("code", "482913").await;
        browser.click("code-submit").await;
    }
    browser.wait_for_view("phone").await;
    browser.wait_for_text("notice", "tried too often").await;
    browser.click("phone-submit").await;
    browser.wait_for_text("notice", "too often. You can go on in 00:").await;

    // Somebody else's number on the same device, and back to the password.
    ask_for_a_code(&browser, PHONE).await;
    browser.wait_for_view("code").await;
    browser.click("code-back").await;
    browser.wait_for_view("phone").await;
    browser.click("use-password").await;
    browser.wait_for_view("login").await;
    assert_quiet(&browser).await;
    browser.close().await;
}

/// The wait for the next message is the server's, whatever the page believes.
#[tokio::test]
async fn a_page_with_a_wrong_clock_waits_again() {
    let server = Server::start_with("memory:", &[("DEMO_OUTBOX", "1")]);
    let (_profile, browser) = Browser::visit(&server.url).await;
    browser.wait_for_view("login").await;
    browser.click("use-phone").await;
    ask_for_a_code(&browser, PHONE).await;
    browser.wait_for_text("code-resend", "Send again in 00:5").await;
    browser.evaluate("const now = Date.now; Date.now = () => now() + 61_000").await;
    browser.wait_for_only(5, "code-resend", "Send again").await;
    browser.click("code-resend").await;
    browser.wait_for_text("notice", "That is too often").await;
    browser.wait_for_text("code-resend", "Send again in 00:").await;
    browser.close().await;
}
