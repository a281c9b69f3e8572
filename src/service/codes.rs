//! One-time codes by SMS: the steps of [`crate::otp`], each stored before the next is made.

mod check;
mod delivery;
mod otp_error;
mod records;

use core::time::Duration;
use std::sync::Arc;

pub use self::delivery::{Delivery, DeliveryError};
pub use self::otp_error::OtpError;

use self::records::LoadedChallenge;
use super::lanes::Lanes;
use super::records::{Contended, MAX_SWAPS};
use super::{Service, Sessions, os_rng};
use crate::id::{OtpChallengeId, OtpPurpose, Recipient, Subject};
use crate::limits::{NoLimits, OtpLimits, OtpRequest};
use crate::observer::Event;
use crate::otp::{
    ChallengeHandle, ChallengeRefused, ChallengeState, ChargedMessage, OtpContext, OtpPolicy, RecipientState,
    SmsTemplate,
};
use crate::record::{Inserted, Swap};
use crate::sender::SmsSender;
use crate::situation::RequestContext;
use crate::store::StoreError;
use crate::time::UnixTime;

/// One-time codes by SMS, as another way to the [`FullLogin`](crate::FullLogin) that [`Sessions::login`] wants. Made by
/// [`Sessions::one_time_codes`]; cheap to clone.
///
/// ```
/// # use pinlatch::otp::{OtpCode, SmsTemplate};
/// # use pinlatch::id::{OtpPurpose, Recipient};
/// # use pinlatch::{LoginError, OneTimeCodes, Pin, RequestContext, Sessions, Subject};
/// # use pinlatch::sender::SmsSender;
/// # fn set_up(sessions: &Sessions, gateway: impl SmsSender + 'static) -> Result<OneTimeCodes, Box<dyn std::error::Error>> {
/// let text = SmsTemplate::new("{code} is your code for Example. Never tell it to anyone.", "example.com")?;
/// let codes = sessions.one_time_codes(gateway, text).build();
/// # Ok(codes)
/// # }
/// # fn user_with(_: &Recipient) -> Option<Subject> { None }
/// # async fn start(codes: &OneTimeCodes, request: &RequestContext) -> Result<(), Box<dyn std::error::Error>> {
///
/// // A number was entered. Whether anybody has it changes nothing but the message.
/// let recipient = Recipient::phone("+49 151 12345678")?;
/// let subject = user_with(&recipient);
/// let pending = codes.start(&OtpPurpose::login(), recipient, subject, request).await?;
/// tokio::spawn(async move {
///     if let Err(error) = pending.delivery.run().await {
///         eprintln!("no code was sent: {error:?}");
///     }
/// });
/// let challenge = pending.challenge.to_text(); // for the client
/// # let _ = challenge; Ok(())
/// # }
/// # async fn check(codes: &OneTimeCodes, sessions: &Sessions, request: &RequestContext, pin: Pin) -> Result<(), Box<dyn std::error::Error>> {
/// # let (challenge, typed) = ("plo1_", "482913");
///
/// // The code was typed, and a PIN chosen.
/// sessions.check_new_pin(&pin)?;
/// let login = codes.log_in(challenge, &typed.parse()?, request).await?;
/// let logged_in = match sessions.login(login, pin.clone()).await {
///     // The code is used up; what it has shown is good for another try.
///     Err(LoginError::Busy { login: Some(login), .. }) => sessions.login(*login, pin).await?,
///     begun => begun?,
/// };
/// # let _ = logged_in; Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct OneTimeCodes(Arc<Codes>);

struct Codes {
    service: Arc<Service>,
    policy: OtpPolicy,
    template: SmsTemplate,
    sender: Box<dyn SmsSender>,
    limits: Box<dyn OtpLimits>,
    /// By who holds a challenge: somebody who knows its id only stands in another lane.
    by_holder: Lanes<[u8; 16]>,
}

/// Puts [`OneTimeCodes`] together.
#[must_use]
pub struct OneTimeCodesBuilder(Codes);

