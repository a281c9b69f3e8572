//! Signed requests: whose they are, and that each counts once.

use std::sync::Arc;
use std::time::Duration;

use pinlatch::access_token::BoundAccess;
use pinlatch::clock::ManualClock;
use pinlatch::observer::Event;
use pinlatch::proof::{Body, MessageParts, ProofError, RequestKey, RequestParts, SignatureHeaders, content_digest};
use pinlatch::store::SessionStore;
use pinlatch::stores::MemoryStore;
use pinlatch::{
    AccessTokenError, BoundAccessToken, ClockPolicy, PepperId, Policy, RequestContext, RequestError, SessionId,
    Sessions, SessionsBuilder, UnixTime, VerifiedAccess,
};

use crate::world::*;

const BODY: &[u8] = br#"{"to":"bob","amount":5}"#;

/// A device that has unlocked its session.
struct Client {
    session_id: SessionId,
    bound: BoundAccessToken,
}

/// A request on its way.
#[derive(Clone)]
struct Sent {
    authorization: String,
    digest: String,
    signature: SignatureHeaders,
}

impl Client {
    async fn of(world: &World, name: &str) -> Self {
        let wrapped = world.login(name).await.device_token;
        let opened = world.unlock(wrapped.as_str(), PIN).await.unwrap();
        let bound = world.sessions.mint_bound(&opened.grant, &()).unwrap();
        Self { session_id: opened.session_id, bound }
    }

    fn sign(&self, at: UnixTime) -> Sent {
        Sent::by(&self.bound.request_key, self.session_id, self.bound.access_token.as_str(), at)
    }

    fn message(&self, parts: &[(&str, &[u8])], at: UnixTime) -> String {
        let parts = MessageParts { access_token: self.bound.access_token.as_str(), service: "mqtt", parts };
        self.bound.request_key.sign_message(&parts, at, &mut rand_core::UnwrapErr(getrandom::SysRng))
    }
}

const PARTS: RequestParts<'static> = RequestParts {
    method: "POST",
    scheme: "https",
    authority: "api.example",
    path: "/api/transfer",
    query: None,
    headers: &[],
    also_signed: &[],
    body: Body::Present,
};

impl Sent {
    fn by(key: &RequestKey, session_id: SessionId, token: &str, at: UnixTime) -> Self {
        let (authorization, digest) = (format!("Bearer {token}"), content_digest(BODY));
        let headers = [("authorization", authorization.as_bytes()), ("content-digest", digest.as_bytes())];
        let parts = RequestParts { headers: &headers, ..PARTS };
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let signature = key.sign_request(session_id, &parts, at, &mut rng).unwrap();
        Self { authorization, digest, signature }
    }

    fn headers(&self) -> [(&str, &[u8]); 4] {
        [
            ("authorization", self.authorization.as_bytes()),
            ("content-digest", self.digest.as_bytes()),
            ("signature-input", self.signature.signature_input.as_bytes()),
            ("signature", self.signature.signature.as_bytes()),
        ]
    }

    async fn to(&self, sessions: &Sessions) -> Result<VerifiedAccess, RequestError> {
        let fresh = sessions.verify_request(&RequestParts { headers: &self.headers(), ..PARTS }).await?;
        Ok(fresh.with_body(BODY)?.access)
    }

    async fn code(&self, sessions: &Sessions) -> &'static str {
        match self.to(sessions).await {
            Ok(_) => "ok",
            Err(error) => error.code(),
        }
    }

    /// With a signature that somebody made up.
    fn forged(mut self, mark: u64) -> Self {
        let made_up = format!("{mark:0>42}A=");
        self.signature.signature = format!("sig1=:{made_up}:");
        self
    }
}

fn in_memory(builder: SessionsBuilder) -> SessionsBuilder {
    builder.replay_in_memory()
}

