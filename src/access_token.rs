//! The short-lived access token: a JWT (RFC 7519) in the profile of RFC 9068, minted and verified strictly (RFC 8725).
//!
//! The header of our tokens is one known string. It is recognized, never parsed: there is no algorithm to confuse, no
//! `kid` to inject, no `crit` to overlook. Every claim is required (`tenant` for all but the default tenant, which must not
//! have it), none is ignored, none may occur twice.

use core::time::Duration;
use std::borrow::Cow;

use rand_core::CryptoRng;
use serde::{Deserialize, Serialize};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::authorize::Grant;
use crate::crypto::{MacKey, is_weak_secret};
use crate::encoding::{push_base64url, text_len};
use crate::id::{SessionId, Subject, Tenant};
use crate::time::UnixTime;

/// A key that signs access tokens and verifies them. The algorithm is a property of the key.
#[derive(Clone)]
pub struct AccessTokenKey {
    mac: MacKey,
    header: String,
}

/// Settings that cannot serve. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenConfigError {
    /// The HS256 secret does not have exactly 32 random bytes. (A shorter one is weak; a longer one would have other
    /// keys that sign alike.)
    #[error("the signing secret has exactly 32 random bytes (hexadecimal text counts half: decode it first)")]
    Secret,
    /// A key id has 1 to 64 characters of `[A-Za-z0-9_-]`.
    #[error("a key id has 1 to 64 characters of A-Z, a-z, 0-9, _ and -")]
    KeyId,
    /// Issuer, audience and client id have 1 to 200 bytes.
    #[error("issuer, audience and client id have 1 to 200 bytes and no control characters")]
    Name,
}

impl AccessTokenKey {
    /// A key for HMAC-SHA256 (`HS256`, RFC 7518 §3.2). It is not derived from the pepper and shared with nobody who
    /// must not mint tokens.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Secret`] or [`AccessTokenConfigError::KeyId`].
    pub fn hs256(key_id: &str, secret: &[u8]) -> Result<Self, AccessTokenConfigError> {
        let secret: &[u8; 32] = secret.try_into().map_err(|_| AccessTokenConfigError::Secret)?;
        if is_weak_secret(secret) {
            return Err(AccessTokenConfigError::Secret);
        }
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        if !(1..=64).contains(&key_id.len()) || !key_id.bytes().all(valid) {
            return Err(AccessTokenConfigError::KeyId);
        }
        let json = format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{key_id}"}}"#);
        let mut header = String::with_capacity(text_len(json.len()) + 1);
        push_base64url(&mut header, json.as_bytes());
        header.push('.');
        Ok(Self { mac: MacKey::new(secret), header })
    }
}

impl core::fmt::Debug for AccessTokenKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AccessTokenKey([redacted])")
    }
}

/// Mints and verifies the access tokens of one issuer for one audience.
#[derive(Clone, Debug)]
pub struct AccessTokens {
    key: AccessTokenKey,
    issuer: String,
    audience: String,
    client_id: String,
    tenant: Tenant,
    leeway: Duration,
}

/// A minted token. Shown to nobody but its session.
pub struct AccessToken {
    text: Zeroizing<String>,
    issued_at: UnixTime,
    expires_at: UnixTime,
}

impl AccessToken {
    /// The compact serialization, for an `Authorization: Bearer` header.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its `exp`, a whole second.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// How long it lived when it was minted: `exp - iat`, as `expires_in` of a token response (RFC 6749 §5.1).
    #[must_use]
    pub const fn expires_in(&self) -> Duration {
        self.issued_at.until(self.expires_at)
    }
}

impl core::fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AccessToken([redacted])")
    }
}

/// The claims in the order in which they are written. Reading takes them in any order.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims<'a> {
    #[serde(borrow)]
    iss: Cow<'a, str>,
    #[serde(borrow)]
    sub: Cow<'a, str>,
    #[serde(borrow)]
    aud: Cow<'a, str>,
    exp: u64,
    iat: u64,
    #[serde(borrow)]
    jti: Cow<'a, str>,
    #[serde(borrow)]
    client_id: Cow<'a, str>,
    #[serde(borrow)]
    sid: Cow<'a, str>,
    /// Absent for the default tenant, and only for that one.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    tenant: Option<Cow<'a, str>>,
}

/// Evidence that an access token is authentic and in force.
///
/// ```compile_fail
/// // There is no other way to it than `AccessTokens::verify`.
/// let access = pinlatch::access_token::VerifiedAccess {
///     subject: unreachable!(), session_id: unreachable!(), token_id: unreachable!(), issued_at: unreachable!(), expires_at: unreachable!(),
/// };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct VerifiedAccess {
    /// For whom.
    pub subject: Subject,
    /// From which session.
    pub session_id: SessionId,
    /// The token's `jti`.
    pub token_id: String,
    /// Its `iat`.
    pub issued_at: UnixTime,
    /// Its `exp`: the first instant at which it is refused.
    pub expires_at: UnixTime,
}

