//! One connection that everybody shares, and the next one when it breaks.

use core::time::Duration;

use ::redis::aio::MultiplexedConnection;
use ::redis::cluster::ClusterClient;
use ::redis::cluster_async::ClusterConnection;
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind,
};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::connect::{Check, RedisStoreError};
use crate::store::StoreError;

/// Where the records are.
pub(super) enum Server {
    One(Client),
    Cluster(Box<ClusterClient>),
}

#[derive(Clone)]
pub(super) enum Connection {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

pub(super) struct Link {
    server: Server,
    check: Check,
    timeout: Duration,
    current: Mutex<Current>,
}

/// The connection and how many there were before.
#[derive(Default)]
struct Current {
    generation: u64,
    connection: Option<Connection>,
}

/// An answer did not come in time. Whether the command was carried out is unknown.
#[derive(Debug, thiserror::Error)]
#[error("Redis did not answer within {0:?}")]
struct TimedOut(Duration);

impl Link {
    pub(super) fn new(server: Server, check: Check, timeout: Duration) -> Self {
        Self { server, check, timeout, current: Mutex::default() }
    }

    /// Sends a command, once: one whose answer got lost is not repeated here.
    pub(super) async fn send<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, StoreError> {
        let (generation, mut connection) = self.in_time(self.connection()).await?.map_err(unavailable)?;
        let answer = self.in_time(connection.query(command)).await;
        let broken = match &answer {
            Ok(Ok(_)) => false,
            Ok(Err(error)) => is_of_the_connection(error),
            Err(_) => true,
        };
        if broken {
            self.forget(generation).await;
        }
        answer?.map_err(store_error)
    }

    /// The connection, made and checked if there is none. Others wait for it meanwhile.
    pub(super) async fn connection(&self) -> Result<(u64, Connection), RedisStoreError> {
        let mut current = self.current.lock().await;
        if let Some(connection) = &current.connection {
            return Ok((current.generation, connection.clone()));
        }
        let mut connection = self.server.connect(self.timeout).await?;
        self.check.run(&mut connection).await?;
        current.generation += 1;
        current.connection = Some(connection.clone());
        Ok((current.generation, connection))
    }

    /// Lets the next command connect anew, unless somebody did so already.
    async fn forget(&self, generation: u64) {
        let mut current = self.current.lock().await;
        if current.generation == generation {
            current.connection = None;
        }
    }

    async fn in_time<T>(&self, work: impl Future<Output = T>) -> Result<T, StoreError> {
        timeout(self.timeout, work).await.map_err(|_| StoreError::Unavailable(TimedOut(self.timeout).into()))
    }
}

impl Server {
    async fn connect(&self, timeout: Duration) -> RedisResult<Connection> {
        match self {
            Self::One(client) => {
                let config = AsyncConnectionConfig::new()
                    .set_connection_timeout(Some(timeout))
                    .set_response_timeout(Some(timeout));
                client.get_multiplexed_async_connection_with_config(&config).await.map(Connection::One)
            }
            Self::Cluster(client) => client.get_async_connection().await.map(Connection::Cluster),
        }
    }
}

impl Connection {
    pub(super) async fn query<T: FromRedisValue>(&mut self, command: &Cmd) -> RedisResult<T> {
        match self {
            Self::One(connection) => command.query_async(connection).await,
            Self::Cluster(connection) => command.query_async(connection).await,
        }
    }
}

/// After these the connection is of no use, or leads to a server that no longer is the primary.
fn is_of_the_connection(error: &RedisError) -> bool {
    error.is_unrecoverable_error()
        || error.is_io_error()
        || matches!(error.kind(), ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown))
}

fn unavailable(error: RedisStoreError) -> StoreError {
    StoreError::Unavailable(error.into())
}

fn store_error(error: RedisError) -> StoreError {
    match (error.kind(), error.code()) {
        // Redis at its `maxmemory` refuses a script before it writes.
        (_, Some("OOM")) => StoreError::Rejected,
        (_, Some("WRONGTYPE")) | (ErrorKind::UnexpectedReturnType, _) => StoreError::Corrupt(error.into()),
        _ => StoreError::Unavailable(error.into()),
    }
}
