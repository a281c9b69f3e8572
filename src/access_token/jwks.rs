//! Public keys as JSON Web Keys (RFC 7517; for Ed25519 RFC 8037 §2).

use serde_json::Value;

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

impl AccessTokenVerifyingKey {
    /// The keys of a JSON Web Key Set that are for EdDSA with Ed25519; whatever else is in it is passed over.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Jwks`] when it is none; [`AccessTokenConfigError::PublicKey`] or
    /// [`AccessTokenConfigError::KeyId`] for a key that says it is one of these and is not.
    pub fn from_jwks(json: &str) -> Result<Vec<Self>, AccessTokenConfigError> {
        let set: Value = serde_json::from_str(json).map_err(|_| AccessTokenConfigError::Jwks)?;
        let keys = set.get("keys").and_then(Value::as_array).ok_or(AccessTokenConfigError::Jwks)?;
        keys.iter().filter(|key| is_ours(key)).map(read).collect()
    }
}

fn member<'a>(key: &'a Value, name: &str) -> Option<&'a str> {
    key.get(name).and_then(Value::as_str)
}

fn is_ours(key: &Value) -> bool {
    let of_ed25519 = [("kty", "OKP"), ("crv", "Ed25519"), ("alg", "EdDSA")];
    let signs = key.get("use").is_none_or(|usage| usage == "sig");
    signs && of_ed25519.into_iter().all(|(name, value)| member(key, name) == Some(value))
}

/// A key set that has a secret half in it (`d`) was not made to be published.
fn read(key: &Value) -> Result<AccessTokenVerifyingKey, AccessTokenConfigError> {
    let x = member(key, "x").filter(|_| key.get("d").is_none()).ok_or(AccessTokenConfigError::PublicKey)?;
    let x: [u8; 32] = decode_base64url(x.as_bytes()).map_err(|_| AccessTokenConfigError::PublicKey)?;
    AccessTokenVerifyingKey::ed25519(member(key, "kid").ok_or(AccessTokenConfigError::KeyId)?, &x)
}
