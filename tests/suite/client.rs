//! Clients that wrap their tokens themselves: under a PIN that the server never sees, and under a key of their
//! platform.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding};
use pinlatch::client::{ClientKdf, ClientPin, DeviceKey, DeviceLocked, LogOutToken, PinLocked, PlainToken};
use pinlatch::observer::Event;
use pinlatch::pin::NewPin;
use pinlatch::session::LockKind;
use pinlatch::store::SessionStore;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfMemory;
use pinlatch::{ByPin, ByToken, FullLogin, RequestContext, UnlockError, VerifiedAccess};
use rand_core::{TryCryptoRng, TryRng};

use crate::world::*;

const KDF: ClientKdf = ClientKdf::danger_fast_for_tests();

/// Salts that differ.
struct Salts;

impl TryRng for Salts {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Ok(NEXT.fetch_add(1, Ordering::Relaxed))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.try_next_u64()?.to_be_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Salts {}

fn lock(token: PlainToken, with: &str) -> String {
    let pin = NewPin::accept(pin(with), &policy()).unwrap();
    ClientPin::choose(&pin, KDF, &mut Salts, &mut KdfMemory::new()).lock(token).unwrap().to_text()
}

#[derive(Debug)]
struct Opened {
    access: VerifiedAccess,
    failed_attempts: u16,
}

/// A device that keeps one text.
struct Device<'a> {
    world: &'a World,
    kept: String,
}

impl<'a> Device<'a> {
    async fn new(world: &'a World) -> Self {
        let login = FullLogin::vouched_by_host(subject("alice"));
        let issued = world.sessions.login_client(login).await.unwrap();
        Self { world, kept: lock(issued.device_token, PIN) }
    }

    /// What a PIN makes of what is kept, and what locks the next one.
    fn open(&self, with: &str) -> (PlainToken, ClientPin) {
        PinLocked::parse(&self.kept, KDF).unwrap().unlock(&pin(with), &mut KdfMemory::new())
    }

    /// Opens with a PIN, keeps the next token, and says what came of it.
    async fn unlock(&mut self, with: &str) -> Result<Opened, UnlockError> {
        let (token, pin) = self.open(with);
        let opened = self.world.sessions.unlock_token(token.expose_secret(), &RequestContext::new()).await?;
        self.kept = pin.lock(opened.device_token).unwrap().to_text();
        let (access, failed_attempts) = (opened.access_token.as_str(), opened.failed_attempts);
        Ok(Opened { access: self.world.sessions.verify(access).unwrap(), failed_attempts })
    }

    async fn code(&mut self, with: &str) -> &'static str {
        self.unlock(with).await.as_ref().map_or_else(UnlockError::code, |_| "ok")
    }
}

async fn present(world: &World, token: &str) -> &'static str {
    let outcome = world.sessions.unlock_token(token, &RequestContext::new()).await;
    outcome.as_ref().map_or_else(UnlockError::code, |_| "ok")
}

#[tokio::test]
async fn a_pin_that_the_server_never_sees_opens_the_session() {
    on_each_store(|_, store| async move {
        let world = World::on(store, policy(), key_ring(1), "");
        let mut device = Device::new(&world).await;
        assert!(device.kept.starts_with("plc1_") && device.kept.len() == PinLocked::LEN);
        for _ in 0..3 {
            let before = device.kept.clone();
            let opened = device.unlock(PIN).await.unwrap();
            assert_ne!(device.kept, before, "each unlock brings the next token");
            assert_eq!((opened.access.subject, opened.access.unlocked_with), (subject("alice"), LockKind::ClientPin));
        }
        assert_eq!(world.kdf.evaluations(), 0, "the server has nothing to stretch");
    })
    .await;
}

