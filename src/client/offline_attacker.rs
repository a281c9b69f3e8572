//! Somebody who has copies and all the time in the world, with every function of this crate. With two of the three things
//! that belong together they rank PINs no better than by chance; with all three they find the right one.

use rand_core::Rng;

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
use crate::token::LockSalt;

const TRIALS: usize = 1_000;
const CANDIDATES: usize = 50;

/// Everything there is: what lies on the device, what the server keeps outside the database, and what in it.
struct Everything {
    local: PinLocked,
    keys: Keys,
    database: Wrap,
    subject: Subject,
    session_id: SessionId,
    candidates: Vec<Pin>,
    right: usize,
}

impl Everything {
    fn new(rng: &mut SplitMix, memory: &mut KdfMemory) -> Self {
        let candidates: Vec<Pin> =
            (0..CANDIDATES).map(|at| Pin::new(format!("{:04}{at:02}", rng.next_u64() % 10_000)).unwrap()).collect();
        let right = usize::try_from(rng.next_u64() % CANDIDATES as u64).unwrap();
        let secret = |rng: &mut SplitMix| -> Vec<u8> { (0..4).flat_map(|_| rng.next_u64().to_be_bytes()).collect() };
        let ring = KeyRing::new(Pepper::new(PepperId(1), secret(rng)).unwrap(), secret(rng)).unwrap();
        let (keys, subject) = (ring.keys(&Tenant::default()), Subject::new("alice").unwrap());
        let session_id = SessionId::random(rng);
        let place = Place { subject: &subject, session_id, lock_index: 0 };
        let (database, token) = mint(&place, &InClear::ClientPin, &keys, rng);
        let (kdf, salt) = (ClientKdf::danger_fast_for_tests(), LockSalt::random(rng));
        let local = ClientPin::stretch(&candidates[right], kdf, salt, memory).lock(token).unwrap();
        Self { local, keys, database, subject, session_id, candidates, right }
    }

