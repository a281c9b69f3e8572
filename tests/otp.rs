//! One-time codes without a store: the steps, and every way around them that others have left open.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use base64ct::Encoding;
use pinlatch::id::{OtpChallengeId, OtpPurpose, Recipient};
use pinlatch::keyring::{KeyRing, Keys, Pepper, PepperId};
use pinlatch::otp::*;
use pinlatch::record::{Inserted, Swap};
use pinlatch::{Subject, Tenant, UnixTime};
use proptest::prelude::*;
use rand_core::{TryCryptoRng, TryRng};

const START: UnixTime = UnixTime::from_secs(1_800_000_000);
const DAY: Duration = Duration::from_secs(24 * 3600);
const PHONE: &str = "+4915112345678";

/// Reproducible, and different each time (SplitMix64).
struct Dice(u64);

impl TryRng for Dice {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        Ok(self.try_next_u64()?.to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ mixed >> 31)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Dice {}

fn keys_of(pepper: u32, tenant: &str) -> Keys {
    let secret: Vec<u8> = (0..32).collect();
    let pepper = Pepper::new(PepperId(pepper), secret.clone()).unwrap();
    KeyRing::new(pepper, secret).unwrap().keys(&Tenant::new(tenant).unwrap())
}

fn code_in(sms: &Sms) -> String {
    sms.expose_secret().rsplit_once('#').unwrap().1.to_owned()
}

/// A code that is not this one.
fn other_than(code: &str) -> OtpCode {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..code.len() - 1]).parse().unwrap()
}

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    LoggedIn(String),
    Wrong { remaining: u8 },
    Throttled { retry_at: UnixTime },
    Refused(ChallengeRefused),
}

/// A service whose database is two maps, and a client with what it was given.
struct World {
    keys: Keys,
    policy: OtpPolicy,
    now: UnixTime,
    dice: Dice,
    recipients: HashMap<String, RecipientState>,
    challenges: HashMap<OtpChallengeId, ChallengeState>,
    /// Codes that were compared with the right one.
    compared: u32,
}

struct Sent {
    handle: ChallengeHandle,
    sms: Option<Sms>,
    hint: Option<u8>,
    next_at: UnixTime,
}

impl World {
    fn with(policy: OtpPolicy) -> Self {
        Self {
            keys: keys_of(1, ""),
            policy,
            now: START,
            dice: Dice(7),
            recipients: HashMap::new(),
            challenges: HashMap::new(),
            compared: 0,
        }
    }

    fn new() -> Self {
        Self::with(OtpPolicy::default())
    }

    fn context(&self) -> OtpContext<'_> {
        OtpContext { keys: &self.keys, policy: &self.policy, now: self.now }
    }

    fn advance(&mut self, secs: u64) {
        self.now = self.now.saturating_add(Duration::from_secs(secs));
    }

    fn message(&mut self, recipient: &str) -> Result<(ChargedMessage, UnixTime), OtpThrottled> {
        let state = self.recipients.get(recipient).cloned();
        let state = state.unwrap_or_else(|| RecipientState::new(Recipient::new(recipient).unwrap()));
        let context = OtpContext { keys: &self.keys, policy: &self.policy, now: self.now };
        let (charged, state) = state.charge_message(&context, &mut self.dice)?.replaced(Swap::Replaced).unwrap();
        let next_at = charged.next_at(&state, &self.policy);
        self.recipients.insert(recipient.to_owned(), state);
        Ok((charged, next_at))
    }

    fn start_for(&mut self, recipient: &str, subject: Option<&str>) -> Result<Sent, OtpThrottled> {
        let (charged, next_at) = self.message(recipient)?;
        let (recipient, subject) =
            (Recipient::new(recipient).unwrap(), subject.map(|name| Subject::new(name).unwrap()));
        let context = OtpContext { keys: &self.keys, policy: &self.policy, now: self.now };
        let (state, handle) = ChallengeState::begin(OtpPurpose::login(), recipient, subject, &context, &mut self.dice);
        let hint = charged.hint(&self.policy);
        let sms = state.sms(&handle, charged, &template(), &context).map(|(sms, _)| sms);
        self.challenges.insert(handle.id(), state);
        Ok(Sent { handle, sms, hint, next_at })
    }

    fn start(&mut self) -> Result<Sent, OtpThrottled> {
        self.start_for(PHONE, Some("alice"))
    }

    fn resend(&mut self, handle: &ChallengeHandle) -> Result<Sms, Answer> {
        let state = self.challenges[&handle.id()].clone();
        state.may_resend(handle, &self.context()).map_err(Answer::Refused)?;
        let recipient = state.recipient().as_str().to_owned();
        let throttled = |OtpThrottled { retry_at }| Answer::Throttled { retry_at };
        let (charged, _) = self.message(&recipient).map_err(throttled)?;
        let state = state.next_code(&self.policy).unwrap_or(state);
        let (sms, _) = state.sms(handle, charged, &template(), &self.context()).unwrap();
        self.challenges.insert(handle.id(), state);
        Ok(sms)
    }

    fn check(&mut self, handle: &ChallengeHandle, code: &OtpCode) -> Answer {
        self.check_for(&OtpPurpose::login(), handle, code)
    }

    fn check_for(&mut self, purpose: &OtpPurpose, handle: &ChallengeHandle, code: &OtpCode) -> Answer {
        let state = self.challenges[&handle.id()].clone();
        let open = match state.admit(handle, purpose, code, &self.context()) {
            Ok(open) => open,
            Err(refused) => return Answer::Refused(refused),
        };
        let recipient = state.recipient().as_str().to_owned();
        let guessed = self.recipients[&recipient].charge_guess(state.digits(), &self.context());
        let (mut guess, counted) = match guessed {
            Ok(step) => step.replaced(Swap::Replaced).unwrap(),
            Err(OtpThrottled { retry_at }) => return Answer::Throttled { retry_at },
        };
        self.recipients.insert(recipient.clone(), counted);
        let (charged, state) = open.charge(&mut guess).unwrap().replaced(Swap::Replaced).unwrap();
        self.challenges.insert(handle.id(), state.clone());
        self.compared += 1;
        let right = match charged.judge(&self.context()) {
            Ok(right) => right,
            Err(WrongCode { tries_remaining }) => return Answer::Wrong { remaining: tries_remaining },
        };
        let (proven, state) = match right.consume(&state) {
            Ok(step) => step.replaced(Swap::Replaced).unwrap(),
            Err(refused) => return Answer::Refused(refused),
        };
        self.challenges.insert(handle.id(), state);
        let without = self.recipients[&recipient].refund_guess(&guess.give_back().unwrap());
        self.recipients.insert(recipient, without);
        Answer::LoggedIn(proven.into_login().unwrap().subject().as_str().to_owned())
    }
}