fn built(more: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> World {
    World::built(Arc::new(MemoryStore::default()), policy(), key_ring(1), "", more)
}

/// Past the first seconds, in which old requests could come again.
fn built_a_while_ago(more: impl FnOnce(SessionsBuilder) -> SessionsBuilder) -> World {
    let world = built(more);
    world.clock.advance(Duration::from_secs(6));
    world
}

#[tokio::test]
async fn a_request_counts_once() {
    for world in [built(|builder| builder), built_a_while_ago(in_memory)] {
        let client = Client::of(&world, "alice").await;
        let sent = client.sign(world.clock.now());
        world.events.take();
        let access = sent.to(&world.sessions).await.unwrap();
        assert_eq!((access.subject.as_str(), access.session_id), ("alice", client.session_id));
        for _ in 0..3 {
            assert_eq!(sent.code(&world.sessions).await, "replayed");
        }
        let replayed = Event::Replayed { session_id: client.session_id };
        assert_eq!(world.events.take(), vec![replayed; 3]);
        assert_eq!(client.sign(world.clock.now()).code(&world.sessions).await, "ok", "the same once more");
        world.sessions.check_live(&access).await.unwrap();
    }
}

#[tokio::test]
async fn the_database_is_asked_for_nothing_but_the_mark() {
    let world = World::new();
    let client = Client::of(&world, "alice").await;
    let before = world.store.calls();
    client.sign(START).to(&world.sessions).await.unwrap();
    assert_eq!(world.store.calls() - before, 1);

    let world = built_a_while_ago(in_memory);
    let client = Client::of(&world, "alice").await;
    let before = world.store.calls();
    client.sign(world.clock.now()).to(&world.sessions).await.unwrap();
    assert_eq!(world.store.calls() - before, 0);
}

/// A bound token is refused where a bearer's is asked for, unless the route says that it takes it as one.
#[tokio::test]
async fn a_route_says_what_it_asks_for() {
    let world = World::new();
    let client = Client::of(&world, "alice").await;
    let token = client.bound.access_token.as_str();
    assert_eq!(world.sessions.verify(token), Err(AccessTokenError::ProofRequired));
    let access = world.sessions.verify_bound(token).map(BoundAccess::without_proof).unwrap();
    assert_eq!(access.session_id, client.session_id);

    let opened = world.unlock(&world.wrapped().await, PIN).await.unwrap();
    let bearer = Sent::by(&client.bound.request_key, opened.session_id, opened.access_token.as_str(), START);
    let refused = bearer.to(&world.sessions).await;
    let not_bound = ProofError::AccessToken(AccessTokenError::NotBound);
    assert!(matches!(refused, Err(RequestError::Proof(error)) if error == not_bound), "{refused:?}");
}

#[tokio::test]
async fn a_revoked_session_ends_where_it_is_asked_for() {
    let world = World::new();
    let client = Client::of(&world, "alice").await;
    world.sessions.revoke(&subject("alice"), client.session_id).await.unwrap();
    let access = client.sign(START).to(&world.sessions).await.unwrap();
    assert_eq!(world.sessions.check_live(&access).await.unwrap_err().code(), "invalid_token");
}

/// Room for one request of each session, and not a place of it for those who have no key.
#[tokio::test]
async fn forged_requests_are_remembered_nowhere() {
    for more in [|builder: SessionsBuilder| builder.replay_capacity(1), |builder| in_memory(builder).replay_capacity(1)]
    {
        let world = built_a_while_ago(more);
        let client = Client::of(&world, "alice").await;
        let (sent, before) = (client.sign(world.clock.now()), world.store.calls());
        for mark in 0..20_000 {
            assert_eq!(sent.clone().forged(mark).code(&world.sessions).await, "invalid_proof");
        }
        assert_eq!(world.store.calls(), before);
        assert_eq!(sent.code(&world.sessions).await, "ok");
        let full = client.sign(world.clock.now()).to(&world.sessions).await;
        assert!(matches!(full, Err(RequestError::Overloaded { .. })), "{full:?}");
        assert_eq!(sent.code(&world.sessions).await, "replayed", "what is full forgets nothing");
        world.clock.advance(Duration::from_secs(61));
        assert_eq!(sent.code(&world.sessions).await, "invalid_proof", "too old");
        world.clock.advance(Duration::from_secs(60));
        assert_eq!(client.sign(world.clock.now()).code(&world.sessions).await, "ok", "there is room again");
    }
}

#[tokio::test]
async fn a_session_has_its_share_and_no_more() {
    let policy = || fast().max_signed_requests(10).build().unwrap();
    let world = World::with(policy());
    let (alice, bob) = (Client::of(&world, "alice").await, Client::of(&world, "bob").await);
    for _ in 0..10 {
        assert_eq!(alice.sign(START).code(&world.sessions).await, "ok");
    }
    let refused = alice.sign(START).to(&world.sessions).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after()), ("overloaded", Some(Duration::from_secs(30))));
    assert_eq!(bob.sign(START).code(&world.sessions).await, "ok", "others are not concerned");
    world.clock.advance(Duration::from_secs(30));
    assert_eq!(alice.sign(world.clock.now()).code(&world.sessions).await, "ok");
}

