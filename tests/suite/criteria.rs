//! Criteria: asked before the PIN, obeyed by the token.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinlatch::criterion::{Criterion, Networks, Travel};
use pinlatch::observer::Event;
use pinlatch::permission::{Denial, Verdict};
use pinlatch::record::Record;
use pinlatch::situation::{LastSeen, Position, Remembered, Situation};
use pinlatch::store::{Page, SessionStore};
use pinlatch::stores::MemoryStore;
use pinlatch::{FullLogin, RequestContext, UnixTime, UnlockError, UnlockedSession};

use crate::world::*;

const BERLIN: (f64, f64) = (52.52, 13.405);
const POTSDAM: (f64, f64) = (52.391, 13.063);
const SYDNEY: (f64, f64) = (-33.869, 151.209);
const HOUR: Duration = Duration::from_secs(3600);

fn from((latitude, longitude): (f64, f64)) -> RequestContext {
    RequestContext::new().with_position(Position::new(latitude, longitude, 30.0).unwrap())
}

fn from_ip(ip: &str) -> RequestContext {
    RequestContext::new().with_ip(ip.parse().unwrap())
}

/// The time it was, the time of the login, and what the session remembered.
type Asked = (UnixTime, UnixTime, LastSeen);

/// Says what it is told to say, and remembers what it was asked.
#[derive(Clone)]
struct Scripted(Arc<Mutex<(Verdict, Vec<Asked>)>>);

impl Scripted {
    fn new(verdict: Verdict) -> Self {
        Self(Arc::new(Mutex::new((verdict, Vec::new()))))
    }

    fn says(&self, verdict: Verdict) {
        self.0.lock().unwrap().0 = verdict;
    }

    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.0.lock().unwrap().1)
    }
}

impl Criterion for Scripted {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        assert_eq!(situation.subject, &subject("alice"));
        let mut script = self.0.lock().unwrap();
        script.1.push((situation.now, situation.logged_in_at, situation.last));
        script.0
    }

    fn remembers(&self) -> Remembered {
        Remembered { ip: true, place: true }
    }
}

impl World {
    async fn login_from(&self, request: RequestContext) -> String {
        let login = FullLogin::vouched_by_host(subject("alice")).with_request(request);
        self.sessions.login(login, pin(PIN)).await.unwrap().device_token.into_string()
    }

    async fn unlock_from(&self, wrapped: &str, request: &RequestContext) -> Result<UnlockedSession, UnlockError> {
        self.sessions.unlock(wrapped, &pin(PIN), request).await
    }

    async fn next_from(&self, wrapped: &str, request: &RequestContext) -> String {
        self.unlock_from(wrapped, request).await.unwrap().device_token.into_string()
    }

    async fn code_from(&self, wrapped: &str, request: &RequestContext) -> &'static str {
        self.unlock_from(wrapped, request).await.map_or_else(|error| error.code(), |_| "ok")
    }
}

#[tokio::test]
async fn a_denial_looks_at_no_pin_charges_nothing_and_says_why() {
    let criterion = Scripted::new(Verdict::ALLOW);
    let world = World::under(policy(), criterion.clone());
    let wrapped = world.wrapped().await;
    assert_eq!(world.code(&wrapped, WRONG).await, "wrong_pin");
    let later = START.saturating_add(HOUR);
    let denials = [
        (
            Verdict::Deny { reason: "r1", retry_at: Some(later) },
            Denial::Criterion { reason: "r1", retry_at: Some(later) },
            "denied",
        ),
        (Verdict::Unknown { reason: "r2" }, Denial::Criterion { reason: "r2", retry_at: None }, "denied"),
        (Verdict::LogInAgain { reason: "r3" }, Denial::LogInAgain { reason: "r3" }, "log_in_again"),
    ];
    for (verdict, denial, code) in denials {
        criterion.says(verdict);
        world.events.take();
        for with in [PIN, WRONG] {
            let before = world.store.calls();
            let error = world.unlock(&wrapped, with).await.unwrap_err();
            assert!(matches!(&error, UnlockError::Denied(answer) if *answer == denial), "{error:?}");
            assert_eq!((error.code(), error.retry_after()), (code, None));
            assert_eq!(world.store.calls() - before, 2, "a session and its subject were read, and nothing was written");
        }
        let alice = subject("alice");
        let denied = |event: &Event| matches!(event, Event::Denied { denial: told, subject, .. } if *told == denial && *subject == alice);
        let events = world.events.take();
        assert!(events.len() == 2 && events.iter().all(denied), "{events:?}");
        let changed = world.sessions.change_pin(&wrapped, &pin(PIN), pin("902714"), &RequestContext::new()).await;
        assert_eq!(changed.unwrap_err().code(), code, "a PIN is not changed, either");
    }
    criterion.says(Verdict::ALLOW);
    assert_eq!(world.unlock(&wrapped, PIN).await.unwrap().failed_attempts, 1);
}

