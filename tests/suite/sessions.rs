//! Listing and ending sessions, and how many there may be.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use pinlatch::session::SessionState;
use pinlatch::store::SessionStore;
use pinlatch::{DeviceLabel, Event, FullLogin, LoginError, RequestContext, SessionId, Subject, Tenant};

use crate::world::*;

impl World {
    async fn ids(&self, name: &str) -> Vec<SessionId> {
        let sessions = self.sessions.sessions_of(&subject(name)).await.unwrap();
        sessions.iter().map(|session| session.session_id).collect()
    }
}

#[tokio::test]
async fn the_list_shows_live_sessions_the_newest_first() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let login = FullLogin::vouched_by_host(subject("alice"));
        let labelled = login.with_label(DeviceLabel::new("Firefox on Linux").unwrap());
        let first = world.sessions.login(labelled, pin(PIN)).await.unwrap();
        world.clock.advance(Duration::from_secs(10));
        let second = world.login("alice").await;
        let _ = world.login("bob").await;
        world.clock.advance(Duration::from_secs(10));
        world.next(first.device_token.as_str()).await;

        let list = world.sessions.sessions_of(&subject("alice")).await.unwrap();
        assert_eq!(list.len(), 2, "{name}");
        assert_eq!((list[0].session_id, list[1].session_id), (second.session_id, first.session_id), "{name}");
        assert_eq!(list[1].label.as_ref().map(DeviceLabel::as_str), Some("Firefox on Linux"), "{name}");
        assert_eq!(list[1].created_at, START, "{name}");
        assert_eq!(list[1].last_used_at, START.saturating_add(Duration::from_secs(20)), "{name}");
        assert_eq!(list[0].last_used_at, list[0].created_at, "{name}");
        assert!(!list[0].locked_out, "{name}");
    })
    .await;
}

#[tokio::test]
async fn a_locked_out_session_is_shown_as_such() {
    let world = World::with(fast().attempts(no_waits()).build().unwrap());
    let wrapped = world.wrapped().await;
    for _ in 0..10 {
        world.code(&wrapped, WRONG).await;
    }
    assert!(world.sessions.sessions_of(&subject("alice")).await.unwrap()[0].locked_out);
}

#[tokio::test]
async fn the_oldest_sessions_end_beyond_the_limit() {
    on_each_store(|name, store| async move {
        let world = World::on(store, fast().max_sessions(3).build().unwrap(), key_ring(1), "");
        let mut logins = Vec::new();
        for _ in 0..5 {
            world.clock.advance(Duration::from_secs(1));
            logins.push(world.login("alice").await);
        }
        let expected: Vec<_> = logins[2..].iter().rev().map(|login| login.session_id).collect();
        assert_eq!(world.ids("alice").await, expected, "{name}");
        assert_eq!(world.code(logins[1].device_token.as_str(), PIN).await, "session_ended", "{name}");
        assert_eq!(world.code(logins[2].device_token.as_str(), PIN).await, "ok", "{name}");
    })
    .await;
}

/// A server whose clock is behind begins a session that is not taken for the oldest.
#[tokio::test]
async fn a_login_on_a_server_with_a_slow_clock_does_not_end_itself() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let server = || World::on(store.clone(), fast().max_sessions(2).build().unwrap(), key_ring(1), "");
    let (fast_clock, slow_clock) = (server(), server());
    fast_clock.clock.advance(Duration::from_secs(60));
    for _ in 0..2 {
        let _ = fast_clock.login("alice").await;
    }
    let late = slow_clock.wrapped().await;
    assert_eq!(slow_clock.code(&late, PIN).await, "ok");
    assert_eq!(slow_clock.ids("alice").await.len(), 2);
}

