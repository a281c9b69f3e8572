//! The guess budget, online.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::attempts::AttemptSchedule;
use pinlatch::observer::Event;
use pinlatch::permission::{Denial, Window};
use pinlatch::session::SessionState;
use pinlatch::stores::MemoryStore;
use pinlatch::{RequestContext, SessionStore, UnlockError};

use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn the_documented_schedule_is_the_one_that_runs() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let wrapped = world.wrapped().await;
        let mut waits = Vec::new();
        for remaining in (1..10).rev() {
            let Err(UnlockError::WrongPin { attempts_remaining, retry_after }) = world.unlock(&wrapped, WRONG).await
            else {
                panic!("{name}: a wrong PIN with {remaining} guesses left")
            };
            assert_eq!(attempts_remaining, remaining);
            waits.push(retry_after.unwrap_or_default().as_secs() / 60);
            if let Some(wait) = retry_after {
                world.clock.advance(wait - Duration::from_millis(1));
                assert_eq!(world.code(&wrapped, PIN).await, "throttled");
                world.clock.advance(Duration::from_millis(1));
            }
        }
        assert_eq!(waits, [0, 0, 0, 0, 1, 5, 15, 30, 90]);
        assert_eq!(world.code(&wrapped, WRONG).await, "locked_out");
        world.clock.advance(MINUTE * 60 * 24);
        assert_eq!(world.code(&wrapped, PIN).await, "locked_out");
        assert_eq!(world.kdf.evaluations(), 1 + 10, "one for the login, ten for the guesses");
    })
    .await;
}

#[tokio::test]
async fn a_right_pin_takes_back_its_own_charge_only() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    for _ in 0..3 {
        assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    }
    assert_eq!(world.unlock(&wrapped, PIN).await.unwrap().failed_attempts, 3);
    // The copy of the old wrap has its three failures still.
    let Err(UnlockError::WrongPin { attempts_remaining, .. }) = world.unlock(&wrapped, WRONG).await else { panic!() };
    assert_eq!(attempts_remaining, 6);
}

/// Whoever finds the PIN is told of the guesses that it took; so is the owner, who has the same token.
#[tokio::test]
async fn a_thief_who_finds_the_pin_does_not_take_the_warning_away() {
    let world = World::new();
    let (copy, told) = (world.wrapped().await, async |wrapped: &str| world.unlock(wrapped, PIN).await.unwrap());
    for _ in 0..3 {
        world.code(&copy, WRONG).await;
    }
    let found_at = START.saturating_add(MINUTE);
    world.clock.set(found_at);
    drop(told(&copy).await);
    world.clock.advance(MINUTE);
    let opened = told(&copy).await;
    assert_eq!((opened.failed_attempts, opened.previous_unlock_at), (3, found_at));
    // And once told, not again.
    assert_eq!(told(opened.device_token.as_str()).await.failed_attempts, 0);
}

/// Who changes the PIN is not told when the session was opened before; whoever opens it next is.
#[tokio::test]
async fn a_change_of_the_pin_hides_nobody_who_was_here_before() {
    let world = World::new();
    let token = world.wrapped().await;
    let thief_at = START.saturating_add(MINUTE);
    world.clock.set(thief_at);
    drop(world.unlock(&token, PIN).await.unwrap());
    world.clock.advance(MINUTE);
    let changed = world.sessions.change_pin(&token, &pin(PIN), pin("481526"), &RequestContext::new()).await.unwrap();
    world.clock.advance(MINUTE);
    let opened = world.unlock(changed.as_str(), "481526").await.unwrap();
    assert_eq!(opened.previous_unlock_at, thief_at);
    let again = world.unlock(opened.device_token.as_str(), "481526").await.unwrap();
    assert_eq!(again.previous_unlock_at, thief_at.saturating_add(MINUTE * 2));
}

/// Its token was replaced while it was looked at. Nobody has mistyped, and nobody is told so.
#[tokio::test]
async fn a_right_pin_that_comes_too_late_is_no_wrong_one() {
    let store = Arc::new(MemoryStore::default());
    let [here, there] = [(); 2].map(|()| World::on(store.clone(), policy(), key_ring(1), ""));
    let wrapped = here.wrapped().await;
    let (changed, copy) = (Arc::new(std::sync::Mutex::new(String::new())), wrapped.clone());
    let out = changed.clone();
    here.store.before_write(1, async move {
        let next = there.sessions.change_pin(&copy, &pin(PIN), pin("481526"), &RequestContext::new()).await.unwrap();
        *out.lock().unwrap() = next.into_string();
    });
    assert_eq!(here.code(&wrapped, PIN).await, "superseded");
    let changed = changed.lock().unwrap().clone();
    assert_eq!(here.unlock(&changed, "481526").await.unwrap().failed_attempts, 0);
}

