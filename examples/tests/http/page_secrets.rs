//! Where the page's secrets do not get: onto the wire, and into the memory of the browser.

use pinlatch::client::PinLocked;
use pinlatch::pin::Pin;
use pinlatch::stretch::KdfMemory;

use crate::browser::Browser;
use crate::page_device::{enter, locked_token, log_in};
use crate::server::*;
use crate::wire::Wire;

/// The token in what is kept, as it is presented.
fn unlocked(kept: &str) -> String {
    let (token, _) = kept.parse::<PinLocked>().unwrap().unlock(&Pin::new(PIN).unwrap(), &mut KdfMemory::new());
    token.expose_secret().to_owned()
}

#[tokio::test]
async fn a_tapped_wire_has_neither_pins_nor_passwords_nor_session_tokens() {
    for pin_stays_here in [false, true] {
        let profile = tempfile::tempdir().unwrap();
        let wire = Wire::tap().await;
        let server = Server::start_with("memory:", &[("ORIGIN", &wire.url)]);
        wire.lead_to(&server);
        let browser = Browser::open(profile.path()).await;
        browser.goto(&wire.url).await;
        log_in(&browser, pin_stays_here).await;
        let mut kept = vec![locked_token(&browser).await];
        browser.click("transfer").await;
        browser.wait_for_text("api-result", "\"amount\": 5").await;
        browser.click("lock").await;
        enter(&browser, "pin", WRONG).await;
        browser.wait_for_text("pin-message", "9 attempts left").await;
        enter(&browser, "pin", PIN).await;
        browser.wait_for_view("unlocked").await;
        kept.push(locked_token(&browser).await);
        browser.close().await;

        let [sent, answered] = wire.recorded();
        for expected in ["POST /login", "POST /authorize", "POST /api/transfer", "accept-signature"] {
            assert!(sent.contains(expected), "{expected}: {sent}");
        }
        for secret in [PIN, WRONG, PASSWORD, "alice", "session_token", "pls1_", "plc1_", "plw1_"] {
            assert!(!sent.contains(secret), "{secret}: {sent}");
        }
        assert!(answered.contains("application/pinlatch-sealed-response"));
        for secret in ["session_token", "request_key", "attempts_remaining"] {
            assert!(!answered.contains(&format!("\"{secret}\":")), "{secret}");
        }
        if pin_stays_here {
            kept.extend(kept.clone().iter().map(|kept| unlocked(kept)));
        }
        for token in kept {
            let secret = &token[token.len() - 40..];
            assert!(!sent.contains(secret) && !answered.contains(secret));
        }
    }
}

/// Neither the token that was presented, which opens the session until its successor is used, nor the successor.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn after_an_unlock_no_memory_has_a_token_in_clear() {
    let server = Server::start("memory:");
    let (_profile, browser) = Browser::visit(&server.url).await;
    log_in(&browser, true).await;
    let before = locked_token(&browser).await;
    browser.click("lock").await;
    enter(&browser, "pin", PIN).await;
    browser.wait_for_view("unlocked").await;
    let after = locked_token(&browser).await;
    assert_ne!(before, after);

    let tokens = [&before, &after].map(|kept| unlocked(kept));
    let texts = tokens.each_ref().map(|token| &token.as_bytes()[token.len() - 42..]);
    let bytes = tokens.each_ref().map(|token| secret_of(token));
    // Only the page's own process has ever had this.
    browser.evaluate("window.canary = ['a bird', 'in the mine', Math.PI].join(' of the page ')").await;
    let canary = b"a bird of the page in the mine of the page 3.14";
    let [kept, bird, text0, text1, bytes0, bytes1] =
        browser.count_in_memory([&after.as_bytes()[100..], canary, texts[0], texts[1], &bytes[0], &bytes[1]]);
    assert!(kept > 0 && bird > 0, "what is there is found, in the page's process, too: {kept}, {bird}");
    assert_eq!([text0, text1, bytes0, bytes1], [0; 4], "a token in clear is still there");
    browser.close().await;
}

/// The 32 bytes at the end of a token's text.
#[cfg(target_os = "linux")]
fn secret_of(token: &str) -> Vec<u8> {
    let blob = base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, &token[5..]).unwrap();
    blob[blob.len() - 32..].to_vec()
}
