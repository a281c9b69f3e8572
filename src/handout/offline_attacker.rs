//! Somebody who has copies and all the time in the world, with every function of this crate. With two of {wrapped
//! token, pepper, database} they rank PINs no better than by chance; with all three they find the right one.

use super::{Place, mint};
use crate::crypto::MacKey;
use crate::encoding::decode_base64url;
use crate::id::{SessionId, Subject, Tenant};
use crate::keyring::{KeyRing, Keys, Pepper, PepperId};
use crate::pin::Pin;
use crate::policy::Policy;
use crate::session::{LockKind, Wrap};
use crate::stretch::{KdfMemory, KdfParams};
use crate::stretched_pin::{StretchTask, StretchedPin};
use crate::testing::SplitMix;
use crate::testing::ranks::{TRIALS, assert_no_better_than_chance, common_bits, distances, four_digits};
use crate::token::LockSalt;
use crate::wrap::{PresentedWrap, WrappedToken};

const PARAMS: KdfParams = KdfParams::danger_fast_for_tests();

/// What lies on the device, what the server keeps outside the database, and what in it.
struct Everything {
    wrapped: WrappedToken,
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
        let stretched = StretchTask::for_upgrade(&pins[right], PARAMS, rng).run(memory);
        let (database, wrapped) = mint(&place, &stretched, &keys, rng);
        Self { wrapped, keys, database, subject, session_id, pins, right }
    }

    /// The wrapped token without its outer layer, for who has the pepper.
    fn opened(&self) -> PresentedWrap {
        let policy = Policy::builder().kdf(PARAMS).build().unwrap();
        PresentedWrap::open(self.wrapped.as_str(), &self.keys, &policy).unwrap()
    }

    /// What a PIN makes of it.
    fn token(&self, opened: &PresentedWrap, pin: &Pin, memory: &mut KdfMemory) -> [u8; 32] {
        let stretched = stretch(pin, opened.salt(), memory);
        *opened.unwrap_token(&stretched, self.keys.active()).expose_secret()
    }

    /// What the database would keep of a token, for who has the pepper.
    fn digest(&self, opened: &PresentedWrap, token: &[u8; 32]) -> [u8; 32] {
        let (kind, wrap_id) = (LockKind::ServerPin.as_u8(), &opened.handle().wrap_id);
        *self.keys.active().digest(&self.subject, self.session_id, kind, wrap_id, token).expose_secret()
    }

    fn in_the_database(&self) -> [u8; 32] {
        *self.database.digest.as_ref().unwrap().expose_secret()
    }

    /// Scores each PIN.
    fn each<const WAYS: usize>(&self, score: impl FnMut(&Pin) -> [u32; WAYS]) -> (Vec<[u32; WAYS]>, usize) {
        (self.pins.iter().map(score).collect(), self.right)
    }
}

fn stretch(pin: &Pin, salt: &LockSalt, memory: &mut KdfMemory) -> StretchedPin {
    StretchTask::for_attempt(pin, salt, PARAMS).run(memory)
}

#[test]
fn wrapped_token_and_pepper_tell_nothing() {
    let mut memory = KdfMemory::new();
    assert_no_better_than_chance(|rng| {
        let all = Everything::new(rng, &mut memory);
        let opened = all.opened();
        let handle = opened.handle().encode();
        all.each(|pin| {
            let token = all.token(&opened, pin, &mut memory);
            let digest = all.digest(&opened, &token);
            [
                token.iter().map(|byte| byte.count_ones()).sum(),
                token.iter().map(|byte| u32::from(byte.is_ascii_graphic())).sum(),
                u32::from(token[0]),
                u32::from(digest[0]),
                common_bits(&token, &handle),
                common_bits(&token, opened.salt().expose_secret()),
                common_bits(&token, &digest),
                common_bits(&token, &all.keys.active().handle_tag(&handle)),
            ]
        })
    });
}

#[test]
fn wrapped_token_and_database_tell_nothing() {
    let mut memory = KdfMemory::new();
    assert_no_better_than_chance(|rng| {
        let all = Everything::new(rng, &mut memory);
        let text = all.wrapped.as_str().split_once('_').unwrap().1;
        // handle, costs, nonce; salt and masked token, encrypted; tag
        let blob: [u8; 133] = decode_base64url(text.as_bytes()).unwrap();
        let (salt, masked) = (blob[69..85].try_into().unwrap(), &blob[85..117]);
        all.each(|pin| {
            // As if there were no outer layer, and a key that everybody knows.
            let stretched = stretch(pin, &LockSalt::from_bytes(salt), &mut memory);
            let mask = MacKey::new(&[0; 32]).mac(&[&blob[..39], stretched.secret().expose_secret()]);
            let token: Vec<u8> = masked.iter().zip(mask.iter()).map(|(masked, mask)| masked ^ mask).collect();
            [
                common_bits(&token, &all.in_the_database()),
                common_bits(stretched.secret().expose_secret(), &all.in_the_database()),
                common_bits(&mask[..], &all.in_the_database()),
                common_bits(&MacKey::from_slice(&token).mac(&[&blob[..39]])[..], &all.in_the_database()),
                common_bits(&mask[..], masked),
            ]
        })
    });
}

#[test]
fn pepper_and_database_tell_nothing() {
    let mut memory = KdfMemory::new();
    assert_no_better_than_chance(|rng| {
        let all = Everything::new(rng, &mut memory);
        // Its wrap id stands in the database, too; salt and masked token do not.
        let opened = all.opened();
        all.each(|pin| {
            let stretched = stretch(pin, &LockSalt::from_bytes([0; 16]), &mut memory);
            let mask = all.keys.active().mask(&opened.handle().encode(), stretched.secret());
            [
                common_bits(&all.digest(&opened, &mask), &all.in_the_database()),
                common_bits(&all.digest(&opened, stretched.secret().expose_secret()), &all.in_the_database()),
                common_bits(&mask[..], &all.in_the_database()),
            ]
        })
    });
}

/// Which is why they are kept apart; and shows that the attacks above would have seen something.
#[test]
fn all_three_find_the_pin_every_time() {
    let (mut memory, mut found) = (KdfMemory::new(), 0);
    let distances = distances(|rng| {
        let all = Everything::new(rng, &mut memory);
        let opened = all.opened();
        let is_right = |pin: &Pin| all.digest(&opened, &all.token(&opened, pin, &mut memory)) == all.in_the_database();
        let matches: Vec<_> = all.pins.iter().map(is_right).collect();
        found += u32::from(matches.iter().position(|matches| *matches) == Some(all.right));
        (matches.into_iter().map(|matches| [u32::from(matches)]).collect(), all.right)
    });
    assert_eq!(found, TRIALS);
    assert!(distances[0] > 0.9, "{distances:?}");
}
