//! What a signature says of a body: its digest, in the field `Content-Digest` (RFC 9530).

use super::fields;
use crate::crypto::{Hasher, sha256};
use crate::encoding::{decode_public_padded, public_padded};

/// The value of `Content-Digest` for a body: `sha-256=:…:`, 54 characters. Of the bytes on the wire, so after a
/// content coding.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", public_padded(&sha256(body)))
}

/// One digest, of an algorithm that still holds: its base64 text, as it stands.
#[derive(Clone, Copy, Debug)]
pub(super) enum ContentDigest {
    Sha256([u8; 44]),
    Sha512([u8; 88]),
}

impl ContentDigest {
    /// `None` for several digests, for other algorithms, and for what is not as long as a digest of theirs.
    pub(super) fn read(field: &str) -> Option<Self> {
        match fields::digest(field).ok()? {
            ("sha-256", text) => text.as_bytes().try_into().ok().map(Self::Sha256),
            ("sha-512", text) => text.as_bytes().try_into().ok().map(Self::Sha512),
            _ => None,
        }
    }

    /// For the body.
    pub(super) fn hasher(&self) -> Hasher {
        match self {
            Self::Sha256(_) => Hasher::sha256(),
            Self::Sha512(_) => Hasher::sha512(),
        }
    }

    /// Whether it is the digest of all that its hasher was given.
    pub(super) fn is_what(&self, hasher: Hasher) -> bool {
        let text: &[u8] = match self {
            Self::Sha256(text) => text,
            Self::Sha512(text) => text,
        };
        public_padded(hasher.finish(&mut [0; 64])).as_bytes() == text
    }

    pub(super) fn is_of(&self, body: &[u8]) -> bool {
        let mut hasher = self.hasher();
        hasher.update(body);
        self.is_what(hasher)
    }
}

/// Exactly `N` bytes of base64 with its padding, in its one spelling. They are presented, so they are no secret.
pub(super) fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    decode_public_padded(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_digest_is_that_of_rfc_9530() {
        // RFC 9530, appendix D.
        let body = b"{\"hello\": \"world\"}";
        assert_eq!(content_digest(body), "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:");
        let long = "sha-512=:WZDPaVn/7XgHaAy8pmojAkGWoRx2UFChF41A2svX+TaPm+AbwAgBWnrIiYllu7BNNyealdVLvRwEmTHWXvJwew==:";
        for field in [&content_digest(body), long] {
            let digest = ContentDigest::read(field).unwrap();
            assert!(digest.is_of(body) && !digest.is_of(b"") && !digest.is_of(&body[1..]));
        }
        // Spellings that a lenient decoder takes for the same digest.
        for other in [content_digest(body).replace("BPE=", "BPF="), long.replace("wew==", "wex==")] {
            assert!(!ContentDigest::read(&other).unwrap().is_of(body), "{other}");
        }
    }

    #[test]
    fn there_is_one_digest_that_holds() {
        let (short, long) = (content_digest(b"x"), format!("sha-512=:{}:", public_padded(&[7; 64])));
        for wrong in [
            "",
            "sha-256",
            "sha-256=::",
            "md5=:AAAAAAAAAAAAAAAAAAAAAA==:",
            &format!("{short}, {long}"),
            &short.replace("=:", "="),
            &short.replace("sha-256", "sha-512"),
            &long.replace("sha-512", "sha-256"),
            &format!("{short};q=1"),
            &format!("{short} "),
        ] {
            assert!(ContentDigest::read(wrong).is_none(), "{wrong:?}");
        }
    }
}
