//! Signed requests: verified without the database, accepted once.

use core::time::Duration;

use super::{Service, Sessions, os_rng};
use crate::access_token::{AccessToken, HostClaims, HostClaimsError, RenewableAccess};
use crate::authorize::Grant;
use crate::id::SessionId;
use crate::observer::Event;
use crate::proof::{
    Accepted, Candidate, Fresh, MessageParts, NotRemembered, Proof, ProofError, RequestKey, RequestParts, SeenRequests,
};
use crate::record::Inserted;
use crate::store::{SessionStore, StoreError};
use crate::time::UnixTime;

/// What a client needs to sign its requests.
#[derive(Debug)]
#[non_exhaustive]
pub struct BoundAccessToken {
    /// Which session: the `keyid` of its signatures.
    pub session_id: SessionId,
    /// Goes with each request. It says which key must sign.
    pub access_token: AccessToken,
    /// The key. The device keeps it in memory only.
    pub request_key: RequestKey,
}

/// Why a signed request is not accepted. Texts and sources are for logs; clients are told [`RequestError::code`].
///
/// | variant | `code()` | HTTP | the client |
/// | --- | --- | --- | --- |
/// | `Proof` | `invalid_proof` | 401 | signs again, with the key of its token and a clock that is right |
/// | | `invalid_token` | 401 | unlocks |
/// | | `replayed` | 409 | signs anew what may happen twice; the request may have been carried out |
/// | `Overloaded`, `JustStarted` | `overloaded` | 503 with `Retry-After` | signs again later |
/// | `Store` | `unavailable` or `overloaded` | 503 with `Retry-After` | signs again later |
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RequestError {
    /// Not signed, not as it should be, not with the right key, or a copy.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// The session, or all of them, made more requests in a short time than are remembered.
    #[error("too many signed requests in {} s", retry_after.as_secs())]
    Overloaded {
        /// When there is room again.
        retry_after: Duration,
    },
    /// The service has just started and does not know what it accepted before. Only where marks are
    /// [in memory](super::SessionsBuilder::replay_in_memory).
    #[error("just started: such a request may have been accepted before")]
    JustStarted {
        /// When one that is signed anew will be accepted, if the client's clock goes on as it does.
        retry_after: Duration,
    },
    /// The store did not answer. Nothing was accepted.
    #[error("the store did not answer")]
    Store(#[from] StoreError),
}

impl RequestError {
    /// A stable word for clients.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Proof(error) => error.code(),
            Self::Overloaded { .. } | Self::JustStarted { .. } => "overloaded",
            Self::Store(error) => error.code(),
        }
    }

    /// When to try again, where that helps.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Proof(_) => None,
            Self::Overloaded { retry_after } | Self::JustStarted { retry_after } => Some(*retry_after),
            Self::Store(error) => Some(error.retry_after()),
        }
    }
}

/// What was accepted lately.
pub(super) struct Marks {
    seen: SeenRequests,
    store: MarkStore,
    started_at: UnixTime,
    /// How far ahead of this clock an access token may be issued.
    leeway: Duration,
}

/// Who knows of copies that come to other processes.
pub(super) enum MarkStore {
    OfSessions,
    Other(Box<dyn SessionStore>),
    /// There are no others.
    ThisProcess,
}

impl Marks {
    pub(super) fn new(seen: SeenRequests, store: MarkStore, started_at: UnixTime, leeway: Duration) -> Self {
        Self { seen, store, started_at, leeway }
    }

    /// The store beside that of the sessions, if there is one.
    pub(super) fn other_store(&self) -> Option<&dyn SessionStore> {
        match &self.store {
            MarkStore::Other(store) => Some(&**store),
            MarkStore::OfSessions | MarkStore::ThisProcess => None,
        }
    }

    /// Whether the request may have been accepted before the start, and if so, how much later it should have been
    /// signed. One with a key that was given out since was not; who gave it out may have been ahead by the leeway.
    fn blind_for<A>(&self, proof: &Proof<A>) -> Option<Duration> {
        let old_keys_until = self.started_at.saturating_add(self.leeway);
        let old_key = proof.token_issued_at().as_secs() <= old_keys_until.as_secs();
        let sighted_from = self.started_at.saturating_add(Candidate::MAX_SKEW + Duration::from_secs(1));
        let blind = proof.created().until(sighted_from);
        (old_key && !blind.is_zero()).then_some(blind)
    }
}