fn phone() -> Recipient {
    Recipient::new(PHONE).unwrap()
}

fn template() -> SmsTemplate {
    SmsTemplate::new("{code} is your code for Example. Never tell it to anyone.", "example.com").unwrap()
}

#[test]
fn the_right_code_logs_in_once() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let code = code_in(&sent.sms.unwrap());
    assert_eq!(code.len(), 6);
    assert_eq!(world.check(&sent.handle, &other_than(&code)), Answer::Wrong { remaining: 4 });
    assert_eq!(world.check(&sent.handle, &code.parse().unwrap()), Answer::LoggedIn("alice".into()));
    assert_eq!(world.check(&sent.handle, &code.parse().unwrap()), Answer::Refused(ChallengeRefused::Ended));
}

/// Both were charged and judged before either was stored: the second finds it used.
#[test]
fn two_right_codes_at_once_are_one_login() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let code: OtpCode = code_in(&sent.sms.unwrap()).parse().unwrap();
    let state = world.challenges[&sent.handle.id()].clone();
    let judged = |state: &ChallengeState| {
        let open = state.admit(&sent.handle, &OtpPurpose::login(), &code, &world.context()).unwrap();
        let (mut guess, _) =
            world.recipients[PHONE].charge_guess(6, &world.context()).unwrap().replaced(Swap::Replaced).unwrap();
        let (charged, state) = open.charge(&mut guess).unwrap().replaced(Swap::Replaced).unwrap();
        (charged.judge(&world.context()).unwrap(), state)
    };
    let (first, state) = judged(&state);
    let (second, state) = judged(&state);
    let (_, state) = first.consume(&state).unwrap().replaced(Swap::Replaced).unwrap();
    assert_eq!(second.consume(&state).err(), Some(ChallengeRefused::Ended));
}

/// Whatever a host says of a code's length, there is a limit.
#[test]
fn no_length_of_codes_is_without_a_limit() {
    let world = World::new();
    for (digits, most) in [(0, 1), (1, 1), (2, 1), (3, 1), (4, 10), (5, 20), (255, 20)] {
        let (mut state, mut charged) = (RecipientState::new(phone()), 0);
        while let Ok(guess) = state.charge_guess(digits, &world.context()) {
            state = guess.replaced(Swap::Replaced).unwrap().1;
            charged += 1;
            assert!(charged <= most, "{digits}");
        }
        assert_eq!(charged, most, "{digits}");
    }
}

