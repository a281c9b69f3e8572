//! The façade: one call for each thing a user does. It reads the clock, loads, lets a pure step decide, and stores.

mod attempt;
mod builder;
mod codes;
mod kdf_pool;
mod lanes;
mod login;
mod manage;
mod opener;
mod problem;
mod records;
mod renewal;
mod requests;
mod rotation;
mod unlock;
mod unlock_error;

use std::sync::Arc;

pub use self::builder::{BuildError, SessionsBuilder};
pub use self::codes::{Delivery, DeliveryError, OneTimeCodes, OneTimeCodesBuilder, OtpError, PendingCode};
pub use self::kdf_pool::KdfPool;
pub use self::login::{LoggedIn, LoginError};
pub use self::manage::{LiveAccessError, LogOutError, SessionInfo};
pub use self::opener::{ByPin, ByToken, Opener};
pub use self::renewal::{RenewError, RenewedAccess};
pub use self::requests::{BoundAccessToken, RequestError};
pub use self::unlock::{DeviceKeyAdded, UnlockedSession};
pub use self::unlock_error::{ChangePinError, UnlockError};

use self::kdf_pool::{Busy, EvaluationLost, Reservation};
use self::lanes::{InLane, Lanes};
use self::requests::Marks;
use crate::access_token::{
    AccessToken, AccessTokenError, AccessTokens, BoundAccess, HostClaims, HostClaimsError, VerifiedAccess,
};
use crate::authorize::Grant;
use crate::clock::ClockPolicy;
use crate::context::Context;
use crate::criterion::Criterion;
use crate::deadline::within;
use crate::id::SessionId;
use crate::keyring::{KeyRing, Keys};
use crate::observer::{Event, Observer};
use crate::permission::{Denial, Permission, Verdict, permit};
use crate::policy::Policy;
use crate::record::OwnerKey;
use crate::session::SessionState;
use crate::situation::{Remembered, RequestContext};
use crate::store::{SessionStore, StoreError};
use crate::stretched_pin::{StretchTask, StretchedPin};
use crate::time::UnixTime;

/// Sessions of one tenant. Cheap to clone; clones are the same service.
///
/// The operating system's randomness is the only one used; should it fail, the call panics rather than continue.
#[derive(Clone)]
pub struct Sessions(Arc<Service>);

struct Service {
    store: Box<dyn SessionStore>,
    clock: Box<dyn ClockPolicy>,
    criterion: Option<Box<dyn Criterion>>,
    observer: Box<dyn Observer>,
    keys: Keys,
    policy: Policy,
    access_tokens: AccessTokens,
    kdf: KdfPool,
    by_session: Lanes<SessionId>,
    by_subject: Lanes<OwnerKey>,
    marks: Marks,
}

/// Evaluations of the KDF that one subject may occupy at once in a process.
const LANES_PER_SUBJECT: usize = 4;

impl Sessions {
    /// Begins with what has no default: the secrets, the store (an `Arc<dyn SessionStore>` is one, too), and who signs
    /// access tokens.
    pub fn builder(
        key_ring: KeyRing,
        store: impl SessionStore + 'static,
        access_tokens: AccessTokens,
    ) -> SessionsBuilder {
        SessionsBuilder::new(key_ring, Box::new(store), access_tokens)
    }

    /// Verifies an access token without asking the store. A session that was revoked a moment ago is still believed
    /// until the token expires; where that matters, use [`Sessions::verify_live`]. Hours and criterion are not asked
    /// again: they bounded the token when it was minted.
    ///
    /// # Errors
    /// [`AccessTokenError`].
    pub fn verify(&self, access_token: &str) -> Result<VerifiedAccess, AccessTokenError> {
        self.0.access_tokens.verifier().verify(access_token, self.0.clock.now())
    }

    /// Verifies an access token that is bound to a key of its client. It is worth nothing alone:
    /// [`Sessions::verify_request`] verifies it with the request that the key has signed. This is for keys that the
    /// host has bound, and for routes that ask for [no signature](BoundAccess::without_proof).
    ///
    /// # Errors
    /// [`AccessTokenError`].
    pub fn verify_bound(&self, access_token: &str) -> Result<BoundAccess, AccessTokenError> {
        self.0.access_tokens.verifier().verify_bound(access_token, self.0.clock.now())
    }

    /// Another access token for the same grant, with claims of the host's own. Its time is the grant's: mint it at
    /// once, as it ends when the first one does.
    ///
    /// # Errors
    /// [`HostClaimsError`].
    pub fn mint(&self, grant: &Grant, claims: &impl serde::Serialize) -> Result<AccessToken, HostClaimsError> {
        Ok(self.0.mint(grant, &HostClaims::new(claims)?))
    }

    /// The public keys with which others verify the access tokens, as a JSON Web Key Set: the body of
    /// `/.well-known/jwks.json`, with the type `application/jwk-set+json`.
    #[must_use]
    pub fn jwks(&self) -> String {
        self.0.access_tokens.verifier().jwks()
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }
}

impl core::fmt::Debug for Sessions {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Sessions").field("keys", &self.0.keys).field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

/// What a request holds while it is judged.
struct Turn<'a> {
    /// For the KDF, if it is to run.
    room: Option<Reservation>,
    _session: Option<InLane<'a, SessionId>>,
    _subject: InLane<'a, OwnerKey>,
}

impl Turn<'_> {
    /// Evaluates the KDF in the room that was waited for.
    async fn run(&self, task: StretchTask) -> Result<StretchedPin, StoreError> {
        let lost = |lost: EvaluationLost| StoreError::Unavailable(lost.into());
        let room = self.room.as_ref().ok_or_else(|| lost(EvaluationLost))?;
        room.run(task).await.map_err(lost)
    }
}

