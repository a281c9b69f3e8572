//! The steps, each of which demands what the one before it has stored.

use rand_core::CryptoRng;

use super::challenge::{ChallengeRefused, ChallengeState};
use super::code::{NotACode, OtpCode};
use super::handle::ChallengeHandle;
use super::recipient::{Message, OtpThrottled, RecipientState};
use super::sms::{Sms, SmsTemplate};
use super::{OtpPolicy, Resend};
use crate::id::{OtpChallengeId, OtpPurpose, Recipient, Subject};
use crate::issue::FullLogin;
use crate::keyring::Keys;
use crate::record::{Inserted, Swap};
use crate::time::UnixTime;

/// Keys, rules, and the present, for one step.
#[derive(Clone, Copy, Debug)]
pub struct OtpContext<'a> {
    /// Of the tenant.
    pub keys: &'a Keys,
    /// The rules.
    pub policy: &'a OtpPolicy,
    /// Read once for each decision.
    pub now: UnixTime,
}

/// A state that must be stored before its evidence exists.
///
/// ```compile_fail
/// // A code is not charged before a store says so.
/// fn early<S, E>(step: pinlatch::otp::Unstored<S, E>) -> E { step.evidence }
/// ```
#[derive(Debug)]
#[must_use = "a state that is not stored did not happen"]
pub struct Unstored<S, E> {
    state: S,
    evidence: E,
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

/// Evidence that a message may be sent: it is counted.
#[derive(Debug)]
#[must_use = "a message that is not sent is to be reported as failed"]
pub struct ChargedMessage {
    recipient: Recipient,
    message: Message,
}

/// Evidence that a guess of a recipient is counted. It is good for one look at a code.
#[derive(Debug)]
pub struct ChargedGuess {
    recipient: Recipient,
    at: UnixTime,
    look: Look,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Look {
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

    /// The state after a message that could not be sent: it is not counted any more, but the wait stays.
    #[must_use]
    pub fn refund_message(&self, charged: &ChargedMessage) -> Self {
        if charged.recipient == self.recipient { self.message_failed(charged.message) } else { self.clone() }
    }

    /// Counts a guess, before the code is looked at.
    ///
    /// # Errors
    /// [`OtpThrottled`].
    pub fn charge_guess(&self, context: &OtpContext<'_>) -> Result<Unstored<Self, ChargedGuess>, OtpThrottled> {
        let state = self.add_guess(context.policy, context.now)?;
        let evidence = ChargedGuess { recipient: self.recipient.clone(), at: context.now, look: Look::NotYet };
        Ok(Unstored { state, evidence })
    }

    /// The state without one guess: that of a right code, or of one that was not looked at. Any other stays.
    #[must_use]
    pub fn refund_guess(&self, charged: &ChargedGuess) -> Self {
        let due = charged.recipient == self.recipient && charged.look != Look::Wrong;
        if due { self.withdraw_guess(charged.at) } else { self.clone() }
    }
}

impl ChallengeState {
    /// Begins a challenge, to be stored as a new record. `subject` is whom it leads to, nobody if the host does not know the
    /// recipient: then it goes as any other, without a message, and no code is right.
    #[must_use]
    pub fn begin<R: CryptoRng + ?Sized>(
        purpose: OtpPurpose,
        recipient: Recipient,
        subject: Option<Subject>,
        context: &OtpContext<'_>,
        rng: &mut R,
    ) -> (Self, ChallengeHandle) {
        let (handle, pepper) = (ChallengeHandle::random(rng), context.keys.active());
        let state = Self {
            id: handle.id(),
            pepper: pepper.id(),
            holder: pepper.otp_holder(handle.id(), handle.holder()),
            purpose,
            recipient,
            subject,
            digits: context.policy.digits(),
            created_at: context.now,
            expires_at: context.now.saturating_add(context.policy.lifetime()),
            tries: 0,
            generation: 0,
            used: false,
        };
        (state, handle)
    }

    /// The message of a challenge, and the hint that stands in it. `None` if there is nobody to send it to, or if another
    /// recipient's message was charged.
    #[must_use]
    pub fn sms(
        &self,
        handle: &ChallengeHandle,
        charged: &ChargedMessage,
        template: &SmsTemplate,
        context: &OtpContext<'_>,
    ) -> Option<Sms> {
        self.subject.as_ref().filter(|_| charged.recipient == self.recipient)?;
        let code = self.code(handle, context.keys)?;
        Some(template.message(self.recipient.clone(), charged.hint(context.policy), &code))
    }

    /// Whether another message may be sent for it, as far as the challenge itself is concerned.
    ///
    /// # Errors
    /// [`ChallengeRefused`].
    pub fn may_resend(&self, handle: &ChallengeHandle, context: &OtpContext<'_>) -> Result<(), ChallengeRefused> {
        self.check(handle, &self.purpose, context.keys, context.policy, context.now)
    }

    /// What to store before another message is sent. `None` when it says the same code. Neither life nor tries begin anew.
    #[must_use]
    pub fn next_code(&self, policy: &OtpPolicy) -> Option<Self> {
        match policy.resend() {
            Resend::SameCode => None,
            Resend::FreshCode => Some(Self { generation: self.generation.saturating_add(1), ..self.clone() }),
        }
    }

