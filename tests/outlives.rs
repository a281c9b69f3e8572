//! No access token outlives its session, its hours or its criterion: a year of random schedules, unlocks and renewals.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pinlatch::clock::{ClockPolicy, WeeklyHours};
use pinlatch::criterion::{Criterion, all, any, not};
use pinlatch::id::RequestKeyId;
use pinlatch::permission::{Verdict, Window};
use pinlatch::renew::RequestProof;
use pinlatch::situation::{Remembered, Situation};
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessToken, AccessTokenError, AccessTokenKey, AccessTokens, FullLogin, KdfPool, KeyRing, Pepper, PepperId, Pin,
    Policy, RequestContext, Sessions, Subject, UnixTime, UnlockError,
};

/// 2026-01-01T00:00:00Z.
const YEAR_BEGINS: u64 = 1_767_225_600;
const DAY: u64 = 24 * 3600;
const PIN: &str = "739216";
const KEY: RequestKeyId = RequestKeyId::from_bytes([5; 20]);

/// Reproducible numbers (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ mixed >> 31) % sides
    }

    fn one_of<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }

    /// Hours of a few days a week, some over midnight, in some zone, with some days of their own.
    fn hours(&mut self) -> WeeklyHours {
        let mut groups: Vec<String> = Vec::new();
        for days in ["Mon-Wed", "Thu,Fri", "Sat,Sun"] {
            let time = |dice: &mut Self| format!("{:02}:{:02}", dice.below(24), dice.below(12) * 5);
            let (from, to) = (time(self), time(self));
            if from != to {
                groups.push(format!("{days} {from}-{to}"));
            }
        }
        for month in 1..=12 {
            let (day, hours) = (1 + self.below(28), self.one_of(&["closed", "00:00-24:00", "03:00-03:10"]));
            groups.push(format!("2026-{month:02}-{day:02} {hours}"));
        }
        let zone = self.one_of(&["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"]);
        format!("{} {zone}", groups.join("; ")).parse().unwrap()
    }

    fn criterion(&mut self, depth: u32) -> Box<dyn Criterion> {
        let part = |dice: &mut Self| dice.criterion(depth - 1);
        match if depth == 0 { 0 } else { self.below(4) } {
            0 => self.hours().boxed(),
            1 => all([part(self), part(self)]).unwrap().boxed(),
            2 => any([part(self), part(self)]).unwrap().boxed(),
            _ => not(part(self), "not").boxed(),
        }
    }
}

/// Stands where it is put, with the hours of another one.
struct Clock(AtomicU64, WeeklyHours);

impl ClockPolicy for Clock {
    fn now(&self) -> UnixTime {
        UnixTime::from_millis(self.0.load(Ordering::SeqCst))
    }

    fn window(&self, at: UnixTime) -> Window {
        self.1.window(at)
    }
}

struct Year {
    sessions: Sessions,
    clock: Arc<Clock>,
    criterion: Shared,
    policy: Policy,
    wrapped: String,
    began_at: UnixTime,
    used_at: UnixTime,
    unlocked_at: UnixTime,
}

/// One criterion for the service and for the test that asks it again.
#[derive(Clone)]
struct Shared(Arc<Mutex<Box<dyn Criterion>>>);

impl Criterion for Shared {
    fn check(&self, situation: &Situation<'_>) -> Verdict {
        self.0.lock().unwrap().check(situation)
    }

    fn remembers(&self) -> Remembered {
        Remembered::NOTHING
    }
}

impl Year {
    async fn begin(dice: &mut Dice) -> Self {
        let secret = |mark: u8| -> Vec<u8> { (0..32).map(|at| at ^ mark).collect() };
        let key = AccessTokenKey::hs256("k", &secret(1)).unwrap();
        let tokens = AccessTokens::new(key, "issuer", "audience", "client").unwrap();
        let keys = KeyRing::new(Pepper::new(PepperId(1), secret(2)).unwrap(), secret(3)).unwrap();
        let minutes = |minutes| Duration::from_secs(minutes * 60);
        let policy = Policy::builder()
            .kdf(KdfParams::danger_fast_for_tests())
            .access_token_lifetime(minutes(1 + dice.below(60)))
            .absolute_lifetime(Duration::from_secs(DAY * (1 + dice.below(100))))
            .idle_timeout(Duration::from_secs(DAY * (1 + dice.below(20))))
            .renewal_limit(minutes(dice.below(300)))
            .build()
            .unwrap();
        let clock = Arc::new(Clock(AtomicU64::new(YEAR_BEGINS * 1000), dice.hours()));
        let criterion = Shared(Arc::new(Mutex::new(dice.criterion(2))));
        let sessions = Sessions::builder(keys, MemoryStore::default(), tokens)
            .policy(policy.clone())
            .clock(clock.clone())
            .criterion(criterion.clone())
            .kdf_pool(KdfPool::new(64 * 1024, Duration::from_secs(2)))
            .build()
            .unwrap();
        let now = clock.now();
        let mut year = Self {
            sessions,
            clock,
            criterion,
            policy,
            wrapped: String::new(),
            began_at: now,
            used_at: now,
            unlocked_at: now,
        };
        year.login().await;
        year
    }