/// Why an access token is refused. The texts are for logs; clients are told [`AccessTokenError::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AccessTokenError {
    /// Longer than [`AccessTokens::MAX_LEN`].
    #[error("the access token is too long")]
    TooLong,
    /// The header is not the one of our key: another algorithm, type, key, spelling, or not a token at all.
    #[error("the access token's header is not ours")]
    UnknownHeader,
    /// The signature does not match.
    #[error("the access token's signature does not match")]
    BadSignature,
    /// A claim is missing, unknown, there twice, or of the wrong type.
    #[error("the access token's claims are not ours")]
    BadClaims,
    /// From another issuer, for another audience, client or tenant.
    #[error("the access token is meant for somebody else")]
    NotForUs,
    /// Issued in the future by more than the leeway.
    #[error("the access token is not valid yet")]
    NotYetValid,
    /// Over. Unlock the session for another one.
    #[error("the access token has expired")]
    Expired,
}

impl AccessTokenError {
    /// The one word for clients, whatever the reason: `invalid_token` (RFC 6750 §3.1). HTTP 401.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid_token"
    }
}

impl AccessTokens {
    /// The most bytes a token may have to be looked at.
    pub const MAX_LEN: usize = 4096;

    /// For tokens of `issuer` (`iss`), meant for the API `audience` (`aud`), used by the client `client_id`.
    ///
    /// # Errors
    /// [`AccessTokenConfigError::Name`] when one of them is empty, longer than 200 bytes, or has a control
    /// character.
    pub fn new(
        key: AccessTokenKey,
        issuer: impl Into<String>,
        audience: impl Into<String>,
        client_id: impl Into<String>,
    ) -> Result<Self, AccessTokenConfigError> {
        let (issuer, audience, client_id) = (issuer.into(), audience.into(), client_id.into());
        let valid = |name: &String| (1..=200).contains(&name.len()) && !name.chars().any(char::is_control);
        if ![&issuer, &audience, &client_id].into_iter().all(valid) {
            return Err(AccessTokenConfigError::Name);
        }
        let tenant = Tenant::default();
        Ok(Self { key, issuer, audience, client_id, tenant, leeway: Duration::from_secs(5) })
    }

    /// For the sessions of one tenant: its tokens carry the claim `tenant`, and those of all others are refused.
    /// [`Sessions`](crate::Sessions) does this by itself.
    #[must_use]
    pub fn for_tenant(self, tenant: Tenant) -> Self {
        Self { tenant, ..self }
    }

    fn tenant_claim(&self) -> Option<&str> {
        Some(self.tenant.as_str()).filter(|name| !name.is_empty())
    }

    /// How far in the future `iat` may lie, because two servers' clocks differ: 5 seconds unless set, at most 60.
    /// Expiry has no leeway.
    #[must_use]
    pub fn with_leeway(self, leeway: Duration) -> Self {
        Self { leeway: leeway.min(Duration::from_secs(60)), ..self }
    }

    /// Mints the token of a grant.
    #[must_use]
    pub fn mint<R: CryptoRng + ?Sized>(&self, grant: &Grant, rng: &mut R) -> AccessToken {
        let mut token_id = [0; 16];
        rng.fill_bytes(&mut token_id);
        let mut jti = String::with_capacity(text_len(16));
        push_base64url(&mut jti, &token_id);
        let claims = Claims {
            iss: self.issuer.as_str().into(),
            sub: grant.subject.as_str().into(),
            aud: self.audience.as_str().into(),
            exp: grant.expires_at.as_secs(),
            iat: grant.issued_at.as_secs(),
            jti: jti.into(),
            client_id: self.client_id.as_str().into(),
            sid: grant.session_id.to_string().into(),
            tenant: self.tenant_claim().map(Cow::Borrowed),
        };
        let (issued_at, expires_at) = (UnixTime::from_secs(claims.iat), UnixTime::from_secs(claims.exp));
        let json = serde_json::to_vec(&claims).expect("strings and integers are valid JSON");
        AccessToken { text: Zeroizing::new(self.sign(&json)), issued_at, expires_at }
    }

    fn sign(&self, json: &[u8]) -> String {
        let mut text = String::with_capacity(self.key.header.len() + text_len(json.len()) + 1 + text_len(32));
        text.push_str(&self.key.header);
        push_base64url(&mut text, json);
        let signature = self.key.mac.mac_plain(text.as_bytes());
        text.push('.');
        push_base64url(&mut text, &signature);
        text
    }

