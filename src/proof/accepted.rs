//! From a signature that matches to a request that is accepted: once, and with the body that was signed.

use super::candidate::check_window;
use super::digest::ContentDigest;
use super::{Candidate, ProofError};
#[cfg(feature = "service")]
use crate::access_token::RenewableAccess;
use crate::access_token::VerifiedAccess;
use crate::crypto::Hasher;
use crate::id::SessionId;
use crate::record::{Inserted, Record, RecordKey, RecordKind};
#[cfg(feature = "service")]
use crate::renew::RequestProof;
use crate::time::UnixTime;

/// Evidence that a request was signed with the key that its access token is bound to. It may be a copy.
///
/// ```compile_fail
/// // The access comes out of an accepted request only.
/// fn early(proof: pinlatch::proof::Proof) { let access = proof.access; }
/// ```
#[derive(Debug)]
#[must_use = "a proof may be a copy"]
pub struct Proof<A = VerifiedAccess> {
    pub(super) access: A,
    pub(super) session_id: SessionId,
    pub(super) token_issued_at: UnixTime,
    pub(super) mark: [u8; 16],
    pub(super) created: UnixTime,
    pub(super) content: Option<ContentDigest>,
}

impl<A> Proof<A> {
    /// Whose key has signed.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// The `iat` of the access token: before it nobody had the key.
    #[must_use]
    pub const fn token_issued_at(&self) -> UnixTime {
        self.token_issued_at
    }

    /// When it was signed, by the client's clock.
    #[must_use]
    pub const fn created(&self) -> UnixTime {
        self.created
    }

    /// Whether it is still new enough: to be asked again when the store has answered, which takes its time.
    ///
    /// # Errors
    /// [`ProofError::Stale`].
    pub fn check_age(&self, now: UnixTime) -> Result<(), ProofError> {
        check_window(self.created, now)
    }

    /// What to insert into a store, as a new record. It can go when no server takes the signature for new any more.
    ///
    /// Its key is the first half of the MAC: nobody without the key can take it before, and no copy has another one,
    /// however its headers are written.
    #[must_use]
    pub fn mark(&self) -> Record {
        let key = RecordKey { kind: RecordKind::ReplayMark, id: self.mark };
        let expires_at = self.created.saturating_add(Candidate::MAX_AGE + Candidate::MARK_LINGER);
        Record { key, owner: None, revision: 0, expires_at, body: Vec::new() }
    }

    /// The request comes for the first time if its mark was not there.
    ///
    /// # Errors
    /// [`ProofError::Replayed`].
    pub fn stored(self, outcome: Inserted) -> Result<Fresh<A>, ProofError> {
        match outcome {
            Inserted::Created => Ok(Fresh { access: self.access, session_id: self.session_id, content: self.content }),
            Inserted::Exists => Err(ProofError::Replayed),
        }
    }
}

/// Evidence that a request is authentic and comes for the first time. Its body was not looked at.
#[derive(Debug)]
#[must_use = "the body may be another one"]
pub struct Fresh<A = VerifiedAccess> {
    access: A,
    session_id: SessionId,
    content: Option<ContentDigest>,
}

impl<A> Fresh<A> {
    /// Whose request it is, before its body is read.
    #[must_use]
    pub const fn session_id(&self) -> SessionId {
        self.session_id
    }

    /// Compares the body with the digest that was signed (RFC 9530). A request without a body has none, or an empty
    /// one.
    ///
    /// # Errors
    /// [`ProofError::BadDigest`].
    pub fn with_body(self, body: &[u8]) -> Result<Accepted<A>, ProofError> {
        let mut pieces = self.in_pieces();
        pieces.update(body);
        pieces.finish()
    }

    /// For a body that is too large to be held: it is compared as it comes. What it asks for must not be done before
    /// [`SignedBody::finish`].
    pub fn in_pieces(self) -> SignedBody<A> {
        SignedBody {
            access: self.access,
            hasher: self.content.as_ref().map(ContentDigest::hasher),
            content: self.content,
            unsigned: false,
        }
    }
}

/// A body that is still coming in.
#[must_use = "whether the body was the signed one is known at its end"]
pub struct SignedBody<A = VerifiedAccess> {
    access: A,
    content: Option<ContentDigest>,
    hasher: Option<Hasher>,
    /// Whether something came though nothing was signed.
    unsigned: bool,
}

impl<A> SignedBody<A> {
    /// The next piece, of any length.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.hasher {
            Some(hasher) => hasher.update(piece),
            None => self.unsigned |= !piece.is_empty(),
        }
    }

    /// The end of the body.
    ///
    /// # Errors
    /// [`ProofError::BadDigest`].
    pub fn finish(self) -> Result<Accepted<A>, ProofError> {
        let same = match (self.content, self.hasher) {
            (Some(content), Some(hasher)) => content.is_what(hasher),
            _ => !self.unsigned,
        };
        if same { Ok(Accepted { access: self.access }) } else { Err(ProofError::BadDigest) }
    }
}

impl<A> core::fmt::Debug for SignedBody<A> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SignedBody").finish_non_exhaustive()
    }
}

/// A request that its client signed, that comes for the first time, and whose body is the one that was signed.
///
/// ```compile_fail
/// // There is no other way to it.
/// fn forge(access: pinlatch::VerifiedAccess) { let accepted = pinlatch::proof::Accepted { access }; }
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub struct Accepted<A = VerifiedAccess> {
    /// Who may do what the request asks for.
    pub access: A,
}

#[cfg(feature = "service")]
impl Accepted<RenewableAccess> {
    /// Evidence for [`crate::renew`] that the request was signed with the key which its token is bound to.
    pub(crate) fn renewal_proof(&self) -> Option<RequestProof> {
        self.access.key().map(RequestProof::vouched_by_host)
    }
}
