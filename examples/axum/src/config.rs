//! What the environment says: `ADDR`, `STORE`, `TTL`.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use pinlatch::store::SessionStore;
use pinlatch::stores::{MemoryStore, SqliteStore};
use pinlatch::{AccessTokenKey, AccessTokens, KeyRing, Pepper, PepperId, Policy, Sessions};

/// The settings of the server.
pub(crate) struct Config {
    pub(crate) addr: SocketAddr,
    store: StoreUrl,
    ttl: Duration,
}

enum StoreUrl {
    Memory,
    Sqlite(PathBuf),
}

/// A variable that cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("{name}={value} is not {expected}")]
pub(crate) struct ConfigError {
    name: &'static str,
    value: String,
    expected: &'static str,
}

fn variable<T>(
    name: &'static str,
    default: &str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let value = std::env::var(name).unwrap_or_else(|_| default.to_owned());
    parse(&value).ok_or(ConfigError { name, value, expected })
}

impl Config {
    pub(crate) fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            addr: variable("ADDR", "127.0.0.1:3000", "an address and port", |text| text.parse().ok())?,
            store: variable("STORE", "sqlite://pinlatch-demo.db", "sqlite://PATH or memory:", StoreUrl::parse)?,
            ttl: variable("TTL", "900", "10 to 3600 seconds", |text| text.parse().ok().map(Duration::from_secs))?,
        })
    }

    /// The service. A host does this with its own configuration, and keeps its secrets in a vault.
    pub(crate) fn sessions(&self) -> Result<Sessions, Box<dyn std::error::Error>> {
        let (store, secrets): (Arc<dyn SessionStore>, _) = match &self.store {
            StoreUrl::Memory => (Arc::new(MemoryStore::default()), Secrets::random()?),
            StoreUrl::Sqlite(path) => {
                let mut beside = path.clone().into_os_string();
                beside.push(".key");
                (Arc::new(SqliteStore::open(path)?), Secrets::read_or_create(beside.as_ref())?)
            }
        };
        let key_ring = KeyRing::new(Pepper::new(PepperId(1), secrets.part(0))?, secrets.part(1))?;
        let access_tokens = AccessTokens::new(
            AccessTokenKey::hs256("demo-1", secrets.part(2))?,
            "https://pinlatch.example",
            "https://pinlatch.example/api",
            "pinlatch-demo",
        )?;
        let policy = Policy::builder().access_token_lifetime(self.ttl).build()?;
        Ok(Sessions::builder(key_ring, store, access_tokens).policy(policy).build()?)
    }
}

impl StoreUrl {
    fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("memory", "") => Some(Self::Memory),
            ("sqlite", path) => {
                let path = path.strip_prefix("//").unwrap_or(path);
                (!path.is_empty()).then(|| Self::Sqlite(path.into()))
            }
            _ => None,
        }
    }
}

/// The pepper, the index key and the signing key of the demo, 32 bytes each.
///
/// They lie in a file beside the database, so that sessions survive a restart. In production they do not: whoever
/// copies the one must not get the other.
struct Secrets([u8; 96]);

impl Secrets {
    fn random() -> Result<Self, std::io::Error> {
        let mut bytes = [0; 96];
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    fn read_or_create(path: &Path) -> Result<Self, std::io::Error> {
        let secrets = Self::random()?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        match options.open(path) {
            Ok(mut file) => {
                file.write_all(&secrets.0)?;
                file.sync_all()?;
                Ok(secrets)
            }
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Self::read(path),
            Err(error) => Err(error),
        }
    }

    fn read(path: &Path) -> Result<Self, std::io::Error> {
        let mut bytes = [0; 96];
        std::fs::File::open(path)?.read_exact(&mut bytes)?;
        Ok(Self(bytes))
    }

    fn part(&self, at: usize) -> &[u8] {
        &self.0[at * 32..][..32]
    }
}
