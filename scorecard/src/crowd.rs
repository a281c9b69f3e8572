//! A thousand users who come back in the same moment.

use std::time::Duration;

use pinlatch::stores::MemoryStore;
use pinlatch::{KdfPool, RequestContext, Sessions, UnlockError};
use serde::{Deserialize, Serialize};

use crate::fixtures::{access_tokens, hs256, key_ring, log_in, pin, uniform};

/// How many.
pub const USERS: usize = 1000;

/// What became of them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Crowd {
    pub opened: usize,
    pub busy: usize,
    /// The most memory that the process had, in KiB.
    pub peak_kib: u64,
    /// What the pool was granted, in KiB.
    pub budget_kib: u32,
}

/// All of them at once, in this process, whose memory is looked at afterwards: it should do nothing else.
///
/// # Panics
/// When an unlock ends in anything but an opened session or `busy`.
pub async fn unlock_all() -> Crowd {
    let policy = uniform();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let pool = KdfPool::new(policy.kdf().m_kib() * u32::try_from(cores).unwrap(), Duration::from_secs(10));
    let budget_kib = pool.kib();
    // Logins use the KDF as well, and are not what this is about.
    let fill = KdfPool::new(budget_kib, Duration::from_secs(600));
    let store = std::sync::Arc::new(MemoryStore::default());
    let service =
        |pool| Sessions::builder(key_ring(), store.clone(), access_tokens(hs256())).policy(uniform()).kdf_pool(pool);
    let (filling, sessions) = (service(fill).build().unwrap(), service(pool).build().unwrap());
    let mut wrapped = Vec::new();
    for user in 0..USERS {
        wrapped.push(log_in(&filling, &format!("user-{user}")).await);
    }
    drop(filling);
    let unlocks: Vec<_> = wrapped
        .into_iter()
        .map(|wrapped| {
            let sessions = sessions.clone();
            tokio::spawn(async move { sessions.unlock(&wrapped, &pin(), &RequestContext::new()).await })
        })
        .collect();
    let (mut opened, mut busy) = (0, 0);
    for unlock in unlocks {
        match unlock.await.unwrap() {
            Ok(_) => opened += 1,
            Err(UnlockError::Busy { .. }) => busy += 1,
            Err(error) => panic!("lost: {error:?}"),
        }
    }
    Crowd { opened, busy, peak_kib: peak_kib(), budget_kib }
}

fn peak_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