/// What was charged to one is of no use for another.
#[test]
fn evidence_is_of_one_recipient_and_one_challenge() {
    let mut world = World::new();
    let (alice, bob) = (world.start().unwrap(), world.start_for("+4915100000000", Some("bob")).unwrap());
    let (of_alice, of_bob) = (world.challenges[&alice.handle.id()].clone(), world.challenges[&bob.handle.id()].clone());
    let code = code_in(&alice.sms.unwrap());
    let guess = |number: &str| {
        let charged = world.recipients[number].charge_guess(6, &world.context()).unwrap();
        charged.replaced(Swap::Replaced).unwrap()
    };
    let open = |code: &OtpCode| of_alice.admit(&alice.handle, &OtpPurpose::login(), code, &world.context()).unwrap();
    let (code, other) = (code.parse().unwrap(), other_than(&code));
    let (mut bobs, _) = guess("+4915100000000");
    assert_eq!(open(&code).charge(&mut bobs).err(), Some(ChallengeRefused::Invalid));
    let returned = bobs.give_back().unwrap();
    let (mut wrong, state) = guess(PHONE);
    assert_eq!(state.refund_guess(&returned), state, "nobody takes back another's charge");
    let (charged, _) = open(&other).charge(&mut wrong).unwrap().replaced(Swap::Replaced).unwrap();
    assert!(charged.judge(&world.context()).is_err());
    assert_eq!(open(&code).charge(&mut wrong).err(), Some(ChallengeRefused::Invalid), "one charge, one look");
    assert!(wrong.give_back().is_none(), "a wrong guess stays");
    let (mut alices, _) = guess(PHONE);
    let (charged, _) = open(&code).charge(&mut alices).unwrap().replaced(Swap::Replaced).unwrap();
    let right = charged.judge(&world.context()).unwrap();
    assert_eq!(open(&code).charge(&mut alices).err(), Some(ChallengeRefused::Invalid), "also for a right one");
    assert_eq!(right.consume(&of_bob).err(), Some(ChallengeRefused::Invalid));
    assert!(right.consume(&of_alice).is_ok());
    world.advance(60);
    let message = |world: &mut World| world.message("+4915100000000").unwrap().0;
    let first = message(&mut world);
    assert!(of_alice.sms(&alice.handle, first, &template(), &world.context()).is_none());
    world.advance(120);
    let second = message(&mut world);
    assert!(of_bob.sms(&bob.handle, second, &template(), &world.context()).is_some());
    world.advance(300);
    let failed = message(&mut world).not_sent();
    assert_eq!(world.recipients[PHONE].refund_message(&failed), world.recipients[PHONE]);
    assert_ne!(world.recipients["+4915100000000"].refund_message(&failed), world.recipients["+4915100000000"]);
}

/// Also of several at once: each takes back its own.
#[test]
fn what_is_taken_back_is_ones_own() {
    let mut world = World::new();
    let ours = RecipientState::new(phone());
    let (first, one) = ours.charge_guess(6, &world.context()).unwrap().replaced(Swap::Replaced).unwrap();
    world.advance(10);
    let (second, both) = one.charge_guess(6, &world.context()).unwrap().replaced(Swap::Replaced).unwrap();
    let (first, second) = (first.give_back().unwrap(), second.give_back().unwrap());
    assert_eq!(both.refund_guess(&second), one);
    assert_ne!(both.refund_guess(&first), one);
    assert_eq!(both.refund_guess(&first).refund_guess(&second), ours);
    let (first, _) = world.message(PHONE).unwrap();
    world.advance(60);
    let (second, _) = world.message(PHONE).unwrap();
    let (state, first, second) = (&world.recipients[PHONE], first.not_sent(), second.not_sent());
    assert_ne!(state.refund_message(&first), state.refund_message(&second));
    assert_eq!(state.refund_message(&first).refund_message(&first), state.refund_message(&first));
}

#[test]
fn no_evidence_comes_out_of_what_was_not_stored() {
    let world = World::new();
    let fresh = || RecipientState::new(phone()).charge_message(&world.context(), &mut Dice(1)).unwrap();
    assert_eq!(fresh().inserted(Inserted::Exists).err(), Some(Inserted::Exists));
    assert_eq!(fresh().replaced(Swap::Stale).err(), Some(Swap::Stale));
    assert_eq!(fresh().replaced(Swap::Missing).err(), Some(Swap::Missing));
}

/// A row that is longer takes longer to hash, and shows in the database who is known.
#[test]
fn challenges_of_nobody_take_the_same_room() {
    let (keys, policy) = (keys_of(1, ""), OtpPolicy::default());
    let context = OtpContext { keys: &keys, policy: &policy, now: START };
    let room = |name: Option<&str>| {
        let subject = name.map(|name| Subject::new(name).unwrap());
        let (state, _) = ChallengeState::begin(OtpPurpose::login(), phone(), subject.clone(), &context, &mut Dice(1));
        assert_eq!(state.subject(), subject);
        let record = challenge_record(&keys, &state, 1);
        assert_eq!(read_challenge(&keys, &record).unwrap().subject(), subject);
        record.body.len()
    };
    for name in ["a", "alice", &"x".repeat(255)] {
        assert_eq!(room(Some(name)), room(None), "{name}");
    }
}

#[test]
fn each_handle_has_a_secret_of_its_own() {
    let (world, mut dice) = (World::new(), Dice(3));
    let secrets = (0..100).map(|_| {
        let (_, handle) = ChallengeState::begin(OtpPurpose::login(), phone(), None, &world.context(), &mut dice);
        handle.to_text()[28..].to_owned()
    });
    assert_eq!(secrets.collect::<HashSet<String>>().len(), 100);
}

