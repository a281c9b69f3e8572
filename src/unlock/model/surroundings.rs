//! What does not change: the rules, the keys, and the tokens that will be made.

use core::time::Duration;

use crate::attempts::AttemptSchedule;
use crate::context::Context;
use crate::handout::InClear;
use crate::id::{Subject, Tenant};
use crate::issue::{FullLogin, issue};
use crate::keyring::{KeyRing, Keys, Pepper, PepperId};
use crate::plain::{PlainToken, PresentedToken};
use crate::policy::Policy;
use crate::record::Swap;
use crate::session::SessionState;
use crate::situation::{LastSeen, Remembered};
use crate::subject::SubjectState;
use crate::testing::SplitMix;
use crate::time::UnixTime;
use crate::unlock::Admitted;

/// What a wrap grants. The second wrong guess brings a wait.
pub(super) const GUESSES: u8 = 3;
/// Longer than the wait, and than the grace period.
pub(super) const A_WHILE: Duration = Duration::from_secs(61);
pub(super) const START: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(super) const MAX_WRAPS: usize = 8;

/// A wrap, by when it was made.
pub(super) type WrapNumber = u8;

/// What each wrap opens: tokens that are right, and tokens out of a wrong PIN.
pub(super) struct Tokens {
    pub(super) right: Vec<PresentedToken>,
    pub(super) wrong: Vec<PresentedToken>,
}

/// What does not change.
pub(super) struct Surroundings {
    pub(super) keys: Keys,
    pub(super) policy: Policy,
    pub(super) subject: SubjectState,
    pub(super) tokens: Tokens,
    pub(super) tabs: usize,
    /// Whether the device keeps a token that is newer than the one it has presented.
    pub(super) keeps_newer: bool,
}

impl Surroundings {
    pub(super) fn new(tabs: usize, keeps_newer: bool) -> Self {
        let secret = *b"a secret of 32 bytes, for a test";
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret).unwrap(), secret).unwrap().keys(&Tenant::default());
        let attempts = AttemptSchedule::new([Duration::ZERO, Duration::from_secs(60)]).unwrap();
        assert_eq!(attempts.limit(), GUESSES);
        let policy = Policy::builder().attempts(attempts).build().unwrap();
        let subject = SubjectState::new(&mut SplitMix(0));
        let tokens = Tokens { right: Vec::new(), wrong: Vec::new() };
        Self { keys, policy, subject, tokens, tabs, keeps_newer }
    }

    pub(super) fn context(&self, now: UnixTime) -> Context<'_> {
        Context {
            keys: &self.keys,
            policy: &self.policy,
            now,
            seen: LastSeen::default(),
            remembered: Remembered::NOTHING,
        }
    }

    pub(super) fn login(&self) -> (SessionState, PlainToken) {
        let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
        let issued = issue(login, &self.subject, &InClear::ClientPin, &self.context(START), &mut SplitMix(1 << 32));
        (issued.state, issued.device_token)
    }

    /// The tokens that will be made, whatever happens: each is drawn by its number.
    pub(super) fn foresee(mut self) -> Self {
        let (mut state, first) = self.login();
        let mut texts = vec![first];
        for number in 1..MAX_WRAPS {
            let presented = PresentedToken::open(texts[0].expose_secret(), &self.keys).unwrap();
            let charge =
                Admitted::check(&presented, &state, Some(&self.subject), &self.context(START)).unwrap().charge();
            let (attempt, charged) = charge.stored(Swap::Replaced).unwrap();
            let proven = attempt.judge_token(&self.keys).unwrap();
            let mut rng = SplitMix(u64::try_from(number).unwrap());
            let rotation = proven.rotate(&charged, Some(&self.subject), &self.context(START), &mut rng).unwrap();
            let (unlocked, next) = rotation.stored(Swap::Replaced).unwrap();
            texts.push(unlocked.device_token);
            state = next;
        }
        for text in texts {
            let (head, _) = PlainToken::take_apart(text.expose_secret()).unwrap();
            let wrong = PlainToken::assemble(&head, &[7; 32]);
            self.tokens.right.push(PresentedToken::open(text.expose_secret(), &self.keys).unwrap());
            self.tokens.wrong.push(PresentedToken::open(wrong.expose_secret(), &self.keys).unwrap());
        }
        self
    }
}