/// A server whose clock was a year ahead has filled the limit. Its sessions are the first to end.
#[tokio::test]
async fn sessions_from_the_future_do_not_keep_new_ones_out() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let server = || World::on(store.clone(), fast().max_sessions(2).build().unwrap(), key_ring(1), "");
    let (ahead, right) = (server(), server());
    ahead.clock.advance(Duration::from_secs(86_400 * 365));
    for _ in 0..2 {
        let _ = ahead.login("alice").await;
    }
    let (one, two) = (right.wrapped().await, right.wrapped().await);
    assert_eq!((right.code(&one, PIN).await, right.code(&two, PIN).await), ("ok", "ok"));
}

/// Another server ends the new session between its storing and its answer: no dead session is handed out.
#[tokio::test]
async fn a_session_that_others_ended_meanwhile_is_not_handed_out() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let world = World::on(store.clone(), fast().max_sessions(1).build().unwrap(), key_ring(1), "");
    let other = World::on(store, policy(), key_ring(1), "");
    let first = world.login("alice").await;
    // A login reads the subject, the list, and when its session is stored, the list again.
    let sessions = other.sessions.clone();
    world.store.before_read(2, async move {
        sessions.revoke_others(&subject("alice"), first.session_id).await.unwrap();
    });
    let login = world.sessions.login(FullLogin::vouched_by_host(subject("alice")), pin(PIN)).await;
    assert_eq!(login.unwrap_err().code(), "busy");
}

/// Revoked while waiting for a turn: the PIN is not evaluated any more. The one who has the turn leaves the session's
/// record as it was, so no swap notices.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_pin_is_not_evaluated_for_a_session_that_was_revoked_during_the_wait() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let world = Arc::new(World::on(store.clone(), policy(), key_ring(1), ""));
    let administrator = World::on(store, policy(), key_ring(1), "");
    let wrapped: Arc<str> = world.wrapped().await.into();
    let unlock = || {
        let (world, wrapped) = (world.clone(), wrapped.clone());
        tokio::spawn(async move { world.code(&wrapped, WRONG).await })
    };
    let (at_the_charge, revoked) = (Arc::new(tokio::sync::Notify::new()), Arc::new(tokio::sync::Notify::new()));
    let (arrived, proceed, probe) = (at_the_charge.clone(), revoked.clone(), world.store.clone());
    world.store.before_write(0, async move {
        arrived.notify_one();
        proceed.notified().await;
        probe.set_fault(Fault::RefuseNextWrite);
    });
    let first = unlock();
    at_the_charge.notified().await;
    let calls = world.store.calls();
    let second = unlock();
    while world.store.calls() < calls + 2 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(50)).await;
    administrator.sessions.revoke_all(&subject("alice")).await.unwrap();
    revoked.notify_one();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), ("unavailable", "session_ended"));
    assert_eq!(world.kdf.evaluations(), 1, "the login's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn logins_at_the_same_time_agree_on_who_stays() {
    on_each_store(|name, store| async move {
        let worlds: Vec<_> = (0..4)
            .map(|_| Arc::new(World::on(store.clone(), fast().max_sessions(3).build().unwrap(), key_ring(1), "")))
            .collect();
        let logins: Vec<_> = (0..24)
            .map(|at| {
                let world = worlds[at % 4].clone();
                tokio::spawn(async move {
                    let login = FullLogin::vouched_by_host(subject("alice"));
                    world.sessions.login(login, pin(PIN)).await
                })
            })
            .collect();
        let mut wrapped = Vec::new();
        for login in logins {
            match login.await.unwrap() {
                Ok(login) => wrapped.push(login.device_token.into_string()),
                // Ended by the others before its own answer was out.
                Err(error) => assert_eq!(error.code(), "busy", "{name}"),
            }
        }
        let ids = worlds[0].ids("alice").await;
        assert_eq!(ids.len(), 3, "{name}");
        let mut live = 0;
        for wrapped in wrapped {
            live += usize::from(worlds[0].code(&wrapped, PIN).await == "ok");
        }
        assert_eq!(live, 3, "{name}");
    })
    .await;
}

