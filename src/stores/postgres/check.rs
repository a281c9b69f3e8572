//! Which servers are taken, and which are refused.

use core::time::Duration;
use std::error::Error;

use tokio_postgres::Client;

/// The comment of the table that this version works with.
pub(super) const VERSION: &str = "pinlatch 1";

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
    /// A crash would give guesses back, or tear pages. Set it to `on`, or say
    /// [`accept_charge_loss`](super::PostgresStoreBuilder::accept_charge_loss).
    #[error("PostgreSQL has {setting} = off: a crash would give charged guesses back")]
    LosesCharges {
        /// `fsync`, `full_page_writes` or `synchronous_commit`.
        setting: &'static str,
    },
    /// The table is `UNLOGGED`: a crash would empty it.
    #[error("the table pinlatch_record is unlogged: a crash would empty it")]
    Unlogged,
    /// The table is another application's, or another version's.
    #[error("the table pinlatch_record has the comment \"{found}\", not \"{}\"", VERSION)]
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

/// What is asked of every new connection, as the server behind it may be another one by then.
#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) timeout: Duration,
    pub(super) accept_charge_loss: bool,
}

impl Check {
    pub(super) async fn run(self, client: &Client) -> Result<(), PostgresStoreError> {
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
        // What was found stays for this connection, whatever the server is told later. Its warnings are to be heard
        // (`wire`). What takes longer than anyone waits is given up.
        let pin = format!(
            "SELECT set_config('synchronous_commit', current_setting('synchronous_commit'), false);
             SET default_transaction_isolation = 'read committed';
             SET client_min_messages = 'warning';
             SET statement_timeout = {}",
            self.timeout.as_millis().max(1)
        );
        Ok(client.batch_execute(&pin).await?)
    }
}