    /// Verifies a token without asking the store: a session revoked since is still believed until `exp`.
    ///
    /// # Errors
    /// [`AccessTokenError`] with the reason, for logs; the outside is told nothing but `invalid_token`.
    pub fn verify(&self, token: &str, now: UnixTime) -> Result<VerifiedAccess, AccessTokenError> {
        if token.len() > Self::MAX_LEN {
            return Err(AccessTokenError::TooLong);
        }
        let rest = token.strip_prefix(&self.key.header).ok_or(AccessTokenError::UnknownHeader)?;
        let (payload, signature) = rest.split_once('.').ok_or(AccessTokenError::UnknownHeader)?;
        self.check_signature(&token[..self.key.header.len() + payload.len()], signature)?;

        let json = decode(payload).ok_or(AccessTokenError::BadClaims)?;
        let claims: Claims<'_> = serde_json::from_slice(&json).map_err(|_| AccessTokenError::BadClaims)?;
        self.check(&claims, now)?;
        Ok(VerifiedAccess {
            subject: Subject::new(&claims.sub).map_err(|_| AccessTokenError::BadClaims)?,
            session_id: claims.sid.parse().map_err(|_| AccessTokenError::BadClaims)?,
            token_id: claims.jti.into_owned(),
            issued_at: UnixTime::from_secs(claims.iat),
            expires_at: UnixTime::from_secs(claims.exp),
        })
    }

    /// Compares canonical text, so that no second spelling of a signature passes.
    fn check_signature(&self, signed: &str, presented: &str) -> Result<(), AccessTokenError> {
        let mut expected = String::with_capacity(text_len(32));
        push_base64url(&mut expected, &self.key.mac.mac_plain(signed.as_bytes()));
        let equal: bool = expected.as_bytes().ct_eq(presented.as_bytes()).into();
        if equal { Ok(()) } else { Err(AccessTokenError::BadSignature) }
    }

    fn check(&self, claims: &Claims<'_>, now: UnixTime) -> Result<(), AccessTokenError> {
        let ours = claims.iss == self.issuer && claims.aud == self.audience && claims.client_id == self.client_id;
        if !ours || claims.tenant.as_deref() != self.tenant_claim() {
            return Err(AccessTokenError::NotForUs);
        }
        if UnixTime::from_secs(claims.exp) <= now {
            return Err(AccessTokenError::Expired);
        }
        if UnixTime::from_secs(claims.iat) > now.saturating_add(self.leeway) {
            return Err(AccessTokenError::NotYetValid);
        }
        if claims.exp.saturating_sub(claims.iat) > Self::MAX_LIFETIME_SECS {
            return Err(AccessTokenError::BadClaims);
        }
        Ok(())
    }

    /// What no policy's `access_token_lifetime` exceeds.
    const MAX_LIFETIME_SECS: u64 = 3600;
}

