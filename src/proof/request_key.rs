//! The key that a client signs its requests with: given out at an unlock, stored nowhere.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;

use super::{Candidate, Proof, ProofError};
use crate::access_token::AccessTokenVerifier;
use crate::crypto::MacKey;
use crate::id::{RequestKeyId, SessionId};
use crate::keyring::Keys;
use crate::secret::secret_bytes;
use crate::time::UnixTime;

secret_bytes! {
    /// The key that a client signs its requests with: 32 bytes.
    ///
    /// It is derived from the pepper, the session, and the salt in its id, so the server needs nothing but the access
    /// token to have it again. It says nothing about PIN or session token.
    pub struct RequestKey([u8; 32]);
    redaction: request_key_is_redacted
}

impl RequestKey {
    /// A fresh key of a session, and its id for the access token.
    #[must_use]
    pub fn issue<R: CryptoRng + ?Sized>(keys: &Keys, session_id: SessionId, rng: &mut R) -> (RequestKeyId, Self) {
        let mut salt = [0; 16];
        rng.fill_bytes(&mut salt);
        let (id, key) = keys.new_request_key(salt, session_id);
        (id, Self(*key))
    }

    /// The signature of a base (RFC 9421 §3.3.3): 32 bytes.
    #[must_use]
    pub fn sign(&self, base: &str) -> [u8; 32] {
        MacKey::new(&self.0).mac_plain(base.as_bytes())
    }
}

impl<'a> Candidate<'a> {
    /// Verifies the access token and the signature. The key is the token's: no other one could be meant.
    ///
    /// # Errors
    /// [`ProofError::AccessToken`], [`ProofError::WrongKey`], [`ProofError::BadSignature`].
    pub fn verify(
        self,
        access_tokens: &AccessTokenVerifier,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<Proof<'a>, ProofError> {
        let bound = access_tokens.verify_bound(self.access_token, now)?;
        let key_id = bound.key();
        let access = bound.proven_by_host();
        if access.session_id != self.session_id {
            return Err(ProofError::WrongKey);
        }
        let key = keys.request_key(key_id, self.session_id).ok_or(ProofError::WrongKey)?;
        let expected = RequestKey(*key).sign(&self.base);
        if !bool::from(expected.ct_eq(&self.signature)) {
            return Err(ProofError::BadSignature);
        }
        let mark = *expected.first_chunk().expect("a MAC has 32 bytes");
        Ok(Proof { access, mark, created: self.created, content_digest: self.content_digest })
    }
}