impl Sessions {
    /// One-time codes of this tenant, with the same secrets, store, clock and observer: who sends the messages, and
    /// what stands in them. All that are made of one tenant's sessions share what they count for a recipient. Take one
    /// for each policy; a challenge that was begun under another takes no more guesses than its codes' length allows.
    pub fn one_time_codes(&self, sender: impl SmsSender + 'static, template: SmsTemplate) -> OneTimeCodesBuilder {
        OneTimeCodesBuilder(Codes {
            service: Arc::clone(&self.0),
            policy: OtpPolicy::default(),
            template,
            sender: Box::new(sender),
            limits: Box::new(NoLimits),
            by_holder: Lanes::new(1),
        })
    }
}

impl OneTimeCodesBuilder {
    /// The rules; [`OtpPolicy::default`] unless set.
    pub fn policy(self, policy: OtpPolicy) -> Self {
        Self(Codes { policy, ..self.0 })
    }

    /// Limits of the host's own, for what many recipients are sent and guessed; none unless set. Replaces those before.
    pub fn limits(self, limits: impl OtpLimits + 'static) -> Self {
        Self(Codes { limits: Box::new(limits), ..self.0 })
    }

    /// Puts the parts together.
    #[must_use]
    pub fn build(self) -> OneTimeCodes {
        OneTimeCodes(Arc::new(self.0))
    }
}

/// A challenge whose message is yet to be sent.
#[derive(Debug)]
#[must_use = "no message is sent before the delivery is run"]
#[non_exhaustive]
pub struct PendingCode {
    /// For the client, which presents it with the code.
    pub challenge: ChallengeHandle,
    /// The digit in front of the code, if the policy wants one: to be shown beside the input. No part of the code, and
    /// another one in each message.
    pub hint: Option<u8>,
    /// How many digits the code has.
    pub digits: u8,
    /// When the next message may be asked for. If that is later than `expires_in`, the client starts again then.
    pub resend_after: Duration,
    /// How long the code lives.
    pub expires_in: Duration,
    /// What is to be run in a task of its own, so that the time of the answer does not tell whether there is a message.
    /// Its error is for the log.
    pub delivery: Delivery,
}

impl OneTimeCodes {
    /// Begins a challenge: a code for this purpose, to this recipient, which leads to this subject. It is sent when the
    /// host runs [`PendingCode::delivery`]. `None` is for a recipient that the host does not know: the answers are then
    /// the same, there is no message, and no code is right.
    ///
    /// To log in, the recipient is one that its owner has proven before. To prove one, under a purpose of the host's
    /// own, the subject is the user who has logged in, or who somebody is about to become.
    ///
    /// # Errors
    /// [`OtpError::Throttled`], [`OtpError::LimitsUnavailable`], [`OtpError::Store`].
    pub async fn start(
        &self,
        purpose: &OtpPurpose,
        recipient: Recipient,
        subject: Option<Subject>,
        request: &RequestContext,
    ) -> Result<PendingCode, OtpError> {
        let codes = &*self.0;
        let asked = OtpRequest { recipient: &recipient, purpose, context: request };
        let (charged, counted) = codes.charge_message(&asked, None).await?;
        let context = codes.context(codes.service.now());
        let (state, challenge) =
            ChallengeState::begin(purpose.clone(), recipient.clone(), subject, &context, &mut os_rng());
        match codes.insert_challenge(&state).await {
            Ok(Inserted::Created) => Ok(self.pending(state, challenge, charged, &counted)),
            Ok(Inserted::Exists) => Err(StoreError::Corrupt(ChallengeIdTaken.into()).into()),
            Err(error) => {
                let failed = charged.not_sent();
                codes.take_back(&recipient, challenge.id(), |state| state.refund_message(&failed)).await;
                Err(error.into())
            }
        }
    }

