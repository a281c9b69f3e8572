//! From the parts of a request to a signature that may be verified: everything that needs no key.

use core::time::Duration;

use super::ProofError;
use super::base::signature_base;
use super::digest::{ContentDigest, decode};
use super::fields::{self, Component, NotOne, SignatureInput, Value};
use super::message::{Envelope, MessageParts};
use super::parts::{Body, NoValue, RequestParts, lines, visible};
use crate::access_token::bearer_token_of;
use crate::id::SessionId;
use crate::time::UnixTime;

/// A signature that fits the profile. Whose it is, and whether it matches, is not known yet.
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
pub(super) enum Signed<'a> {
    /// A signature base.
    Base(String),
    Message(Envelope<'a>),
}

/// For logs: without the token and what else is signed.
impl core::fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut shown = f.debug_struct("Candidate");
        shown.field("session_id", &self.session_id).field("created", &self.created).finish_non_exhaustive()
    }
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
        let [inputs, signatures, authorization, digest] =
            lines(parts.headers, ["signature-input", "signature", "authorization", "content-digest"]);
        let (input, signature) = signature_of(inputs, signatures)?;
        let parameters = Parameters::read(&input)?;
        let covers_digest = check_coverage(&input, parts)?;
        check_window(parameters.created, now)?;
        if parameters.expires.is_some_and(|expires| expires <= now) {
            return Err(ProofError::Stale);
        }
        let authorization = authorization.and_then(visible).map_err(refusal)?;
        let digest = covers_digest.then(|| digest.and_then(visible)).transpose().map_err(refusal)?;
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
            access_token: bearer_token_of(authorization).ok_or(ProofError::NoAccessToken)?,
            signed: Signed::Base(base.map_err(refusal)?),
            signature,
            created: parameters.created,
            content: digest.map(|digest| ContentDigest::read(digest).ok_or(ProofError::BadDigest)).transpose()?,
        })
    }

    /// Reads the signature of a message, the text that [`RequestKey::sign_message`](super::RequestKey::sign_message)
    /// made.
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
fn signature_of<'a>(
    inputs: Result<&'a str, NoValue>,
    signatures: Result<&'a str, NoValue>,
) -> Result<(SignatureInput<'a>, [u8; 32]), ProofError> {
    let (inputs, signatures) = match (inputs, signatures) {
        (Err(NoValue::Absent), Err(NoValue::Absent)) => return Err(ProofError::NoSignature),
        (Ok(inputs), Ok(signatures)) => (inputs, signatures),
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
    let covered = Covered::by(input);
    let if_there = |covered: bool, name: &str| covered || !parts.has_header(name);
    // What says how a body is to be read must be signed also where the host says that there is none.
    let body = (parts.body == Body::Absent || covered.has(Covered::CONTENT_DIGEST))
        && if_there(covered.has(Covered::CONTENT_TYPE), "content-type")
        && if_there(covered.has(Covered::CONTENT_ENCODING), "content-encoding");
    let target = covered.has(Covered::TARGET_URI) || covered.has(Covered::PATH | Covered::QUERY);
    let always = covered.has(Covered::METHOD | Covered::AUTHORITY | Covered::AUTHORIZATION);
    let more = parts.also_signed.iter().all(|name| if_there(input.covers(Component::of(name)), name));
    let all = always && target && body && more && !input.has_component_twice();
    if all { Ok(covered.has(Covered::CONTENT_DIGEST)) } else { Err(ProofError::NotCovered) }
}

/// The components that the profile speaks of, a bit for each.
#[derive(Clone, Copy)]
struct Covered(u16);

impl Covered {
    const METHOD: u16 = 1;
    const AUTHORITY: u16 = 1 << 1;
    const TARGET_URI: u16 = 1 << 2;
    const PATH: u16 = 1 << 3;
    const QUERY: u16 = 1 << 4;
    const AUTHORIZATION: u16 = 1 << 5;
    const CONTENT_DIGEST: u16 = 1 << 6;
    const CONTENT_TYPE: u16 = 1 << 7;
    const CONTENT_ENCODING: u16 = 1 << 8;

    fn by(input: &SignatureInput<'_>) -> Self {
        // One that has parameters has no value, so it need not be told apart here.
        let bit = |component: &Component<'_>| match component.name {
            "@method" => Self::METHOD,
            "@authority" => Self::AUTHORITY,
            "@target-uri" => Self::TARGET_URI,
            "@path" => Self::PATH,
            "@query" => Self::QUERY,
            "authorization" => Self::AUTHORIZATION,
            "content-digest" => Self::CONTENT_DIGEST,
            "content-type" => Self::CONTENT_TYPE,
            "content-encoding" => Self::CONTENT_ENCODING,
            _ => 0,
        };
        Self(input.components.iter().map(bit).fold(0, core::ops::BitOr::bitor))
    }

    const fn has(self, all: u16) -> bool {
        self.0 & all == all
    }
}
