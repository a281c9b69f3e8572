//! The claims of one issuer: written in one order, and recognized by it.

use super::AccessTokenError;
use super::any_order;
use super::claims::{Claims, Names, Text};
use super::host_claims::HostClaims;
use crate::authorize::Grant;
use crate::encoding::push_public_base64url;
use crate::id::{Tenant, TokenId};
use crate::session::LockKind;
use crate::time::UnixTime;

/// What the tokens of one issuer, audience, client and tenant have in common.
#[derive(Clone, Debug)]
pub(super) struct Template {
    issuer: String,
    audience: String,
    client_id: String,
    tenant: Tenant,
    /// The JSON before the subject's text.
    beginning: String,
}

impl Template {
    pub(super) fn new(issuer: String, audience: String, client_id: String, tenant: Tenant) -> Self {
        let mut beginning = String::from(r#"{"iss":""#);
        push_escaped(&mut beginning, &issuer);
        beginning.push_str(r#"","aud":""#);
        push_escaped(&mut beginning, &audience);
        beginning.push_str(r#"","client_id":""#);
        push_escaped(&mut beginning, &client_id);
        if let Some(tenant) = claimed(&tenant) {
            beginning.push_str(r#"","tenant":""#);
            push_escaped(&mut beginning, tenant);
        }
        beginning.push_str(r#"","sub":""#);
        Self { issuer, audience, client_id, tenant, beginning }
    }

    pub(super) fn for_tenant(self, tenant: Tenant) -> Self {
        Self::new(self.issuer, self.audience, self.client_id, tenant)
    }

    /// The claims of a grant, whose tenant they name.
    pub(super) fn write(&self, grant: &Grant, token_id: TokenId, host: &HostClaims) -> String {
        if grant.tenant != self.tenant {
            return self.clone().for_tenant(grant.tenant.clone()).write(grant, token_id, host);
        }
        let mut json = String::with_capacity(self.beginning.len() + host.members().len() + 320);
        json.push_str(&self.beginning);
        push_escaped(&mut json, grant.subject.as_str());
        json.push_str(r#"","exp":"#);
        push_secs(&mut json, grant.expires_at);
        json.push_str(r#","iat":"#);
        push_secs(&mut json, grant.issued_at);
        json.push_str(r#","auth_time":"#);
        push_secs(&mut json, grant.authenticated_at);
        json.push_str(r#","jti":""#);
        push_public_base64url(&mut json, token_id.as_bytes());
        json.push_str(r#"","sid":""#);
        push_public_base64url(&mut json, grant.session_id.as_bytes());
        json.push_str(r#"","amr":"#);
        json.push_str(grant.unlocked_with.amr());
        if let Some(key) = grant.bound_to {
            json.push_str(r#","cnf":{"kid":""#);
            push_public_base64url(&mut json, key.as_bytes());
            json.push_str(r#""}"#);
        }
        json.push_str(host.members());
        json.push('}');
        json
    }

    /// Reads what `write` has written, or another JSON encoder in another order.
    pub(super) fn read<'a>(&self, json: &'a [u8]) -> Result<Claims<'a>, AccessTokenError> {
        let json = core::str::from_utf8(json).map_err(|_| AccessTokenError::BadClaims)?;
        if let Some(claims) = self.recognize(json) {
            return Ok(claims);
        }
        let (names, claims) = any_order::read(json).map_err(|_| AccessTokenError::BadClaims)?;
        if self.is_for_us(&names) { Ok(claims) } else { Err(AccessTokenError::NotForUs) }
    }

    fn is_for_us(&self, Names { iss, aud, client_id, tenant }: &Names<'_>) -> bool {
        let names = [(iss, &self.issuer), (aud, &self.audience), (client_id, &self.client_id)];
        let tenant = tenant.as_ref().map(|Text(name)| &**name);
        names.into_iter().all(|(Text(claimed), expected)| claimed == expected) && tenant == claimed(&self.tenant)
    }

    /// The claims as `write` writes them, if there is nothing that needs a parser: no escapes, and none of the host's
    /// own. A parser would take longer than all the rest but the MAC.
    fn recognize<'a>(&self, json: &'a str) -> Option<Claims<'a>> {
        let (sub, rest) = json.strip_prefix(&self.beginning)?.split_once('"')?;
        let (exp, rest) = leading_secs(rest.strip_prefix(r#","exp":"#)?)?;
        let (iat, rest) = leading_secs(rest.strip_prefix(r#","iat":"#)?)?;
        let (auth_time, rest) = leading_secs(rest.strip_prefix(r#","auth_time":"#)?)?;
        let (jti, rest) = rest.strip_prefix(r#","jti":""#)?.split_once('"')?;
        let (sid, rest) = rest.strip_prefix(r#","sid":""#)?.split_once('"')?;
        let rest = rest.strip_prefix(r#","amr":"#)?.strip_suffix('}')?;
        let (amr, cnf) = match rest.split_once(r#","cnf":{"kid":""#) {
            Some((amr, cnf)) => (amr, Some(cnf.strip_suffix(r#""}"#)?.parse().ok()?)),
            None => (rest, None),
        };
        let plain = !sub.contains('\\');
        plain.then_some(Claims {
            sub: sub.into(),
            exp,
            iat,
            auth_time,
            jti: jti.parse().ok()?,
            sid: sid.parse().ok()?,
            amr: LockKind::from_amr(amr)?,
            cnf,
            host: HostClaims::default(),
        })
    }
}

fn claimed(tenant: &Tenant) -> Option<&str> {
    Some(tenant.as_str()).filter(|name| !name.is_empty())
}

/// The inside of a JSON string.
fn push_escaped(json: &mut String, text: &str) {
    if text.bytes().any(|byte| byte == b'"' || byte == b'\\' || byte < b' ') {
        let quoted = serde_json::to_string(text).expect("a string is valid JSON");
        json.push_str(&quoted[1..quoted.len() - 1]);
    } else {
        json.push_str(text);
    }
}

fn push_secs(json: &mut String, time: UnixTime) {
    use core::fmt::Write;
    write!(json, "{}", time.as_secs()).expect("a string takes everything");
}

/// A number of seconds at the front, as JSON has integers: without a sign or a leading zero.
fn leading_secs(text: &str) -> Option<(UnixTime, &str)> {
    let (mut secs, mut len) = (0_u64, 0);
    for digit in text.bytes().take_while(u8::is_ascii_digit) {
        secs = secs.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
        len += 1;
    }
    let canonical = len == 1 || len > 1 && !text.starts_with('0');
    canonical.then(|| (UnixTime::from_secs(secs), &text[len..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_escaped_is_read_as_it_was() {
        for text in ["", "alice", "\"", "\\", "\n", "\u{1f}", " ", "a\"b\\c", "ä\u{7f}\u{2028}"] {
            let mut json = "\"".to_owned();
            push_escaped(&mut json, text);
            json.push('"');
            assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