/// A device that keeps its PIN to itself logs out without it, and shows nothing of what is locked.
#[tokio::test]
async fn a_device_logs_out_with_a_token_that_does_nothing_else() {
    let world = World::new();
    for by_key in [false, true] {
        let mut device = Device::new(&world).await;
        let (token, pin) = device.open(PIN);
        let opener = ByToken { session_token: token.expose_secret() };
        let added = world.sessions.add_device_key(opener, &RequestContext::new()).await.unwrap();
        device.kept = pin.lock(added.opened.device_token).unwrap().to_text();
        let key_token = added.device_key_token.expose_secret().to_owned();
        let locked = DeviceKey::from_bytes([7; 32]).lock(added.device_key_token).unwrap();
        let by_pin = PinLocked::parse(&device.kept, KDF).unwrap();
        let log_out = if by_key { locked.log_out_token() } else { by_pin.log_out_token() };
        assert_eq!(format!("{log_out:?}"), "LogOutToken([redacted])");
        let log_out = log_out.as_str();

        assert_eq!((log_out.len(), LogOutToken::LEN), (79, 79));
        assert!(log_out.starts_with("ple1_"));
        // Its end is not the tag that a guess would need.
        let head = Base64UrlUnpadded::decode_vec(&log_out[5..]).unwrap();
        let guess = format!("pls1_{}", Base64UrlUnpadded::encode_string(&[head, vec![7; 32]].concat()));
        assert!(guess.len() == PlainToken::LEN && present(&world, &guess).await == "invalid_wrapped_token");
        let mut wrong = vec![device.kept.clone(), locked.to_text(), key_token, "ple1_".to_owned()];
        wrong.extend(each_character_changed(log_out));
        let before = world.store.calls();
        for wrong in wrong {
            assert_eq!(world.sessions.log_out(&wrong).await.unwrap_err().code(), "invalid_wrapped_token", "{wrong}");
        }
        assert_eq!(world.store.calls(), before);

        assert!(world.sessions.log_out(log_out).await.unwrap());
        assert_eq!(device.code(PIN).await, "session_ended");
    }
}

#[tokio::test]
async fn a_token_out_of_a_wrong_pin_is_a_guess() {
    let world = World::new();
    let mut device = Device::new(&world).await;
    for left in [9, 8, 7, 6] {
        match device.unlock(WRONG).await.unwrap_err() {
            UnlockError::WrongPin { attempts_remaining, .. } => assert_eq!(attempts_remaining, left),
            other => panic!("{other}"),
        }
    }
    let opened = device.unlock(PIN).await.unwrap();
    assert_eq!(opened.failed_attempts, 4);
    for _ in 0..4 {
        assert_eq!(device.code(WRONG).await, "wrong_pin");
    }
    match device.unlock(WRONG).await.unwrap_err() {
        UnlockError::WrongPin { retry_after: Some(wait), .. } => assert_eq!(wait, Duration::from_secs(60)),
        other => panic!("{other}"),
    }
    assert_eq!(device.code(PIN).await, "throttled", "not even the right one is looked at");
    for _ in 0..5 {
        world.clock.advance(Duration::from_secs(5400));
        device.code(WRONG).await;
    }
    world.clock.advance(Duration::from_secs(5400));
    assert_eq!(device.code(PIN).await, "locked_out");
}

/// A thousand wrong tokens at once, at four services: as many are compared as the budget has.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parallel_guesses_get_the_budget() {
    on_each_store(|name, store: Arc<dyn SessionStore>| async move {
        let policy = fast().attempts(no_waits()).build().unwrap();
        let worlds: Vec<_> =
            (0..4).map(|_| Arc::new(World::on(store.clone(), policy.clone(), key_ring(1), ""))).collect();
        let device = Device::new(&worlds[0]).await;
        let guesses: Vec<_> = (0..1000)
            .map(|guess| {
                let (world, (token, _)) = (worlds[guess % 4].clone(), device.open(&format!("{:06}", 100_000 + guess)));
                tokio::spawn(async move { present(&world, token.expose_secret()).await })
            })
            .collect();
        let mut wrong = 0;
        for guess in guesses {
            match guess.await.unwrap() {
                "wrong_pin" => wrong += 1,
                "locked_out" => {}
                other => panic!("{name}: {other}"),
            }
        }
        let compared: usize = worlds
            .iter()
            .map(|world| world.events.take().iter().filter(|event| matches!(event, Event::WrongPin { .. })).count())
            .sum();
        assert_eq!((wrong, compared), (9, 10), "{name}: the tenth hears that it is over");
    })
    .await;
}

#[tokio::test]
async fn a_copy_is_noticed() {
    let world = World::new();
    let mut device = Device::new(&world).await;
    let copy = device.kept.clone();
    for _ in 0..2 {
        assert_eq!(device.code(PIN).await, "ok");
    }
    let mut thief = Device { world: &world, kept: copy };
    assert_eq!(thief.code(PIN).await, "superseded", "a moment ago, it may be another tab");
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(thief.code(PIN).await, "token_reused");
    assert_eq!(device.code(PIN).await, "session_ended");
}

