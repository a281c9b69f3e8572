//! The key that a client signs its requests with: given out at an unlock, stored nowhere.

use rand_core::CryptoRng;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::candidate::Signed;
use super::{Candidate, Proof, ProofError};
use crate::access_token::{AccessTokenError, AccessTokenVerifier, RenewableAccess};
use crate::crypto::MacKey;
use crate::encoding::{decode_base64url, push_base64url};
use crate::id::{NameError, RequestKeyId, SessionId};
use crate::keyring::Keys;
use crate::secret::secret_bytes;
use crate::time::UnixTime;

secret_bytes! {
    /// The key that a client signs its requests with: 32 bytes, as text 43 characters of base64url.
    ///
    /// It is derived from the pepper, the session, and the salt in its id, so the server needs nothing but the access
    /// token to have it again. It says nothing about PIN or session token. The client keeps it in memory only, like the
    /// access token.
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

    /// For the client, over TLS: 43 characters of base64url.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(43));
        push_base64url(&mut text, &self.0);
        text
    }

    pub(super) fn mac_key(&self) -> MacKey {
        MacKey::new(&self.0)
    }
}

impl core::str::FromStr for RequestKey {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        decode_base64url(text.as_bytes()).map(Self).map_err(|_| NameError::NotAnId)
    }
}

impl Candidate<'_> {
    /// Verifies the access token and the signature. The key is the token's: no other one could be meant.
    ///
    /// # Errors
    /// [`ProofError::AccessToken`], [`ProofError::WrongKey`], [`ProofError::BadSignature`].
    pub fn verify(self, access_tokens: &AccessTokenVerifier, keys: &Keys, now: UnixTime) -> Result<Proof, ProofError> {
        let bound = access_tokens.verify_bound(self.access_token, now)?;
        let key = bound.key();
        let access = bound.proven_by_host();
        self.authentic(key, access.session_id, access.issued_at, access, keys)
    }

    /// As [`Candidate::verify`], for a token that may have expired. What comes of it is good for [`crate::renew`] only.
    ///
    /// # Errors
    /// [`ProofError::AccessToken`], [`ProofError::WrongKey`], [`ProofError::BadSignature`].
    pub fn verify_for_renewal(
        self,
        access_tokens: &AccessTokenVerifier,
        keys: &Keys,
        now: UnixTime,
    ) -> Result<Proof<RenewableAccess>, ProofError> {
        let access = access_tokens.verify_for_renewal(self.access_token, now)?;
        let key = access.key().ok_or(AccessTokenError::NotBound)?;
        self.authentic(key, access.session_id(), access.issued_at(), access, keys)
    }

    fn authentic<A>(
        self,
        key: RequestKeyId,
        session_id: SessionId,
        token_issued_at: UnixTime,
        access: A,
        keys: &Keys,
    ) -> Result<Proof<A>, ProofError> {
        if self.session_id.is_some_and(|named| named != session_id) {
            return Err(ProofError::WrongKey);
        }
        let key = RequestKey(*keys.request_key(key, session_id).ok_or(ProofError::WrongKey)?).mac_key();
        let expected = match &self.signed {
            Signed::Base(base) => Zeroizing::new(key.into_mac_plain(base.as_bytes())),
            Signed::Message(envelope) => envelope.mac(&key),
        };
        if !bool::from(expected.ct_eq(&self.signature)) {
            return Err(ProofError::BadSignature);
        }
        let mark = *expected.first_chunk().expect("a MAC has 32 bytes");
        Ok(Proof { access, session_id, token_issued_at, mark, created: self.created, content: self.content })
    }
}
