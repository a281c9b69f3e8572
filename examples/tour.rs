//! The whole life of a session, each step explained in a line: `cargo run --example tour`.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::clock::ManualClock;
use pinlatch::stores::MemoryStore;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, RequestContext, Sessions, Subject,
    UnixTime, UnlockError,
};

type Error = Box<dyn std::error::Error>;

fn main() -> Result<(), Error> {
    // Any executor will do; this one is tokio's.
    tokio::runtime::Builder::new_current_thread().build()?.block_on(tour())
}

#[expect(clippy::print_stdout, reason = "a tour is told on the terminal")]
fn say(step: &str, what: impl std::fmt::Display) {
    println!("{step:>12}  {what}");
}

/// 32 random bytes. A service reads its secrets from a vault.
fn secret() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

async fn tour() -> Result<(), Error> {
    let clock = Arc::new(ManualClock::new(UnixTime::from_secs(1_800_000_000)));
    let key_ring = KeyRing::new(Pepper::new(PepperId(1), secret()?)?, secret()?)?;
    let key = AccessTokenKey::hs256("k1", &secret()?)?;
    let access_tokens = AccessTokens::new(key, "https://id.example", "https://api.example", "app")?;
    let sessions = Sessions::builder(key_ring, MemoryStore::default(), access_tokens).clock(clock.clone()).build()?;
    let alice = Subject::new("alice")?;
    let (right, wrong) = (Pin::new("739216")?, Pin::new("739217")?);

    let weak = sessions.check_new_pin(&Pin::new("123456")?);
    say("choose", format!("123456 is refused: {}", weak.err().map(|weak| weak.to_string()).unwrap_or_default()));
    let issued = sessions.login(FullLogin::vouched_by_host(alice.clone()), right.clone()).await?;
    let first = issued.device_token;
    say(
        "log in",
        format!("the device keeps a wrapped token, {} characters: {}…", first.as_str().len(), head(first.as_str())),
    );

    let opened = sessions.unlock(first.as_str(), &right, &RequestContext::new()).await?;
    say("come back", "the right PIN opens it: an access token for the API, and the next wrapped token");
    let access = sessions.verify(opened.access_token.as_str())?;
    let left = access.issued_at.until(access.expires_at).as_secs() / 60;
    say("call", format!("the API knows {} for {left} minutes, without a database", access.subject));

    let mut wrapped = opened.device_token;
    for _ in 0..5 {
        if let Err(UnlockError::WrongPin { attempts_remaining, retry_after }) =
            sessions.unlock(wrapped.as_str(), &wrong, &RequestContext::new()).await
        {
            let wait = retry_after.map_or_else(String::new, |wait| format!("; the next one in {} s", wait.as_secs()));
            say("guess", format!("wrong, {attempts_remaining} left{wait}"));
        }
    }
    if let Err(error) = sessions.unlock(wrapped.as_str(), &right, &RequestContext::new()).await {
        say("too early", format!("even the right PIN is not looked at: {error}"));
    }
    clock.advance(Duration::from_secs(60));
    let opened = sessions.unlock(wrapped.as_str(), &right, &RequestContext::new()).await?;
    say("a minute on", format!("it opens again, and tells of {} wrong PINs", opened.failed_attempts));
    wrapped = opened.device_token;

    wrapped = sessions.change_pin(wrapped.as_str(), &right, Pin::new("902714")?, &RequestContext::new()).await?;
    say("change PIN", "a new wrapped token; all older ones are void");
    let new_pin = Pin::new("902714")?;
    wrapped = sessions.unlock(wrapped.as_str(), &new_pin, &RequestContext::new()).await?.device_token;

    say("sessions", format!("{} has {}", alice, sessions.sessions_of(&alice).await?.len()));
    clock.advance(Duration::from_secs(60));
    if let Err(error) = sessions.unlock(first.as_str(), &right, &RequestContext::new()).await {
        say("a thief", format!("comes with the first wrapped token: {error}"));
    }
    if let Err(error) = sessions.unlock(wrapped.as_str(), &new_pin, &RequestContext::new()).await {
        say("the owner", format!("is told, too: {error}; a full login begins a new one"));
    }
    Ok(())
}

fn head(text: &str) -> &str {
    text.get(..16).unwrap_or(text)
}
