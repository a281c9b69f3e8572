//! Attacks that take time, or somebody who writes to the database.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::keyring::PepperId;
use pinlatch::observer::Event;
use pinlatch::session::SessionState;
use pinlatch::store::SessionStore;
use pinlatch::stores::MemoryStore;
use pinlatch::{Policy, UnlockError};

use crate::world::*;

const HOUR: Duration = Duration::from_secs(3600);
const DAYS: u32 = 365;

/// Reproducible numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % sides
    }

    /// One answer in five.
    fn is_lost(&mut self) -> bool {
        self.below(5) == 0
    }
}

/// A session that could live for a year.
fn long() -> Policy {
    let year = Duration::from_secs(400 * 24 * 3600);
    fast().absolute_lifetime(year).idle_timeout(year).max_wrong_pins(1000).build().unwrap()
}

/// One who comes every day, mistypes now and then, and does not get every answer.
struct Owner {
    wrapped: String,
    dice: Dice,
}

impl Owner {
    /// Says how it ended: with "ok", or with what only a full login helps against.
    async fn visit(&mut self, world: &World) -> &'static str {
        for _ in 0..self.dice.below(4) {
            world.code(&self.wrapped, WRONG).await;
        }
        loop {
            match world.unlock(&self.wrapped, PIN).await {
                Ok(_) if self.dice.is_lost() => {}
                Ok(opened) => {
                    self.wrapped = opened.device_token.into_string();
                    return "ok";
                }
                Err(UnlockError::Throttled { retry_after }) => world.clock.advance(retry_after),
                Err(error) => return error.code(),
            }
        }
    }
}

fn is_alarm(event: &Event) -> bool {
    matches!(event, Event::Reuse { .. })
}

#[tokio::test]
async fn in_a_year_without_a_thief_nobody_is_taken_for_one() {
    for seed in 0..10 {
        let world = World::with(long());
        let mut owner = Owner { wrapped: world.wrapped().await, dice: Dice(seed) };
        for day in 0..DAYS {
            assert_eq!(owner.visit(&world).await, "ok", "seed {seed}, day {day}");
            world.clock.advance(HOUR * 24);
        }
        assert!(!world.events.take().iter().any(is_alarm), "seed {seed}");
    }
}

/// A thief who knows no PIN takes a copy every week, and guesses as often as it may. Whatever the owner does in
/// between, a copy is good for ten guesses, and for none when the owner has used its successor: then it raises the
/// alarm.
#[tokio::test]
async fn in_a_year_of_slow_guessing_each_copy_is_good_for_ten_guesses_at_most() {
    let mut alarms = 0;
    for seed in 0..10 {
        let world = World::with(long());
        let mut owner = Owner { wrapped: world.wrapped().await, dice: Dice(seed) };
        let (mut copy, mut guessed, mut dice) = (owner.wrapped.clone(), 0, Dice(seed + 1000));
        for day in 0..DAYS {
            if day % 7 == 0 {
                (copy, guessed) = (owner.wrapped.clone(), 0);
            }
            for _ in 0..dice.below(6) {
                world.clock.advance(HOUR);
                let before = world.kdf.evaluations();
                let verdict = world.code(&copy, WRONG).await;
                guessed += world.kdf.evaluations() - before;
                assert!(guessed <= 10, "seed {seed}, day {day}: {verdict}");
            }
            if owner.visit(&world).await != "ok" {
                // The session ended, or the copy that the owner still has was used up: a full login.
                owner.wrapped = world.wrapped().await;
            }
            world.clock.advance(HOUR * 12);
        }
        alarms += world.events.take().iter().filter(|event| is_alarm(event)).count();
    }
    assert!(alarms > 100, "{alarms}");
}

