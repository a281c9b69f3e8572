//! Only what was minted is accepted, in one spelling.

use std::sync::LazyLock;

use pinlatch::access_token::{AccessTokenVerifier, AccessTokenVerifyingKey};

use crate::fixtures::{HANDED_OUT, NOW, access_tokens};

static VERIFIER: LazyLock<AccessTokenVerifier> = LazyLock::new(|| access_tokens().verifier().clone());

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if VERIFIER.verify(text, NOW).is_ok() {
        assert_eq!(text, HANDED_OUT.access_token);
    }
    if VERIFIER.verify_bound(text, NOW).is_ok() {
        assert_eq!(Some(text), HANDED_OUT.client.authorization.strip_prefix("Bearer "));
    }
    // A key set comes from an issuer, over the network.
    if let Ok(keys) = AccessTokenVerifyingKey::from_jwks(text) {
        assert!(keys.len() <= AccessTokenVerifier::MAX_KEYS);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let bound = HANDED_OUT.client.authorization.strip_prefix("Bearer ").unwrap();
    [HANDED_OUT.access_token.clone(), bound.to_owned(), JWKS.to_owned()].map(String::into_bytes).into()
}

const JWKS: &str = r#"{"keys":[{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"2026-11","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
