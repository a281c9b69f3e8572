//! Peppers and KDF parameters that change while sessions live.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};

use pinlatch::record::{RecordKey, Swap};
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{Event, FullLogin, KeyRing, PepperId, Policy, SessionStore, Sessions, Tenant};
use tokio::task::JoinHandle;

use crate::world::*;

fn rotated() -> KeyRing {
    key_ring(2).with_open_only(pepper(1)).unwrap()
}

#[tokio::test]
async fn sessions_and_subjects_move_to_the_active_pepper_at_their_next_unlock() {
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

    let after = World::on(store, policy(), rotated().with_min_id(PepperId(2)).unwrap(), "");
    assert_eq!(after.code(&old, PIN).await, "invalid_wrapped_token");
    assert_eq!(after.code(&moved, PIN).await, "ok");
}

#[tokio::test]
async fn a_login_moves_its_subject_and_keeps_the_other_sessions() {
    let store = Arc::new(MemoryStore::default());
    let old = World::on(store.clone(), policy(), key_ring(1), "").wrapped().await;
    let during = World::on(store.clone(), policy(), rotated(), "");
    let new = during.wrapped().await;
    let after = World::on(store, policy(), rotated().with_min_id(PepperId(2)).unwrap(), "");
    assert_eq!(after.code(&new, PIN).await, "ok");
    assert_eq!(during.code(&old, PIN).await, "ok");
}

/// Several servers rotate one after another, under use: first all of them open the next pepper, then all make it the
/// active one, then the former one goes.
#[tokio::test]
async fn a_rolling_rotation_loses_no_session() {
    let store = Arc::new(MemoryStore::default());
    let opens_next = || key_ring(1).with_open_only(pepper(2)).unwrap();
    let server = |keys| World::on(store.clone(), policy(), keys, "");
    let (mut one, mut two) = (server(key_ring(1)), server(key_ring(1)));
    let mut wrapped = one.wrapped().await;
    for step in 0..6 {
        match step {
            0 => one = server(opens_next()),
            1 => two = server(opens_next()),
            2 => one = server(rotated()),
            3 => two = server(rotated()),
            4 => one = server(key_ring(2)),
            _ => two = server(key_ring(2)),
        }
        for _ in 0..2 {
            wrapped = one.next(&wrapped).await;
            wrapped = two.next(&wrapped).await;
            let _ = one.login("alice").await;
            let _ = two.login("alice").await;
            one.clock.advance(std::time::Duration::from_secs(1));
            two.clock.advance(std::time::Duration::from_secs(1));
        }
        // Room for the next ones: the session under test is the oldest.
        one.sessions.revoke_others(&subject("alice"), session_of(&wrapped)).await.unwrap();
    }
    assert_eq!(two.code(&wrapped, PIN).await, "ok");
}

/// The same while users come back without pause, to either server: none of them notices, and none of their old copies
/// is good for anything afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_rotation_under_load_refuses_nobody() {
    const USERS: usize = 10;
    let store = Arc::new(MemoryStore::default());
    let server = |keys| Arc::new(World::on(store.clone(), policy(), keys, ""));
    let servers = Arc::new(RwLock::new([server(key_ring(1)), server(key_ring(1))]));
    let unlocks = Arc::new([const { AtomicU64::new(0) }; USERS]);
    let over = Arc::new(AtomicBool::new(false));
    let come_back = |user: usize| {
        let (servers, unlocks, over) = (servers.clone(), unlocks.clone(), over.clone());
        tokio::spawn(async move {
            let any = |turn: u64| servers.read().unwrap()[usize::from(turn.is_multiple_of(2))].clone();
            let first = any(0).login(&format!("user {user}")).await.device_token.into_string();
            let mut wrapped = first.clone();
            while !over.load(Ordering::SeqCst) {
                let server = any(unlocks[user].fetch_add(1, Ordering::SeqCst));
                wrapped = server.next(&wrapped).await;
            }
            (first, wrapped)
        })
    };
    let users: Vec<_> = (0..USERS).map(come_back).collect();
    let opens_next = || key_ring(1).with_open_only(pepper(2)).unwrap();
    for keys in [opens_next, rotated, || key_ring(2)] {
        for at in 0..2 {
            let everybody = |times| unlocks.iter().all(|unlocks| unlocks.load(Ordering::SeqCst) >= times);
            let last = unlocks.iter().map(|unlocks| unlocks.load(Ordering::SeqCst)).max().unwrap_or(0);
            while !everybody(last + 5) {
                assert!(!users.iter().any(JoinHandle::is_finished), "somebody was refused");
                tokio::task::yield_now().await;
            }
            let next = server(keys());
            servers.write().unwrap()[at] = next;
        }
    }
    over.store(true, Ordering::SeqCst);
    let server = servers.read().unwrap()[0].clone();
    for user in users {
        let (first, last) = user.await.unwrap();
        assert_eq!(server.code(&first, PIN).await, "invalid_wrapped_token");
        assert_eq!(server.code(&last, PIN).await, "ok");
    }
}