/// Handle and tag are refused before anything is looked up; the token itself is what is guessed.
#[tokio::test]
async fn forged_tokens_cost_nothing() {
    let world = World::new();
    let device = Device::new(&world).await;
    let (token, _) = device.open(PIN);
    let text = token.expose_secret();
    let bytes = Base64UrlUnpadded::decode_vec(&text[5..]).unwrap();
    assert_eq!((text.len(), bytes.len()), (PlainToken::LEN, 87));
    let before = world.store.calls();
    for at in 0..55 {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            let forged = format!("pls1_{}", Base64UrlUnpadded::encode_string(&flipped));
            assert_eq!(present(&world, &forged).await, "invalid_wrapped_token", "{at} {bit}");
        }
    }
    let wrapped = world.login("bob").await.device_token.into_string();
    let before_texts = world.store.calls();
    let longer = format!("{text}A");
    for text in ["", "pls1_", &text[..120], &longer, &text[5..], &device.kept, &wrapped, &text.to_uppercase()] {
        assert_eq!(present(&world, text).await, "invalid_wrapped_token", "{text}");
    }
    for text in [text, &device.kept] {
        assert_eq!(world.code(text, PIN).await, "invalid_wrapped_token", "nor is it a wrapped one");
    }
    assert_eq!(world.store.calls(), before_texts);
    assert!(before_texts > before, "bob's login");
    for other in [
        World::on(world.store.clone(), policy(), key_ring(1), "acme"),
        World::on(world.store.clone(), policy(), key_ring(2), ""),
    ] {
        assert_eq!(present(&other, text).await, "invalid_wrapped_token", "another tenant, another pepper");
    }
    let mut guess = bytes;
    guess[86] ^= 1;
    let guess = format!("pls1_{}", Base64UrlUnpadded::encode_string(&guess));
    assert_eq!(present(&world, &guess).await, "wrong_pin");
    assert_eq!(present(&world, text).await, "ok");
}

#[tokio::test]
async fn a_client_changes_its_pin() {
    let world = World::new();
    let mut device = Device::new(&world).await;
    let (old, _) = device.open(PIN);
    let next = world.sessions.change_client_pin(old.expose_secret(), &RequestContext::new()).await.unwrap();
    device.kept = lock(next, "902714");
    assert_eq!(present(&world, old.expose_secret()).await, "superseded", "the old token is void at once");
    assert_eq!(device.code(PIN).await, "wrong_pin");
    assert_eq!(device.code("902714").await, "ok");
    let events = world.events.take();
    assert!(events.iter().any(|event| matches!(event, Event::PinChanged { .. })), "{events:?}");
}

/// A server PIN, and beside it a key of the platform.
#[tokio::test]
async fn a_device_key_is_a_second_way_in() {
    let world = World::new();
    let wrapped = world.wrapped().await;
    let opener = ByPin { wrapped_token: &wrapped, pin: &pin(PIN) };
    let added = world.sessions.add_device_key(opener, &RequestContext::new()).await.unwrap();
    let wrapped = added.opened.device_token.into_string();
    let key = DeviceKey::from_bytes([7; 32]);
    let locked = key.lock(added.device_key_token).unwrap().to_text();
    assert!(locked.starts_with("pld1_") && locked.len() == DeviceLocked::LEN);

    let locked: DeviceLocked = locked.parse().unwrap();
    let wrong = locked.unlock(&DeviceKey::from_bytes([8; 32]));
    assert_eq!(present(&world, wrong.expose_secret()).await, "wrong_pin");
    let token = locked.unlock(&key);
    let opened = world.sessions.unlock_token(token.expose_secret(), &RequestContext::new()).await.unwrap();
    let access = world.sessions.verify(opened.access_token.as_str()).unwrap();
    assert_eq!(access.unlocked_with, LockKind::DeviceKey);
    assert_eq!(opened.failed_attempts, 1);
    let locked = key.lock(opened.device_token).unwrap();
    assert_eq!(world.code(&wrapped, PIN).await, "ok", "the PIN has a lineage of its own");
    assert_eq!(present(&world, locked.unlock(&key).expose_secret()).await, "ok");

    // What a fingerprint opens changes no lock, and the attempt is not even charged.
    let (token, calls) = (locked.unlock(&key), world.store.calls());
    let by_key = ByToken { session_token: token.expose_secret() };
    let context = RequestContext::new();
    let refused = [
        world.sessions.add_device_key(by_key, &context).await.map(drop).unwrap_err(),
        world.sessions.remove_device_key(by_key, &context).await.map(drop).unwrap_err(),
        world.sessions.change_client_pin(token.expose_secret(), &context).await.map(drop).unwrap_err(),
    ];
    assert!(refused.iter().all(|error| error.code() == "pin_required"), "{refused:?}");
    assert_eq!(world.store.calls(), calls);
}

