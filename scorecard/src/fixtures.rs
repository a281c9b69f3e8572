//! A service to measure, and what it hands out.

use core::convert::Infallible;

use pinlatch::authorize::Grant;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, RequestContext, SessionId,
    Sessions, Subject,
};
use rand_core::{TryCryptoRng, TryRng, UnwrapErr};

pub const ISSUER: &str = "https://id.example";
pub const AUDIENCE: &str = "https://api.example";
pub const CLIENT: &str = "app";
pub const PIN: &str = "739216";

/// The operating system's randomness.
#[must_use]
#[expect(clippy::disallowed_types, reason = "as a host that does without the façade")]
pub const fn system() -> UnwrapErr<getrandom::SysRng> {
    UnwrapErr(getrandom::SysRng)
}

/// 32 bytes that pass for random ones.
#[must_use]
pub fn secret(mark: u8) -> [u8; 32] {
    core::array::from_fn(|at| mark ^ u8::try_from(at).unwrap())
}

#[must_use]
pub fn key_ring() -> KeyRing {
    KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap()
}

#[must_use]
pub fn hs256() -> AccessTokenKey {
    AccessTokenKey::hs256("key-1", &secret(3)).unwrap()
}

#[must_use]
pub fn access_tokens(key: AccessTokenKey) -> AccessTokens {
    AccessTokens::new(key, ISSUER, AUDIENCE, CLIENT).unwrap()
}

#[must_use]
pub fn pin() -> Pin {
    Pin::new(PIN).unwrap()
}

/// A policy whose KDF does next to nothing.
#[must_use]
pub fn fast() -> Policy {
    Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap()
}

/// The default policy, which accepts no wraps of a costlier one, so that a pool may be as small as one evaluation.
#[must_use]
pub fn uniform() -> Policy {
    Policy::builder().max_kdf_m_kib(Policy::default().kdf().m_kib()).build().unwrap()
}

#[must_use]
pub fn sessions(policy: Policy) -> Sessions {
    let builder = Sessions::builder(key_ring(), MemoryStore::default(), access_tokens(hs256()));
    builder.policy(policy).build().unwrap()
}

/// Logs somebody in, and returns what the device keeps.
pub async fn log_in(sessions: &Sessions, name: &str) -> String {
    let login = FullLogin::vouched_by_host(Subject::new(name).unwrap());
    sessions.login(login, pin()).await.unwrap().device_token.into_string()
}

/// A grant, which nothing but an unlock gives out, and its session.
#[must_use]
pub fn unlocked() -> (Grant, SessionId) {
    let sessions = sessions(fast());
    futures_executor::block_on(async {
        let wrapped = log_in(&sessions, "alice").await;
        let opened = sessions.unlock(&wrapped, &pin(), &RequestContext::new()).await.unwrap();
        (opened.grant, opened.session_id)
    })
}

/// Bytes that cost next to nothing.
#[derive(Debug, Default)]
pub struct Spread(u64);

impl TryRng for Spread {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        bytes.chunks_mut(8).for_each(|chunk| chunk.copy_from_slice(&self.0.to_be_bytes()[..chunk.len()]));
        Ok(())
    }
}

impl TryCryptoRng for Spread {}
