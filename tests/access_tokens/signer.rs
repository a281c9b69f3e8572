//! A second implementation of signing, which signs anything.

use base64ct::{Base64UrlUnpadded, Encoding};
use ed25519_dalek::{Signer, SigningKey};
use hmac::{Hmac, KeyInit, Mac};
use pinlatch::access_token::{AccessTokenKey, AccessTokenVerifier, AccessTokenVerifyingKey};
use pinlatch::{AccessTokenError, UnixTime, VerifiedAccess};
use sha2::Sha256;

pub(crate) const SECRET: &[u8; 32] = b"a signing secret of 32 bytes all";
pub(crate) const HS256: &str = r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"}"#;
pub(crate) const EDDSA: &str = r#"{"typ":"at+jwt","alg":"EdDSA","kid":"k2"}"#;

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// Claims that are good, in the order in which they are minted.
pub(crate) const GOOD: &str = r#"{"iss":"https://id.example","aud":"https://api.example","client_id":"app","sub":"alice","exp":1800000900,"iat":1800000000,"auth_time":1799999990,"jti":"CQkJCQkJCQkJCQkJCQkJCQ","sid":"BwcHBwcHBwcHBwcHBwcHBw","amr":["pin"]}"#;

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    Base64UrlUnpadded::encode_string(bytes.as_ref())
}

/// HMAC-SHA256 of a text, as a third part behind it.
pub(crate) fn with_mac(signed: &str, secret: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret).unwrap().chain_update(signed).finalize();
    format!("{signed}.{}", base64url(mac.into_bytes()))
}

/// A token with this header and payload and a right MAC.
pub(crate) fn hs256(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    with_mac(&format!("{}.{}", base64url(header), base64url(payload)), SECRET)
}

/// A token with this header and payload and a right Ed25519 signature.
pub(crate) fn eddsa(header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
    let signed = format!("{}.{}", base64url(header), base64url(payload));
    let signature = SigningKey::from_bytes(SECRET).sign(signed.as_bytes());
    format!("{signed}.{}", base64url(signature.to_bytes()))
}

pub(crate) fn verifier() -> AccessTokenVerifier {
    let keys = [AccessTokenKey::hs256("k1", SECRET).unwrap(), AccessTokenKey::ed25519("k2", SECRET).unwrap()];
    verifier_of(keys.map(|key| key.verifying_key()))
}

pub(crate) fn verifier_of(keys: impl IntoIterator<Item = AccessTokenVerifyingKey>) -> AccessTokenVerifier {
    AccessTokenVerifier::new(keys, "https://id.example", "https://api.example", "app").unwrap()
}

pub(crate) fn verify(token: &str) -> Result<VerifiedAccess, AccessTokenError> {
    verifier().verify(token, NOW)
}

/// Good claims with one text replaced.
pub(crate) fn claims(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replace(from, to)
}
