//! Any service in any language can verify our tokens; what others sign with our keys is a token of ours only if it has
//! our profile.

use pinlatch::{AccessTokenError, ClockPolicy, SystemClock};
use serde_json::{Value, json};

use crate::peer::peers;
use crate::service::*;

#[tokio::test]
async fn others_verify_our_tokens() {
    for alg in ALGORITHMS {
        let sessions = sessions(alg);
        let (plain, grant) = unlock(&sessions, "élise \"1\" \u{1F511}").await;
        let rich = sessions.mint(&grant, &json!({"scope": "read write", "limits": {"daily": [1, 2.5, null]}})).unwrap();
        let access = sessions.verify(&plain).unwrap();
        let jwks = sessions.jwks();
        for mut peer in peers() {
            let library = peer.library();
            let claims = peer.verify_ours(alg, &plain, &jwks).unwrap_or_else(|error| panic!("{library}: {error}"));
            let expected = json!({
                "iss": ISSUER,
                "aud": AUDIENCE,
                "client_id": CLIENT,
                "sub": access.subject.as_str(),
                "exp": access.expires_at.as_secs(),
                "iat": access.issued_at.as_secs(),
                "auth_time": access.authenticated_at.as_secs(),
                "jti": access.token_id.to_string(),
                "sid": access.session_id.to_string(),
                "amr": ["pin"],
            });
            assert_eq!(claims, expected, "{library} {alg}");
            let claims = peer.verify_ours(alg, rich.as_str(), &jwks).unwrap();
            assert_eq!(claims["limits"], json!({"daily": [1, 2.5, null]}), "{library} {alg}");

            let refused = |answer: Result<Value, String>| assert!(answer.is_err(), "{library} {alg}: {answer:?}");
            let (signed, signature) = plain.rsplit_once('.').unwrap();
            let twisted: String = signature.chars().rev().collect();
            refused(peer.verify_ours(alg, &format!("{signed}.{twisted}"), &jwks));
            refused(peer.verify(alg, &plain, &jwks, "https://other.example"));
        }
    }
}

/// A key set in the middle of a rotation: both keys are found by their names.
#[tokio::test]
async fn others_find_the_key_by_its_name() {
    let next =
        pinlatch::AccessTokenKey::ed25519("k2", &core::array::from_fn::<u8, 32, _>(|at| u8::try_from(at * 7).unwrap()));
    let jwks = access_tokens("EdDSA").with_verifying_key(next.unwrap().verifying_key()).unwrap().verifier().jwks();
    let (token, _) = unlock(&sessions("EdDSA"), "alice").await;
    for mut peer in peers() {
        assert!(peer.verify_ours("EdDSA", &token, &jwks).is_ok(), "{}", peer.library());
    }
}

fn header(alg: &str) -> String {
    format!(r#"{{"typ":"at+jwt","alg":"{alg}","kid":"k1"}}"#)
}

fn claims() -> Value {
    let now = SystemClock.now().as_secs();
    json!({
        "aud": AUDIENCE,
        "iss": ISSUER,
        "sub": "élise",
        "client_id": CLIENT,
        "exp": now + 600,
        "iat": now,
        "auth_time": now - 5,
        "jti": "AAAAAAAAAAAAAAAAAAAAAA",
        "sid": "BBBBBBBBBBBBBBBBBBBBBA",
        "amr": ["pin"],
        "scope": "read",
    })
}

/// Each change, and what we say to it. `None` takes the claim away.
fn changes() -> Vec<(&'static str, Option<Value>, AccessTokenError)> {
    let now = SystemClock.now().as_secs();
    let required = ["iss", "sub", "aud", "client_id", "exp", "iat", "auth_time", "jti", "sid", "amr"];
    let mut changes: Vec<_> = required.map(|name| (name, None, AccessTokenError::BadClaims)).into();
    changes.extend([
        ("iss", Some(json!("https://evil.example")), AccessTokenError::NotForUs),
        ("aud", Some(json!("https://other.example")), AccessTokenError::NotForUs),
        ("aud", Some(json!([AUDIENCE])), AccessTokenError::BadClaims),
        ("client_id", Some(json!("web")), AccessTokenError::NotForUs),
        ("exp", Some(json!(now - 1)), AccessTokenError::Expired),
        ("exp", Some(json!(now + 7200)), AccessTokenError::BadClaims),
        ("exp", Some(json!(now as f64 + 600.5)), AccessTokenError::BadClaims),
        ("iat", Some(json!(now + 300)), AccessTokenError::NotYetValid),
        ("nbf", Some(json!(now - 5)), AccessTokenError::BadClaims),
        ("amr", Some(json!(["pwd"])), AccessTokenError::BadClaims),
        ("tenant", Some(json!("acme")), AccessTokenError::NotForUs),
    ]);
    changes
}

#[tokio::test]
async fn what_others_sign_with_our_keys_must_have_our_profile() {
    for alg in ALGORITHMS {
        let (service, now) = (access_tokens(alg), SystemClock.now());
        let verify = |token: &str| service.verifier().verify(token, now);
        for mut peer in peers() {
            let library = peer.library();
            let token = peer.sign(alg, &header(alg), &claims());
            let access = verify(&token).unwrap_or_else(|error| panic!("{library} {alg}: {error} {token}"));
            assert_eq!(access.subject.as_str(), "élise");
            assert_eq!(access.claims::<Value>().unwrap(), json!({"scope": "read"}));

            for (name, value, expected) in changes() {
                let mut changed = claims();
                match value.clone() {
                    Some(value) => changed[name] = value,
                    None => drop(changed.as_object_mut().unwrap().remove(name)),
                }
                let token = peer.sign(alg, &header(alg), &changed);
                assert_eq!(verify(&token).map(drop), Err(expected), "{library} {alg}: {name} {value:?}");
            }
            for (from, to) in [("at+jwt", "JWT"), ("k1", "k2"), ("}", r#","cty":"json"}"#)] {
                let token = peer.sign(alg, &header(alg).replace(from, to), &claims());
                assert_eq!(verify(&token), Err(AccessTokenError::UnknownHeader), "{library} {alg}: {to}");
            }
        }
    }
}
