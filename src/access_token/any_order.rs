//! Claims in any order, as other encoders may write them: read in one pass, borrowed where they can be.

use core::fmt;

use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::claims::{Claims, Names, Text};
use super::host_claims::Members;
use crate::session::LockKind;
use crate::time::UnixTime;

/// Reads claims that are all there, each once and of its type.
pub(super) fn read(json: &str) -> Result<(Names<'_>, Claims<'_>), serde_json::Error> {
    let mut input = serde_json::Deserializer::from_str(json);
    let claims = input.deserialize_map(ReadClaims)?;
    input.end()?;
    Ok(claims)
}

struct ReadClaims;

impl<'de> Visitor<'de> for ReadClaims {
    type Value = (Names<'de>, Claims<'de>);

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
        let names = Names {
            iss: iss.ok_or_else(missing)?,
            aud: aud.ok_or_else(missing)?,
            client_id: client_id.ok_or_else(missing)?,
            tenant,
        };
        let time = |secs: Option<u64>| secs.map(UnixTime::from_secs).ok_or_else(missing);
        let Text(sub) = sub.ok_or_else(missing)?;
        let claims = Claims {
            sub,
            exp: time(exp)?,
            iat: time(iat)?,
            auth_time: time(auth_time)?,
            jti: text(jti)?,
            sid: text(sid)?,
            amr: amr.map(RawValue::get).and_then(LockKind::from_amr).ok_or_else(missing)?,
            cnf: cnf.map(|cnf: &RawValue| text(confirmed_key(cnf.get()))).transpose()?,
            host: host.into_claims(),
        };
        Ok((names, claims))
    }
}

/// The name of the key in a confirmation (RFC 7800 §3.1, §3.4), as it is written.
fn confirmed_key(json: &str) -> Option<&str> {
    json.strip_prefix(r#"{"kid":""#)?.strip_suffix(r#""}"#)
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