    /// Another message for a challenge, with the same code or a fresh one, as the policy has it. The challenge lives no
    /// longer, and takes no more tries. Sent by [`PendingCode::delivery`].
    ///
    /// # Errors
    /// [`OtpError::Refused`], [`OtpError::Throttled`], [`OtpError::LimitsUnavailable`], [`OtpError::Store`].
    pub async fn resend(&self, challenge: &str, request: &RequestContext) -> Result<PendingCode, OtpError> {
        let codes = &*self.0;
        let handle: ChallengeHandle = challenge.parse().map_err(|_| ChallengeRefused::Invalid)?;
        let state = codes.load_challenge(&handle).await?.state;
        state.may_resend(&handle, &codes.context(codes.service.now()))?;
        let (recipient, purpose) = (state.recipient().clone(), state.purpose().clone());
        let asked = OtpRequest { recipient: &recipient, purpose: &purpose, context: request };
        let (charged, counted) = codes.charge_message(&asked, Some(handle.id())).await?;
        match codes.next_code(&handle).await {
            Ok(state) => Ok(self.pending(state, handle, charged, &counted)),
            Err(error) => {
                let failed = charged.not_sent();
                codes.take_back(&recipient, handle.id(), |state| state.refund_message(&failed)).await;
                Err(error)
            }
        }
    }

    /// The rules in force.
    #[must_use]
    pub fn policy(&self) -> &OtpPolicy {
        &self.0.policy
    }

    fn pending(
        &self,
        state: ChallengeState,
        challenge: ChallengeHandle,
        charged: ChargedMessage,
        counted: &RecipientState,
    ) -> PendingCode {
        let (codes, now) = (&*self.0, self.0.service.now());
        PendingCode {
            hint: charged.hint(&codes.policy),
            digits: state.digits(),
            resend_after: now.until(charged.next_at(counted, &codes.policy)),
            expires_in: now.until(state.expires_at()),
            delivery: Delivery::new(Arc::clone(&self.0), state, challenge.clone(), charged),
            challenge,
        }
    }
}

impl Codes {
    fn context(&self, now: UnixTime) -> OtpContext<'_> {
        OtpContext { keys: &self.service.keys, policy: &self.policy, now }
    }

    async fn charge_message(
        &self,
        asked: &OtpRequest<'_>,
        challenge_id: Option<OtpChallengeId>,
    ) -> Result<(ChargedMessage, RecipientState), OtpError> {
        let limit = || self.limits.message(asked);
        let step = |state: &RecipientState, context: &OtpContext<'_>| state.charge_message(context, &mut os_rng());
        let charged = self.charge(asked.recipient, limit, step).await;
        charged.inspect_err(|error| {
            self.report_throttle(error, |until| Event::MessageThrottled { challenge_id, until });
        })
    }

    fn report_throttle(&self, error: &OtpError, event: impl FnOnce(UnixTime) -> Event) {
        if let OtpError::Throttled { retry_after } = error {
            self.service.report(&event(self.service.now().saturating_add(*retry_after)));
        }
    }

    /// Stores that another code is valid from now on, if the policy wants that.
    async fn next_code(&self, handle: &ChallengeHandle) -> Result<ChallengeState, OtpError> {
        for _ in 0..MAX_SWAPS {
            let LoadedChallenge { revision, state: present } = self.load_challenge(handle).await?;
            present.may_resend(handle, &self.context(self.service.now()))?;
            let Some(next) = present.next_code(&self.policy) else { return Ok(present) };
            if self.replace_challenge(revision, &next).await? == Swap::Replaced {
                return Ok(next);
            }
        }
        Err(Contended.into_store_error().into())
    }
}

/// The store holds a challenge id that was just drawn at random.
#[derive(Debug, thiserror::Error)]
#[error("a random challenge id was taken: is the randomness broken?")]
struct ChallengeIdTaken;

impl core::fmt::Debug for OneTimeCodes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OneTimeCodes").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}

impl core::fmt::Debug for OneTimeCodesBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OneTimeCodesBuilder").field("policy", &self.0.policy).finish_non_exhaustive()
    }
}
