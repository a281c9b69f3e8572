//! Connections: how they are made, and which servers are refused.

use core::fmt;
use core::time::Duration;
use std::error::Error;

use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Client, Config, NoTls, Socket};

use super::schema::{self, SCHEMA};

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
    pub(super) pool: Pool,
    pub(super) timeout: Duration,
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
    /// A crash would give guesses back. Set it to `on`, or say [`PostgresStoreBuilder::accept_charge_loss`].
    #[error("PostgreSQL has {setting} = off: a crash would give charged guesses back")]
    LosesCharges {
        /// `fsync` or `synchronous_commit`.
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
    max_connections: usize,
    timeout: Duration,
    accept_charge_loss: bool,
}

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
            max_connections: 16,
            timeout: Duration::from_secs(5),
            accept_charge_loss: false,
        }
    }
}

impl<T> PostgresStoreBuilder<T> {
    /// How TLS is spoken: a connector of `tokio-postgres` 0.7, from `tokio-postgres-rustls` for instance. Add
    /// `sslmode=require` to the connection string.
    pub fn tls<Connector>(self, tls: Connector) -> PostgresStoreBuilder<Connector> {
        let Self { url, tls: _, max_connections, timeout, accept_charge_loss } = self;
        PostgresStoreBuilder { url, tls, max_connections, timeout, accept_charge_loss }
    }

    /// The most connections at once; 16 unless set. Requests beyond wait for one.
    pub fn max_connections(self, max_connections: usize) -> Self {
        Self { max_connections, ..self }
    }

    /// How long to wait for a connection, and then for an answer; 5 seconds unless set. Whoever waited longer is told
    /// that the store is unavailable.
    pub fn timeout(self, timeout: Duration) -> Self {
        Self { timeout, ..self }
    }

    /// Takes a server with `fsync` or `synchronous_commit` off: a crash then gives a thief back the guesses of the last
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
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(self.timeout);
        }
        if config.get_application_name().is_none() {
            config.application_name("pinlatch");
        }
        let check = Check { timeout: self.timeout, accept_charge_loss: self.accept_charge_loss };
        let first = async {
            let (mut client, connection) = config.connect(self.tls.clone()).await?;
            // It ends with the client.
            tokio::spawn(connection);
            check.run(&client).await?;
            schema::ensure(&mut client).await
        };
        tokio::time::timeout(self.timeout, first).await.map_err(|late| PostgresStoreError::Connect(late.into()))??;

        let recycling_method = RecyclingMethod::Fast;
        let pool = Pool::builder(Manager::from_config(config, self.tls, ManagerConfig { recycling_method }))
            .max_size(self.max_connections)
            .post_create(Hook::async_fn(move |client, _| {
                Box::pin(
                    async move { check.run(client).await.map_err(|refusal| HookError::message(refusal.to_string())) },
                )
            }))
            .build()
            .map_err(|error| PostgresStoreError::Connect(error.into()))?;
        Ok(PostgresStore { pool, timeout: self.timeout })
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
        const ASK: &str = "SELECT pg_is_in_recovery(), current_setting('fsync'), current_setting('synchronous_commit')";
        let row = client.query_one(ASK, &[]).await?;
        let (standby, fsync, commit): (bool, String, String) = (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?);
        if standby {
            return Err(PostgresStoreError::Standby);
        }
        for (setting, value) in [("fsync", &fsync), ("synchronous_commit", &commit)] {
            if value == "off" && !self.accept_charge_loss {
                return Err(PostgresStoreError::LosesCharges { setting });
            }
        }
        // What was found stays for this connection, whatever the server is told later. What takes longer than anyone
        // waits is given up.
        let pin = format!(
            "SET synchronous_commit = '{commit}';
             SET default_transaction_isolation = 'read committed';
             SET statement_timeout = {}",
            self.timeout.as_millis().max(1)
        );
        Ok(client.batch_execute(&pin).await?)
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("timeout", &self.timeout).finish_non_exhaustive()
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
