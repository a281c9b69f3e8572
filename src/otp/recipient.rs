//! What is remembered of a recipient: messages and wrong codes of the last 24 hours, over all challenges.

use core::time::Duration;

use rand_core::CryptoRng;

use super::OtpPolicy;
use crate::encoding::{Malformed, Reader, Writer};
use crate::id::Recipient;
use crate::time::UnixTime;

const VERSION: u8 = 1;
const HOUR: Duration = Duration::from_secs(3600);
/// What a day may have, and an hour of failures beside it.
const MOST_MESSAGES: usize = 40;
const MOST_GUESSES: usize = 100;

/// Too many messages or wrong codes. Wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many messages or wrong codes")]
pub struct OtpThrottled {
    /// When to try again.
    pub retry_at: UnixTime,
}

/// A message that was sent, or was to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) at: UnixTime,
    /// The digit in front of its code.
    pub(super) hint: u8,
    /// Whether it could not be sent. It counts like any other for an hour, so that nobody who asks for the next one
    /// learns whether there was anything to send; then it is forgotten, and the day has one more.
    failed: bool,
}

/// The state of one recipient, whether they are known to the host or not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientState {
    pub(super) recipient: Recipient,
    messages: Vec<Message>,
    /// When each wrong code was charged. Those of one instant cannot be told apart, and need not be.
    guesses: Vec<UnixTime>,
}

impl RecipientState {
    /// Of a recipient to whom nothing was sent yet.
    #[must_use]
    pub const fn new(recipient: Recipient) -> Self {
        Self { recipient, messages: Vec::new(), guesses: Vec::new() }
    }

    /// From when on the state says nothing any more.
    #[must_use]
    pub fn expires_at(&self, now: UnixTime) -> UnixTime {
        // Other servers' clocks may be ahead of this one.
        let messages = self.messages.iter().map(|message| message.at);
        let latest = messages.chain(self.guesses.iter().copied()).fold(now, UnixTime::max);
        latest.saturating_add(OtpPolicy::DAY)
    }

    /// What is older than a day is over. A clock that was put back makes nothing over.
    fn forget(&mut self, now: UnixTime) {
        let within = |at: UnixTime, span: Duration| now < at.saturating_add(span);
        self.messages.retain(|message| within(message.at, if message.failed { HOUR } else { OtpPolicy::DAY }));
        self.guesses.retain(|at| within(*at, OtpPolicy::DAY));
    }

    /// Charges a message.
    pub(super) fn add_message<R: CryptoRng + ?Sized>(
        &self,
        policy: &OtpPolicy,
        now: UnixTime,
        rng: &mut R,
    ) -> Result<(Self, Message), OtpThrottled> {
        let mut state = self.clone();
        state.forget(now);
        if let Some(retry_at) = state.next_message_at(policy).filter(|at| now < *at) {
            return Err(OtpThrottled { retry_at });
        }
        let message = Message { at: now, hint: state.free_hint(rng), failed: false };
        state.messages.push(message);
        Ok((state, message))
    }

    /// When the next message may be sent, as far as there is something to wait for.
    pub(super) fn next_message_at(&self, policy: &OtpPolicy) -> Option<UnixTime> {
        let all: Vec<UnixTime> = self.messages.iter().map(|message| message.at).collect();
        let sent: Vec<UnixTime> =
            self.messages.iter().filter(|message| !message.failed).map(|message| message.at).collect();
        // The oldest of the last n must be over.
        let room = |of: &[UnixTime], limit: usize, span: Duration| {
            let oldest = of.len().checked_sub(limit).and_then(|at| of.get(at))?;
            Some(oldest.saturating_add(span))
        };
        let last = *all.last()?;
        let in_the_hour = all.iter().filter(|at| last < at.saturating_add(HOUR)).count();
        let cool_down = last.saturating_add(policy.cool_down(in_the_hour));
        let per_hour = room(&all, policy.sends_per_hour().into(), HOUR);
        let per_day = room(&sent, policy.sends_per_day().into(), OtpPolicy::DAY);
        let memory = (self.messages.len() >= MOST_MESSAGES).then(|| self.messages[0].at.saturating_add(OtpPolicy::DAY));
        [Some(cool_down), per_hour, per_day, memory].into_iter().flatten().max()
    }

    /// A digit that none of the last nine messages has.
    fn free_hint<R: CryptoRng + ?Sized>(&self, rng: &mut R) -> u8 {
        let recent = self.messages.iter().rev().take(9).map(|message| message.hint);
        let taken: Vec<u8> = recent.collect();
        let free: Vec<u8> = (0..10).filter(|digit| !taken.contains(digit)).collect();
        let at = usize::try_from(rng.next_u64() % free.len() as u64).expect("less than ten");
        free[at]
    }

    /// A message that could not be sent.
    pub(super) fn message_failed(&self, message: Message) -> Self {
        let mut state = self.clone();
        if let Some(found) = state.messages.iter_mut().rev().find(|known| **known == message) {
            found.failed = true;
        }
        state
    }

