//! Sealed bodies: who can read them, and for what they hold.
#![cfg(feature = "sealed")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use pinlatch::UnixTime;
use pinlatch::client::{ClientKdf, ClientPin, DeviceKey, Exchange, ExchangeError, PinLocked};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::proof::{Origin, RequestParts};
use pinlatch::sealed::*;
use pinlatch::stretch::KdfMemory;
use rand_core::UnwrapErr;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ASKED: &[u8] = br#"{"session_token":"pls1_first"}"#;
const ANSWERED: &[u8] = br#"{"session_token":"pls1_next"}"#;

#[expect(clippy::disallowed_types, reason = "a test asks the system")]
fn rng() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

fn key(id: u8, mark: u8) -> SealingKey {
    SealingKey::x25519(id, &core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap())).unwrap()
}

/// A server with one key, and the address under which it is asked.
struct World {
    keys: SealingKeys,
    origin: Origin,
}

impl World {
    fn new() -> Self {
        Self { keys: SealingKeys::new([key(1, 0)]).unwrap(), origin: "https://api.example".parse().unwrap() }
    }

    fn request(&self) -> RequestParts<'_> {
        RequestParts::new("POST", &self.origin, "/authorize", &[])
    }

    fn public_key(&self) -> SealingPublicKey {
        self.keys.public_keys().next().unwrap()
    }

    fn seal(&self) -> (Vec<u8>, AnswerOpener) {
        self.public_key().seal(&self.request(), ASKED, NOW, &mut rng()).unwrap()
    }

    fn open(&self, body: &[u8]) -> Result<Opened, UnsealError> {
        self.keys.open(&self.request(), body, NOW)
    }
}

#[test]
fn what_is_sealed_arrives_and_so_does_its_answer() {
    let world = World::new();
    for (asked, answered) in [(ASKED, ANSWERED), (&[], &[]), (&[7; 100_000], &[8; 100_000])] {
        let (body, opener) = world.public_key().seal(&world.request(), asked, NOW, &mut rng()).unwrap();
        let opened = world.open(&body).unwrap();
        assert_eq!(*opened.body, asked);
        let answer = opener.open(&opened.answer.seal(401, answered, &mut rng())).unwrap();
        assert_eq!((answer.status, &**answer.body), (401, answered));
    }
}

/// The length of a PIN is nobody's business, and neither is whether it was right.
#[test]
fn lengths_tell_nothing() {
    let world = World::new();
    let lengths = [(1_012, 1, 1), (1_013, 2, 1), (2_036, 2, 1), (2_037, 3, 1), (4_090, 5, 1), (4_091, 5, 2)];
    for (len, requests, answers) in (0..1_012).step_by(4).map(|len| (len, 1, 1)).chain(lengths) {
        let (body, _) = world.public_key().seal(&world.request(), &vec![b'x'; len], NOW, &mut rng()).unwrap();
        let answer = world.open(&body).unwrap().answer.seal(200, &vec![b'x'; len], &mut rng());
        assert_eq!((body.len() - 55, answer.len() - 48), (requests * 1_024, answers * 4_096), "{len}");
    }
}

#[test]
fn no_byte_of_a_request_or_of_an_answer_can_be_another() {
    let world = World::new();
    let (body, opener) = world.seal();
    for (at, bit) in (0..body.len()).flat_map(|at| [(at, 0x40), (at, 0x80)]) {
        let mut changed = body.clone();
        changed[at] ^= bit;
        let expected = if at < 7 { UnsealError::UnknownKey } else { UnsealError::Malformed };
        assert_eq!(world.open(&changed).unwrap_err(), expected, "byte {at}");
    }
    for len in 0..body.len() {
        assert_eq!(world.open(&body[..len]).unwrap_err(), UnsealError::Malformed, "{len} bytes");
    }
    let reply = world.open(&body).unwrap().answer.seal(200, ANSWERED, &mut rng());
    for at in 0..=reply.len() {
        let (body, opener) = world.seal();
        let mut reply = world.open(&body).unwrap().answer.seal(200, ANSWERED, &mut rng());
        match reply.get_mut(at) {
            Some(byte) => *byte ^= 0x40,
            None => drop(reply.pop()),
        }
        assert_eq!(opener.open(&reply).unwrap_err(), NotTheAnswer, "byte {at}");
    }
    assert_eq!(&**opener.open(&reply).unwrap().body, ANSWERED);
}

