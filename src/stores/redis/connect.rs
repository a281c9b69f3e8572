//! Which servers are taken, and which are refused.

use core::fmt;
use core::time::Duration;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;

use ::redis::cluster::ClusterClient;
use ::redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo};
use ::redis::{Client, Cmd, FromRedisValue, RedisError, RedisResult, Value, cmd, from_redis_value};

use super::layout::Layout;
use super::link::{Connection, Link, Server};

/// A store in Redis 6.2 or later, or Valkey, alone or as a cluster, shared by any number of machines. Clones share its
/// connection.
///
/// It runs on a tokio runtime with I/O and time. Only the append-only file with `appendfsync always` keeps every charged
/// guess when the server crashes, at the price of a flush for each batch of writes. Redis with `everysec`, with
/// snapshots only, or with an eviction policy is refused, unless the host says
/// [`RedisStoreBuilder::accept_charge_loss`]. A full Redis then refuses sessions instead of forgetting some.
///
/// **Replication is asynchronous**: a failover loses what the replica had not received, and no setting changes that.
/// Raise the [`KeyRing`](crate::KeyRing)'s `min_id` after one, as after restoring a backup, or keep sessions in
/// PostgreSQL.
///
/// A record goes by itself [`Record::LINGER`](crate::record::Record::LINGER) after it expired; purging also tidies up
/// the indexes.
#[derive(Clone)]
pub struct RedisStore {
    pub(super) link: Arc<Link>,
    pub(super) layout: Arc<Layout>,
}

/// Why a server cannot serve as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisStoreError {
    /// A URL is not one.
    #[error("the URL cannot be used")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// A prefix is 1 to 64 bytes without braces, which mark hash tags.
    #[error("the prefix is not 1 to 64 bytes without braces")]
    Prefix,
    /// The server cannot be reached, or said no.
    #[error("Redis cannot be reached or refused the connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// Its records may be old. Connect to the primary.
    #[error("the Redis server is a replica")]
    Replica,
    /// A crash would give guesses back, or live records could be evicted. Set it as the message says, or say
    /// [`RedisStoreBuilder::accept_charge_loss`].
    #[error("Redis has {setting} {found}: charged guesses would get lost; set it to {needed}")]
    LosesCharges {
        /// `appendonly`, `appendfsync` or `maxmemory-policy`.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that keeps charges.
        needed: &'static str,
    },
    /// The server does not show its role or settings. If you know that they are right, say
    /// [`RedisStoreBuilder::accept_charge_loss`].
    #[error("Redis does not show its settings")]
    Unverifiable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<RedisError> for RedisStoreError {
    fn from(error: RedisError) -> Self {
        Self::Connect(error.into())
    }
}

/// Settings of a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    urls: Vec<String>,
    cluster: bool,
    prefix: String,
    timeout: Duration,
    accept_charge_loss: bool,
}

impl RedisStore {
    /// Connects with the default settings to `redis://user:password@host:port/db`; `rediss://` for TLS, with a TLS
    /// feature of the crate `redis` switched on (`tokio-rustls-comp` for instance).
    ///
    /// # Errors
    /// [`RedisStoreError`].
    pub async fn connect(url: &str) -> Result<Self, RedisStoreError> {
        Self::builder(url).connect().await
    }

    /// Begins with the URL of a server.
    pub fn builder(url: &str) -> RedisStoreBuilder {
        RedisStoreBuilder {
            urls: vec![url.to_owned()],
            cluster: false,
            prefix: "pinlatch".into(),
            timeout: Duration::from_secs(5),
            accept_charge_loss: false,
        }
    }

    /// Begins with the URLs of some nodes of a cluster. Records are spread over it by 16 hash tags.
    ///
    /// Here the driver repeats a command whose connection broke. A charge may then count twice, never not at all.
    pub fn cluster<'a>(urls: impl IntoIterator<Item = &'a str>) -> RedisStoreBuilder {
        let urls = urls.into_iter().map(str::to_owned).collect();
        RedisStoreBuilder { urls, cluster: true, ..Self::builder("") }
    }
}

impl RedisStoreBuilder {
    /// What all keys begin with, `pinlatch` unless set: 1 to 64 bytes without braces.
    pub fn prefix(self, prefix: impl Into<String>) -> Self {
        Self { prefix: prefix.into(), ..self }
    }

