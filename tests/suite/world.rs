//! A service with a clock that stands still, a store that counts, and an observer that remembers.

use std::future::Future;
use std::pin::Pin as StdPin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinlatch::attempts::AttemptSchedule;
use pinlatch::clock::ManualClock;
use pinlatch::criterion::Criterion;
use pinlatch::observer::{Event, Observer};
use pinlatch::policy::PolicyBuilder;
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError, StoreFuture};
use pinlatch::stores::{MemoryStore, SqliteStore};
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KdfPool, KeyRing, LoggedIn, Pepper, PepperId, Pin, Policy, RequestContext,
    Sessions, SessionsBuilder, Subject, Tenant, UnixTime, UnlockError, UnlockedSession,
};
use tokio::sync::Semaphore;

pub(crate) const START: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const PIN: &str = "739216";
pub(crate) const WRONG: &str = "739217";

pub(crate) fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

pub(crate) fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

pub(crate) fn secret(mark: u8) -> Vec<u8> {
    (0..32).map(|at| at ^ mark).collect()
}

pub(crate) fn pepper(id: u32) -> Pepper {
    Pepper::new(PepperId(id), secret(u8::try_from(id).unwrap())).unwrap()
}

pub(crate) fn key_ring(active: u32) -> KeyRing {
    KeyRing::new(pepper(active), secret(0xE0)).unwrap()
}

pub(crate) fn access_tokens() -> AccessTokens {
    let key = AccessTokenKey::hs256("test", &secret(0xA0)).unwrap();
    AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
}

pub(crate) fn fast() -> PolicyBuilder {
    Policy::builder().kdf(KdfParams::danger_fast_for_tests())
}

pub(crate) fn policy() -> Policy {
    fast().build().unwrap()
}

/// A schedule without waits, for tests that are about something else.
pub(crate) fn no_waits() -> AttemptSchedule {
    AttemptSchedule::new([Duration::ZERO; 9]).unwrap()
}

#[derive(Default)]
pub(crate) struct Events(Mutex<Vec<Event>>);

impl Observer for Events {
    fn observe(&self, event: &Event) {
        self.0.lock().unwrap().push(event.clone());
    }
}

impl Events {
    pub(crate) fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What the store is to do instead of its work.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// The next write is refused, nothing is stored.
    RefuseNextWrite,
    /// The next write is stored, but its answer gets lost.
    LoseNextAnswer,
    /// Nothing is answered.
    Down,
}

#[derive(Debug, thiserror::Error)]
#[error("CANARY-STORE-SOURCE connection cut")]
struct Cut;

fn unavailable() -> StoreError {
    StoreError::Unavailable(Cut.into())
}

/// Counts calls and breaks on demand.
pub(crate) struct Probe {
    inner: Arc<dyn SessionStore>,
    pub(crate) calls: AtomicU64,
    fault: Mutex<Fault>,
    meanwhile: Mutex<Option<(Call, u32, Meanwhile)>>,
}

/// Which calls are counted until somebody else acts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Call {
    Read,
    Write,
}

/// What somebody else does while a request is on its way.
type Meanwhile = StdPin<Box<dyn Future<Output = ()> + Send>>;

impl Probe {
    pub(crate) fn new(inner: Arc<dyn SessionStore>) -> Arc<Self> {
        Arc::new(Self { inner, calls: AtomicU64::new(0), fault: Mutex::default(), meanwhile: Mutex::default() })
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::SeqCst)
    }

    pub(crate) fn set_fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Lets somebody else act just before the write after `writes` more.
    pub(crate) fn before_write(&self, writes: u32, act: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some((Call::Write, writes, Box::pin(act)));
    }

    /// Lets somebody else act just before the read after `reads` more.
    pub(crate) fn before_read(&self, reads: u32, act: impl Future<Output = ()> + Send + 'static) {
        *self.meanwhile.lock().unwrap() = Some((Call::Read, reads, Box::pin(act)));
    }

    async fn let_others(&self, call: Call) {
        let due = {
            let mut meanwhile = self.meanwhile.lock().unwrap();
            match meanwhile.take() {
                Some((counted, 0, act)) if counted == call => Some(act),
                Some((counted, left, act)) if counted == call => {
                    *meanwhile = Some((counted, left - 1, act));
                    None
                }
                other => {
                    *meanwhile = other;
                    None
                }
            }
        };
        if let Some(act) = due {
            act.await;
        }
    }

    fn read(&self) -> Result<(), StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if *self.fault.lock().unwrap() == Fault::Down { Err(unavailable()) } else { Ok(()) }
    }

    /// Whether the answer of this write is to be lost.
    fn write(&self) -> Result<bool, StoreError> {
        self.read()?;
        let mut fault = self.fault.lock().unwrap();
        match std::mem::take(&mut *fault) {
            Fault::RefuseNextWrite => Err(unavailable()),
            Fault::LoseNextAnswer => Ok(true),
            other => {
                *fault = other;
                Ok(false)
            }
        }
    }

    async fn through<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        self.let_others(Call::Write).await;
        let lose = self.write()?;
        // One more point at which a request can be cancelled or overtaken.
        tokio::task::yield_now().await;
        let answer = work.await;
        if lose { Err(unavailable()) } else { answer }
    }
}