    /// What each PIN makes of what lies on the device.
    fn tokens(&self, memory: &mut KdfMemory) -> Vec<[u8; 32]> {
        let unlock = |pin: &Pin| *PlainToken::take_apart(self.local.unlock(pin, memory).0.expose_secret()).unwrap().1;
        self.candidates.iter().map(unlock).collect()
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

fn common_bits(one: &[u8; 32], other: &[u8]) -> u32 {
    one.iter().zip(other).map(|(one, other)| (one ^ other).count_zeros()).sum()
}

/// Where the right PIN stands among all, as a fraction; equal scores are drawn.
fn rank(scores: &[u32], right: usize, rng: &mut SplitMix) -> f64 {
    let before = scores.iter().filter(|score| **score > scores[right]).count();
    let equal = scores.iter().filter(|score| **score == scores[right]).count();
    let drawn = f64::from(u32::try_from(rng.next_u64() >> 32).unwrap()) / f64::from(u32::MAX);
    (before as f64 + equal as f64 * drawn) / scores.len() as f64
}

/// The largest distance between the ranks and a uniform distribution (Kolmogorov, Smirnov).
fn distance(mut ranks: Vec<f64>) -> f64 {
    ranks.sort_by(f64::total_cmp);
    let count = ranks.len() as f64;
    let distances = ranks.iter().enumerate().map(|(at, rank)| {
        let (below, above) = (at as f64 / count, (at + 1) as f64 / count);
        (rank - below).abs().max((above - rank).abs())
    });
    distances.fold(0.0, f64::max)
}

/// One in a million for a distribution that is uniform.
fn critical() -> f64 {
    (-(0.5e-6_f64).ln() / 2.0 / TRIALS as f64).sqrt()
}

type Score = fn(&Everything, &[u8; 32], &Pin, &mut KdfMemory) -> u32;

/// The distances that an attacker reaches with each way to rank.
fn attack(scores: &[Score]) -> Vec<f64> {
    let (mut rng, mut memory) = (SplitMix(11), KdfMemory::new());
    let mut ranks = vec![Vec::new(); scores.len()];
    for _ in 0..TRIALS {
        let everything = Everything::new(&mut rng, &mut memory);
        let tokens = everything.tokens(&mut memory);
        for (score, ranks) in scores.iter().zip(&mut ranks) {
            let scored: Vec<u32> = tokens
                .iter()
                .zip(&everything.candidates)
                .map(|(token, pin)| score(&everything, token, pin, &mut memory))
                .collect();
            ranks.push(rank(&scored, everything.right, &mut rng));
        }
    }
    ranks.into_iter().map(distance).collect()
}

fn assert_no_better_than_chance(scores: &[Score]) {
    let distances = attack(scores);
    assert!(distances.iter().all(|distance| *distance < critical()), "{distances:?}, critical {}", critical());
}

#[test]
fn local_storage_alone_tells_nothing() {
    assert_no_better_than_chance(&[
        |_, token, _, _| token.iter().map(|byte| byte.count_ones()).sum(),
        |_, token, _, _| token.iter().map(|byte| u32::from(byte.is_ascii_graphic())).sum(),
        |_, token, _, _| u32::from(token[0]),
        |all, token, _, _| common_bits(token, &all.local.head),
        |all, token, _, _| common_bits(token, &all.local.masked),
    ]);
}

#[test]
fn local_storage_and_pepper_tell_nothing() {
    assert_no_better_than_chance(&[
        |all, token, _, _| u32::from(all.digest(token)[0]),
        |all, token, _, _| common_bits(token, &all.digest(token)),
        |all, token, _, _| common_bits(token, &all.keys.active().handle_tag(&all.handle().encode())),
        |all, token, _, _| common_bits(token, &all.keys.active().handle_tag(token)),
        |all, token, _, _| common_bits(&all.digest(token), &all.local.masked),
    ]);
}

#[test]
fn local_storage_and_database_tell_nothing() {
    assert_no_better_than_chance(&[
        |all, token, _, _| common_bits(token, &all.in_the_database()),
        |all, token, _, _| common_bits(&MacKey::new(token).mac(&[&all.handle().encode()]), &all.in_the_database()),
        |all, token, _, _| common_bits(&MacKey::new(&[0; 32]).mac(&[token]), &all.in_the_database()),
    ]);
}

#[test]
fn pepper_and_database_tell_nothing() {
    // Without the device there is neither salt nor mask. What a PIN yields is tried all the same.
    assert_no_better_than_chance(&[
        |all, _, pin, memory| {
            let salt = LockSalt::from_bytes([0; 16]);
            let params = KdfParams::danger_fast_for_tests();
            let stretched = stretch(pin.expose_secret().as_bytes(), &salt, params, memory);
            common_bits(&all.digest(stretched.expose_secret()), &all.in_the_database())
        },
        |all, _, pin, _| {
            common_bits(
                &MacKey::new(&all.in_the_database()).mac(&[pin.expose_secret().as_bytes()]),
                &all.digest(&[0; 32]),
            )
        },
    ]);
}

/// Which is why they are kept apart; and shows that the attacks above would have seen something.
#[test]
fn all_three_find_the_pin_every_time() {
    let (mut rng, mut memory) = (SplitMix(12), KdfMemory::new());
    for _ in 0..TRIALS {
        let everything = Everything::new(&mut rng, &mut memory);
        let expected = everything.in_the_database();
        let found = everything.tokens(&mut memory).iter().position(|token| everything.digest(token) == expected);
        assert_eq!(found, Some(everything.right));
    }
    let distances = attack(&[|all, token, _, _| common_bits(&all.digest(token), &all.in_the_database())]);
    assert!(distances[0] > 0.9, "{distances:?}");
}

/// The test can fail: one bit of a token that could be checked is enough.
#[test]
fn a_check_value_would_be_seen() {
    let mut rng = SplitMix(13);
    let ranks = (0..TRIALS).map(|_| {
        let mut scores: Vec<u32> = (0..CANDIDATES).map(|_| u32::from(rng.next_u64() & 1 == 0)).collect();
        scores[0] = 1;
        rank(&scores, 0, &mut rng)
    });
    assert!(distance(ranks.collect()) > critical());
}
