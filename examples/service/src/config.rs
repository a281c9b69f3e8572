//! What the environment says: `ADDR`, `ORIGIN`, `PROXIES`, `STORE`, `SECRETS`, `HOURS`, `TTL`, `RENEW`, `ALG`,
//! `COOL_DOWN`, `DEMO_OUTBOX`, `GUESSES`, `PACKAGE`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use pinlatch::attempts::AttemptSchedule;
use pinlatch::clock::WeeklyHours;
use pinlatch::otp::{OtpPolicy, SmsTemplate};
use pinlatch::proof::ServerKey;
use pinlatch::sealed::{SealingKey, SealingKeys};
use pinlatch::store::SessionStore;
use pinlatch::stores::{MemoryStore, PostgresStore, RedisStore, SqliteStore};
use pinlatch::{AccessTokenKey, AccessTokens, KeyRing, Pepper, PepperId, Policy, Sessions};

use crate::address::Proxies;
use crate::limits::Limits;
use crate::outbox::Outbox;
use crate::secrets::Secrets;
use crate::{Origins, Parts, Service};

/// The settings of the server.
#[derive(Debug)]
pub struct Config {
    pub addr: SocketAddr,
    store: StoreUrl,
    secrets: Option<PathBuf>,
    hours: Option<WeeklyHours>,
    algorithm: Algorithm,
    ttl: Duration,
    renewal_limit: Duration,
    origins: Option<Origins>,
    proxies: Proxies,
    cool_down: Duration,
    outbox: bool,
    /// How many guesses a PIN has, without waits; the policy's schedule unless set.
    guesses: Option<AttemptSchedule>,
    /// The npm package that the page uses.
    pub package: PathBuf,
}

/// What stands in the messages of the demo.
const TEXT: &str = "{code} is your code for the pinlatch demo. Never tell it to anyone, also not to us.";

const STORES: &str = "sqlite://PATH, postgres://…, redis://… or memory:";

/// How access tokens are signed.
#[derive(Clone, Copy, Debug)]
enum Algorithm {
    /// Everybody can verify them, with the key at `/.well-known/jwks.json`.
    EdDsa,
    /// Only this service can.
    Hs256,
}

#[derive(Debug)]
enum StoreUrl {
    Memory,
    Sqlite(PathBuf),
    Postgres(String),
    Redis(String),
}

/// A variable that cannot be used. Its value may hold a password.
#[derive(Debug, thiserror::Error)]
#[error("{name} is not {expected}")]
pub struct ConfigError {
    name: &'static str,
    expected: &'static str,
}

fn variable<T>(
    name: &'static str,
    default: &str,
    expected: &'static str,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<T, ConfigError> {
    let value = std::env::var_os(name).unwrap_or_else(|| default.into());
    value.to_str().and_then(parse).ok_or(ConfigError { name, expected })
}

impl Config {
    pub fn from_env() -> Result<Self, ConfigError> {
        Ok(Self {
            addr: variable("ADDR", "127.0.0.1:3000", "an address and port", |text| text.parse().ok())?,
            store: variable("STORE", "sqlite://pinlatch-demo.db", STORES, StoreUrl::parse)?,
            secrets: std::env::var_os("SECRETS").map(PathBuf::from),
            hours: variable("HOURS", "", "hours as Mon-Fri 08:00-18:00 Europe/Berlin", |text| {
                if text.is_empty() { Some(None) } else { text.parse().ok().map(Some) }
            })?,
            algorithm: variable("ALG", "EdDSA", "EdDSA or HS256", |text| match text {
                "EdDSA" => Some(Algorithm::EdDsa),
                "HS256" => Some(Algorithm::Hs256),
                _ => None,
            })?,
            renewal_limit: variable("RENEW", "0", "0 to 86400 seconds", |text| {
                text.parse().ok().map(Duration::from_secs)
            })?,
            origins: variable("ORIGIN", "", "addresses as https://api.example, with commas between them", |text| {
                if text.is_empty() { Some(None) } else { Origins::parse(text).ok().map(Some) }
            })?,
            proxies: variable("PROXIES", "", "networks as 10.0.0.0/8, with commas between them", |text| {
                if text.is_empty() { Some(Proxies::default()) } else { Proxies::parse(text) }
            })?,
            guesses: variable("GUESSES", "", "3 to 10", |text| {
                if text.is_empty() {
                    return Some(None);
                }
                let waits = text.parse::<usize>().ok()?.checked_sub(1)?;
                AttemptSchedule::new(vec![Duration::ZERO; waits]).ok().map(Some)
            })?,
            package: variable("PACKAGE", concat!(env!("CARGO_MANIFEST_DIR"), "/../../wasm/npm"), "a folder", |text| {
                Some(text.into())
            })?,
            cool_down: variable("COOL_DOWN", "60", "15 to 3600 seconds", |text| {
                text.parse().ok().map(Duration::from_secs)
            })?,
            outbox: variable("DEMO_OUTBOX", "0", "0 or 1", |text| match text {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            })?,
            ttl: variable("TTL", "900", "10 to 3600 seconds", |text| text.parse().ok().map(Duration::from_secs))?,
        })
    }

