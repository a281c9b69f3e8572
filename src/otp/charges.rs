//! What is counted for a recipient, and the evidence that it is.

use rand_core::CryptoRng;

use super::context::OtpContext;
use super::policy::OtpPolicy;
use super::recipient::{Message, OtpThrottled, RecipientState};
use crate::id::Recipient;
use crate::record::{Inserted, Swap};
use crate::time::UnixTime;

/// A state that must be stored before its evidence exists.
///
/// ```compile_fail
/// // A code is not charged before a store says so.
/// fn early<S, E>(step: pinlatch::otp::Unstored<S, E>) -> E { step.evidence }
/// ```
#[derive(Debug)]
#[must_use = "a state that is not stored did not happen"]
pub struct Unstored<S, E> {
    pub(super) state: S,
    pub(super) evidence: E,
}

impl<S, E> Unstored<S, E> {
    /// What to store.
    #[must_use]
    pub const fn state(&self) -> &S {
        &self.state
    }

    /// Gives out the evidence if the swap took place.
    ///
    /// # Errors
    /// The outcome, when it was another one. The step has to be repeated on a fresh state.
    pub fn replaced(self, outcome: Swap) -> Result<(E, S), Swap> {
        if outcome == Swap::Replaced { Ok((self.evidence, self.state)) } else { Err(outcome) }
    }

    /// Gives out the evidence if the record was new.
    ///
    /// # Errors
    /// The outcome, when it was another one. The step has to be repeated on a fresh state.
    pub fn inserted(self, outcome: Inserted) -> Result<(E, S), Inserted> {
        if outcome == Inserted::Created { Ok((self.evidence, self.state)) } else { Err(outcome) }
    }
}

/// Evidence that a message may be sent, once: it is counted.
#[derive(Debug)]
#[must_use = "a message that is not sent is to be reported as failed"]
pub struct ChargedMessage {
    pub(super) recipient: Recipient,
    message: Message,
}

/// A message that was not sent, or whose sending failed.
#[derive(Debug)]
pub struct FailedMessage(ChargedMessage);

/// A guess that was not looked at, or was right.
#[derive(Debug)]
pub struct ReturnedGuess(ChargedGuess);

/// Evidence that a guess of a recipient is counted. It is good for one look at a code.
#[derive(Debug)]
pub struct ChargedGuess {
    pub(super) recipient: Recipient,
    pub(super) digits: u8,
    at: UnixTime,
    pub(super) look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    NotYet,
    Wrong,
    Right,
}

impl RecipientState {
    /// Counts a message, before it is sent.
    ///
    /// # Errors
    /// [`OtpThrottled`].
    pub fn charge_message<R: CryptoRng + ?Sized>(
        &self,
        context: &OtpContext<'_>,
        rng: &mut R,
    ) -> Result<Unstored<Self, ChargedMessage>, OtpThrottled> {
        let (state, message) = self.add_message(context.policy, context.now, rng)?;
        let evidence = ChargedMessage { recipient: self.recipient.clone(), message };
        Ok(Unstored { state, evidence })
    }

    /// The state after a message that could not be sent: the day has one more. What is counted within the hour stays,
    /// so that nobody learns from the next wait whether there was anything to send.
    #[must_use]
    pub fn refund_message(&self, FailedMessage(failed): &FailedMessage) -> Self {
        if failed.recipient == self.recipient { self.message_failed(failed.message) } else { self.clone() }
    }

    /// Counts a guess at codes of so many [digits](super::ChallengeState::digits), before one is looked at.
    ///
    /// # Errors
    /// [`OtpThrottled`].
    pub fn charge_guess(
        &self,
        digits: u8,
        context: &OtpContext<'_>,
    ) -> Result<Unstored<Self, ChargedGuess>, OtpThrottled> {
        let state = self.add_guess(digits, context.policy, context.now)?;
        let evidence = ChargedGuess { recipient: self.recipient.clone(), digits, at: context.now, look: Look::NotYet };
        Ok(Unstored { state, evidence })
    }

    /// The state without one guess. To be applied to the state that is stored now, and stored once.
    #[must_use]
    pub fn refund_guess(&self, ReturnedGuess(guess): &ReturnedGuess) -> Self {
        if guess.recipient == self.recipient { self.withdraw_guess(guess.at) } else { self.clone() }
    }
}

impl ChargedGuess {
    /// Gives it back. Nothing, if it has paid for a look at a wrong code.
    #[must_use]
    pub fn give_back(self) -> Option<ReturnedGuess> {
        (self.look != Look::Wrong).then_some(ReturnedGuess(self))
    }
}

impl ChargedMessage {
    /// Gives it back, unsent.
    #[must_use]
    pub fn not_sent(self) -> FailedMessage {
        FailedMessage(self)
    }

    /// The digit in front of the code, if the policy wants one: to be shown beside the input.
    #[must_use]
    pub fn hint(&self, policy: &OtpPolicy) -> Option<u8> {
        policy.hint().then_some(self.message.hint)
    }

    /// When the next message may be sent.
    #[must_use]
    pub fn next_at(&self, state: &RecipientState, policy: &OtpPolicy) -> UnixTime {
        state.next_message_at(policy).unwrap_or(self.message.at)
    }
}
