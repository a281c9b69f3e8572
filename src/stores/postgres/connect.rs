//! Connections: how they are made, and which servers are refused.

use core::fmt;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::time::timeout;
use tokio_postgres::config::SslMode;
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::database::{Cancel, Database};
use super::schema::{self, SCHEMA};
use crate::stores::errand::Errands;

/// A store in PostgreSQL 12 or later, shared by any number of machines. Clones share its connections.
///
/// It runs on a tokio runtime with I/O and time. Records lie in the table `pinlatch_record`, in the first schema of the
/// connection's `search_path`. What is written is flushed before it is answered, unless the server is set otherwise;
/// such a server is refused, as are standbys, whose rows may be old. Connect directly, or through a pooler that keeps
/// a session's settings.
///
/// A failover to a standby that replicates asynchronously loses what the standby had not received: raise the
/// [`KeyRing`](crate::KeyRing)'s `min_id` after one, as after restoring a backup.
#[derive(Clone)]
pub struct PostgresStore {
    pub(super) database: Database,
    pub(super) errands: Errands,
}

/// Why a server cannot serve as a store.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PostgresStoreError {
    /// The connection string is not one.
    #[error("the connection string cannot be used")]
    Url(#[source] Box<dyn Error + Send + Sync>),
    /// The server cannot be reached, or said no.
    #[error("PostgreSQL cannot be reached or refused the connection")]
    Connect(#[source] Box<dyn Error + Send + Sync>),
    /// Its rows may be old. Connect to the primary; with several hosts, add `target_session_attrs=read-write`.
    #[error("the PostgreSQL server is a standby")]
    Standby,
    /// A crash would give guesses back, or tear pages. Set it to `on`, or say [`PostgresStoreBuilder::accept_charge_loss`].
    #[error("PostgreSQL has {setting} = off: a crash would give charged guesses back")]
    LosesCharges {
        /// `fsync`, `full_page_writes` or `synchronous_commit`.
        setting: &'static str,
    },
    /// The table is `UNLOGGED`: a crash would empty it.
    #[error("the table pinlatch_record is unlogged: a crash would empty it")]
    Unlogged,
    /// The table is another application's, or another version's.
    #[error("the table pinlatch_record has the comment \"{found}\", not \"{}\"", schema::VERSION)]
    WrongSchema {
        /// Its comment.
        found: String,
    },
}

impl From<tokio_postgres::Error> for PostgresStoreError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Connect(error.into())
    }
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

    /// Takes a server with `fsync`, `full_page_writes` or `synchronous_commit` off: a crash then gives a thief back the guesses of the last
    /// moments. For tests, and where the power never fails.
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
        let check = Check { timeout: self.timeout, accept_charge_loss: self.accept_charge_loss };
        let first = async {
            let (mut client, connection) = config.connect(self.tls.clone()).await?;
            // It ends with the client.
            tokio::spawn(connection);
            check.settings(&client).await?;
            schema::ensure(&mut client).await
        };
        timeout(self.timeout, first).await.map_err(|late| PostgresStoreError::Connect(late.into()))??;

        let (tls, limit) = (self.tls.clone(), self.timeout);
        let cancel: Cancel = Arc::new(move |token| {
            let tls = tls.clone();
            // A server that cannot be told so notices by itself.
            Box::pin(async move { drop(timeout(limit, token.cancel_query(tls)).await) })
        });
        let recycling_method = RecyclingMethod::Fast;
        let pool = Pool::builder(Manager::from_config(config, self.tls, ManagerConfig { recycling_method }))
            .max_size(self.max_connections)
            // To wait for a turn takes nothing from the time to connect, or a queue would leave nobody enough of it.
            .wait_timeout(Some(self.timeout))
            .create_timeout(Some(self.timeout))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let checked = async move {
                    let checked = timeout(check.timeout, check.run(client)).await;
                    checked.map_err(|late| PostgresStoreError::Connect(late.into()))?
                };
                Box::pin(async move { checked.await.map_err(|refusal| HookError::message(refusal.to_string())) })
            }))
            .build()
            .map_err(|error| PostgresStoreError::Connect(error.into()))?;
        let database = Database { pool, timeout: self.timeout, cancel };
        Ok(PostgresStore { database, errands: Errands::new(self.timeout) })
    }
}

/// What is asked of every new connection, as the server behind it may be another one by then.
#[derive(Clone, Copy)]
struct Check {
    timeout: Duration,
    accept_charge_loss: bool,
}

impl Check {
    async fn run(self, client: &Client) -> Result<(), PostgresStoreError> {
        self.settings(client).await?;
        schema::check(client).await.map(drop)
    }

    async fn settings(self, client: &Client) -> Result<(), PostgresStoreError> {
        const ASK: &str = "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('full_page_writes'),
            current_setting('synchronous_commit')";
        let row = client.query_one(ASK, &[]).await?;
        if row.try_get(0)? {
            return Err(PostgresStoreError::Standby);
        }
        for (column, setting) in [(1, "fsync"), (2, "full_page_writes"), (3, "synchronous_commit")] {
            if row.try_get::<_, &str>(column)? == "off" && !self.accept_charge_loss {
                return Err(PostgresStoreError::LosesCharges { setting });
            }
        }
        // What was found stays for this connection, whatever the server is told later. What takes longer than anyone
        // waits is given up.
        let pin = format!(
            "SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false);
             SET default_transaction_isolation = 'read committed';
             SET statement_timeout = {}",
            self.timeout.as_millis().max(1)
        );
        Ok(client.batch_execute(&pin).await?)
    }
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
