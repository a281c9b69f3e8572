//! The bearer secret of a session and the values around it.

use crate::secret::secret_bytes;

secret_bytes! {
    /// The bearer secret: 32 uniform bytes without any structure, wrapped exactly once and used for nothing else.
    ///
    /// It cannot be cloned: a second wrap of the same token would let two stolen copies test PINs against each other.
    pub(crate) struct SessionToken([u8; 32]);
    redaction: session_token_is_redacted
}

secret_bytes! {
    /// What unwrapping under some PIN yields: 32 bytes that are the session token if the PIN was right. Nothing
    /// about them tells.
    pub(crate) struct CandidateToken([u8; 32]);
    redaction: candidate_token_is_redacted
}

secret_bytes! {
    /// The keyed hash of a session token that the database keeps: 32 bytes.
    #[derive(Clone)]
    pub(crate) struct TokenDigest([u8; 32]);
    redaction: token_digest_is_redacted
}

secret_bytes! {
    /// The name of one wrap: 16 random bytes. Who knows it can tell which wrap a session expects, so it is not logged.
    #[derive(Clone)]
    pub(crate) struct WrapId([u8; 16]);
    redaction: wrap_id_is_redacted
}

secret_bytes! {
    /// The salt of a PIN: 16 random bytes, fresh whenever the PIN or the KDF parameters change.
    #[derive(Clone)]
    pub(crate) struct LockSalt([u8; 16]);
    redaction: lock_salt_is_redacted
}

secret_bytes! {
    /// A subject's epoch: 16 random bytes. Sessions that carry another one are over.
    #[derive(Clone)]
    pub(crate) struct Epoch([u8; 16]);
    redaction: epoch_is_redacted
}

macro_rules! constant_time_eq {
    ($($name:ident),*) => {$(
        impl $name {
            /// Compares in constant time.
            pub(crate) fn ct_eq(&self, other: &Self) -> subtle::Choice {
                subtle::ConstantTimeEq::ct_eq(&self.expose_secret()[..], &other.expose_secret()[..])
            }
        }
    )*};
}

constant_time_eq!(TokenDigest, WrapId, Epoch);

#[cfg(test)]
mod tests {
    use super::*;

    /// Two implementations of one trait if the token can be cloned, so that naming it is ambiguous: does not compile.
    trait NotClone<T> {
        const HOLDS: bool = true;
    }
    impl<T> NotClone<()> for T {}
    impl<T: Clone> NotClone<u8> for T {}

    #[test]
    fn a_session_token_cannot_be_cloned() {
        const { assert!(<SessionToken as NotClone<_>>::HOLDS) };
    }

    #[test]
    fn digests_are_compared_whole() {
        let digest = TokenDigest::from_bytes([0xA5; 32]);
        assert!(bool::from(digest.ct_eq(&TokenDigest::from_bytes([0xA5; 32]))));
        for bit in 0..256 {
            let mut other = [0xA5; 32];
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!bool::from(digest.ct_eq(&TokenDigest::from_bytes(other))), "bit {bit}");
        }
    }
}
