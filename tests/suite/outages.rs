//! Stores that fail, and service that is busy: nothing is guessed for free, and nothing is lost.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{BuildError, FullLogin, KdfPool, LoginError, Policy, RequestContext, Sessions, UnlockError};

use crate::world::*;

#[tokio::test]
async fn a_charge_whose_outcome_is_unknown_is_never_evaluated() {
    for fault in [Fault::RefuseNextWrite, Fault::LoseNextAnswer] {
        let world = World::with(fast().attempts(no_waits()).build().unwrap());
        let wrapped = world.wrapped().await;
        let evaluations = world.kdf.evaluations();
        for _ in 1..10 {
            world.store.set_fault(fault);
            assert_eq!(world.code(&wrapped, PIN).await, "unavailable");
            assert_eq!(world.kdf.evaluations(), evaluations, "{fault:?}");
        }
        // Nine charges that were stored but not answered stand, and one guess is left. Refused writes cost nothing.
        let last = world.unlock(&wrapped, WRONG).await.unwrap_err();
        match fault {
            Fault::LoseNextAnswer => assert!(matches!(last, UnlockError::LockedOut), "{last:?}"),
            _ => assert!(matches!(last, UnlockError::WrongPin { attempts_remaining: 9, .. }), "{last:?}"),
        }
        assert_eq!(world.kdf.evaluations(), evaluations + 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_rotation_whose_answer_is_lost_leaves_the_device_a_wrap_that_opens() {
    let world = World::new();
    let mut wrapped = world.wrapped().await;
    wrapped = world.next(&wrapped).await;
    // The charge is the first write, the rotation the second.
    let store = world.store.clone();
    world.store.before_write(1, async move { store.set_fault(Fault::LoseNextAnswer) });
    assert_eq!(world.code(&wrapped, PIN).await, "unavailable");
    let reported = world.unlock(&wrapped, PIN).await.unwrap().failed_attempts;
    assert_eq!(reported, 0, "the charge of the right PIN was withdrawn with the rotation");
}

/// The charge of a right PIN stands when the rotation could not be stored; the wrapped token stays good.
#[tokio::test]
async fn a_rotation_that_is_refused_leaves_the_charge_and_the_wrap() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    let store = world.store.clone();
    world.store.before_write(1, async move { store.set_fault(Fault::RefuseNextWrite) });
    assert_eq!(world.code(&wrapped, PIN).await, "unavailable");
    let error = world.unlock(&wrapped, WRONG).await.unwrap_err();
    assert!(matches!(error, UnlockError::WrongPin { attempts_remaining: 8, .. }), "{error:?}");
    assert_eq!(world.code(&wrapped, PIN).await, "ok");
}

/// A login whose tidying fails is a login all the same, and the next one tidies.
#[tokio::test]
async fn a_login_survives_that_the_oldest_could_not_be_ended() {
    let world = World::with(fast().max_sessions(1).build().unwrap());
    let first = world.wrapped().await;
    let store = world.store.clone();
    // The session is the first write, ending the oldest the second.
    world.store.before_write(1, async move { store.set_fault(Fault::RefuseNextWrite) });
    let second = world.wrapped().await;
    assert!(world.events.take().iter().any(|event| matches!(event, pinlatch::observer::Event::ExcessKept { .. })));
    assert_eq!((world.code(&first, PIN).await, world.code(&second, PIN).await), ("ok", "ok"));
    let third = world.wrapped().await;
    assert_eq!(world.sessions.sessions_of(&subject("alice")).await.unwrap().len(), 1);
    assert_eq!(world.code(&third, PIN).await, "ok");
}

#[tokio::test]
async fn a_store_that_is_down_is_an_error_that_says_when_to_come_back() {
    let world = World::new();
    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    let (wrapped, access) = (opened.device_token.into_string(), opened.access_token);
    world.store.set_fault(Fault::Down);

    let error = world.unlock(&wrapped, PIN).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after().is_some()), ("unavailable", true));
    let change =
        world.sessions.change_pin(&wrapped, &pin(PIN), pin("902714"), &RequestContext::new()).await.unwrap_err();
    assert_eq!((change.code(), change.retry_after().is_some()), ("unavailable", true));
    let login = world.sessions.login(FullLogin::vouched_by_host(subject("bob")), pin(PIN)).await.unwrap_err();
    assert_eq!((login.code(), login.retry_after().is_some()), ("unavailable", true));
    assert!(world.sessions.verify(access.as_str()).is_ok(), "stateless verification needs no store");
    let live = world.sessions.verify_live(access.as_str()).await.unwrap_err();
    assert_eq!((live.code(), live.retry_after().is_some()), ("unavailable", true));
    let log_out = world.sessions.log_out(&wrapped).await.unwrap_err();
    assert_eq!((log_out.code(), log_out.retry_after().is_some()), ("unavailable", true));

    world.store.set_fault(Fault::None);
    assert_eq!(world.code(&wrapped, PIN).await, "ok", "and all is well when it comes back");
}

