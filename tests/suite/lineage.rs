//! Lost answers, double tabs, stolen copies: what becomes of old wraps.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::observer::Event;
use pinlatch::{ChangePinError, RequestContext, UnlockError};

use crate::world::*;

const GRACE: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_lost_answer_is_harmless_however_often() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let mut wrapped = world.wrapped().await;
        for visit in 0..8 {
            for _lost in 0..visit % 5 {
                world.clock.advance(Duration::from_secs(86_400));
                assert_eq!(world.code(&wrapped, PIN).await, "ok", "{name}");
            }
            wrapped = world.next(&wrapped).await;
        }
    })
    .await;
}

#[tokio::test]
async fn both_tabs_of_a_double_open_work_and_storage_decides() {
    let world = World::new();
    let stored = world.wrapped().await;
    // Both tabs read the storage and unlock; the slower one's answer is what remains in it.
    let (faster, slower) = (world.next(&stored).await, world.next(&stored).await);
    assert_ne!(faster, slower);
    let next = world.next(&slower).await;
    // The faster tab still has its own in memory: moments later it is told to read the storage again.
    assert_eq!(world.code(&faster, PIN).await, "superseded");
    assert_eq!(world.code(&next, PIN).await, "ok");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_serving_both_tabs_at_once_lose_neither() {
    on_each_store(|name, store| async move {
        for round in 0..20 {
            let one = Arc::new(World::on(store.clone(), policy(), key_ring(1), ""));
            let two = Arc::new(World::on(store.clone(), policy(), key_ring(1), ""));
            let wrapped = one.login(&format!("alice {round}")).await.device_token.into_string();
            let open = |world: Arc<World>, wrapped: String| tokio::spawn(async move { world.next(&wrapped).await });
            let (first, second) = (open(one.clone(), wrapped.clone()), open(two.clone(), wrapped.clone()));
            let (first, second) = (first.await.unwrap(), second.await.unwrap());
            assert_ne!(first, second, "{name}");
            assert_eq!(one.code(&second, PIN).await, "ok", "{name}");
            assert_eq!(one.unlock(&first, PIN).await.unwrap_err().code(), "superseded", "{name}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_third_answer_pushes_the_oldest_unused_successor_out() {
    let world = World::new();
    let stored = world.wrapped().await;
    let (first, second) = (world.next(&stored).await, world.next(&stored).await);
    let third = world.next(&stored).await;
    assert_eq!(world.code(&first, PIN).await, "superseded");
    assert_eq!(world.code(&second, PIN).await, "ok");
    assert_eq!(world.code(&third, PIN).await, "superseded", "using one of them ends the others");
}

#[tokio::test]
async fn an_old_copy_is_told_to_retry_at_first_and_ends_the_session_later() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let session = world.login("alice").await;
        let copy = session.device_token.into_string();
        let successor = world.next(&copy).await;
        let owner = world.next(&successor).await;

        let evaluations = world.kdf.evaluations();
        world.clock.advance(GRACE);
        assert_eq!(world.code(&copy, PIN).await, "superseded", "{name}");
        world.clock.advance(Duration::from_millis(1));
        world.events.take();
        assert_eq!(world.code(&copy, PIN).await, "token_reused", "{name}");
        assert_eq!(
            world.events.take(),
            [Event::Reuse { session_id: session.session_id, subject: subject("alice") }],
            "{name}"
        );
        assert_eq!(world.code(&owner, PIN).await, "session_ended", "{name}");
        assert_eq!(world.code(&copy, PIN).await, "session_ended", "{name}");
        assert_eq!(world.kdf.evaluations(), evaluations, "{name}: old wraps are not evaluated");
    })
    .await;
}

/// Also the other way round: the thief came first, and the owner's next visit shows it.
#[tokio::test]
async fn a_thief_who_knows_the_pin_is_noticed_at_the_owners_next_visit() {
    let world = World::new();
    let owner = world.wrapped().await;
    let thief = world.next(&owner).await;
    let thief = world.next(&thief).await;
    world.clock.advance(GRACE + GRACE);
    assert_eq!(world.code(&owner, PIN).await, "token_reused");
    assert_eq!(world.code(&thief, PIN).await, "session_ended");
}

#[tokio::test]
async fn a_clock_that_ran_backwards_accuses_nobody() {
    let world = World::new();
    let copy = world.wrapped().await;
    world.clock.advance(Duration::from_secs(86_400));
    let successor = world.next(&copy).await;
    let successor = world.next(&successor).await;
    world.clock.set(START);
    assert_eq!(world.code(&copy, PIN).await, "superseded");
    assert_eq!(world.code(&successor, PIN).await, "ok");
}

#[tokio::test]
async fn every_wrapped_token_is_another_one() {
    let world = World::new();
    let mut wrapped = world.wrapped().await;
    let mut seen = std::collections::HashSet::from([wrapped.clone()]);
    for _ in 0..50 {
        wrapped = world.next(&wrapped).await;
        assert!(seen.insert(wrapped.clone()));
    }
}

#[tokio::test]
async fn changing_the_pin_voids_every_older_wrap_at_once() {
    let world = World::new();
    let stored = world.wrapped().await;
    let pending = world.next(&stored).await;
    let changed = world
        .sessions
        .change_pin(&stored, &pin(PIN), pin("902714"), &RequestContext::new())
        .await
        .unwrap()
        .into_string();
    for old in [&stored, &pending] {
        assert_eq!(world.code(old, PIN).await, "superseded");
        assert_eq!(world.code(old, "902714").await, "superseded");
    }
    assert_eq!(world.code(&changed, PIN).await, "wrong_pin");
    assert_eq!(world.code(&changed, "902714").await, "ok");
}

/// A thief who knows the PIN changes it. The owner's next visit ends the session for both.
#[tokio::test]
async fn a_pin_change_by_a_thief_is_noticed() {
    let world = World::new();
    let owner = world.wrapped().await;
    let thief = world
        .sessions
        .change_pin(&owner, &pin(PIN), pin("902714"), &RequestContext::new())
        .await
        .unwrap()
        .into_string();
    world.clock.advance(GRACE + GRACE);
    assert_eq!(world.code(&owner, PIN).await, "token_reused");
    assert_eq!(world.code(&thief, "902714").await, "session_ended");
}

/// What was guessed before a PIN change is told at the next unlock.
#[tokio::test]
async fn a_pin_change_does_not_hide_guesses() {
    let world = World::new();
    let stored = world.wrapped().await;
    world.code(&stored, WRONG).await;
    let changed = world
        .sessions
        .change_pin(&stored, &pin(PIN), pin("902714"), &RequestContext::new())
        .await
        .unwrap()
        .into_string();
    assert_eq!(world.unlock(&changed, "902714").await.unwrap().failed_attempts, 1);
}

#[tokio::test]
async fn changing_the_pin_takes_the_old_one_and_a_good_new_one() {
    let world = World::new();
    let stored = world.wrapped().await;
    let change = |old: &'static str, new: &'static str| {
        let (sessions, stored) = (world.sessions.clone(), stored.clone());
        async move { sessions.change_pin(&stored, &pin(old), pin(new), &RequestContext::new()).await }
    };
    let evaluations = world.kdf.evaluations();
    assert!(matches!(change(PIN, "123456").await, Err(ChangePinError::WeakPin(_))));
    assert_eq!(world.kdf.evaluations(), evaluations, "a weak new PIN is refused before the old one is looked at");
    let wrong = change(WRONG, "902714").await;
    assert!(
        matches!(wrong, Err(ChangePinError::Unlock(UnlockError::WrongPin { attempts_remaining: 9, .. }))),
        "{wrong:?}"
    );
    assert!(change(PIN, "902714").await.is_ok());
}