#[test]
fn a_handle_of_another_challenge_is_refused_whatever_its_secret() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let text = sent.handle.to_text();
    let holder = base64ct::Base64UrlUnpadded::decode_vec(&text[5..]).unwrap()[16..].try_into().unwrap();
    let elsewhere = world.start_for("+4915100000000", None).unwrap();
    let mixed: ChallengeHandle = handle_text(&elsewhere.handle, &holder).parse().unwrap();
    let state = &world.challenges[&sent.handle.id()];
    let refused = state.admit(&mixed, &OtpPurpose::login(), &"482913".parse().unwrap(), &world.context());
    assert_eq!(refused.err(), Some(ChallengeRefused::Invalid));
}

/// Also the code that would be in the message.
#[test]
fn no_code_leads_to_nobody() {
    let (mut known, mut unknown) = (World::new(), World::new());
    let (somebody, nobody) = (known.start().unwrap(), unknown.start_for(PHONE, None).unwrap());
    assert_eq!(*somebody.handle.to_text(), *nobody.handle.to_text(), "the same dice");
    let code: OtpCode = code_in(&somebody.sms.unwrap()).parse().unwrap();
    assert_eq!(unknown.check(&nobody.handle, &code), Answer::Wrong { remaining: 4 });
}

#[test]
fn the_ladder_is_of_the_last_hour() {
    for (secs, wait) in [(3599, 120), (3600, 60), (7200, 60)] {
        let mut world = World::new();
        world.start().unwrap();
        world.advance(secs);
        let next_at = world.start().unwrap().next_at;
        assert_eq!(world.now.until(next_at), Duration::from_secs(wait), "{secs}");
    }
}

#[test]
fn ten_messages_have_ten_hints() {
    let policy = OtpPolicy::builder(6).hint(true).sends_per_hour(20).sends_per_day(20);
    let policy = policy.cool_downs([Duration::from_secs(15)]).build().unwrap();
    for seed in 0..50 {
        let mut world = World { dice: Dice(seed), ..World::with(policy.clone()) };
        let hints = (0..10).map(|_| {
            world.advance(15);
            world.start().unwrap().hint.unwrap()
        });
        assert_eq!(hints.collect::<HashSet<u8>>().len(), 10, "{seed}");
    }
}

/// A server whose clock is behind must not make the others forget what is counted.
#[test]
fn a_record_lives_as_long_as_what_it_counts() {
    let mut world = World::new();
    world.advance(3600);
    world.start().unwrap();
    let record = recipient_record(&world.keys, &world.recipients[PHONE], 1, START);
    assert_eq!(record.expires_at, world.now.saturating_add(DAY));
}

#[test]
fn a_challenge_takes_so_many_tries() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let code = code_in(&sent.sms.unwrap());
    let remaining: Vec<Answer> = (0..5).map(|_| world.check(&sent.handle, &other_than(&code))).collect();
    let expected: Vec<Answer> = (0..5).rev().map(|remaining| Answer::Wrong { remaining }).collect();
    assert_eq!(remaining, expected);
    assert_eq!(world.check(&sent.handle, &code.parse().unwrap()), Answer::Refused(ChallengeRefused::Ended));
    assert!(world.resend(&sent.handle).is_err(), "nor is it sent again");
}

#[test]
fn a_code_lives_five_minutes() {
    for (secs, lives) in [(299, true), (300, false)] {
        let mut world = World::new();
        let sent = world.start().unwrap();
        world.advance(secs);
        let answer = world.check(&sent.handle, &code_in(&sent.sms.unwrap()).parse().unwrap());
        assert_eq!(answer == Answer::LoggedIn("alice".into()), lives, "{secs}");
    }
}

/// Resending brings neither tries nor time.
#[test]
fn a_resend_resets_nothing() {
    for resend in [Resend::SameCode, Resend::FreshCode] {
        let mut world = World::with(OtpPolicy::builder(6).resend(resend).build().unwrap());
        let sent = world.start().unwrap();
        let first = code_in(sent.sms.as_ref().unwrap());
        for _ in 0..3 {
            world.check(&sent.handle, &other_than(&first));
        }
        world.advance(60);
        let second = code_in(&world.resend(&sent.handle).unwrap());
        assert_eq!(first == second, resend == Resend::SameCode);
        if resend == Resend::FreshCode {
            assert_eq!(world.check(&sent.handle, &first.parse().unwrap()), Answer::Wrong { remaining: 1 }, "void");
        } else {
            assert_eq!(world.check(&sent.handle, &other_than(&first)), Answer::Wrong { remaining: 1 });
        }
        world.advance(239);
        assert_eq!(world.check(&sent.handle, &second.parse().unwrap()), Answer::LoggedIn("alice".into()));
        let mut world = World::with(OtpPolicy::builder(6).resend(resend).build().unwrap());
        let sent = world.start().unwrap();
        world.advance(60);
        let second = code_in(&world.resend(&sent.handle).unwrap());
        world.advance(240);
        let answer = world.check(&sent.handle, &second.parse().unwrap());
        assert_eq!(answer, Answer::Refused(ChallengeRefused::Ended), "five minutes from the first message");
    }
}

