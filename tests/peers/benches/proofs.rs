//! What it costs to verify a signed request, beside `httpsig` and beside the bare MAC of its signature base.
//!
//! `cargo bench -p pinlatch-peers --bench proofs`. The ratios of one run count; the nanoseconds are the machine's.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, criterion_group, criterion_main};
use hmac::{Hmac, KeyInit, Mac};
use httpsig::prelude::message_component::HttpMessageComponent;
use httpsig::prelude::{AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, SharedKey};
use pinlatch::access_token::{AccessTokenKey, AccessTokens, HostClaims};
use pinlatch::authorize::Grant;
use pinlatch::keyring::Keys;
use pinlatch::proof::{Body, Candidate, MessageParts, Proof, RequestKey, RequestParts, SeenRequests, content_digest};
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{
    ClockPolicy, FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, RequestContext, SessionId, Sessions, Subject,
    SystemClock, Tenant, UnixTime,
};
use pinlatch_peers::{Contestant, contest};
use rand_core::UnwrapErr;
use sha2::Sha256;

/// 32 bytes that pass for random ones.
fn secret(mark: u8) -> [u8; 32] {
    core::array::from_fn(|at| mark ^ u8::try_from(at).unwrap_or(0))
}

fn key_ring() -> KeyRing {
    KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap()
}

fn access_tokens() -> AccessTokens {
    let key = AccessTokenKey::hs256("key-1", &secret(3)).unwrap();
    AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
}

/// A grant, which nothing but an unlock gives out, and its session.
fn unlocked() -> (Grant, SessionId) {
    let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
    let sessions = Sessions::builder(key_ring(), MemoryStore::default(), access_tokens()).policy(policy);
    let sessions = sessions.build().unwrap();
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
        let pin = Pin::new("739216").unwrap();
        let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
        let issued = sessions.login(login, pin.clone()).await.unwrap();
        let opened = sessions.unlock(issued.device_token.as_str(), &pin, &RequestContext::new()).await.unwrap();
        (opened.grant, opened.session_id)
    })
}

/// A client and the server that knows it.
struct World {
    tokens: AccessTokens,
    keys: Keys,
    key: RequestKey,
    session_id: SessionId,
    authorization: String,
    digest: String,
    now: UnixTime,
}

impl World {
    fn new() -> Self {
        let (grant, session_id) = unlocked();
        let keys = key_ring().keys(&Tenant::default());
        let (id, key) = RequestKey::issue(&keys, session_id, &mut UnwrapErr(getrandom::SysRng));
        let tokens = access_tokens();
        let token = tokens.mint(&grant.bound_to(id), &HostClaims::default(), &mut UnwrapErr(getrandom::SysRng));
        let authorization = format!("Bearer {}", token.as_str());
        let digest = content_digest(br#"{"to":"bob","amount":5}"#);
        Self { tokens, keys, key, session_id, authorization, digest, now: SystemClock.now() }
    }

    fn token(&self) -> &str {
        self.authorization.strip_prefix("Bearer ").unwrap()
    }

    /// What comes with any request, and the signature last.
    fn headers<'a>(&'a self, signature: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a [u8])> {
        let mut headers: Vec<(&str, &[u8])> = vec![
            ("host", b"api.example"),
            ("user-agent", b"app/1.0"),
            ("accept", b"application/json"),
            ("accept-encoding", b"gzip, br"),
            ("content-length", b"23"),
            ("content-type", b"application/json"),
            ("content-digest", self.digest.as_bytes()),
            ("authorization", self.authorization.as_bytes()),
        ];
        headers.extend(signature.iter().map(|(name, value)| (*name, value.as_bytes())));
        headers
    }

    fn sign(&self) -> [(&'static str, String); 2] {
        let headers = self.headers(&[]);
        let mut rng = UnwrapErr(getrandom::SysRng);
        let signed = self.key.sign_request(self.session_id, &parts(&headers), self.now, &mut rng).unwrap();
        [("signature-input", signed.signature_input), ("signature", signed.signature)]
    }

    fn prove(&self, headers: &[(&str, &[u8])]) -> Proof {
        let candidate = Candidate::read(&parts(headers), self.now).unwrap();
        candidate.verify(self.tokens.verifier(), &self.keys, self.now).unwrap()
    }
}

fn parts<'a>(headers: &'a [(&'a str, &'a [u8])]) -> RequestParts<'a> {
    RequestParts {
        method: "POST",
        scheme: "https",
        authority: "api.example",
        path: "/api/transfer",
        query: Some("dry=1"),
        headers,
        also_signed: &[],
        body: Body::Present,
    }
}