/// The answer that told of them was lost.
#[tokio::test]
async fn who_asks_again_is_told_again() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    for _ in 0..3 {
        world.code(&wrapped, WRONG).await;
    }
    let store = world.store.clone();
    // The charge is the first write, the rotation the second.
    world.store.before_write(1, async move { store.set_fault(Fault::LoseNextAnswer) });
    assert_eq!(world.code(&wrapped, PIN).await, "unavailable");
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    // A charge whose outcome nobody knows counts as a wrong PIN.
    assert!(opened.failed_attempts >= 3, "{}", opened.failed_attempts);
}

/// A right PIN in flight elsewhere looks like a wrong one for a moment. When it no longer does, a wrong one still
/// counts.
#[tokio::test]
async fn a_charge_that_is_taken_back_hides_no_wrong_pin() {
    let store = Arc::new(MemoryStore::default());
    let [here, there] =
        [(); 2].map(|()| World::on(store.clone(), fast().attempts(no_waits()).build().unwrap(), key_ring(1), ""));
    let wrapped = here.wrapped().await;
    let (handed_out, copy) = (Arc::new(std::sync::Mutex::new(String::new())), wrapped.clone());
    let out = handed_out.clone();
    // Between our charge and what takes it back.
    here.store.before_write(1, async move { *out.lock().unwrap() = there.next(&copy).await });
    drop(here.unlock(&wrapped, PIN).await.unwrap());
    let successor = handed_out.lock().unwrap().clone();
    assert_eq!(here.code(&successor, WRONG).await, "wrong_pin");
    assert_eq!(here.unlock(&successor, PIN).await.unwrap().failed_attempts, 1);
}

/// A thief who guesses between the owner's visits has one budget for the copy, however often the owner comes. Here
/// every answer to the owner gets lost, so the copied wrap stays the current one: no success of the owner resets it.
#[tokio::test]
async fn slow_guessing_through_a_copy_ends_with_its_budget() {
    let world = World::with(fast().idle_timeout(Duration::from_secs(86_400 * 30)).build().unwrap());
    let wrapped = world.wrapped().await;
    let mut evaluated = 0;
    loop {
        world.clock.advance(Duration::from_secs(86_400));
        match world.code(&wrapped, WRONG).await {
            "wrong_pin" => evaluated += 1,
            "locked_out" => break,
            other => panic!("{other}"),
        }
        world.clock.advance(MINUTE * 90);
        assert_eq!(world.code(&wrapped, PIN).await, "ok");
    }
    assert_eq!(evaluated, 9, "the tenth is the one that locks out");
}

/// When the owner's answers arrive, the copy dies earlier: its successor was used.
#[tokio::test]
async fn slow_guessing_is_noticed_when_the_owner_comes_back() {
    let world = World::new();
    let copy = world.wrapped().await;
    let mut owner = copy.clone();
    let mut codes = Vec::new();
    for _ in 0..3 {
        world.clock.advance(Duration::from_secs(86_400));
        codes.push(world.code(&copy, WRONG).await);
        match world.unlock(&owner, PIN).await {
            Ok(opened) => owner = opened.device_token.into_string(),
            Err(error) => codes.push(error.code()),
        }
    }
    assert_eq!(codes, ["wrong_pin", "wrong_pin", "token_reused", "session_ended"]);
}

