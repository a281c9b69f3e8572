//! From the parts of a request to a signature that may be verified: everything that needs no key.

use core::time::Duration;

use super::ProofError;
use super::base::signature_base;
use super::digest::{ContentDigest, decode};
use super::fields::{self, Component, NotOne, SignatureInput, Value};
use super::message::{Envelope, MessageParts};
use super::parts::{Body, NoValue, RequestParts};
use crate::access_token::bearer_token;
use crate::id::SessionId;
use crate::time::UnixTime;

/// A signature that fits the profile. Whose it is, and whether it matches, is not known yet.
#[derive(Debug)]
#[must_use = "a signature that was not verified says nothing"]
pub struct Candidate<'a> {
    /// What the signature says; a message leaves it to its access token.
    pub(super) session_id: Option<SessionId>,
    pub(super) access_token: &'a str,
    pub(super) signed: Signed<'a>,
    pub(super) signature: [u8; 32],
    pub(super) created: UnixTime,
    pub(super) content: Option<ContentDigest>,
}

/// What the MAC is of.
#[derive(Debug)]
pub(super) enum Signed<'a> {
    /// A signature base.
    Base(String),
    Message(Envelope<'a>),
}

/// What stands in `Signature-Input` beside the components.
struct Parameters {
    created: UnixTime,
    session_id: SessionId,
    expires: Option<UnixTime>,
}

impl<'a> Candidate<'a> {
    /// The most bytes of the two signature headers together.
    pub const MAX_LEN: usize = fields::MAX_LEN;
    /// The value of the parameter `tag`.
    pub const TAG: &'static str = "pinlatch-request/1";
    /// How old a signature may be: 60 seconds.
    pub const MAX_AGE: Duration = Duration::from_secs(60);
    /// How far in the future it may be made, because two clocks differ: 30 seconds.
    pub const MAX_SKEW: Duration = Duration::from_secs(30);
    /// How much longer a mark is kept than its signature is good, because the clocks of servers differ: 5 minutes.
    pub const MARK_LINGER: Duration = Duration::from_secs(300);

    /// Reads the signature of a request and holds it against the profile.
    ///
    /// # Errors
    /// [`ProofError`] with the first rule that is broken.
    pub fn read(parts: &RequestParts<'a>, now: UnixTime) -> Result<Self, ProofError> {
        let (input, signature) = signature_of(parts)?;
        let parameters = Parameters::read(&input)?;
        let covers_digest = check_coverage(&input, parts)?;
        check_window(parameters.created, now)?;
        if parameters.expires.is_some_and(|expires| expires <= now) {
            return Err(ProofError::Stale);
        }
        let authorization = parts.header("authorization").map_err(refusal)?;
        let digest = covers_digest.then(|| parts.header("content-digest")).transpose().map_err(refusal)?;
        let base = signature_base(&input.components, input.text, |component, base| {
            // The two that are looked at anyway, one of them long.
            let at_hand = match component.name {
                "authorization" => Some(authorization),
                "content-digest" => digest,
                _ => None,
            };
            match at_hand.filter(|_| component.parameters.is_empty()) {
                Some(value) => base.push_str(value),
                None => parts.push_component(component, base)?,
            }
            Ok(())
        });
        Ok(Self {
            session_id: Some(parameters.session_id),
            access_token: bearer_token(authorization.as_bytes()).ok_or(ProofError::NoAccessToken)?,
            signed: Signed::Base(base.map_err(refusal)?),
            signature,
            created: parameters.created,
            content: digest.map(|digest| ContentDigest::read(digest).ok_or(ProofError::BadDigest)).transpose()?,
        })
    }

    /// Reads the signature of a message, the text that [`RequestKey::sign_message`](super::RequestKey::sign_message) made.
    ///
    /// # Errors
    /// [`ProofError::Malformed`]; [`ProofError::Stale`] or [`ProofError::FromTheFuture`].
    pub fn read_message(parts: &MessageParts<'a>, signature: &str, now: UnixTime) -> Result<Self, ProofError> {
        let (envelope, signature) = Envelope::read(parts, signature).ok_or(ProofError::Malformed)?;
        let created = envelope.created();
        check_window(created, now)?;
        Ok(Self {
            session_id: None,
            access_token: parts.access_token,
            signed: Signed::Message(envelope),
            signature,
            created,
            content: None,
        })
    }

    /// The access token that the signature covers.
    #[must_use]
    pub const fn access_token(&self) -> &'a str {
        self.access_token
    }
}

const fn refusal(why: NoValue) -> ProofError {
    match why {
        NoValue::Absent => ProofError::NotCovered,
        NoValue::Ambiguous => ProofError::Ambiguous,
    }
}

pub(super) fn check_window(created: UnixTime, now: UnixTime) -> Result<(), ProofError> {
    if now > created.saturating_add(Candidate::MAX_AGE) {
        Err(ProofError::Stale)
    } else if created > now.saturating_add(Candidate::MAX_SKEW) {
        Err(ProofError::FromTheFuture)
    } else {
        Ok(())
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
    let input = fields::signature_input(inputs, Candidate::TAG).map_err(|why| match why {
        NotOne::Malformed => ProofError::Malformed,
        NotOne::NotForUs => ProofError::NotForUs,
    })?;
    let signature = fields::signature(signatures, input.label).map_err(|_| ProofError::Malformed)?;
    Ok((input, decode(signature).ok_or(ProofError::Malformed)?))
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

pub(super) fn instant(secs: i64) -> Option<UnixTime> {
    u64::try_from(secs).ok().map(UnixTime::from_secs)
}

/// Two calls that are alike in the same second have different nonces. How it is made is the client's business.
pub(super) fn is_nonce(text: &str) -> bool {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (16..=64).contains(&text.len()) && text.bytes().all(valid)
}

/// What is not signed can be changed, so the verifier says what must be. Says whether that includes a digest.
fn check_coverage(input: &SignatureInput<'_>, parts: &RequestParts<'_>) -> Result<bool, ProofError> {
    let covered = |name: &str| input.covers(Component::of(name));
    let if_there = |name: &str| covered(name) || !parts.has_header(name);
    let target = covered("@target-uri") || covered("@path") && covered("@query");
    let digest = covered("content-digest");
    let body = match parts.body {
        Body::Absent => true,
        Body::Present => digest && if_there("content-type") && if_there("content-encoding"),
    };
    let more = parts.also_signed.iter().all(|name| if_there(name));
    let all = covered("@method") && covered("@authority") && covered("authorization") && target && body && more;
    if all && !input.has_component_twice() { Ok(digest) } else { Err(ProofError::NotCovered) }
}
