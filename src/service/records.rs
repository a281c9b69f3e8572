//! Loading and storing states as records.

use super::{Service, os_rng};
use crate::body::{RecordRefused, is_of_other_pepper, read_session, read_subject, session_record, subject_record};
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap, first_revision, next_revision};
use crate::revoke::MOST_SKEW;
use crate::session::SessionState;
use crate::store::{Page, StoreError};
use crate::subject::SubjectState;
use crate::time::UnixTime;

/// A session as it was stored.
pub(super) struct Loaded {
    pub(super) revision: u64,
    pub(super) state: SessionState,
}

/// The sessions of an owner.
#[derive(Default)]
pub(super) struct Listed {
    /// Expired ones included.
    pub(super) states: Vec<SessionState>,
    /// Those that cannot be read.
    pub(super) unread: Vec<SessionId>,
    /// Why, if they do not count as absent: a newer server has written them.
    pub(super) newer: Option<StoreError>,
}

/// How often a swap is repeated. Each time somebody else made progress, so this many means a store that is broken.
pub(super) const MAX_SWAPS: usize = 64;

/// A swap that never comes through.
#[derive(Debug, thiserror::Error)]
#[error("the record changed {MAX_SWAPS} times in a row")]
pub(super) struct Contended;

impl Contended {
    pub(super) fn into_store_error(self) -> StoreError {
        StoreError::Unavailable(Box::new(self))
    }
}

impl Service {
    /// The session of an id. One whose record is not authentic counts as absent, and is reported.
    pub(super) async fn load_session(&self, id: SessionId) -> Result<Option<Loaded>, StoreError> {
        let Some(record) = self.store.load(&SessionState::record_key(id)).await? else { return Ok(None) };
        let state = self.read(&record, read_session(&self.keys, &record))?;
        Ok(state.map(|state| Loaded { revision: record.revision, state }))
    }

