//! The claims: read in one pass, borrowed where they can be.

use core::fmt;
use std::borrow::Cow;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::host_claims::{HostClaims, Members};
use crate::authorize::Grant;
use crate::id::{RequestKeyId, SessionId, TokenId};
use crate::session::LockKind;
use crate::time::UnixTime;

/// Whose tokens these are, each name as a JSON string.
#[derive(Clone, Debug)]
pub(super) struct Template {
    pub(super) issuer: String,
    pub(super) audience: String,
    pub(super) client_id: String,
    pub(super) tenant: Option<String>,
}

/// A name as a JSON string.
pub(super) fn quoted(name: &str) -> String {
    serde_json::to_string(name).expect("a string is valid JSON")
}

impl Template {
    /// The claims of a grant.
    pub(super) fn write(&self, grant: &Grant, token_id: TokenId, host: &HostClaims) -> String {
        let Self { issuer, audience, client_id, tenant } = self;
        let subject = quoted(grant.subject.as_str());
        let (exp, iat) = (grant.expires_at.as_secs(), grant.issued_at.as_secs());
        let (auth_time, amr, sid) = (grant.authenticated_at.as_secs(), grant.unlocked_with.amr(), grant.session_id);
        let mut json = format!(
            r#"{{"iss":{issuer},"sub":{subject},"aud":{audience},"exp":{exp},"iat":{iat},"jti":"{token_id}","client_id":{client_id},"sid":"{sid}","auth_time":{auth_time},"amr":{amr}"#
        );
        if let Some(tenant) = tenant {
            json.extend([",\"tenant\":", tenant]);
        }
        if let Some(key) = grant.bound_to {
            json.extend([",\"cnf\":{\"kid\":\"", &key.to_string(), "\"}"]);
        }
        json.extend([host.members(), "}"]);
        json
    }
}

/// A string of a claim. One without escapes stays where it is.
#[derive(serde::Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The claims of a token, all there, each once and of its type. Nothing is said yet of whose they are.
pub(super) struct Claims<'a> {
    pub(super) iss: Text<'a>,
    pub(super) sub: Text<'a>,
    pub(super) aud: Text<'a>,
    pub(super) client_id: Text<'a>,
    pub(super) tenant: Option<Text<'a>>,
    pub(super) exp: UnixTime,
    pub(super) iat: UnixTime,
    pub(super) auth_time: UnixTime,
    pub(super) jti: TokenId,
    pub(super) sid: SessionId,
    pub(super) amr: LockKind,
    pub(super) cnf: Option<RequestKeyId>,
    pub(super) host: Members<'a>,
}

impl<'de> Deserialize<'de> for Claims<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadClaims)
    }
}

struct ReadClaims;

impl<'de> Visitor<'de> for ReadClaims {
    type Value = Claims<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the claims of an access token")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut iss, mut sub, mut aud, mut client_id, mut tenant) = (None, None, None, None, None);
        let (mut exp, mut iat, mut auth_time) = (None, None, None);
        let (mut jti, mut sid, mut amr, mut cnf) = (None, None, None, None);
        let mut host = Members::default();
        // A name with escapes cannot be borrowed, and is refused.
        while let Some(name) = map.next_key::<&str>()? {
            match name {
                "iss" => once(&mut iss, &mut map)?,
                "sub" => once(&mut sub, &mut map)?,
                "aud" => once(&mut aud, &mut map)?,
                "exp" => once(&mut exp, &mut map)?,
                "iat" => once(&mut iat, &mut map)?,
                "jti" => once(&mut jti, &mut map)?,
                "client_id" => once(&mut client_id, &mut map)?,
                "sid" => once(&mut sid, &mut map)?,
                "auth_time" => once(&mut auth_time, &mut map)?,
                "amr" => once(&mut amr, &mut map)?,
                "tenant" => once(&mut tenant, &mut map)?,
                "cnf" => once(&mut cnf, &mut map)?,
                name => host.read(name, &mut map)?,
            }
        }
        let time = |secs: Option<u64>| secs.map(UnixTime::from_secs).ok_or_else(missing);
        Ok(Claims {
            iss: iss.ok_or_else(missing)?,
            sub: sub.ok_or_else(missing)?,
            aud: aud.ok_or_else(missing)?,
            client_id: client_id.ok_or_else(missing)?,
            tenant,
            exp: time(exp)?,
            iat: time(iat)?,
            auth_time: time(auth_time)?,
            jti: text(jti)?,
            sid: text(sid)?,
            amr: amr.map(RawValue::get).and_then(LockKind::from_amr).ok_or_else(missing)?,
            cnf: cnf.map(|Confirmation { kid }| text(Some(kid))).transpose()?,
            host,
        })
    }
}

/// RFC 7800 §3.1, with a key that is named and not shown (§3.4).
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Confirmation<'a> {
    kid: &'a str,
}

fn once<'de, T: Deserialize<'de>, A: MapAccess<'de>>(slot: &mut Option<T>, map: &mut A) -> Result<(), A::Error> {
    let before = slot.replace(map.next_value()?);
    if before.is_none() { Ok(()) } else { Err(de::Error::custom("a claim is there twice")) }
}

fn text<T: core::str::FromStr, E: de::Error>(claim: Option<&str>) -> Result<T, E> {
    claim.and_then(|text| text.parse().ok()).ok_or_else(missing)
}

fn missing<E: de::Error>() -> E {
    E::custom("a claim is missing or malformed")
}
