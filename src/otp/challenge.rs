//! One challenge: a code that somebody was sent, and what became of it. The code itself is not in here.

use subtle::ConstantTimeEq;

use super::OtpPolicy;
use super::code::OtpCode;
use super::handle::ChallengeHandle;
use crate::encoding::{Malformed, Reader, Writer};
use crate::id::{OtpChallengeId, OtpPurpose, Recipient, Subject};
use crate::keyring::{Keys, PepperId};
use crate::record::{RecordKey, RecordKind};
use crate::time::UnixTime;

const VERSION: u8 = 2;

/// The state of one challenge.
#[derive(Clone, Debug)]
pub struct ChallengeState {
    pub(super) id: OtpChallengeId,
    /// Whose keys the code and the holder's secret are of. The record itself may be under a newer pepper.
    pub(super) pepper: PepperId,
    /// A MAC of the holder's secret.
    pub(super) holder: [u8; 16],
    pub(super) purpose: OtpPurpose,
    pub(super) recipient: Recipient,
    /// Nobody, if the host does not know the recipient. Their challenges go as all others do, and lead nowhere.
    pub(super) subject: Subject,
    /// Of its codes, also if the policy has become another one.
    pub(super) digits: u8,
    pub(super) created_at: UnixTime,
    pub(super) expires_at: UnixTime,
    /// Codes that were charged, and not taken back.
    pub(super) tries: u8,
    /// How many codes came before this one.
    pub(super) generation: u8,
    /// Whether the right code was entered. It is good for once.
    pub(super) used: bool,
}

/// Why a challenge takes no code. Nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChallengeRefused {
    /// Not a challenge of this service, or not for this purpose.
    #[error("not a challenge of this service, or not for this purpose")]
    Invalid,
    /// Over: too old, used up, or used. Start again.
    #[error("the challenge is over")]
    Ended,
    /// Not as many digits as its codes have. Ask for the code again.
    #[error("not as many digits as the code has")]
    NotACode,
}

impl ChallengeState {
    /// Where its record lies.
    #[must_use]
    pub const fn record_key(id: OtpChallengeId) -> RecordKey {
        RecordKey { kind: RecordKind::OtpChallenge, id: *id.as_bytes() }
    }

    /// Whom the messages go to.
    #[must_use]
    pub const fn recipient(&self) -> &Recipient {
        &self.recipient
    }

    /// What the code is for.
    #[must_use]
    pub const fn purpose(&self) -> &OtpPurpose {
        &self.purpose
    }

    /// Whom it leads to.
    #[must_use]
    pub fn subject(&self) -> Option<Subject> {
        self.subject.clone().into_somebody()
    }

    /// How many digits its codes have.
    #[must_use]
    pub const fn digits(&self) -> u8 {
        self.digits
    }

    /// When its record may go.
    #[must_use]
    pub const fn expires_at(&self) -> UnixTime {
        self.expires_at
    }

    /// Whether the handle is the holder's, and the challenge is for this purpose and takes a code.
    pub(super) fn check(
        &self,
        handle: &ChallengeHandle,
        purpose: &OtpPurpose,
        keys: &Keys,
        policy: &OtpPolicy,
        now: UnixTime,
    ) -> Result<(), ChallengeRefused> {
        let pepper = keys.find(self.pepper).ok_or(ChallengeRefused::Ended)?;
        let holder = pepper.otp_holder(self.id, handle.holder());
        let same_holder: bool = holder.ct_eq(&self.holder).into();
        if handle.id() != self.id || !same_holder || self.purpose != *purpose {
            return Err(ChallengeRefused::Invalid);
        }
        let open = now < self.expires_at && !self.used && self.tries < policy.tries();
        if open { Ok(()) } else { Err(ChallengeRefused::Ended) }
    }

    /// The code that the message of this generation has.
    pub(super) fn code(&self, handle: &ChallengeHandle, keys: &Keys) -> Option<OtpCode> {
        let pepper = keys.find(self.pepper)?;
        let bits = pepper.otp_code(&self.purpose, &self.recipient, self.id, handle.holder(), self.generation);
        Some(OtpCode::from_random(bits, self.digits))
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(512);
        out.u8(VERSION);
        out.bytes(&self.pepper.0.to_be_bytes());
        out.bytes(&self.holder);
        out.short_text(self.purpose.as_str());
        out.short_text(self.recipient.as_str());
        out.padded_text(self.subject.as_str());
        out.u8(self.digits);
        out.time(self.created_at);
        out.time(self.expires_at);
        out.u8(self.tries);
        out.u8(self.generation);
        out.u8(self.used.into());
        out.finish()
    }

    pub(crate) fn decode(id: OtpChallengeId, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let state = Self {
            id,
            pepper: PepperId(input.u32()?),
            holder: input.array()?,
            purpose: OtpPurpose::new(input.short_text()?).map_err(|_| Malformed)?,
            recipient: Recipient::new(input.short_text()?).map_err(|_| Malformed)?,
            subject: Subject::or_nobody(input.padded_text()?),
            digits: Some(input.u8()?).filter(|digits| OtpPolicy::DIGITS.contains(digits)).ok_or(Malformed)?,
            created_at: input.time()?,
            expires_at: input.time()?,
            tries: input.u8()?,
            generation: input.u8()?,
            used: match input.u8()? {
                0 => false,
                1 => true,
                _ => return Err(Malformed),
            },
        };
        input.finish()?;
        Ok(state)
    }
}
