//! Public keys as JSON Web Keys (RFC 7517; for Ed25519 RFC 8037 §2).

use serde::Deserialize;

use super::key::{AccessTokenConfigError, AccessTokenVerifyingKey};
use crate::encoding::{decode_base64url, push_base64url};

pub(super) fn write(keys: &[AccessTokenVerifyingKey]) -> String {
    let keys = keys.iter().filter_map(|key| {
        let mut x = String::new();
        push_base64url(&mut x, key.public_key()?);
        let id = key.id();
        Some(format!(r#"{{"kty":"OKP","crv":"Ed25519","use":"sig","alg":"EdDSA","kid":"{id}","x":"{x}"}}"#))
    });
    format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","))
}

#[derive(Deserialize)]
struct KeySet {
    keys: Vec<Key>,
}

/// What is not there is empty, and then not ours.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Key {
    kty: String,
    crv: String,
    alg: String,
    kid: String,
    x: String,
}

impl AccessTokenVerifyingKey {
    /// The keys of a JSON Web Key Set that are for EdDSA with Ed25519; others are passed over.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Jwks`] when it is none; [`AccessTokenConfigError::PublicKey`] or
    /// [`AccessTokenConfigError::KeyId`] for a key that is malformed.
    pub fn from_jwks(json: &str) -> Result<Vec<Self>, AccessTokenConfigError> {
        let set: KeySet = serde_json::from_str(json).map_err(|_| AccessTokenConfigError::Jwks)?;
        let ours = set.keys.iter().filter(|key| [&*key.kty, &*key.crv, &*key.alg] == ["OKP", "Ed25519", "EdDSA"]);
        ours.map(|key| {
            let x: [u8; 32] = decode_base64url(key.x.as_bytes()).map_err(|_| AccessTokenConfigError::PublicKey)?;
            Self::ed25519(&key.kid, &x)
        })
        .collect()
    }
}
