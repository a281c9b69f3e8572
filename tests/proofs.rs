//! Signed requests, signed here by a second implementation, and then changed in every way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use base64ct::{Base64, Base64UrlUnpadded, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use pinlatch::access_token::{AccessTokenKey, AccessTokenVerifier};
use pinlatch::id::RequestKeyId;
use pinlatch::keyring::{KeyRing, Keys, Pepper, PepperId};
use pinlatch::proof::{Accepted, Body, Candidate, ProofError, RequestKey, RequestParts};
use pinlatch::record::{Inserted, RecordKind};
use pinlatch::{AccessTokenError, SessionId, Tenant, UnixTime};
use rand_core::{TryCryptoRng, TryRng};
use sha2::{Digest, Sha256, Sha512};

const NOW: u64 = 1_800_000_000;
const SESSION: SessionId = SessionId::from_bytes([7; 16]);
const SECRET: &[u8; 32] = b"a signing secret of 32 bytes all";
const COVERED: &str = r#""@method" "@authority" "@path" "@query" "authorization" "content-digest" "content-type""#;

/// Bytes that are all alike.
struct Fixed(u8);

impl TryRng for Fixed {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}

fn keys(pepper: u32) -> Keys {
    let secret: Vec<u8> = (0..32).collect();
    let pepper = Pepper::new(PepperId(pepper), secret.clone()).unwrap();
    KeyRing::new(pepper, secret).unwrap().keys(&Tenant::default())
}

