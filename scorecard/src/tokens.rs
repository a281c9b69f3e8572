//! Verifying and minting access tokens, beside jsonwebtoken and beside the bare MAC of their bytes.

use std::hint::black_box;

use hmac::{Hmac, KeyInit, Mac};
pub use jsonwebtoken::Algorithm;
use jsonwebtoken::{DecodingKey, EncodingKey, Header, Validation};
use pinlatch::access_token::HostClaims;
use pinlatch::{AccessTokenKey, AccessTokens, ClockPolicy, SystemClock};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

use crate::Contestant;
use crate::fixtures::{AUDIENCE, ISSUER, Spread, access_tokens, hs256, secret, system, unlocked};

/// What the profile demands.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: String,
    exp: u64,
    iat: u64,
    jti: String,
    client_id: String,
    sid: String,
    auth_time: u64,
    amr: Vec<String>,
}

fn ours(algorithm: Algorithm) -> AccessTokens {
    access_tokens(match algorithm {
        Algorithm::HS256 => hs256(),
        Algorithm::EdDSA => AccessTokenKey::ed25519("key-1", &secret(3)).unwrap(),
        other => panic!("{other:?} is none of ours"),
    })
}

fn theirs(algorithm: Algorithm) -> (EncodingKey, DecodingKey) {
    if algorithm == Algorithm::HS256 {
        return (EncodingKey::from_secret(&secret(3)), DecodingKey::from_secret(&secret(3)));
    }
    let key = AccessTokenKey::ed25519("key-1", &secret(3)).unwrap();
    let public = *key.verifying_key().public_key().unwrap();
    // PKCS #8 of an Ed25519 secret is this prefix and the 32 bytes.
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    (EncodingKey::from_ed_der(&[&prefix[..], &secret(3)].concat()), DecodingKey::from_ed_der(&public))
}

fn strict(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.leeway = 0;
    validation
}

/// Ours; jsonwebtoken's; the bare HMAC of the token's bytes; ours, with a claim of the host's own.
pub fn verifying(algorithm: Algorithm, judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
    let (tokens, (_, decoding), validation) = (ours(algorithm), theirs(algorithm), strict(algorithm));
    let (grant, now) = (unlocked().0, SystemClock.now());
    let token = tokens.mint(&grant, &HostClaims::default(), &mut Spread::default());
    let token = token.as_str();
    let mac = Hmac::<Sha256>::new_from_slice(&secret(3)).unwrap();
    let scope = HostClaims::new(&serde_json::json!({"scope": "read"})).unwrap();
    let with_scope = tokens.mint(&grant, &scope, &mut Spread::default());
    let mut list: [Contestant<'_>; 4] = [
        ("pinlatch", &mut || drop(tokens.verifier().verify(black_box(token), now).unwrap())),
        ("jsonwebtoken", &mut || {
            drop(jsonwebtoken::decode::<Claims>(black_box(token), &decoding, &validation).unwrap());
        }),
        ("the bare HMAC of its bytes", &mut || drop(mac.clone().chain_update(black_box(token.as_bytes())).finalize())),
        ("pinlatch, with a claim of the host's own", &mut || {
            drop(tokens.verifier().verify(black_box(with_scope.as_str()), now).unwrap());
        }),
    ];
    judge(&format!("verify {algorithm:?}, {} bytes", token.len()), &mut list);
}

/// Ours; jsonwebtoken's, which is given its claims, `jti` and all, and draws nothing; ours with a `jti` from the
/// system.
pub fn minting(algorithm: Algorithm, judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
    let (tokens, (encoding, decoding)) = (ours(algorithm), theirs(algorithm));
    let (grant, none) = (unlocked().0, HostClaims::default());
    let token = tokens.mint(&grant, &none, &mut Spread::default());
    let claims: Claims = jsonwebtoken::decode(token.as_str(), &decoding, &strict(algorithm)).unwrap().claims;
    let mut header = Header::new(algorithm);
    (header.typ, header.kid) = (Some("at+jwt".into()), Some("key-1".into()));
    let (mut spread, mut system) = (Spread::default(), system());
    let mut list: [Contestant<'_>; 3] = [
        ("pinlatch", &mut || drop(tokens.mint(black_box(&grant), &none, &mut spread))),
        ("jsonwebtoken", &mut || drop(jsonwebtoken::encode(&header, black_box(&claims), &encoding).unwrap())),
        ("pinlatch, jti from the system", &mut || drop(tokens.mint(black_box(&grant), &none, &mut system))),
    ];
    judge(&format!("mint {algorithm:?}"), &mut list);
}