/// Two services that share a store, as two machines do.
#[tokio::test]
async fn a_copy_for_another_server_is_a_copy() {
    on_each_store(|_, store| async move {
        let first = World::on(store.clone(), policy(), key_ring(1), "");
        let second = World::on(store, policy(), key_ring(1), "");
        let client = Client::of(&first, "alice").await;
        let sent = client.sign(START);
        assert_eq!(
            second.sessions.verify(sent.authorization.trim_start_matches("Bearer ")),
            Err(AccessTokenError::ProofRequired)
        );
        assert_eq!(sent.code(&second.sessions).await, "ok");
        assert_eq!(sent.code(&first.sessions).await, "replayed");
        // It was seen there though it was not the first.
        assert_eq!(sent.code(&first.sessions).await, "replayed");
    })
    .await;
}

#[tokio::test]
async fn marks_may_lie_in_a_store_of_their_own() {
    let marks = Probe::new(Arc::new(MemoryStore::default()));
    let world = built(|builder| builder.replay_store(marks.clone() as Arc<dyn SessionStore>));
    let client = Client::of(&world, "alice").await;
    let (sent, before) = (client.sign(START), world.store.calls());
    assert_eq!(sent.code(&world.sessions).await, "ok");
    assert_eq!((world.store.calls() - before, marks.calls()), (0, 1));
    let again = built(|builder| builder.replay_store(marks.clone() as Arc<dyn SessionStore>));
    assert_eq!(sent.code(&again.sessions).await, "replayed", "another server knows, too");
    world.clock.advance(Duration::from_secs(360));
    assert_eq!(world.sessions.purge(10).await.unwrap(), 0);
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(world.sessions.purge(10).await.unwrap(), 1, "nobody could come with it any more");
}

#[tokio::test]
async fn a_mark_that_may_not_be_stored_accepts_nothing() {
    let world = World::new();
    let client = Client::of(&world, "alice").await;
    for fault in [Fault::RefuseNextWrite, Fault::LoseNextAnswer] {
        let sent = client.sign(START);
        world.store.set_fault(fault);
        let refused = sent.to(&world.sessions).await.unwrap_err();
        assert_eq!(refused.code(), "unavailable", "{fault:?}");
        assert!(refused.retry_after().is_some());
        assert_eq!(sent.code(&world.sessions).await, "replayed", "signed anew, or not at all");
        assert_eq!(client.sign(START).code(&world.sessions).await, "ok");
    }
    let full = World::on(Arc::new(MemoryStore::with_capacity(1)), policy(), key_ring(1), "");
    let client = Client::of(&full, "alice").await;
    assert_eq!(client.sign(START).code(&full.sessions).await, "ok");
    assert_eq!(client.sign(START).code(&full.sessions).await, "overloaded");
}

/// A store that takes so long that a mark could be gone by then, and a server whose clock is ahead and purges.
#[tokio::test]
async fn a_slow_store_and_a_fast_clock_accept_no_copy() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let (behind, ahead) =
        (World::on(store.clone(), policy(), key_ring(1), ""), World::on(store, policy(), key_ring(1), ""));
    ahead.clock.advance(Duration::from_secs(30));
    let client = Client::of(&behind, "alice").await;
    let sent = client.sign(ahead.clock.now());
    assert_eq!(sent.code(&ahead.sessions).await, "ok");
    // The last moment at which the other server takes it for new.
    behind.clock.advance(Duration::from_secs(90));
    ahead.clock.advance(Duration::from_secs(90));
    assert_eq!(sent.code(&behind.sessions).await, "replayed");
    for (secs, expected) in [(2, "invalid_proof"), (400, "invalid_proof")] {
        let sent = client.sign(behind.clock.now().saturating_sub(Duration::from_secs(60)));
        assert_eq!(sent.code(&behind.sessions).await, "ok");
        let third = World::on(behind.store.clone(), policy(), key_ring(1), "");
        third.clock.set(behind.clock.now());
        let (clock, purging) = (third.clock.clone(), behind.sessions.clone());
        behind.clock.advance(Duration::from_secs(secs));
        third.store.before_write(0, async move {
            clock.advance(Duration::from_secs(secs));
            purging.purge(100).await.unwrap();
        });
        assert_eq!(sent.code(&third.sessions).await, expected, "{secs}");
    }
}

