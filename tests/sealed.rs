//! Sealed bodies: who can read them, and for what they hold.
#![cfg(feature = "sealed")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use pinlatch::sealed::*;
use rand_core::UnwrapErr;

const PATH: &str = "/authorize";
const ASKED: &[u8] = br#"{"session_token":"pls1_first"}"#;
const ANSWERED: &[u8] = br#"{"session_token":"pls1_next"}"#;

#[expect(clippy::disallowed_types, reason = "a test asks the system")]
fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn key(id: u8, mark: u8) -> SealingKey {
    SealingKey::x25519(id, &core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap())).unwrap()
}

fn seal(key: &SealingKey) -> (Vec<u8>, AnswerOpener) {
    key.public_key().seal(PATH, ASKED, &mut rng()).unwrap()
}

#[test]
fn what_is_sealed_arrives_and_so_does_its_answer() {
    for (asked, answered) in [(ASKED, ANSWERED), (&[], &[]), (&[7; 100_000], &[8; 100_000])] {
        let key = key(1, 0);
        let (request, answer) = key.public_key().seal(PATH, asked, &mut rng()).unwrap();
        assert_eq!(request.len(), asked.len() + 55);
        let opened = open(&[key], PATH, &request).unwrap();
        assert_eq!(*opened.body, asked);
        let reply = opened.answer.seal(answered, &mut rng());
        assert_eq!(reply.len(), answered.len() + 48);
        assert_eq!(*answer.open(&reply).unwrap(), answered);
    }
}

#[test]
fn no_byte_of_a_request_or_of_an_answer_can_be_another() {
    let keys = [key(1, 0)];
    let (request, answer) = seal(&keys[0]);
    for at in 0..request.len() {
        let mut changed = request.clone();
        changed[at] ^= 0x40;
        let expected = if at < 7 { UnsealError::UnknownKey } else { UnsealError::Malformed };
        assert_eq!(open(&keys, PATH, &changed).unwrap_err(), expected, "byte {at}");
    }
    for len in 0..request.len() {
        assert_eq!(open(&keys, PATH, &request[..len]).unwrap_err(), UnsealError::Malformed, "{len} bytes");
    }
    let reply = open(&keys, PATH, &request).unwrap().answer.seal(ANSWERED, &mut rng());
    for at in 0..=reply.len() {
        let (request, answer) = seal(&keys[0]);
        let mut reply = open(&keys, PATH, &request).unwrap().answer.seal(ANSWERED, &mut rng());
        match reply.get_mut(at) {
            Some(byte) => *byte ^= 0x40,
            None => drop(reply.pop()),
        }
        assert_eq!(answer.open(&reply).unwrap_err(), NotTheAnswer, "byte {at}");
    }
    assert_eq!(*answer.open(&reply).unwrap(), ANSWERED);
}

/// A request that was meant for one route does nothing on another, and only the asked server can read it.
#[test]
fn a_request_holds_for_its_path_and_its_key() {
    let (asked, other) = (key(1, 0), key(1, 128));
    let (request, _) = seal(&asked);
    assert!(open(core::slice::from_ref(&asked), PATH, &request).is_ok());
    for path in ["", "/", "/authorize/", "/device-key/remove"] {
        let refused = open(core::slice::from_ref(&asked), path, &request).unwrap_err();
        assert_eq!(refused, UnsealError::Malformed, "{path}");
    }
    assert_eq!(open(&[other], PATH, &request).unwrap_err(), UnsealError::Malformed);
    assert_eq!(open(&[key(2, 0)], PATH, &request).unwrap_err(), UnsealError::UnknownKey);
    assert_eq!(open(&[], PATH, &request).unwrap_err(), UnsealError::UnknownKey);
}

#[test]
fn keys_follow_each_other() {
    let (old, new) = (key(1, 0), key(2, 128));
    let requests = [seal(&old).0, seal(&new).0];
    for request in &requests {
        assert!(open(&[new.clone(), old.clone()], PATH, request).is_ok());
    }
    assert!(open(core::slice::from_ref(&new), PATH, &requests[0]).is_err());
}

/// Whoever has recorded a request can send it again; whatever the server answers then, they cannot read it.
#[test]
fn an_answer_is_for_the_client_that_asked_and_no_two_are_alike() {
    let keys = [key(1, 0)];
    let (first, first_answer) = seal(&keys[0]);
    let (second, second_answer) = seal(&keys[0]);
    assert_ne!(first, second);
    let replies = [(); 2].map(|()| open(&keys, PATH, &first).unwrap().answer.seal(ANSWERED, &mut rng()));
    assert_ne!(replies[0][..32], replies[1][..32]);
    let xor = replies[0][32..].iter().zip(&replies[1][32..]).map(|(a, b)| a ^ b);
    assert!(xor.filter(|byte| *byte == 0).count() < ANSWERED.len() / 4, "one key stream for two answers");
    assert_eq!(second_answer.open(&replies[0]).unwrap_err(), NotTheAnswer);
    assert_eq!(*first_answer.open(&replies[1]).unwrap(), ANSWERED);
}

/// RFC 7748 §6.1: such a key agrees with everybody on zero.
#[test]
fn keys_for_which_anybody_could_open_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for bytes in [[0; 32], one] {
        let refused = SealingPublicKey::from_bytes(1, bytes).seal(PATH, ASKED, &mut rng()).unwrap_err();
        assert_eq!(refused, SealingKeyError::PublicKey);
    }
    for secret in [&[0; 32][..], &[1; 31], &[1; 33], b""] {
        assert_eq!(SealingKey::x25519(1, secret).unwrap_err(), SealingKeyError::Secret);
    }
    assert_eq!(SealingPublicKey::from_text(1, "AAAA").unwrap_err(), SealingKeyError::PublicKey);
}

#[test]
fn public_keys_travel_as_text() {
    let public = key(7, 0).public_key();
    let jwk: serde_json::Value = serde_json::from_str(&public.to_jwk()).unwrap();
    assert_eq!(
        (&jwk["kty"], &jwk["crv"], &jwk["use"], &jwk["kid"]),
        (&"OKP".into(), &"X25519".into(), &"enc".into(), &"7".into())
    );
    assert_eq!(SealingPublicKey::from_text(7, jwk["x"].as_str().unwrap()).unwrap(), public);
    assert_eq!(SealingPublicKey::from_bytes(7, *public.as_bytes()), public);
}

#[test]
fn nothing_of_it_shows_in_debug() {
    let keys = [key(1, 0)];
    let (request, answer) = seal(&keys[0]);
    let opened = open(&keys, PATH, &request).unwrap();
    let shown = format!("{:?} {answer:?} {opened:?} {:?}", keys[0], opened.answer);
    assert_eq!(shown, "SealingKey(1, [redacted]) AnswerOpener([redacted]) Opened([redacted]) AnswerSealer([redacted])");
}
