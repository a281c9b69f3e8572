//! One connection that everybody shares, and the next one when it breaks.

use core::future::{Future, ready};
use core::pin::Pin;
use core::time::Duration;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use ::redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind};
use futures_util::FutureExt;
use futures_util::future::Shared;
use tokio::time::{sleep, timeout};

use super::check::{Check, RedisStoreError};
use super::connection::{Connection, Server};
use crate::store::StoreError;

#[derive(Clone)]
pub(super) struct Link(Arc<Line>);

struct Line {
    server: Server,
    check: Check,
    timeout: Duration,
    current: Mutex<Current>,
}

/// The connection, made or being made, and how many there were before.
#[derive(Default)]
struct Current {
    generation: u64,
    connecting: Option<Connecting>,
}

/// Many wait for one connection. It is made by a task of its own, so that it comes even if they go.
type Connecting = Shared<Pin<Box<dyn Future<Output = Result<Connection, Arc<RedisStoreError>>> + Send>>>;

/// After a connection could not be made, the next one is tried this much later.
const PAUSE: Duration = Duration::from_millis(100);

/// An answer did not come in time. Whether the command was carried out is unknown.
#[derive(Debug, thiserror::Error)]
#[error("Redis did not answer within {0:?}")]
struct TimedOut(Duration);

impl Link {
    /// Connects for the first time.
    pub(super) async fn open(server: Server, check: Check, timeout: Duration) -> Result<Self, RedisStoreError> {
        let line = Arc::new(Line { server, check, timeout, current: Mutex::default() });
        let connection = line.connect().await?;
        line.current().connecting = Some(ready(Ok(connection.clone())).boxed().shared());
        tokio::spawn(watch(Passing { line: Arc::downgrade(&line), generation: 0 }, connection));
        Ok(Self(line))
    }

    /// Sends a command, once: one whose answer got lost is not repeated.
    pub(super) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (generation, connecting) = self.connecting();
        let mut connection = connecting.await.map_err(|error| StoreError::Unavailable(error.into()))?;
        let answer = timeout(self.0.timeout, connection.query(command)).await;
        let broken = match &answer {
            Ok(Ok(_)) => false,
            Ok(Err(error)) => is_of_the_connection(error),
            Err(_) => true,
        };
        // A cluster's connection is many, and mends itself, but where a node is silent: for that it is watched.
        if broken && matches!(connection, Connection::One(_)) {
            self.0.forget(generation);
        }
        answer.map_err(|_| StoreError::Unavailable(TimedOut(self.0.timeout).into()))?.map_err(store_error)
    }

    /// The connection, or the one that is being made, or a new one.
    fn connecting(&self) -> (u64, Connecting) {
        let mut current = self.0.current();
        let generation = match &current.connecting {
            Some(connecting) => return (current.generation, connecting.clone()),
            None => current.generation + 1,
        };
        let line = Arc::clone(&self.0);
        let task = tokio::spawn(async move {
            let connected = line.connect().await;
            let passing = Passing { line: Arc::downgrade(&line), generation };
            match &connected {
                Ok(connection) => drop(tokio::spawn(watch(passing, connection.clone()))),
                Err(_) => drop(tokio::spawn(pause(passing))),
            }
            connected.map_err(Arc::new)
        });
        let weak = Arc::downgrade(&self.0);
        let connecting = async move {
            task.await.unwrap_or_else(|lost| {
                drop(Passing { line: weak, generation });
                Err(Arc::new(RedisStoreError::Connect(lost.into())))
            })
        };
        let connecting = connecting.boxed().shared();
        *current = Current { generation, connecting: Some(connecting.clone()) };
        (generation, connecting)
    }
}

impl Line {
    async fn connect(&self) -> Result<Connection, RedisStoreError> {
        let connected = async {
            let mut connection = self.server.connect(self.timeout).await?;
            self.check.run(&mut connection).await?;
            Ok(connection)
        };
        timeout(self.timeout, connected).await.map_err(|late| RedisStoreError::Connect(late.into()))?
    }

    /// Lets the next command connect anew, unless somebody did so already.
    fn forget(&self, generation: u64) {
        let mut current = self.current();
        if current.generation == generation {
            current.connecting = None;
        }
    }

    /// Nothing is left half done under the lock.
    fn current(&self) -> MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection, for as long as it is watched. Then it is forgotten: also when the runtime ends, on which it was made
/// and watched, and another one goes on.
struct Passing {
    line: Weak<Line>,
    generation: u64,
}

impl Drop for Passing {
    fn drop(&mut self) {
        if let Some(line) = self.line.upgrade() {
            line.forget(self.generation);
        }
    }
}

/// Settings change, primaries are demoted, nodes join a cluster: looks again from time to time, until something is
/// wrong. Also with one that is silent: a cluster's connection waits for its nodes for ever.
async fn watch(passing: Passing, mut connection: Connection) {
    loop {
        let Some(every) = passing.line.upgrade().map(|line| line.check.every) else { return };
        sleep(every).await;
        let Some(line) = passing.line.upgrade() else { return };
        if line.current().generation != passing.generation {
            return;
        }
        if !matches!(timeout(line.timeout, line.check.run(&mut connection)).await, Ok(Ok(()))) {
            return;
        }
    }
}

async fn pause(passing: Passing) {
    sleep(PAUSE).await;
    drop(passing);
}

/// After these the connection is of no use, or leads to a server that no longer is the primary.
fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

fn store_error(error: RedisError) -> StoreError {
    match (error.kind(), error.code()) {
        // Redis at its `maxmemory` refuses a script before it runs.
        (_, Some("OOM")) => StoreError::Rejected,
        (_, Some("WRONGTYPE")) | (ErrorKind::UnexpectedReturnType, _) => StoreError::Corrupt(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}
