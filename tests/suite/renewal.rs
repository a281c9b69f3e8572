//! Another access token without a PIN: off unless wanted, and never for long.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::access_token::BoundAccess;
use pinlatch::authorize::Grant;
use pinlatch::clock::ClockPolicy;
use pinlatch::criterion::{Networks, Travel};
use pinlatch::id::RequestKeyId;
use pinlatch::observer::Event;
use pinlatch::permission::Window;
use pinlatch::policy::PolicyBuilder;
use pinlatch::renew::RequestProof;
use pinlatch::situation::Position;
use pinlatch::store::SessionStore;
use pinlatch::stores::MemoryStore;
use pinlatch::{AccessTokenError, Policy, RenewError, RenewedAccess, RequestContext, UnixTime, VerifiedAccess};

use crate::world::*;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn renewing() -> PolicyBuilder {
    fast().renewal_limit(HOUR * 2).renewal_window(MINUTE * 5)
}

const KEY: RequestKeyId = RequestKeyId::from_bytes([5; 20]);

fn proof() -> RequestProof {
    RequestProof::vouched_by_host(KEY)
}

fn with(builder: PolicyBuilder) -> Policy {
    builder.build().unwrap()
}

impl World {
    async fn renew(&self, token: &str) -> Result<RenewedAccess, RenewError> {
        self.sessions.renew(token, proof(), &RequestContext::new()).await
    }

    /// A token that is bound to the key of its client.
    fn bind(&self, grant: Grant) -> String {
        let none = serde_json::json!({});
        self.sessions.mint(&grant.bound_to(KEY), &none).unwrap().as_str().to_owned()
    }

    /// What is claimed, for who knows the key.
    fn bound(&self, token: &str) -> Result<VerifiedAccess, AccessTokenError> {
        self.sessions.verify_bound(token).map(BoundAccess::proven_by_host)
    }

    async fn renewed(&self, token: &str) -> String {
        self.renew(token).await.unwrap().access_token.as_str().to_owned()
    }

    async fn refused(&self, token: &str) -> &'static str {
        self.renew(token).await.unwrap_err().code()
    }

    async fn token(&self) -> String {
        let wrapped = self.wrapped().await;
        self.bind(self.unlock(&wrapped, PIN).await.unwrap().grant)
    }
}

#[tokio::test]
async fn a_store_that_is_down_says_when_to_come_back() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    world.store.set_fault(Fault::Down);
    let error = world.renew(&token).await.unwrap_err();
    assert_eq!((error.code(), error.retry_after().is_some()), ("unavailable", true));
    world.store.set_fault(Fault::None);
    assert!(world.renew(&token).await.is_ok());
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
        let access = world.bound(&token).unwrap();
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
    assert_eq!(world.bound(&token), Err(AccessTokenError::Expired));
}

/// A renewal is no unlock, and is told nothing: whoever has opened the session before is told to the next who does.
#[tokio::test]
async fn a_renewal_hides_nobody_who_was_here_before() {
    let world = World::with(with(renewing()));
    let wrapped = world.wrapped().await;
    let token = world.bind(world.unlock(&wrapped, PIN).await.unwrap().grant);
    world.clock.advance(MINUTE);
    let thief_at = world.clock.now();
    drop(world.unlock(&wrapped, PIN).await.unwrap());
    world.clock.advance(MINUTE);
    drop(world.renewed(&token).await);
    world.clock.advance(MINUTE);
    assert_eq!(world.unlock(&wrapped, PIN).await.unwrap().previous_unlock_at, thief_at);
}