#[tokio::test]
async fn revoking_one_ends_that_one_and_only_for_its_owner() {
    let world = World::new();
    let (alice, bob) = (world.login("alice").await, world.login("bob").await);
    let revoke = |name: &str, id| {
        let (sessions, subject) = (world.sessions.clone(), subject(name));
        async move { sessions.revoke(&subject, id).await.unwrap() }
    };
    assert!(!revoke("bob", alice.session_id).await, "somebody else's session is none");
    assert!(revoke("alice", alice.session_id).await);
    assert!(!revoke("alice", alice.session_id).await);
    assert_eq!(world.code(alice.device_token.as_str(), PIN).await, "session_ended");
    assert_eq!(world.code(bob.device_token.as_str(), PIN).await, "ok");
}

#[tokio::test]
async fn revoking_all_ends_every_session_and_every_live_token_at_once() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
        let other = world.wrapped().await;
        let bob = world.login("bob").await;
        assert!(world.sessions.verify_live(opened.access_token.as_str()).await.is_ok(), "{name}");

        world.sessions.revoke_all(&subject("alice")).await.unwrap();
        for wrapped in [opened.device_token.as_str(), &other] {
            assert_eq!(world.code(wrapped, PIN).await, "session_ended", "{name}");
        }
        let live = world.sessions.verify_live(opened.access_token.as_str()).await;
        assert_eq!(live.unwrap_err().code(), "invalid_token", "{name}");
        assert_eq!(world.ids("alice").await, [], "{name}");
        assert_eq!(world.code(bob.device_token.as_str(), PIN).await, "ok", "{name}");
        assert_eq!(world.code(&world.wrapped().await, PIN).await, "ok", "{name}: logging in again works");
    })
    .await;
}

/// Also with one that opens nothing any more.
#[tokio::test]
async fn a_device_logs_out_with_the_wrapped_token_alone() {
    on_each_store(|name, store| async move {
        let world = World::on(store.clone(), policy(), key_ring(1), "");
        let (first, other) = (world.login("alice").await, world.login("alice").await);
        let next = world.next(first.device_token.as_str()).await;
        let used = world.next(&next).await;
        for kept in [first.device_token.as_str(), &next, &used] {
            let world = World::on(store.clone(), policy(), key_ring(1), "another tenant");
            assert_eq!(world.sessions.log_out(kept).await.unwrap_err().code(), "invalid_wrapped_token", "{name}");
        }

        let before = world.store.calls();
        for forged in
            each_character_changed(&used).chain(["", "plw1_", "pls1_", "ple1_", &used[5..]].map(str::to_owned))
        {
            assert_eq!(world.sessions.log_out(&forged).await.unwrap_err().code(), "invalid_wrapped_token", "{forged}");
        }
        assert_eq!(world.store.calls(), before, "{name}");

        assert!(world.sessions.log_out(first.device_token.as_str()).await.unwrap(), "{name}");
        assert_eq!(world.events.take().last(), Some(&Event::Revoked { session_id: first.session_id }), "{name}");
        assert_eq!(world.code(&used, PIN).await, "session_ended", "{name}");
        assert!(!world.sessions.log_out(&used).await.unwrap(), "{name}: it is gone already");
        assert_eq!(world.ids("alice").await, [other.session_id], "{name}");
        assert_eq!(world.code(other.device_token.as_str(), PIN).await, "ok", "{name}");
    })
    .await;
}

/// Nobody who has read a row can replace one that was made in its place.
#[tokio::test]
async fn a_row_made_anew_is_another_one() {
    let world = World::new();
    let rows = async || {
        let issued = world.login("alice").await;
        let record = world.store.load(&SessionState::record_key(issued.session_id)).await.unwrap().unwrap();
        let of_alice = key_ring(1).keys(&Tenant::default()).subject_record(&subject("alice"));
        let subject = world.store.load(&of_alice).await.unwrap().unwrap();
        world.store.remove(&subject.key).await.unwrap();
        [record.revision, subject.revision]
    };
    let revisions: HashSet<u64> = [rows().await, rows().await].into_iter().flatten().collect();
    assert_eq!(revisions.len(), 4);
}

