//! From the parts of a request to a signature that may be verified: everything that needs no key.

use core::time::Duration;

use base64ct::{Base64, Encoding};

use super::ProofError;
use super::base::signature_base;
use super::fields::{SignatureInput, Value, byte_sequences, signature_inputs};
use super::parts::{Body, NoValue, RequestParts};
use crate::id::SessionId;
use crate::time::UnixTime;

/// A signature that fits the profile. Whose it is, and whether it matches, is not known yet.
#[derive(Debug)]
#[must_use = "a signature that was not verified says nothing"]
pub struct Candidate<'a> {
    pub(super) session_id: SessionId,
    pub(super) access_token: &'a str,
    pub(super) base: String,
    pub(super) signature: [u8; 32],
    pub(super) created: UnixTime,
    pub(super) content_digest: Option<&'a str>,
}

/// What stands in `Signature-Input` beside the components.
struct Parameters {
    created: UnixTime,
    session_id: SessionId,
    expires: Option<UnixTime>,
}

impl<'a> Candidate<'a> {
    /// The most bytes of the two signature headers together.
    pub const MAX_LEN: usize = 4096;
    /// The value of the parameter `tag`.
    pub const TAG: &'static str = "pinlatch-request/1";
    const MOST_SIGNATURES: usize = 8;
    pub(super) const MAX_AGE: Duration = Duration::from_secs(60);
    pub(super) const MAX_SKEW: Duration = Duration::from_secs(30);

    /// Reads the signature of a request and holds it against the profile.
    ///
    /// # Errors
    /// [`ProofError`] with the first rule that is broken.
    pub fn read(parts: &RequestParts<'a>, now: UnixTime) -> Result<Self, ProofError> {
        let (input, signature) = signature_of(parts)?;
        let parameters = Parameters::read(&input)?;
        check_coverage(&input, parts)?;
        let too_old = now > parameters.created.saturating_add(Self::MAX_AGE);
        if too_old || parameters.expires.is_some_and(|expires| expires <= now) {
            return Err(ProofError::Stale);
        }
        if parameters.created > now.saturating_add(Self::MAX_SKEW) {
            return Err(ProofError::FromTheFuture);
        }
        let base = signature_base(&input, parts).map_err(component)?;
        let covers_digest = input.components.iter().any(|component| component.name == "content-digest");
        Ok(Self {
            session_id: parameters.session_id,
            access_token: bearer(parts.header("authorization").map_err(component)?).ok_or(ProofError::NoAccessToken)?,
            base,
            signature,
            created: parameters.created,
            content_digest: covers_digest.then(|| parts.header("content-digest")).transpose().map_err(component)?,
        })
    }

    /// The access token that the signature covers.
    #[must_use]
    pub const fn access_token(&self) -> &'a str {
        self.access_token
    }
}

const fn component(why: NoValue) -> ProofError {
    match why {
        NoValue::Absent => ProofError::NotCovered,
        NoValue::Ambiguous => ProofError::Ambiguous,
    }
}

/// The one signature that is for us. Labels say nothing, and those of others are passed over.
fn signature_of<'a>(parts: &RequestParts<'a>) -> Result<(SignatureInput<'a>, [u8; 32]), ProofError> {
    let field = |name| match parts.header(name) {
        Ok(field) => Ok(Some(field)),
        Err(NoValue::Absent) => Ok(None),
        Err(NoValue::Ambiguous) => Err(ProofError::Malformed),
    };
    let (inputs, signatures) = match (field("signature-input")?, field("signature")?) {
        (None, None) => return Err(ProofError::NoSignature),
        (Some(inputs), Some(signatures)) => (inputs, signatures),
        _ => return Err(ProofError::Malformed),
    };
    if inputs.len() + signatures.len() > Candidate::MAX_LEN {
        return Err(ProofError::Malformed);
    }
    let inputs = signature_inputs(inputs, Candidate::MOST_SIGNATURES).map_err(|_| ProofError::Malformed)?;
    let signatures = byte_sequences(signatures, Candidate::MOST_SIGNATURES).map_err(|_| ProofError::Malformed)?;
    let is_ours = |input: &SignatureInput<'_>| input.parameters.contains(&("tag", Value::Text(Candidate::TAG)));
    let mut ours = inputs.into_iter().filter(is_ours);
    let (Some(input), None) = (ours.next(), ours.next()) else { return Err(ProofError::NotForUs) };
    let signature = signatures.iter().find(|(label, _)| *label == input.label).ok_or(ProofError::Malformed)?;
    let mut bytes = [0; 32];
    match Base64::decode(signature.1, &mut bytes) {
        Ok(decoded) if decoded.len() == 32 => Ok((input, bytes)),
        _ => Err(ProofError::Malformed),
    }
}

impl Parameters {
    fn read(input: &SignatureInput<'_>) -> Result<Self, ProofError> {
        let (mut created, mut expires, mut session_id, mut nonce) = (None, None, None, false);
        for (name, value) in &input.parameters {
            match (*name, *value) {
                ("created", Value::Integer(secs)) => created = instant(secs),
                ("expires", Value::Integer(secs)) => expires = Some(instant(secs).ok_or(ProofError::Parameter)?),
                ("keyid", Value::Text(id)) => session_id = id.parse().ok(),
                ("nonce", Value::Text(text)) => nonce = is_nonce(text),
                ("alg", Value::Text("hmac-sha256")) | ("tag", _) => {}
                _ => return Err(ProofError::Parameter),
            }
        }
        match (created, session_id, nonce) {
            (Some(created), Some(session_id), true) => Ok(Self { created, session_id, expires }),
            _ => Err(ProofError::Parameter),
        }
    }
}

fn instant(secs: i64) -> Option<UnixTime> {
    u64::try_from(secs).ok().map(UnixTime::from_secs)
}

/// Two calls that are alike in the same second have different nonces. How it is made is the client's business.
fn is_nonce(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (16..=64).contains(&text.len()) && text.bytes().all(valid)
}

/// What is not signed can be changed, so the verifier says what must be.
fn check_coverage(input: &SignatureInput<'_>, parts: &RequestParts<'_>) -> Result<(), ProofError> {
    let covered = |name: &str| input.components.iter().any(|component| component.name == name);
    let twice = (1..input.components.len()).any(|at| input.components[..at].contains(&input.components[at]));
    let target = covered("@target-uri") || covered("@path") && covered("@query");
    let body = match parts.body {
        Body::None => true,
        Body::Some => covered("content-digest") && (covered("content-type") || !parts.has_header("content-type")),
    };
    let all = covered("@method") && covered("@authority") && covered("authorization") && target && body;
    if all && !twice { Ok(()) } else { Err(ProofError::NotCovered) }
}

/// The token of `Authorization: Bearer …`.
fn bearer(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token)
}