impl SessionStore for Probe {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(self.through(self.inner.insert_new(record)))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            self.let_others(Call::Read).await;
            self.read()?;
            tokio::task::yield_now().await;
            self.inner.load(key).await
        })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(self.through(self.inner.replace_if(expected, record)))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        Box::pin(self.through(self.inner.remove(key)))
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(async move {
            self.let_others(Call::Read).await;
            self.read()?;
            self.inner.list(owner, kind, page).await
        })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(self.through(self.inner.purge_expired(before, limit)))
    }
}

/// Everything a test looks at.
pub(crate) struct World {
    pub(crate) sessions: Sessions,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Arc<Probe>,
    pub(crate) events: Arc<Events>,
    pub(crate) kdf: KdfPool,
}

impl World {
    pub(crate) fn on(store: Arc<dyn SessionStore>, policy: Policy, keys: KeyRing, tenant: &str) -> Self {
        Self::built(store, policy, keys, tenant, |builder| builder)
    }

    /// With more than the settings that every test has.
    pub(crate) fn built(
        store: Arc<dyn SessionStore>,
        policy: Policy,
        keys: KeyRing,
        tenant: &str,
        more: impl FnOnce(SessionsBuilder) -> SessionsBuilder,
    ) -> Self {
        let (clock, events) = (Arc::new(ManualClock::new(START)), Arc::<Events>::default());
        let (store, kdf) = (Probe::new(store), KdfPool::new(256 * 1024, Duration::from_secs(10)));
        let builder = Sessions::builder(keys, store.clone(), access_tokens())
            .policy(policy)
            .clock(clock.clone())
            .observer(events.clone())
            .tenant(Tenant::new(tenant).unwrap())
            .kdf_pool(kdf.clone());
        let sessions = more(builder).build().unwrap();
        Self { sessions, clock, store, events, kdf }
    }

    pub(crate) fn with(policy: Policy) -> Self {
        Self::on(Arc::new(MemoryStore::default()), policy, key_ring(1), "")
    }

    pub(crate) fn new() -> Self {
        Self::with(policy())
    }

    /// With a criterion.
    pub(crate) fn under(policy: Policy, criterion: impl Criterion + 'static) -> Self {
        let store = Arc::new(MemoryStore::default());
        Self::built(store, policy, key_ring(1), "", |builder| builder.criterion(criterion))
    }

    pub(crate) async fn login(&self, name: &str) -> LoggedIn {
        self.sessions.login(FullLogin::vouched_by_host(subject(name)), pin(PIN)).await.unwrap()
    }

    /// Logs in and returns the wrapped token.
    pub(crate) async fn wrapped(&self) -> String {
        self.login("alice").await.device_token.into_string()
    }

    pub(crate) async fn unlock(&self, wrapped: &str, with: &str) -> Result<UnlockedSession, UnlockError> {
        self.sessions.unlock(wrapped, &pin(with), &RequestContext::new()).await
    }

    /// Opens with the right PIN and returns the next wrapped token.
    pub(crate) async fn next(&self, wrapped: &str) -> String {
        self.unlock(wrapped, PIN).await.unwrap().device_token.into_string()
    }

    /// Opens with a PIN and returns the error's code, or "ok".
    pub(crate) async fn code(&self, wrapped: &str, with: &str) -> &'static str {
        match self.unlock(wrapped, with).await {
            Ok(_) => "ok",
            Err(error) => error.code(),
        }
    }
}

/// Runs a story on each store. The directory lives as long as the story.
pub(crate) async fn on_each_store<F>(story: impl Fn(&'static str, Arc<dyn SessionStore>) -> F)
where
    F: Future<Output = ()>,
{
    story("memory", Arc::new(MemoryStore::default())).await;
    let directory = tempfile::tempdir().unwrap();
    story("sqlite", Arc::new(SqliteStore::open(directory.path().join("store.db")).unwrap())).await;
}

/// Behind the prefix, one after the other.
pub(crate) fn each_character_changed(text: &str) -> impl Iterator<Item = String> {
    (5..text.len()).map(move |at| {
        let other = if &text[at..=at] == "A" { "B" } else { "A" };
        format!("{}{other}{}", &text[..at], &text[at + 1..])
    })
}

/// Stores refuse a request when 4,096 wait already, which a slow machine may come to: a crowd asks that many at a time.
pub(crate) fn room() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(4_000))
}

/// Polls a future `polls` times and drops it. Says whether it ended before.
pub(crate) async fn cancel_after<T>(polls: usize, future: impl Future<Output = T>) -> bool {
    let mut future: StdPin<Box<_>> = Box::pin(future);
    for _ in 0..polls {
        let ended =
            std::future::poll_fn(|context| std::task::Poll::Ready(future.as_mut().poll(context).is_ready())).await;
        if ended {
            return true;
        }
        // Lets the work on other threads come to its end, so that each poll makes progress.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    false
}