/// Tries belong to the person: not to a challenge, a session, or an address.
#[test]
fn new_challenges_bring_no_fresh_guesses() {
    let policy = OtpPolicy::builder(6).sends_per_hour(20).sends_per_day(20).cool_downs([Duration::from_secs(15)]);
    let mut world = World::with(policy.build().unwrap());
    let mut retry_at = None;
    for _ in 0..8 {
        let sent = world.start().unwrap();
        let wrong = other_than(&code_in(&sent.sms.unwrap()));
        for _ in 0..5 {
            if let Answer::Throttled { retry_at: at } = world.check(&sent.handle, &wrong) {
                retry_at = Some(at);
            }
        }
        world.advance(15);
    }
    assert_eq!(world.compared, 20, "the day's, and no more");
    assert_eq!(retry_at, Some(START.saturating_add(DAY)), "when the first one is a day old");
    let sent = world.start().unwrap();
    let code: OtpCode = code_in(&sent.sms.unwrap()).parse().unwrap();
    assert!(matches!(world.check(&sent.handle, &code), Answer::Throttled { .. }), "the right one is not looked at");
    world.now = START.saturating_add(DAY);
    let sent = world.start().unwrap();
    let code: OtpCode = code_in(&sent.sms.unwrap()).parse().unwrap();
    assert_eq!(world.check(&sent.handle, &code), Answer::LoggedIn("alice".into()));
}

/// A right code takes back its own charge: neither an attacker's, nor none.
#[test]
fn a_success_takes_back_its_own_charge_only() {
    let policy = OtpPolicy::builder(6).sends_per_hour(20).sends_per_day(20).cool_downs([Duration::from_secs(15)]);
    let mut world = World::with(policy.build().unwrap());
    for _ in 0..10 {
        let sent = world.start().unwrap();
        let code = code_in(&sent.sms.unwrap());
        assert!(matches!(world.check(&sent.handle, &other_than(&code)), Answer::Wrong { .. }));
        assert_eq!(world.check(&sent.handle, &code.parse().unwrap()), Answer::LoggedIn("alice".into()));
        world.advance(15);
    }
    let sent = world.start().unwrap();
    let wrong = other_than(&code_in(&sent.sms.unwrap()));
    for _ in 0..5 {
        world.check(&sent.handle, &wrong);
    }
    world.advance(15);
    let sent = world.start().unwrap();
    let wrong = other_than(&code_in(&sent.sms.unwrap()));
    let answers: Vec<Answer> = (0..6).map(|_| world.check(&sent.handle, &wrong)).collect();
    assert!(
        matches!(answers[4..], [Answer::Wrong { .. }, Answer::Refused(_)]),
        "15 wrong ones fit beside 10: {answers:?}"
    );
    assert_eq!(world.compared, 30);
}

#[test]
fn messages_come_ever_slower() {
    let mut world = World::new();
    let mut waits = Vec::new();
    loop {
        let sent = world.start().unwrap();
        let wait = world.now.until(sent.next_at);
        assert!(matches!(world.start(), Err(OtpThrottled { retry_at }) if retry_at == sent.next_at));
        waits.push(wait.as_secs() / 60);
        world.now = sent.next_at;
        if waits.len() == 10 {
            break;
        }
    }
    // Five in an hour, ten in a day.
    assert_eq!(waits[..4], [1, 2, 5, 10]);
    assert_eq!(waits[4], 60 - 18, "the fifth waits for the first to be an hour old");
    assert_eq!(waits[9], 24 * 60 - waits[..9].iter().sum::<u64>());
}

/// What could not be sent is waited for as if it had been, by the hour; the day has one more. So a stranger learns
/// nothing from a gateway that fails.
#[test]
fn a_failed_message_costs_the_hour_and_not_the_day() {
    let (mut sent, mut failed) = (World::new(), World::new());
    for _ in 0..9 {
        let (_, expected) = sent.message(PHONE).unwrap();
        let (charged, next_at) = failed.message(PHONE).unwrap();
        assert_eq!(next_at, expected);
        let state = failed.recipients[PHONE].refund_message(&charged.not_sent());
        failed.recipients.insert(PHONE.into(), state);
        (sent.now, failed.now) = (next_at, next_at);
    }
    assert_eq!(sent.now.until(sent.message(PHONE).unwrap().1), DAY - START.until(sent.now), "ten were sent");
    let until_here = failed.now;
    for _ in 0..9 {
        failed.now = failed.message(PHONE).unwrap().1;
    }
    let (_, next_at) = failed.message(PHONE).unwrap();
    assert_eq!(next_at, until_here.saturating_add(DAY), "ten are sent in the end");
}

