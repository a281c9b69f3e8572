//! What a token of the profile may look like, and what is read from it.

use std::time::Duration;

use pinlatch::access_token::{AccessTokenKey, AccessTokenVerifier, AccessTokens, HostClaims, HostClaimsError};
use pinlatch::session::LockKind;
use pinlatch::{AccessTokenError, Tenant, UnixTime};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};

use crate::signer::*;

#[test]
fn what_is_claimed_is_what_is_read() {
    for token in [hs256(HS256, GOOD), eddsa(EDDSA, GOOD)] {
        let access = verify(&token).unwrap();
        assert_eq!(access.subject.as_str(), "alice");
        assert_eq!(access.session_id.as_bytes(), &[7; 16]);
        assert_eq!(access.token_id.as_bytes(), &[9; 16]);
        assert_eq!(access.issued_at, NOW);
        assert_eq!(access.expires_at, NOW.saturating_add(Duration::from_secs(900)));
        assert_eq!(access.authenticated_at, NOW.saturating_sub(Duration::from_secs(10)));
        assert_eq!(access.unlocked_with, LockKind::ServerPin);
    }
}

#[test]
fn a_token_ends_at_its_second() {
    let token = hs256(HS256, GOOD);
    let end = UnixTime::from_secs(1_800_000_900);
    assert!(verifier().verify(&token, end.saturating_sub(Duration::from_millis(1))).is_ok());
    assert_eq!(verifier().verify(&token, end), Err(AccessTokenError::Expired));
    assert!(verifier().verify_for_renewal(&token, end).is_ok());
    let long_before = NOW.saturating_sub(Duration::from_secs(3600));
    assert_eq!(verifier().verify_for_renewal(&token, long_before).map(drop), Err(AccessTokenError::NotYetValid));
}

#[test]
fn a_clock_that_is_behind_has_leeway_and_one_that_is_ahead_has_none() {
    let early = |leeway, secs| {
        let verifier = verifier().with_leeway(Duration::from_secs(leeway));
        verifier.verify(&hs256(HS256, GOOD), NOW.saturating_sub(Duration::from_secs(secs))).map(drop)
    };
    assert_eq!(early(5, 5), Ok(()));
    assert_eq!(early(5, 6), Err(AccessTokenError::NotYetValid));
    assert_eq!(early(3600, 60), Ok(()));
    assert_eq!(early(3600, 61), Err(AccessTokenError::NotYetValid), "at most a minute");
}

#[test]
fn who_mints_verifies_as_told() {
    let key = AccessTokenKey::hs256("k1", SECRET).unwrap();
    let tokens = AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap();
    let early = NOW.saturating_sub(Duration::from_secs(30));
    let (plain, patient) = (tokens.clone(), tokens.with_leeway(Duration::from_secs(30)));
    let verify = |tokens: &AccessTokens| tokens.verifier().verify(&hs256(HS256, GOOD), early).map(drop);
    assert_eq!((verify(&plain), verify(&patient)), (Err(AccessTokenError::NotYetValid), Ok(())));
    assert_eq!(verify(&patient.for_tenant(Tenant::new("acme").unwrap())), Err(AccessTokenError::NotForUs));
}

/// An hour from `iat` to `exp`, and a PIN entered in the very second of `iat`.
#[test]
fn times_may_be_at_their_bounds() {
    for (good, last, too_late) in
        [("1800000900", "1800003600", "1800003601"), ("1799999990", "1800000000", "1800000001")]
    {
        assert!(verify(&hs256(HS256, claims(good, last))).is_ok());
        assert_eq!(verify(&hs256(HS256, claims(good, too_late))), Err(AccessTokenError::BadClaims));
    }
}

#[test]
fn a_token_may_be_as_long_as_it_may_be() {
    let token = |spaces: usize| hs256(HS256, claims("}", &format!("{}}}", " ".repeat(spaces))));
    let spaces = (0..AccessTokenVerifier::MAX_LEN).find(|spaces| token(*spaces).len() == AccessTokenVerifier::MAX_LEN);
    assert!(verify(&token(spaces.unwrap())).is_ok());
    assert_eq!(verify(&token(spaces.unwrap() + 1)), Err(AccessTokenError::TooLong));
}

