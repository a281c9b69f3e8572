//! Challenges and recipients in the store.

use super::{Codes, OtpError};
use crate::id::{OtpChallengeId, Recipient};
use crate::limits::LimitFuture;
use crate::observer::Event;
use crate::otp::{
    ChallengeHandle, ChallengeRefused, ChallengeState, OtpContext, OtpThrottled, RecipientState, Unstored,
    challenge_record, read_challenge, read_recipient, recipient_record,
};
use crate::record::{Inserted, Swap, first_revision, next_revision};
use crate::service::os_rng;
use crate::service::records::{Contended, MAX_SWAPS};
use crate::store::StoreError;
use crate::time::UnixTime;

/// A challenge as it was stored.
pub(super) struct LoadedChallenge {
    pub(super) revision: u64,
    pub(super) state: ChallengeState,
}

impl Codes {
    /// The challenge of a handle, whether the handle is right or not.
    pub(super) async fn load_challenge(&self, handle: &ChallengeHandle) -> Result<LoadedChallenge, OtpError> {
        let service = &*self.service;
        let record = service.store.load(&ChallengeState::record_key(handle.id())).await?;
        let record = record.ok_or(ChallengeRefused::Invalid)?;
        let state = service.read(&record, read_challenge(&service.keys, &record))?;
        Ok(LoadedChallenge { revision: record.revision, state: state.ok_or(ChallengeRefused::Invalid)? })
    }

    pub(super) async fn insert_challenge(&self, state: &ChallengeState) -> Result<Inserted, StoreError> {
        let record = challenge_record(&self.service.keys, state, first_revision(&mut os_rng()));
        self.service.store.insert_new(&record).await
    }

    pub(super) async fn replace_challenge(&self, loaded: u64, state: &ChallengeState) -> Result<Swap, StoreError> {
        let record = challenge_record(&self.service.keys, state, next_revision(loaded));
        self.service.store.replace_if(loaded, &record).await
    }

    /// The state of a recipient, and its revision if there is a record.
    async fn load_recipient(&self, recipient: &Recipient) -> Result<(Option<u64>, RecipientState), StoreError> {
        let service = &*self.service;
        let record = service.store.load(&service.keys.recipient_record(recipient)).await?;
        let Some(record) = record else { return Ok((None, RecipientState::new(recipient.clone()))) };
        let state = service.read(&record, read_recipient(&service.keys, &record, recipient))?;
        let state = state.unwrap_or_else(|| RecipientState::new(recipient.clone()));
        Ok((Some(record.revision), state))
    }

    async fn insert_recipient(&self, state: &RecipientState, now: UnixTime) -> Result<Inserted, StoreError> {
        let record = recipient_record(&self.service.keys, state, first_revision(&mut os_rng()), now);
        self.service.store.insert_new(&record).await
    }

    async fn replace_recipient(&self, loaded: u64, state: &RecipientState, now: UnixTime) -> Result<Swap, StoreError> {
        let record = recipient_record(&self.service.keys, state, next_revision(loaded), now);
        self.service.store.replace_if(loaded, &record).await
    }

    /// Charges a recipient for something. The host's limit is asked once, and only if there is something to charge.
    pub(super) async fn charge<'l, E>(
        &self,
        recipient: &Recipient,
        limit: impl FnOnce() -> LimitFuture<'l>,
        step: impl Fn(&RecipientState, &OtpContext<'_>) -> Result<Unstored<RecipientState, E>, OtpThrottled>,
    ) -> Result<(E, RecipientState), OtpError> {
        let mut limit = Some(limit);
        for _ in 0..MAX_SWAPS {
            let now = self.service.now();
            let (loaded, state) = self.load_recipient(recipient).await?;
            let step = step(&state, &self.context(now)).map_err(|throttled| OtpError::until(throttled, now))?;
            if let Some(limit) = limit.take() {
                limit().await?;
            }
            let stored = match loaded {
                Some(revision) => {
                    let outcome = self.replace_recipient(revision, step.state(), now).await?;
                    step.replaced(outcome).ok()
                }
                None => {
                    let outcome = self.insert_recipient(step.state(), now).await?;
                    step.inserted(outcome).ok()
                }
            };
            if let Some(stored) = stored {
                return Ok(stored);
            }
        }
        Err(Contended.into_store_error().into())
    }

    /// Takes a charge back. What was decided stands, whether the store does this or not; a charge that stays is the
    /// safe side, and reported.
    pub(super) async fn take_back(
        &self,
        recipient: &Recipient,
        challenge_id: OtpChallengeId,
        without: impl Fn(&RecipientState) -> RecipientState,
    ) {
        if self.swap_recipient(recipient, without).await.is_err() {
            self.service.report(&Event::ChargeKept { challenge_id });
        }
    }

    async fn swap_recipient(
        &self,
        recipient: &Recipient,
        change: impl Fn(&RecipientState) -> RecipientState,
    ) -> Result<(), StoreError> {
        for _ in 0..MAX_SWAPS {
            let (loaded, state) = self.load_recipient(recipient).await?;
            let (Some(revision), changed) = (loaded, change(&state)) else { return Ok(()) };
            if changed == state
                || self.replace_recipient(revision, &changed, self.service.now()).await? == Swap::Replaced
            {
                return Ok(());
            }
        }
        Err(Contended.into_store_error())
    }
}
