//! The store, its settings, and how connections are made.

use core::fmt;
use core::time::Duration;
use std::sync::Arc;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::check::{Check, PostgresStoreError};
use super::database::{Cancel, Database};
use super::schema::{self, SCHEMA};
use super::wire::Wire;
use crate::stores::errand::Errands;

/// A store in PostgreSQL 12 or later, shared by any number of machines. Clones share its connections.
///
/// It runs on a tokio runtime with I/O and time. Records lie in the table `pinlatch_record`, in the first schema of the
/// connection's `search_path`. What is written is flushed before it is answered, unless the server is set otherwise;
/// such a server is refused, as are standbys, whose rows may be old. Connect directly, or through a pooler that keeps
/// a session's settings.
///
/// Of several hosts in the URL one that does not answer is passed over; one that takes connections and then says nothing
/// is not. A write is not acknowledged either if somebody cancels its wait for a synchronous standby.
///
/// A failover to a standby that replicates asynchronously loses what the standby had not received: raise the
/// [`KeyRing`](crate::KeyRing)'s `min_id` after one, as after restoring a backup.
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) database: Database,
    pub(super) errands: Errands,
}

/// Settings of a [`PostgresStore`].
#[must_use]
pub struct PostgresStoreBuilder<T = NoTls> {
    url: String,
    tls: T,
    require_tls: bool,
    max_connections: usize,
    timeout: Duration,
    accept_charge_loss: bool,
}

/// A statement's limit is told to the server, which takes no more than 24 days.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(86_400);

impl PostgresStore {
    /// The statements that make the table. [`PostgresStore::connect`] runs them when there is none; where it may not,
    /// run them yourself.
    pub const SCHEMA: &str = SCHEMA;

    /// Connects without TLS, with the default settings, and makes the table if there is none. The `url` is
    /// `postgres://user:password@host/database` or `host=… user=…`.
    ///
    /// # Errors
    /// [`PostgresStoreError`].
    pub async fn connect(url: &str) -> Result<Self, PostgresStoreError> {
        Self::builder(url).connect().await
    }

    /// Begins with the connection string.
    pub fn builder(url: &str) -> PostgresStoreBuilder {
        PostgresStoreBuilder {
            url: url.to_owned(),
            tls: NoTls,
            require_tls: false,
            max_connections: 16,
            timeout: Duration::from_secs(5),
            accept_charge_loss: false,
        }
    }
}

impl<T> PostgresStoreBuilder<T> {
    /// How TLS is spoken: a connector of `tokio-postgres` 0.7, from `tokio-postgres-rustls` for instance. A server
    /// without TLS is then refused.
    pub fn tls<Connector>(self, tls: Connector) -> PostgresStoreBuilder<Connector> {
        let Self { url, tls: _, require_tls: _, max_connections, timeout, accept_charge_loss } = self;
        PostgresStoreBuilder { url, tls, require_tls: true, max_connections, timeout, accept_charge_loss }
    }

    /// The most connections at once, at least 1; 16 unless set. Requests beyond wait for one.
    pub fn max_connections(self, max_connections: usize) -> Self {
        Self { max_connections: max_connections.max(1), ..self }
    }

    /// How long a call waits in all, for a connection and an answer; 5 seconds unless set, at most a day. Whoever
    /// waited longer is told that the store is unavailable.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout: timeout.clamp(Duration::from_millis(1), LONGEST_TIMEOUT), ..self }
    }

    /// Takes a server with `fsync`, `full_page_writes` or `synchronous_commit` off: a crash then gives a thief back the
    /// guesses of the last moments. For tests, and where the power never fails.
    pub fn accept_charge_loss(self) -> Self {
        Self { accept_charge_loss: true, ..self }
    }

    /// Connects, and makes the table if there is none.
    ///
    /// # Errors
    /// [`PostgresStoreError`].
    pub async fn connect(self) -> Result<PostgresStore, PostgresStoreError>
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + Sync,
        T::TlsConnect: Send + Sync,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let config = self.config()?;
        let check = Check { timeout: self.timeout, accept_charge_loss: self.accept_charge_loss };
        let first = async {
            let (mut client, connection) = config.connect(self.tls.clone()).await?;
            // It ends with the client.
            tokio::spawn(connection);
            check.run(&client).await?;
            schema::ensure(&mut client).await
        };
        timeout(self.timeout, first).await.map_err(|late| PostgresStoreError::Connect(late.into()))??;

        let cancel = cancel(self.tls.clone(), self.timeout);
        let recycling_method = RecyclingMethod::Fast;
        let pool =
            Pool::builder(Manager::from_connect(config, Wire { tls: self.tls }, ManagerConfig { recycling_method }))
                .max_size(self.max_connections)
                // To wait for a turn takes nothing from the time to connect, or a queue would leave nobody enough of it.
                .wait_timeout(Some(self.timeout))
                .create_timeout(Some(self.timeout))
                .runtime(Runtime::Tokio1)
                .post_create(Hook::async_fn(move |client, _| {
                    Box::pin(async move { look(check, client).await.map_err(|no| HookError::message(no.to_string())) })
                }))
                .build()
                .map_err(|error| PostgresStoreError::Connect(error.into()))?;
        let database = Database { pool, timeout: self.timeout, cancel };
        Ok(PostgresStore { database, errands: Errands::new(self.timeout) })
    }

    fn config(&self) -> Result<Config, PostgresStoreError> {
        let mut config: Config = self.url.parse().map_err(|error| PostgresStoreError::Url(Box::new(error)))?;
        // Each of several hosts gets its share, so that one that is away leaves time for the others.
        let hosts = u32::try_from(config.get_hosts().len()).unwrap_or(u32::MAX).max(1);
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.timeout / hosts);
        }
        if config.get_application_name().is_none() {
            config.application_name("pinlatch");
        }
        if self.require_tls {
            config.ssl_mode(SslMode::Require);
        }
        Ok(config)
    }
}

/// Looks at the server and the table behind a new connection.
async fn look(check: Check, client: &Client) -> Result<(), PostgresStoreError> {
    let looked = async {
        check.run(client).await?;
        schema::check(client).await
    };
    timeout(check.timeout, looked).await.map_err(|late| PostgresStoreError::Connect(late.into()))?.map(drop)
}

fn cancel<T>(tls: T, limit: Duration) -> Cancel
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + Sync,
    T::TlsConnect: Send + Sync,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    Arc::new(move |token| {
        let tls = tls.clone();
        // A server that cannot be told so notices by itself.
        Box::pin(async move { drop(timeout(limit, token.cancel_query(tls)).await) })
    })
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("timeout", &self.database.timeout).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for PostgresStoreBuilder<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The connection string has a password.
        f.debug_struct("PostgresStoreBuilder")
            .field("max_connections", &self.max_connections)
            .field("timeout", &self.timeout)
            .field("accept_charge_loss", &self.accept_charge_loss)
            .finish_non_exhaustive()
    }
}