#[test]
fn each_tenant_has_its_own() {
    let of = |name: &str| verifier().for_tenant(Tenant::new(name).unwrap());
    let acme = hs256(HS256, claims("}", r#","tenant":"acme"}"#));
    assert!(of("acme").verify(&acme, NOW).is_ok());
    for (tenant, token) in [("", acme.clone()), ("umbrella", acme), ("acme", hs256(HS256, GOOD))] {
        assert_eq!(of(tenant).verify(&token, NOW), Err(AccessTokenError::NotForUs), "{tenant}");
    }
}

#[test]
fn a_bound_token_is_no_bearer_token_and_the_other_way_round() {
    let key = [3; 20];
    let cnf = format!(r#""cnf":{{"kid":"{}"}}"#, base64url(key));
    for claims in [claims("}", &format!(",{cnf}}}")), claims("{", &format!("{{{cnf},"))] {
        let bound = hs256(HS256, claims);
        assert_eq!(verifier().verify(&bound, NOW), Err(AccessTokenError::ProofRequired));
        let access = verifier().verify_bound(&bound, NOW).unwrap();
        assert_eq!(access.key().as_bytes(), &key);
        assert_eq!(access.proven_by_host().subject.as_str(), "alice");
    }
    let bearer = hs256(HS256, GOOD);
    assert_eq!(verifier().verify_bound(&bearer, NOW).map(drop), Err(AccessTokenError::NotBound));
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Rights {
    scope: String,
    roles: Vec<String>,
    limits: Limits,
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Limits {
    daily: u32,
}

fn rights() -> Rights {
    let roles = vec!["clerk".to_owned(), "\"quoted\\\u{1F600}\"".to_owned()];
    Rights { scope: "read write".to_owned(), roles, limits: Limits { daily: 3 } }
}

#[test]
fn claims_of_the_host_come_back_as_its_type() {
    let members = serde_json::to_string(&rights()).unwrap();
    let token = eddsa(EDDSA, claims("}", &format!(",{}", &members[1..])));
    let access = verify(&token).unwrap();
    assert_eq!(access.claims::<Rights>().unwrap(), rights());
    assert!(access.claims::<Limits>().is_err());
    let none = verify(&hs256(HS256, GOOD)).unwrap();
    assert!(none.claims::<Rights>().is_err());
    assert_eq!(none.claims::<serde_json::Value>().unwrap(), serde_json::json!({}));
    let all: serde_json::Map<_, _> = access.claims().unwrap();
    assert_eq!(all.keys().collect::<Vec<_>>(), ["limits", "roles", "scope"], "and nothing of the profile's");
}

#[test]
fn claims_of_the_host_cannot_say_what_is_not_its_to_say() {
    let reserved = "iss sub aud exp iat jti client_id sid auth_time amr cnf tenant nbf acr act may_act azp nonce events sub_id sub_jwk status _claim_names _claim_sources $serde_json::private::RawValue";
    for name in reserved.split(' ') {
        let claims = serde_json::json!({ "scope": "read", name: "x" });
        assert!(matches!(HostClaims::new(&claims), Err(HostClaimsError::Names(_))), "{name}");
    }
    for claims in [
        serde_json::json!(["scope"]),
        serde_json::json!("scope"),
        serde_json::json!(false),
        serde_json::json!({"a\"b": 1}),
    ] {
        assert!(matches!(HostClaims::new(&claims), Err(HostClaimsError::Names(_))), "{claims}");
    }
    for none in [HostClaims::new(&()), HostClaims::new(&None::<Rights>), HostClaims::new(&serde_json::json!({}))] {
        assert_eq!(none.unwrap(), HostClaims::default());
    }
    let many =
        |count: usize| (0..count).map(|number| (format!("x{number}"), 0)).collect::<std::collections::BTreeMap<_, _>>();
    assert!(HostClaims::new(&many(32)).is_ok());
    assert!(matches!(HostClaims::new(&many(33)), Err(HostClaimsError::Names(_))));
    let long = |len: usize| serde_json::json!({ "x": "y".repeat(len - 8) });
    assert!(HostClaims::new(&long(HostClaims::MAX_LEN)).is_ok());
    assert!(matches!(HostClaims::new(&long(HostClaims::MAX_LEN + 1)), Err(HostClaimsError::TooLong)));
}

/// A flattened type can have a name twice without noticing.
#[test]
fn a_claim_of_the_host_is_there_once() {
    #[derive(Serialize)]
    struct Outer {
        scope: &'static str,
        #[serde(flatten)]
        inner: Inner,
    }
    #[derive(Serialize)]
    struct Inner {
        scope: &'static str,
    }
    let twice = Outer { scope: "read", inner: Inner { scope: "write" } };
    assert!(matches!(HostClaims::new(&twice), Err(HostClaimsError::Names(_))));
}

/// They are the host's own, so they may be anything; reading them is bounded all the same.
#[test]
fn deep_claims_of_the_host_do_no_harm() {
    let deep = format!(r#","x":{}{}}}"#, "[".repeat(500), "]".repeat(500));
    let access = verify(&hs256(HS256, claims("}", &deep))).unwrap();
    assert!(access.claims::<serde_json::Value>().unwrap_err().to_string().contains("recursion limit"));
}

/// As many bytes as the minting side may have written.
#[test]
fn presented_claims_of_the_host_are_bounded() {
    let named = |len: usize| format!("\"{}\":1", "x".repeat(len - 6));
    let long = |len: usize| format!("\"x\":\"{}\"", "y".repeat(len - 8));
    for members in [named, long] {
        let presented = |len| verify(&hs256(HS256, claims("}", &format!(",{}}}", members(len)))));
        assert!(presented(HostClaims::MAX_LEN).is_ok());
        assert_eq!(presented(HostClaims::MAX_LEN + 1), Err(AccessTokenError::BadClaims));
    }
}

/// The members of the good claims, and what they say, whatever the order, the spaces and the escapes.
fn members() -> Vec<(String, String)> {
    let good: serde_json::Map<String, serde_json::Value> = serde_json::from_str(GOOD).unwrap();
    good.into_iter().map(|(name, value)| (name, value.to_string())).collect()
}

proptest! {
    /// What is recognized by its order is what a parser reads.
    #[test]
    fn the_order_is_free(order in Just(members()).prop_shuffle(), space in "[ \n\t]{0,2}") {
        let members: Vec<String> =
            order.iter().map(|(name, value)| format!("{space}\"{name}\"{space}:{space}{value}{space}")).collect();
        let json = format!("{{{}}}", members.join(","));
        prop_assert_eq!(verify(&hs256(HS256, json)), verify(&hs256(HS256, GOOD)));
    }

    /// A subject is what it is, with and without escapes.
    #[test]
    fn a_subject_has_many_spellings_and_one_meaning(name in "\\PC{1,40}") {
        let escaped: String = name.encode_utf16().map(|unit| format!("\\u{unit:04x}")).collect();
        let quoted = serde_json::to_string(&name).unwrap();
        let plain = verify(&hs256(HS256, claims(r#""alice""#, &quoted)));
        let escaped = verify(&hs256(HS256, claims("alice", &escaped)));
        prop_assert_eq!(&plain, &escaped);
        let access = plain.unwrap();
        prop_assert_eq!(access.subject.as_str(), name);
    }

    /// Nothing that is not a token makes it panic, and nothing random is one.
    #[test]
    fn noise_is_refused(noise in "\\PC{0,300}") {
        prop_assert!(verify(&noise).is_err());
        prop_assert!(verify(&hs256(HS256, &noise)).is_err());
    }

    /// Good claims with a few bytes changed, signed again: refused, or a good token that says something else.
    #[test]
    fn altered_claims_do_not_panic(at in 0..GOOD.len(), byte in any::<u8>(), from in 0..GOOD.len(), len in 0_usize..20) {
        let mut altered = GOOD.as_bytes().to_vec();
        altered[at] = byte;
        altered.drain(from..(from + len).min(GOOD.len()));
        if let Ok(access) = verify(&hs256(HS256, &altered)) {
            prop_assert!(access.expires_at > NOW && access.issued_at.until(access.expires_at) <= Duration::from_secs(3600));
        }
    }
}
