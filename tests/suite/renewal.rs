//! Another access token without a PIN: off unless wanted, and never for long.

use std::time::Duration;

use pinlatch::clock::ClockPolicy;
use pinlatch::criterion::Networks;
use pinlatch::id::RequestKeyId;
use pinlatch::observer::Event;
use pinlatch::permission::Window;
use pinlatch::policy::PolicyBuilder;
use pinlatch::renew::RequestProof;
use pinlatch::{Policy, RenewError, RenewedAccess, RequestContext, UnixTime};

use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn renewing() -> PolicyBuilder {
    fast().renewal_limit(HOUR * 2).renewal_window(MINUTE * 5)
}

fn with(builder: PolicyBuilder) -> Policy {
    builder.build().unwrap()
}

impl World {
    async fn renew(&self, token: &str) -> Result<RenewedAccess, RenewError> {
        self.sessions.renew(token, RequestProof::vouched_by_host(), &RequestContext::new()).await
    }

    async fn renewed(&self, token: &str) -> String {
        self.renew(token).await.unwrap().access_token.as_str().to_owned()
    }

    async fn refused(&self, token: &str) -> &'static str {
        self.renew(token).await.unwrap_err().code()
    }

    async fn token(&self) -> String {
        let wrapped = self.wrapped().await;
        self.unlock(&wrapped, PIN).await.unwrap().access_token.as_str().to_owned()
    }
}

#[tokio::test]
async fn it_is_off_unless_the_policy_wants_it() {
    let world = World::new();
    let token = world.token().await;
    assert_eq!(world.refused(&token).await, "pin_required");
}

#[tokio::test]
async fn it_goes_on_until_the_limit_and_remembers_the_unlock() {
    let world = World::with(with(renewing()));
    let mut token = world.token().await;
    let limit = START.saturating_add(HOUR * 2);
    let mut renewals = 0;
    while world.clock.now() < limit.saturating_sub(MINUTE * 10) {
        world.clock.advance(MINUTE * 10);
        world.events.take();
        token = world.renewed(&token).await;
        assert!(matches!(world.events.take()[..], [Event::Renewed { .. }]));
        let access = world.sessions.verify_live(&token).await.unwrap();
        assert_eq!(access.authenticated_at, START);
        assert_eq!(access.issued_at, world.clock.now());
        assert_eq!(access.expires_at, world.clock.now().saturating_add(MINUTE * 15).min(limit));
        renewals += 1;
    }
    assert_eq!(renewals, 11);
    world.clock.set(limit.saturating_sub(Duration::from_millis(1)));
    let last = world.renew(&token).await.unwrap();
    assert!(last.access_token.expires_at() <= limit);
    world.clock.set(limit);
    assert_eq!(world.refused(&token).await, "pin_required");
    assert_eq!(world.sessions.verify(&token).unwrap_err().code(), "invalid_token");
}

#[tokio::test]
async fn an_expired_token_is_renewed_within_the_window_and_not_after() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    world.clock.advance(MINUTE * 20 - Duration::from_millis(1));
    assert!(world.sessions.verify(&token).is_err());
    assert!(world.renew(&token).await.is_ok());
    world.clock.advance(Duration::from_millis(1));
    assert_eq!(world.refused(&token).await, "pin_required");
}

#[tokio::test]
async fn what_is_no_token_is_not_renewed() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    for wrong in ["", "x", &token[1..], &format!("{token}x")] {
        assert_eq!(world.refused(wrong).await, "invalid_token");
    }
}

#[tokio::test]
async fn an_ended_session_is_not_renewed() {
    for end in ["revoke", "revoke_all", "expire"] {
        let world = World::with(with(renewing()));
        let token = world.token().await;
        let access = world.sessions.verify(&token).unwrap();
        match end {
            "revoke" => drop(world.sessions.revoke(&access.subject, access.session_id).await.unwrap()),
            "revoke_all" => world.sessions.revoke_all(&access.subject).await.unwrap(),
            _ => {
                let _ = world.sessions.sessions_of(&access.subject).await.unwrap();
                world.clock.advance(DAY * 40);
            }
        }
        assert_eq!(world.refused(&token).await, "session_ended", "{end}");
    }
}

