//! The service that the tests and their client processes run on a store.
#![allow(clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod phone;

use std::sync::Arc;
use std::time::Duration;

pub use self::phone::Phone;

use pinlatch::attempts::AttemptSchedule;
use pinlatch::proof::{Body, RequestKey, RequestParts};
use pinlatch::store::SessionStore;
use pinlatch::stores::{PostgresStore, RedisStore, SqliteStore};
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KdfPool, KeyRing, LoggedIn, Pepper, PepperId, Pin, Policy, RequestContext,
    SessionId, Sessions, Subject, UnixTime,
};
use rand_core::{TryCryptoRng, TryRng};

/// The right PIN.
pub const PIN: &str = "739216";
/// A wrong one.
pub const WRONG: &str = "739217";
/// The guesses that the tests' policy grants to a wrapped token.
pub const GUESSES: u64 = 10;

/// A service with fixed secrets, a fast KDF, and ten guesses without waits.
#[must_use]
pub fn sessions(store: Arc<dyn SessionStore>, kdf: &KdfPool) -> Sessions {
    let secret = |mark: u8| [mark; 32].map(|byte| byte.wrapping_mul(7)).to_vec();
    let distinct = |mark: u8| secret(mark).iter().zip(0..).map(|(byte, at)| byte ^ at).collect::<Vec<u8>>();
    let key_ring = KeyRing::new(Pepper::new(PepperId(1), distinct(1)).unwrap(), distinct(2)).unwrap();
    let key = AccessTokenKey::hs256("test", &distinct(3)).unwrap();
    let access_tokens = AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap();
    let no_waits = AttemptSchedule::new([Duration::ZERO; 9]).unwrap();
    let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).attempts(no_waits).build().unwrap();
    Sessions::builder(key_ring, store, access_tokens).policy(policy).kdf_pool(kdf.clone()).build().unwrap()
}

/// A pool with room for everybody.
#[must_use]
pub fn pool() -> KdfPool {
    KdfPool::new(1024 * 1024, Duration::from_secs(60))
}

/// How often something is tried: as often as one waits for in a test, or with `THOROUGH=1` as often as it was ever.
#[must_use]
pub fn times(usually: u64, thoroughly: u64) -> u64 {
    if std::env::var_os("THOROUGH").is_some() { thoroughly } else { usually }
}

/// Connects to the store of a URL.
pub async fn connect(url: &str) -> Arc<dyn SessionStore> {
    if let Some(path) = url.strip_prefix("sqlite:") {
        Arc::new(SqliteStore::open(path).unwrap())
    } else if url.starts_with("redis") {
        Arc::new(RedisStore::builder(url).timeout(Duration::from_secs(60)).connect().await.unwrap())
    } else {
        Arc::new(PostgresStore::builder(url).timeout(Duration::from_secs(60)).connect().await.unwrap())
    }
}

/// A PIN.
#[must_use]
pub fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

/// A subject.
#[must_use]
pub fn subject(name: &str) -> Subject {
    Subject::new(name).unwrap()
}

/// Logs in with the right PIN.
pub async fn login(sessions: &Sessions, name: &str) -> LoggedIn {
    sessions.login(FullLogin::vouched_by_host(subject(name)), pin(PIN)).await.unwrap()
}

/// Opens with a PIN and returns the error's code, or "ok".
pub async fn unlock(sessions: &Sessions, wrapped: &str, with: &str) -> &'static str {
    match sessions.unlock(wrapped, &pin(with), &RequestContext::new()).await {
        Ok(_) => "ok",
        Err(error) => error.code(),
    }
}

/// A device that signs a request by its number: whoever knows the key makes the same one.
#[derive(Debug)]
pub struct Device {
    /// Which session.
    pub session_id: SessionId,
    /// Bound to the key.
    pub token: String,
    /// Signs.
    pub key: RequestKey,
}

impl Device {
    /// Signs request `number` for a time in seconds, sends it, and returns the error's code, or "ok".
    pub async fn send(&self, sessions: &Sessions, created: u64, number: u64) -> &'static str {
        let authorization = format!("Bearer {}", self.token);
        let parts = |headers| RequestParts {
            method: "GET",
            scheme: "https",
            authority: "api.example",
            path: "/",
            query: None,
            headers,
            also_signed: &[],
            body: Body::Absent,
        };
        let headers = [("authorization", authorization.as_bytes())];
        let at = UnixTime::from_secs(created);
        let signed = self.key.sign_request(self.session_id, &parts(&headers), at, &mut Number(number)).unwrap();
        let (input, signature) = (signed.signature_input, signed.signature);
        let headers = [headers[0], ("signature-input", input.as_bytes()), ("signature", signature.as_bytes())];
        match sessions.verify_request(&parts(&headers)).await {
            Ok(fresh) => fresh.with_body(&[]).map_or_else(|error| error.code(), |_| "ok"),
            Err(error) => error.code(),
        }
    }
}

/// The nonce of a numbered request.
struct Number(u64);

impl TryRng for Number {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(self.0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]));
        Ok(())
    }
}

impl TryCryptoRng for Number {}