    async fn login(&mut self) {
        let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
        let issued = self.sessions.login(login, Pin::new(PIN).unwrap()).await.unwrap();
        (self.wrapped, self.began_at, self.used_at) =
            (issued.device_token.into_string(), self.clock.now(), self.clock.now());
    }

    fn allowed(&self, at: UnixTime) -> bool {
        let (subject, request) = (Subject::new("alice").unwrap(), RequestContext::new());
        let open = matches!(self.clock.window(at), Window::Open { .. });
        open && matches!(self.criterion.check(&Situation::new(at, &subject, &request)), Verdict::Allow { .. })
    }

    /// Asked for each minute of its life, for its last millisecond, and for the first one after it.
    fn check(&self, token: &AccessToken) {
        let (minted_at, ends) = (self.clock.now(), token.expires_at());
        let end_of_session = (self.began_at.saturating_add(self.policy.absolute_lifetime()))
            .min(self.used_at.saturating_add(self.policy.idle_timeout()));
        assert!(ends <= end_of_session && ends <= minted_at.saturating_add(self.policy.access_token_lifetime()));
        let minutes = (0..61).map(|minute| minted_at.saturating_add(Duration::from_secs(minute * 60)));
        let last = ends.saturating_sub(Duration::from_millis(1));
        for at in minutes.chain([last]).filter(|at| *at < ends) {
            assert!(self.allowed(at), "{at:?} of {ends:?}");
        }
        let valid_at = |at: UnixTime| {
            self.clock.0.store(at.as_millis(), Ordering::SeqCst);
            match self.sessions.verify(token.as_str()) {
                Ok(_) | Err(AccessTokenError::ProofRequired) => true,
                Err(AccessTokenError::Expired) => false,
                Err(error) => panic!("{error}"),
            }
        };
        assert!(!valid_at(ends) && valid_at(last));
        self.clock.0.store(minted_at.as_millis(), Ordering::SeqCst);
    }

    /// Says whether it was allowed.
    async fn unlock(&mut self) -> Option<AccessToken> {
        let pin = Pin::new(PIN).unwrap();
        match self.sessions.unlock(&self.wrapped, &pin, &RequestContext::new()).await {
            Ok(opened) => {
                self.wrapped = opened.device_token.into_string();
                (self.used_at, self.unlocked_at) = (self.clock.now(), self.clock.now());
                self.check(&opened.access_token);
                let bound = self.sessions.mint(&opened.grant.bound_to(KEY), &serde_json::json!({})).unwrap();
                self.check(&bound);
                Some(bound)
            }
            Err(UnlockError::SessionEnded) => {
                self.login().await;
                None
            }
            Err(UnlockError::Denied(_)) => {
                let soon = self.clock.now().saturating_add(Duration::from_secs(2));
                assert!(!self.allowed(self.clock.now()) || !self.allowed(soon));
                None
            }
            Err(error) => panic!("{error:?}"),
        }
    }

    async fn renew(&mut self, token: &AccessToken) -> Option<AccessToken> {
        let proof = RequestProof::vouched_by_host(KEY);
        let renewed = self.sessions.renew(token.as_str(), proof, &RequestContext::new()).await.ok()?;
        self.used_at = self.clock.now();
        assert!(renewed.access_token.expires_at() <= self.unlocked_at.saturating_add(self.policy.renewal_limit()));
        self.check(&renewed.access_token);
        Some(renewed.access_token)
    }
}

#[tokio::test]
async fn no_token_outlives_what_allowed_it() {
    let (mut minted, mut renewed, mut cut) = (0, 0, 0);
    for seed in 0..60 {
        let mut dice = Dice(seed);
        let mut year = Year::begin(&mut dice).await;
        while year.clock.now() < UnixTime::from_secs(YEAR_BEGINS + 365 * DAY) {
            year.clock.0.fetch_add(dice.below(4 * DAY * 1000), Ordering::SeqCst);
            let mut token = year.unlock().await;
            while let Some(latest) = token {
                minted += 1;
                let lifetime = year.clock.now().until(latest.expires_at());
                cut += u32::from(lifetime + Duration::from_secs(1) < year.policy.access_token_lifetime());
                year.clock.0.fetch_add(dice.below(30 * 60 * 1000), Ordering::SeqCst);
                token = year.renew(&latest).await;
                renewed += u32::from(token.is_some());
            }
        }
    }
    // Nothing would be shown if nothing had happened.
    assert!(minted > 4000 && renewed > 1000 && cut > 100, "{minted} {renewed} {cut}");
}
