//! The protocol without façade, store, runtime, clock or operating system: plain values in, plain values out.
//!
//! Runs with no features at all.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::HashSet;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch::access_token::{AccessTokenKey, AccessTokens, HostClaims};
use pinlatch::authorize::authorize;
use pinlatch::body::{read_session, session_record};
use pinlatch::context::Context;
use pinlatch::handout::InClear;
use pinlatch::issue::{FullLogin, Issued, issue};
use pinlatch::keyring::{KeyRing, Keys, Pepper, PepperId};
use pinlatch::permission::{Verdict, Window, permit};
use pinlatch::pin::{NewPin, Pin};
use pinlatch::plain::PresentedToken;
use pinlatch::record::Swap;
use pinlatch::session::SessionState;
use pinlatch::situation::{LastSeen, Position, Remembered, RequestContext};
use pinlatch::stretch::{KdfMemory, KdfParams};
use pinlatch::stretched_pin::StretchTask;
use pinlatch::subject::SubjectState;
use pinlatch::unlock::{Admitted, Refusal, Unlocked, WrongPin};
use pinlatch::wrap::PresentedWrap;
use pinlatch::{AccessTokenError, Policy, Subject, Tenant, UnixTime};
use rand_core::{Rng, TryCryptoRng, TryRng};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const PIN: &str = "739216";

/// Reproducible bytes: a counter, spread. Not random, which is the point.
struct Counter(u64);

