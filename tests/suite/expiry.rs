//! How sessions and access tokens end by themselves.

use std::time::Duration;

use pinlatch::UnixTime;
use pinlatch::access_token::AccessTokenError;
use pinlatch::permission::Window;

use crate::world::*;

const DAY: Duration = Duration::from_secs(86_400);

#[tokio::test]
async fn a_session_idles_out_to_the_millisecond() {
    let world = World::new();
    let (idle, kept) = (world.wrapped().await, world.wrapped().await);
    world.clock.advance(DAY * 14 - Duration::from_millis(1));
    let kept = world.next(&kept).await;
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.code(&idle, PIN).await, "session_ended");
    assert_eq!(world.code(&kept, PIN).await, "ok");
}

#[tokio::test]
async fn a_session_ends_at_its_absolute_lifetime_however_busy() {
    let world = World::new();
    let mut wrapped = world.wrapped().await;
    for _ in 0..29 {
        world.clock.advance(DAY);
        wrapped = world.next(&wrapped).await;
    }
    world.clock.advance(DAY);
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
}

/// What is stored of a subject lasts as long as each of its sessions, also of those that begin when it is about to be
/// stored anew.
#[tokio::test]
async fn a_later_session_lasts_as_long_as_the_first() {
    for minutes in 0..15 {
        let world = World::with(fast().idle_timeout(DAY * 30).build().unwrap());
        drop(world.login("alice").await);
        world.clock.advance(DAY * 30 + Duration::from_secs(60 * minutes));
        let wrapped = world.wrapped().await;
        world.clock.advance(DAY * 30 - Duration::from_millis(1));
        assert_eq!(world.code(&wrapped, PIN).await, "ok", "{minutes}");
    }
}

#[tokio::test]
async fn a_wrong_pin_does_not_keep_a_session_awake() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    world.clock.advance(DAY * 13);
    assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    world.clock.advance(DAY);
    assert_eq!(world.code(&wrapped, PIN).await, "session_ended");
}

#[tokio::test]
async fn an_access_token_outlives_neither_its_lifetime_nor_the_window_nor_the_session() {
    let world = World::new();
    let mut wrapped = world.wrapped().await;
    let minute = Duration::from_secs(60);

    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    assert_eq!(opened.access_token.expires_at(), START.saturating_add(minute * 15));
    wrapped = opened.device_token.into_string();

    let closes = START.saturating_add(minute * 7);
    world.clock.set_window(Window::Open { until: closes });
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    assert_eq!(opened.access_token.expires_at(), closes);
    world.clock.set_window(Window::Open { until: UnixTime::MAX });
    wrapped = opened.device_token.into_string();

    for _ in 0..3 {
        world.clock.advance(DAY * 10 - minute * 3);
        let opened = world.unlock(&wrapped, PIN).await.unwrap();
        wrapped = opened.device_token.into_string();
        if world.clock_is_past(DAY * 29) {
            assert_eq!(opened.access_token.expires_at(), START.saturating_add(DAY * 30));
        }
    }
}

#[tokio::test]
async fn an_access_token_is_refused_from_its_second_on() {
    let world = World::new();
    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    let token = opened.access_token.as_str();
    world.clock.advance(Duration::from_secs(15 * 60) - Duration::from_millis(1));
    assert_eq!(world.sessions.verify(token).unwrap().subject, subject("alice"));
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.sessions.verify(token), Err(AccessTokenError::Expired));
    assert_eq!(world.sessions.verify_live(token).await.unwrap_err().code(), "invalid_token");
}

/// By a clock that ran backwards a session is used earlier than before, but was not.
#[tokio::test]
async fn a_clock_that_ran_backwards_ends_no_session_earlier() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    world.clock.advance(DAY);
    let wrapped = world.next(&wrapped).await;
    world.clock.set(START);
    let _ = world.next(&wrapped).await;
    let session = &world.sessions.sessions_of(&subject("alice")).await.unwrap()[0];
    assert_eq!(session.last_used_at, START.saturating_add(DAY));
}

/// The clock is put back after the unlock was stored and before its token is minted.
#[tokio::test]
async fn no_token_is_issued_before_its_unlock() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    let clock = world.clock.clone();
    let back = START.saturating_sub(Duration::from_secs(3));
    world.store.before_read(3, async move { clock.set(back) });
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    assert_eq!(pinlatch::clock::ClockPolicy::now(&*world.clock), back);
    let access = world.sessions.verify(opened.access_token.as_str()).unwrap();
    assert_eq!((access.issued_at, access.authenticated_at), (START, START));
}

/// A purge removes what ended and nothing else; a subject's record outlives the sessions.
#[tokio::test]
async fn purging_changes_nothing_for_the_living() {
    on_each_store(|name, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let mut kept = world.wrapped().await;
        for _ in 0..5 {
            let _ = world.login("bob").await;
        }
        for _ in 0..2 {
            world.clock.advance(DAY * 10);
            kept = world.next(&kept).await;
            world.sessions.purge(1000).await.unwrap();
        }
        assert_eq!(world.code(&kept, PIN).await, "ok", "{name}");
        assert_eq!(world.sessions.sessions_of(&subject("bob")).await.unwrap().len(), 0, "{name}");
        world.clock.advance(DAY * 400);
        assert_eq!(world.sessions.purge(1000).await.unwrap(), 3, "{name}: a session and two subjects");
        // A subject that was forgotten begins anew.
        let again = world.wrapped().await;
        assert_eq!(world.code(&again, PIN).await, "ok", "{name}");
    })
    .await;
}

/// A subject's record that expired but was not purged is overwritten, never revived.
#[tokio::test]
async fn an_expired_subject_record_is_renewed_by_the_next_login() {
    let world = World::new();
    world.wrapped().await;
    world.clock.advance(DAY * 400);
    let again = world.wrapped().await;
    assert_eq!(world.code(&again, PIN).await, "ok");
}

impl World {
    fn clock_is_past(&self, since_start: Duration) -> bool {
        use pinlatch::clock::ClockPolicy;
        self.clock.now() >= START.saturating_add(since_start)
    }
}