    /// The state of a subject, if it is known, authentic, and not expired.
    pub(super) async fn load_subject(
        &self,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Option<SubjectState>, StoreError> {
        Ok(self.load_subject_record(subject, now).await?.map(|(_, state)| state))
    }

    async fn load_subject_record(
        &self,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Option<(Record, SubjectState)>, StoreError> {
        let record = self.store.load(&self.keys.subject_record(subject)).await?;
        let Some(record) = record.filter(|record| now < record.expires_at) else { return Ok(None) };
        let state = self.read(&record, read_subject(&self.keys, &record))?;
        Ok(state.map(|state| (record, state)))
    }

    /// A record that is not authentic counts as absent. One that another server made under a newer pepper, or in a
    /// newer format, does not: it is good, and must not be overwritten. Both are reported.
    pub(super) fn read<T>(&self, record: &Record, state: Result<T, RecordRefused>) -> Result<Option<T>, StoreError> {
        let refused = match state {
            Ok(state) => return Ok(Some(state)),
            Err(refused) => refused,
        };
        self.report(&Event::RecordRefused { key: record.key });
        match refused {
            RecordRefused::NotAuthentic => Ok(None),
            RecordRefused::NewerPepper { .. } | RecordRefused::UnknownFormat => {
                Err(StoreError::Corrupt(refused.into()))
            }
        }
    }

    /// Stores a new session.
    pub(super) async fn insert_session(&self, state: &SessionState) -> Result<Inserted, StoreError> {
        let expires_at = state.expires_at(&self.policy);
        let record = session_record(&self.keys, state, first_revision(&mut os_rng()), expires_at);
        self.store.insert_new(&record).await
    }

    /// Stores a state over the one that was loaded.
    pub(super) async fn replace_session(&self, loaded: u64, state: &SessionState) -> Result<Swap, StoreError> {
        let record = session_record(&self.keys, state, next_revision(loaded), state.expires_at(&self.policy));
        self.store.replace_if(loaded, &record).await
    }

    /// All sessions of an owner.
    pub(super) async fn list_sessions(&self, owner: OwnerKey) -> Result<Listed, StoreError> {
        const LIMIT: u16 = 100;
        let (mut listed, mut after) = (Listed::default(), None);
        loop {
            let records = self.store.list(&owner, RecordKind::Session, Page { after, limit: LIMIT }).await?;
            after = records.last().map(|record| record.key.id);
            for record in &records {
                match self.read(record, read_session(&self.keys, record)) {
                    Ok(Some(state)) => {
                        listed.states.push(state);
                        continue;
                    }
                    Ok(None) => {}
                    Err(error) => listed.newer = Some(error),
                }
                listed.unread.push(SessionId::from_bytes(record.key.id));
            }
            if records.len() < usize::from(LIMIT) {
                return Ok(listed);
            }
        }
    }

    /// The state of a subject, made or renewed as a login needs it: present, authentic, and outliving the session
    /// that is about to begin.
    pub(super) async fn ensure_subject(&self, subject: &Subject, now: UnixTime) -> Result<SubjectState, StoreError> {
        let key = self.keys.subject_record(subject);
        let lifetime = self.policy.absolute_lifetime();
        // A login's time may be moved forward a little.
        let (needed, granted) =
            (now.saturating_add(lifetime + MOST_SKEW), now.saturating_add(lifetime * 2 + MOST_SKEW));
        for _ in 0..MAX_SWAPS {
            let Some(record) = self.store.load(&key).await? else {
                if let Some(state) = self.insert_subject(key, granted).await? {
                    return Ok(state);
                }
                continue;
            };
            let known =
                if now < record.expires_at { self.read(&record, read_subject(&self.keys, &record))? } else { None };
            let lasts = record.expires_at > needed && !is_of_other_pepper(&self.keys, &record);
            // A known subject keeps its epoch, for longer or under the active pepper; an unknown one gets a fresh one.
            let state = match known {
                Some(state) if lasts => return Ok(state),
                Some(state) => state,
                None => SubjectState::new(&mut os_rng()),
            };
            if self.replace_subject(&record, &state, granted).await? == Swap::Replaced {
                return Ok(state);
            }
        }
        Err(Contended.into_store_error())
    }

    /// Loads a subject, and moves its record to the active pepper if it is of another one.
    pub(super) async fn load_and_renew_subject(
        &self,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Option<SubjectState>, StoreError> {
        let Some((record, state)) = self.load_subject_record(subject, now).await? else { return Ok(None) };
        if is_of_other_pepper(&self.keys, &record) {
            // Whoever came first did the same, or ended the subject's sessions. A store that fails here fails nobody:
            // the state was just read, and the next unlock tries again.
            if let Ok(Swap::Stale | Swap::Missing) = self.replace_subject(&record, &state, record.expires_at).await {
                return self.load_subject(subject, now).await;
            }
        }
        Ok(Some(state))
    }

    async fn insert_subject(&self, key: RecordKey, expires_at: UnixTime) -> Result<Option<SubjectState>, StoreError> {
        let state = SubjectState::new(&mut os_rng());
        let record = subject_record(&self.keys, key, &state, first_revision(&mut os_rng()), expires_at);
        Ok((self.store.insert_new(&record).await? == Inserted::Created).then_some(state))
    }

    async fn replace_subject(
        &self,
        present: &Record,
        state: &SubjectState,
        expires_at: UnixTime,
    ) -> Result<Swap, StoreError> {
        let revision = next_revision(present.revision);
        let record = subject_record(&self.keys, present.key, state, revision, expires_at.max(present.expires_at));
        self.store.replace_if(present.revision, &record).await
    }

    /// A fresh epoch, in one write.
    pub(super) async fn renew_epoch(&self, subject: &Subject) -> Result<(), StoreError> {
        let key = self.keys.subject_record(subject);
        for _ in 0..MAX_SWAPS {
            // Without a record no session of the subject is live.
            let Some(present) = self.store.load(&key).await? else { return Ok(()) };
            let state = SubjectState::new(&mut os_rng());
            if self.replace_subject(&present, &state, present.expires_at).await? == Swap::Replaced {
                return Ok(());
            }
        }
        Err(Contended.into_store_error())
    }

    /// Ends a session. Says whether there was one.
    pub(super) async fn remove_session(&self, id: SessionId) -> Result<bool, StoreError> {
        self.store.remove(&SessionState::record_key(id)).await
    }
}

#[cfg(all(test, feature = "memory"))]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::access_token::{AccessTokenKey, AccessTokens};
    use crate::body::of_the_future;
    use crate::issue::FullLogin;
    use crate::keyring::{KeyRing, Pepper, PepperId};
    use crate::pin::Pin;
    use crate::policy::Policy;
    use crate::service::Sessions;
    use crate::situation::RequestContext;
    use crate::store::SessionStore;
    use crate::stores::MemoryStore;
    use crate::stretch::KdfParams;

    /// An older version that runs beside a newer one tells nobody that their session has ended, and overwrites nothing.
    #[tokio::test]
    async fn a_row_of_a_newer_version_is_left_alone() {
        let secret = |mark: u8| core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap());
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret(0)).unwrap(), secret(64)).unwrap();
        let tokens = AccessTokens::new(AccessTokenKey::hs256("k", &secret(128)).unwrap(), "i", "a", "c").unwrap();
        let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
        let sessions = Sessions::builder(keys, MemoryStore::default(), tokens).policy(policy).build().unwrap();
        let (alice, pin) = (Subject::new("alice").unwrap(), Pin::new("739216").unwrap());
        let login = async || sessions.login(FullLogin::vouched_by_host(alice.clone()), pin.clone()).await;
        let issued = login().await.unwrap();
        let (service, wrapped) = (&*sessions.0, issued.device_token.as_str());

