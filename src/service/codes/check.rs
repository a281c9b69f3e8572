//! From a code to evidence.

use super::records::LoadedChallenge;
use super::{Codes, OneTimeCodes, OtpError};
use crate::deadline::within;
use crate::id::OtpPurpose;
use crate::issue::FullLogin;
use crate::limits::OtpRequest;
use crate::observer::Event;
use crate::otp::{
    ChallengeHandle, ChallengeRefused, ChargedGuess, OtpCode, OtpContext, ProvenRecipient, RecipientState, RightCode,
    WrongCode,
};
use crate::record::next_revision;
use crate::service::records::{Contended, MAX_SWAPS};
use crate::situation::RequestContext;

impl OneTimeCodes {
    /// Accepts a code, once: evidence that whoever presents it received the message, for this purpose.
    ///
    /// ```
    /// # use pinlatch::id::{OtpPurpose, Recipient};
    /// # use pinlatch::{OneTimeCodes, RequestContext, VerifiedAccess};
    /// # async fn change_number(codes: &OneTimeCodes, access: &VerifiedAccess, challenge: &str, typed: &str, request: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
    /// // Begun by the user who has logged in: codes.start(&purpose, new_number, Some(access.subject.clone()), …)
    /// let purpose = OtpPurpose::new("change-number")?;
    /// let proven = codes.check(&purpose, challenge, &typed.parse()?, request).await?;
    /// if *proven.subject() == access.subject {
    ///     println!("{} has the number {} now", proven.subject(), proven.recipient());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// The guess is charged before the code is looked at and taken back when it proves right. If the future is dropped
    /// in between, or the store fails, the charge stands, and the code may be used up: run this in a task of its own
    /// where a framework drops the handler of a client that went away.
    ///
    /// # Errors
    /// [`OtpError`] with what to do.
    pub async fn check(
        &self,
        purpose: &OtpPurpose,
        challenge: &str,
        code: &OtpCode,
        request: &RequestContext,
    ) -> Result<ProvenRecipient, OtpError> {
        let codes = &*self.0;
        let handle: ChallengeHandle = challenge.parse().map_err(|_| ChallengeRefused::Invalid)?;
        let max_wait = codes.service.kdf.max_wait();
        let lane = within(max_wait, codes.by_holder.enter(handle.lane(&codes.service.keys))).await;
        let _lane = lane.ok_or(OtpError::Busy { retry_after: max_wait })?;
        codes.check(purpose, &handle, code, request).await
    }

    /// Accepts a code that was sent [to log in](OtpPurpose::login), once: evidence for [`Sessions::login`], which has
    /// the request context with it. Look at the new PIN before, with [`Sessions::check_new_pin`], or a weak one costs
    /// the user another message.
    ///
    /// [`Sessions::login`]: crate::Sessions::login
    /// [`Sessions::check_new_pin`]: crate::Sessions::check_new_pin
    ///
    /// # Errors
    /// [`OtpError`] with what to do.
    pub async fn log_in(
        &self,
        challenge: &str,
        code: &OtpCode,
        request: &RequestContext,
    ) -> Result<FullLogin, OtpError> {
        let proven = self.check(&OtpPurpose::login(), challenge, code, request).await?;
        let login = proven.into_login().ok_or(ChallengeRefused::Invalid)?;
        Ok(login.with_request(request.clone()))
    }
}

impl Codes {
    async fn check(
        &self,
        purpose: &OtpPurpose,
        handle: &ChallengeHandle,
        code: &OtpCode,
        request: &RequestContext,
    ) -> Result<ProvenRecipient, OtpError> {
        let loaded = self.load_challenge(handle).await?;
        drop(loaded.state.admit(handle, purpose, code, &self.context(self.service.now()))?);
        let recipient = loaded.state.recipient().clone();
        let asked = OtpRequest { recipient: &recipient, purpose, context: request };
        let limit = || self.limits.guess(&asked);
        let step =
            |state: &RecipientState, context: &OtpContext<'_>| state.charge_guess(loaded.state.digits(), context);
        let charged = self.charge(&recipient, limit, step).await;
        let (mut guess, _) = charged.inspect_err(|error| {
            self.report_throttle(error, |until| Event::CodeThrottled { challenge_id: handle.id(), until });
        })?;
        let proven = match self.judge(loaded, purpose, handle, code, &mut guess).await {
            Ok((right, loaded)) => self.consume(loaded, handle, &right).await,
            Err(error) => Err(error),
        };
        if let Some(returned) = guess.give_back() {
            self.take_back(&recipient, handle.id(), |state| state.refund_guess(&returned)).await;
        }
        if proven.is_ok() {
            self.limits.right_code(&asked);
        }
        proven
    }

    /// Charges the challenge, and looks at the code.
    async fn judge(
        &self,
        mut loaded: LoadedChallenge,
        purpose: &OtpPurpose,
        handle: &ChallengeHandle,
        code: &OtpCode,
        guess: &mut ChargedGuess,
    ) -> Result<(RightCode, LoadedChallenge), OtpError> {
        for _ in 0..MAX_SWAPS {
            let context = self.context(self.service.now());
            let charge = loaded.state.admit(handle, purpose, code, &context)?.charge(guess)?;
            let outcome = self.replace_challenge(loaded.revision, charge.state()).await?;
            if let Ok((charged, state)) = charge.replaced(outcome) {
                let right = charged.judge(&context).map_err(|WrongCode { tries_remaining }| {
                    let (challenge_id, subject) = (handle.id(), state.subject());
                    self.service.report(&Event::WrongCode { challenge_id, subject, tries_remaining });
                    OtpError::WrongCode { tries_remaining }
                })?;
                return Ok((right, LoadedChallenge { revision: next_revision(loaded.revision), state }));
            }
            loaded = self.load_challenge(handle).await?;
        }
        Err(Contended.into_store_error().into())
    }

    /// Uses the challenge up. What leaves is stored.
    async fn consume(
        &self,
        mut loaded: LoadedChallenge,
        handle: &ChallengeHandle,
        right: &RightCode,
    ) -> Result<ProvenRecipient, OtpError> {
        for _ in 0..MAX_SWAPS {
            let used = right.consume(&loaded.state)?;
            let outcome = self.replace_challenge(loaded.revision, used.state()).await?;
            if let Ok((proven, _)) = used.replaced(outcome) {
                let subject = proven.subject().clone();
                self.service.report(&Event::RightCode { challenge_id: handle.id(), subject });
                return Ok(proven);
            }
            loaded = self.load_challenge(handle).await?;
        }
        Err(Contended.into_store_error().into())
    }
}