/// A gateway that fails for days costs neither its users' messages afterwards nor the server's memory.
#[test]
fn failures_are_forgotten() {
    let mut world = World::new();
    for _ in 0..500 {
        let (charged, next_at) = world.message(PHONE).unwrap();
        let state = world.recipients[PHONE].refund_message(&charged.not_sent());
        assert!(recipient_record(&world.keys, &state, 1, world.now).body.len() < 200);
        world.recipients.insert(PHONE.into(), state);
        world.now = next_at;
    }
}

#[test]
fn hints_tell_messages_apart_and_say_nothing_of_the_code() {
    let policy = OtpPolicy::builder(6).hint(true).sends_per_hour(20).sends_per_day(20);
    let mut world = World::with(policy.cool_downs([Duration::from_secs(15)]).build().unwrap());
    let (mut hints, mut same) = (Vec::new(), 0);
    for _ in 0..10 {
        let sent = world.start().unwrap();
        let (hint, sms) = (sent.hint.unwrap(), sent.sms.unwrap());
        let code = code_in(&sms);
        assert!(sms.expose_secret().starts_with(&format!("{hint}-{code} is your code")));
        same += u8::from(code.starts_with(char::from(b'0' + hint)));
        hints.push(hint);
        let typed: OtpCode = code.parse().unwrap();
        assert_eq!(world.check(&sent.handle, &typed), Answer::LoggedIn("alice".into()), "all six digits are typed");
        world.advance(15);
    }
    assert_eq!(hints.iter().collect::<HashSet<_>>().len(), 10, "ten messages, ten digits: {hints:?}");
    assert!(same < 5, "it is not the first digit");
}

/// Who types the digit in front of the code as well has typed the code; who types too little has not guessed.
#[test]
fn what_stands_in_the_message_may_be_typed_as_it_stands() {
    let mut world = World::with(OtpPolicy::builder(6).hint(true).build().unwrap());
    let sent = world.start().unwrap();
    let sms = sent.sms.unwrap();
    let (code, shown) = (code_in(&sms), sms.expose_secret().split(' ').next().unwrap());
    assert_eq!(shown.len(), 8);
    for short in [&code[..4], &code[..5], &format!("00{code}")] {
        let refused = world.check(&sent.handle, &short.parse().unwrap());
        assert_eq!(refused, Answer::Refused(ChallengeRefused::NotACode), "{short}");
    }
    assert_eq!(world.compared, 0);
    assert_eq!(world.check(&sent.handle, &shown.parse().unwrap()), Answer::LoggedIn("alice".into()));
}

/// Codes under way when the policy changes are judged as what they are.
#[test]
fn a_challenge_keeps_its_digits() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let code = code_in(&sent.sms.unwrap());
    world.policy = OtpPolicy::builder(4).build().unwrap();
    let end: OtpCode = code[2..].parse().unwrap();
    assert_eq!(world.check(&sent.handle, &end), Answer::Refused(ChallengeRefused::NotACode));
    world.advance(60);
    assert_eq!(code_in(&world.resend(&sent.handle).unwrap()), code);
    assert_eq!(world.check(&sent.handle, &code.parse().unwrap()), Answer::LoggedIn("alice".into()));
}

/// A challenge with a short code, presented where codes are long and may be guessed at more often.
#[test]
fn a_short_code_takes_no_more_guesses_than_short_codes_may() {
    let long = OtpPolicy::builder(8).tries(10).guesses_per_day(100).build().unwrap();
    let mut world = World::new();
    let mut looked_at = 0;
    for _ in 0..5 {
        world.policy = OtpPolicy::builder(4).build().unwrap();
        let sent = world.start().unwrap();
        let code = code_in(&sent.sms.unwrap());
        world.policy = long.clone();
        while let Answer::Wrong { .. } = world.check(&sent.handle, &other_than(&code)) {
            looked_at += 1;
        }
        world.advance(600);
    }
    assert_eq!(looked_at, 10, "one guess of a thousand codes");
}

/// Guesses at long codes are cheap: one does not pay for a look at a short one.
#[test]
fn a_guess_pays_for_codes_of_its_length() {
    let mut world = World::with(OtpPolicy::builder(4).build().unwrap());
    let sent = world.start().unwrap();
    let (code, state) = (code_in(&sent.sms.unwrap()).parse().unwrap(), &world.challenges[&sent.handle.id()]);
    let charged = world.recipients[PHONE].charge_guess(8, &world.context()).unwrap();
    let (mut guess, _) = charged.replaced(Swap::Replaced).unwrap();
    let open = state.admit(&sent.handle, &OtpPurpose::login(), &code, &world.context()).unwrap();
    assert_eq!(open.charge(&mut guess).err(), Some(ChallengeRefused::Invalid));
}

