//! What others have got wrong with signed requests, one test for each.

use base64ct::{Base64, Encoding};
use pinlatch::UnixTime;
use pinlatch::proof::{
    Candidate, MessageParts, NotRemembered, Proof, ProofError, RequestKey, SeenRequests, content_digest,
};
use pinlatch::record::Inserted;

use crate::request::*;

const BAD: Result<(), ProofError> = Err(ProofError::BadSignature);

fn now() -> UnixTime {
    UnixTime::from_secs(NOW)
}

fn proof(request: &Request) -> Proof {
    request.parts(|parts| Candidate::read(parts, now())?.verify(&verifier(), &keys(1), now())).unwrap()
}

fn proof_at(request: &Request, at: u64) -> Proof {
    let at = UnixTime::from_secs(at);
    request.parts(|parts| Candidate::read(parts, at)?.verify(&verifier(), &keys(1), at)).unwrap()
}

fn with_nonce(nonce: usize) -> Request {
    Request::new().parameter("qeCQ0Ycn5Gk1r8uJ0kqk1A", &format!("{nonce:016}")).signed()
}

#[test]
fn parameters_come_in_any_order_and_are_signed_as_they_stand() {
    let parameters = [
        format!(";created={NOW}"),
        r#";nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A""#.to_owned(),
        format!(r#";keyid="{SESSION}""#),
        r#";tag="pinlatch-request/1""#.to_owned(),
        r#";alg="hmac-sha256""#.to_owned(),
    ];
    for turn in 0..parameters.len() {
        let mut turned = parameters.clone();
        turned.rotate_left(turn);
        let request = Request { parameters: turned.concat(), ..Request::new() }.signed();
        assert_eq!(request.sent(), Ok(()), "{turned:?}");
        let mut sorted = request;
        let moved = sorted.header_mut("signature-input").replace(&turned.concat(), &parameters.concat());
        *sorted.header_mut("signature-input") = moved;
        assert_eq!(sorted.sent(), if turn == 0 { Ok(()) } else { BAD });
    }
}

#[test]
fn a_body_is_bound_and_compared() {
    let other = Request::new().signed().with(|request| request.body = Some(r#"{"to":"eve","amount":5}"#.into()));
    assert_eq!(other.sent(), Err(ProofError::BadDigest));
    let digest = content_digest(br#"{"to":"eve","amount":5}"#);
    let both = other.with(|request| *request.header_mut("content-digest") = digest);
    assert_eq!(both.sent(), BAD);
}

#[test]
fn a_missing_digest_is_not_an_empty_one() {
    let without = Request::new().with(|request| request.headers.retain(|(name, _)| name != "content-digest"));
    assert_eq!(without.signed().sent(), Err(ProofError::NotCovered), "signed as nothing, compared with nothing");
    let empty = Request::new().with(|request| request.header_mut("content-digest").clear());
    assert_eq!(empty.signed().sent(), Err(ProofError::BadDigest));
}

#[test]
fn coverage_is_the_verifiers_to_demand() {
    let dated = Request::new().with(|request| request.headers.push(("date".into(), "today".into())));
    for covered in ["", r#""date""#, r#""@method" "@authority" "@path""#] {
        assert_eq!(dated.clone().covering(covered).signed().sent(), Err(ProofError::NotCovered), "{covered}");
    }
}

#[test]
fn a_header_called_method_is_no_method() {
    let post = Request::new().with(|request| request.headers.insert(0, ("@method".into(), "GET".into())));
    let mut get = post.signed();
    assert_eq!(get.sent(), Ok(()));
    get.method = "GET".into();
    assert_eq!(get.sent(), BAD);
}

#[test]
fn a_covered_header_is_there_once() {
    for name in ["authorization", "content-digest", "content-type"] {
        let mut twice = Request::new().signed();
        let value = twice.header_mut(name).clone();
        twice.headers.push((name.into(), value));
        assert_eq!(twice.sent(), Err(ProofError::Ambiguous), "{name}");
    }
    let other_case = Request::new().signed().with(|request| {
        request.headers.push(("Content-Type".into(), "text/html".into()));
    });
    assert_eq!(other_case.sent(), Err(ProofError::Ambiguous), "names have no case");
    let upper = Request::new().signed().with(|request| {
        request.headers.iter_mut().for_each(|(name, _)| *name = name.to_uppercase());
    });
    assert_eq!(upper.sent(), Ok(()));
    let padded = Request::new().signed().with(|request| {
        let value = format!("  {}\t", request.header_mut("content-type"));
        *request.header_mut("content-type") = value;
    });
    assert_eq!(padded.sent(), Ok(()), "spaces around a value are not part of it");
}

#[test]
fn no_value_forges_a_line() {
    for odd in ["a\nb", "a\r\n b", "a\0b", "ä", "a\x7F"] {
        let request = Request::new().with(|request| *request.header_mut("content-type") = odd.into()).signed();
        assert_eq!(request.sent(), Err(ProofError::Ambiguous), "{odd:?}");
        let path = Request::new().with(|request| request.path = format!("/{odd}")).signed();
        assert_eq!(path.sent(), Err(ProofError::Ambiguous), "{odd:?}");
    }
}

#[test]
fn a_label_says_nothing() {
    let (request, mut marks) = (Request::new().signed(), Vec::new());
    let mut relabelled = request.clone();
    for name in ["signature-input", "signature"] {
        let value = relabelled.header_mut(name).replacen("sig1", "fresh", 1);
        *relabelled.header_mut(name) = value;
    }
    assert!(request.sent_at(NOW, &mut marks).is_ok());
    assert_eq!(relabelled.sent_at(NOW, &mut marks).map(drop), Err(ProofError::Replayed));
}

#[test]
fn a_signature_beside_it_changes_nothing() {
    let theirs = |tag: &str| {
        Request::new().signed().with(|request| {
            let input = format!(r#"evil=("@method");created={NOW};keyid="x"{tag}, "#);
            request.header_mut("signature-input").insert_str(0, &input);
            request.header_mut("signature").insert_str(0, "evil=:AAAA:, ");
        })
    };
    assert_eq!(theirs("").sent(), Ok(()));
    assert_eq!(theirs(r#";tag="other""#).sent(), Ok(()));
    assert_eq!(theirs(r#";tag="pinlatch-request/1""#).sent(), Err(ProofError::NotForUs), "which one was meant?");
}

#[test]
fn the_algorithm_is_the_keys() {
    for alg in ["none", "ed25519", "rsa-pss-sha512", "HMAC-SHA256", ""] {
        let request = Request::new().parameter(";tag=", &format!(r#";alg="{alg}";tag="#)).signed();
        assert_eq!(request.sent(), Err(ProofError::Parameter), "{alg}");
    }
}

#[test]
fn a_query_is_signed_as_it_was_sent() {
    let sent = |query: &str| {
        let request = Request::new().with(|request| request.query = Some("b=2&a=1%7e".into())).signed();
        request.with(|request| request.query = Some(query.into())).sent()
    };
    assert_eq!(sent("b=2&a=1%7e"), Ok(()));
    for other in ["a=1%7e&b=2", "b=2&a=1%7E", "b=2&a=1~", "b=2&a=1%7e&"] {
        assert_eq!(sent(other), BAD, "{other}");
    }
}

#[test]
fn a_path_is_signed_as_it_was_sent() {
    let sent = |path: &str| {
        let request = Request::new().with(|request| request.path = "/a/../b%7e".into()).signed();
        request.with(|request| request.path = path.into()).sent()
    };
    assert_eq!(sent("/a/../b%7e"), Ok(()));
    for other in ["/b%7e", "/a/../b~", "/a/../b%7E", "/a/..//b%7e"] {
        assert_eq!(sent(other), BAD, "{other}");
    }
}

/// A router that takes a prefix off the path leaves it where the host still finds it; one who signs the rest is
/// refused.
#[test]
fn a_prefix_that_a_router_took_is_missed() {
    let stripped = Request::new().signed().with(|request| request.path = "/transfer".into());
    assert_eq!(stripped.sent(), BAD);
}

#[test]
fn the_authority_is_not_what_a_header_says() {
    let elsewhere = Request::new().with(|request| {
        request.authority = "evil.example".into();
        request.headers.push(("host".into(), "api.example".into()));
        request.headers.push(("x-forwarded-host".into(), "api.example".into()));
    });
    let here = elsewhere.signed().with(|request| request.authority = "api.example".into());
    assert_eq!(here.sent(), BAD);
}

#[test]
fn no_authority_is_not_an_empty_one() {
    let changes: [fn(&mut Request); 2] = [|request| request.authority.clear(), |request| request.method.clear()];
    for change in changes {
        assert_eq!(Request::new().with(change).signed().sent(), Err(ProofError::NotCovered));
    }
}

/// What would let somebody collect requests for later: a time that the server did not say. Answers say it in their
/// signatures only (`responses::every_flipped_byte_of_an_answer_is_refused`), and no request is from far ahead.
#[test]
fn nobody_signs_for_tomorrow() {
    let tomorrow = Request::new().parameter(&NOW.to_string(), &(NOW + 86_400).to_string()).signed();
    assert_eq!(tomorrow.sent(), Err(ProofError::FromTheFuture));
}

#[test]
fn a_retry_is_told_from_a_forgery() {
    let (request, mut marks) = (Request::new().signed(), Vec::new());
    assert!(request.sent_at(NOW, &mut marks).is_ok());
    let retried = request.sent_at(NOW, &mut marks).unwrap_err();
    assert_eq!((retried.code(), ProofError::BadSignature.code()), ("replayed", "invalid_proof"));
}

#[test]
fn two_calls_alike_in_one_second_are_two() {
    let mut marks = Vec::new();
    for nonce in 0..2 {
        assert!(with_nonce(nonce).sent_at(NOW, &mut marks).is_ok());
    }
    let without = Request::new().parameter(r#";nonce="qeCQ0Ycn5Gk1r8uJ0kqk1A""#, "").signed();
    assert_eq!(without.sent(), Err(ProofError::Parameter));
}

#[test]
fn nothing_is_evicted() {
    for seen in [SeenRequests::new(1, 100), SeenRequests::new(1600, 1)] {
        let first = proof(&with_nonce(0));
        assert_eq!(seen.insert_new(&first, now()), Ok(Inserted::Created));
        for nonce in 1..100 {
            assert_eq!(seen.insert_new(&proof(&with_nonce(nonce)), now()), Err(NotRemembered::Full));
        }
        assert_eq!(seen.insert_new(&first, now()), Ok(Inserted::Exists));
    }
}

/// What was signed before is remembered until nobody could come with it; then the memory is free again.
#[test]
fn a_mark_lasts_as_long_as_its_signature() {
    let at = |secs: u64| UnixTime::from_secs(NOW + secs);
    for ahead in [0, 1, 29, 30] {
        let first = Request::new().parameter(&NOW.to_string(), &(NOW + ahead).to_string()).signed();
        let (seen, first) = (SeenRequests::new(1600, 1), proof(&first));
        assert_eq!(seen.insert_new(&first, at(0)), Ok(Inserted::Created));
        for secs in 0..=ahead + 60 {
            assert_eq!(seen.insert_new(&first, at(secs)), Ok(Inserted::Exists), "{ahead} {secs}");
        }
        assert_eq!(seen.insert_new(&first, at(ahead + 121)), Err(NotRemembered::Forgotten), "nor does it come back");
        assert_eq!(seen.insert_new(&first, at(0)), Err(NotRemembered::Forgotten), "when the clock is put back");
    }
}

/// Requests that were signed at times all over the window, in any order.
#[test]
fn what_is_forgotten_stays_forgotten() {
    let signed_at =
        |at: u64| proof_at(&Request::new().parameter(&NOW.to_string(), &at.to_string()).signed(), at.max(NOW));
    let seen = SeenRequests::new(1600, 100);
    let (ahead, behind) = (signed_at(NOW + 30), signed_at(NOW - 30));
    for (proof, at) in [(&ahead, NOW), (&behind, NOW), (&signed_at(NOW + 200), NOW + 200)] {
        assert_eq!(seen.insert_new(proof, UnixTime::from_secs(at)), Ok(Inserted::Created));
    }
    for proof in [&ahead, &behind] {
        assert_eq!(seen.insert_new(proof, now()), Err(NotRemembered::Forgotten), "though the clock was put back");
    }
}

/// What a process accepted before it started it cannot know; the façade asks these two
/// (`suite::requests::a_restart_opens_no_window`).
#[test]
fn a_proof_says_how_old_it_is() {
    let proof = proof(&Request::new().signed());
    assert_eq!((proof.created(), proof.token_issued_at(), proof.session_id()), (now(), now(), SESSION));
}

#[test]
fn a_mac_has_32_bytes() {
    for len in [0, 16, 31] {
        let mut cut = Request::new().signed();
        let signature = cut.header_mut("signature").clone();
        let mac = Base64::decode_vec(&signature[6..signature.len() - 1]).unwrap();
        *cut.header_mut("signature") = format!("sig1=:{}:", Base64::encode_string(&mac[..len]));
        assert_eq!(cut.sent(), Err(ProofError::Malformed), "{len}");
    }
}

#[test]
fn hostile_numbers_are_refused_and_nothing_panics() {
    let refused = |created: &str| Request::new().parameter(&NOW.to_string(), created).signed().sent().unwrap_err();
    assert_eq!(refused("-1"), ProofError::Parameter);
    assert_eq!(refused("-999999999999999"), ProofError::Parameter);
    assert_eq!(refused("0"), ProofError::Stale);
    assert_eq!(refused("999999999999999"), ProofError::FromTheFuture);
    for wrong in ["1800000000.0", "9999999999999999", "18446744073709551616", "1e9", "?1", "\"1800000000\"", ""] {
        assert!(matches!(refused(wrong), ProofError::Malformed | ProofError::Parameter), "{wrong}");
    }
}

/// A WebSocket of a browser: its first message says who it is.
#[test]
fn who_cannot_set_headers_signs_a_message() {
    let (id, key) = RequestKey::issue(&keys(1), SESSION, &mut Fixed(9));
    let token = access_token(Some(id), SESSION);
    let parts = MessageParts { access_token: &token, service: "wss://api.example", parts: &[("open", b"events")] };
    let signature = key.sign_message(&parts, now(), &mut Fixed(1));
    let candidate = Candidate::read_message(&parts, &signature, now()).unwrap();
    assert_eq!(candidate.verify(&verifier(), &keys(1), now()).unwrap().session_id(), SESSION);
}
