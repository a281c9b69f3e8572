//! The steps, each of which demands what the one before it has stored.

use rand_core::CryptoRng;
use subtle::Choice;

use super::challenge::{ChallengeRefused, ChallengeState};
use super::charges::{ChargedGuess, ChargedMessage, FailedMessage, Look, Unstored};
use super::code::{NotACode, OtpCode};
use super::context::OtpContext;
use super::handle::ChallengeHandle;
use super::sms::{Sms, SmsTemplate};
use super::{OtpPolicy, Resend};
use crate::id::{OtpChallengeId, OtpPurpose, Recipient, Subject};
use crate::issue::FullLogin;

impl ChallengeState {
    /// Begins a challenge, to be stored as a new record. `subject` is whom it leads to, nobody if the host does not
    /// know the recipient: then it goes as any other, without a message, and no code is right.
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
            subject: subject.unwrap_or_else(Subject::nobody),
            digits: context.policy.digits(),
            created_at: context.now,
            expires_at: context.now.saturating_add(context.policy.lifetime()),
            tries: 0,
            generation: 0,
            used: false,
        };
        (state, handle)
    }

    /// The message of a challenge, and what to do with it should it fail. `None` if there is nobody to send it to, or
    /// if another recipient's message was charged.
    #[must_use]
    pub fn sms(
        &self,
        handle: &ChallengeHandle,
        charged: ChargedMessage,
        template: &SmsTemplate,
        context: &OtpContext<'_>,
    ) -> Option<(Sms, FailedMessage)> {
        self.subject().filter(|_| charged.recipient == self.recipient)?;
        let code = self.code(handle, context.keys)?;
        let sms = template.message(self.recipient.clone(), charged.hint(context.policy), &code);
        Some((sms, charged.not_sent()))
    }

    /// Whether another message may be sent for it, as far as the challenge itself is concerned.
    ///
    /// # Errors
    /// [`ChallengeRefused`].
    pub fn may_resend(&self, handle: &ChallengeHandle, context: &OtpContext<'_>) -> Result<(), ChallengeRefused> {
        self.check(handle, &self.purpose, context.keys, context.policy, context.now)
    }

    /// What to store before another message is sent. `None` when it says the same code. Neither life nor tries begin
    /// anew.
    #[must_use]
    pub fn next_code(&self, policy: &OtpPolicy) -> Option<Self> {
        match policy.resend() {
            Resend::SameCode => None,
            Resend::FreshCode => Some(Self { generation: self.generation.saturating_add(1), ..self.clone() }),
        }
    }

    /// Whether the challenge takes this code, for this purpose and from this holder. Nothing is charged, and the code
    /// is not looked at but for its length.
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
    /// [`ChallengeRefused::Invalid`] if another recipient was charged or for codes of other digits, or the charge has
    /// paid for a look before.
    pub fn charge(
        self,
        guess: &'a mut ChargedGuess,
    ) -> Result<Unstored<ChallengeState, ChargedTry<'a>>, ChallengeRefused> {
        let pays = guess.recipient == self.state.recipient && guess.digits == self.state.digits;
        if !pays || guess.look != Look::NotYet {
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
        let leads_nowhere = Choice::from(u8::from(self.state.subject.is_nobody()));
        let right = expected.map_or_else(|| Choice::from(0), |expected| expected.is(&self.code));
        if !bool::from(right & !leads_nowhere) {
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
    /// Uses the challenge up, in the state that is stored now. What comes out is
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
        let Some(subject) = present.subject().filter(|_| !present.used) else {
            return Err(ChallengeRefused::Ended);
        };
        let state = ChallengeState { used: true, ..present.clone() };
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