#[test]
fn another_holder_is_nobody_and_charges_nothing() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let stranger = World { dice: Dice(8), ..World::new() }.start().unwrap();
    let code: OtpCode = code_in(&sent.sms.unwrap()).parse().unwrap();
    // The id is public; the other half is not.
    let mut text = sent.handle.to_text().to_string();
    text.replace_range(30..31, if &text[30..31] == "A" { "B" } else { "A" });
    let forged: ChallengeHandle = text.parse().unwrap();
    assert_eq!(forged.id(), sent.handle.id());
    for _ in 0..100 {
        assert_eq!(world.check(&forged, &code), Answer::Refused(ChallengeRefused::Invalid));
    }
    assert_eq!(world.compared, 0);
    assert_eq!(world.resend(&forged).err(), Some(Answer::Refused(ChallengeRefused::Invalid)));
    let state = &world.challenges[&sent.handle.id()];
    let other = state.admit(&stranger.handle, &OtpPurpose::login(), &code, &world.context());
    assert_eq!(other.err(), Some(ChallengeRefused::Invalid));
    assert_eq!(world.check(&sent.handle, &code), Answer::LoggedIn("alice".into()));
}

#[test]
fn a_code_is_for_its_purpose_and_tenant() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let code: OtpCode = code_in(&sent.sms.unwrap()).parse().unwrap();
    let change = OtpPurpose::new("change-number").unwrap();
    assert_eq!(world.check_for(&change, &sent.handle, &code), Answer::Refused(ChallengeRefused::Invalid));
    for keys in [keys_of(1, "acme"), keys_of(2, "")] {
        let home = std::mem::replace(&mut world.keys, keys);
        assert!(matches!(world.check(&sent.handle, &code), Answer::Refused(_)));
        world.keys = home;
    }
    assert_eq!(world.compared, 0);
}

/// An unknown number gets what a known one gets, but for the message.
#[test]
fn an_unknown_recipient_is_answered_alike() {
    let mut world = World::new();
    let (known, unknown) = (world.start().unwrap(), world.start_for("+4915100000000", None).unwrap());
    assert!(known.sms.is_some() && unknown.sms.is_none());
    assert_eq!(known.handle.to_text().len(), unknown.handle.to_text().len());
    assert_eq!((known.next_at, known.hint), (unknown.next_at, unknown.hint));
    let wrong: OtpCode = other_than(&code_in(&known.sms.unwrap()));
    for remaining in (0..5).rev() {
        assert_eq!(world.check(&known.handle, &wrong), Answer::Wrong { remaining });
        assert_eq!(world.check(&unknown.handle, &wrong), Answer::Wrong { remaining });
    }
    assert_eq!(world.check(&known.handle, &wrong), world.check(&unknown.handle, &wrong));
    let throttled = |recipient: &str, world: &mut World| world.start_for(recipient, None).map(drop).unwrap_err();
    assert_eq!(throttled(PHONE, &mut world), throttled("+4915100000000", &mut world));
}

/// Whoever has the database and the pepper tries every code with everything they know, and finds no two sides to
/// compare.
#[test]
fn database_and_pepper_give_no_code() {
    let mut world = World::with(OtpPolicy::builder(4).build().unwrap());
    let sent = world.start().unwrap();
    let code = code_in(sent.sms.as_ref().unwrap());
    let state = &world.challenges[&sent.handle.id()];
    let record = challenge_record(&world.keys, state, 1);
    let stolen = read_challenge(&world.keys, &record).unwrap();
    let typed: OtpCode = code.parse().unwrap();
    // The code is a function of the holder's secret; with any other one it is another code, and the check refuses.
    let mut found = HashMap::<String, u32>::new();
    let mut dice = Dice(99);
    for _ in 0..20_000 {
        let mut bytes = [0; 16];
        dice.try_fill_bytes(&mut bytes).unwrap();
        let text = handle_text(&sent.handle, &bytes);
        let guess: ChallengeHandle = text.parse().unwrap();
        let refused = stolen.admit(&guess, &OtpPurpose::login(), &typed, &world.context()).err();
        assert_eq!(refused, Some(ChallengeRefused::Invalid));
        let charged = RecipientState::new(phone()).charge_message(&world.context(), &mut dice).unwrap();
        let (charged, _) = charged.replaced(Swap::Replaced).unwrap();
        let (sms, _) = stolen.sms(&guess, charged, &template(), &world.context()).unwrap();
        *found.entry(code_in(&sms)).or_default() += 1;
    }
    // All ten thousand are about equally likely; the true one does not stand out.
    assert!(found.len() > 8000, "{}", found.len());
    assert!(found.values().all(|count| *count < 15));
    assert!(found.get(&code).is_none_or(|count| *count < 15));
    assert!(!record.body.windows(4).any(|window| window == code.as_bytes()), "nor does it lie there");
}

fn handle_text(handle: &ChallengeHandle, holder: &[u8; 16]) -> String {
    let bytes = [&handle.id().as_bytes()[..], holder].concat();
    format!("plo1_{}", base64ct::Base64UrlUnpadded::encode_string(&bytes))
}