    /// The service, once it is known where it listens. A host does this with its own configuration, and keeps its
    /// secrets in a vault.
    ///
    /// # Errors
    /// Secrets that cannot be read, a store that cannot be opened, settings that do not fit together.
    pub async fn service(&self, listening_on: SocketAddr) -> Result<Service, Box<dyn std::error::Error>> {
        let secrets = match self.secrets_file() {
            Some(path) => Secrets::read_or_create(&path)?,
            None => Secrets::random()?,
        };
        let origins = match &self.origins {
            Some(origins) => origins.clone(),
            None => Origins::of(listening_on)?,
        };
        let sessions = self.sessions(&secrets).await?;
        let (outbox, limits) = (Outbox::default(), Limits::new());
        let template = SmsTemplate::new(TEXT, origins.main().host())?;
        let waits = [1, 2, 5, 10].map(|times| self.cool_down * times);
        let policy = OtpPolicy::builder(6).hint(true).cool_downs(waits).build()?;
        let codes = sessions.one_time_codes(outbox.clone(), template).policy(policy).limits(limits.clone()).build();
        Ok(Service(Arc::new(Parts {
            sessions,
            codes,
            origins,
            server_key: ServerKey::ed25519("demo-server-1", secrets.part(4))?,
            sealing_keys: SealingKeys::new([SealingKey::x25519(1, secrets.part(5))?])?,
            outbox: self.outbox.then_some(outbox),
            limits,
            proxies: self.proxies.clone(),
        })))
    }

    async fn sessions(&self, secrets: &Secrets) -> Result<Sessions, Box<dyn std::error::Error>> {
        let store: Arc<dyn SessionStore> = match &self.store {
            StoreUrl::Memory => Arc::new(MemoryStore::default()),
            StoreUrl::Sqlite(path) => Arc::new(SqliteStore::open(path)?),
            StoreUrl::Postgres(url) => Arc::new(PostgresStore::connect(url).await?),
            StoreUrl::Redis(url) => Arc::new(RedisStore::connect(url).await?),
        };
        let key_ring = KeyRing::new(Pepper::new(PepperId(1), secrets.part(0))?, secrets.part(1))?;
        let signing_key = match self.algorithm {
            Algorithm::EdDsa => AccessTokenKey::ed25519("demo-1", secrets.part(2))?,
            Algorithm::Hs256 => AccessTokenKey::hs256("demo-1-hs", secrets.part(3))?,
        };
        let access_tokens = AccessTokens::new(
            signing_key,
            "https://pinlatch.example",
            "https://pinlatch.example/api",
            "pinlatch-demo",
        )?;
        let policy = Policy::builder().access_token_lifetime(self.ttl).renewal_limit(self.renewal_limit);
        let policy = policy.attempts(self.guesses.clone().unwrap_or_default()).build()?;
        let builder = Sessions::builder(key_ring, store, access_tokens).policy(policy);
        let builder = match &self.hours {
            Some(hours) => builder.clock(hours.clone()),
            None => builder,
        };
        Ok(builder.build()?)
    }

    /// Instances that share a store share the secrets, too.
    fn secrets_file(&self) -> Option<PathBuf> {
        match (&self.secrets, &self.store) {
            (Some(path), _) => Some(path.clone()),
            (None, StoreUrl::Memory) => None,
            (None, StoreUrl::Sqlite(path)) => {
                let mut beside = path.clone().into_os_string();
                beside.push(".key");
                Some(beside.into())
            }
            (None, StoreUrl::Postgres(_) | StoreUrl::Redis(_)) => Some("pinlatch-demo.key".into()),
        }
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
            ("postgres" | "postgresql", _) => Some(Self::Postgres(text.to_owned())),
            ("redis" | "rediss", _) => Some(Self::Redis(text.to_owned())),
            _ => None,
        }
    }
}