#[tokio::test]
async fn a_token_ends_with_what_allowed_it() {
    let until = START.saturating_add(Duration::from_secs(61));
    let world = World::under(policy(), Scripted::new(Verdict::Allow { until }));
    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    assert_eq!(opened.access_token.expires_at(), until);
    assert_eq!(opened.grant.expires_at(), until);
}

/// Whoever is let in to wait for the KDF must not be turned away after it, with a charge for a right PIN.
#[tokio::test]
async fn what_allows_must_last_through_the_longest_wait() {
    struct Until(UnixTime);
    impl Criterion for Until {
        fn check(&self, situation: &Situation<'_>) -> Verdict {
            if situation.now < self.0 {
                Verdict::Allow { until: self.0 }
            } else {
                Verdict::Deny { reason: "over", retry_at: None }
            }
        }

        fn remembers(&self) -> Remembered {
            Remembered::NOTHING
        }
    }
    let wait = Duration::from_secs(10);
    for (more, code) in [(Duration::ZERO, "denied"), (Duration::from_millis(1), "ok")] {
        let world = World::under(policy(), Until(START.saturating_add(wait + more)));
        assert_eq!(world.kdf.max_wait(), wait);
        let wrapped = world.wrapped().await;
        assert_eq!(world.code(&wrapped, PIN).await, code);
    }
}

#[tokio::test]
async fn a_criterion_is_told_what_the_session_remembers() {
    let criterion = Scripted::new(Verdict::ALLOW);
    let world = World::under(policy(), criterion.clone());
    let wrapped = world.login_from(from(BERLIN).with_ip("192.0.2.1".parse().unwrap())).await;
    world.clock.advance(HOUR);
    let wrapped = world.next_from(&wrapped, &from(POTSDAM)).await;
    let asked = criterion.asked();
    let at_login = from(BERLIN).with_ip("192.0.2.1".parse().unwrap()).seen(START);
    assert!(!asked.is_empty());
    for (now, logged_in_at, last) in asked {
        assert!(now >= START.saturating_add(HOUR));
        assert_eq!((logged_in_at, last), (START, at_login));
    }
    let _ = world.unlock_from(&wrapped, &RequestContext::new()).await.unwrap();
    for (_, _, last) in criterion.asked() {
        assert_eq!(last.place, from(POTSDAM).seen(START.saturating_add(HOUR)).place);
        assert_eq!(last.ip, at_login.ip, "a request without an address does not erase the last one");
    }
}

#[tokio::test]
async fn impossible_travel_ends_in_a_full_login_and_home_is_still_home() {
    let world = World::under(policy(), Travel::default());
    let home = world.login_from(from(BERLIN)).await;
    world.clock.advance(HOUR);
    let home = world.next_from(&home, &from(POTSDAM)).await;
    world.clock.advance(HOUR);
    let error = world.unlock_from(&home, &from(SYDNEY)).await.unwrap_err();
    let denial = Denial::LogInAgain { reason: "impossible_travel" };
    assert!(matches!(error, UnlockError::Denied(answer) if answer == denial));
    assert_eq!(world.code_from(&home, &RequestContext::new()).await, "denied", "silence does not help");
    // Nothing was lost: at home the session goes on, and from there the credentials begin another one.
    let home = world.next_from(&home, &from(BERLIN)).await;
    let there = world.login_from(from(SYDNEY)).await;
    world.clock.advance(HOUR);
    assert_eq!(world.code_from(&there, &from(SYDNEY)).await, "ok");
    assert_eq!(world.code_from(&home, &from(BERLIN)).await, "ok");
    // A day later the journey is possible.
    let home = world.login_from(from(BERLIN)).await;
    world.clock.advance(HOUR * 24);
    assert_eq!(world.code_from(&home, &from(SYDNEY)).await, "ok");
}

#[tokio::test]
async fn far_away_is_far_away_however_late() {
    let world = World::under(policy(), Travel::default().with_max_distance(50_000.0).unwrap());
    let wrapped = world.login_from(from(BERLIN)).await;
    world.clock.advance(HOUR * 24 * 10);
    let error = world.unlock_from(&wrapped, &from(SYDNEY)).await.unwrap_err();
    assert!(matches!(error, UnlockError::Denied(Denial::LogInAgain { reason: "far_away" })));
    assert_eq!(world.code_from(&wrapped, &from(POTSDAM)).await, "ok");
}

/// Through another server somebody in another place unlocked the session, before this request was charged.
#[tokio::test]
async fn a_place_that_changed_meanwhile_is_looked_at_again() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let server = || {
        let traveled = |builder: pinlatch::SessionsBuilder| builder.criterion(Travel::default());
        World::built(store.clone(), policy(), key_ring(1), "", traveled)
    };
    let (world, other) = (server(), server());
    let wrapped = world.login_from(from(BERLIN)).await;
    let (sessions, copy) = (other.sessions, wrapped.clone());
    world.clock.advance(HOUR * 30);
    other.clock.advance(HOUR * 30);
    world.store.before_write(0, async move {
        let _ = sessions.unlock(&copy, &pin(PIN), &from(SYDNEY)).await.unwrap();
    });
    assert_eq!(world.code_from(&wrapped, &from(BERLIN)).await, "log_in_again");
}