impl TryRng for Counter {
    type Error = std::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(u32::try_from(self.next_u64() >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 += 1;
        Ok(self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(23).wrapping_mul(0xBF58_476D_1CE4_E5B9))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next_u64().to_be_bytes();
            chunk.copy_from_slice(&word[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

const EVERYTHING: Remembered = Remembered { ip: true, place: true };

/// From where every request comes.
fn seen() -> LastSeen {
    let position = Position::new(52.520008, 13.404954, 25.0).unwrap();
    RequestContext::new().with_ip("192.0.2.7".parse().unwrap()).with_position(position).seen(NOW)
}

struct Fixture {
    keys: Keys,
    policy: Policy,
    subject: SubjectState,
    rng: Counter,
    memory: KdfMemory,
}

impl Fixture {
    fn new() -> Self {
        let secret: Vec<u8> = (0..32).collect();
        let ring = KeyRing::new(Pepper::new(PepperId(7), secret.clone()).unwrap(), secret).unwrap();
        let mut rng = Counter(0);
        Self {
            keys: ring.keys(&Tenant::new("acme").unwrap()),
            policy: Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap(),
            subject: SubjectState::new(&mut rng),
            rng,
            memory: KdfMemory::new(),
        }
    }

    fn issue(&mut self) -> Issued {
        let pin = NewPin::accept(Pin::new(PIN).unwrap(), &self.policy).unwrap();
        let pin = StretchTask::for_new_pin(&pin, self.policy.kdf(), &mut self.rng).run(&mut self.memory);
        let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
        let context =
            Context { keys: &self.keys, policy: &self.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
        issue(login, &self.subject, &pin, &context, &mut self.rng)
    }

    /// Opens with a PIN, as a host without the façade would, on a store that is a variable.
    fn unlock(
        &mut self,
        state: &mut SessionState,
        wrapped: &str,
        pin: &str,
    ) -> Result<Result<Unlocked, WrongPin>, Refusal> {
        let context =
            Context { keys: &self.keys, policy: &self.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
        let presented = PresentedWrap::open(wrapped, &self.keys, &self.policy).unwrap();
        let charge = Admitted::check(&presented, state, Some(&self.subject), &context)?.charge();
        let (attempt, stored) = charge.stored(Swap::Replaced).unwrap();
        *state = stored;
        let stretched = attempt.stretch_task(&Pin::new(pin).unwrap()).run(&mut self.memory);
        let proven = match attempt.judge(stretched, &self.keys) {
            Ok(proven) => proven,
            Err(wrong) => return Ok(Err(wrong)),
        };
        let rotation = proven.rotate(state, Some(&self.subject), &context, &mut self.rng)?;
        let (unlocked, stored) = rotation.stored(Swap::Replaced).unwrap();
        *state = stored;
        Ok(Ok(unlocked))
    }
}

/// Whoever has opened a session without its PIN changes nothing about what opens it.
#[test]
fn a_device_key_changes_no_locks() {
    let mut fixture = Fixture::new();
    let context =
        Context { keys: &fixture.keys, policy: &fixture.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
    let subject = Some(&fixture.subject);
    let (handout, login) = (InClear::ClientPin, FullLogin::vouched_by_host(Subject::new("alice").unwrap()));
    let Issued { state, device_token } = issue(login, &fixture.subject, &handout, &context, &mut fixture.rng);
    let presented = PresentedToken::open(device_token.expose_secret(), &fixture.keys).unwrap();
    let charge = Admitted::check(&presented, &state, subject, &context).unwrap().charge();
    let (attempt, state) = charge.stored(Swap::Replaced).unwrap();
    let added = attempt.judge_token(&fixture.keys).unwrap().add_device_key(&state, subject, &context, &mut fixture.rng);
    let (added, state) = added.unwrap().stored(Swap::Replaced).unwrap();
    for (token, allowed) in [(added.unlocked.device_token, true), (added.device_key_token, false)] {
        let presented = PresentedToken::open(token.expose_secret(), &fixture.keys).unwrap();
        let charge = Admitted::check(&presented, &state, subject, &context).unwrap().charge();
        let (attempt, state) = charge.stored(Swap::Replaced).unwrap();
        let proven = attempt.judge_token(&fixture.keys).unwrap();
        let outcomes = [
            proven.add_device_key(&state, subject, &context, &mut fixture.rng).map(drop),
            proven.remove_device_key(&state, subject, &context, &mut fixture.rng).map(drop),
            proven.change_pin(&state, subject, &handout, &context, &mut fixture.rng).map(drop),
        ];
        assert!(proven.rotate(&state, subject, &context, &mut fixture.rng).is_ok());
        let expected = if allowed { Ok(()) } else { Err(Refusal::PinRequired) };
        assert_eq!(outcomes, [expected; 3], "{allowed}");
    }
}

/// Randomness that repeats itself breaks what it is for, but no request waits for another number.
#[test]
fn a_key_of_the_device_gets_a_free_place_whatever_is_drawn() {
    struct Same(u64);

    impl TryRng for Same {
        type Error = std::convert::Infallible;

        fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
            Ok(0)
        }

        fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
            // The index that the PIN has taken.
            self.0 += 1;
            assert!(self.0 < 10, "drawn again and again");
            Ok(0)
        }

        fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
            bytes.fill(7);
            Ok(())
        }
    }

    impl TryCryptoRng for Same {}

    let mut fixture = Fixture::new();
    let context =
        Context { keys: &fixture.keys, policy: &fixture.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
    let subject = Some(&fixture.subject);
    let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
    let Issued { state, device_token } =
        issue(login, &fixture.subject, &InClear::ClientPin, &context, &mut fixture.rng);
    let presented = PresentedToken::open(device_token.expose_secret(), &fixture.keys).unwrap();
    let charge = Admitted::check(&presented, &state, subject, &context).unwrap().charge();
    let (attempt, state) = charge.stored(Swap::Replaced).unwrap();
    let added = attempt.judge_token(&fixture.keys).unwrap().add_device_key(&state, subject, &context, &mut Same(0));
    let (added, state) = added.unwrap().stored(Swap::Replaced).unwrap();
    let by_key = PresentedToken::open(added.device_key_token.expose_secret(), &fixture.keys).unwrap();
    assert!(Admitted::check(&by_key, &state, subject, &context).is_ok());
}

#[test]
fn the_whole_life_with_plain_values() {
    let mut fixture = Fixture::new();
    let Issued { mut state, device_token: wrapped_token } = fixture.issue();
    let wrong = fixture.unlock(&mut state, wrapped_token.as_str(), "000000").unwrap().unwrap_err();
    assert_eq!((wrong.attempts_remaining, wrong.retry_at), (9, None));
    let unlocked = fixture.unlock(&mut state, wrapped_token.as_str(), PIN).unwrap().unwrap();
    assert_eq!(unlocked.failed_attempts, 1);

    // What is stored is a record and comes back from it.
    let record = session_record(&fixture.keys, &state, 5, state.expires_at(&fixture.policy));
    state = read_session(&fixture.keys, &record).unwrap();
    let unlocked = fixture.unlock(&mut state, unlocked.device_token.as_str(), PIN).unwrap().unwrap();
    assert_eq!(fixture.unlock(&mut state, wrapped_token.as_str(), PIN).unwrap_err(), Refusal::Superseded);

    let context =
        Context { keys: &fixture.keys, policy: &fixture.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
    let key = AccessTokenKey::hs256("k1", &[&[1; 16][..], &[2; 16]].concat()).unwrap();
    let tokens = AccessTokens::new(key, "issuer", "audience", "client").unwrap();
    let permission = permit(Window::Open { until: UnixTime::MAX }, Verdict::ALLOW, NOW).unwrap();
    let grant = authorize(&unlocked, permission, &context);
    let token = tokens.mint(&grant, &HostClaims::default(), &mut fixture.rng);
    // A token names the tenant of its grant, whoever mints it.
    assert_eq!(tokens.verifier().verify(token.as_str(), NOW), Err(AccessTokenError::NotForUs));
    let verifier = tokens.verifier().clone().for_tenant(Tenant::new("acme").unwrap());
    let access = verifier.verify(token.as_str(), NOW).unwrap();
    assert_eq!((access.subject.as_str(), access.session_id), ("alice", state.id()));
}

#[test]
fn a_charge_that_is_not_stored_yields_no_attempt() {
    let mut fixture = Fixture::new();
    let Issued { state, device_token: wrapped_token } = fixture.issue();
    let context =
        Context { keys: &fixture.keys, policy: &fixture.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
    let presented = PresentedWrap::open(wrapped_token.as_str(), &fixture.keys, &fixture.policy).unwrap();
    for outcome in [Swap::Stale, Swap::Missing] {
        let charge = Admitted::check(&presented, &state, Some(&fixture.subject), &context).unwrap().charge();
        assert_eq!(charge.stored(outcome).unwrap_err(), outcome);
    }
}

#[test]
fn a_session_without_its_subjects_epoch_is_over() {
    let mut fixture = Fixture::new();
    let Issued { state, device_token: wrapped_token } = fixture.issue();
    let context =
        Context { keys: &fixture.keys, policy: &fixture.policy, now: NOW, seen: seen(), remembered: EVERYTHING };
    let presented = PresentedWrap::open(wrapped_token.as_str(), &fixture.keys, &fixture.policy).unwrap();
    let renewed = SubjectState::new(&mut fixture.rng);
    for subject in [None, Some(&renewed)] {
        let refusal = Admitted::check(&presented, &state, subject, &context).unwrap_err();
        assert_eq!(refusal, Refusal::SessionEnded);
    }
}

/// The parts of a wrapped token, taken apart and computed with the primitives alone, from the documented formulas.
struct TakenApart {
    handle: Vec<u8>,
    params: Vec<u8>,
    salt: Vec<u8>,
    masked: Vec<u8>,
}

const PEPPER: fn() -> Vec<u8> = || (0..32).collect();

fn derive(label: &str) -> [u8; 32] {
    let mut key = [0; 32];
    let info = format!("pinlatch/v1/{label}/acme");
    hkdf::Hkdf::<sha2::Sha256>::new(None, &PEPPER()).expand(info.as_bytes(), &mut key).unwrap();
    key
}

fn mac(label: &str, parts: &[&[u8]]) -> [u8; 32] {
    use hmac::{KeyInit, Mac};
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(&derive(label)).unwrap();
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

impl TakenApart {
    fn of(wrapped: &str) -> Self {
        use chacha20poly1305::{AeadInOut, KeyInit, XChaCha20Poly1305};
        let blob = Base64UrlUnpadded::decode_vec(wrapped.strip_prefix("plw1_").unwrap()).unwrap();
        assert_eq!((wrapped.len(), blob.len()), (183, 133));
        let (aad, rest) = blob.split_at(45);
        let (nonce, rest) = rest.split_at(24);
        let (sealed, tag) = rest.split_at(48);
        let mut inner = sealed.to_vec();
        XChaCha20Poly1305::new(&derive("seal").into())
            .decrypt_inout_detached(
                nonce.try_into().unwrap(),
                aad,
                inner.as_mut_slice().into(),
                tag.try_into().unwrap(),
            )
            .unwrap();
        let masked = inner.split_off(16);
        Self { handle: aad[..39].to_vec(), params: aad[39..].to_vec(), salt: inner, masked }
    }

    /// The token that a PIN opens it to.
    fn token(&self, pin: &str) -> Vec<u8> {
        let mut stretched = [0; 32];
        let params = argon2::Params::new(8, 1, 1, Some(32)).unwrap();
        argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, params)
            .hash_password_into_with_memory(
                pin.as_bytes(),
                &self.salt,
                &mut stretched,
                &mut vec![argon2::Block::new(); 8][..],
            )
            .unwrap();
        let mask = mac("mask", &[&self.handle, &stretched]);
        self.masked.iter().zip(mask).map(|(masked, mask)| masked ^ mask).collect()
    }
}

#[test]
fn a_wrapped_token_is_what_its_documentation_says() {
    let mut fixture = Fixture::new();
    let Issued { state, device_token: wrapped_token } = fixture.issue();
    let wrap = TakenApart::of(wrapped_token.as_str());
    assert_eq!(wrap.handle[..7], [1, 0, 0, 0, 7, 0, 1], "version, pepper id, lock index, lock kind");
    assert_eq!(wrap.handle[7..23], *state.id().as_bytes());
    assert_eq!(wrap.params, [0, 0, 0, 8, 1, 1]);

    let record = session_record(&fixture.keys, &state, 1, NOW);
    let is_stored = |pin: &str| {
        let (id, wrap_id) = (state.id(), &wrap.handle[23..]);
        let digest = mac("digest", &[b"alice", id.as_bytes(), &[1], wrap_id, &wrap.token(pin)]);
        record.body.windows(32).any(|window| window == digest)
    };
    assert!(is_stored(PIN), "the record holds the digest of the unwrapped token");
    assert!(!is_stored("739217"));
}

/// Who has the wrapped token and the pepper has nothing to tell the right PIN by: the token it opens to has no bit
/// that is always the same, and the tokens of other PINs look alike.
#[test]
fn the_right_token_has_no_structure() {
    let mut fixture = Fixture::new();
    let wraps: Vec<_> = (0..64).map(|_| TakenApart::of(fixture.issue().device_token.as_str())).collect();
    for pin in [PIN, "000000", "739217"] {
        let tokens: Vec<_> = wraps.iter().map(|wrap| wrap.token(pin)).collect();
        for byte in 0..32 {
            let (ones, zeros) =
                tokens.iter().fold((0, 0), |(ones, zeros), token| (ones | token[byte], zeros | !token[byte]));
            assert_eq!((ones, zeros), (0xFF, 0xFF), "byte {byte} under {pin}");
        }
    }
}

/// A token is wrapped once: each wrap of a lineage has a token, a mask and a nonce of its own. (Two wraps of one token
/// would let a thief of both test PINs against each other.)
#[test]
fn no_token_is_wrapped_twice() {
    let mut fixture = Fixture::new();
    let Issued { mut state, device_token: wrapped_token } = fixture.issue();
    let mut wrapped = wrapped_token.into_string();
    let (mut tokens, mut masks) = (HashSet::new(), HashSet::new());
    for _ in 0..50 {
        let wrap = TakenApart::of(&wrapped);
        let token = wrap.token(PIN);
        masks.insert(wrap.masked.iter().zip(&token).map(|(masked, token)| masked ^ token).collect::<Vec<_>>());
        tokens.insert(token);
        wrapped = fixture.unlock(&mut state, &wrapped, PIN).unwrap().unwrap().device_token.into_string();
    }
    assert_eq!((tokens.len(), masks.len()), (50, 50));
}

/// A wrapped token and the session's record that expects it, as they were once printed.
fn golden(text: &str) -> (&str, Vec<u8>) {
    let (wrapped, body) = text.trim().split_once('\n').unwrap();
    let body = (0..body.len()).step_by(2).map(|at| u8::from_str_radix(&body[at..at + 2], 16).unwrap()).collect();
    (wrapped, body)
}

/// What is written today is what was written when the formats were last changed, and what was written before that still
/// opens.
#[test]
fn formats_are_kept() {
    let versions = [
        include_str!("golden/session_1.txt"),
        include_str!("golden/session_2.txt"),
        include_str!("golden/session_3.txt"),
    ];
    let versions = versions.map(golden);
    let mut fixture = Fixture::new();
    let issued = fixture.issue();
    let record = session_record(&fixture.keys, &issued.state, 1, issued.state.expires_at(&fixture.policy));
    assert_eq!((issued.device_token.as_str(), &record.body), (versions[2].0, &versions[2].1));

    for (wrapped, body) in versions {
        let old = pinlatch::record::Record { body, ..record.clone() };
        let mut state = read_session(&fixture.keys, &old).unwrap();
        assert!(fixture.unlock(&mut state, wrapped, PIN).unwrap().is_ok());
    }
}
