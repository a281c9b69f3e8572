//! How much there is room for: what a session takes in a store, and how many unlocks a store bears.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::stores::{Setup, anywhere};

/// Unlocks that ask a store at the same time.
pub const AT_ONCE: u64 = 64;

/// What was found of a store.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// For a session and its subject.
    pub bytes_per_session: u64,
    /// The store's part of them: four reads and two writes each.
    pub unlocks_per_second: f64,
}

/// Fills a store, then unlocks as many as it bears.
#[expect(clippy::disallowed_methods, clippy::cast_precision_loss, reason = "a measurement")]
pub async fn of(store: &str, sessions: u64, lasting: Duration) -> Room {
    let setup = Arc::new(Setup::start(store, sessions).await);
    let bytes_per_session = setup.bytes_per_session();
    let begun = Instant::now();
    let workers: Vec<_> = (0..AT_ONCE)
        .map(|worker| {
            let setup = setup.clone();
            tokio::spawn(async move {
                let mut unlocked = 0;
                while begun.elapsed() < lasting {
                    // Each worker has sessions of its own.
                    setup.unlock(anywhere(unlocked) % (sessions / AT_ONCE) * AT_ONCE + worker).await;
                    unlocked += 1;
                }
                unlocked
            })
        })
        .collect();
    let mut unlocked = 0;
    for worker in workers {
        unlocked += worker.await.unwrap();
    }
    let unlocks_per_second = unlocked as f64 / begun.elapsed().as_secs_f64();
    Room { bytes_per_session, unlocks_per_second }
}
