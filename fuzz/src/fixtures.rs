//! A service whose secrets and randomness are always the same, so that seeds stay good.

use core::convert::Infallible;
use std::sync::LazyLock;

use pinlatch::access_token::HostClaims;
use pinlatch::authorize::authorize;
use pinlatch::context::Context;
use pinlatch::handout::InClear;
use pinlatch::issue::issue;
use pinlatch::keyring::Keys;
use pinlatch::permission::{Verdict, Window, permit};
use pinlatch::pin::NewPin;
use pinlatch::plain::PresentedToken;
use pinlatch::proof::{Origin, RequestKey, RequestParts};
use pinlatch::record::Swap;
use pinlatch::session::SessionState;
use pinlatch::situation::{LastSeen, Remembered};
use pinlatch::stretch::{KdfMemory, KdfParams};
use pinlatch::stretched_pin::StretchTask;
use pinlatch::subject::SubjectState;
use pinlatch::unlock::Admitted;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, SessionId, Subject, Tenant,
    UnixTime,
};
use rand_core::{TryCryptoRng, TryRng};

pub(crate) const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
pub(crate) const PIN: &str = "739216";
pub(crate) const BODY: &[u8] = br#"{"to":"bob","amount":5}"#;

pub(crate) fn secret(mark: u8) -> [u8; 32] {
    core::array::from_fn(|at| mark ^ u8::try_from(at).unwrap())
}

pub(crate) fn key_ring() -> KeyRing {
    KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap()
}

pub(crate) fn keys() -> Keys {
    key_ring().keys(&Tenant::default())
}

pub(crate) fn access_tokens() -> AccessTokens {
    let key = AccessTokenKey::hs256("key-1", &secret(3)).unwrap();
    AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
}

pub(crate) fn policy() -> Policy {
    Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap()
}

pub(crate) fn pin(text: &str) -> Pin {
    Pin::new(text).unwrap()
}

pub(crate) fn context<'a>(keys: &'a Keys, policy: &'a Policy) -> Context<'a> {
    Context { keys, policy, now: NOW, seen: LastSeen::default(), remembered: Remembered::NOTHING }
}

/// What the service has handed out, in each form.
pub(crate) struct HandedOut {
    #[cfg_attr(not(fuzzing), expect(dead_code, reason = "for the records"))]
    pub(crate) session: SessionState,
    pub(crate) wrapped: String,
    pub(crate) plain: String,
    pub(crate) access_token: String,
    pub(crate) client: Client,
}

/// What a client has that can sign.
pub(crate) struct Client {
    pub(crate) session_id: SessionId,
    pub(crate) key: RequestKey,
    pub(crate) authorization: String,
    pub(crate) origin: Origin,
}

impl Client {
    pub(crate) fn parts<'a>(&'a self, headers: &'a [(&'a str, &'a [u8])]) -> RequestParts<'a> {
        RequestParts::new("POST", &self.origin, "/api/transfer?dry=1", headers)
    }
}

pub(crate) static HANDED_OUT: LazyLock<HandedOut> = LazyLock::new(|| {
    let (keys, policy, mut rng) = (keys(), policy(), Counter(0));
    let (context, subject) = (context(&keys, &policy), SubjectState::new(&mut rng));
    let login = || FullLogin::vouched_by_host(Subject::new("alice").unwrap());
    let stretched = NewPin::accept(pin(PIN), &policy).unwrap();
    let stretched = StretchTask::for_new_pin(&stretched, policy.kdf(), &mut rng).run(&mut KdfMemory::new());
    let wrapped = issue(login(), &subject, &stretched, &context, &mut rng).device_token.into_string();

    let issued = issue(login(), &subject, &InClear::ClientPin, &context, &mut rng);
    let presented = PresentedToken::open(issued.device_token.expose_secret(), &keys).unwrap();
    let charge = Admitted::check(&presented, &issued.state, Some(&subject), &context).unwrap().charge();
    let (attempt, state) = charge.stored(Swap::Replaced).unwrap();
    let proven = attempt.judge_token(&keys).unwrap();
    let rotation = proven.rotate(&state, Some(&subject), &context, &mut rng).unwrap();
    let (unlocked, session) = rotation.stored(Swap::Replaced).unwrap();
    let permission = permit(Window::Open { until: UnixTime::MAX }, Verdict::ALLOW, NOW).unwrap();
    let grant = || authorize(&unlocked, permission, &context);
    let tokens = access_tokens();
    let access_token = tokens.mint(&grant(), &HostClaims::default(), &mut rng).as_str().to_owned();
    let (id, key) = RequestKey::issue(&keys, session.id(), &mut rng);
    let bound = tokens.mint(&grant().bound_to(id), &HostClaims::default(), &mut rng);
    let client = Client {
        session_id: session.id(),
        key,
        authorization: format!("Bearer {}", bound.as_str()),
        origin: "https://api.example".parse().unwrap(),
    };
    HandedOut { session, wrapped, plain: unlocked.device_token.expose_secret().to_owned(), access_token, client }
});

/// Reproducible, and different each time.
pub(crate) struct Counter(pub(crate) u64);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()?.to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        Ok(mixed ^ mixed >> 31)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}