/// What was accepted before a start is not known in memory, so what could have been is refused.
#[tokio::test]
async fn a_restart_opens_no_window() {
    let (store, clock) = (Arc::new(MemoryStore::default()), Arc::new(ManualClock::new(START)));
    let start = || {
        let more = |builder: SessionsBuilder| in_memory(builder.clock(clock.clone()));
        World::built(store.clone(), policy(), key_ring(1), "", more)
    };
    let after = |secs: u64| clock.now().saturating_add(Duration::from_secs(secs));
    let before = start();
    clock.advance(Duration::from_secs(5));
    let client = Client::of(&before, "alice").await;
    // A client whose clock is as far ahead as it may be.
    let sent = client.sign(after(30));
    assert_eq!(sent.code(&before.sessions).await, "ok");

    let again = start();
    let refused = sent.to(&again.sessions).await.unwrap_err();
    assert_eq!((refused.code(), refused.retry_after()), ("overloaded", Some(Duration::from_secs(1))), "signed ahead");
    let anew = client.sign(clock.now()).to(&again.sessions).await.unwrap_err();
    assert!(matches!(anew, RequestError::JustStarted { .. }), "{anew:?}");
    assert_eq!(anew.retry_after(), Some(Duration::from_secs(31)));
    let slow = UnixTime::from_secs(clock.now().as_secs() - 20);
    let slow = client.sign(slow).to(&again.sessions).await.unwrap_err();
    assert_eq!(slow.retry_after(), Some(Duration::from_secs(51)), "by its own clock");
    // A key that was given out since was never used before, as soon as it is clear that it was: whoever gave it out may
    // have been ahead by the leeway.
    clock.advance(Duration::from_secs(5));
    let unclear = Client::of(&again, "alice").await;
    assert_eq!(unclear.sign(clock.now()).code(&again.sessions).await, "overloaded");
    clock.advance(Duration::from_secs(1));
    let other = Client::of(&again, "alice").await;
    assert_eq!(other.sign(clock.now()).code(&again.sessions).await, "ok");

    clock.advance(Duration::from_secs(24));
    assert_eq!(sent.code(&again.sessions).await, "overloaded", "nobody knows whether it came before");
    clock.advance(Duration::from_secs(1));
    assert_eq!(client.sign(clock.now()).code(&again.sessions).await, "ok");
}

#[tokio::test]
async fn a_clock_that_is_put_back_reopens_nothing() {
    let world = built_a_while_ago(|builder| in_memory(builder).replay_capacity(usize::MAX));
    let client = Client::of(&world, "alice").await;
    let sent = client.sign(world.clock.now());
    assert_eq!(sent.code(&world.sessions).await, "ok");
    let then = world.clock.now();
    world.clock.advance(Duration::from_secs(200));
    assert_eq!(client.sign(world.clock.now()).code(&world.sessions).await, "ok");
    world.clock.set(then);
    assert_eq!(sent.code(&world.sessions).await, "invalid_proof", "it is not known whether it was there");
}

#[tokio::test]
async fn a_message_counts_once() {
    let world = World::new();
    let client = Client::of(&world, "alice").await;
    let named: &[(&str, &[u8])] = &[("call", b"transfer"), ("payload", BODY)];
    let (signature, token) = (client.message(named, START), client.bound.access_token.as_str());
    let parts = MessageParts { access_token: token, service: "mqtt", parts: named };
    let accepted = world.sessions.verify_message(&parts, &signature).await.unwrap();
    assert_eq!(accepted.access.subject.as_str(), "alice");
    assert_eq!(world.sessions.verify_message(&parts, &signature).await.unwrap_err().code(), "replayed");
    let other = MessageParts { parts: &named[..1], ..parts };
    assert_eq!(world.sessions.verify_message(&other, &signature).await.unwrap_err().code(), "invalid_proof");
    let again = client.message(named, START);
    assert!(world.sessions.verify_message(&parts, &again).await.is_ok());
}

/// Keys follow their pepper: they live on while it opens, and die with it.
#[tokio::test]
async fn keys_end_with_their_pepper() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let first = World::on(store.clone(), policy(), key_ring(1), "");
    let client = Client::of(&first, "alice").await;
    let rotated = || key_ring(2).with_open_only(pepper(1)).unwrap();
    let second = World::on(store.clone(), policy(), rotated(), "");
    assert_eq!(client.sign(START).code(&second.sessions).await, "ok");
    let raised = rotated().with_min_id(PepperId(2)).unwrap();
    for keys in [raised, key_ring(2)] {
        let third = World::on(store.clone(), policy(), keys, "");
        let refused = client.sign(START).to(&third.sessions).await;
        assert!(matches!(refused, Err(RequestError::Proof(ProofError::WrongKey))), "{refused:?}");
    }
}

