//! Claims under a right signature: those that are accepted are what another JSON parser reads in them.

use std::sync::LazyLock;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use pinlatch::access_token::AccessTokenVerifier;
use serde_json::{Map, Value};
use sha2::Sha256;

use crate::fixtures::{HANDED_OUT, NOW, access_tokens, secret};

static VERIFIER: LazyLock<AccessTokenVerifier> =
    LazyLock::new(|| access_tokens().verifier().clone().with_leeway(Duration::ZERO));
static MAC: LazyLock<Hmac<Sha256>> = LazyLock::new(|| Hmac::new_from_slice(&secret(3)).unwrap());

pub fn run(data: &[u8]) {
    let header = HANDED_OUT.access_token.split('.').next().unwrap();
    let signed = format!("{header}.{}", BASE64_URL_SAFE_NO_PAD.encode(data));
    let tag = MAC.clone().chain_update(&signed).finalize().into_bytes();
    let token = format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(tag));
    let Ok(access) = VERIFIER.verify(&token, NOW) else { return };
    let claims: Map<String, Value> = serde_json::from_slice(data).unwrap();
    assert_eq!(claims["sub"], access.subject.as_str());
    assert_eq!(claims["sid"], access.session_id.to_string());
    assert_eq!((&claims["iss"], &claims["aud"]), (&"https://id.example".into(), &"https://api.example".into()));
    assert!(claims["iat"].as_u64().unwrap() <= NOW.as_secs());
    assert!(NOW.as_secs() < claims["exp"].as_u64().unwrap());
    assert!(!claims.contains_key("cnf") && !claims.contains_key("tnt"));
    let own: Map<String, Value> = access.claims().unwrap();
    assert!(own.iter().all(|(name, value)| claims.get(name) == Some(value)));
}

pub fn seeds() -> Vec<Vec<u8>> {
    let payload = HANDED_OUT.access_token.split('.').nth(1).unwrap();
    let claims = BASE64_URL_SAFE_NO_PAD.decode(payload).unwrap();
    let text = core::str::from_utf8(&claims).unwrap();
    let with_more = text.replacen('{', r#"{"scope":"read","more":[1,{"a":null}],"#, 1).into_bytes();
    vec![claims, with_more]
}
