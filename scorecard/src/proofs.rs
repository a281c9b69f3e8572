//! Verifying signed requests, beside httpsig and beside the bare MAC of their signature bases; and remembering them.

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use httpsig::prelude::message_component::HttpMessageComponent;
use httpsig::prelude::{AlgorithmName, HttpSignatureBase, HttpSignatureHeaders, SharedKey};
use pinlatch::access_token::{AccessTokens, HostClaims};
use pinlatch::keyring::Keys;
use pinlatch::proof::{
    Body, Candidate, MessageParts, Origin, Proof, ProofError, RequestKey, RequestParts, SeenRequests, content_digest,
};
use pinlatch::{ClockPolicy, SessionId, SystemClock, Tenant, UnixTime};
use sha2::Sha256;

use crate::Contestant;
use crate::fixtures::{access_tokens, hs256, key_ring, system, unlocked};

const BODY: &[u8] = br#"{"to":"bob","amount":5}"#;

/// A client and the server that knows it.
pub(crate) struct World {
    tokens: AccessTokens,
    keys: Keys,
    key: RequestKey,
    session_id: SessionId,
    authorization: String,
    digest: String,
    origin: Origin,
    now: UnixTime,
}

impl World {
    pub(crate) fn new() -> Self {
        let (grant, session_id) = unlocked();
        let keys = key_ring().keys(&Tenant::default());
        let (id, key) = RequestKey::issue(&keys, session_id, &mut system());
        let tokens = access_tokens(hs256());
        let token = tokens.mint(&grant.bound_to(id), &HostClaims::default(), &mut system());
        let authorization = format!("Bearer {}", token.as_str());
        let (digest, origin) = (content_digest(BODY), "https://api.example".parse().unwrap());
        Self { tokens, keys, key, session_id, authorization, digest, origin, now: SystemClock.now() }
    }

    fn token(&self) -> &str {
        self.authorization.strip_prefix("Bearer ").unwrap()
    }

    /// What comes with any request, and the signature last.
    pub(crate) fn headers<'a>(&'a self, signature: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a [u8])> {
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

    fn parts<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> RequestParts<'a> {
        RequestParts::new("POST", &self.origin, "/api/transfer?dry=1", headers).body(Body::Present)
    }

    pub(crate) fn sign(&self) -> [(&'static str, String); 2] {
        let headers = self.headers(&[]);
        let signed = self.key.sign_request(self.session_id, &self.parts(&headers), self.now, &mut system()).unwrap();
        [("signature-input", signed.signature_input), ("signature", signed.signature)]
    }

    fn read<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> Candidate<'a> {
        Candidate::read(&self.parts(headers), self.now).unwrap()
    }

    pub(crate) fn prove(&self, headers: &[(&str, &[u8])]) -> Result<Proof, ProofError> {
        self.read(headers).verify(self.tokens.verifier(), &self.keys, self.now)
    }
}

/// Ours, access token and all; the bare HMAC of the base; the access token alone; ours, reading without verifying;
/// httpsig's, the signature alone.
pub fn requests(judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
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
        ("pinlatch, access token and all", &mut || drop(world.prove(black_box(&headers)).unwrap())),
        ("the bare HMAC of the base", &mut || drop(mac.clone().chain_update(black_box(base.as_bytes())).finalize())),
        ("the access token alone", &mut || {
            drop(world.tokens.verifier().verify_bound(black_box(world.token()), world.now).unwrap());
        }),
        ("reading without verifying", &mut || drop(world.read(black_box(&headers)))),
        ("httpsig, the signature alone", &mut || theirs()),
    ];
    judge(&format!("verify a signed request, base of {} bytes", base.len()), &mut list);
}

/// A message without HTTP, access token and all.
pub fn messages(judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
    let world = World::new();
    let named: [(&str, &[u8]); 2] = [("call", b"transfer"), ("payload", BODY)];
    let parts = MessageParts { access_token: world.token(), service: "wss://api.example", parts: &named };
    let signature = world.key.sign_message(&parts, world.now, &mut system());
    let mut list: [Contestant<'_>; 1] = [("pinlatch, access token and all", &mut || {
        let candidate = Candidate::read_message(black_box(&parts), &signature, world.now).unwrap();
        drop(candidate.verify(world.tokens.verifier(), &world.keys, world.now).unwrap());
    })];
    judge("verify a signed message", &mut list);
}

/// Accepted requests of one session, to be remembered.
#[derive(Debug)]
pub struct Marks {
    proofs: Vec<Proof>,
    now: UnixTime,
}

impl Marks {
    /// So many of them.
    #[must_use]
    pub fn new(requests: usize) -> Self {
        let world = World::new();
        let prove = |_| {
            let signature = world.sign();
            world.prove(&world.headers(&signature)).unwrap()
        };
        Self { proofs: (0..requests).map(prove).collect(), now: world.now }
    }

    /// Memory with room for all.
    #[must_use]
    pub fn empty() -> SeenRequests {
        SeenRequests::new(10_000_000, u16::MAX)
    }

    /// Remembers each.
    #[must_use]
    pub fn remembered(&self, seen: SeenRequests) -> SeenRequests {
        self.proofs.iter().for_each(|proof| assert!(black_box(seen.insert_new(proof, self.now)).is_ok()));
        seen
    }
}
