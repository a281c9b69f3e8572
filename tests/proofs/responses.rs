//! A server that proves to its clients who it is.

use base64ct::{Base64, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use pinlatch::UnixTime;
use pinlatch::proof::{
    Body, RequestParts, ResponseParts, ResponseSignature, ServerCheck, ServerKey, ServerKeyError, ServerPublicKey,
    UnknownServer, content_digest,
};
use sha2::{Digest, Sha256};

use crate::request::Fixed;

const SECRET: &[u8; 32] = b"a server's secret, 32 bytes long";
const ASKED: &[u8] = br#"{"pin":"739216"}"#;
const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

fn server() -> ServerKey {
    ServerKey::ed25519("server-1", SECRET).unwrap()
}

/// A question and its answer, both open to change.
#[derive(Clone)]
struct Exchange {
    method: &'static str,
    authority: &'static str,
    path: &'static str,
    query: Option<&'static str>,
    request: Vec<(&'static str, String)>,
    asked: Body,
    status: u16,
    response: Vec<(&'static str, String)>,
    body: String,
}

fn borrowed<'a>(headers: &'a [(&'static str, String)]) -> Vec<(&'a str, &'a [u8])> {
    headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect()
}

/// Each check draws the nonce of its salt.
fn check(salt: u8) -> ServerCheck {
    ServerCheck::new(&mut Fixed(salt))
}

impl Exchange {
    fn new() -> Self {
        let request = [
            ("accept-signature", check(1).accept_signature()),
            ("authorization", "Bearer token".into()),
            ("content-digest", content_digest(ASKED)),
            ("signature-input", "sig1=()".into()),
            ("signature", "sig1=:AAAA:".into()),
        ];
        Self {
            method: "POST",
            authority: "api.example",
            path: "/authorize",
            query: Some("a=1"),
            request: request.into(),
            asked: Body::Present,
            status: 200,
            response: vec![("content-type", "application/json".into()), ("x-other", "x".into())],
            body: r#"{"balance":5}"#.into(),
        }
    }

    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn parts<T>(&self, then: impl FnOnce(&RequestParts<'_>, &ResponseParts<'_>) -> T) -> T {
        let (request, response) = (borrowed(&self.request), borrowed(&self.response));
        let request = RequestParts {
            method: self.method,
            scheme: "https",
            authority: self.authority,
            path: self.path,
            query: self.query,
            headers: &request,
            also_signed: &[],
            body: self.asked,
        };
        then(&request, &ResponseParts { status: self.status, headers: &response, body: self.body.as_bytes() })
    }

    fn signed(&mut self, signed: ResponseSignature) {
        self.response.push(("content-digest", signed.content_digest));
        self.response.push(("signature-input", signed.headers.signature_input));
        self.response.push(("signature", signed.headers.signature));
    }

    /// As the server answers.
    fn answered(mut self) -> Self {
        let signed = self.parts(|request, response| server().sign_response(request, ASKED, response, NOW)).unwrap();
        self.signed(signed);
        self
    }

    fn header(&mut self, name: &str) -> &mut String {
        &mut self.response.iter_mut().find(|(known, _)| *known == name).unwrap().1
    }

    /// What the client makes of it.
    fn seen_with(&self, salt: u8, pinned: &[ServerPublicKey]) -> Result<UnixTime, UnknownServer> {
        self.parts(|request, response| check(salt).verify(pinned, request, response)).map(|answer| answer.signed_at)
    }

    fn seen(&self) -> Result<UnixTime, UnknownServer> {
        self.seen_with(1, &[server().public_key()])
    }
}

#[test]
fn an_answer_is_the_servers_own() {
    assert_eq!(Exchange::new().answered().seen(), Ok(NOW));
    let mut bare = Exchange::new().with(|exchange| {
        exchange.request.truncate(1);
        exchange.response.clear();
        (exchange.query, exchange.body, exchange.status, exchange.asked) = (None, String::new(), 503, Body::Absent);
    });
    let signed = bare.parts(|request, response| server().sign_response(request, b"", response, NOW)).unwrap();
    bare.signed(signed);
    assert_eq!(bare.seen(), Ok(NOW), "an error without a body, to a request without a key or a body");
}

/// As RFC 9421 writes it, by hand.
#[test]
fn the_signature_is_that_of_rfc_9421() {
    let mut exchange = Exchange::new().with(|exchange| exchange.request.truncate(3)).answered();
    let digest = format!("sha-256=:{}:", Base64::encode_string(&Sha256::digest(exchange.body.as_bytes())));
    let input = concat!(
        r#"("@status" "content-digest" "content-type" "@method";req "@authority";req "@path";req "@query";req "#,
        r#""authorization";req "content-digest";req);created=1800000000;nonce="AQEBAQEBAQEBAQEBAQEBAQ";keyid="server-1";alg="ed25519";"#,
        r#"tag="pinlatch-response/1""#
    );
    let base = format!(
        "\"@status\": 200\n\
         \"content-digest\": {digest}\n\
         \"content-type\": application/json\n\
         \"@method\";req: POST\n\
         \"@authority\";req: api.example\n\
         \"@path\";req: /authorize\n\
         \"@query\";req: ?a=1\n\
         \"authorization\";req: Bearer token\n\
         \"content-digest\";req: {}\n\
         \"@signature-params\": {input}",
        content_digest(ASKED)
    );
    let signature = SigningKey::from_bytes(SECRET).sign(base.as_bytes()).to_bytes();
    assert_eq!(*exchange.header("content-digest"), digest);
    assert_eq!(*exchange.header("signature-input"), format!("sig1={input}"));
    assert_eq!(*exchange.header("signature"), format!("sig1=:{}:", Base64::encode_string(&signature)));
}

#[test]
fn every_flipped_byte_of_an_answer_is_refused() {
    let exchange = Exchange::new().answered();
    for name in ["content-type", "content-digest", "signature-input", "signature"] {
        for at in 0..exchange.clone().header(name).len() {
            for flip in [1_u8, 2, 32] {
                let mut changed = exchange.clone();
                let text = changed.header(name);
                let byte = char::from(text.as_bytes()[at] ^ flip);
                text.replace_range(at..=at, byte.encode_utf8(&mut [0; 4]));
                assert!(changed.seen().is_err(), "{name} {at} {flip}");
            }
        }
    }
    for at in 0..exchange.body.len() {
        let changed = exchange.clone().with(|exchange| exchange.body.replace_range(at..=at, "~"));
        assert_eq!(changed.seen(), Err(UnknownServer::BadDigest));
    }
    let other = exchange.with(|exchange| *exchange.header("x-other") = "changed".into());
    assert_eq!(other.seen(), Ok(NOW), "what is not covered may change");
}

/// The same words, said to somebody else or about something else.
#[test]
fn an_answer_to_another_question_is_refused() {
    let answered = Exchange::new().answered();
    let changes: [fn(&mut Exchange); 11] = [
        |exchange| exchange.method = "GET",
        |exchange| exchange.authority = "other.example",
        |exchange| exchange.path = "/login",
        |exchange| exchange.query = None,
        |exchange| exchange.status = 201,
        |exchange| exchange.request[1].1 = "Bearer other".into(),
        |exchange| exchange.request[2].1 = "sha-256=:BBBB:".into(),
        |exchange| exchange.request[3].1 = "sig1=(\"@method\")".into(),
        |exchange| exchange.request[4].1 = "sig1=:BBBB:".into(),
        |exchange| drop(exchange.request.pop()),
        |exchange| exchange.response.retain(|(name, _)| *name != "content-type"),
    ];
    for (at, change) in changes.into_iter().enumerate() {
        assert!(answered.clone().with(change).seen().is_err(), "{at}");
    }
    // What another caller was told under the nonce that this one sent.
    let theirs = Exchange::new().with(|exchange| exchange.request[1].1 = "Bearer thief".into()).answered();
    let relayed = answered.clone().with(|exchange| exchange.response = theirs.response);
    assert_eq!(relayed.seen(), Err(UnknownServer::BadSignature));
    let unsigned = Exchange::new().with(|exchange| exchange.request.truncate(3)).answered();
    let relayed = answered.clone().with(|exchange| exchange.response = unsigned.response);
    assert_eq!(relayed.seen(), Err(UnknownServer::NotCovered));
    assert_eq!(answered.seen_with(2, &[server().public_key()]), Err(UnknownServer::NotCovered), "an old answer");
}

/// Somebody in between keeps what the client signed or digested, and asks something else under it.
#[test]
fn an_answer_to_another_body_is_refused() {
    let signed = |exchange: &Exchange, body: &[u8]| {
        exchange.parts(|request, response| server().sign_response(request, body, response, NOW)).is_some()
    };
    let asked = Exchange::new();
    assert!(signed(&asked, ASKED));
    for body in [&b""[..], br#"{"pin":"000000"}"#, &ASKED[1..]] {
        assert!(!signed(&asked, body), "the digest is compared before anything is signed");
    }
    let without = asked.with(|exchange| exchange.request.retain(|(name, _)| *name != "content-digest"));
    assert!(!signed(&without, ASKED) && !signed(&without, b""), "a body without a digest could be any");
    let bodiless = without.clone().with(|exchange| exchange.asked = Body::Absent);
    assert!(signed(&bodiless, b"") && !signed(&bodiless, ASKED));

    // A server that signs it all the same.
    let mut believed = without;
    let response = bodiless.parts(|request, response| server().sign_response(request, b"", response, NOW)).unwrap();
    believed.signed(response);
    assert_eq!(believed.seen(), Err(UnknownServer::NotCovered));
}

#[test]
fn an_answer_to_head_has_no_body() {
    let head = Exchange::new().with(|exchange| exchange.method = "HEAD").answered();
    let seen = head.with(|exchange| exchange.body.clear());
    assert_eq!(seen.seen(), Ok(NOW));
}

#[test]
fn how_an_answer_is_to_be_read_is_signed_with_it() {
    let packed = Exchange::new().with(|exchange| exchange.response.push(("content-encoding", "br".into()))).answered();
    assert_eq!(packed.seen(), Ok(NOW));
    let relabelled = packed.with(|exchange| *exchange.header("content-encoding") = "gzip".into());
    assert_eq!(relabelled.seen(), Err(UnknownServer::BadSignature));
    let added = Exchange::new().answered().with(|exchange| exchange.response.push(("content-encoding", "br".into())));
    assert_eq!(added.seen(), Err(UnknownServer::NotCovered));
}

#[test]
fn only_pinned_keys_are_believed() {
    let exchange = Exchange::new().answered();
    let other = ServerKey::ed25519("server-1", b"another server's secret, 32 bytes").map(|key| key.public_key());
    assert_eq!(other.map(drop), Err(ServerKeyError::Secret));
    let other = ServerKey::ed25519("server-1", b"another server's secret 32 bytes").unwrap().public_key();
    let next = ServerKey::ed25519("server-2", SECRET).unwrap().public_key();
    assert_eq!(exchange.seen_with(1, &[]), Err(UnknownServer::UnknownKey));
    assert_eq!(exchange.seen_with(1, core::slice::from_ref(&next)), Err(UnknownServer::UnknownKey));
    assert_eq!(exchange.seen_with(1, &[other]), Err(UnknownServer::BadSignature));
    assert_eq!(exchange.seen_with(1, &[next, server().public_key()]), Ok(NOW), "in the middle of a rotation");
}

#[test]
fn an_answer_without_a_signature_is_nobodys() {
    let answered = Exchange::new().answered();
    assert_eq!(Exchange::new().seen(), Err(UnknownServer::NotSigned));
    for name in ["signature-input", "signature"] {
        let without = answered.clone().with(|exchange| exchange.response.retain(|(known, _)| *known != name));
        assert_eq!(without.seen(), Err(UnknownServer::NotSigned), "{name}");
        let twice = answered.clone().with(|exchange| {
            let line = (name, exchange.header(name).clone());
            exchange.response.push(if name == "signature" {
                ("signature", line.1)
            } else {
                ("signature-input", line.1)
            });
        });
        assert_eq!(twice.seen(), Err(UnknownServer::NotSigned), "{name}");
    }
    let no_digest = answered.clone().with(|exchange| exchange.response.retain(|(known, _)| *known != "content-digest"));
    assert_eq!(no_digest.seen(), Err(UnknownServer::NotCovered));
    let long = answered.clone().with(|exchange| {
        let more = format!(", x=(\"{}\")", "a".repeat(4096));
        exchange.header("signature-input").push_str(&more);
    });
    assert_eq!(long.seen(), Err(UnknownServer::NotSigned));
    let tagged = answered.with(|exchange| {
        let input = exchange.header("signature-input").replace("pinlatch-response/1", "other");
        *exchange.header("signature-input") = input;
    });
    assert_eq!(tagged.seen(), Err(UnknownServer::NotSigned));
}

/// A client that signs what it pleases: each must-have left out, each parameter changed, properly signed.
#[test]
fn a_server_that_signs_less_is_refused() {
    let answered = Exchange::new().answered();
    let input = answered.clone().header("signature-input")["sig1=".len()..].to_owned();
    let resigned = |input: &str| {
        let mut changed = answered.clone();
        let names = &input[1..input.find(')').unwrap()];
        let mut base = String::new();
        for component in names.split(' ').filter(|name| !name.is_empty()) {
            let (name, of_request) = component.rsplit_once(";req").map_or((component, false), |(name, _)| (name, true));
            let name = name.trim_matches('"');
            let headers = if of_request { &changed.request } else { &changed.response };
            let value = match name {
                "@status" => "200",
                "@method" => "POST",
                "@authority" => "api.example",
                "@path" => "/authorize",
                "@query" => "?a=1",
                name => headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value),
            };
            base += &format!("{component}: {value}\n");
        }
        base += &format!("\"@signature-params\": {input}");
        let signature = SigningKey::from_bytes(SECRET).sign(base.as_bytes()).to_bytes();
        *changed.header("signature-input") = format!("sig1={input}");
        *changed.header("signature") = format!("sig1=:{}:", Base64::encode_string(&signature));
        changed.seen()
    };
    assert_eq!(resigned(&input), Ok(NOW));
    let names = input[1..input.find(')').unwrap()].to_owned();
    for name in names.split(' ') {
        let fewer = names.split(' ').filter(|other| *other != name).collect::<Vec<_>>().join(" ");
        assert_eq!(resigned(&input.replace(&names, &fewer)), Err(UnknownServer::NotCovered), "{name}");
    }
    assert_eq!(resigned(&input.replace(&names, "")), Err(UnknownServer::NotCovered));
    let twice = format!("{names} \"@status\"");
    assert_eq!(resigned(&input.replace(&names, &twice)), Err(UnknownServer::NotCovered));
    for (from, to, error) in [
        (r#";alg="ed25519""#, r#";alg="hmac-sha256""#, UnknownServer::NotSigned),
        (r#";alg="ed25519""#, r#";expires=1"#, UnknownServer::NotSigned),
        (";created=1800000000", "", UnknownServer::NotSigned),
        (";created=1800000000", ";created=-1", UnknownServer::NotSigned),
        (r#";keyid="server-1""#, "", UnknownServer::NotSigned),
        ("AQEB", "AQEC", UnknownServer::NotCovered),
        (r#";nonce="AQEBAQEBAQEBAQEBAQEBAQ""#, "", UnknownServer::NotCovered),
    ] {
        assert_eq!(resigned(&input.replace(from, to)), Err(error), "{to}");
    }
}

#[test]
fn nothing_is_signed_that_nobody_asked_for() {
    let asked = |accept: Option<&str>| {
        let exchange = Exchange::new().with(|exchange| match accept {
            Some(accept) => exchange.request[0].1 = accept.into(),
            None => drop(exchange.request.remove(0)),
        });
        exchange.parts(|request, response| server().sign_response(request, ASKED, response, NOW))
    };
    let good = check(1).accept_signature();
    assert!(asked(Some(&good)).is_some());
    assert!(asked(Some(&format!("theirs=(\"@status\");tag=\"x\", {good}"))).is_some());
    assert!(asked(Some(r#"me=();nonce="0123456789abcdef";tag="pinlatch-response/1""#)).is_some());
    for wrong in [
        "",
        "sig1",
        r#"sig1=();tag="pinlatch-response/1""#,
        r#"sig1=();nonce="short";tag="pinlatch-response/1""#,
        r#"sig1=();nonce="0123456789abcdef\";tag="pinlatch-response/1""#,
        r#"sig1=();nonce="0123456789abcdef";tag="pinlatch-request/1""#,
        &format!("{good}, {}", good.replacen("sig1", "sig2", 1)),
        &format!("{good}, x=(\"{}\")", "a".repeat(4096)),
    ] {
        assert!(asked(Some(wrong)).is_none(), "{wrong}");
    }
    assert!(asked(None).is_none());
    let twice = Exchange::new().with(|exchange| exchange.request.push(("authorization", "Bearer x".into())));
    assert!(twice.parts(|request, response| server().sign_response(request, ASKED, response, NOW)).is_none());
    let odd = Exchange::new().with(|exchange| exchange.status = 7);
    assert!(odd.parts(|request, response| server().sign_response(request, ASKED, response, NOW)).is_none());
}

#[test]
fn keys_are_told_from_what_is_none() {
    let public = server().public_key();
    assert_eq!(ServerPublicKey::from_bytes("server-1", public.as_bytes()), Ok(public.clone()));
    let jwk: serde_json::Value = serde_json::from_str(&public.to_jwk()).unwrap();
    assert_eq!(ServerPublicKey::from_text(public.id(), jwk["x"].as_str().unwrap()), Ok(public));
    assert_eq!((&jwk["kid"], &jwk["crv"]), (&"server-1".into(), &"Ed25519".into()));
    assert_eq!(ServerPublicKey::from_bytes("k", &[0; 32]), Err(ServerKeyError::PublicKey), "a point of small order");
    assert_eq!(ServerPublicKey::from_text("k", "AAAA"), Err(ServerKeyError::PublicKey));
    assert_eq!(ServerKey::ed25519("k", &[1; 32]).map(drop), Err(ServerKeyError::Secret));
    assert_eq!(ServerKey::ed25519("a b", SECRET).map(drop), Err(ServerKeyError::KeyId));
    assert_eq!(format!("{:?}", server()), "ServerKey(server-1, [redacted])");
}