fn requests(criterion: &mut Criterion) {
    let world = World::new();
    let signature = world.sign();
    let headers = world.headers(&signature);

    // The same again for the other library, which writes the parameters in an order of its own.
    let (id, created) = (world.session_id, world.now.as_secs());
    let lines = [
        r#""@method": POST"#.to_owned(),
        r#""@authority": api.example"#.to_owned(),
        r#""@path": /api/transfer"#.to_owned(),
        r#""@query": ?dry=1"#.to_owned(),
        format!(r#""authorization": {}"#, world.authorization),
        format!(r#""content-digest": {}"#, world.digest),
        r#""content-type": application/json"#.to_owned(),
    ];
    let input = format!(
        r#"("@method" "@authority" "@path" "@query" "authorization" "content-digest" "content-type");created={created};nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A";alg="hmac-sha256";keyid="{id}";tag="pinlatch-request/1""#
    );
    let base = format!("{}\n\"@signature-params\": {input}", lines.join("\n"));
    let mac = Hmac::<Sha256>::new_from_slice(world.key.expose_secret()).unwrap();
    let presented = STANDARD.encode(mac.clone().chain_update(&base).finalize().into_bytes());
    let (input, presented) = (format!("sig1={input}"), format!("sig1=:{presented}:"));
    let shared =
        SharedKey::from_base64(&AlgorithmName::HmacSha256, &STANDARD.encode(world.key.expose_secret())).unwrap();
    let theirs = || {
        let presented = HttpSignatureHeaders::try_parse(black_box(&presented), black_box(&input)).unwrap();
        let presented = presented.get("sig1").unwrap();
        let lines: Vec<_> = lines.iter().map(|line| HttpMessageComponent::try_from(line.as_str()).unwrap()).collect();
        let base = HttpSignatureBase::try_new(&lines, presented.signature_params()).unwrap();
        base.verify_signature_headers(&shared, presented).unwrap();
    };

    let mut list: [Contestant<'_>; 5] = [
        ("pinlatch, access token and all", &mut || drop(world.prove(black_box(&headers)))),
        ("the bare HMAC of the base", &mut || drop(mac.clone().chain_update(black_box(base.as_bytes())).finalize())),
        ("the access token alone", &mut || {
            drop(world.tokens.verifier().verify_bound(black_box(world.token()), world.now).unwrap());
        }),
        ("reading without verifying", &mut || drop(Candidate::read(&parts(black_box(&headers)), world.now).unwrap())),
        ("httpsig, the signature alone", &mut || theirs()),
    ];
    contest(criterion, &format!("verify a signed request, base of {} bytes", base.len()), &mut list);
}

fn messages(criterion: &mut Criterion) {
    let world = World::new();
    let named: [(&str, &[u8]); 2] = [("call", b"transfer"), ("payload", br#"{"to":"bob","amount":5}"#)];
    let parts = MessageParts { access_token: world.token(), service: "wss://api.example", parts: &named };
    let signature = world.key.sign_message(&parts, world.now, &mut UnwrapErr(getrandom::SysRng));
    let mut list: [Contestant<'_>; 1] = [("pinlatch, access token and all", &mut || {
        let candidate = Candidate::read_message(black_box(&parts), &signature, world.now).unwrap();
        drop(candidate.verify(world.tokens.verifier(), &world.keys, world.now).unwrap());
    })];
    contest(criterion, "verify a signed message", &mut list);
}

/// Each request is remembered once, so there are many of them.
fn marks(criterion: &mut Criterion) {
    const REQUESTS: usize = 50_000;
    let world = World::new();
    let proofs: Vec<Proof> = (0..REQUESTS)
        .map(|_| {
            let signature = world.sign();
            world.prove(&world.headers(&signature))
        })
        .collect();
    let mut group = criterion.benchmark_group(format!("remember {REQUESTS} requests"));
    group.throughput(criterion::Throughput::Elements(REQUESTS.try_into().unwrap()));
    let fill = |seen: SeenRequests| {
        proofs.iter().for_each(|proof| assert!(black_box(seen.insert_new(proof, world.now)).is_ok()));
        seen
    };
    let empty = || SeenRequests::new(10_000_000, u16::MAX);
    group.bench_function("each for the first time", |bencher| {
        bencher.iter_batched(empty, fill, criterion::BatchSize::PerIteration);
    });
    let mut seen = Some(fill(empty()));
    group.bench_function("each again", |bencher| bencher.iter(|| seen = seen.take().map(fill)));
    group.finish();
}

criterion_group!(proofs, requests, messages, marks);
criterion_main!(proofs);