#[tokio::test]
async fn a_full_store_refuses_the_login_and_keeps_what_it_has() {
    let world = World::on(Arc::new(MemoryStore::with_capacity(2)), policy(), key_ring(1), "");
    let (first, second) = (world.wrapped().await, world.wrapped().await);
    let error = world.sessions.login(FullLogin::vouched_by_host(subject("alice")), pin(PIN)).await.unwrap_err();
    assert_eq!(error.code(), "overloaded");
    assert_eq!((world.code(&first, PIN).await, world.code(&second, PIN).await), ("ok", "ok"));
}

/// A pool with room for one evaluation and no patience.
fn impatient(world: &World) -> Sessions {
    let pool = KdfPool::new(47_104, Duration::from_millis(5));
    Sessions::builder(key_ring(1), world.store.clone(), access_tokens())
        .policy(Policy::builder().kdf(KdfParams::new(47_104, 1, 1).unwrap()).max_kdf_m_kib(47_104).build().unwrap())
        .clock(world.clock.clone())
        .kdf_pool(pool)
        .build()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn busy_charges_nothing_and_says_when_to_come_back() {
    let world = World::new();
    let sessions = impatient(&world);
    let mut wrapped = Vec::new();
    for name in ["a", "b", "c", "d", "e", "f"] {
        loop {
            if let Ok(session) = sessions.login(FullLogin::vouched_by_host(subject(name)), pin(PIN)).await {
                wrapped.push(session.device_token.into_string());
                break;
            }
        }
    }
    let attempts: Vec<_> = wrapped
        .iter()
        .map(|wrapped| {
            let (sessions, wrapped) = (sessions.clone(), wrapped.clone());
            tokio::spawn(
                async move { sessions.unlock(&wrapped, &pin(WRONG), &RequestContext::new()).await.unwrap_err() },
            )
        })
        .collect();
    let mut busy = Vec::new();
    for (attempt, wrapped) in attempts.into_iter().zip(&wrapped) {
        match attempt.await.unwrap() {
            error @ UnlockError::Busy { .. } => {
                assert!(error.retry_after().is_some());
                busy.push(wrapped);
            }
            UnlockError::WrongPin { .. } => {}
            other => panic!("{other:?}"),
        }
    }
    assert!(!busy.is_empty(), "six at once on room for one");
    for wrapped in busy {
        loop {
            match sessions.unlock(wrapped, &pin(WRONG), &RequestContext::new()).await.unwrap_err() {
                UnlockError::Busy { .. } => {}
                UnlockError::WrongPin { attempts_remaining, .. } => break assert_eq!(attempts_remaining, 9),
                other => panic!("{other:?}"),
            }
        }
    }
}

/// Evidence that came from a code, say, which is used up: it is given back.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_login_that_found_no_room_may_be_tried_again() {
    let world = World::new();
    let sessions = impatient(&world);
    let logins: Vec<_> = (0..6)
        .map(|at| {
            let (sessions, login) = (sessions.clone(), FullLogin::vouched_by_host(subject(&format!("user {at}"))));
            tokio::spawn(async move { sessions.login(login, pin(PIN)).await })
        })
        .collect();
    let mut again = Vec::new();
    for login in logins {
        match login.await.unwrap() {
            Err(LoginError::Busy { login: Some(login), .. }) => again.push(*login),
            other => drop(other.unwrap()),
        }
    }
    assert!(!again.is_empty(), "six at once on room for one");
    for mut login in again {
        loop {
            match sessions.login(login, pin(PIN)).await {
                Err(LoginError::Busy { login: Some(again), .. }) => login = *again,
                other => break drop(other.unwrap()),
            }
        }
    }
}

#[tokio::test]
async fn a_pool_that_could_never_serve_is_refused_when_built() {
    let build = |kib| {
        Sessions::builder(key_ring(1), MemoryStore::default(), access_tokens())
            .kdf_pool(KdfPool::new(kib, Duration::from_secs(1)))
            .build()
            .map(drop)
    };
    assert_eq!(build(65_535), Err(BuildError::KdfPoolTooSmall { pool_kib: 65_535, needed_kib: 65_536 }));
    assert_eq!(build(65_536), Ok(()));
}

/// No async runtime at all: the futures are polled by hand.
#[test]
fn any_executor_will_do() {
    use std::task::{Context, Poll, Wake, Waker};
    struct Thread(std::thread::Thread);
    impl Wake for Thread {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let (mut future, waker) = (Box::pin(future), Waker::from(Arc::new(Thread(std::thread::current()))));
        loop {
            match future.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(value) => return value,
                Poll::Pending => std::thread::park(),
            }
        }
    }
    let directory = tempfile::tempdir().unwrap();
    let store = pinlatch::stores::SqliteStore::open(directory.path().join("store.db")).unwrap();
    let world = World::on(Arc::new(store), policy(), key_ring(1), "");
    block_on(async {
        let wrapped = world.wrapped().await;
        let wrapped = world.next(&wrapped).await;
        assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    });
}