impl Sessions {
    /// An access token that is bound to a fresh key of its client, and that key: for an API that wants its requests
    /// [signed](crate::proof). The grant is that of an unlock, whose own access token is then not handed out; claims of
    /// the host's own may be added, `()` has none. (After a renewal, [`Sessions::mint`] keeps the key that the client
    /// has.)
    ///
    /// # Errors
    /// [`HostClaimsError`].
    pub fn mint_bound(
        &self,
        grant: &Grant,
        claims: &impl serde::Serialize,
    ) -> Result<BoundAccessToken, HostClaimsError> {
        let claims = HostClaims::new(claims)?;
        let (id, request_key) = RequestKey::issue(&self.0.keys, grant.session_id, &mut os_rng());
        let access_token = self.0.mint(&grant.rebound_to(id), &claims);
        Ok(BoundAccessToken { session_id: grant.session_id, access_token, request_key })
    }

    /// Accepts a signed request, once. Only its body is left: read it now, and compare it with what was signed
    /// ([`Fresh::with_body`](crate::proof::Fresh::with_body)) before anything is done. The database is asked for nothing
    /// but the mark of a copy.
    ///
    /// A session that was revoked a moment ago is still believed until its access token expires. Where that matters,
    /// hand the access that comes out to [`Sessions::check_live`].
    ///
    /// ```
    /// # use pinlatch::proof::RequestParts;
    /// # use pinlatch::Sessions;
    /// # async fn handler(sessions: &Sessions, parts: RequestParts<'_>, body: &[u8]) -> Result<(), Box<dyn std::error::Error>> {
    /// let accepted = sessions.verify_request(&parts).await?.with_body(body)?;
    /// sessions.check_live(&accepted.access).await?;
    /// println!("{} wants this, and nobody else", accepted.access.subject);
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn verify_request(&self, parts: &RequestParts<'_>) -> Result<Fresh, RequestError> {
        let (service, now) = (&*self.0, self.0.now());
        let proof = Candidate::read(parts, now)?.verify(service.access_tokens.verifier(), &service.keys, now)?;
        service.first_time(proof, now).await
    }

    /// Accepts a signed message, once: a request over a transport without HTTP.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn verify_message(&self, parts: &MessageParts<'_>, signature: &str) -> Result<Accepted, RequestError> {
        let (service, now) = (&*self.0, self.0.now());
        let candidate = Candidate::read_message(parts, signature, now)?;
        let proof = candidate.verify(service.access_tokens.verifier(), &service.keys, now)?;
        // All there is of a message is in its parts.
        Ok(service.first_time(proof, now).await?.with_body(&[])?)
    }

    /// Accepts a signed request for another access token, once: its own may have expired. What comes out is good for
    /// [`Sessions::renew_signed`] and nothing else.
    ///
    /// # Errors
    /// [`RequestError`].
    pub async fn verify_renewal(&self, parts: &RequestParts<'_>) -> Result<Fresh<RenewableAccess>, RequestError> {
        let (service, now) = (&*self.0, self.0.now());
        let candidate = Candidate::read(parts, now)?;
        let proof = candidate.verify_for_renewal(service.access_tokens.verifier(), &service.keys, now)?;
        service.first_time(proof, now).await
    }
}

impl Service {
    async fn first_time<A>(&self, proof: Proof<A>, now: UnixTime) -> Result<Fresh<A>, RequestError> {
        let marks = &self.marks;
        let store = match &marks.store {
            MarkStore::OfSessions => Some(&*self.store),
            MarkStore::Other(store) => Some(&**store),
            MarkStore::ThisProcess => None,
        };
        if let (None, Some(retry_after)) = (store, marks.blind_for(&proof)) {
            return Err(RequestError::JustStarted { retry_after });
        }
        let mut inserted = marks.seen.insert_new(&proof, now).map_err(|why| match why {
            NotRemembered::Full => RequestError::Overloaded { retry_after: Duration::from_secs(30) },
            NotRemembered::Forgotten => ProofError::Stale.into(),
        })?;
        // Here for the first time: perhaps it came to another process.
        if let (Inserted::Created, Some(store)) = (inserted, store) {
            inserted = store.insert_new(&proof.mark()).await?;
            // A store that took long may have been asked when the mark of a copy was gone.
            proof.check_age(self.now())?;
        }
        if inserted == Inserted::Exists {
            self.report(&Event::Replayed { session_id: proof.session_id() });
        }
        Ok(proof.stored(inserted)?)
    }
}
