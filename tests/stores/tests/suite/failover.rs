//! A server that dies in the middle of an attack, and a standby that takes its place.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::stores::PostgresStore;
use pinlatch::{KdfPool, Sessions};
use pinlatch_store_tests::{GUESSES, PIN, WRONG, login, pool, sessions, times, unlock};
use pinlatch_test_servers::{Postgres, Proxy, wait_until};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

const SYNCHRONOUS: &[&str] = &["synchronous_standby_names = '*'"];
const ASYNCHRONOUS: &[&str] = &[];

/// Long enough for a kill between two of them.
const BETWEEN_GUESSES: Duration = Duration::from_millis(100);

/// A primary, and a standby that hears of its commits through a wire that can be cut.
struct Pair {
    primary: Postgres,
    wire: Proxy,
    standby: Postgres,
}

impl Pair {
    fn start(settings: &[&str]) -> Self {
        let primary = Postgres::start_with(settings);
        let wire = Proxy::to(primary.port());
        let standby = primary.standby(wire.port());
        Self { primary, wire, standby }
    }

    /// Services that look for whichever of the two takes writes; each lets one guess at a session in at a time.
    async fn services(&self, kdf: &KdfPool) -> Vec<Sessions> {
        let (primary, standby) = (self.primary.port(), self.standby.port());
        let hosts = format!("127.0.0.1:{primary},127.0.0.1:{standby}");
        let url = format!("postgres://postgres@{hosts}/postgres?target_session_attrs=read-write");
        let store = PostgresStore::builder(&url).timeout(Duration::from_secs(2)).connect().await.unwrap();
        (0..4).map(|_| sessions(Arc::new(store.clone()), kdf)).collect()
    }
}

/// Guesses until there is nothing left to guess at.
fn attack(services: &[Sessions], wrapped: &str) -> Vec<JoinHandle<()>> {
    let guess = |sessions: &Sessions| {
        let (sessions, wrapped) = (sessions.clone(), wrapped.to_owned());
        tokio::spawn(async move {
            while unlock(&sessions, &wrapped, WRONG).await != "locked_out" {
                sleep(BETWEEN_GUESSES).await;
            }
        })
    };
    services.iter().map(guess).collect()
}

async fn reached(kdf: &KdfPool, evaluations: u64) {
    while kdf.evaluations() < evaluations {
        sleep(Duration::from_millis(1)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_in_the_middle_of_an_attack_gives_no_guess() {
    let mut in_the_middle = 0;
    for round in 0..times(2, 100) {
        let (mut pair, kdf) = (Pair::start(SYNCHRONOUS), pool());
        let services = pair.services(&kdf).await;
        let wrapped = login(&services[0], "alice").await.device_token.into_string();
        let before = kdf.evaluations();
        let attack = attack(&services, &wrapped);
        reached(&kdf, before + 1 + round * 3 % 8).await;
        pair.primary.kill();
        in_the_middle += u64::from(kdf.evaluations() < before + GUESSES);
        pair.standby.promote();
        for guesses in attack {
            guesses.await.unwrap();
        }
        let evaluated = kdf.evaluations() - before;
        // What was charged without an answer is not evaluated.
        assert!((GUESSES - 4..=GUESSES).contains(&evaluated), "round {round}: {evaluated}");
        assert_eq!(unlock(&services[0], &wrapped, PIN).await, "locked_out");
    }
    assert!(in_the_middle > 0, "each attack was over before the failover");
}

/// A charge that only the primary has is none: nobody is answered, and no PIN is evaluated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_its_synchronous_standby_a_primary_evaluates_nothing() {
    let (pair, kdf) = (Pair::start(SYNCHRONOUS), pool());
    let services = pair.services(&kdf).await;
    let wrapped = login(&services[0], "alice").await.device_token.into_string();
    let before = kdf.evaluations();
    pair.wire.freeze();
    for sessions in &services {
        assert_eq!(unlock(sessions, &wrapped, WRONG).await, "unavailable");
    }
    assert_eq!(kdf.evaluations(), before);
}

/// Somebody cancels the wait, or ends its connection, as operators do in such an outage. PostgreSQL calls the one a
/// success, with a warning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_charge_that_waits_for_its_standby_no_more_is_none() {
    let (pair, kdf) = (Pair::start(SYNCHRONOUS), pool());
    pair.primary.sql("ALTER ROLE postgres SET client_min_messages = error");
    let services = pair.services(&kdf).await;
    let wrapped = login(&services[0], "alice").await.device_token.into_string();
    let before = kdf.evaluations();
    pair.wire.freeze();
    for end in ["pg_cancel_backend", "pg_terminate_backend"] {
        let (sessions, wrapped) = (services[0].clone(), wrapped.clone());
        let guess = tokio::spawn(async move { unlock(&sessions, &wrapped, WRONG).await });
        let waiting = |what: &str| {
            pair.primary.sql(&format!(
                "SELECT {what} FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND query ~ 'pinlatch'"
            ))
        };
        wait_until("the charge waits", || waiting("count(*)") == "1\n");
        waiting(&format!("{end}(pid)"));
        assert_eq!(guess.await.unwrap(), "unavailable", "{end}");
    }
    assert_eq!(kdf.evaluations(), before);
}

/// Why an asynchronous standby is not enough, as SECURITY.md says; and that the tests above would see it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failover_to_an_asynchronous_standby_gives_guesses_back() {
    let (mut pair, kdf) = (Pair::start(ASYNCHRONOUS), pool());
    let services = pair.services(&kdf).await;
    let wrapped = login(&services[0], "alice").await.device_token.into_string();
    pair.standby.catch_up_with(&pair.primary);
    pair.wire.freeze();
    let before = kdf.evaluations();
    for _ in 0..GUESSES - 1 {
        assert_eq!(unlock(&services[0], &wrapped, WRONG).await, "wrong_pin");
    }
    pair.primary.kill();
    pair.standby.promote();
    let attack = attack(&services, &wrapped);
    let all = async {
        for guesses in attack {
            guesses.await.unwrap();
        }
    };
    timeout(Duration::from_secs(60), all).await.unwrap();
    assert_eq!(kdf.evaluations() - before, 2 * GUESSES - 1);
}
