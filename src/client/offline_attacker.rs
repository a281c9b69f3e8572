//! Somebody who has copies and all the time in the world, with every function of this crate. With two of the three
//! things that belong together they rank PINs no better than by chance; with all three they find the right one.

use super::{ClientKdf, ClientPin, PinLocked};
use crate::crypto::MacKey;
use crate::handle::Handle;
use crate::handout::{InClear, Place, mint};
use crate::id::{SessionId, Subject, Tenant};
use crate::keyring::{KeyRing, Keys, Pepper, PepperId};
use crate::pin::Pin;
use crate::plain::{PlainToken, decode_head};
use crate::session::{LockKind, Wrap};
use crate::stretch::{KdfMemory, KdfParams, stretch};
use crate::testing::SplitMix;
use crate::testing::ranks::{TRIALS, assert_no_better_than_chance, common_bits, distances, four_digits};
use crate::token::LockSalt;

/// Everything there is: what lies on the device, what the server keeps outside the database, and what in it.
struct Everything {
    local: PinLocked,
    keys: Keys,
    database: Wrap,
    subject: Subject,
    session_id: SessionId,
    pins: Vec<Pin>,
    right: usize,
}

impl Everything {
    fn new(rng: &mut SplitMix, memory: &mut KdfMemory) -> Self {
        let (pins, right) = four_digits(rng);
        let pins: Vec<_> = pins.into_iter().map(|pin| Pin::new(pin).unwrap()).collect();
        let ring = KeyRing::new(Pepper::new(PepperId(1), rng.secret()).unwrap(), rng.secret()).unwrap();
        let (keys, subject) = (ring.keys(&Tenant::default()), Subject::new("alice").unwrap());
        let session_id = SessionId::random(rng);
        let place = Place { subject: &subject, session_id, lock_index: 0, wrong_pins_before: 0 };
        let (database, token) = mint(&place, &InClear::ClientPin, &keys, rng);
        let (kdf, salt) = (ClientKdf::danger_fast_for_tests(), LockSalt::random(rng));
        let local = ClientPin::stretch(&pins[right], kdf, salt, memory).lock(token).unwrap();
        Self { local, keys, database, subject, session_id, pins, right }
    }

    /// What a PIN makes of what lies on the device.
    fn token(&self, pin: &Pin, memory: &mut KdfMemory) -> [u8; 32] {
        *PlainToken::take_apart(self.local.unlock(pin, memory).0.expose_secret()).unwrap().1
    }

    fn handle(&self) -> Handle {
        decode_head(&self.local.head).unwrap()
    }

    /// What the database would keep of a token, for who has the pepper.
    fn digest(&self, token: &[u8; 32]) -> [u8; 32] {
        let kind = LockKind::ClientPin.as_u8();
        let handle = self.handle();
        *self.keys.active().digest(&self.subject, self.session_id, kind, &handle.wrap_id, token).expose_secret()
    }

    fn in_the_database(&self) -> [u8; 32] {
        *self.database.digest.as_ref().unwrap().expose_secret()
    }
}

type Score<const WAYS: usize> = fn(&Everything, &[u8; 32], &Pin, &mut KdfMemory) -> [u32; WAYS];

/// Scores each PIN, with what it makes of what lies on the device.
fn trial<const WAYS: usize>(score: Score<WAYS>) -> impl FnMut(&mut SplitMix) -> (Vec<[u32; WAYS]>, usize) {
    let mut memory = KdfMemory::new();
    move |rng| {
        let all = Everything::new(rng, &mut memory);
        let mut scored = |pin: &Pin| score(&all, &all.token(pin, &mut memory), pin, &mut memory);
        (all.pins.iter().map(&mut scored).collect(), all.right)
    }
}

#[test]
fn local_storage_alone_tells_nothing() {
    assert_no_better_than_chance(trial(|all, token, _, _| {
        [
            token.iter().map(|byte| byte.count_ones()).sum(),
            token.iter().map(|byte| u32::from(byte.is_ascii_graphic())).sum(),
            u32::from(token[0]),
            common_bits(token, &all.local.head),
            common_bits(token, &all.local.masked),
        ]
    }));
}

#[test]
fn local_storage_and_pepper_tell_nothing() {
    assert_no_better_than_chance(trial(|all, token, _, _| {
        let digest = all.digest(token);
        [
            u32::from(digest[0]),
            common_bits(token, &digest),
            common_bits(token, &all.keys.active().handle_tag(&all.handle().encode())),
            common_bits(token, &all.keys.active().handle_tag(token)),
            common_bits(&digest, &all.local.masked),
        ]
    }));
}

#[test]
fn local_storage_and_database_tell_nothing() {
    assert_no_better_than_chance(trial(|all, token, _, _| {
        [
            common_bits(token, &all.in_the_database()),
            common_bits(&MacKey::new(token).mac(&[&all.handle().encode()])[..], &all.in_the_database()),
            common_bits(&MacKey::new(&[0; 32]).mac(&[token])[..], &all.in_the_database()),
        ]
    }));
}

#[test]
fn pepper_and_database_tell_nothing() {
    // Without the device there is neither salt nor mask. What a PIN yields is tried all the same.
    assert_no_better_than_chance(trial(|all, _, pin, memory| {
        let pin = pin.expose_secret().as_bytes();
        let stretched = stretch(pin, &LockSalt::from_bytes([0; 16]), KdfParams::danger_fast_for_tests(), memory);
        [
            common_bits(&all.digest(stretched.expose_secret()), &all.in_the_database()),
            common_bits(&MacKey::new(&all.in_the_database()).mac(&[pin])[..], &all.digest(&[0; 32])),
        ]
    }));
}

/// Which is why they are kept apart; and shows that the attacks above would have seen something.
#[test]
fn all_three_find_the_pin_every_time() {
    let (mut memory, mut found) = (KdfMemory::new(), 0);
    let distances = distances(|rng| {
        let all = Everything::new(rng, &mut memory);
        let expected = all.in_the_database();
        let is_right = |pin: &Pin| all.digest(&all.token(pin, &mut memory)) == expected;
        let matches: Vec<_> = all.pins.iter().map(is_right).collect();
        found += u32::from(matches.iter().position(|matches| *matches) == Some(all.right));
        (matches.into_iter().map(|matches| [u32::from(matches)]).collect(), all.right)
    });
    assert_eq!(found, TRIALS);
    assert!(distances[0] > 0.9, "{distances:?}");
}