impl Service {
    fn now(&self) -> UnixTime {
        self.clock.now()
    }

    fn context(&self, now: UnixTime) -> Context<'_> {
        self.context_of(&RequestContext::default(), now)
    }

    /// For a step that changes what the session remembers.
    fn context_of(&self, request: &RequestContext, now: UnixTime) -> Context<'_> {
        Context { keys: &self.keys, policy: &self.policy, now, seen: request.seen(now), remembered: self.remembered() }
    }

    fn remembered(&self) -> Remembered {
        self.criterion.as_ref().map_or(Remembered::NOTHING, Criterion::remembers)
    }

    /// Whether a session may be used at an instant.
    fn permit(&self, state: &SessionState, request: &RequestContext, at: UnixTime) -> Result<Permission, Denial> {
        let verdict = self
            .criterion
            .as_ref()
            .map_or(Verdict::ALLOW, |criterion| criterion.check(&state.situation(request, criterion.remembers(), at)));
        let permission = permit(self.clock.window(at), verdict, at);
        if let Err(denial) = permission {
            self.report(&Event::Denied { session_id: state.id(), subject: state.subject().clone(), denial });
        }
        permission
    }

    fn mint(&self, grant: &Grant, claims: &HostClaims) -> AccessToken {
        self.access_tokens.mint(grant, claims, &mut os_rng())
    }

    fn report(&self, event: &Event) {
        #[cfg(feature = "tracing")]
        crate::observer::trace(event);
        self.observer.observe(event);
    }

    /// Waits for a turn: one at a time for a session, a few for a subject, and room for the KDF.
    async fn turn(&self, session: Option<SessionId>, subject: OwnerKey, kib: Option<u32>) -> Result<Turn<'_>, Busy> {
        let turn = async {
            let session = match session {
                Some(id) => Some(self.by_session.enter(id).await),
                None => None,
            };
            let subject = self.by_subject.enter(subject).await;
            let room = match kib {
                Some(kib) => Some(self.kdf.reserve(kib).await?),
                None => None,
            };
            Ok(Turn { room, _session: session, _subject: subject })
        };
        within(self.kdf.max_wait(), turn).await.unwrap_or(Err(Busy))
    }
}

/// The operating system's randomness.
#[expect(clippy::disallowed_types, reason = "this is the place where randomness comes from")]
const fn os_rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use core::time::Duration;

    use super::*;
    use crate::access_token::AccessTokenKey;
    use crate::id::Subject;
    use crate::issue::FullLogin;
    use crate::keyring::{Pepper, PepperId};
    use crate::pin::Pin;
    use crate::situation::RequestContext;
    use crate::stores::MemoryStore;
    use crate::stretch::KdfParams;

    /// In KiB.
    const ROOM: u32 = 1 << 20;

    /// With a pool that nobody waits for.
    fn sessions() -> Result<Sessions, Box<dyn std::error::Error>> {
        let secret = |mark: u8| -> Vec<u8> { (0..32).map(|at: u8| at ^ mark).collect() };
        let key_ring = KeyRing::new(Pepper::new(PepperId(1), secret(0))?, secret(64))?;
        let key = AccessTokenKey::hs256("k", &secret(128))?;
        let access_tokens = AccessTokens::new(key, "issuer", "audience", "client")?;
        let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build()?;
        let builder = Sessions::builder(key_ring, MemoryStore::default(), access_tokens).policy(policy);
        Ok(builder.kdf_pool(KdfPool::new(ROOM, Duration::from_millis(30))).build()?)
    }

    #[tokio::test]
    async fn who_unwraps_on_the_device_needs_no_room_for_the_kdf() {
        let sessions = sessions().unwrap();
        let (login, pin) = (|| FullLogin::vouched_by_host(Subject::new("alice").unwrap()), Pin::new("739216").unwrap());
        let wrapped = sessions.login(login(), pin.clone()).await.unwrap().device_token;
        let taken = sessions.0.kdf.reserve(ROOM).await.unwrap();
        let token = sessions.login_client(login()).await.unwrap().device_token;
        let request = RequestContext::new();
        assert!(sessions.unlock_token(token.expose_secret(), &request).await.is_ok());
        assert_eq!(sessions.unlock(wrapped.as_str(), &pin, &request).await.unwrap_err().code(), "busy");
        drop(taken);
        assert!(sessions.unlock(wrapped.as_str(), &pin, &request).await.is_ok());
    }

    #[tokio::test]
    async fn a_session_and_a_subject_take_no_more_turns_than_theirs() {
        let sessions = sessions().unwrap();
        let service = &*sessions.0;
        let owner = |name: &str| service.keys.owner(&Subject::new(name).unwrap());
        let session = |mark: u8| Some(SessionId::from_bytes([mark; 16]));

        let first = service.turn(session(0), owner("alice"), Some(8)).await.ok().unwrap();
        assert!(service.turn(session(0), owner("alice"), Some(8)).await.is_err(), "one at a time for a session");
        let mut others = Vec::new();
        for mark in 1..4 {
            others.push(service.turn(session(mark), owner("alice"), Some(8)).await.ok().unwrap());
        }
        assert!(service.turn(session(4), owner("alice"), Some(8)).await.is_err(), "four at a time for a subject");
        assert!(service.turn(session(5), owner("bob"), Some(8)).await.is_ok(), "and others are not kept waiting");
        drop(first);
        assert!(service.turn(session(0), owner("alice"), Some(8)).await.is_ok());
    }
}