#[tokio::test]
async fn an_expired_token_is_renewed_within_the_window_and_not_after() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    world.clock.advance(MINUTE * 20 - Duration::from_millis(1));
    assert_eq!(world.bound(&token), Err(AccessTokenError::Expired));
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
    for end in ["revoke", "revoke_all", "idle"] {
        let world = World::with(with(renewing().idle_timeout(MINUTE * 10)));
        let token = world.token().await;
        let access = world.bound(&token).unwrap();
        match end {
            "revoke" => drop(world.sessions.revoke(&access.subject, access.session_id).await.unwrap()),
            "revoke_all" => world.sessions.revoke_all(&access.subject).await.unwrap(),
            _ => world.clock.advance(MINUTE * 11),
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
    let token = world.bind(opened.grant);
    let nowhere = RequestContext::new();
    let renew = |request| world.sessions.renew(&token, proof(), request);
    assert!(renew(&request).await.is_ok());
    assert_eq!(renew(&nowhere).await.unwrap_err().code(), "denied");
    let closes = START.saturating_add(MINUTE);
    world.clock.set_window(Window::Open { until: closes });
    assert_eq!(renew(&request).await.unwrap().access_token.expires_at(), closes);
    // A token has whole seconds, and this one would have none.
    world.clock.set_window(Window::Open { until: START.saturating_add(Duration::from_millis(900)) });
    assert_eq!(renew(&request).await.unwrap_err().code(), "pin_required");
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
    assert!(world.renew(&token).await.is_ok());
    let wrapped = world.wrapped().await;
    world.clock.advance(HOUR - Duration::from_millis(1));
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    let used_at = world.clock.now();
    let session = world.sessions.sessions_of(&subject("alice")).await.unwrap();
    assert_eq!(session[0].last_used_at, used_at);
    world.clock.advance(MINUTE);
    drop(world.renew(&world.bind(opened.grant)).await.unwrap());
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
    let access = world.bound(&token).unwrap();
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
    let changed = world.sessions.change_pin(before.device_token.as_str(), &old, new, &RequestContext::new()).await;
    assert_eq!(world.refused(&world.bind(before.grant)).await, "pin_required");
    world.clock.advance(MINUTE);
    let after = world.unlock(changed.unwrap().as_str(), "902714").await.unwrap();
    assert!(world.renew(&world.bind(after.grant)).await.is_ok());
}

/// The change comes within the second of the unlock, or by a clock that is behind the one of the unlock.
#[tokio::test]
async fn a_pin_changed_at_the_same_moment_ends_it_too() {
    let moments = [(Duration::ZERO, Duration::from_millis(900)), (Duration::from_secs(20), Duration::from_secs(10))];
    for (unlocked, changed) in moments {
        let (one, other) = servers(&with(renewing()));
        let wrapped = one.wrapped().await;
        one.clock.set(START.saturating_add(unlocked));
        other.clock.set(START.saturating_add(changed));
        let before = one.unlock(&wrapped, PIN).await.unwrap();
        let kept = before.device_token.as_str();
        let changed = other.sessions.change_pin(kept, &pin(PIN), pin("902714"), &RequestContext::new()).await;
        assert!(changed.is_ok());
        one.clock.advance(MINUTE);
        assert_eq!(one.refused(&one.bind(before.grant)).await, "pin_required");
    }
}

/// Between the swap of an unlock and its last look at the subject, another server changes the PIN.
#[tokio::test]
async fn an_unlock_that_was_overtaken_by_a_change_of_the_pin_is_the_earlier_one() {
    let (one, other) = servers(&with(renewing()));
    let wrapped = one.wrapped().await;
    let (sessions, copy) = (other.sessions.clone(), wrapped.clone());
    other.clock.advance(MINUTE);
    let (clock, late) = (one.clock.clone(), START.saturating_add(MINUTE * 2));
    one.store.before_read(3, async move {
        let changed = sessions.change_pin(&copy, &pin(PIN), pin("902714"), &RequestContext::new()).await;
        assert!(changed.is_ok());
        clock.set(late);
    });
    let opened = one.unlock(&wrapped, PIN).await.unwrap();
    let token = one.bind(opened.grant);
    assert_eq!(one.bound(&token).unwrap().authenticated_at, START);
    assert_eq!(one.refused(&token).await, "pin_required");
}

/// Two servers of one store, each with a clock of its own.
fn servers(policy: &Policy) -> (World, World) {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let server = || World::on(store.clone(), policy.clone(), key_ring(1), "");
    (server(), server())
}

#[tokio::test]
async fn a_clock_that_is_behind_renews_nothing() {
    for policy in [policy(), with(renewing())] {
        let world = World::with(policy);
        let token = world.token().await;
        world.clock.set(START.saturating_sub(Duration::from_secs(4)));
        assert!(world.bound(&token).is_ok(), "within the leeway");
        let before = world.store.calls();
        assert_eq!(world.refused(&token).await, "pin_required");
        assert_eq!(world.store.calls(), before, "and no store was asked");
    }
}

#[tokio::test]
async fn only_the_key_of_the_token_renews_it() {
    let world = World::with(with(renewing()));
    let wrapped = world.wrapped().await;
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    assert_eq!(world.refused(opened.access_token.as_str()).await, "invalid_proof", "a bearer token has no key");
    let token = world.bind(opened.grant);
    let thief = RequestProof::vouched_by_host(RequestKeyId::from_bytes([6; 20]));
    let stolen = world.sessions.renew(&token, thief, &RequestContext::new()).await;
    assert_eq!(stolen.unwrap_err().code(), "invalid_proof");
    let verifier = access_tokens().verifier().clone();
    assert_eq!(verifier.verify_for_renewal(&token, START).unwrap().key(), Some(KEY));
}

#[tokio::test]
async fn a_bound_token_stays_bound() {
    let world = World::with(with(renewing()));
    let token = world.token().await;
    assert_eq!(world.sessions.verify(&token), Err(AccessTokenError::ProofRequired));
    assert_eq!(world.sessions.verify_live(&token).await.unwrap_err().code(), "invalid_token");
    let renewed = world.renewed(&token).await;
    assert_eq!(world.sessions.verify(&renewed), Err(AccessTokenError::ProofRequired));
    let access = world.sessions.verify_bound(&renewed).unwrap();
    assert_eq!(access.key(), KEY);
    let access = access.proven_by_host();
    world.sessions.check_live(&access).await.unwrap();
    world.sessions.revoke_all(&access.subject).await.unwrap();
    assert_eq!(world.sessions.check_live(&access).await.unwrap_err().code(), "invalid_token");
}

/// Signed by us, but with the name of one user and the session of another.
#[tokio::test]
async fn a_token_of_one_user_does_not_pass_for_a_session_of_another() {
    let world = World::with(with(renewing()));
    let session_id = world.login("alice").await.session_id;
    let _ = world.login("bob").await;
    let (now, exp) = (START.as_secs(), START.as_secs() + 600);
    let claims = |cnf: &str| {
        format!(
            r#"{{"iss":"https://id.example","aud":"https://api.example","client_id":"app","sub":"bob","exp":{exp},"iat":{now},"auth_time":{now},"jti":"AAAAAAAAAAAAAAAAAAAAAA","sid":"{session_id}","amr":["pin"]{cnf}}}"#
        )
    };
    let bearer = signed(&claims(""));
    assert_eq!(world.sessions.verify(&bearer).unwrap().subject, subject("bob"));
    assert_eq!(world.sessions.verify_live(&bearer).await.unwrap_err().to_string(), "the session has ended");
    let bound = signed(&claims(&format!(r#","cnf":{{"kid":"{KEY}"}}"#)));
    assert_eq!(world.refused(&bound).await, "session_ended");
}

fn signed(claims: &str) -> String {
    use base64ct::{Base64UrlUnpadded, Encoding};
    use hmac::{Hmac, KeyInit, Mac};
    let header = Base64UrlUnpadded::encode_string(br#"{"typ":"at+jwt","alg":"HS256","kid":"test"}"#);
    let signed = format!("{header}.{}", Base64UrlUnpadded::encode_string(claims.as_bytes()));
    let mac = Hmac::<sha2::Sha256>::new_from_slice(&secret(0xA0)).unwrap().chain_update(&signed).finalize();
    format!("{signed}.{}", Base64UrlUnpadded::encode_string(&mac.into_bytes()))
}

#[tokio::test]
async fn it_remembers_the_place() {
    let world = World::under(with(renewing()), Travel::default());
    let at =
        |latitude, longitude| RequestContext::new().with_position(Position::new(latitude, longitude, 10.0).unwrap());
    let (berlin, sydney) = (at(52.5, 13.4), at(-33.9, 151.2));
    let opened = world.sessions.unlock(&world.wrapped().await, &pin(PIN), &berlin).await.unwrap();
    let (kept, token) = (opened.device_token.as_str(), world.bind(opened.grant));
    // Sixteen thousand kilometers take sixteen hours: from the unlock they would be over, from the renewal they are
    // not.
    world.clock.advance(MINUTE * 19);
    drop(world.sessions.renew(&token, proof(), &berlin).await.unwrap());
    let renewed_elsewhere = world.sessions.renew(&token, proof(), &sydney).await;
    assert_eq!(renewed_elsewhere.unwrap_err().code(), "log_in_again");
    world.clock.advance(HOUR * 16 - MINUTE * 10);
    let unlocked = world.sessions.unlock(kept, &pin(PIN), &sydney).await;
    assert_eq!(unlocked.unwrap_err().code(), "log_in_again");
    world.clock.advance(MINUTE * 30);
    assert!(world.sessions.unlock(kept, &pin(PIN), &sydney).await.is_ok());
}