/// What was meant for one route does nothing on another, with another method, or at another service.
#[test]
fn a_request_holds_for_its_method_its_address_and_its_key() {
    let world = World::new();
    let (body, _) = world.seal();
    assert!(world.open(&body).is_ok());
    let (other, insecure): (Origin, Origin) =
        ("https://b.example".parse().unwrap(), "http://api.example".parse().unwrap());
    for (method, origin, target) in [
        ("PUT", &world.origin, "/authorize"),
        ("POST", &other, "/authorize"),
        ("POST", &insecure, "/authorize"),
        ("POST", &world.origin, "/"),
        ("POST", &world.origin, "/authorize/"),
        ("POST", &world.origin, "/authorize?"),
        ("POST", &world.origin, "/authorize?force=1"),
        ("POST", &world.origin, "/device-key/remove"),
        ("POST", &world.origin, "/authorize x"),
    ] {
        let request = RequestParts::new(method, origin, target, &[]);
        let refused = world.keys.open(&request, &body, NOW).unwrap_err();
        assert_eq!(refused, UnsealError::Malformed, "{method} {origin}{target}");
    }
    let with_keys = |keys| SealingKeys::new(keys).unwrap().open(&world.request(), &body, NOW).unwrap_err();
    assert_eq!(with_keys([key(1, 128)]), UnsealError::Malformed);
    assert_eq!(with_keys([key(2, 0)]), UnsealError::UnknownKey);
}

/// Whoever has recorded a request can send it again for two minutes, and no longer.
#[test]
fn a_request_is_good_for_two_minutes() {
    let world = World::new();
    let (body, _) = world.seal();
    let open_at = |secs: u64| world.keys.open(&world.request(), &body, UnixTime::from_secs(secs)).map(drop);
    for (secs, expected) in [
        (1_799_999_879, Err(UnsealError::Stale)),
        (1_799_999_880, Ok(())),
        (1_800_000_120, Ok(())),
        (1_800_000_121, Err(UnsealError::Stale)),
        (0, Err(UnsealError::Stale)),
    ] {
        assert_eq!(open_at(secs), expected, "{secs}");
    }
    assert_eq!(WINDOW, Duration::from_secs(120));
    let (body, _) = world.public_key().seal(&world.request(), ASKED, UnixTime::MAX, &mut rng()).unwrap();
    assert_eq!(world.open(&body).unwrap_err(), UnsealError::Stale);
}

#[test]
fn keys_follow_each_other() {
    let mut world = World::new();
    let before = world.seal().0;
    world.keys = SealingKeys::new([key(2, 128), key(1, 0)]).unwrap();
    let after = world.seal().0;
    assert_eq!((before[0], after[0]), (1, 2), "clients take the first");
    assert!(world.open(&before).is_ok() && world.open(&after).is_ok());
    world.keys = SealingKeys::new([key(2, 128)]).unwrap();
    assert_eq!(world.open(&before).unwrap_err(), UnsealError::UnknownKey);
    assert_eq!(SealingKeys::new([key(1, 0), key(2, 7), key(1, 9)]).unwrap_err(), SealingKeyError::Ids);
    assert_eq!(SealingKeys::new([]).unwrap_err(), SealingKeyError::Ids);
}

/// Whoever sends a recorded request again cannot read what the server answers then.
#[test]
fn an_answer_is_for_the_client_that_asked_and_no_two_are_alike() {
    let world = World::new();
    let ((first, first_opener), (second, second_opener)) = (world.seal(), world.seal());
    assert_ne!(first, second);
    let replies = [(); 2].map(|()| world.open(&first).unwrap().answer.seal(200, ANSWERED, &mut rng()));
    assert_ne!(replies[0][..32], replies[1][..32]);
    let same = replies[0][32..].iter().zip(&replies[1][32..]).filter(|(a, b)| a == b).count();
    assert!(same < replies[0].len() / 8, "one key stream for two answers");
    assert_eq!(second_opener.open(&replies[0]).unwrap_err(), NotTheAnswer);
    assert_eq!(&**first_opener.open(&replies[1]).unwrap().body, ANSWERED);
}

