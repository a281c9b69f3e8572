//! What somebody else has made, or changed: refused by its tag.

use futures_executor::block_on;
use pinlatch::access_token::HostClaims;
use pinlatch::plain::PresentedToken;
use pinlatch::wrap::PresentedWrap;
use pinlatch::{ClockPolicy, FullLogin, Subject, SystemClock, Tenant};

use super::{Judge, changed_at, timed};
use crate::fixtures::{access_tokens, fast, hs256, key_ring, log_in, sessions, system, unlocked};
use crate::proofs::World;

/// Access tokens, wrapped tokens, tokens in clear, and signed requests.
pub fn forged(judge: Judge<'_>) {
    access_token(judge);
    wrapped_token(judge);
    token_in_clear(judge);
    signed_request(judge);
}

fn access_token(judge: Judge<'_>) {
    let (tokens, now) = (access_tokens(hs256()), SystemClock.now());
    let token = tokens.mint(&unlocked().0, &HostClaims::default(), &mut system());
    let token = token.as_str();
    let mut texts = changed_at(token, token.rfind('.').unwrap() + 1, token.len() - 3);
    judge("access token: an early or a late byte of its MAC", &mut |kind| {
        let text = texts.present(kind);
        timed(|| tokens.verifier().verify(text, now).unwrap_err())
    });
}

fn wrapped_token(judge: Judge<'_>) {
    let (keys, policy) = (key_ring().keys(&Tenant::default()), fast());
    let wrapped = block_on(log_in(&sessions(fast()), "alice"));
    // Behind the prefix: 69 bytes in clear, 48 that are sealed, and 16 of tag.
    let (sealed, tag, end) = (5 + 95, 5 + 156, wrapped.len() - 3);
    for (name, early) in [("an early or a late byte of its tag", tag), ("what is sealed, or its tag", sealed)] {
        let mut texts = changed_at(&wrapped, early, end);
        judge(&format!("wrapped token: {name}"), &mut |kind| {
            let text = texts.present(kind);
            timed(|| PresentedWrap::open(text, &keys, &policy).unwrap_err())
        });
    }
}

fn token_in_clear(judge: Judge<'_>) {
    let keys = key_ring().keys(&Tenant::default());
    let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
    let issued = block_on(sessions(fast()).login_client(login)).unwrap();
    // Behind the prefix: 39 bytes of handle, and 16 of tag.
    let mut texts = changed_at(issued.device_token.expose_secret(), 5 + 52, 5 + 72);
    judge("token in clear: an early or a late byte of its tag", &mut |kind| {
        let text = texts.present(kind);
        timed(|| PresentedToken::open(text, &keys).unwrap_err())
    });
}

fn signed_request(judge: Judge<'_>) {
    let world = World::new();
    let [input, (name, signature)] = world.sign();
    let (begin, end) = (signature.find(':').unwrap() + 1, signature.rfind(':').unwrap() - 4);
    let mut texts = changed_at(&signature, begin, end);
    judge("signed request: an early or a late byte of its MAC", &mut |kind| {
        let lines = [input.clone(), (name, texts.present(kind).clone())];
        let headers = world.headers(&lines);
        timed(|| world.prove(&headers).unwrap_err())
    });
}