        for key in [SessionState::record_key(issued.session_id), service.keys.subject_record(&alice)] {
            let present = service.store.load(&key).await.unwrap().unwrap();
            let future = of_the_future(&service.keys, &present);
            assert_eq!(service.store.replace_if(present.revision, &future).await.unwrap(), Swap::Replaced);
            let refused = sessions.unlock(wrapped, &pin, &RequestContext::new()).await.unwrap_err();
            assert_eq!(refused.code(), "unavailable", "{key:?}");
            if key.kind == RecordKind::Subject {
                assert_eq!(login().await.unwrap_err().code(), "unavailable");
            }
            assert_eq!(service.store.load(&key).await.unwrap().unwrap(), future, "{key:?} is as it was");
            service.store.remove(&key).await.unwrap();
            assert_eq!(service.store.insert_new(&present).await.unwrap(), Inserted::Created);
        }
        assert!(sessions.unlock(wrapped, &pin, &RequestContext::new()).await.is_ok());
    }

    /// Also what a leaked pepper could still be tried with, and what only a newer server can read.
    #[tokio::test]
    async fn no_row_of_a_subject_is_left() {
        let secret = |mark: u8| core::array::from_fn::<u8, 32, _>(|at| mark ^ u8::try_from(at).unwrap());
        let pepper = |id: u32| Pepper::new(PepperId(id), secret(u8::try_from(id).unwrap())).unwrap();
        let store: Arc<dyn SessionStore> = Arc::new(MemoryStore::default());
        let with = |keys: KeyRing| {
            let tokens = AccessTokens::new(AccessTokenKey::hs256("k", &secret(128)).unwrap(), "i", "a", "c").unwrap();
            let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
            Sessions::builder(keys, store.clone(), tokens).policy(policy).build().unwrap()
        };
        let (alice, pin) = (Subject::new("alice").unwrap(), Pin::new("739216").unwrap());
        let leaked = with(KeyRing::new(pepper(1), secret(64)).unwrap());
        let raised = with(KeyRing::new(pepper(2), secret(64)).unwrap().with_min_id(PepperId(2)).unwrap());
        let mut keys = Vec::new();
        for sessions in [&leaked, &raised, &raised] {
            let issued = sessions.login(FullLogin::vouched_by_host(alice.clone()), pin.clone()).await.unwrap();
            keys.push(SessionState::record_key(issued.session_id));
        }
        let present = store.load(&keys[1]).await.unwrap().unwrap();
        let future = of_the_future(&raised.0.keys, &present);
        assert_eq!(store.replace_if(present.revision, &future).await.unwrap(), Swap::Replaced);
        raised.revoke_all(&alice).await.unwrap();
        for key in keys {
            assert_eq!(store.load(&key).await.unwrap(), None);
        }
    }
}
