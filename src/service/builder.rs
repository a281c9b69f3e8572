//! Putting a service together.

use core::time::Duration;
use std::sync::Arc;

use super::kdf_pool::KdfPool;
use super::lanes::Lanes;
use super::requests::{MarkStore, Marks};
use super::{LANES_PER_SUBJECT, Service, Sessions};
use crate::access_token::AccessTokens;
use crate::clock::{ClockPolicy, SystemClock};
use crate::criterion::{All, Criterion};
use crate::id::Tenant;
use crate::keyring::KeyRing;
use crate::observer::{NoObserver, Observer};
use crate::policy::Policy;
use crate::proof::SeenRequests;
use crate::store::SessionStore;

/// Puts a [`Sessions`] together.
#[must_use]
pub struct SessionsBuilder {
    key_ring: KeyRing,
    store: Box<dyn SessionStore>,
    access_tokens: AccessTokens,
    tenant: Tenant,
    policy: Policy,
    clock: Box<dyn ClockPolicy>,
    criterion: Option<Box<dyn Criterion>>,
    observer: Box<dyn Observer>,
    kdf: Option<KdfPool>,
    marks: MarkStore,
    mark_capacity: usize,
}

/// The parts do not fit together. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// The pool has less memory than the largest evaluation that the policy accepts.
    #[error("the KDF pool has {pool_kib} KiB, but the policy accepts evaluations of {needed_kib} KiB")]
    KdfPoolTooSmall {
        /// The pool's budget.
        pool_kib: u32,
        /// The policy's `max_kdf_m_kib`.
        needed_kib: u32,
    },
}

impl SessionsBuilder {
    pub(super) fn new(key_ring: KeyRing, store: Box<dyn SessionStore>, access_tokens: AccessTokens) -> Self {
        Self {
            key_ring,
            store,
            access_tokens,
            tenant: Tenant::default(),
            policy: Policy::default(),
            clock: Box::new(SystemClock),
            criterion: None,
            observer: Box::new(NoObserver),
            kdf: None,
            marks: MarkStore::OfSessions,
            mark_capacity: 1_000_000,
        }
    }

    /// The rules; [`Policy::default`] unless set.
    pub fn policy(self, policy: Policy) -> Self {
        Self { policy, ..self }
    }

    /// The clock and its hours; [`SystemClock`] unless set.
    pub fn clock(self, clock: impl ClockPolicy + 'static) -> Self {
        Self { clock: Box::new(clock), ..self }
    }

    /// In which circumstances a session may be used; in all unless set. Of several, all must allow it.
    pub fn criterion(self, criterion: impl Criterion + 'static) -> Self {
        let criterion = match self.criterion {
            Some(before) => All::both(before, criterion.boxed()).boxed(),
            None => criterion.boxed(),
        };
        Self { criterion: Some(criterion), ..self }
    }

    /// Who is told of every event; nobody unless set. Replaces the one before.
    pub fn observer(self, observer: impl Observer + 'static) -> Self {
        Self { observer: Box::new(observer), ..self }
    }

    /// Whose sessions these are; the default tenant's unless set.
    pub fn tenant(self, tenant: Tenant) -> Self {
        Self { tenant, ..self }
    }

    /// Where the KDF runs; a pool of its own unless set, with the memory of one evaluation per core, or of the largest
    /// that the policy accepts if that is more, and a wait of at most 2 seconds. Services of several tenants should
    /// share one: it bounds the memory of them all.
    pub fn kdf_pool(self, pool: KdfPool) -> Self {
        Self { kdf: Some(pool), ..self }
    }

    /// Where the marks of signed requests are kept; in the store of the sessions unless set. All servers that accept
    /// requests of the same sessions need the same one, or a copy is accepted once by each of them. It must keep what
    /// it acknowledged, also when the service starts again, or copies of the last minute are accepted then: a store in
    /// memory will not do. Replaces [`Self::replay_in_memory`].
    pub fn replay_store(self, store: impl SessionStore + 'static) -> Self {
        Self { marks: MarkStore::Other(Box::new(store)), ..self }
    }

    /// Keeps the marks of signed requests in memory only, for a service of one process: no store is asked.
    ///
    /// After a start it cannot know what was accepted before. So requests with access tokens from before, or from the
    /// first seconds (the verifier's leeway), are refused unless they were signed, by the client's clock, more than 30
    /// seconds after the start ([`RequestError::JustStarted`](super::RequestError::JustStarted)). The process before
    /// must have ended by then, and the clock must not be put back in between. Replaces [`Self::replay_store`].
    pub fn replay_in_memory(self) -> Self {
        Self { marks: MarkStore::ThisProcess, ..self }
    }

    /// How many signed requests may be remembered in memory: 1,000,000 unless set. Each takes about 40 bytes for two
    /// minutes. More are refused ([`RequestError::Overloaded`](super::RequestError::Overloaded)); none is forgotten.
    pub fn replay_capacity(self, requests: usize) -> Self {
        Self { mark_capacity: requests, ..self }
    }

    /// Puts the parts together.
    ///
    /// # Errors
    /// [`BuildError::KdfPoolTooSmall`] when the given pool could never serve the largest accepted wrap.
    pub fn build(self) -> Result<Sessions, BuildError> {
        let kdf = self.kdf.unwrap_or_else(|| default_pool(&self.policy));
        let (pool_kib, needed_kib) = (kdf.kib(), self.policy.max_kdf_m_kib());
        if pool_kib < needed_kib {
            return Err(BuildError::KdfPoolTooSmall { pool_kib, needed_kib });
        }
        let seen = SeenRequests::new(self.mark_capacity, self.policy.max_signed_requests());
        let marks = Marks::new(seen, self.marks, self.clock.now(), self.access_tokens.verifier().leeway());
        Ok(Sessions(Arc::new(Service {
            marks,
            store: self.store,
            clock: self.clock,
            criterion: self.criterion,
            observer: self.observer,
            keys: self.key_ring.keys(&self.tenant),
            policy: self.policy,
            access_tokens: self.access_tokens.for_tenant(self.tenant),
            kdf,
            by_session: Lanes::new(1),
            by_subject: Lanes::new(LANES_PER_SUBJECT),
        })))
    }
}

fn default_pool(policy: &Policy) -> KdfPool {
    let cores = std::thread::available_parallelism().map_or(1, |cores| u32::try_from(cores.get()).unwrap_or(1));
    let kib = policy.kdf().m_kib().saturating_mul(cores).max(policy.max_kdf_m_kib());
    KdfPool::new(kib, Duration::from_secs(2))
}

impl core::fmt::Debug for SessionsBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SessionsBuilder").field("policy", &self.policy).finish_non_exhaustive()
    }
}
