//! Keys: what they accept, how they are published, how they follow each other.

use pinlatch::AccessTokenError;
use pinlatch::access_token::{
    AccessTokenConfigError, AccessTokenKey, AccessTokenVerifier, AccessTokenVerifyingKey, AccessTokens,
};

use crate::signer::*;

fn ed25519(id: &str, mark: u8) -> AccessTokenKey {
    let secret: [u8; 32] = core::array::from_fn(|at| mark ^ u8::try_from(at).unwrap());
    AccessTokenKey::ed25519(id, &secret).unwrap()
}

fn tokens(key: AccessTokenKey) -> AccessTokens {
    AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
}

#[test]
fn weak_secrets_and_odd_names_are_refused() {
    type Make = fn(&str, &[u8]) -> Result<AccessTokenKey, AccessTokenConfigError>;
    for make in [AccessTokenKey::hs256 as Make, AccessTokenKey::ed25519 as Make] {
        assert!(make("k", SECRET).is_ok());
        for secret in [&b"short"[..], &[0; 32], b"0123456789abcdef0123456789abcdef", &[7; 33], &SECRET.repeat(2)] {
            assert_eq!(make("k", secret).unwrap_err(), AccessTokenConfigError::Secret);
        }
        for id in ["", "a b", "k\"", "../k", "é", &"k".repeat(65)] {
            assert_eq!(make(id, SECRET).unwrap_err(), AccessTokenConfigError::KeyId, "{id}");
        }
    }
    for (issuer, audience, client) in [("", "a", "c"), ("i", "", "c"), ("i", "a", ""), ("i", "a\n", "c")] {
        let refused = AccessTokens::new(ed25519("k", 1), issuer, audience, client).unwrap_err();
        assert_eq!(refused, AccessTokenConfigError::Name);
    }
    let of_len = |len: usize| AccessTokens::new(ed25519("k", 1), "i".repeat(len), "a", "c").map(drop);
    assert_eq!(of_len(200), Ok(()));
    assert_eq!(of_len(201), Err(AccessTokenConfigError::Name));
}

#[test]
fn public_keys_for_which_anybody_can_sign_are_refused() {
    let new = |bytes: &[u8]| AccessTokenVerifyingKey::ed25519("k", bytes).map(drop);
    let identity = {
        let mut bytes = [0; 32];
        bytes[0] = 1;
        bytes
    };
    // The eight points of small order and their second spellings (draft-ietf-lwig-curve-representations, appendix E).
    let order_8 = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a";
    let order_8_too = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05";
    let hex = |text: &str| -> Vec<u8> {
        (0..64).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    };
    let minus_one = hex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    // A point of large order whose y is written as y + p.
    let again = hex("f0ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    let one_again = hex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f");
    for bytes in [
        &identity[..],
        &[0; 32],
        &hex(order_8),
        &hex(order_8_too),
        &minus_one,
        &one_again,
        &again,
        &[2; 32],
        &[1; 31],
        &[],
    ] {
        assert_eq!(new(bytes), Err(AccessTokenConfigError::PublicKey), "{bytes:x?}");
    }
    assert_eq!(new(ed25519("k", 1).verifying_key().public_key().unwrap()), Ok(()));
}

