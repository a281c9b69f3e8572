//! No nonce, no wrap's id and no token is ever handed out twice, in whatever order things happen. (That the tokens
//! which the server wraps differ, too, `pure::no_token_is_wrapped_twice` looks at.)

use std::collections::HashSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch::id::TokenId;
use pinlatch::{ByPin, ByToken, FullLogin, RequestContext, WrappedToken};

use crate::world::*;

/// With `THOROUGH=1` a million.
fn steps() -> u32 {
    if std::env::var_os("THOROUGH").is_some() { 1_000_000 } else { 20_000 }
}

/// What was handed out, taken apart.
#[derive(Default)]
struct Drawn {
    wrap_ids: HashSet<Vec<u8>>,
    nonces: HashSet<Vec<u8>>,
    tokens: HashSet<Vec<u8>>,
    access_tokens: HashSet<TokenId>,
}

impl Drawn {
    /// Behind the handle, whose last 16 bytes are the wrap's id, stand costs and a nonce; or a tag and a token.
    fn note(&mut self, text: &str) {
        let (prefix, blob) = text.split_at(5);
        let blob = Base64UrlUnpadded::decode_vec(blob).unwrap();
        assert!(self.wrap_ids.insert(blob[23..39].to_vec()), "a wrap's id");
        match prefix {
            "plw1_" => assert!(self.nonces.insert(blob[45..69].to_vec()), "a nonce"),
            "pls1_" => assert!(self.tokens.insert(blob[55..87].to_vec()), "a token"),
            other => panic!("{other}"),
        }
    }
}

/// Reproducible choices.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }
}

#[tokio::test]
async fn nothing_is_drawn_twice_whatever_happens() {
    let world = World::with(fast().attempts(no_waits()).max_sessions(50).build().unwrap());
    let (sessions, request, right, wrong) = (&world.sessions, RequestContext::new(), pin(PIN), pin(WRONG));
    let (mut drawn, mut dice, mut wrapped, mut in_clear) = (Drawn::default(), Dice(1), Vec::new(), Vec::new());
    let (mut opened, mut refused) = (0, 0);
    let steps = steps();
    for _ in 0..steps {
        // One of the last few, which are current, to come, or over.
        let pick = |texts: &[String], dice: &mut Dice| {
            let back = dice.below(6);
            texts.iter().nth_back(back).cloned()
        };
        let (old_wrapped, old_in_clear) = (pick(&wrapped, &mut dice), pick(&in_clear, &mut dice));
        let guess = if dice.below(4) == 0 { &wrong } else { &right };
        let login = || FullLogin::vouched_by_host(subject("alice"));
        let before = (wrapped.len(), in_clear.len());
        match (dice.below(12), old_wrapped, old_in_clear) {
            (0, ..) => wrapped.push(sessions.login(login(), right.clone()).await.unwrap().device_token.into_string()),
            (1, ..) => {
                in_clear.push(sessions.login_client(login()).await.unwrap().device_token.expose_secret().to_owned());
            }
            (2..7, Some(token), _) => {
                if let Ok(opened) = sessions.unlock(&token, guess, &request).await {
                    let access = sessions.verify(opened.access_token.as_str()).unwrap();
                    assert!(drawn.access_tokens.insert(access.token_id));
                    wrapped.push(opened.device_token.into_string());
                }
            }
            (7, Some(token), _) => {
                wrapped.extend(
                    sessions.change_pin(&token, guess, right.clone(), &request).await.map(WrappedToken::into_string),
                );
            }
            (8, Some(wrapped_token), _) => {
                let opener = ByPin { wrapped_token: &wrapped_token, pin: guess };
                if let Ok(added) = sessions.add_device_key(opener, &request).await {
                    wrapped.push(added.opened.device_token.into_string());
                    in_clear.push(added.device_key_token.expose_secret().to_owned());
                }
            }
            (9, _, Some(session_token)) => {
                let opener = ByToken { session_token: &session_token };
                if let Ok(added) = sessions.add_device_key(opener, &request).await {
                    in_clear.push(added.opened.device_token.expose_secret().to_owned());
                    in_clear.push(added.device_key_token.expose_secret().to_owned());
                }
            }
            (_, _, Some(token)) => {
                if let Ok(opened) = sessions.unlock_token(&token, &request).await {
                    let access = sessions.verify(opened.access_token.as_str()).unwrap();
                    assert!(drawn.access_tokens.insert(access.token_id));
                    in_clear.push(opened.device_token.expose_secret().to_owned());
                }
            }
            _ => continue,
        }
        let new = wrapped[before.0..].iter().chain(&in_clear[before.1..]);
        let count = new.map(|text| drawn.note(text)).count();
        if count > 0 { opened += 1 } else { refused += 1 }
    }
    // Otherwise it has not tried much.
    assert!(opened > steps / 3 && refused > steps / 20, "{opened} and {refused}");
}
