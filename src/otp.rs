//! One-time codes by SMS, as another way to a [`FullLogin`](crate::FullLogin). `OneTimeCodes` is the façade, with one call for
//! each thing a user does; these are the pure steps beneath it.
//!
//! ```text
//! RecipientState ─▶ ChargedMessage ─▶ begin ─▶ Sms            a message is counted before it is sent
//!
//! ChallengeHandle ─▶ OpenChallenge ─▶ ChargedTry ─▶ RightCode ─▶ ProvenRecipient ─▶ FullLogin
//!                     holder, time,    recipient and  compared    used up, stored
//!                     tries            challenge
//!                                      charged
//! ```
//!
//! No code is stored. It is computed from the pepper, the challenge, the recipient, the purpose, and a secret that only the
//! holder of the [`ChallengeHandle`] has: database and pepper together do not give it.
//!
//! Messages and guesses are counted for each recipient in any 24 hours, whatever challenges they belong to, so that no
//! resend and no new start brings fresh guesses ([`OtpPolicy`] has the numbers, and what a blind guesser achieves with
//! them). A guess is charged before the code is looked at; only a right one takes back its own charge. A code is good for
//! once: of two requests with the right one, the second finds the challenge used.
//!
//! A recipient that the host does not know gets a challenge like any other, and no message. The host sends messages in
//! tasks of their own, so that the time of an answer tells nothing either.
//!
//! What remains: whoever can read the phone's messages, has its number moved to another card, or talks its owner into
//! reading a code out, logs in. NIST SP 800-63B-4 calls the telephone network a restricted authenticator for that. And
//! whoever enters somebody's number again and again uses up the messages and the guesses of that number's day, so that its
//! owner has to log in by other means.

mod challenge;
mod code;
mod flow;
mod handle;
mod policy;
mod recipient;
mod record;
mod sms;

pub use self::challenge::{ChallengeRefused, ChallengeState};
pub use self::code::{NotACode, OtpCode};
pub use self::flow::{
    ChargedGuess, ChargedMessage, ChargedTry, OpenChallenge, OtpContext, ProvenRecipient, RightCode, Unstored,
    WrongCode, begin,
};
pub use self::handle::{ChallengeHandle, NotAHandle};
pub use self::policy::{OtpPolicy, OtpPolicyBuilder, Resend};
pub use self::recipient::{OtpThrottled, RecipientState};
pub use self::record::{challenge_record, read_challenge, read_recipient, recipient_record};
pub use self::sms::{Sms, SmsTemplate, SmsTemplateError};
