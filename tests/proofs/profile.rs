//! The profile: what is accepted, and every way to miss it.

use base64ct::{Base64, Encoding};
use pinlatch::proof::{Candidate, ProofError, RequestKey};
use pinlatch::{AccessTokenError, SessionId, UnixTime};
use sha2::{Digest, Sha256, Sha512};

use crate::request::*;

/// Enough where there is no body.
const BARE: &str = r#""@method" "@authority" "@path" "@query" "authorization""#;

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
fn the_access_token_is_known_before_it_is_verified() {
    let mut request = Request::new().signed();
    let token =
        request.parts(|parts| Candidate::read(parts, UnixTime::from_secs(NOW)).unwrap().access_token().to_owned());
    assert_eq!(request.header_mut("authorization").strip_prefix("Bearer "), Some(&*token));
}

#[test]
fn the_target_may_be_covered_as_one() {
    let covered = r#""@target-uri" "@method" "@authority" "content-type" "authorization" "content-digest""#;
    assert_eq!(Request::new().covering(covered).signed().sent(), Ok(()));
}

#[test]
fn a_request_without_a_body_needs_no_digest() {
    let get = Request::new().covering(BARE).with(|request| {
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
        ("qeCQ0Ycn5Gk1r8uJ0kqk1A", "fifteen_letters"),
        ("qeCQ0Ycn5Gk1r8uJ0kqk1A", &"a".repeat(65)),
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
    for nonce in ["-_-_-_-_-_-_-_-_", &"a".repeat(64)] {
        let request = Request::new().parameter("qeCQ0Ycn5Gk1r8uJ0kqk1A", nonce).signed();
        assert_eq!(request.sent(), Ok(()), "{nonce}");
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
    // The two headers together are too long, each by itself is not.
    let of_length = |len: usize| {
        request.clone().with(|request| {
            request.header_mut("signature-input").push_str(&format!(", x=(\"{}\")", "a".repeat(2000)));
            let more = len - request.header_mut("signature-input").len() - request.header_mut("signature").len();
            request.header_mut("signature").push_str(&format!(", x=:{}:", "a".repeat(more - 6)));
        })
    };
    assert_eq!(of_length(Candidate::MAX_LEN).sent(), Ok(()));
    assert_eq!(of_length(Candidate::MAX_LEN + 1).sent(), Err(ProofError::Malformed));
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

#[test]
fn how_a_body_is_to_be_read_is_signed_with_it() {
    let header = ("content-encoding".to_owned(), "gzip".to_owned());
    let packed = Request::new().with(|request| request.headers.push(header.clone()));
    assert_eq!(packed.clone().signed().sent(), Err(ProofError::NotCovered));
    assert_eq!(packed.covering(&format!(r#"{COVERED} "content-encoding""#)).signed().sent(), Ok(()));
    let relabelled = Request::new().signed().with(|request| request.headers.push(header));
    assert_eq!(relabelled.sent(), Err(ProofError::NotCovered));
    // Also where the host says that there is no body: it may be wrong, and read one.
    for name in ["content-type", "content-encoding"] {
        let typed = |covered: &str| {
            let header = (name.to_owned(), "text/plain".to_owned());
            let bare = Request::new().covering(covered).with(|request| request.body = None);
            bare.with(|request| request.headers.retain(|(known, _)| known != "content-type"))
                .with(|request| request.headers.push(header))
                .signed()
        };
        assert_eq!(typed(BARE).sent(), Err(ProofError::NotCovered));
        assert_eq!(typed(&format!(r#"{BARE} "{name}""#)).sent(), Ok(()));
    }
}

#[test]
fn headers_that_mean_something_to_the_host_are_signed() {
    let with_header = |covered: &str| {
        let header = ("idempotency-key".to_owned(), "7".to_owned());
        let request = Request::new().covering(covered).with(|request| request.headers.push(header));
        request.with(|request| request.also_signed = &["idempotency-key"]).signed()
    };
    assert_eq!(with_header(COVERED).sent(), Err(ProofError::NotCovered));
    let covered = format!(r#"{COVERED} "idempotency-key""#);
    assert_eq!(with_header(&covered).sent(), Ok(()));
    let changed = with_header(&covered).with(|request| *request.header_mut("idempotency-key") = "8".into());
    assert_eq!(changed.sent(), Err(ProofError::BadSignature));
    let absent = Request::new().with(|request| request.also_signed = &["idempotency-key"]).signed();
    assert_eq!(absent.sent(), Ok(()), "one that is not there need not be signed");
}

/// A body of any size, in any pieces.
#[test]
fn a_body_may_come_in_pieces() {
    let request = Request::new().signed();
    let body = request.body.clone().unwrap();
    let now = UnixTime::from_secs(NOW);
    let in_pieces = |request: &Request, pieces: &[&[u8]]| {
        let proof = request.parts(|parts| Candidate::read(parts, now)?.verify(&verifier(), &keys(1), now)).unwrap();
        let mut body = first_time(proof, now, &mut Vec::new()).unwrap().in_pieces();
        for piece in pieces {
            body.update(piece);
        }
        body.finish().map(|accepted| accepted.access.session_id)
    };
    let (head, tail) = body.as_bytes().split_at(7);
    let bytes: Vec<&[u8]> = body.as_bytes().chunks(1).collect();
    for pieces in [&[body.as_bytes()][..], &[head, tail], &[head, b"", tail], &bytes] {
        assert_eq!(in_pieces(&request, pieces), Ok(SESSION));
    }
    for pieces in [&[][..], &[head], &[tail, head], &[body.as_bytes(), b" "]] {
        assert_eq!(in_pieces(&request, pieces), Err(ProofError::BadDigest), "{pieces:?}");
    }
    let bare =
        Request::new().covering(&format!(r#"{BARE} "content-type""#)).with(|request| request.body = None).signed();
    assert_eq!(in_pieces(&bare, &[b"", b""]), Ok(SESSION));
    for pieces in [&[&b"x"[..]][..], &[b"x", b""], &[b"", b"x"]] {
        assert_eq!(in_pieces(&bare, pieces), Err(ProofError::BadDigest), "nothing was signed");
    }
}
