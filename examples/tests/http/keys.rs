//! How access tokens are signed, and what others need to verify them.

use std::process::{Command, Stdio};

use pinlatch::access_token::{AccessTokenConfigError, AccessTokenVerifier, AccessTokenVerifyingKey};
use pinlatch::{AccessTokenError, ClockPolicy, SystemClock};
use reqwest::Method;

use crate::server::*;

impl Api {
    async fn token(&self) -> String {
        self.authorize(&self.login().await, PIN).await.text("access_token")
    }

    /// What another service knows: the key set, and whose tokens it wants.
    async fn elsewhere(&self) -> Result<AccessTokenVerifier, AccessTokenConfigError> {
        let answer = self.with_token(Method::GET, "/.well-known/jwks.json", "").await;
        assert_eq!((answer.status, answer.content_type.as_str()), (200, "application/jwk-set+json"));
        let keys = AccessTokenVerifyingKey::from_jwks(&answer.body.to_string()).unwrap();
        AccessTokenVerifier::new(keys, "https://pinlatch.example", "https://pinlatch.example/api", "pinlatch-demo")
    }
}

#[tokio::test]
async fn another_service_verifies_with_the_published_key() {
    let server = Server::start("memory:");
    let api = Api::of(&server);
    let verifier = api.elsewhere().await.unwrap();
    let access = verifier.verify_bound(&api.token().await, SystemClock.now()).unwrap().without_proof();
    assert_eq!(access.subject.as_str(), "alice");
    // Another instance has other secrets.
    let other = Server::start("memory:");
    let stranger = Api::of(&other).token().await;
    let refused = verifier.verify_bound(&stranger, SystemClock.now()).map(drop);
    assert_eq!(refused, Err(AccessTokenError::BadSignature));
    assert_eq!(api.with_token(Method::GET, "/api/me", &stranger).await.code(), "invalid_token");
}

#[tokio::test]
async fn a_shared_secret_is_not_published() {
    let server = Server::start_with("memory:", &[("ALG", "HS256")]);
    let api = Api::of(&server);
    let token = api.token().await;
    assert_eq!(api.with_token(Method::GET, "/api/me", &token).await.status, 200);
    assert_eq!(api.elsewhere().await.unwrap_err(), AccessTokenConfigError::NoKey);
}

#[test]
fn another_algorithm_is_refused_at_the_start() {
    for alg in ["none", "RS256", "hs256", ""] {
        let server = Command::new(program())
            .envs([("ALG", alg), ("STORE", "memory:"), ("ADDR", "127.0.0.1:0")])
            .stderr(Stdio::piped())
            .output()
            .unwrap();
        assert!(!server.status.success());
        let said = String::from_utf8(server.stderr).unwrap();
        assert!(said.contains("ALG is not EdDSA or HS256"), "{said}");
    }
}
