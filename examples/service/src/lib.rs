//! What the examples have in common: a service that uses pinlatch, without any web framework.
//!
//! Each call takes what a framework has read and gives an [`Answer`]. `examples/axum` and `examples/actix` show the
//! rest: routes, and reading requests.

#![allow(missing_docs, clippy::missing_errors_doc, clippy::must_use_candidate, reason = "nobody's dependency")]

mod address;
mod answer;
mod begin;
mod codes;
mod config;
mod edge;
mod limits;
mod manage;
mod outbox;
mod page;
mod problem;
mod received;
mod run;
mod secrets;
mod unlock;
mod users;

pub use self::answer::{Answer, Outcome};
pub use self::begin::Login;
pub use self::codes::{CodeLogin, Resend, Start};
pub use self::config::{Config, ConfigError};
pub use self::edge::{Entered, Leaving, Visit};
pub use self::manage::{Forget, Transfer};
pub use self::page::{File, files};
pub use self::received::{Origins, Received};
pub use self::run::{Error, announce, begin_log, report, stop};
pub use self::unlock::{ChangePin, Opening};

use std::sync::Arc;
use std::time::Duration;

use pinlatch::proof::ServerKey;
use pinlatch::sealed::SealingKeys;
use pinlatch::{OneTimeCodes, Problem, Sessions};

use self::address::Proxies;
use self::limits::Limits;
use self::outbox::Outbox;
use self::problem::{tell, unavailable};

/// The most bytes of a request's body.
pub const MAX_BODY: usize = 16 * 1024;

/// The most bytes of an answer that is held in memory, to be sealed or signed.
pub const MAX_ANSWER: usize = 1 << 20;

/// All that a request may need. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Service(Arc<Parts>);

struct Parts {
    sessions: Sessions,
    codes: OneTimeCodes,
    origins: Origins,
    server_key: ServerKey,
    sealing_keys: SealingKeys,
    outbox: Option<Outbox>,
    limits: Limits,
    proxies: Proxies,
}

impl core::fmt::Debug for Parts {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Parts").field("sessions", &self.sessions).finish_non_exhaustive()
    }
}

impl Service {
    /// Removes what ended, now and then. Nothing depends on it.
    pub async fn tidy_up(self) {
        const AT_ONCE: u32 = 10_000;
        let mut every_two_minutes = tokio::time::interval(Duration::from_secs(120));
        loop {
            every_two_minutes.tick().await;
            self.0.limits.tidy_up();
            loop {
                match self.0.sessions.purge(AT_ONCE).await.map_err(tell) {
                    Ok(purged) if purged >= u64::from(AT_ONCE) => {}
                    Ok(_) | Err(_) => break,
                }
            }
        }
    }
}

/// Goes on when the client goes away: web frameworks drop a handler then, and a guess that was charged for a right PIN
/// would never be taken back.
async fn to_the_end<T: Send + 'static>(work: impl Future<Output = T> + Send + 'static) -> Result<T, Problem> {
    tokio::spawn(work).await.map_err(|_| unavailable())
}
