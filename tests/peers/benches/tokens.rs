//! What it costs to verify and to mint an access token, beside jsonwebtoken and beside the bare MAC of its bytes.
//!
//! `cargo bench -p pinlatch-peers`. The ratios of one run count; the nanoseconds are the machine's.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use core::convert::Infallible;
use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use pinlatch::access_token::{AccessTokenKey, AccessTokens, HostClaims};
use pinlatch::authorize::Grant;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{ClockPolicy, UnixTime};
use pinlatch::{FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, RequestContext, Sessions, Subject, SystemClock};
use pinlatch_peers::{Contestant, contest};
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};
use serde::{Deserialize, Serialize};
use sha2::Sha256;

const ISSUER: &str = "https://id.example";
const AUDIENCE: &str = "https://api.example";
const CLIENT: &str = "app";

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

/// 32 bytes that pass for random ones.
fn secret(mark: u8) -> [u8; 32] {
    core::array::from_fn(|at| mark ^ u8::try_from(at).unwrap_or(0))
}

/// A grant, which nothing but an unlock gives out.
fn grant(access_tokens: AccessTokens) -> Result<Grant, Box<dyn std::error::Error>> {
    let keys = KeyRing::new(Pepper::new(PepperId(1), secret(1))?, secret(2))?;
    let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build()?;
    let sessions = Sessions::builder(keys, MemoryStore::default(), access_tokens).policy(policy).build()?;
    tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
        let pin = Pin::new("739216")?;
        let login = FullLogin::vouched_by_host(Subject::new("alice")?);
        let issued = sessions.login(login, pin.clone()).await?;
        Ok(sessions.unlock(issued.device_token.as_str(), &pin, &RequestContext::new()).await?.grant)
    })
}

fn strict(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.set_audience(&[AUDIENCE]);
    validation.set_issuer(&[ISSUER]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    validation.leeway = 0;
    validation
}

fn header(algorithm: Algorithm) -> Header {
    let mut header = Header::new(algorithm);
    header.typ = Some("at+jwt".into());
    header.kid = Some("key-1".into());
    header
}

fn of_hs256(criterion: &mut Criterion) {
    let ours =
        || AccessTokens::new(AccessTokenKey::hs256("key-1", &secret(3)).unwrap(), ISSUER, AUDIENCE, CLIENT).unwrap();
    let keys = (EncodingKey::from_secret(&secret(3)), DecodingKey::from_secret(&secret(3)));
    compare(criterion, "HS256", Algorithm::HS256, &ours, &keys);
}

fn of_eddsa(criterion: &mut Criterion) {
    let key = AccessTokenKey::ed25519("key-1", &secret(3)).unwrap();
    let public = *key.verifying_key().public_key().unwrap();
    let ours = || AccessTokens::new(key.clone(), ISSUER, AUDIENCE, CLIENT).unwrap();
    // PKCS #8 of an Ed25519 secret is this prefix and the 32 bytes.
    let prefix = [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];
    let keys = (EncodingKey::from_ed_der(&[&prefix[..], &secret(3)].concat()), DecodingKey::from_ed_der(&public));
    compare(criterion, "EdDSA", Algorithm::EdDSA, &ours, &keys);
}

fn compare(
    criterion: &mut Criterion,
    name: &str,
    algorithm: Algorithm,
    ours: &dyn Fn() -> AccessTokens,
    (encoding, decoding): &(EncodingKey, DecodingKey),
) {
    let (tokens, grant) = (ours(), grant(ours()).unwrap());
    let now: UnixTime = SystemClock.now();
    let token = tokens.mint(&grant, &HostClaims::default(), &mut Spread(0));
    let token = token.as_str();
    let (validation, header) = (strict(algorithm), header(algorithm));
    let claims: Claims = jsonwebtoken::decode(token, decoding, &validation).unwrap().claims;

    let mac = Hmac::<Sha256>::new_from_slice(&secret(3)).unwrap();
    let scope = HostClaims::new(&serde_json::json!({"scope": "read"})).unwrap();
    let with_scope = tokens.mint(&grant, &scope, &mut Spread(0));
    let mut list: [Contestant<'_>; 4] = [
        ("pinlatch", &mut || drop(tokens.verifier().verify(black_box(token), now).unwrap())),
        ("jsonwebtoken", &mut || {
            drop(jsonwebtoken::decode::<Claims>(black_box(token), decoding, &validation).unwrap());
        }),
        ("the bare HMAC of its bytes", &mut || drop(mac.clone().chain_update(black_box(token.as_bytes())).finalize())),
        ("pinlatch, with a claim of the host's own", &mut || {
            drop(tokens.verifier().verify(black_box(with_scope.as_str()), now).unwrap());
        }),
    ];
    contest(criterion, &format!("verify {name}, {} bytes", token.len()), &mut list);

    // The other library is given its claims, `jti` and all, and draws nothing.
    let (none, mut spread, mut system) = (HostClaims::default(), Spread(0), UnwrapErr(getrandom::SysRng));
    let mut list: [Contestant<'_>; 3] = [
        ("pinlatch", &mut || drop(tokens.mint(black_box(&grant), &none, &mut spread))),
        ("jsonwebtoken", &mut || drop(jsonwebtoken::encode(&header, black_box(&claims), encoding).unwrap())),
        ("pinlatch, jti from the system", &mut || drop(tokens.mint(black_box(&grant), &none, &mut system))),
    ];
    contest(criterion, &format!("mint {name}"), &mut list);
}

/// Bytes that cost next to nothing.
struct Spread(u64);

impl TryRng for Spread {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]));
        Ok(())
    }
}

impl TryCryptoRng for Spread {}

criterion_group!(tokens, of_hs256, of_eddsa);
criterion_main!(tokens);
