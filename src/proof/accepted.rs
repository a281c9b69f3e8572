//! From a signature that matches to a request that is accepted: once, and with the body that was signed.

use base64ct::{Base64, Encoding};

use super::fields::byte_sequences;
use super::{Candidate, ProofError};
use crate::access_token::VerifiedAccess;
use crate::crypto::{sha256, sha512};
use crate::record::{Inserted, Record, RecordKey, RecordKind};
use crate::time::UnixTime;

/// Evidence that a request was signed with the key that its access token is bound to. It may be a copy.
///
/// ```compile_fail
/// // The access comes out of an accepted request only.
/// fn early(proof: pinlatch::proof::Proof<'_>) { let access = proof.access; }
/// ```
#[derive(Debug)]
#[must_use = "a proof may be a copy"]
pub struct Proof<'a> {
    pub(super) access: VerifiedAccess,
    pub(super) mark: [u8; 16],
    pub(super) created: UnixTime,
    pub(super) content_digest: Option<&'a str>,
}

impl<'a> Proof<'a> {
    /// What to insert into a store, as a new record. It can go when the signature is too old to be accepted.
    ///
    /// Its key is the first half of the MAC: nobody without the key can take it before, and no copy has another one,
    /// however its headers are written.
    #[must_use]
    pub fn mark(&self) -> Record {
        let key = RecordKey { kind: RecordKind::ReplayMark, id: self.mark };
        let expires_at = self.created.saturating_add(Candidate::MAX_AGE).saturating_add(Candidate::MAX_SKEW);
        Record { key, owner: None, revision: 0, expires_at, body: Vec::new() }
    }

    /// The request comes for the first time if its mark was not there.
    ///
    /// # Errors
    /// [`ProofError::Replayed`].
    pub fn stored(self, outcome: Inserted) -> Result<Fresh<'a>, ProofError> {
        match outcome {
            Inserted::Created => Ok(Fresh { access: self.access, content_digest: self.content_digest }),
            Inserted::Exists => Err(ProofError::Replayed),
        }
    }
}

/// Evidence that a request is authentic and comes for the first time. Its body was not looked at.
#[derive(Debug)]
#[must_use = "the body may be another one"]
pub struct Fresh<'a> {
    access: VerifiedAccess,
    content_digest: Option<&'a str>,
}

impl Fresh<'_> {
    /// Compares the body with the digest that was signed (RFC 9530). A request without a body has none, or an empty one.
    ///
    /// # Errors
    /// [`ProofError::BadDigest`].
    pub fn with_body(self, body: &[u8]) -> Result<Accepted, ProofError> {
        let same = self.content_digest.map_or(body.is_empty(), |field| is_digest_of(field, body));
        if same { Ok(Accepted { access: self.access }) } else { Err(ProofError::BadDigest) }
    }
}

/// One digest, of an algorithm that still holds.
fn is_digest_of(field: &str, body: &[u8]) -> bool {
    let Ok(digests) = byte_sequences(field, 1) else { return false };
    let mut buffer = [0; 64];
    match digests[..] {
        [("sha-256", text)] => Base64::decode(text, &mut buffer).is_ok_and(|digest| digest == sha256(body)),
        [("sha-512", text)] => Base64::decode(text, &mut buffer).is_ok_and(|digest| digest == sha512(body)),
        _ => false,
    }
}

/// A request that its client signed, that comes for the first time, and whose body is the one that was signed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted {
    /// Who may do what the request asks for.
    pub access: VerifiedAccess,
}