fn access_token(cnf: Option<RequestKeyId>, session: SessionId) -> String {
    let cnf = cnf.map(|id| format!(r#","cnf":{{"kid":"{id}"}}"#)).unwrap_or_default();
    let exp = NOW + 600;
    let claims = format!(
        r#"{{"iss":"i","aud":"a","client_id":"c","sub":"alice","exp":{exp},"iat":{NOW},"auth_time":{NOW},"jti":"AAAAAAAAAAAAAAAAAAAAAA","sid":"{session}","amr":["pin"]{cnf}}}"#
    );
    let header = Base64UrlUnpadded::encode_string(br#"{"typ":"at+jwt","alg":"HS256","kid":"k"}"#);
    let signed = format!("{header}.{}", Base64UrlUnpadded::encode_string(claims.as_bytes()));
    let mac = Hmac::<Sha256>::new_from_slice(SECRET).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.into_bytes()))
}

fn verifier() -> AccessTokenVerifier {
    let key = AccessTokenKey::hs256("k", SECRET).unwrap().verifying_key();
    AccessTokenVerifier::new([key], "i", "a", "c").unwrap()
}

/// A request, and what is signed of it. Everything is text that a test may change.
#[derive(Clone)]
struct Request {
    method: String,
    authority: String,
    path: String,
    query: Option<String>,
    headers: Vec<(String, String)>,
    body: Option<String>,
    covered: String,
    parameters: String,
    key: [u8; 32],
}

impl Request {
    fn new() -> Self {
        let (id, key) = RequestKey::issue(&keys(1), SESSION, &mut Fixed(9));
        let body = r#"{"to":"bob","amount":5}"#;
        let digest = format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(body)));
        let header = |name: &str, value: String| (name.to_owned(), value);
        Self {
            method: "POST".into(),
            authority: "api.example".into(),
            path: "/api/transfer".into(),
            query: Some("dry=1".into()),
            headers: vec![
                header("authorization", format!("Bearer {}", access_token(Some(id), SESSION))),
                header("content-digest", digest),
                header("content-type", "application/json".into()),
                header("x-other", "not signed".into()),
            ],
            body: Some(body.into()),
            covered: COVERED.into(),
            parameters: format!(
                r#";created={NOW};nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A";keyid="{SESSION}";tag="pinlatch-request/1""#
            ),
            key: *key.expose_secret(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn covering(self, covered: &str) -> Self {
        Self { covered: covered.into(), ..self }
    }

    fn parameter(self, from: &str, to: &str) -> Self {
        assert!(self.parameters.contains(from), "{from}");
        let parameters = self.parameters.replace(from, to);
        Self { parameters, ..self }
    }

    fn header_mut(&mut self, name: &str) -> &mut String {
        &mut self.headers.iter_mut().find(|(known, _)| known == name).unwrap().1
    }

    fn value(&self, component: &str) -> String {
        let query = self.query.clone().unwrap_or_default();
        match component {
            "@method" => self.method.clone(),
            "@authority" => self.authority.clone(),
            "@path" => self.path.clone(),
            "@query" => format!("?{query}"),
            "@target-uri" => format!("https://{}{}?{query}", self.authority, self.path),
            name => {
                self.headers.iter().find(|(known, _)| known == name).map_or(String::new(), |(_, value)| value.clone())
            }
        }
    }

    /// Signed as it is now: the two headers.
    fn signed(mut self) -> Self {
        let input = format!("({}){}", self.covered, self.parameters);
        let names = self.covered.split(' ').map(|name| name.trim_matches('"')).filter(|name| !name.is_empty());
        let mut base: String = names.map(|name| format!("\"{name}\": {}\n", self.value(name))).collect();
        base += &format!("\"@signature-params\": {input}");
        let mac = Hmac::<Sha256>::new_from_slice(&self.key).unwrap().chain_update(&base).finalize().into_bytes();
        self.headers.push(("signature-input".into(), format!("sig1={input}")));
        self.headers.push(("signature".into(), format!("sig1=:{}:", Base64::encode_string(&mac))));
        self
    }

    /// What the server says, with a store that is a variable: what it has, and what it learns.
    fn sent_at(&self, now: u64, marks: &mut Vec<[u8; 16]>) -> Result<Accepted, ProofError> {
        let headers: Vec<(&str, &[u8])> =
            self.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let parts = RequestParts {
            method: &self.method,
            scheme: "https",
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            headers: &headers,
            body: if self.body.is_some() { Body::Some } else { Body::None },
        };
        let now = UnixTime::from_secs(now);
        let proof = Candidate::read(&parts, now)?.verify(&verifier(), &keys(1), now)?;
        let mark = proof.mark();
        assert!(mark.key.kind == RecordKind::ReplayMark && mark.expires_at > now && mark.body.is_empty());
        let known = marks.contains(&mark.key.id);
        marks.push(mark.key.id);
        let fresh = proof.stored(if known { Inserted::Exists } else { Inserted::Created })?;
        fresh.with_body(self.body.as_deref().unwrap_or_default().as_bytes())
    }

    fn sent(&self) -> Result<(), ProofError> {
        self.sent_at(NOW, &mut Vec::new()).map(drop)
    }
}

#[test]
fn a_signed_request_is_accepted_once() {
    let request = Request::new().signed();
    let mut marks = Vec::new();
    let accepted = request.sent_at(NOW, &mut marks).unwrap();
    assert_eq!((accepted.access.subject.as_str(), accepted.access.session_id), ("alice", SESSION));
    assert_eq!(request.sent_at(NOW, &mut marks).map(drop), Err(ProofError::Replayed));
    // A copy is a copy, whatever its label and the headers beside it.
    let mut copy = request.clone();
    for name in ["signature-input", "signature"] {
        let value = copy.header_mut(name);
        *value = format!("other{}", &value[3..]);
    }
    copy.headers.push(("x-more".into(), "anything".into()));
    assert_eq!(copy.sent_at(NOW, &mut marks).map(drop), Err(ProofError::Replayed));
    let again = Request::new().parameter("qeCQ", "qeCR").signed();
    assert!(again.sent_at(NOW, &mut marks).is_ok(), "the same once more, with another nonce");
}

#[test]
fn the_target_may_be_covered_as_one() {
    let covered = r#""@target-uri" "@method" "@authority" "content-type" "authorization" "content-digest""#;
    assert_eq!(Request::new().covering(covered).signed().sent(), Ok(()));
}

#[test]
fn a_request_without_a_body_needs_no_digest() {
    let covered = r#""@method" "@authority" "@path" "@query" "authorization""#;
    let get = Request::new().covering(covered).with(|request| {
        (request.method, request.body, request.query) = ("GET".into(), None, None);
        request.headers.retain(|(name, _)| !name.starts_with("content-"));
    });
    assert_eq!(get.clone().signed().sent(), Ok(()));
    // One that gets a body on its way.
    let stuffed = get.signed().with(|request| request.body = Some("x".into()));
    assert_eq!(stuffed.sent(), Err(ProofError::NotCovered));
}

#[test]
fn what_is_not_covered_is_refused() {
    for name in COVERED.split(' ') {
        let covered = COVERED.replace(name, "").replace("  ", " ").trim().to_owned();
        assert_eq!(Request::new().covering(&covered).signed().sent(), Err(ProofError::NotCovered), "{name}");
    }
    let twice = format!("{COVERED} \"@method\"");
    let unknown = ["\"@status\"", "\"@request-target\"", "\"x-missing\"", "\"@query-param\";name=\"a\""];
    for more in unknown.map(|name| format!("{COVERED} {name}")).into_iter().chain([String::new(), twice]) {
        assert_eq!(Request::new().covering(&more).signed().sent(), Err(ProofError::NotCovered), "{more}");
    }
}

#[test]
fn every_parameter_is_of_the_profile() {
    for (from, to) in [
        (r#";nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A""#, ""),
        ("qeCQ0Ycn5Gk1r8uJ0kqk1A", "short"),
        ("qeCQ0Ycn5Gk1r8uJ0kqk1A", "qeCQ0Ycn5Gk1r8uJ0kqk1+"),
        (";created=1800000000", ""),
        ("created=1800000000", "created=\"1800000000\""),
        ("created=1800000000", "created=-1"),
        (r#";keyid="BwcHBwcHBwcHBwcHBwcHBw""#, ""),
        ("BwcHBwcHBwcHBwcHBwcHBw", "alice"),
        (";tag=", r#";alg="ed25519";tag="#),
        (";tag=", r#";alg="none";tag="#),
        (";tag=", ";expires=-5;tag="),
        (";tag=", ";more=1;tag="),
    ] {
        assert_eq!(Request::new().parameter(from, to).signed().sent(), Err(ProofError::Parameter), "{to}");
    }
    let fine = [r#";alg="hmac-sha256";tag="#.to_owned(), format!(";expires={};tag=", NOW + 1)];
    for to in fine {
        assert_eq!(Request::new().parameter(";tag=", &to).signed().sent(), Ok(()), "{to}");
    }
    for other in ["pinlatch-request/2", "", "other"] {
        let request = Request::new().parameter("pinlatch-request/1", other).signed();
        assert_eq!(request.sent(), Err(ProofError::NotForUs), "{other}");
    }
}

#[test]
fn the_window_is_narrow() {
    let at = |now| Request::new().signed().sent_at(now, &mut Vec::new()).map(drop);
    assert_eq!(at(NOW + 60), Ok(()));
    assert_eq!(at(NOW + 61), Err(ProofError::Stale));
    // The token's own leeway is 5 seconds.
    assert_eq!(at(NOW - 5), Ok(()));
    let ahead = |secs: u64| Request::new().parameter("created=1800000000", &format!("created={}", NOW + secs)).signed();
    assert_eq!(ahead(30).sent(), Ok(()));
    assert_eq!(ahead(31).sent(), Err(ProofError::FromTheFuture));
    let expired = Request::new().parameter(";tag=", &format!(";expires={NOW};tag=")).signed();
    assert_eq!(expired.sent(), Err(ProofError::Stale));
    assert_eq!(ahead(999_999_999_999_999 - NOW).sent(), Err(ProofError::FromTheFuture));
}

/// A text of a request, to be changed.
type Part = fn(&mut Request) -> &mut String;

/// Each byte of what is signed, and of what signs it.
#[test]
fn every_flipped_byte_is_refused() {
    let request = Request::new().signed();
    let parts: [(&str, Part); 9] = [
        ("method", |request| &mut request.method),
        ("authority", |request| &mut request.authority),
        ("path", |request| &mut request.path),
        ("query", |request| request.query.as_mut().unwrap()),
        ("body", |request| request.body.as_mut().unwrap()),
        ("authorization", |request| request.header_mut("authorization")),
        ("content-type", |request| request.header_mut("content-type")),
        ("content-digest", |request| request.header_mut("content-digest")),
        ("signature-input", |request| request.header_mut("signature-input")),
    ];
    for (name, part) in parts {
        for at in 0..part(&mut request.clone()).len() {
            for flip in [1_u8, 2, 32] {
                let mut changed = request.clone();
                let text = part(&mut changed);
                let byte = char::from(text.as_bytes()[at] ^ flip);
                text.replace_range(at..=at, byte.encode_utf8(&mut [0; 4]));
                // A label is not signed.
                let label = name == "signature-input" && at < 4;
                assert!(label || changed.sent().is_err(), "{name} {at} {flip}");
            }
        }
    }
    let mut other = request;
    *other.header_mut("x-other") = "changed".into();
    assert_eq!(other.sent(), Ok(()), "what is not covered may change");
}

#[test]
fn every_bit_of_the_signature_counts() {
    let request = Request::new().signed();
    let text = request.clone().header_mut("signature").clone();
    let mac = Base64::decode_vec(&text[6..text.len() - 1]).unwrap();
    for bit in 0..256 {
        let mut flipped = mac.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        let mut changed = request.clone();
        *changed.header_mut("signature") = format!("sig1=:{}:", Base64::encode_string(&flipped));
        assert_eq!(changed.sent(), Err(ProofError::BadSignature), "{bit}");
    }
    for cut in [&mac[..16], &mac[..31], &[&mac[..], &[0]].concat(), &[]] {
        let mut changed = request.clone();
        *changed.header_mut("signature") = format!("sig1=:{}:", Base64::encode_string(cut));
        assert_eq!(changed.sent(), Err(ProofError::Malformed));
    }
}

#[test]
fn signatures_that_are_not_exactly_one_are_refused() {
    let request = Request::new().signed();
    let without = |name: &str| request.clone().with(|request| request.headers.retain(|(known, _)| known != name));
    assert_eq!(Request::new().sent(), Err(ProofError::NoSignature));
    assert_eq!(without("signature").sent(), Err(ProofError::Malformed));
    assert_eq!(without("signature-input").sent(), Err(ProofError::Malformed));
    let edited = |name: &'static str, edit: fn(&str) -> String| {
        request.clone().with(|request| *request.header_mut(name) = edit(request.clone().header_mut(name)))
    };
    assert_eq!(
        edited("signature-input", |text| format!("{text}, {}", text.replacen("sig1", "sig2", 1))).sent(),
        Err(ProofError::NotForUs)
    );
    assert_eq!(edited("signature", |text| text.replace("sig1", "sig2")).sent(), Err(ProofError::Malformed));
    assert_eq!(edited("signature-input", |text| text.replace(r#"" ""#, r#""  ""#)).sent(), Err(ProofError::Malformed));
    assert_eq!(
        edited("signature-input", |text| format!("{text}, x=(\"{}\")", "a".repeat(4096))).sent(),
        Err(ProofError::Malformed)
    );
    // Those of others are passed over.
    let beside = request.clone().with(|request| {
        let input = request.header_mut("signature-input");
        *input = format!(r#"theirs=("@method" "date";sf);created=1;keyid="x";alg="ed25519", {input}"#);
        let signature = request.header_mut("signature");
        *signature = format!("theirs=:AAAA:, {signature}");
    });
    assert_eq!(beside.sent(), Ok(()));
    let line_twice = request.clone().with(|request| request.headers.push(("signature".into(), "sig1=:AAAA:".into())));
    assert_eq!(line_twice.sent(), Err(ProofError::Malformed));
}

#[test]
fn the_key_is_the_tokens() {
    let with_token =
        |token: String| Request::new().with(|request| *request.header_mut("authorization") = format!("Bearer {token}"));
    let other_session = SessionId::from_bytes([8; 16]);
    let (id, _) = RequestKey::issue(&keys(1), SESSION, &mut Fixed(9));
    let (other_id, other_key) = RequestKey::issue(&keys(1), SESSION, &mut Fixed(10));
    let (stranger, _) = RequestKey::issue(&keys(2), SESSION, &mut Fixed(9));
    let refused = |request: Request| request.signed().sent();
    assert_eq!(
        refused(with_token(access_token(None, SESSION))),
        Err(ProofError::AccessToken(AccessTokenError::NotBound))
    );
    assert_eq!(refused(with_token(access_token(Some(id), other_session))), Err(ProofError::WrongKey));
    assert_eq!(refused(with_token(access_token(Some(stranger), SESSION))), Err(ProofError::WrongKey));
    assert_eq!(refused(with_token(access_token(Some(other_id), SESSION))), Err(ProofError::BadSignature));
    let theirs = Request::new().with(|request| request.key = *other_key.expose_secret());
    assert_eq!(refused(theirs), Err(ProofError::BadSignature));
    let none = Request::new().with(|request| *request.header_mut("authorization") = "Basic YWxpY2U6cHc=".into());
    assert_eq!(refused(none), Err(ProofError::NoAccessToken));
}

#[test]
fn a_body_has_one_digest_that_holds() {
    let body = Request::new().body.unwrap();
    let (short, long) = (Base64::encode_string(&Sha256::digest(&body)), Base64::encode_string(&Sha512::digest(&body)));
    let sent =
        |digest: String| Request::new().with(|request| *request.header_mut("content-digest") = digest).signed().sent();
    assert_eq!(sent(format!("sha-256=:{short}:")), Ok(()));
    assert_eq!(sent(format!("sha-512=:{long}:")), Ok(()));
    for wrong in [
        format!("sha-256=:{short}:, sha-512=:{long}:"),
        format!("md5=:{short}:"),
        format!("sha-256=:{long}:"),
        format!("sha-256={short}"),
        format!("sha-256=:{}:", short.trim_end_matches('=')),
        "sha-256=::".to_owned(),
    ] {
        assert_eq!(sent(wrong.clone()), Err(ProofError::BadDigest), "{wrong}");
    }
}

/// Authentic, and not what this profile takes (RFC 9421, appendix B.2.5).
#[test]
fn the_example_of_the_rfc_is_refused() {
    let request = Request::new().with(|request| {
        request.headers = [
            ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
            ("content-type", "application/json"),
            (
                "signature-input",
                r#"sig-b25=("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret""#,
            ),
            ("signature", "sig-b25=:pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    });
    assert_eq!(request.sent(), Err(ProofError::NotForUs));
}
