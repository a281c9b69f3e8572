//! Peppers and KDF parameters that change while sessions live.

use std::sync::Arc;

use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{FullLogin, KeyRing, PepperId, Policy, Sessions};

use crate::world::*;

fn rotated() -> KeyRing {
    key_ring(2).with_retired(pepper(1)).unwrap()
}

#[tokio::test]
async fn sessions_move_to_the_active_pepper_at_their_next_unlock() {
    let store = Arc::new(MemoryStore::default());
    let before = World::on(store.clone(), policy(), key_ring(1), "");
    let old = before.wrapped().await;

    let during = World::on(store.clone(), policy(), rotated(), "");
    let moved = during.next(&old).await;
    assert_eq!(
        during.code(&old, WRONG).await,
        "wrong_pin",
        "the old wrap keeps its budget until its successor is used"
    );
    let moved = during.next(&moved).await;

    // The session's records and its wraps are all of the new pepper, except the subject's.
    let _ = during.login("alice").await;
    let after = World::on(store.clone(), policy(), rotated().with_min_id(PepperId(2)).unwrap(), "");
    assert_eq!(after.code(&old, PIN).await, "invalid_wrapped_token");
    assert_eq!(after.code(&moved, PIN).await, "session_ended", "its subject's record is still of the leaked pepper");
    let again = after.wrapped().await;
    assert_eq!(after.code(&again, PIN).await, "ok", "a full login mends that");
}

#[tokio::test]
async fn raising_min_id_after_a_leak_ends_everything_older_without_a_look_at_the_store() {
    let store = Arc::new(MemoryStore::default());
    let old = World::on(store.clone(), policy(), key_ring(1), "").wrapped().await;
    let after = World::on(store, policy(), rotated().with_min_id(PepperId(2)).unwrap(), "");
    let calls = after.store.calls();
    assert_eq!(after.code(&old, PIN).await, "invalid_wrapped_token");
    assert_eq!(after.store.calls(), calls);
    assert_eq!(after.sessions.sessions_of(&subject("alice")).await.unwrap(), []);
    assert_eq!(after.code(&after.wrapped().await, PIN).await, "ok");
}

fn slow() -> KdfParams {
    KdfParams::new(7_168, 5, 1).unwrap()
}

#[tokio::test]
async fn a_lock_moves_to_the_policys_costs_at_its_next_unlock() {
    let store = Arc::new(MemoryStore::default());
    let weaker = Policy::builder().kdf(slow()).build().unwrap();
    let old = World::on(store.clone(), weaker, key_ring(1), "").wrapped().await;
    let stronger = Policy::builder().kdf(KdfParams::new(9_216, 4, 1).unwrap()).build().unwrap();
    let world = World::on(store, stronger, key_ring(1), "");

    let moved = world.next(&old).await;
    assert_eq!(world.kdf.evaluations(), 2, "the old costs to open, the new ones to wrap");
    let moved = world.next(&moved).await;
    assert_eq!(world.kdf.evaluations(), 3, "one from then on");
    assert_eq!(world.code(&moved, WRONG).await, "wrong_pin");
}

/// An authentic wrap with costs that the policy does not accept, too low or too high, is refused before any memory is
/// touched.
#[tokio::test]
async fn costs_outside_the_policys_bounds_are_refused() {
    let store = Arc::new(MemoryStore::default());
    let low = World::on(store.clone(), policy(), key_ring(1), "").wrapped().await;
    let high = Policy::builder().kdf(KdfParams::new(47_104, 1, 1).unwrap()).build().unwrap();
    let high = World::on(store.clone(), high, key_ring(1), "").wrapped().await;
    let strict = Policy::builder().kdf(slow()).max_kdf_m_kib(19_456).build().unwrap();
    let world = World::on(store, strict, key_ring(1), "");
    for wrapped in [low, high] {
        assert_eq!(world.code(&wrapped, PIN).await, "invalid_wrapped_token");
    }
    assert_eq!((world.store.calls(), world.kdf.evaluations()), (0, 0));
}

#[tokio::test]
async fn a_policy_with_fewer_guesses_takes_effect_at_once() {
    let store = Arc::new(MemoryStore::default());
    let ten = World::on(store.clone(), fast().attempts(no_waits()).build().unwrap(), key_ring(1), "");
    let wrapped = ten.wrapped().await;
    for _ in 0..4 {
        ten.code(&wrapped, WRONG).await;
    }
    let three = pinlatch::attempts::AttemptSchedule::new([std::time::Duration::ZERO; 2]).unwrap();
    let strict = World::on(store, fast().attempts(three).build().unwrap(), key_ring(1), "");
    assert_eq!(strict.code(&wrapped, PIN).await, "locked_out");
    assert_eq!(ten.code(&wrapped, PIN).await, "locked_out", "what was locked out stays so under a laxer policy");
}

#[test]
fn the_builder_keeps_the_defaults_of_the_policy() {
    let sessions = Sessions::builder(key_ring(1), MemoryStore::default(), access_tokens()).build().unwrap();
    assert_eq!(sessions.policy(), &Policy::default());
    let _unused = FullLogin::vouched_by_host(subject("alice"));
}
