//! The store and its settings.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use ::redis::cluster::ClusterClient;
use ::redis::{Client, RedisResult};

use super::check::{Check, RedisStoreError};
use super::connection::Server;
use super::keyspace::Keyspace;
use super::layout::Layout;
use super::link::Link;
use crate::stores::errand::Errands;

/// A store in Redis 7.0 or later, or Valkey, alone or as a cluster, shared by any number of machines. Clones share its
/// connection.
///
/// It runs on a tokio runtime with I/O and time. Only the append-only file with `appendfsync always`, and
/// `no-appendfsync-on-rewrite no`, keeps every charged guess when the server crashes, at the price of a flush for each
/// batch of writes. Redis with `everysec`, with snapshots only, or with an eviction policy is refused, unless the host
/// says [`RedisStoreBuilder::accept_charge_loss`]. A full Redis then refuses sessions instead of forgetting some. The
/// settings are looked at again every half minute; a primary that became a replica is refused at once. Do not switch
/// `appendonly` off and on again while the server runs: until its next rewrite has ended, a crash loses what was
/// written since, and that cannot be seen. Restart it instead.
///
/// **Replication is asynchronous**: a failover loses what the replica had not received, and no setting changes that.
/// Raise the [`KeyRing`](crate::KeyRing)'s `min_id` after one, as after restoring a backup, or keep sessions in
/// PostgreSQL.
///
/// A record goes by itself [`Record::LINGER`](crate::record::Record::LINGER) after it expired; purging also tidies up
/// the indexes.
#[derive(Clone)]
pub struct RedisStore {
    pub(super) keyspace: Arc<Keyspace>,
    pub(super) errands: Errands,
}

/// Settings of a [`RedisStore`].
#[must_use]
pub struct RedisStoreBuilder {
    urls: Vec<String>,
    cluster: bool,
    prefix: String,
    timeout: Duration,
    check_every: Duration,
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
            check_every: Duration::from_secs(30),
            accept_charge_loss: false,
        }
    }

    /// Begins with the URLs of some nodes of a cluster. Records are spread over it by 16 hash tags.
    ///
    /// While slots move from node to node, or a node is away, calls on its records are unavailable.
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

    /// How long a call waits in all, for a connection and an answer; 5 seconds unless set, at most a day. Whoever
    /// waited longer is told that the store is unavailable.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.clamp(Duration::from_millis(1), Duration::from_secs(86_400)), ..self }
    }

    /// How often the settings are looked at again; every 30 seconds unless set, and no more often than every 10 ms.
    pub fn check_every(self, check_every: Duration) -> Self {
        Self { check_every: check_every.max(Duration::from_millis(10)), ..self }
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
        let check = Check { accept_charge_loss: self.accept_charge_loss, every: self.check_every };
        let link = Link::open(server, check, self.timeout).await?;
        let keyspace = Keyspace { link, layout: Layout::new(&self.prefix) };
        Ok(RedisStore { keyspace: Arc::new(keyspace), errands: Errands::new(self.timeout) })
    }

    fn server(&self) -> RedisResult<Server> {
        if self.cluster {
            let client = ClusterClient::builder(self.urls.iter().map(String::as_str))
                // A node that is away leaves time for the others.
                .connection_timeout(self.timeout / 4)
                .response_timeout(self.timeout)
                // A command that is sent again would find its own work done, and say so wrongly.
                .retries(0);
            return client.build().map(|client| Server::Cluster(Box::new(client)));
        }
        Client::open(self.urls.concat()).map(Server::One)
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