/// Who has a copy and knows the PIN adds a key of their own, whose token follows a lineage of its own: no copy is ever
/// noticed. The owner is told that there is a key, at each visit and in the list.
#[tokio::test]
async fn a_key_of_another_device_shows() {
    let world = World::new();
    let (copy, right, context) = (world.wrapped().await, pin(PIN), RequestContext::new());
    assert_eq!(world.unlock(&copy, PIN).await.unwrap().device_key_since, None);
    world.clock.advance(Duration::from_secs(3600));
    let thief = ByPin { wrapped_token: &copy, pin: &right };
    let stolen = world.sessions.add_device_key(thief, &context).await.unwrap();
    // The whole second after.
    let since = Some(START.saturating_add(Duration::from_secs(3601)));
    assert_eq!(stolen.opened.device_key_since, since);

    world.clock.advance(Duration::from_secs(3600));
    let opened = world.unlock(&copy, PIN).await.unwrap();
    assert_eq!(opened.device_key_since, since);
    assert_eq!(world.sessions.sessions_of(&subject("alice")).await.unwrap()[0].device_key_since, since);
    let owner = ByPin { wrapped_token: opened.device_token.as_str(), pin: &right };
    let opened = world.sessions.remove_device_key(owner, &context).await.unwrap();
    assert_eq!(opened.device_key_since, None);
    assert_eq!(world.unlock(opened.device_token.as_str(), PIN).await.unwrap().device_key_since, None);
    assert_eq!(present(&world, stolen.device_key_token.expose_secret()).await, "device_key_ended");
}

/// It is taken away while its token is looked at. Nobody has mistyped, and nobody is told so.
#[tokio::test]
async fn a_device_key_that_ends_meanwhile_was_no_wrong_pin() {
    let store = Arc::new(MemoryStore::default());
    let [here, there] = [(); 2].map(|()| World::on(store.clone(), policy(), key_ring(1), ""));
    let (wrapped, right, context) = (here.wrapped().await, pin(PIN), RequestContext::new());
    let opener = ByPin { wrapped_token: &wrapped, pin: &right };
    let added = here.sessions.add_device_key(opener, &context).await.unwrap();
    let kept = added.opened.device_token.into_string();
    let copy = kept.clone();
    here.store.before_write(1, async move {
        let opener = ByPin { wrapped_token: &copy, pin: &pin(PIN) };
        drop(there.sessions.remove_device_key(opener, &RequestContext::new()).await.unwrap());
    });
    assert_eq!(present(&here, added.device_key_token.expose_secret()).await, "device_key_ended");
    assert_eq!(here.unlock(&kept, PIN).await.unwrap().failed_attempts, 0);
}

/// Also when the clock of the server that replaces it is behind that of the one which has opened the session with it.
#[tokio::test]
async fn a_new_device_key_is_younger_than_each_use_of_the_old_one() {
    let world = World::new();
    let (wrapped, right, context) = (world.wrapped().await, pin(PIN), RequestContext::new());
    let opener = |wrapped_token| ByPin { wrapped_token, pin: &right };
    let added = world.sessions.add_device_key(opener(wrapped.as_str()), &context).await.unwrap();
    world.clock.advance(Duration::from_secs(100));
    assert_eq!(present(&world, added.device_key_token.expose_secret()).await, "ok");
    world.clock.set(START.saturating_add(Duration::from_secs(50)));
    let wrapped = added.opened.device_token;
    let again = world.sessions.add_device_key(opener(wrapped.as_str()), &context).await.unwrap();
    assert_eq!(again.opened.device_key_since, Some(START.saturating_add(Duration::from_secs(101))));
}