/// A thief who knows the PIN has the session until the owner comes back, and not for a year.
#[tokio::test]
async fn a_thief_who_knows_the_pin_is_noticed_within_days_however_many_answers_get_lost() {
    for seed in 0..50 {
        let world = World::with(long());
        let mut owner = Owner { wrapped: world.wrapped().await, dice: Dice(seed) };
        let mut thief = Owner { wrapped: owner.wrapped.clone(), dice: Dice(seed + 1000) };
        let mut day = 0;
        while !world.events.take().iter().any(is_alarm) {
            assert!(day < 7, "seed {seed}: not noticed");
            thief.visit(&world).await;
            world.clock.advance(HOUR * 12);
            owner.visit(&world).await;
            world.clock.advance(HOUR * 12);
            day += 1;
        }
        assert_eq!(world.code(&thief.wrapped, PIN).await, "session_ended", "seed {seed}");
    }
}

/// A restored backup gives guesses back, no more than there were, and a raised `min_id` takes all of them away.
#[tokio::test]
async fn a_restored_row_gives_its_guesses_back_until_the_pepper_is_retired() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let world = World::on(store.clone(), fast().attempts(no_waits()).build().unwrap(), key_ring(1), "");
    let session = world.login("alice").await;
    let (key, wrapped) = (SessionState::record_key(session.session_id), session.device_token.into_string());
    let backup = store.load(&key).await.unwrap().unwrap();
    for round in 0..3 {
        let before = world.kdf.evaluations();
        for _ in 0..20 {
            world.code(&wrapped, WRONG).await;
        }
        assert_eq!(world.kdf.evaluations() - before, 10, "round {round}");
        assert_eq!(world.code(&wrapped, PIN).await, "locked_out");
        assert!(store.remove(&key).await.unwrap());
        assert_eq!(store.insert_new(&backup).await.unwrap(), pinlatch::record::Inserted::Created);
    }
    let after = World::on(store, policy(), key_ring(2).with_min_id(PepperId(2)).unwrap(), "");
    for pin in [PIN, WRONG] {
        assert_eq!(after.code(&wrapped, pin).await, "invalid_wrapped_token");
    }
    assert_eq!((after.store.calls(), after.kdf.evaluations()), (0, 0));
}

/// Whatever bit of a session's row is another one: nothing is evaluated, and somebody is told.
#[tokio::test]
async fn a_session_whose_row_was_edited_anywhere_is_over() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let session = world.login("alice").await;
    let (key, wrapped) = (SessionState::record_key(session.session_id), session.device_token.into_string());
    let row = store.load(&key).await.unwrap().unwrap();
    let evaluations = world.kdf.evaluations();
    for bit in 0..row.body.len() * 8 {
        let mut edited = row.clone();
        edited.body[bit / 8] ^= 1 << (bit % 8);
        store.remove(&key).await.unwrap();
        let _ = store.insert_new(&edited).await.unwrap();
        world.events.take();
        // One that claims a newer pepper or version is left alone, for those who know it.
        let code = world.code(&wrapped, PIN).await;
        assert!(["session_ended", "unavailable"].contains(&code), "bit {bit}: {code}");
        assert!(matches!(world.events.take()[..], [Event::RecordRefused { .. }]), "bit {bit}");
    }
    assert_eq!(world.kdf.evaluations(), evaluations);
    store.remove(&key).await.unwrap();
    let _ = store.insert_new(&row).await.unwrap();
    assert_eq!(world.code(&wrapped, PIN).await, "ok");
}

/// Two servers whose clocks jump by up to a day in either direction: waits may pass or last, the budget stays.
#[tokio::test]
async fn no_clock_that_jumps_grants_a_guess_too_many() {
    for seed in 0..20 {
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
        let servers = [1, 2].map(|_| World::on(store.clone(), long(), key_ring(1), ""));
        let (wrapped, mut dice) = (servers[0].wrapped().await, Dice(seed));
        for _ in 0..200 {
            let server = &servers[usize::from(dice.below(2) == 0)];
            let hours = Duration::from_secs(dice.below(24 * 3600));
            let shifted = if dice.below(2) == 0 { START.saturating_add(hours) } else { START.saturating_sub(hours) };
            server.clock.set(shifted);
            server.code(&wrapped, WRONG).await;
        }
        let evaluations: u64 = servers.iter().map(|server| server.kdf.evaluations()).sum();
        assert!((1 + 6..=1 + 10).contains(&evaluations), "seed {seed}: {evaluations}");
    }
}