#[tokio::test]
async fn while_refused_right_and_wrong_pins_are_answered_alike_and_not_evaluated() {
    let world = World::new();
    let throttled = world.wrapped().await;
    for _ in 0..5 {
        assert_eq!(world.code(&throttled, WRONG).await, "wrong_pin");
    }
    let locked_out = world.wrapped().await;
    for _ in 0..10 {
        world.clock.advance(MINUTE * 90);
        world.code(&locked_out, WRONG).await;
    }
    for _ in 0..2 {
        // Once more into the waiting time: the 90 minutes have passed for the first session, too.
        world.code(&throttled, WRONG).await;
    }
    let open = world.wrapped().await;

    let evaluations = world.kdf.evaluations();
    for (wrapped, code) in [(&throttled, "throttled"), (&locked_out, "locked_out")] {
        let answers = [PIN, WRONG, "another text"].map(|pin| world.unlock(wrapped, pin));
        let mut shown = Vec::new();
        for answer in answers {
            shown.push(format!("{:?}", answer.await.unwrap_err()));
        }
        assert!(shown.iter().all(|answer| *answer == shown[0]), "{shown:?}");
        assert_eq!(world.code(wrapped, PIN).await, code);
    }
    world.clock.set_window(Window::Closed { opens: Some(START) });
    for pin in [PIN, WRONG] {
        let answer = world.unlock(&open, pin).await.unwrap_err();
        assert!(matches!(answer, UnlockError::Denied(Denial::OutsideHours { opens: Some(START) })), "{answer:?}");
    }
    assert_eq!(world.kdf.evaluations(), evaluations);

    world.clock.set_window(Window::Open { until: pinlatch::UnixTime::MAX });
    let Err(UnlockError::WrongPin { attempts_remaining, .. }) = world.unlock(&open, WRONG).await else { panic!() };
    assert_eq!(attempts_remaining, 9, "being refused outside the hours charged nothing");
}

/// Wherever a request is cancelled: an evaluation that began was charged before.
#[tokio::test]
async fn a_cancelled_request_gets_no_guess_for_free() {
    for polls in 0..40 {
        let world = World::with(fast().attempts(no_waits()).build().unwrap());
        let wrapped = world.wrapped().await;
        let ended = cancel_after(polls, world.unlock(&wrapped, WRONG)).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        let evaluated = world.kdf.evaluations() - 1;
        let Err(UnlockError::WrongPin { attempts_remaining, .. }) = world.unlock(&wrapped, WRONG).await else {
            panic!()
        };
        let charged = u64::from(9 - attempts_remaining);
        assert!(charged >= evaluated, "{polls} polls: {evaluated} evaluated, {charged} charged");
        if ended {
            assert_eq!((evaluated, charged), (1, 1));
            return;
        }
    }
    panic!("40 polls are enough for an unlock");
}

#[tokio::test]
async fn wrong_pins_of_a_whole_life_end_the_session() {
    let world = World::with(fast().max_wrong_pins(10).attempts(no_waits()).build().unwrap());
    let mut wrapped = world.wrapped().await;
    for _ in 0..3 {
        for _ in 0..3 {
            assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
        }
        wrapped = world.next(&wrapped).await;
    }
    assert_eq!(world.code(&wrapped, WRONG).await, "session_ended");
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
}

/// The cap ends the session by its count, not by the removal that follows, which may fail.
#[tokio::test]
async fn a_session_at_its_cap_is_over_even_if_it_could_not_be_removed() {
    let world = World::with(fast().max_wrong_pins(10).attempts(no_waits()).build().unwrap());
    let mut wrapped = world.wrapped().await;
    for _ in 0..9 {
        assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    }
    wrapped = world.next(&wrapped).await;
    // The charge is the first write, the removal the second.
    let store = world.store.clone();
    world.store.before_write(1, async move { store.set_fault(Fault::RefuseNextWrite) });
    assert_eq!(world.code(&wrapped, WRONG).await, "unavailable");
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
}

/// The charge alone reaches the cap; the PIN is right, so it is taken back and the session goes on.
#[tokio::test]
async fn the_last_wrong_pin_is_a_wrong_one() {
    let world = World::with(fast().max_wrong_pins(10).attempts(no_waits()).build().unwrap());
    let mut wrapped = world.wrapped().await;
    for _ in 0..9 {
        assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    }
    for _ in 0..3 {
        wrapped = world.next(&wrapped).await;
    }
}

/// Of a token at which nobody may guess any more nothing is kept that a PIN could be tried against; also when it is a
/// stricter policy that says so.
#[tokio::test]
async fn the_digest_of_what_is_locked_out_is_deleted() {
    let store = Arc::new(MemoryStore::default());
    let ten = World::on(store.clone(), fast().attempts(no_waits()).build().unwrap(), key_ring(1), "");
    let three = AttemptSchedule::new([Duration::ZERO; 2]).unwrap();
    let stricter = World::on(store.clone(), fast().attempts(three).build().unwrap(), key_ring(1), "");
    for (world, guesses) in [(&ten, 9), (&stricter, 5)] {
        let session = ten.login("alice").await;
        let (key, wrapped) = (SessionState::record_key(session.session_id), session.device_token.into_string());
        let stored = async || store.load(&key).await.unwrap().unwrap().body.len();
        for _ in 0..guesses {
            assert_eq!(ten.code(&wrapped, WRONG).await, "wrong_pin");
        }
        let before = stored().await;
        assert_eq!(world.code(&wrapped, WRONG).await, "locked_out");
        assert_eq!(stored().await, before - 32);
    }
}