#[tokio::test]
async fn a_device_key_ends_when_the_pin_changes_and_when_it_is_removed() {
    for (round, change) in ["pin", "remove", "again"].into_iter().enumerate() {
        let world = World::new();
        let wrapped = world.wrapped().await;
        let (right, context) = (pin(PIN), RequestContext::new());
        let added =
            world.sessions.add_device_key(ByPin { wrapped_token: &wrapped, pin: &right }, &context).await.unwrap();
        let key = DeviceKey::from_bytes([7; 32]);
        let locked = key.lock(added.device_key_token).unwrap();
        let wrapped = added.opened.device_token.into_string();
        let added = |event: &Event| matches!(event, Event::DeviceKeyAdded { .. });
        assert_eq!(world.events.take().iter().filter(|event| added(event)).count(), 1);
        let opener = ByPin { wrapped_token: &wrapped, pin: &right };
        match change {
            "pin" => drop(world.sessions.change_pin(&wrapped, &right, pin("902714"), &context).await.unwrap()),
            "remove" => drop(world.sessions.remove_device_key(opener, &context).await.unwrap()),
            _ => drop(world.sessions.add_device_key(opener, &context).await.unwrap()),
        }
        let removed = |event: &Event| matches!(event, Event::DeviceKeyRemoved { .. });
        assert_eq!(world.events.take().iter().any(removed), change == "remove", "{change}");
        world.clock.advance(Duration::from_secs(3600));
        let answer = present(&world, locked.unlock(&key).expose_secret()).await;
        assert_eq!(answer, "device_key_ended", "{round}: that way in is gone");
        let live = world.sessions.sessions_of(&subject("alice")).await.unwrap();
        assert_eq!(live.len(), 1, "{round}: but the session is not, and nobody is taken for a thief");
    }
}

/// Both locks of one session have budgets of their own, and one count of wrong ones for its whole life.
#[tokio::test]
async fn locks_have_budgets_of_their_own() {
    let policy = fast().attempts(no_waits()).build().unwrap();
    let world = World::with(policy);
    let mut device = Device::new(&world).await;
    let (token, pin) = device.open(PIN);
    let opener = ByToken { session_token: token.expose_secret() };
    let added = world.sessions.add_device_key(opener, &RequestContext::new()).await.unwrap();
    device.kept = pin.lock(added.opened.device_token).unwrap().to_text();
    let key = DeviceKey::from_bytes([7; 32]);
    let locked = key.lock(added.device_key_token).unwrap();
    let wrong = locked.unlock(&DeviceKey::from_bytes([8; 32]));
    for _ in 0..9 {
        assert_eq!(present(&world, wrong.expose_secret()).await, "wrong_pin");
    }
    for _ in 0..2 {
        assert_eq!(present(&world, wrong.expose_secret()).await, "device_key_ended");
    }
    assert_eq!(present(&world, locked.unlock(&key).expose_secret()).await, "device_key_ended");
    let opened = device.unlock(PIN).await.unwrap();
    assert_eq!(opened.failed_attempts, 10);
    let live = world.sessions.sessions_of(&subject("alice")).await.unwrap();
    assert!(!live[0].locked_out);
}

/// Locks of the two kinds take no tokens of each other, and no KDF but the one that the client has built in.
#[tokio::test]
async fn a_client_computes_what_it_knows() {
    let world = World::on(Arc::new(MemoryStore::default()), policy(), key_ring(1), "");
    let device = Device::new(&world).await;
    assert!(device.kept.parse::<PinLocked>().is_err(), "a weak KDF that somebody has written there is not run");
    let (token, _) = device.open(PIN);
    let text = token.expose_secret().to_owned();
    assert!(DeviceKey::from_bytes([7; 32]).lock(token).is_err());
    for wrong in ["", "plc1_", &text, &device.kept[..143], &format!("{}A", device.kept)] {
        assert!(PinLocked::parse(wrong, KDF).is_err() && wrong.parse::<DeviceLocked>().is_err(), "{wrong}");
    }
    let shown = format!("{:?} {:?}", device.open(PIN), text.parse::<PlainToken>());
    assert!(!shown.contains(&text[60..]), "{shown}");
}
