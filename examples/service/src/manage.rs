//! What an unlocked client does: call the API, look at its sessions, renew, log out.

use pinlatch::{DeviceLabel, LiveAccessError, Problem, RequestContext, SessionId, VerifiedAccess};
use serde::Deserialize;
use serde_json::json;

use crate::problem::{not_found, tell, unavailable};
use crate::{Answer, Outcome, Received, Service};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Transfer {
    to: String,
    amount: u64,
}

/// What a device is about to forget: a wrapped token, or a token for logging out, if it has locked its own.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Forget {
    kept: String,
}

impl Service {
    /// Evidence of a valid `Authorization: Bearer` whose session is live, for routes that ask for no signature. An API
    /// that may believe a revoked session for some minutes leaves `check_live` away, and asks no store.
    pub async fn bearer(&self, received: &Received) -> Result<VerifiedAccess, Problem> {
        // A signature that does not hold makes no bearer of its client. These routes look at no body.
        if received.is_signed() {
            return Ok(self.accept_signed(received, b"").await?.access);
        }
        let invalid = || Problem::from(pinlatch::AccessTokenError::UnknownHeader);
        let token = received.bearer_token().ok_or_else(invalid)?;
        // `verify_live` refuses bound tokens; here they are as good as a bearer's.
        let access = self.0.sessions.verify_bound(token).map_err(LiveAccessError::from).map_err(tell)?.without_proof();
        self.0.sessions.check_live(&access).await.map_err(tell)?;
        Ok(access)
    }

    pub fn me(&self, access: &VerifiedAccess) -> Answer {
        let body = json!({
            "subject": access.subject.as_str(),
            "session_id": access.session_id.to_string(),
            "expires_at": access.expires_at.as_secs(),
        });
        Answer::json(200, &body)
    }

    /// Money moves for a signed request only, and once for each.
    pub async fn transfer(&self, received: &Received, body: &[u8]) -> Outcome {
        self.accept_signed(received, body).await?;
        let Transfer { to, amount } = serde_json::from_slice(body).map_err(|_| Problem::bad_request())?;
        if to.is_empty() || to.len() > 100 || amount == 0 {
            return Err(Problem::bad_request());
        }
        let id = getrandom::u64().map_err(|_| unavailable())?;
        Ok(Answer::json(200, &json!({"id": format!("{id:016x}"), "to": to, "amount": amount})))
    }

    /// Another access token without a PIN, if `RENEW` allows it, for the key that the device has.
    pub async fn renew(&self, received: &Received, body: &[u8], context: RequestContext) -> Outcome {
        let accepted = self.accept_renewal(received, body).await?;
        let renewed = self.0.sessions.renew_signed(accepted, &context).await.map_err(tell)?;
        let body = json!({
            "access_token": renewed.access_token.as_str(),
            "token_type": "Bearer",
            "expires_in": renewed.access_token.expires_in().as_secs(),
        });
        Ok(Answer::json(200, &body))
    }

    pub async fn sessions(&self, access: &VerifiedAccess) -> Outcome {
        let of_subject = self.0.sessions.sessions_of(&access.subject).await.map_err(tell)?;
        let list: Vec<_> = of_subject
            .iter()
            .map(|session| {
                json!({
                    "session_id": session.session_id.to_string(),
                    "device": session.label.as_ref().map(DeviceLabel::as_str),
                    "created_at": session.created_at.as_secs(),
                    "last_used_at": session.last_used_at.as_secs(),
                    "expires_at": session.expires_at.as_secs(),
                    "locked_out": session.locked_out,
                    "current": session.session_id == access.session_id,
                })
            })
            .collect();
        Ok(Answer::json(200, &json!({"sessions": list})))
    }

    pub async fn revoke(&self, access: &VerifiedAccess, id: &str) -> Outcome {
        let id: SessionId = id.parse().map_err(|_| not_found())?;
        let ended = self.0.sessions.revoke(&access.subject, id).await.map_err(tell)?;
        if ended { Ok(Answer::empty()) } else { Err(not_found()) }
    }

    pub async fn logout(&self, access: &VerifiedAccess) -> Outcome {
        self.0.sessions.revoke(&access.subject, access.session_id).await.map_err(tell)?;
        Ok(Answer::empty())
    }

    /// A logout without a PIN.
    pub async fn forget(&self, forget: Forget) -> Outcome {
        self.0.sessions.log_out(&forget.kept).await.map_err(tell)?;
        Ok(Answer::empty())
    }

    pub async fn logout_all(&self, access: &VerifiedAccess) -> Outcome {
        self.0.sessions.revoke_all(&access.subject).await.map_err(tell)?;
        Ok(Answer::empty())
    }

    /// The key that signs answers, which a client has built in, and those for sealed requests, in an answer that it can
    /// have signed.
    pub fn server_keys(&self) -> Answer {
        let sealing = self.0.sealing_keys.public_keys().map(|key| key.to_jwk());
        let keys: Vec<_> = std::iter::once(self.0.server_key.public_key().to_jwk()).chain(sealing).collect();
        let keys = format!("{{\"keys\":[{}]}}", keys.join(","));
        // Signed for one client, it is for no other.
        Answer::of("application/http-message-signatures-directory+json", keys).header("cache-control", "no-store")
    }

    /// The public keys, for services that verify access tokens by themselves.
    pub fn jwks(&self) -> Answer {
        Answer::of("application/jwk-set+json", self.0.sessions.jwks()).header("cache-control", "public, max-age=300")
    }

    pub fn not_found(&self) -> Answer {
        not_found().into()
    }
}