/// RFC 7748 §6.1: such a key agrees with everybody on zero.
#[test]
fn keys_for_which_anybody_could_open_are_refused() {
    let world = World::new();
    let mut one = [0; 32];
    one[0] = 1;
    for bytes in [[0; 32], one] {
        let refused = SealingPublicKey::from_bytes(1, bytes).seal(&world.request(), ASKED, NOW, &mut rng());
        assert_eq!(refused.map(drop).unwrap_err(), SealError::PublicKey);
        let sent = [&[1, 0, 0x20, 0, 1, 0, 3][..], &bytes, &[0; 300]].concat();
        assert_eq!(world.open(&sent).unwrap_err(), UnsealError::Malformed);
    }
    let no_path = RequestParts::new("POST", &world.origin, "/a path", &[]);
    let refused = world.public_key().seal(&no_path, ASKED, NOW, &mut rng());
    assert_eq!(refused.map(drop).unwrap_err(), SealError::Request);
    for secret in [&[0; 32][..], &[1; 31], &[1; 33], b""] {
        assert_eq!(SealingKey::x25519(1, secret).unwrap_err(), SealingKeyError::Secret);
    }
    assert_eq!(SealingPublicKey::from_text(1, "AAAA").unwrap_err(), SealingKeyError::PublicKey);
}

