//! A service of ours whose secrets are known to everybody here.

use pinlatch::authorize::Grant;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfParams;
use pinlatch::{
    AccessTokenKey, AccessTokens, FullLogin, KeyRing, Pepper, PepperId, Pin, Policy, RequestContext, Sessions, Subject,
};

pub(crate) const ISSUER: &str = "https://id.example";
pub(crate) const AUDIENCE: &str = "https://api.example";
pub(crate) const CLIENT: &str = "app";
pub(crate) const SECRET: &[u8; 32] = b"a signing secret of 32 bytes all";
pub(crate) const ALGORITHMS: [&str; 2] = ["HS256", "EdDSA"];

pub(crate) fn signing_key(alg: &str) -> AccessTokenKey {
    match alg {
        "HS256" => AccessTokenKey::hs256("k1", SECRET).unwrap(),
        "EdDSA" => AccessTokenKey::ed25519("k1", SECRET).unwrap(),
        other => panic!("{other}"),
    }
}

pub(crate) fn access_tokens(alg: &str) -> AccessTokens {
    AccessTokens::new(signing_key(alg), ISSUER, AUDIENCE, CLIENT).unwrap()
}

pub(crate) fn sessions(alg: &str) -> Sessions {
    let secret = |mark: u8| -> Vec<u8> { (0..32).map(|at| at ^ mark).collect() };
    let keys = KeyRing::new(Pepper::new(PepperId(1), secret(1)).unwrap(), secret(2)).unwrap();
    let policy = Policy::builder().kdf(KdfParams::danger_fast_for_tests()).build().unwrap();
    Sessions::builder(keys, MemoryStore::default(), access_tokens(alg)).policy(policy).build().unwrap()
}

/// What an unlock gives out.
pub(crate) async fn unlock(sessions: &Sessions, name: &str) -> (String, Grant) {
    let pin = Pin::new("739216").unwrap();
    let login = FullLogin::vouched_by_host(Subject::new(name).unwrap());
    let issued = sessions.login(login, pin.clone()).await.unwrap();
    let opened = sessions.unlock(issued.device_token.as_str(), &pin, &RequestContext::new()).await.unwrap();
    (opened.access_token.as_str().to_owned(), opened.grant)
}
