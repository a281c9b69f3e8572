//! Which servers are taken, and which are refused.

use core::time::Duration;
use std::collections::HashMap;
use std::error::Error;

use ::redis::{Cmd, FromRedisValue, RedisError, Value, cmd};

use super::connection::Connection;

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
    /// [`accept_charge_loss`](super::RedisStoreBuilder::accept_charge_loss).
    #[error("Redis has {setting} {found}: charged guesses would get lost; set it to {needed}")]
    LosesCharges {
        /// `appendonly`, `appendfsync`, `no-appendfsync-on-rewrite` or `maxmemory-policy`.
        setting: &'static str,
        /// Its value.
        found: String,
        /// The value that keeps charges.
        needed: &'static str,
    },
    /// Its scripts cannot say that they must not run on a replica. 7.0 is needed.
    #[error("Redis {found} is older than 7.0")]
    TooOld {
        /// Its version.
        found: String,
    },
    /// The server does not show its role, version or settings. If you know that they are right, say
    /// [`accept_charge_loss`](super::RedisStoreBuilder::accept_charge_loss).
    #[error("Redis does not show its settings")]
    Unverifiable(#[source] Box<dyn Error + Send + Sync>),
}

impl From<RedisError> for RedisStoreError {
    fn from(error: RedisError) -> Self {
        Self::Connect(error.into())
    }
}

/// What is asked of every new connection, as the server behind it may be another one by then, and again from time to
/// time.
#[derive(Clone, Copy)]
pub(super) struct Check {
    pub(super) accept_charge_loss: bool,
    pub(super) every: Duration,
}

/// What keeps every charge.
const NEEDED: [(&str, &str); 4] = [
    ("appendonly", "yes"),
    ("appendfsync", "always"),
    ("no-appendfsync-on-rewrite", "no"),
    ("maxmemory-policy", "noeviction"),
];

impl Check {
    pub(super) async fn run(self, connection: &mut Connection) -> Result<(), RedisStoreError> {
        match look(connection).await {
            Err(RedisStoreError::LosesCharges { .. } | RedisStoreError::Unverifiable(_)) if self.accept_charge_loss => {
                Ok(())
            }
            looked => looked,
        }
    }
}

async fn look(connection: &mut Connection) -> Result<(), RedisStoreError> {
    for role in ask::<Vec<Value>>(connection, &cmd("ROLE")).await? {
        if role.first() != Some(&Value::BulkString(b"master".to_vec())) {
            return Err(RedisStoreError::Replica);
        }
    }
    for info in ask::<String>(connection, &cmd("INFO")).await? {
        let fact = |name: &str| info.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).unwrap_or("");
        let version = fact("redis_version");
        let major = version.split('.').next().and_then(|major| major.parse::<u32>().ok());
        if major.is_some_and(|major| major < 7) {
            return Err(RedisStoreError::TooOld { found: version.into() });
        }
        // The file of a server that was told to keep one begins with the end of the first rewrite.
        let never_rewritten = fact("aof_last_rewrite_time_sec") == "-1";
        if never_rewritten && (fact("aof_rewrite_in_progress") == "1" || fact("aof_rewrite_scheduled") == "1") {
            let found = "yes, but its file is not complete yet".into();
            return Err(RedisStoreError::LosesCharges { setting: "appendonly", found, needed: "yes" });
        }
    }
    let mut settings = cmd("CONFIG");
    settings.arg("GET");
    for (setting, _) in NEEDED {
        settings.arg(setting);
    }
    for shown in ask::<HashMap<String, String>>(connection, &settings).await? {
        for (setting, needed) in NEEDED {
            let found = shown.get(setting).cloned().unwrap_or_default();
            if found != needed {
                return Err(RedisStoreError::LosesCharges { setting, found, needed });
            }
        }
    }
    Ok(())
}

async fn ask<T: FromRedisValue>(connection: &mut Connection, command: &Cmd) -> Result<Vec<T>, RedisStoreError> {
    connection.ask_primaries(command).await.map_err(|error| match error.is_io_error() {
        true => RedisStoreError::Connect(error.into()),
        false => RedisStoreError::Unverifiable(error.into()),
    })
}