/// The swap goes through, for the epoch is in another record.
#[tokio::test]
async fn sessions_revoked_while_it_is_stored_yield_no_token() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    let sessions = world.sessions.clone();
    world.store.before_write(0, async move { sessions.revoke_all(&subject("alice")).await.unwrap() });
    assert_eq!(world.refused(&token).await, "session_ended");
}

#[tokio::test]
async fn hours_and_criteria_are_asked_again() {
    let office = Networks::allow(["192.0.2.0/24".parse().unwrap()]).unwrap();
    let world = World::under(with(renewing()), office);
    let request = RequestContext::new().with_ip("192.0.2.1".parse().unwrap());
    let wrapped = world.wrapped().await;
    let opened = world.sessions.unlock(&wrapped, &pin(PIN), &request).await.unwrap();
    let token = opened.access_token.as_str();
    let nowhere = RequestContext::new();
    let renew = |request| world.sessions.renew(token, RequestProof::vouched_by_host(), request);
    assert!(renew(&request).await.is_ok());
    assert_eq!(renew(&nowhere).await.unwrap_err().code(), "denied");
    let closes = START.saturating_add(MINUTE);
    world.clock.set_window(Window::Open { until: closes });
    assert_eq!(renew(&request).await.unwrap().access_token.expires_at(), closes);
    world.clock.set_window(Window::Closed { opens: Some(UnixTime::MAX) });
    assert_eq!(renew(&request).await.unwrap_err().code(), "outside_hours");
}

#[tokio::test]
async fn it_counts_as_use_but_does_not_outlive_the_session() {
    let day = |days: u32| DAY * days;
    let policy = with(renewing().idle_timeout(HOUR).absolute_lifetime(day(1)));
    let world = World::with(policy);
    let mut token = world.token().await;
    for _ in 0..5 {
        world.clock.advance(MINUTE * 19);
        token = world.renewed(&token).await;
    }
    // An hour and a half after the login, with an idle timeout of an hour.
    assert!(world.sessions.verify_live(&token).await.is_ok());
    let wrapped = world.wrapped().await;
    world.clock.advance(HOUR - Duration::from_millis(1));
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    let used_at = world.clock.now();
    let session = world.sessions.sessions_of(&subject("alice")).await.unwrap();
    assert_eq!(session[0].last_used_at, used_at);
    world.clock.advance(MINUTE);
    drop(world.renew(opened.access_token.as_str()).await.unwrap());
    let session = world.sessions.sessions_of(&subject("alice")).await.unwrap();
    assert_eq!(session[0].last_used_at, used_at.saturating_add(MINUTE));
}

#[tokio::test]
async fn at_the_end_of_the_session_a_renewed_token_ends_with_it() {
    let world = World::with(with(renewing().absolute_lifetime(HOUR)));
    let mut token = world.token().await;
    for _ in 0..5 {
        world.clock.advance(MINUTE * 10);
        token = world.renewed(&token).await;
    }
    let access = world.sessions.verify(&token).unwrap();
    assert_eq!(access.expires_at, START.saturating_add(HOUR));
}

/// Whoever knew the old PIN unlocked with it and holds a token.
#[tokio::test]
async fn a_changed_pin_ends_what_the_old_one_began() {
    let world = World::with(with(renewing()));
    let wrapped = world.wrapped().await;
    let before = world.unlock(&wrapped, PIN).await.unwrap();
    world.clock.advance(MINUTE);
    let (old, new) = (pin(PIN), pin("902714"));
    let changed = world.sessions.change_pin(before.wrapped_token.as_str(), &old, new, &RequestContext::new()).await;
    assert_eq!(world.refused(before.access_token.as_str()).await, "pin_required");
    let after = world.unlock(changed.unwrap().as_str(), "902714").await.unwrap();
    assert!(world.renew(after.access_token.as_str()).await.is_ok());
}

#[tokio::test]
async fn a_bound_token_stays_bound() {
    let world = World::with(with(renewing()));
    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    let key = RequestKeyId::from_bytes([5; 20]);
    let none = serde_json::json!({});
    let bound = world.sessions.mint(&opened.grant.bound_to(key), &none).unwrap();
    assert!(world.sessions.verify(bound.as_str()).is_err());
    let renewed = world.renewed(bound.as_str()).await;
    let verifier = access_tokens().verifier().clone();
    assert_eq!(verifier.verify_bound(&renewed, START).unwrap().key(), key);
}
