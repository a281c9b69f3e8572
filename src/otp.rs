//! One-time codes by SMS, as another way to a [`FullLogin`](crate::FullLogin). `OneTimeCodes` is the façade, with one
//! call for each thing a user does; these are the pure steps beneath it.
//!
//! ```text
//! RecipientState ─▶ ChargedMessage ─▶ ChallengeState ─▶ Sms    a message is counted before it is sent
//!
//! ChallengeHandle ─▶ OpenChallenge ─▶ ChargedTry ─▶ RightCode ─▶ ProvenRecipient ─▶ FullLogin
//!                     holder, time,    recipient and  compared    used up, stored
//!                     tries            challenge
//!                                      charged
//! ```
//!
//! No code is stored. It is computed from the pepper, the challenge, the recipient, the purpose, and a secret that only
//! the holder of the [`ChallengeHandle`] has: database and pepper together do not give it.
//!
//! Messages and guesses are counted for each recipient in any 24 hours, whatever challenges they belong to, so that no
//! resend and no new start brings fresh guesses ([`OtpPolicy`] has the numbers, and what a blind guesser achieves with
//! them). A guess is charged before the code is looked at; only a right one takes back its own charge. A code is good
//! for once: of two requests with the right one, the second finds the challenge used.
//!
//! A recipient that the host does not know gets a challenge like any other, and no message. The host sends messages in
//! tasks of their own, so that the time of an answer tells nothing either.
//!
//! # Without the façade
//!
//! A step is stored before its evidence comes out: by `insert_new` what is new, by `replace_if` what was loaded. If the
//! store says that somebody else was faster, load again and repeat the step. `tests/otp.rs` plays everything that can
//! happen.
//!
//! ```
//! use pinlatch::id::{OtpPurpose, Recipient};
//! use pinlatch::otp::{ChallengeState, OtpContext, OtpPolicy, RecipientState, SmsTemplate};
//! use pinlatch::record::{Inserted, Swap};
//! # use pinlatch::{KeyRing, Pepper, PepperId, Subject, Tenant, UnixTime};
//! # let secret: Vec<u8> = (0..32).collect();
//! # let keys = KeyRing::new(Pepper::new(PepperId(1), secret.clone())?, secret)?.keys(&Tenant::default());
//! # let (policy, now) = (OtpPolicy::default(), UnixTime::from_secs(1_800_000_000));
//! # let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
//! # let template = SmsTemplate::new("{code} is your code.", "example.com")?;
//!
//! let context = OtpContext { keys: &keys, policy: &policy, now };
//! let recipient = Recipient::phone("+44 7700 900123")?;
//!
//! // A number was entered. Its state is loaded, or new; the message is counted, and then the challenge begins.
//! let state = RecipientState::new(recipient.clone());
//! let (message, counted) = state.charge_message(&context, &mut rng)?.inserted(Inserted::Created).unwrap();
//! let alice = Some(Subject::new("alice")?);
//! let (challenge, handle) = ChallengeState::begin(OtpPurpose::login(), recipient, alice, &context, &mut rng);
//! // … insert the challenge, answer with the handle, and send:
//! let (sms, failed) = challenge.sms(&handle, message, &template, &context).expect("somebody has the number");
//! // If the gateway fails, store `counted.refund_message(&failed)`. Before another message, ask `may_resend`, charge it,
//! // and store `next_code`.
//!
//! // A code was typed: charge the recipient, then the challenge, then look.
//! # let typed = sms.expose_secret().rsplit_once('#').unwrap().1.parse()?;
//! let open = challenge.admit(&handle, &OtpPurpose::login(), &typed, &context)?;
//! let (mut guess, counted) = counted.charge_guess(challenge.digits(), &context)?.replaced(Swap::Replaced).unwrap();
//! let (charged, challenge) = open.charge(&mut guess)?.replaced(Swap::Replaced).unwrap();
//! let right = charged.judge(&context).expect("this one is right");
//! // Use the challenge up; then the evidence comes out, and the recipient's guess need not count.
//! let (proven, _used) = right.consume(&challenge)?.replaced(Swap::Replaced).unwrap();
//! let _to_store = counted.refund_guess(&guess.give_back().expect("it was right"));
//! assert_eq!(proven.into_login().unwrap().subject().as_str(), "alice");
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```
//!
//! # What remains
//!
//! Whoever can read the phone's messages, has its number moved to another card, or talks its owner into reading a code
//! out, logs in. NIST SP 800-63B-4 calls the telephone network a restricted authenticator for that. And whoever enters
//! somebody's number again and again uses up the messages and the guesses of that number's day, so that its owner has
//! to log in by other means.

mod challenge;
mod charges;
mod code;
mod context;
mod flow;
mod handle;
mod policy;
mod recipient;
mod record;
mod sms;

pub use self::challenge::{ChallengeRefused, ChallengeState};
pub use self::charges::{ChargedGuess, ChargedMessage, FailedMessage, ReturnedGuess, Unstored};
pub use self::code::{NotACode, OtpCode};
pub use self::context::OtpContext;
pub use self::flow::{ChargedTry, OpenChallenge, ProvenRecipient, RightCode, WrongCode};
pub use self::handle::{ChallengeHandle, NotAHandle};
pub use self::policy::{OtpPolicy, OtpPolicyBuilder, Resend};
pub use self::recipient::{OtpThrottled, RecipientState};
pub use self::record::{challenge_record, read_challenge, read_recipient, recipient_record};
pub use self::sms::{Sms, SmsTemplate, SmsTemplateError};