#[test]
fn records_are_read_as_they_were_written() {
    let mut world = World::new();
    let sent = world.start().unwrap();
    let wrong = other_than(&code_in(&sent.sms.unwrap()));
    world.check(&sent.handle, &wrong);
    let state = &world.challenges[&sent.handle.id()];
    let record = challenge_record(&world.keys, state, 5);
    assert_eq!(format!("{:?}", read_challenge(&world.keys, &record).unwrap()), format!("{state:?}"));
    let record = recipient_record(&world.keys, &world.recipients[PHONE], 5, world.now);
    assert_eq!(record.expires_at, START.saturating_add(DAY));
    assert_eq!(read_recipient(&world.keys, &record, &phone()).unwrap(), world.recipients[PHONE]);
    assert!(read_recipient(&world.keys, &record, &Recipient::phone("+4915100000000").unwrap()).is_err(), "not theirs");
    let mut edited = record;
    let at = edited.body.len() - 40;
    edited.body[at] ^= 1;
    assert!(read_recipient(&world.keys, &edited, &phone()).is_err(), "a row that was edited is refused");
}

#[test]
fn codes_are_spread_evenly() {
    let world = World::with(OtpPolicy::builder(4).build().unwrap());
    let (mut dice, mut first) = (Dice(1), [0_u32; 10]);
    for _ in 0..20_000 {
        let recipient = Recipient::new(PHONE).unwrap();
        let subject = Some(Subject::new("alice").unwrap());
        let (state, handle) =
            ChallengeState::begin(OtpPurpose::login(), recipient, subject, &world.context(), &mut dice);
        let charged = RecipientState::new(phone()).charge_message(&world.context(), &mut dice).unwrap();
        let (charged, _) = charged.replaced(Swap::Replaced).unwrap();
        let code = code_in(&state.sms(&handle, charged, &template(), &world.context()).unwrap().0);
        first[usize::from(code.as_bytes()[0] - b'0')] += 1;
    }
    assert!(first.iter().all(|count| (1800..2200).contains(count)), "{first:?}");
}

#[derive(Clone, Debug)]
enum Step {
    Start,
    Resend(usize),
    Check { challenge: usize, right: bool },
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        2 => Just(Step::Start),
        1 => (0..4_usize).prop_map(Step::Resend),
        8 => (0..4_usize, 0..20_u8).prop_map(|(challenge, right)| Step::Check { challenge, right: right == 0 }),
        3 => (1..2000_u64).prop_map(Step::Wait),
        1 => (3600..90_000_u64).prop_map(Step::Wait),
    ];
    proptest::collection::vec(step, 1..300)
}

proptest! {
    /// Whatever is started, sent again, guessed and waited for, in any order: in no 24 hours are more wrong codes
    /// compared than the day grants, nor more messages sent, and each challenge logs in at most once.
    #[test]
    fn no_order_of_things_exceeds_the_budget(steps in steps(), fresh in any::<bool>()) {
        let resend = if fresh { Resend::FreshCode } else { Resend::SameCode };
        let policy = OtpPolicy::builder(6).resend(resend).build().unwrap();
        let mut world = World::with(policy);
        let (mut sent, mut wrong, mut messages) = (Vec::new(), Vec::new(), Vec::new());
        let mut logins = HashMap::<OtpChallengeId, u32>::new();
        for step in steps {
            match step {
                Step::Start => if let Ok(started) = world.start() {
                    messages.push(world.now);
                    let code = code_in(started.sms.as_ref().unwrap());
                    sent.push((started.handle, code));
                },
                Step::Resend(back) => if let Some(at) = sent.len().checked_sub(back + 1) {
                    let (handle, code) = &mut sent[at];
                    if let Ok(sms) = world.resend(handle) {
                        messages.push(world.now);
                        *code = code_in(&sms);
                    }
                },
                Step::Check { challenge, right } => if let Some(at) = sent.len().checked_sub(challenge + 1) {
                    let (handle, code) = &sent[at];
                    let typed = if right { code.parse().unwrap() } else { other_than(code) };
                    match world.check(handle, &typed) {
                        Answer::Wrong { .. } => wrong.push(world.now),
                        Answer::LoggedIn(_) => *logins.entry(handle.id()).or_default() += 1,
                        _ => {}
                    }
                },
                Step::Wait(secs) => world.advance(secs),
            }
        }
        let most_within = |times: &[UnixTime], span: Duration| {
            times.iter().map(|from| times.iter().filter(|at| *at >= from && **at < from.saturating_add(span)).count()).max().unwrap_or(0)
        };
        prop_assert!(most_within(&wrong, DAY) <= 20);
        prop_assert!(most_within(&messages, DAY) <= 10);
        prop_assert!(most_within(&messages, Duration::from_secs(3600)) <= 5);
        prop_assert!(logins.values().all(|count| *count == 1));
    }
}