    /// How long to wait for a connection, and then for an answer; 5 seconds unless set. Whoever waited longer is told
    /// that the store is unavailable.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Takes a server that may forget the guesses of the last moments in a crash, or evict live records, or does not
    /// show its settings.
    pub fn accept_charge_loss(self) -> Self {
        Self { accept_charge_loss: true, ..self }
    }

    /// Connects, and looks at the server's settings.
    ///
    /// # Errors
    /// [`RedisStoreError`].
    pub async fn connect(self) -> Result<RedisStore, RedisStoreError> {
        if !(1..=64).contains(&self.prefix.len()) || self.prefix.contains(['{', '}']) {
            return Err(RedisStoreError::Prefix);
        }
        let server = self.server().map_err(|error| RedisStoreError::Url(error.into()))?;
        let check = Check { accept_charge_loss: self.accept_charge_loss };
        let link = Link::new(server, check, self.timeout);
        tokio::time::timeout(self.timeout, link.connection())
            .await
            .map_err(|late| RedisStoreError::Connect(late.into()))??;
        Ok(RedisStore { link: Arc::new(link), layout: Arc::new(Layout::new(&self.prefix)) })
    }

    fn server(&self) -> RedisResult<Server> {
        if self.cluster {
            let client = ClusterClient::builder(self.urls.iter().map(String::as_str))
                .connection_timeout(self.timeout)
                .response_timeout(self.timeout);
            return client.build().map(|client| Server::Cluster(Box::new(client)));
        }
        Client::open(self.urls.concat()).map(Server::One)
    }
}

/// What is asked of every new connection, as the server behind it may be another one by then.
#[derive(Clone, Copy)]
pub(super) struct Check {
    accept_charge_loss: bool,
}

/// What keeps every charge.
const NEEDED: [(&str, &str); 3] =
    [("appendonly", "yes"), ("appendfsync", "always"), ("maxmemory-policy", "noeviction")];

impl Check {
    pub(super) async fn run(self, connection: &mut Connection) -> Result<(), RedisStoreError> {
        match self.look(connection).await {
            Err(RedisStoreError::LosesCharges { .. } | RedisStoreError::Unverifiable(_)) if self.accept_charge_loss => {
                Ok(())
            }
            looked => looked,
        }
    }

    async fn look(self, connection: &mut Connection) -> Result<(), RedisStoreError> {
        for roles in connection.ask_primaries(&cmd("ROLE")).await? {
            let role: Vec<Value> = roles;
            if role.first() != Some(&Value::BulkString(b"master".to_vec())) {
                return Err(RedisStoreError::Replica);
            }
        }
        for (setting, needed) in NEEDED {
            for shown in connection.ask_primaries(cmd("CONFIG").arg("GET").arg(setting)).await? {
                let shown: HashMap<String, String> = shown;
                let found = shown.get(setting).cloned().unwrap_or_default();
                if found != needed {
                    return Err(RedisStoreError::LosesCharges { setting, found, needed });
                }
            }
        }
        Ok(())
    }
}

impl Connection {
    /// Asks the server, or each primary of a cluster.
    async fn ask_primaries<T: FromRedisValue>(&mut self, command: &Cmd) -> Result<Vec<T>, RedisStoreError> {
        let answers = match self {
            Self::One(connection) => command.query_async(connection).await.map(|answer| vec![answer]),
            Self::Cluster(connection) => {
                let primaries = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
                let answers = connection.route_command(command.clone(), primaries).await;
                answers.and_then(|answers| Ok(from_redis_value::<HashMap<String, T>>(answers)?.into_values().collect()))
            }
        };
        answers.map_err(|error| match error.is_io_error() {
            true => RedisStoreError::Connect(error.into()),
            false => RedisStoreError::Unverifiable(error.into()),
        })
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").finish_non_exhaustive()
    }
}

impl fmt::Debug for RedisStoreBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URLs have passwords.
        f.debug_struct("RedisStoreBuilder")
            .field("cluster", &self.cluster)
            .field("prefix", &self.prefix)
            .field("timeout", &self.timeout)
            .field("accept_charge_loss", &self.accept_charge_loss)
            .finish_non_exhaustive()
    }
}