#[tokio::test]
async fn revoking_the_others_keeps_the_one() {
    let world = World::new();
    let keep = world.login("alice").await;
    for _ in 0..3 {
        let _ = world.login("alice").await;
    }
    assert_eq!(world.sessions.revoke_others(&subject("alice"), keep.session_id).await.unwrap(), 3);
    assert_eq!(world.ids("alice").await, [keep.session_id]);
}

/// Whatever is in flight, a revoked session does not come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn revoking_wins_against_unlocks_in_flight() {
    on_each_store(|name, store| async move {
        for round in 0..30 {
            let world = Arc::new(World::on(store.clone(), policy(), key_ring(1), ""));
            let name_of_round = format!("{name}-{round}");
            let login = world.login(&name_of_round).await;
            let wrapped: Arc<str> = login.device_token.as_str().into();
            let unlocks: Vec<_> = (0..4)
                .map(|_| {
                    let (world, wrapped) = (world.clone(), wrapped.clone());
                    tokio::spawn(async move { world.code(&wrapped, PIN).await })
                })
                .collect();
            let subject = Subject::new(&name_of_round).unwrap();
            if round % 2 == 0 {
                assert!(world.sessions.revoke(&subject, login.session_id).await.unwrap());
            } else {
                world.sessions.revoke_all(&subject).await.unwrap();
            }
            for unlock in unlocks {
                let code = unlock.await.unwrap();
                assert!(["ok", "session_ended"].contains(&code), "{name}: {code}");
            }
            assert_eq!(world.code(&wrapped, PIN).await, "session_ended", "{name}");
            assert_eq!(world.ids(&name_of_round).await, [], "{name}");
        }
    })
    .await;
}

/// All sessions are revoked while the right PIN is being judged. That is a write to another record than the session's,
/// so no swap notices it.
#[tokio::test]
async fn revoking_all_while_a_pin_is_judged_wins() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let administrator = World::on(store, policy(), key_ring(1), "");
    let wrapped = world.wrapped().await;
    // The charge is the first write, the rotation the second.
    world.store.before_write(1, async move { administrator.sessions.revoke_all(&subject("alice")).await.unwrap() });
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
}

/// What is stored of a session is half of what its PIN could be tried against.
#[tokio::test]
async fn revoking_all_leaves_nothing_of_them_in_the_store() {
    on_each_store(|name, store| async move {
        let world = World::on(store.clone(), policy(), key_ring(1), "");
        let rows = async |ids: &[SessionId]| {
            let mut stored = 0;
            for id in ids {
                stored += usize::from(store.load(&SessionState::record_key(*id)).await.unwrap().is_some());
            }
            stored
        };
        let ended = [world.login("alice").await.session_id, world.login("alice").await.session_id];
        let others = [world.login("bob").await.session_id];
        let refused = world.store.clone();
        // All end with the first write. The second removes a session.
        world.store.before_write(1, async move { refused.set_fault(Fault::RefuseNextWrite) });
        assert!(world.sessions.revoke_all(&subject("alice")).await.is_err());
        assert!(world.sessions.sessions_of(&subject("alice")).await.unwrap().is_empty());
        let since = [world.login("alice").await.session_id];
        world.sessions.revoke_others(&subject("alice"), since[0]).await.unwrap();
        assert_eq!((rows(&ended).await, rows(&since).await), (2, 1), "{name}: only live ones are others");
        world.sessions.revoke_all(&subject("alice")).await.unwrap();
        assert_eq!((rows(&ended).await, rows(&since).await, rows(&others).await), (0, 0, 1), "{name}");
    })
    .await;
}

