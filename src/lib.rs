//! Sign in once with the full credentials, come back with a PIN.

mod secret;
pub mod time;
mod encoding;
pub mod id;
pub mod record;
pub mod token;

mod crypto;
pub mod stretch;
pub mod keyring;

pub mod attempts;
pub mod policy;
pub mod pin;
pub mod stretched_pin;
pub mod subject;
pub mod session;
pub mod body;
pub mod context;
pub mod wrap;
pub mod issue;
pub mod unlock;
pub mod revoke;
pub mod authorize;
pub mod access_token;

pub mod store;
pub mod clock;
pub mod observer;

#[cfg(feature = "service")]
mod service;

pub mod stores;

pub use access_token::{AccessToken, AccessTokenKey, AccessTokens, VerifiedAccess};
pub use id::{DeviceLabel, SessionId, Subject, Tenant};
pub use issue::FullLogin;
pub use keyring::{KeyRing, Pepper, PepperId};
pub use pin::Pin;
pub use policy::Policy;
#[cfg(feature = "service")]
pub use service::*;
pub use time::UnixTime;
pub use wrap::WrappedToken;