#[test]
fn public_keys_travel_as_text() {
    let public = key(7, 0).public_key();
    let jwk: serde_json::Value = serde_json::from_str(&public.to_jwk()).unwrap();
    let member = |name: &str| jwk[name].as_str().unwrap();
    assert_eq!([member("kty"), member("crv"), member("use"), member("kid")], ["OKP", "X25519", "enc", "7"]);
    assert_eq!(SealingPublicKey::from_text(7, member("x")).unwrap(), public);
    assert_eq!(SealingPublicKey::from_bytes(7, *public.as_bytes()), public);
    let other = r#"{"kty":"OKP","crv":"Ed25519","use":"sig","kid":"server-1","x":"abc"}"#;
    let directory = |key: &str| SealingPublicKey::from_directory(format!(r#"{{"keys":[{other},{key}]}}"#).as_bytes());
    assert_eq!(directory(&public.to_jwk()).unwrap(), public);
    for wrong in [other, r#"{"crv":"X25519"}"#, &public.to_jwk().replace(r#""7""#, r#""256""#), "{"] {
        assert_eq!(directory(wrong).unwrap_err(), SealingKeyError::PublicKey, "{wrong}");
    }
}

#[test]
fn nothing_of_it_shows_in_debug() {
    let world = World::new();
    let (body, opener) = world.seal();
    let opened = world.open(&body).unwrap();
    let shown = format!("{:?} {opener:?} {opened:?} {:?}", world.keys, opened.answer);
    let expected =
        "SealingKeys([SealingKey(1, [redacted])]) AnswerOpener([redacted]) Opened([redacted]) AnswerSealer([redacted])";
    assert_eq!(shown, expected);
    let answer = opener.open(&opened.answer.seal(200, ANSWERED, &mut rng())).unwrap();
    assert_eq!(format!("{answer:?}"), "SealedAnswer(200, [redacted])");
}

mod exchange {
    use super::*;

    /// A token for a PIN (2) or for a device key (3), as a server hands it out.
    fn token(kind: u8, mark: u8) -> String {
        use base64ct::Encoding;
        let mut blob = [0; 87];
        (blob[0], blob[4], blob[6]) = (1, 1, kind);
        blob[55..].fill(mark);
        format!("pls1_{}", base64ct::Base64UrlUnpadded::encode_string(&blob))
    }

    fn new_pin(text: &str) -> NewPin {
        NewPin::accept(Pin::new(text).unwrap(), &pinlatch::Policy::default()).unwrap()
    }

    fn locked(text: &str) -> PinLocked {
        let kdf = ClientKdf::STANDARD;
        let pin = ClientPin::choose(&new_pin(text), kdf, &mut rng(), &mut KdfMemory::new());
        pin.lock(token(2, 1).parse().unwrap()).unwrap()
    }

    /// What the server was told, and what came of its answer.
    fn call(exchange: Exchange, answer: &str) -> (String, Result<pinlatch::client::ExchangeOutcome, ExchangeError>) {
        let world = World::new();
        let sealed = exchange.seal(&world.public_key(), &world.request(), r#"{"device":"d"}"#, NOW, &mut rng());
        let (body, awaited) = sealed.unwrap();
        let opened = world.open(&body).unwrap();
        let told = String::from_utf8(opened.body.to_vec()).unwrap();
        let reply = opened.answer.seal(201, answer.as_bytes(), &mut rng());
        (told, awaited.open(&reply, &mut rng(), &mut KdfMemory::new()))
    }

    fn token_under(pin: &str, locked: &str) -> String {
        let (token, _) = locked.parse::<PinLocked>().unwrap().unlock(&Pin::new(pin).unwrap(), &mut KdfMemory::new());
        token.expose_secret().to_owned()
    }

    #[test]
    fn the_next_token_is_locked_under_the_same_pin() {
        let mut memory = KdfMemory::new();
        let exchange = Exchange::with_pin(&locked("739216"), &Pin::new("739216").unwrap(), &mut memory);
        let answer = format!(r#"{{"access_token":"a","session_token":"{}","n":1.50}}"#, token(2, 2));
        let (told, outcome) = call(exchange, &answer);
        assert_eq!(told, format!(r#"{{"device":"d","session_token":"{}"}}"#, token(2, 1)));
        let outcome = outcome.unwrap();
        assert_eq!(format!("{outcome:?}"), "ExchangeOutcome(201, [redacted])");
        assert_eq!((outcome.status, outcome.body.as_str()), (201, r#"{"access_token":"a","n":1.50}"#));
        assert_eq!(token_under("739216", &outcome.locked.unwrap()), token(2, 2));
        assert_eq!(outcome.locked_by_key, None);
    }

    #[test]
    fn or_under_another_one_and_under_a_key() {
        let with_pin = || Exchange::with_pin(&locked("739216"), &Pin::new("739216").unwrap(), &mut KdfMemory::new());
        let answer = format!(r#"{{"session_token":"{}","device_key_token":"{}"}}"#, token(2, 2), token(3, 3));
        let (_, outcome) = call(with_pin().changing_to(new_pin("902714")), &answer);
        let changed = outcome.unwrap();
        assert_eq!(token_under("902714", &changed.locked.unwrap()), token(2, 2));
        assert_eq!((changed.locked_by_key, changed.body.as_str()), (None, "{}"), "nobody has asked for it, or sees it");

        let (_, outcome) = call(with_pin().adding(DeviceKey::from_bytes([7; 32])), &answer);
        let added = outcome.unwrap().locked_by_key.unwrap().parse::<pinlatch::client::DeviceLocked>().unwrap();
        assert_eq!(added.unlock(&DeviceKey::from_bytes([7; 32])).expose_secret(), token(3, 3));

        let answer = format!(r#"{{"session_token":"{}"}}"#, token(3, 4));
        let (told, outcome) = call(Exchange::with_key(&added, DeviceKey::from_bytes([7; 32])), &answer);
        assert!(told.contains(&token(3, 3)));
        let outcome = outcome.unwrap();
        assert_eq!(outcome.locked, None, "what is kept under the PIN stays");
        let next = outcome.locked_by_key.unwrap().parse::<pinlatch::client::DeviceLocked>().unwrap();
        assert_eq!(next.unlock(&DeviceKey::from_bytes([7; 32])).expose_secret(), token(3, 4));

        let (told, outcome) =
            call(Exchange::begin(new_pin("739216")), &format!(r#"{{"session_token":"{}"}}"#, token(2, 5)));
        assert_eq!(told, r#"{"device":"d"}"#);
        assert_eq!(token_under("739216", &outcome.unwrap().locked.unwrap()), token(2, 5));
    }

    #[test]
    fn what_is_no_answer_keeps_what_there_is() {
        for (answer, expected) in [
            ("x", ExchangeError::Answer(NotTheAnswer)),
            ("[]", ExchangeError::Answer(NotTheAnswer)),
            (r#"{"session_token":null}"#, ExchangeError::Token(pinlatch::client::NotForThisLock)),
            (r#"{"session_token":"pls1_x"}"#, ExchangeError::Token(pinlatch::client::NotForThisLock)),
            (
                &format!(r#"{{"session_token":"{}"}}"#, token(3, 1)),
                ExchangeError::Token(pinlatch::client::NotForThisLock),
            ),
        ] {
            let exchange = Exchange::with_pin(&locked("739216"), &Pin::new("739216").unwrap(), &mut KdfMemory::new());
            assert_eq!(call(exchange, answer).1.unwrap_err(), expected, "{answer}");
        }
        assert_eq!(call(Exchange::bare(), "").1.unwrap().body, "{}");
        let (_, refused) = call(Exchange::bare(), r#"{"code":"wrong_pin"}"#);
        let refused = refused.unwrap();
        assert_eq!((refused.locked, refused.locked_by_key), (None, None));
        let world = World::new();
        for body in ["", "[]", "x"] {
            let sealed = Exchange::bare().seal(&world.public_key(), &world.request(), body, NOW, &mut rng());
            assert_eq!(sealed.map(drop).unwrap_err(), ExchangeError::Body);
        }
    }
}
