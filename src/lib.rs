//! Sign in once with the full credentials, come back with a PIN.
//!
//! The host checks username and password. pinlatch issues a session, wraps its token under the user's PIN and a server
//! pepper, unwraps it later within a strict budget of guesses, decides whether access is allowed right now, and mints
//! a short-lived JWT. Transport, user database and user interface stay with the host.
//!
//! ```
//! use pinlatch::stores::MemoryStore;
//! use pinlatch::{AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, RequestContext, Sessions, Subject};
//!
//! # fn secret(mark: u8) -> [u8; 32] { core::array::from_fn(|at| mark ^ at as u8) }
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! # let (pepper, index, signing) = (secret(0), secret(64), secret(128));
//! let keys = KeyRing::new(Pepper::new(PepperId(1), pepper)?, index)?;
//! let signing = AccessTokenKey::ed25519("key-1", &signing)?;
//! let access_tokens = AccessTokens::new(signing, "https://id.example", "https://api.example", "app")?;
//! let sessions = Sessions::builder(keys, MemoryStore::default(), access_tokens).build()?;
//!
//! let login = FullLogin::vouched_by_host(Subject::new("alice")?);
//! let issued = sessions.login(login, Pin::new("739216")?).await?;
//! let opened = sessions.unlock(issued.device_token.as_str(), &Pin::new("739216")?, &RequestContext::new()).await?;
//! let access = sessions.verify(opened.access_token.as_str())?;
//! assert_eq!(access.subject.as_str(), "alice");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! The manual has everything else: [concepts](manual::concepts) with a picture, [getting
//! started](manual::getting_started) with axum and actix, [who sees the PIN](manual::wraps),
//! [numbers](manual::numbers), [secrets](manual::secrets), [several machines](manual::machines),
//! [capacity](manual::capacity), [browsers](manual::browsers), [monitoring](manual::monitoring),
//! [threats](manual::threats), [testing](manual::testing), [evidence](manual::evidence),
//! [upgrading](manual::upgrading), and a [comparison](manual::comparison).
//!
//! Argon2id is slow without optimization. Give your `Cargo.toml` a `[profile.dev.package."*"]` with `opt-level = 2`.
//!
//! # One way through
//!
//! ```text
//! login ─▶ issue ─▶ wrap ─▶ unlock ─▶ authorize ─▶ verify ─▶ prove ─▶ revoke
//! ```
//!
//! [`Sessions`] has one call for each thing a user does:
//!
//! | the user | the host calls | and answers with |
//! | --- | --- | --- |
//! | logs in with full credentials and chooses a PIN | [`Sessions::login`] | a wrapped token for the device |
//! | logs in with a code by SMS | [`OneTimeCodes::start`], [`OneTimeCodes::log_in`], then [`Sessions::login`] | the same |
//! | logs in, and keeps the PIN on the device | [`Sessions::login_client`] | a token in clear, which the [`client`] locks |
//! | comes back | [`Sessions::unlock`] | an access token, and the next wrapped token |
//! | is known to have certain rights | [`Sessions::mint`] | an access token that says so |
//! | calls the API | [`Sessions::verify`] or [`Sessions::verify_live`] | whatever the API does |
//! | signs requests from now on | [`Sessions::mint_bound`] | a bound access token, and the key to sign with |
//! | makes a signed request, or sends a signed message | [`Sessions::verify_request`], [`Sessions::verify_message`] | whatever the API does, once |
//! | works on without a PIN, if the policy wants it | [`Sessions::renew`], [`Sessions::renew_signed`] | another access token |
//! | comes back with a token that the client has unlocked | [`Sessions::unlock_token`] | the same, with a token in clear |
//! | wants to come back with a fingerprint | [`Sessions::add_device_key`], [`Sessions::remove_device_key`] | another token, which the client locks |
//! | chooses another PIN | [`Sessions::change_pin`], [`Sessions::change_client_pin`] | a token that replaces all others |
//! | looks at the list of devices | [`Sessions::sessions_of`] | the live sessions |
//! | logs out here, there, everywhere | [`Sessions::log_out`] or [`Sessions::revoke`], [`Sessions::revoke_others`], [`Sessions::revoke_all`] | nothing |
//! | forgot the PIN | – | a full login, which begins a new session |
//!
//! Errors say what to do next. Their texts are for logs; for clients each of them makes a [`Problem`], with a stable
//! code, an HTTP status, and where it helps a time to wait.
//!
//! The words: a session's *token* is the secret that opens it. The server *wraps* it under the PIN; the *wrapped token*
//! is what a device keeps. Or the [`client`] locks it itself, under a PIN or under a key of its platform. A session has a
//! *lock* or two, each a line of wraps that follow each other: with every unlock the *current* wrap gets a *successor*,
//! which takes its place as soon as it is used.
//!
//! # Without the façade
//!
//! Beneath it the protocol is pure: functions of plain values that take the time and the randomness as arguments. Each
//! check returns a value that only it can make, and the next step demands that value. [`unlock`] has the steps in
//! order; `tests/pure.rs` walks through them without any store. `--no-default-features` leaves exactly this.
//!
//! # When and where
//!
//! A service has hours ([`ClockPolicy`]; [`SystemClock`] is always open) and may have a [`Criterion`], which looks at
//! what the host knows of the request ([`RequestContext`]). Both are asked before a PIN is looked at, and the access
//! token ends when they do. [`criterion`] has networks, circles on the map, journeys, and their combinations.
//!
//! # Who asks, and who answers
//!
//! Requests that move something can be signed by the device and are then accepted once; answers can be signed by the
//! server, so that a device knows whom it is about to give a PIN. [`proof`] has both.
//!
//! # Past TLS
//!
//! Whoever logs bodies behind TLS sees PINs and session tokens, unless clients seal them: `sealed` (feature `sealed`),
//! with HPKE. Access tokens stand in headers, which are not sealed.
//!
//! # A code instead of a password
//!
//! [`Sessions::one_time_codes`] sends codes through the host's SMS gateway ([`sender`]). A right one is the same
//! evidence as a password that the host has checked. [`otp`] has the rules and their numbers, [`limits`] the place for
//! limits of the host's own.
//!
//! # Features
//!
//! - `service` (default): [`Sessions`] and the KDF pool. Runs under any executor.
//! - `memory` (default): [`stores::MemoryStore`].
//! - `sqlite`: `stores::SqliteStore`, for one machine.
//! - `postgres`: `stores::PostgresStore`, and `redis`: `stores::RedisStore`, for many. They need a tokio runtime.
//! - `hours`: `clock::WeeklyHours`, opening hours by the week in any time zone.
//! - `sealed`: bodies that only the server reads, and answers that only the client reads which asked.
//! - `conformance`: the suite that shows whether a store keeps its contract, for those who write one; [`store`] says
//!   how.
//! - `tracing`: every [`observer::Event`] also becomes a `tracing` event with the target `pinlatch`.
//!
//! # Choosing numbers
//!
//! [`Policy`] has them all, with defaults, bounds and reasons. [`KdfPool`] bounds the memory that Argon2id may use.
//!
//! # Secrets
//!
//! A [`KeyRing`] holds the peppers and the index key; [`AccessTokenKey`] signs. All three are 32 random bytes from
//! outside the database, and none is derived from another. [`access_token`] says how signing keys follow each other.
//! SECURITY.md in the repository says what is promised and what breaks it.