fn session_of(wrapped: &str) -> pinlatch::SessionId {
    use base64ct::Encoding;
    let blob = base64ct::Base64UrlUnpadded::decode_vec(wrapped.strip_prefix("plw1_").unwrap()).unwrap();
    pinlatch::SessionId::from_bytes(blob[7..23].try_into().unwrap())
}

/// A server that was forgotten in a rotation says that it cannot serve, and overwrites nothing.
#[tokio::test]
async fn a_server_behind_in_a_rotation_is_unavailable_and_ends_nothing() {
    let store = Arc::new(MemoryStore::default());
    let ahead = World::on(store.clone(), policy(), rotated(), "");
    let behind = World::on(store, policy(), key_ring(1), "");
    let old = behind.wrapped().await;
    let new = ahead.next(&old).await;
    assert_eq!(behind.code(&old, PIN).await, "unavailable");
    let login = behind.sessions.login(FullLogin::vouched_by_host(subject("alice")), pin(PIN)).await;
    assert_eq!(login.unwrap_err().code(), "unavailable");
    assert_eq!(ahead.code(&new, PIN).await, "ok");
}

/// Moving the subject's record is a by-work of an unlock: if the store fails just there, the unlock stands.
#[tokio::test]
async fn an_unlock_does_not_depend_on_moving_the_subject() {
    let store = Arc::new(MemoryStore::default());
    let old = World::on(store.clone(), policy(), key_ring(1), "").wrapped().await;
    let during = World::on(store, policy(), rotated(), "");
    // The charge, the rotation, and then the subject's record.
    let probe = during.store.clone();
    during.store.before_write(2, async move { probe.set_fault(Fault::RefuseNextWrite) });
    let next = during.next(&old).await;
    assert_eq!(during.code(&next, PIN).await, "ok");
}

/// Somebody with access to the database makes rows claim a pepper that nobody has. A session row keeps nobody from
/// logging in; a subject row does until all of the subject's sessions are ended.
#[tokio::test]
async fn rows_that_claim_a_newer_pepper_can_be_mended() {
    use pinlatch::session::SessionState;
    let store = Arc::new(MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let forge = |key: RecordKey| {
        let store = store.clone();
        async move {
            let mut record = store.load(&key).await.unwrap().unwrap();
            record.body[..4].fill(0xFF);
            assert_eq!(store.replace_if(record.revision, &record).await.unwrap(), Swap::Replaced);
        }
    };
    forge(SessionState::record_key(world.login("alice").await.session_id)).await;
    world.events.take();
    let wrapped = world.wrapped().await;
    assert!(world.events.take().iter().any(|event| matches!(event, Event::RecordRefused { .. })));
    assert_eq!(world.code(&wrapped, PIN).await, "ok");
    assert_eq!(world.sessions.sessions_of(&subject("alice")).await.unwrap_err().code(), "unavailable");

    forge(key_ring(1).keys(&Tenant::default()).subject_record(&subject("alice"))).await;
    let login = world.sessions.login(FullLogin::vouched_by_host(subject("alice")), pin(PIN)).await;
    assert_eq!(login.unwrap_err().code(), "unavailable");
    world.sessions.revoke_all(&subject("alice")).await.unwrap();
    assert_eq!(world.code(&world.wrapped().await, PIN).await, "ok");
}

/// A policy made longer does not let a session outlive the record that can end it.
#[tokio::test]
async fn no_session_outlives_its_subjects_record() {
    let day = std::time::Duration::from_secs(86_400);
    let store = Arc::new(MemoryStore::default());
    let short = fast().absolute_lifetime(day * 2).build().unwrap();
    let wrapped = World::on(store.clone(), short, key_ring(1), "").wrapped().await;
    let world = World::on(store, policy(), key_ring(1), "");
    let skew = std::time::Duration::from_secs(300);
    world.clock.advance(day * 4 + skew - std::time::Duration::from_secs(1));
    assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    world.clock.advance(std::time::Duration::from_secs(1));
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
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
    assert!(ten.sessions.sessions_of(&subject("alice")).await.unwrap()[0].locked_out);
}

#[test]
fn the_builder_keeps_the_defaults_of_the_policy() {
    let sessions = Sessions::builder(key_ring(1), MemoryStore::default(), access_tokens()).build().unwrap();
    assert_eq!(sessions.policy(), &Policy::default());
}