fn decode(payload: &str) -> Option<Vec<u8>> {
    use base64ct::{Base64UrlUnpadded, Encoding};
    Base64UrlUnpadded::decode_vec(payload).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Counter;

    const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

    fn tokens() -> AccessTokens {
        let key = AccessTokenKey::hs256("k1", b"a signing secret of 32 bytes all").unwrap();
        AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
    }

    fn grant() -> Grant {
        Grant {
            subject: Subject::new("alice").unwrap(),
            session_id: SessionId::from_bytes([7; 16]),
            issued_at: NOW,
            expires_at: NOW.saturating_add(Duration::from_secs(900)),
        }
    }

    fn signed(json: &str) -> String {
        tokens().sign(json.as_bytes())
    }

    const GOOD: &str = r#"{"iss":"https://id.example","sub":"alice","aud":"https://api.example","exp":1800000900,"iat":1800000000,"jti":"x","client_id":"app","sid":"BwcHBwcHBwcHBwcHBwcHBw"}"#;

    #[test]
    fn a_minted_token_verifies_until_its_second() {
        let token = tokens().mint(&grant(), &mut Counter(0));
        let access = tokens().verify(token.as_str(), NOW).unwrap();
        assert_eq!((access.subject.as_str(), access.session_id), ("alice", SessionId::from_bytes([7; 16])));
        let last = token.expires_at().saturating_sub(Duration::from_millis(1));
        assert!(tokens().verify(token.as_str(), last).is_ok());
        assert_eq!(tokens().verify(token.as_str(), token.expires_at()), Err(AccessTokenError::Expired));
    }

    #[test]
    fn every_altered_character_is_refused() {
        let token = signed(GOOD);
        for at in 0..token.len() {
            for replacement in ['A', 'B', '.', '=', '_'] {
                let mut altered = token.clone();
                altered.replace_range(at..=at, replacement.encode_utf8(&mut [0; 4]));
                if altered != token {
                    assert!(tokens().verify(&altered, NOW).is_err(), "{altered}");
                }
            }
        }
        for altered in [format!("{token} "), format!(" {token}"), format!("{token}="), format!("{token}.x")] {
            assert!(tokens().verify(&altered, NOW).is_err(), "{altered}");
        }
    }

    #[test]
    fn claims_are_all_required_once_and_of_their_type() {
        assert!(tokens().verify(&signed(GOOD), NOW).is_ok());
        for (from, to) in [
            (r#","jti":"x""#, ""),
            (r#""jti":"x""#, r#""jti":"x","jti":"y""#),
            (r#""jti":"x""#, r#""jti":"x","\u006ati":"y""#),
            (r#""jti":"x""#, r#""jti":"x","admin":true"#),
            (r#""exp":1800000900"#, r#""exp":"1800000900""#),
            (r#""exp":1800000900"#, r#""exp":1800000900.0"#),
            (r#""exp":1800000900"#, r#""exp":-1"#),
            (r#""exp":1800000900"#, r#""exp":null"#),
            (r#""exp":1800000900"#, r#""exp":1800003601"#),
            (r#""aud":"https://api.example""#, r#""aud":["https://api.example"]"#),
            (r#""sub":"alice""#, r#""sub":"""#),
            (r#""sub":"alice""#, r#""sub":"a\u0000b""#),
            (r#""sid":"Bw"#, r#""sid":"Cw"#),
        ] {
            let json = GOOD.replace(from, to);
            assert_ne!(json, GOOD);
            let expected = if from.contains("sid") { Ok(()) } else { Err(AccessTokenError::BadClaims) };
            assert_eq!(tokens().verify(&signed(&json), NOW).map(drop), expected, "{json}");
        }
    }

    #[test]
    fn tokens_of_others_are_refused() {
        for (from, to) in [("id.example", "evil.example"), ("api.example", "other.example"), ("\"app\"", "\"web\"")] {
            let token = signed(&GOOD.replace(from, to));
            assert_eq!(tokens().verify(&token, NOW), Err(AccessTokenError::NotForUs));
        }
        let acme = tokens().for_tenant(Tenant::new("acme").unwrap());
        let of_acme = acme.mint(&grant(), &mut Counter(0));
        assert!(acme.verify(of_acme.as_str(), NOW).is_ok());
        assert_eq!(tokens().verify(of_acme.as_str(), NOW), Err(AccessTokenError::NotForUs));
        assert_eq!(acme.verify(&signed(GOOD), NOW), Err(AccessTokenError::NotForUs));
        let other = AccessTokenKey::hs256("k1", b"another secret of 32 bytes here.").unwrap();
        let other = AccessTokens::new(other, "https://id.example", "https://api.example", "app").unwrap();
        assert_eq!(other.verify(&signed(GOOD), NOW), Err(AccessTokenError::BadSignature));
    }

    #[test]
    fn issued_in_the_future_is_refused_beyond_the_leeway() {
        let early = |secs| tokens().verify(&signed(GOOD), NOW.saturating_sub(Duration::from_secs(secs))).map(drop);
        assert_eq!(early(5), Ok(()));
        assert_eq!(early(6), Err(AccessTokenError::NotYetValid));
    }

    #[test]
    fn foreign_headers_are_not_even_parsed() {
        let body = signed(GOOD).split_once('.').unwrap().1.to_owned();
        for header in [
            r#"{"alg":"none"}"#,
            r#"{"alg":"noNE","typ":"at+jwt","kid":"k1"}"#,
            r#"{"alg":"HS256","typ":"JWT","kid":"k1"}"#,
            r#"{"typ":"at+jwt","alg":"HS256","kid":"k1"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"k2"}"#,
            r#"{"alg":"HS256","typ":"at+jwt","kid":"k1","crit":["b64"],"b64":false}"#,
        ] {
            let mut token = String::new();
            push_base64url(&mut token, header.as_bytes());
            token = format!("{token}.{body}");
            assert_eq!(tokens().verify(&token, NOW), Err(AccessTokenError::UnknownHeader), "{header}");
        }
        for token in ["", ".", "..", "a.b.c", &tokens().key.header, "\0", "é.é.é"] {
            assert_eq!(tokens().verify(token, NOW), Err(AccessTokenError::UnknownHeader), "{token:?}");
        }
        assert_eq!(tokens().verify(&"a".repeat(4097), NOW), Err(AccessTokenError::TooLong));
    }

    #[test]
    fn weak_settings_are_refused() {
        let hs256 = |kid, secret: &[u8]| AccessTokenKey::hs256(kid, secret).unwrap_err();
        assert_eq!(hs256("k", b"short"), AccessTokenConfigError::Secret);
        assert_eq!(hs256("k", &[0; 32]), AccessTokenConfigError::Secret);
        assert_eq!(hs256("k\"", b"a signing secret of 32 bytes all"), AccessTokenConfigError::KeyId);
        let key = tokens().key;
        assert_eq!(AccessTokens::new(key, "", "a", "c").unwrap_err(), AccessTokenConfigError::Name);
    }
}