/// All records of a store, with their bodies.
async fn bodies(store: &dyn SessionStore, world: &World) -> Vec<Record> {
    let owner = pinlatch::keyring::KeyRing::keys(&key_ring(1), &pinlatch::Tenant::default()).owner(&subject("alice"));
    assert!(world.sessions.sessions_of(&subject("alice")).await.unwrap().len() == 1);
    let page = Page { after: None, limit: 10 };
    store.list(&owner, pinlatch::record::RecordKind::Session, page).await.unwrap()
}

#[tokio::test]
async fn addresses_and_places_are_kept_only_where_a_criterion_wants_them() {
    let ip: IpAddr = "2001:db8:dead:beef::77".parse().unwrap();
    let IpAddr::V6(v6) = ip else { unreachable!() };
    let networks = Networks::allow(["2001:db8::/32".parse().unwrap()]).unwrap();
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let under = |criterion: Box<dyn Criterion>| {
        World::built(store.clone(), policy(), key_ring(1), "", |builder| builder.criterion(criterion))
    };
    let anything = Scripted::new(Verdict::ALLOW);
    let request = from(BERLIN).with_ip(ip);
    let mut wrapped = under(networks.clone().boxed()).login_from(request.clone()).await;
    // Each time the host changes its mind: nothing, the place, both, and nothing again.
    let minds: [(Box<dyn Criterion>, bool, bool); 4] = [
        (networks.clone().boxed(), false, false),
        (Travel::default().boxed(), false, true),
        (anything.boxed(), true, true),
        (networks.boxed(), false, false),
    ];
    for (criterion, address, place) in minds {
        let world = under(criterion);
        wrapped = world.next_from(&wrapped, &request).await;
        let latitude = 52_520_000_i32.to_be_bytes();
        let holds = |needle: &[u8], body: &[u8]| body.windows(needle.len()).any(|window| window == needle);
        for record in bodies(&*store, &world).await {
            assert_eq!((holds(&v6.octets(), &record.body), holds(&latitude, &record.body)), (address, place));
        }
    }
}

/// Looks at what it said it would not.
struct Forgetful(Scripted);

impl Criterion for Forgetful {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        self.0.check(situation)
    }

    fn remembers(&self) -> Remembered {
        Remembered::NOTHING
    }
}

#[tokio::test]
async fn what_another_criterion_remembered_is_not_shown() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let under = |criterion: Box<dyn Criterion>| {
        World::built(store.clone(), policy(), key_ring(1), "", |builder| builder.criterion(criterion))
    };
    let script = Scripted::new(Verdict::ALLOW);
    let wrapped = under(script.clone().boxed()).login_from(from(BERLIN)).await;
    let _ = under(Forgetful(script.clone()).boxed()).unlock_from(&wrapped, &from(BERLIN)).await.unwrap();
    let asked = script.asked();
    assert!(!asked.is_empty() && asked.iter().all(|(_, _, last)| *last == LastSeen::default()), "{asked:?}");
}

#[tokio::test]
async fn networks_let_in_whom_they_name() {
    let office = Networks::allow(["192.0.2.0/24".parse().unwrap(), "2001:db8::/32".parse().unwrap()]).unwrap();
    let world = World::under(policy(), office);
    let mut wrapped = world.wrapped().await;
    for ip in ["192.0.2.200", "::ffff:192.0.2.3", "2001:db8::1"] {
        wrapped = world.next_from(&wrapped, &from_ip(ip)).await;
    }
    for (request, reason) in [
        (from_ip("192.0.3.1"), "network_not_allowed"),
        (from_ip("::ffff:198.51.100.1"), "network_not_allowed"),
        (from_ip("::192.0.2.3"), "network_not_allowed"),
        (RequestContext::new(), "network_unknown"),
    ] {
        let error = world.unlock_from(&wrapped, &request).await.unwrap_err();
        assert!(
            matches!(error, UnlockError::Denied(Denial::Criterion { reason: told, .. }) if told == reason),
            "{error:?}"
        );
    }
}

/// None of them is forgotten.
#[tokio::test]
async fn of_several_criteria_all_must_allow() {
    let office = || Networks::allow(["192.0.2.0/24".parse().unwrap()]).unwrap();
    let guests = || Networks::deny(["192.0.2.128/25".parse().unwrap()]).unwrap();
    let store = Arc::new(MemoryStore::default());
    let world =
        World::built(store, policy(), key_ring(1), "", |builder| builder.criterion(office()).criterion(guests()));
    let wrapped = world.wrapped().await;
    for (ip, reason) in
        [("192.0.2.129", Some("network_denied")), ("198.51.100.1", Some("network_not_allowed")), ("192.0.2.1", None)]
    {
        let opened = world.sessions.unlock(&wrapped, &pin(PIN), &from_ip(ip)).await;
        let denied = match opened {
            Err(UnlockError::Denied(Denial::Criterion { reason, .. })) => Some(reason),
            opened => opened.map(|_| None).unwrap(),
        };
        assert_eq!(denied, reason, "{ip}");
    }
}
