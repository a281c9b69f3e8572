//! Claims of the host's own.

use core::fmt;

use serde::de::{DeserializeOwned, Deserializer, MapAccess, Visitor};
use serde::{Serialize, de};
use serde_json::value::RawValue;

/// Names that belong to this profile, or whose registered meaning changes what a token is good for. No host can set
/// them, and a token that has one which the profile does not know is refused.
fn is_reserved(name: &str) -> bool {
    let of_the_profile = matches!(
        name,
        "iss" | "sub" | "aud" | "exp" | "iat" | "jti" | "client_id" | "sid" | "auth_time" | "amr" | "cnf" | "tenant"
    );
    let with_a_meaning = matches!(
        name,
        "_claim_names"
            | "_claim_sources"
            | "acr"
            | "act"
            | "azp"
            | "events"
            | "may_act"
            | "nbf"
            | "nonce"
            | "status"
            | "sub_id"
            | "sub_jwk"
    );
    of_the_profile || with_a_meaning || name.starts_with(PRIVATE)
}

/// What `serde_json` calls values that it takes for something else than they are.
const PRIVATE: &str = "$serde_json::private::";

/// Claims that a host adds to its access tokens: the members of a JSON object, at most 32, at most 1024 bytes.
///
/// Not for the host to say are the claims of the [profile](super), and those whose registered meaning changes what a
/// token is good for: `_claim_names`, `_claim_sources`, `acr`, `act`, `azp`, `events`, `may_act`, `nbf`, `nonce`,
/// `status`, `sub_id`, `sub_jwk`.
///
/// ```
/// use pinlatch::access_token::HostClaims;
///
/// #[derive(serde::Serialize)]
/// struct Rights<'a> { scope: &'a str, admin: bool }
///
/// let claims = HostClaims::new(&Rights { scope: "read write", admin: false })?;
/// // What the registered claims say is pinlatch's to say.
/// assert!(HostClaims::new(&serde_json::json!({"sub": "somebody else"})).is_err());
/// # Ok::<_, pinlatch::access_token::HostClaimsError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HostClaims {
    /// Members as they stand in the token, a comma before each.
    members: String,
}

/// Claims that cannot be added. Correct the type.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostClaimsError {
    /// Not a JSON object, a name that is reserved, twice there, or in need of escapes; or more than 32 of them.
    #[error("not a JSON object with at most {} names of the host's own", HostClaims::MAX_COUNT)]
    Names(#[source] serde_json::Error),
    /// More than 1024 bytes of JSON.
    #[error("more than {} bytes of claims", HostClaims::MAX_LEN)]
    TooLong,
}

impl HostClaims {
    /// The most bytes of JSON.
    pub const MAX_LEN: usize = 1024;
    /// The most claims.
    pub const MAX_COUNT: usize = 32;

    /// Takes what serializes as a JSON object; `()` and `None` are no claims.
    ///
    /// # Errors
    /// [`HostClaimsError`].
    pub fn new(claims: &impl Serialize) -> Result<Self, HostClaimsError> {
        let json = serde_json::to_string(claims).map_err(HostClaimsError::Names)?;
        if json == "null" {
            return Ok(Self::default());
        }
        if json.len() > Self::MAX_LEN {
            return Err(HostClaimsError::TooLong);
        }
        let members = serde_json::Deserializer::from_str(&json).deserialize_map(ReadMembers);
        members.map(Members::into_claims).map_err(HostClaimsError::Names)
    }

    /// The claims as the host's type.
    ///
    /// # Errors
    /// What `serde_json` says when they are not of that type.
    pub fn read<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        serde_json::from_str(&format!("{{{}}}", self.members.strip_prefix(',').unwrap_or_default()))
    }

    pub(super) fn members(&self) -> &str {
        &self.members
    }
}

/// Members that are not the profile's, as they are read.
#[derive(Default)]
pub(super) struct Members<'a> {
    list: Vec<(&'a str, &'a RawValue)>,
    len: usize,
}

impl<'a> Members<'a> {
    /// Names have no escapes (they could not be borrowed), so that each has one spelling.
    pub(super) fn read<A: MapAccess<'a>>(&mut self, name: &'a str, map: &mut A) -> Result<(), A::Error> {
        let known = self.list.iter().any(|(known, _)| *known == name);
        let value: &RawValue = map.next_value()?;
        self.len += r#","":"#.len() + name.len() + value.get().len();
        // The braces around them stand in for the first comma and one byte more.
        let too_many = self.list.len() == HostClaims::MAX_COUNT || self.len >= HostClaims::MAX_LEN;
        if known || is_reserved(name) || too_many {
            return Err(de::Error::custom("a reserved name, one that is there twice, or one too many"));
        }
        self.list.push((name, value));
        Ok(())
    }

    pub(super) fn into_claims(self) -> HostClaims {
        let mut members = String::with_capacity(self.len);
        for (name, value) in self.list {
            for part in [",\"", name, "\":", value.get()] {
                members.push_str(part);
            }
        }
        HostClaims { members }
    }
}

struct ReadMembers;

impl<'de> Visitor<'de> for ReadMembers {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Members::default();
        while let Some(name) = map.next_key()? {
            members.read(name, &mut map)?;
        }
        Ok(members)
    }
}
