//! A server of ours, and the client that it knows.

use pinlatch::access_token::{AccessTokenVerifier, HostClaims};
use pinlatch::keyring::Keys;
use pinlatch::proof::{Candidate, ProofError, RequestKey};
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessTokenKey, AccessTokens, ClockPolicy, FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, RequestContext,
    SessionId, Sessions, Subject, SystemClock, Tenant,
};
use rand_core::UnwrapErr;

use crate::message::Message;

fn key_ring() -> KeyRing {
    let secret = |mark: u8| -> Vec<u8> { (0..32).map(|at| at ^ mark).collect() };
    KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap()
}

fn access_tokens() -> AccessTokens {
    let key = AccessTokenKey::hs256("k1", b"a signing secret of 32 bytes all").unwrap();
    AccessTokens::new(key, "https://id.example", "https://api.example", "app").unwrap()
}

pub(crate) struct Server {
    keys: Keys,
    verifier: AccessTokenVerifier,
    pub(crate) key: RequestKey,
    pub(crate) session_id: SessionId,
    pub(crate) token: String,
}

impl Server {
    pub(crate) fn new() -> Self {
        let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
        let sessions = Sessions::builder(key_ring(), MemoryStore::default(), access_tokens()).policy(policy).build();
        let opened = tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let (sessions, pin) = (sessions.unwrap(), Pin::new("739216").unwrap());
            let login = FullLogin::vouched_by_host(Subject::new("alice").unwrap());
            let issued = sessions.login(login, pin.clone()).await.unwrap();
            sessions.unlock(issued.device_token.as_str(), &pin, &RequestContext::new()).await.unwrap()
        });
        let (keys, session_id, mut rng) =
            (key_ring().keys(&Tenant::default()), opened.session_id, UnwrapErr(getrandom::SysRng));
        let (id, key) = RequestKey::issue(&keys, session_id, &mut rng);
        let tokens = access_tokens();
        let token = tokens.mint(&opened.grant.bound_to(id), &HostClaims::default(), &mut rng).as_str().to_owned();
        Self { keys, verifier: tokens.verifier().clone(), key, session_id, token }
    }

    /// What we say to a message, copies aside.
    pub(crate) fn verify(&self, message: &Message) -> Result<(), ProofError> {
        let now = SystemClock.now();
        let candidate = message.parts(|parts| {
            let candidate = Candidate::read(parts, now)?;
            candidate.verify(&self.verifier, &self.keys, now)
        })?;
        let fresh = candidate.stored(pinlatch::record::Inserted::Created)?;
        fresh.with_body(message.body.as_deref().unwrap_or_default()).map(drop)
    }

    /// Signed by our own client.
    pub(crate) fn sign(&self, message: &mut Message) {
        let now = SystemClock.now();
        let signed = message.parts(|parts| {
            self.key.sign_request(self.session_id, parts, now, &mut UnwrapErr(getrandom::SysRng)).unwrap()
        });
        message.headers.push(("signature-input".into(), signed.signature_input));
        message.headers.push(("signature".into(), signed.signature));
    }
}