    /// Charges a code before it is looked at.
    pub(super) fn add_guess(&self, digits: u8, policy: &OtpPolicy, now: UnixTime) -> Result<Self, OtpThrottled> {
        let mut state = self.clone();
        state.forget(now);
        let over = state.guesses.len().checked_sub(policy.guesses_per_day_of(digits).into());
        if let Some(oldest) = over.and_then(|at| state.guesses.get(at)) {
            return Err(OtpThrottled { retry_at: oldest.saturating_add(OtpPolicy::DAY) });
        }
        state.guesses.push(now);
        Ok(state)
    }

    /// Takes one charge back: of a right code, or of one that was not looked at.
    pub(super) fn withdraw_guess(&self, charged_at: UnixTime) -> Self {
        let mut state = self.clone();
        if let Some(at) = state.guesses.iter().position(|at| *at == charged_at) {
            state.guesses.remove(at);
        }
        state
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(3 + self.messages.len() * 10 + self.guesses.len() * 8);
        let count = |len: usize| u8::try_from(len).expect("bounded where they are added");
        out.u8(VERSION);
        out.u8(count(self.messages.len()));
        for message in &self.messages {
            out.time(message.at);
            out.u8(message.hint);
            out.u8(message.failed.into());
        }
        out.u8(count(self.guesses.len()));
        for at in &self.guesses {
            out.time(*at);
        }
        out.finish()
    }

    pub(crate) fn decode(recipient: Recipient, bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let messages: Vec<Message> = (0..input.u8()?)
            .map(|_| {
                let (at, hint, failed) = (input.time()?, input.u8()?, input.u8()?);
                let valid = hint < 10 && failed < 2;
                if valid { Ok(Message { at, hint, failed: failed == 1 }) } else { Err(Malformed) }
            })
            .collect::<Result<_, _>>()?;
        let guesses: Vec<UnixTime> = (0..input.u8()?).map(|_| input.time()).collect::<Result<_, _>>()?;
        input.finish()?;
        let fits = messages.len() <= MOST_MESSAGES && guesses.len() <= MOST_GUESSES;
        if fits { Ok(Self { recipient, messages, guesses }) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_out_of_bounds_is_malformed() {
        let recipient = Recipient::new("+4477").unwrap();
        let message = |hint| Message { at: UnixTime::from_secs(1), hint, failed: false };
        let state = |messages: usize, guesses: usize, hint| RecipientState {
            recipient: recipient.clone(),
            messages: vec![message(hint); messages],
            guesses: vec![UnixTime::from_secs(1); guesses],
        };
        for (state, fits) in [
            (state(MOST_MESSAGES, MOST_GUESSES, 9), true),
            (state(MOST_MESSAGES + 1, 0, 9), false),
            (state(0, MOST_GUESSES + 1, 9), false),
            (state(1, 0, 10), false),
        ] {
            assert_eq!(RecipientState::decode(recipient.clone(), &state.encode()).ok(), fits.then_some(state));
        }
    }

    #[test]
    fn other_versions_are_malformed() {
        let recipient = Recipient::new("+4477").unwrap();
        let mut bytes =
            RecipientState { recipient: recipient.clone(), messages: Vec::new(), guesses: Vec::new() }.encode();
        assert!(RecipientState::decode(recipient.clone(), &bytes).is_ok());
        bytes[0] += 1;
        assert_eq!(RecipientState::decode(recipient, &bytes), Err(Malformed));
    }

    #[test]
    fn what_is_no_bit_is_malformed() {
        let recipient = Recipient::new("+4477").unwrap();
        let message = Message { at: UnixTime::from_secs(1), hint: 0, failed: true };
        let state = RecipientState { recipient: recipient.clone(), messages: vec![message], guesses: Vec::new() };
        let mut bytes = state.encode();
        // Before the count of guesses.
        let failed = bytes.len() - 2;
        assert_eq!(core::mem::replace(&mut bytes[failed], 2), 1);
        assert_eq!(RecipientState::decode(recipient, &bytes), Err(Malformed));
    }

    #[test]
    fn the_message_that_failed_is_marked_and_no_other() {
        let at = |secs| Message { at: UnixTime::from_secs(secs), hint: 0, failed: false };
        let recipient = Recipient::new("+4477").unwrap();
        let state = RecipientState { recipient, messages: vec![at(1), at(2), at(3)], guesses: Vec::new() };
        let failed: Vec<bool> = state.message_failed(at(2)).messages.iter().map(|message| message.failed).collect();
        assert_eq!(failed, [false, true, false]);
    }

    /// As many as fit, whatever policies were in force before.
    #[test]
    fn what_is_remembered_is_bounded() {
        let policy = OtpPolicy::default();
        let now = UnixTime::from_secs(1_800_000_000);
        let message = Message { at: now, hint: 0, failed: true };
        let recipient = Recipient::new("+4477").unwrap();
        let full = RecipientState { recipient, messages: vec![message; MOST_MESSAGES], guesses: Vec::new() };
        let refused = full.add_message(&policy, now, &mut crate::testing::Counter(0)).unwrap_err();
        assert_eq!(refused.retry_at, now.saturating_add(OtpPolicy::DAY));
    }
}