#![cfg_attr(docsrs, feature(doc_cfg))]

// The locks and counters that the threads of a process share: the standard library's, or those of a model checker that
// tries every order in which threads can get at them.
#[cfg(all(test, pinlatch_loom))]
use loom::sync;
#[cfg(not(all(test, pinlatch_loom)))]
use std::sync;

#[cfg(any(feature = "conformance", feature = "service"))]
mod deadline;
mod encoding;
pub mod id;
pub mod record;
mod secret;
pub mod situation;
pub mod time;
mod token;

mod crypto;
pub mod keyring;
pub mod stretch;

pub mod access_token;
pub mod attempts;
pub mod authorize;
pub mod body;
pub mod client;
pub mod context;
mod handle;
pub mod handout;
pub mod issue;
pub mod log_out;
pub mod otp;
pub mod permission;
pub mod pin;
pub mod plain;
pub mod policy;
pub mod proof;
pub mod renew;
pub mod revoke;
#[cfg(feature = "sealed")]
pub mod sealed;
pub mod session;
pub mod stretched_pin;
pub mod subject;
pub mod unlock;
pub mod wrap;

pub mod clock;
pub mod criterion;
pub mod limits;
pub mod observer;
pub mod problem;
pub mod sender;
pub mod store;

#[cfg(feature = "conformance")]
pub mod conformance;

#[cfg(feature = "service")]
mod service;

pub mod stores;

#[cfg(any(doc, doctest))]
pub mod manual;

#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;

#[cfg(test)]
mod testing;

#[cfg(all(
    doctest,
    feature = "hours",
    feature = "memory",
    feature = "postgres",
    feature = "redis",
    feature = "sealed",
    feature = "service"
))]
#[doc = include_str!("../README.md")]
struct Readme;

#[doc(inline)]
pub use access_token::{AccessToken, AccessTokenError, AccessTokenKey, AccessTokens, VerifiedAccess};
#[doc(inline)]
pub use clock::{ClockPolicy, SystemClock};
#[doc(inline)]
pub use criterion::Criterion;
#[doc(inline)]
pub use id::{DeviceLabel, SessionId, Subject, Tenant};
#[doc(inline)]
pub use issue::FullLogin;
#[doc(inline)]
pub use keyring::{KeyRing, Pepper, PepperId};
#[doc(inline)]
pub use observer::{Event, Observer};
#[doc(inline)]
pub use pin::{Pin, WeakPin};
#[doc(inline)]
pub use policy::Policy;
#[doc(inline)]
pub use problem::Problem;
#[cfg(feature = "service")]
pub use service::*;
#[doc(inline)]
pub use situation::RequestContext;
#[doc(inline)]
pub use store::{SessionStore, StoreError};
#[doc(inline)]
pub use time::UnixTime;
#[doc(inline)]
pub use wrap::WrappedToken;