#[test]
fn a_key_set_has_public_keys_and_nothing_else() {
    let tokens = tokens(ed25519("new", 1)).with_verifying_key(ed25519("old", 2).verifying_key()).unwrap();
    let tokens = tokens.with_verifying_key(AccessTokenKey::hs256("mac", SECRET).unwrap().verifying_key()).unwrap();
    let jwks = tokens.verifier().jwks();
    let parsed: serde_json::Value = serde_json::from_str(&jwks).unwrap();
    let keys = parsed["keys"].as_array().unwrap();
    assert_eq!(keys.len(), 2, "{jwks}");
    for (key, id) in keys.iter().zip(["new", "old"]) {
        let members: Vec<&String> = key.as_object().unwrap().keys().collect();
        assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
        assert_eq!(key["kid"], id);
    }
    let read = AccessTokenVerifyingKey::from_jwks(&jwks).unwrap();
    let shown = |key: &AccessTokenVerifyingKey| (key.id().to_owned(), *key.public_key().unwrap());
    assert_eq!(
        read.iter().map(shown).collect::<Vec<_>>(),
        [("new", 1), ("old", 2)].map(|(id, mark)| shown(&ed25519(id, mark).verifying_key()))
    );
    let of_mac = AccessTokens::new(AccessTokenKey::hs256("k", SECRET).unwrap(), "i", "a", "c").unwrap();
    assert_eq!(of_mac.verifier().jwks(), r#"{"keys":[]}"#);
}

#[test]
fn key_sets_of_others_are_read_as_far_as_they_are_for_us() {
    let ours =
        r#"{"kty":"OKP","crv":"Ed25519","alg":"EdDSA","kid":"k","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    let but = |from: &str, to: &str| ours.replace(from, to);
    let others = [
        r#"{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"r"}"#.to_owned(),
        r#"{"kty":"EC","kid":5,"alg":null}"#.to_owned(),
        but("OKP", "EC"),
        but("Ed25519", "X25519"),
        but("EdDSA", "HS256"),
        but("}", r#","use":"enc"}"#),
        r#"["OKP","Ed25519","EdDSA","k","11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]"#.to_owned(),
        "{},1,null".to_owned(),
    ]
    .join(",");
    let read = AccessTokenVerifyingKey::from_jwks(&format!(r#"{{"keys":[{others},{ours}],"more":1}}"#)).unwrap();
    assert_eq!(read.iter().map(AccessTokenVerifyingKey::id).collect::<Vec<_>>(), ["k"]);
    for (json, expected) in [
        ("", AccessTokenConfigError::Jwks),
        ("[]", AccessTokenConfigError::Jwks),
        (
            r#"[[["OKP","Ed25519","EdDSA","k","11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"]]]"#,
            AccessTokenConfigError::Jwks,
        ),
        (&format!(r#"{{"keys":[{}]}}"#, but("}", r#","d":"AAAA"}"#)), AccessTokenConfigError::PublicKey),
        (&format!(r#"{{"keys":[{}]}}"#, but("\"k\"", "5")), AccessTokenConfigError::KeyId),
        (r#"{"keys":{}}"#, AccessTokenConfigError::Jwks),
        (&format!(r#"{{"keys":[{}]}}"#, ours.replace("11qY", "11q")), AccessTokenConfigError::PublicKey),
        (&format!(r#"{{"keys":[{}]}}"#, ours.replace("URo", "URp")), AccessTokenConfigError::PublicKey),
        (&format!(r#"{{"keys":[{}]}}"#, ours.replace("\"k\"", "\"k k\"")), AccessTokenConfigError::KeyId),
    ] {
        assert_eq!(AccessTokenVerifyingKey::from_jwks(json).unwrap_err(), expected, "{json}");
    }
}

#[test]
fn a_verifier_has_few_keys_and_each_id_once() {
    let key = |id: usize| ed25519(&format!("k{id}"), 1).verifying_key();
    let full = verifier_of((0..AccessTokenVerifier::MAX_KEYS).map(key));
    assert_eq!(full.clone().with_key(key(99)).unwrap_err(), AccessTokenConfigError::TooManyKeys);
    assert_eq!(full.with_key(key(0)).unwrap_err(), AccessTokenConfigError::DuplicateKeyId);
    let same_id = AccessTokenKey::hs256("k0", SECRET).unwrap().verifying_key();
    assert_eq!(verifier_of([key(0)]).with_key(same_id).unwrap_err(), AccessTokenConfigError::DuplicateKeyId);
}

#[test]
fn a_verifier_without_a_key_is_a_mistake() {
    let none = AccessTokenVerifyingKey::from_jwks(r#"{"keys":[]}"#).unwrap();
    let refused = AccessTokenVerifier::new(none, "https://id.example", "https://api.example", "app").unwrap_err();
    assert_eq!(refused, AccessTokenConfigError::NoKey);
}

#[test]
fn a_key_is_only_good_under_its_own_name() {
    let of = |id: &str| verifier_of([AccessTokenKey::ed25519(id, SECRET).unwrap().verifying_key()]);
    assert!(of("k2").verify(&eddsa(EDDSA, GOOD), NOW).is_ok());
    assert_eq!(of("k3").verify(&eddsa(EDDSA, GOOD), NOW), Err(AccessTokenError::UnknownHeader));
    // The beginning of another id is another id.
    let longer = eddsa(r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k22"}"#, GOOD);
    assert_eq!(of("k2").verify(&longer, NOW), Err(AccessTokenError::UnknownHeader));
}

#[test]
fn no_key_is_shown() {
    let key = AccessTokenKey::hs256("k1", SECRET).unwrap();
    let shown = format!("{key:?} {:?} {:?}", key.verifying_key(), tokens(key.clone()));
    assert!(shown.contains("k1") && !shown.contains("signing"), "{shown}");
    assert!(!shown.contains("97, 32, 115"), "{shown}");
}