/// A guess at another server, at the successor, comes before the deletion.
#[tokio::test]
async fn the_digest_is_deleted_also_if_the_session_changes_meanwhile() {
    let store = Arc::new(MemoryStore::default());
    let [here, there] =
        [(); 2].map(|()| World::on(store.clone(), fast().attempts(no_waits()).build().unwrap(), key_ring(1), ""));
    let session = here.login("alice").await;
    let (key, copy) = (SessionState::record_key(session.session_id), session.device_token.into_string());
    let successor = here.next(&copy).await;
    for _ in 0..9 {
        assert_eq!(here.code(&copy, WRONG).await, "wrong_pin");
    }
    let before = store.load(&key).await.unwrap().unwrap().body.len();
    // The charge is the first write, the deletion the second.
    here.store.before_write(1, async move { assert_eq!(there.code(&successor, WRONG).await, "wrong_pin") });
    assert_eq!(here.code(&copy, WRONG).await, "locked_out");
    assert_eq!(store.load(&key).await.unwrap().unwrap().body.len(), before - 32);
}

#[tokio::test]
async fn a_lockout_touches_neither_other_sessions_nor_a_new_login() {
    let world = World::with(fast().attempts(no_waits()).build().unwrap());
    let (attacked, other) = (world.wrapped().await, world.wrapped().await);
    for _ in 0..10 {
        world.code(&attacked, WRONG).await;
    }
    assert_eq!(world.code(&attacked, PIN).await, "locked_out");
    assert_eq!(world.code(&other, PIN).await, "ok");
    let again = world.wrapped().await;
    assert_eq!(world.code(&again, PIN).await, "ok");
}

#[tokio::test]
async fn a_successor_still_opens_when_a_thief_used_up_the_copy() {
    let world = World::with(fast().attempts(no_waits()).build().unwrap());
    let copy = world.wrapped().await;
    let owner = world.next(&copy).await;
    for _ in 0..10 {
        world.code(&copy, WRONG).await;
    }
    assert_eq!(world.code(&copy, PIN).await, "locked_out");
    assert_eq!(world.code(&owner, PIN).await, "ok");
}

/// Whoever is told can tell the user.
#[tokio::test]
async fn refusals_are_told_with_their_owner() {
    let schedule = AttemptSchedule::new([MINUTE, MINUTE]).unwrap();
    let world = World::with(fast().attempts(schedule).build().unwrap());
    let session = world.login("alice").await;
    let (session_id, wrapped) = (session.session_id, session.device_token.into_string());
    let subject = subject("alice");
    world.code(&wrapped, WRONG).await;
    world.events.take();
    assert_eq!(world.code(&wrapped, PIN).await, "throttled");
    let until = START.saturating_add(MINUTE);
    assert_eq!(world.events.take(), [Event::Throttled { session_id, subject: subject.clone(), until }]);
    for _ in 0..2 {
        world.clock.advance(MINUTE);
        world.code(&wrapped, WRONG).await;
    }
    let locked_out = Event::LockedOut { session_id, subject };
    assert_eq!(world.events.take().last(), Some(&locked_out));
    assert_eq!(world.code(&wrapped, PIN).await, "locked_out");
    assert_eq!(world.events.take(), [locked_out]);
}

#[tokio::test]
async fn events_tell_the_story_in_order() {
    let world = World::with(fast().attempts(no_waits()).build().unwrap());
    let session = world.login("alice").await;
    let (session_id, wrapped) = (session.session_id, session.device_token.into_string());
    world.code(&wrapped, WRONG).await;
    world.code(&wrapped, PIN).await;
    let subject = subject("alice");
    assert_eq!(
        world.events.take(),
        [
            Event::Issued { session_id, subject: subject.clone() },
            Event::WrongPin { session_id, subject: subject.clone(), attempts_remaining: 9 },
            Event::Unlocked { session_id, subject, failed_attempts: 1 },
        ]
    );
}
