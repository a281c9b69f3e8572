//! Loading and storing states as records.

use super::{Service, os_rng};
use crate::body::{read_session, read_subject, session_record, subject_record};
use crate::id::{SessionId, Subject};
use crate::observer::Event;
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap, first_revision, next_revision};
use crate::session::SessionState;
use crate::store::{Page, StoreError};
use crate::subject::SubjectState;
use crate::time::UnixTime;

/// A session as it was stored.
pub(super) struct Loaded {
    pub(super) revision: u64,
    pub(super) state: SessionState,
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
        let record = self.store.load(&SessionState::record_key(id)).await?;
        let read = record.and_then(|record| self.read(&record, read_session(&self.keys, &record)));
        Ok(read.map(|(revision, state)| Loaded { revision, state }))
    }

    /// The state of a subject, if it is known, authentic, and not expired.
    pub(super) async fn load_subject(
        &self,
        subject: &Subject,
        now: UnixTime,
    ) -> Result<Option<SubjectState>, StoreError> {
        let record = self.store.load(&self.keys.subject_record(subject)).await?;
        let live = record.filter(|record| now < record.expires_at);
        Ok(live.and_then(|record| self.read(&record, read_subject(&self.keys, &record))).map(|(_, state)| state))
    }

    fn read<T>(&self, record: &Record, state: Result<T, crate::body::RecordRefused>) -> Option<(u64, T)> {
        match state {
            Ok(state) => Some((record.revision, state)),
            Err(_) => {
                self.report(&Event::RecordRefused { key: record.key });
                None
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

    /// All authentic sessions of an owner, expired ones included.
    pub(super) async fn list_states(&self, owner: OwnerKey) -> Result<Vec<SessionState>, StoreError> {
        const LIMIT: u16 = 100;
        let (mut states, mut after) = (Vec::new(), None);
        loop {
            let records = self.store.list(&owner, RecordKind::Session, Page { after, limit: LIMIT }).await?;
            after = records.last().map(|record| record.key.id);
            let full = records.len() >= usize::from(LIMIT);
            states.extend(
                records
                    .iter()
                    .filter_map(|record| self.read(record, read_session(&self.keys, record)))
                    .map(|(_, state)| state),
            );
            if !full {
                return Ok(states);
            }
        }
    }

    /// The state of a subject, made or renewed as a login needs it: present, authentic, and outliving the session
    /// that is about to begin.
    pub(super) async fn ensure_subject(&self, subject: &Subject, now: UnixTime) -> Result<SubjectState, StoreError> {
        let key = self.keys.subject_record(subject);
        let lifetime = self.policy.absolute_lifetime();
        let (needed, granted) = (now.saturating_add(lifetime), now.saturating_add(lifetime * 2));
        for _ in 0..MAX_SWAPS {
            let Some(record) = self.store.load(&key).await? else {
                if let Some(state) = self.insert_subject(key, granted).await? {
                    return Ok(state);
                }
                continue;
            };
            let state = if now < record.expires_at {
                self.read(&record, read_subject(&self.keys, &record)).map(|(_, state)| state)
            } else {
                None
            };
            match state {
                Some(state) if record.expires_at > needed => return Ok(state),
                // Known, but it would end before the session: the same epoch, for longer.
                // Unknown: a fresh epoch.
                state => {
                    let state = state.unwrap_or_else(|| SubjectState::new(&mut os_rng()));
                    if self.replace_subject(&record, &state, granted).await? == Swap::Replaced {
                        return Ok(state);
                    }
                }
            }
        }
        Err(Contended.into_store_error())
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