#[tokio::test]
async fn tenants_do_not_know_each_others_keys() {
    let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
    let acme = World::on(store.clone(), policy(), key_ring(1), "acme");
    let other = World::on(store, policy(), key_ring(1), "other");
    let client = Client::of(&acme, "alice").await;
    assert_eq!(client.sign(START).code(&acme.sessions).await, "ok");
    assert_eq!(client.sign(START).code(&other.sessions).await, "invalid_token");
}

/// With each token comes another key, and it signs for no other token.
#[tokio::test]
async fn each_token_has_a_key_of_its_own() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    let opened = world.unlock(&wrapped, PIN).await.unwrap();
    let mint = || world.sessions.mint_bound(&opened.grant, &serde_json::json!({"scope": "pay"})).unwrap();
    let (one, two) = (mint(), mint());
    assert_ne!(one.request_key.expose_secret(), two.request_key.expose_secret());
    let swapped = Sent::by(&two.request_key, opened.session_id, one.access_token.as_str(), START);
    assert_eq!(swapped.code(&world.sessions).await, "invalid_proof");
    let right = Client { session_id: opened.session_id, bound: mint() };
    let access = right.sign(START).to(&world.sessions).await.unwrap();
    assert_eq!(access.claims::<serde_json::Value>().unwrap(), serde_json::json!({"scope": "pay"}));
}

fn renewing() -> Policy {
    fast().renewal_limit(Duration::from_secs(7200)).renewal_window(Duration::from_secs(300)).build().unwrap()
}

async fn renew(world: &World, client: &Client) -> Result<String, &'static str> {
    let sent = client.sign(world.clock.now());
    let fresh = world.sessions.verify_renewal(&RequestParts { headers: &sent.headers(), ..PARTS }).await;
    let accepted = fresh.map_err(|error| error.code())?.with_body(BODY).map_err(|error| error.code())?;
    let renewed = world.sessions.renew_signed(accepted, &RequestContext::new()).await.map_err(|error| error.code())?;
    assert_ne!(sent.code(&world.sessions).await, "ok", "what was signed for this is no other request");
    Ok(renewed.access_token.as_str().to_owned())
}

#[tokio::test]
async fn a_signed_request_renews_its_token() {
    let world = World::with(renewing());
    let client = Client::of(&world, "alice").await;
    world.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(client.sign(world.clock.now()).code(&world.sessions).await, "invalid_token", "it has expired");
    let token = renew(&world, &client).await.unwrap();
    let (old, new) = (client.bound.access_token.as_str(), token.as_str());
    assert_ne!(old, new);
    // The key is the same, and so is what it is good for.
    let sent = Sent::by(&client.bound.request_key, client.session_id, new, world.clock.now());
    assert_eq!(sent.code(&world.sessions).await, "ok");
    world.clock.advance(Duration::from_secs(5 * 60));
    assert_eq!(renew(&world, &client).await, Err("pin_required"), "the old token is out of its window");

    let never = World::new();
    let client = Client::of(&never, "alice").await;
    assert_eq!(renew(&never, &client).await, Err("pin_required"));
}

/// Eight at once, again and again, with threads: one is accepted.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_copies_at_once_one_is_accepted() {
    for (rounds, world) in [(300, built(|builder| builder)), (2000, built_a_while_ago(in_memory))] {
        let world = Arc::new(world);
        let clients = Arc::new([Client::of(&world, "alice").await, Client::of(&world, "bob").await]);
        for round in 0..rounds {
            // Where a session's share of half a minute would be used up, time goes on.
            if round % 400 == 399 {
                world.clock.advance(Duration::from_secs(30));
            }
            let sent = Arc::new(clients[round % 2].sign(world.clock.now()));
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let (sent, world) = (sent.clone(), world.clone());
                    tokio::spawn(async move { sent.code(&world.sessions).await })
                })
                .collect();
            let mut codes = Vec::new();
            for task in tasks {
                codes.push(task.await.unwrap());
            }
            codes.sort_unstable();
            assert_eq!(
                codes,
                ["ok", "replayed", "replayed", "replayed", "replayed", "replayed", "replayed", "replayed"]
            );
        }
    }
}
