//! Access tokens of a service: claims of its own, and keys that follow each other.

use pinlatch::access_token::{AccessTokenVerifier, AccessTokenVerifyingKey, HostClaims};
use pinlatch::stores::MemoryStore;
use pinlatch::{AccessTokenError, AccessTokenKey, AccessTokens, Sessions, Subject};
use serde::{Deserialize, Serialize};

use crate::world::*;

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rights {
    scope: String,
}

#[tokio::test]
async fn a_host_adds_claims_of_its_own_for_whom_it_now_knows() {
    let world = World::new();
    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    let rights = Rights { scope: format!("read:{}", opened.subject) };
    let token = world.sessions.mint(&opened.grant, &rights).unwrap();
    let access = world.sessions.verify(token.as_str()).unwrap();
    assert_eq!(access.claims::<Rights>().unwrap(), rights);
    assert_eq!(access.expires_at, opened.access_token.expires_at());
    let plain = world.sessions.verify(opened.access_token.as_str()).unwrap();
    assert_ne!(plain.token_id, access.token_id);
    assert!(plain.claims::<Rights>().is_err());
    assert!(world.sessions.mint(&opened.grant, &serde_json::json!({"sub": "bob"})).is_err());
}

#[tokio::test]
async fn a_grant_of_one_tenant_is_none_of_another() {
    let of = |name: &str| World::on(std::sync::Arc::new(MemoryStore::default()), policy(), key_ring(1), name);
    for (one, other) in [("", "acme"), ("acme", ""), ("acme", "umbrella")] {
        let (one, other) = (of(one), of(other));
        let grant = one.unlock(&one.wrapped().await, PIN).await.unwrap().grant;
        let token = other.sessions.mint(&grant, &serde_json::json!({})).unwrap();
        assert_eq!(other.sessions.verify(token.as_str()), Err(AccessTokenError::NotForUs));
        assert!(one.sessions.verify(token.as_str()).is_ok());
    }
}

/// The longest names, in need of escapes, and the most of the host's own.
#[tokio::test]
async fn the_longest_token_is_not_too_long() {
    let long = |len: usize| "\"".repeat(len);
    let key = AccessTokenKey::ed25519(&"k".repeat(64), &secret(9)).unwrap();
    let tokens = AccessTokens::new(key, long(200), long(200), long(200)).unwrap();
    let tenant = pinlatch::Tenant::new(long(64)).unwrap();
    let keys = key_ring(1);
    let builder = Sessions::builder(keys, MemoryStore::default(), tokens).policy(policy()).tenant(tenant);
    let sessions = builder.build().unwrap();
    let login = pinlatch::FullLogin::vouched_by_host(Subject::new(long(255)).unwrap());
    let issued = sessions.login(login, pin(PIN)).await.unwrap();
    let request = pinlatch::RequestContext::new();
    let opened = sessions.unlock(issued.device_token.as_str(), &pin(PIN), &request).await.unwrap();
    assert!(sessions.verify(opened.access_token.as_str()).is_ok());
    let claims = serde_json::json!({ "x": "y".repeat(HostClaims::MAX_LEN - 8) });
    let grant = opened.grant.bound_to(pinlatch::id::RequestKeyId::from_bytes([0; 20]));
    let token = sessions.mint(&grant, &claims).unwrap();
    let len = token.as_str().len();
    assert!((4000..=AccessTokenVerifier::MAX_LEN).contains(&len), "{len}");
    assert_eq!(sessions.verify(token.as_str()), Err(AccessTokenError::ProofRequired), "and so it was read");
}

fn key(number: u8) -> AccessTokenKey {
    AccessTokenKey::ed25519(&format!("key-{number}"), &secret(number)).unwrap()
}

/// A server at one step of a rotation: the key it signs with, and those it also accepts.
fn server(signs: u8, accepts: &[u8]) -> AccessTokens {
    let tokens = AccessTokens::new(key(signs), "https://id.example", "https://api.example", "app").unwrap();
    accepts.iter().fold(tokens, |tokens, number| tokens.with_verifying_key(key(*number).verifying_key()).unwrap())
}

/// Three servers behind a balancer go through a rotation one after the other, and a service elsewhere fetches the key
/// set from whichever server it meets. No token is refused, whoever minted it and whoever verifies it.
#[tokio::test]
async fn a_rotation_in_three_steps_refuses_no_token() {
    let steps = [server(1, &[]), server(1, &[2]), server(2, &[1]), server(2, &[])];
    let world = World::new();
    let grant = world.unlock(&world.wrapped().await, PIN).await.unwrap().grant;
    let elsewhere = |tokens: &AccessTokens| {
        let keys = AccessTokenVerifyingKey::from_jwks(&tokens.verifier().jwks()).unwrap();
        AccessTokenVerifier::new(keys, "https://id.example", "https://api.example", "app").unwrap()
    };
    let mint = |tokens: &AccessTokens| {
        tokens.mint(&grant, &HostClaims::default(), &mut rand_core::UnwrapErr(getrandom_for_tests()))
    };
    // While servers go from one step to the next, both are met.
    for pair in steps.windows(2) {
        for minting in pair {
            for verifying in pair {
                assert!(verifying.verifier().verify(mint(minting).as_str(), START).is_ok());
                assert!(elsewhere(verifying).verify(mint(minting).as_str(), START).is_ok());
            }
        }
    }
    // A step left out would have been noticed.
    let refused = |minting: &AccessTokens, verifying: &AccessTokens| {
        verifying.verifier().verify(mint(minting).as_str(), START) == Err(AccessTokenError::UnknownHeader)
    };
    assert!(refused(&steps[2], &steps[0]) && refused(&steps[0], &steps[3]));
}

#[expect(clippy::disallowed_types, reason = "what a service uses")]
fn getrandom_for_tests() -> getrandom::SysRng {
    getrandom::SysRng
}