/// Somebody else revokes all, too, and then the user logs in, while what is stored is being removed.
#[tokio::test]
async fn revoking_all_removes_nothing_that_began_since() {
    for reads in [1, 2] {
        let store = Arc::new(pinlatch::stores::MemoryStore::default());
        let world = World::on(store.clone(), policy(), key_ring(1), "");
        let other = World::on(store, policy(), key_ring(1), "");
        drop(world.login("alice").await);
        let since = Arc::new(std::sync::Mutex::new(String::new()));
        let kept = since.clone();
        // The subject is the first thing that is read.
        world.store.before_read(reads, async move {
            other.sessions.revoke_all(&subject("alice")).await.unwrap();
            *kept.lock().unwrap() = other.wrapped().await;
        });
        world.sessions.revoke_all(&subject("alice")).await.unwrap();
        let wrapped = since.lock().unwrap().clone();
        assert_eq!(world.code(&wrapped, PIN).await, "ok", "{reads}");
    }
}

/// After a while a login stores its subject anew. When all sessions are revoked just before, it is not one of them.
#[tokio::test]
async fn a_login_that_is_overtaken_by_a_revocation_begins_a_session() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let administrator = World::on(store, policy(), key_ring(1), "");
    drop(world.login("alice").await);
    for clock in [&world.clock, &administrator.clock] {
        clock.advance(Duration::from_secs(86_400 * 31));
    }
    world.store.before_write(0, async move { administrator.sessions.revoke_all(&subject("alice")).await.unwrap() });
    let wrapped = world.wrapped().await;
    assert_eq!(world.code(&wrapped, PIN).await, "ok");
}

/// Another server changes the session between the charge and the rotation: the swap is repeated, the charge is not.
#[tokio::test]
async fn a_swap_that_is_overtaken_is_repeated_without_charging_again() {
    let store = Arc::new(pinlatch::stores::MemoryStore::default());
    let world = World::on(store.clone(), policy(), key_ring(1), "");
    let other = World::on(store, policy(), key_ring(1), "");
    let wrapped = world.wrapped().await;
    for (writes, wrong) in [(0, 1), (1, 2)] {
        let (copy, other) = (wrapped.clone(), other.sessions.clone());
        world.store.before_write(writes, async move {
            other.unlock(&copy, &pin(WRONG), &RequestContext::new()).await.unwrap_err();
        });
        let opened = world.unlock(&wrapped, PIN).await.unwrap();
        assert_eq!(opened.failed_attempts, wrong, "the other server's wrong PINs, and no charge of our own");
    }
    let error = world.unlock(&wrapped, WRONG).await.unwrap_err();
    assert!(matches!(error, pinlatch::UnlockError::WrongPin { attempts_remaining: 7, .. }), "{error:?}");
}

#[tokio::test]
async fn a_weak_pin_is_refused_before_anything_is_stored() {
    let world = World::new();
    for weak in ["12345", "111111", "123456", "password"] {
        let login = world.sessions.login(FullLogin::vouched_by_host(subject("alice")), pin(weak)).await;
        assert!(matches!(login, Err(LoginError::WeakPin(_))), "{weak}");
        assert!(world.sessions.check_new_pin(&pin(weak)).is_err(), "{weak}");
    }
    assert_eq!(world.sessions.check_new_pin(&pin(PIN)), Ok(()));
    assert_eq!((world.store.calls(), world.kdf.evaluations()), (0, 0));
}

#[tokio::test]
async fn a_subject_with_many_sessions_is_listed_whole() {
    let world = World::with(fast().max_sessions(100).build().unwrap());
    // Expired, and not purged: with the live ones they are more than one page of what the store lists.
    for _ in 0..60 {
        drop(world.login("alice").await);
    }
    world.clock.advance(Duration::from_secs(86_400 * 30));
    let mut expected = HashSet::new();
    for _ in 0..105 {
        world.clock.advance(Duration::from_millis(1));
        expected.insert(world.login("alice").await.session_id);
    }
    let listed: HashSet<_> = world.ids("alice").await.into_iter().collect();
    assert_eq!(listed.len(), 100);
    assert!(listed.is_subset(&expected));
}