    /// Whether the challenge takes this code, for this purpose and from this holder. Nothing is charged, and the code is
    /// not looked at but for its length.
    ///
    /// # Errors
    /// [`ChallengeRefused`].
    pub fn admit<'a>(
        &self,
        handle: &'a ChallengeHandle,
        purpose: &OtpPurpose,
        code: &OtpCode,
        context: &OtpContext<'_>,
    ) -> Result<OpenChallenge<'a>, ChallengeRefused> {
        self.check(handle, purpose, context.keys, context.policy, context.now)?;
        let code = code.without_hint(self.digits).map_err(|NotACode| ChallengeRefused::NotACode)?;
        Ok(OpenChallenge { state: self.clone(), handle, code })
    }
}

impl ChargedMessage {
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

/// Evidence that a challenge takes a code.
#[derive(Debug)]
pub struct OpenChallenge<'a> {
    state: ChallengeState,
    handle: &'a ChallengeHandle,
    code: OtpCode,
}

/// Evidence that a code was charged to its recipient and to its challenge. It may be looked at, once.
#[derive(Debug)]
#[must_use = "a charged code is to be judged"]
pub struct ChargedTry<'a> {
    state: ChallengeState,
    handle: &'a ChallengeHandle,
    code: OtpCode,
    guess: &'a mut ChargedGuess,
}

/// A wrong code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WrongCode {
    /// How many more this challenge takes.
    pub tries_remaining: u8,
}

/// Evidence of the right code. It counts for nothing before the challenge is used up.
#[derive(Debug)]
#[must_use = "a right code is to be used"]
pub struct RightCode {
    challenge: OtpChallengeId,
}

impl<'a> OpenChallenge<'a> {
    /// Charges the challenge, after its recipient.
    ///
    /// # Errors
    /// [`ChallengeRefused::Invalid`] if another recipient was charged, or the charge has paid for a look before.
    pub fn charge(
        self,
        guess: &'a mut ChargedGuess,
    ) -> Result<Unstored<ChallengeState, ChargedTry<'a>>, ChallengeRefused> {
        if guess.recipient != self.state.recipient || guess.look != Look::NotYet {
            return Err(ChallengeRefused::Invalid);
        }
        let state = ChallengeState { tries: self.state.tries.saturating_add(1), ..self.state };
        let evidence = ChargedTry { state: state.clone(), handle: self.handle, code: self.code, guess };
        Ok(Unstored { state, evidence })
    }
}

impl ChargedTry<'_> {
    /// Compares, in the same time whatever is wrong. No code is right for a recipient that nobody is.
    ///
    /// # Errors
    /// [`WrongCode`].
    pub fn judge(self, context: &OtpContext<'_>) -> Result<RightCode, WrongCode> {
        let expected = self.state.code(self.handle, context.keys);
        let right = expected.is_some_and(|expected| expected.is(&self.code)) & self.state.subject.is_some();
        if !right {
            self.guess.look = Look::Wrong;
            return Err(WrongCode { tries_remaining: context.policy.tries().saturating_sub(self.state.tries) });
        }
        self.guess.look = Look::Right;
        Ok(RightCode { challenge: self.state.id })
    }
}

/// Evidence that somebody has received a message: who, and for what.
#[derive(Debug)]
#[must_use = "whoever has proven something wants it used"]
pub struct ProvenRecipient {
    recipient: Recipient,
    purpose: OtpPurpose,
    subject: Subject,
}

impl RightCode {
    /// Uses the challenge up, in the state that is stored now, and takes back the charge of this code. What comes out is
    /// evidence once it is stored; of two right codes at once the second finds the challenge used.
    ///
    /// # Errors
    /// [`ChallengeRefused::Ended`]; [`ChallengeRefused::Invalid`] for the state of another challenge.
    pub fn consume(
        &self,
        present: &ChallengeState,
    ) -> Result<Unstored<ChallengeState, ProvenRecipient>, ChallengeRefused> {
        if present.id != self.challenge {
            return Err(ChallengeRefused::Invalid);
        }
        let Some(subject) = present.subject.clone().filter(|_| !present.used) else {
            return Err(ChallengeRefused::Ended);
        };
        let state = ChallengeState { used: true, tries: present.tries.saturating_sub(1), ..present.clone() };
        let (recipient, purpose) = (present.recipient.clone(), present.purpose.clone());
        Ok(Unstored { state, evidence: ProvenRecipient { recipient, purpose, subject } })
    }
}

impl ProvenRecipient {
    /// Who received the message.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// For what.
    #[must_use]
    pub const fn purpose(&self) -> &OtpPurpose {
        &self.purpose
    }

    /// Whom the host said it leads to.
    #[must_use]
    pub const fn subject(&self) -> &Subject {
        &self.subject
    }

    /// A full login, if that is what the code was sent for.
    #[must_use]
    pub fn into_login(self) -> Option<FullLogin> {
        (self.purpose == OtpPurpose::login()).then(|| FullLogin::vouched_by_host(self.subject))
    }
}
