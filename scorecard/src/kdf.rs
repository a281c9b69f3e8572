//! Argon2id, beside libsodium's.

use std::time::Duration;

use pinlatch::pin::NewPin;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::{KdfMemory, KdfParams};
use pinlatch::stretched_pin::StretchTask;
use pinlatch::{KdfPool, Policy, RequestContext, Sessions};
use pinlatch_peers::Process;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::fixtures::{access_tokens, hs256, key_ring, log_in, pin, system, uniform};

/// One thread's share of a pool: memory that is kept.
#[derive(Debug)]
pub struct Ours {
    pin: NewPin,
    memory: KdfMemory,
}

impl Default for Ours {
    fn default() -> Self {
        Self { pin: NewPin::accept(pin(), &Policy::default()).unwrap(), memory: KdfMemory::new() }
    }
}

impl Ours {
    /// Evaluates once, and erases the memory.
    pub fn run(&mut self, params: KdfParams) {
        drop(StretchTask::for_new_pin(&self.pin, params, &mut system()).run(&mut self.memory));
    }

    /// The same in new memory, as one would without a pool.
    pub fn run_anew(&self, params: KdfParams) {
        drop(StretchTask::for_new_pin(&self.pin, params, &mut system()).run(&mut KdfMemory::new()));
    }
}

/// `crypto_pwhash` of the system's libsodium, in a process of Python's that does nothing else.
#[derive(Debug)]
pub struct Libsodium(Process);

impl Libsodium {
    /// Starts it. Debian has the library in its package `libsodium23`.
    #[must_use]
    pub fn start() -> Self {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/libsodium.py");
        Self(Process::start("python3".as_ref(), script.as_ref()))
    }

    /// Its version.
    pub fn version(&mut self) -> String {
        self.0.ask(&json!("version")).unwrap().as_str().unwrap().to_owned()
    }

    /// Evaluates once. The two processes need some microseconds to understand each other.
    pub fn run(&mut self, params: KdfParams) {
        let request = json!({"bytes": u64::from(params.m_kib()) * 1024, "passes": params.t()});
        drop(self.0.ask(&request).unwrap());
    }
}

/// Users who come back together, through a pool with room for so many evaluations at once.
#[derive(Debug)]
pub struct Pool {
    runtime: Runtime,
    sessions: Sessions,
    wrapped: Vec<String>,
}

impl Pool {
    /// Logs them in.
    #[must_use]
    pub fn new(at_once: usize, users: u32) -> Self {
        let room = uniform().kdf().m_kib() * u32::try_from(at_once).unwrap();
        let builder = Sessions::builder(key_ring(), MemoryStore::default(), access_tokens(hs256())).policy(uniform());
        let sessions = builder.kdf_pool(KdfPool::new(room, Duration::from_secs(600))).build().unwrap();
        let runtime = Runtime::new().unwrap();
        let log_in = async |user| log_in(&sessions, &format!("user-{user}")).await;
        let wrapped = (0..users).map(|user| runtime.block_on(log_in(user))).collect();
        Self { runtime, sessions, wrapped }
    }

    /// Unlocks every session once.
    pub fn unlock_all(&mut self) {
        let unlocks: Vec<_> = self
            .wrapped
            .drain(..)
            .map(|wrapped| {
                let sessions = self.sessions.clone();
                self.runtime.spawn(async move { sessions.unlock(&wrapped, &pin(), &RequestContext::new()).await })
            })
            .collect();
        for unlock in unlocks {
            let opened = self.runtime.block_on(unlock).unwrap().unwrap();
            self.wrapped.push(opened.device_token.into_string());
        }
    }
}
