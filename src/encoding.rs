//! Bytes as text (base64url, canonical, no padding: RFC 4648 §5) and values as bytes (big endian).

use base64::Engine;
use base64::engine::general_purpose::{NO_PAD, PAD};
use base64ct::{Base64UrlUnpadded, Encoding};

use crate::time::UnixTime;

/// Input that does not have the one shape it must have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed")]
pub(crate) struct Malformed;

/// A digit as people type it: ASCII, Arabic-Indic, Extended Arabic-Indic (Persian, Urdu), Devanagari, Bengali, full
/// width.
pub(crate) fn decimal_digit(typed: char) -> Option<u32> {
    let zeros = ['0', '\u{660}', '\u{6F0}', '\u{966}', '\u{9E6}', '\u{FF10}'];
    zeros.into_iter().find_map(|zero| u32::from(typed).checked_sub(zero.into()).filter(|digit| *digit < 10))
}

/// Characters that `len` bytes take as base64url.
pub(crate) const fn text_len(len: usize) -> usize {
    (len * 4).div_ceil(3)
}

/// Appends the base64url form of `bytes` to `text`.
pub(crate) fn push_base64url(text: &mut String, bytes: &[u8]) {
    // In steps of whole groups, so that no buffer has to be sized by the input.
    let mut buffer = [0; text_len(48)];
    for group in bytes.chunks(48) {
        let encoded = Base64UrlUnpadded::encode(group, &mut buffer).expect("48 bytes fill the buffer exactly");
        text.push_str(encoded);
    }
}

/// The fastest engines that the target has, for what is no secret: the time they take may tell something of the bytes.
#[cfg(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon")))]
mod public {
    use std::sync::LazyLock;

    use base64::engine::Simd;

    use super::{NO_PAD, PAD};

    pub(super) static PUBLIC: LazyLock<Simd> = LazyLock::new(|| Simd::url_safe(NO_PAD));
    pub(super) static PADDED: LazyLock<Simd> = LazyLock::new(|| Simd::standard(PAD));
}

#[cfg(not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_feature = "neon"))))]
mod public {
    use base64::alphabet::{STANDARD, URL_SAFE};
    use base64::engine::GeneralPurpose;

    use super::{NO_PAD, PAD};

    pub(super) static PUBLIC: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, NO_PAD);
    pub(super) static PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, PAD);
}

use self::public::{PADDED, PUBLIC};

/// Appends the base64url form of bytes that are no secret.
pub(crate) fn push_public_base64url(text: &mut String, bytes: &[u8]) {
    PUBLIC.encode_string(bytes, text);
}

/// Decodes text that is no secret; anything but its one canonical spelling is malformed.
pub(crate) fn decode_public_base64url(text: &str) -> Result<Vec<u8>, Malformed> {
    PUBLIC.decode(text).map_err(|_| Malformed)
}

/// Decodes exactly `N` bytes that are no secret; anything but their one canonical spelling is malformed.
pub(crate) fn decode_public_array<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if text.len() != text_len(N) {
        return Err(Malformed);
    }
    PUBLIC.decode_slice(text, &mut bytes).map_err(|_| Malformed)?;
    Ok(bytes)
}

/// Bytes that are no secret, in base64 with its padding (RFC 4648 §4).
pub(crate) fn public_padded(bytes: &[u8]) -> String {
    PADDED.encode(bytes)
}

/// As [`decode_public_array`], of base64 with its padding (RFC 4648 §4).
pub(crate) fn decode_public_padded<const N: usize>(text: &str) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if text.len() != N.div_ceil(3) * 4 {
        return Err(Malformed);
    }
    match PADDED.decode_slice(text, &mut bytes) {
        Ok(decoded) if decoded == N => Ok(bytes),
        _ => Err(Malformed),
    }
}

/// Decodes exactly `N` bytes; anything but their one canonical spelling is malformed.
pub(crate) fn decode_base64url<const N: usize>(text: &[u8]) -> Result<[u8; N], Malformed> {
    let mut bytes = [0; N];
    if text.len() != text_len(N) {
        return Err(Malformed);
    }
    Base64UrlUnpadded::decode(text, &mut bytes).map_err(|_| Malformed)?;
    Ok(bytes)
}

/// Appends values to a byte string.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

impl Writer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    pub(crate) fn u8(&mut self, value: u8) {
        self.0.push(value);
    }

    pub(crate) fn u16(&mut self, value: u16) {
        self.0.extend_from_slice(&value.to_be_bytes());
    }

    pub(crate) fn time(&mut self, value: UnixTime) {
        self.0.extend_from_slice(&value.as_millis().to_be_bytes());
    }

    pub(crate) fn bytes(&mut self, value: &[u8]) {
        self.0.extend_from_slice(value);
    }

    /// At most 255 bytes of text, behind their length. The types written this way are bounded to that.
    pub(crate) fn short_text(&mut self, value: &str) {
        self.u8(u8::try_from(value.len()).expect("bounded where the text was accepted"));
        self.bytes(value.as_bytes());
    }

    /// The same in 256 bytes, however long it is: its length takes no time to work on.
    pub(crate) fn padded_text(&mut self, value: &str) {
        self.short_text(value);
        self.0.resize(self.0.len() + padding(value), 0);
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.0
    }
}

/// What the longest text has more than this one.
const fn padding(text: &str) -> usize {
    u8::MAX as usize - text.len()
}

/// Takes values off the front of a byte string.
#[derive(Debug)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    pub(crate) fn slice(&mut self, len: usize) -> Result<&'a [u8], Malformed> {
        let (taken, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(taken)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (taken, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*taken)
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        self.array::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        self.array().map(u16::from_be_bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        self.array().map(u32::from_be_bytes)
    }

    pub(crate) fn time(&mut self) -> Result<UnixTime, Malformed> {
        self.array().map(|bytes| UnixTime::from_millis(u64::from_be_bytes(bytes)))
    }

    pub(crate) fn short_text(&mut self) -> Result<&'a str, Malformed> {
        let len = self.u8()?;
        core::str::from_utf8(self.slice(len.into())?).map_err(|_| Malformed)
    }

    pub(crate) fn padded_text(&mut self) -> Result<&'a str, Malformed> {
        let text = self.short_text()?;
        let padding = self.slice(padding(text))?;
        if padding.iter().all(|byte| *byte == 0) { Ok(text) } else { Err(Malformed) }
    }

    /// Nothing may be left over.
    pub(crate) const fn finish(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(bytes: &[u8]) -> String {
        let mut text = String::new();
        push_base64url(&mut text, bytes);
        text
    }

    #[test]
    fn a_padded_text_has_its_length_hidden() {
        for len in [0, 1, 254, 255] {
            let text = "x".repeat(len);
            let mut out = Writer::with_capacity(0);
            out.padded_text(&text);
            let mut bytes = out.finish();
            assert_eq!(bytes.len(), 256);
            assert_eq!(Reader::new(&bytes).padded_text(), Ok(&*text));
            assert_eq!(Reader::new(&bytes[..255]).padded_text(), Err(Malformed));
            if len < 255 {
                bytes[255] = 1;
                assert_eq!(Reader::new(&bytes).padded_text(), Err(Malformed), "one way to write it");
            }
        }
    }

    #[test]
    fn groups_join_without_a_seam() {
        let bytes: Vec<u8> = (0..=200).collect();
        for len in [0, 1, 2, 3, 47, 48, 49, 96, 139, 200] {
            assert_eq!(encode(&bytes[..len]), Base64UrlUnpadded::encode_string(&bytes[..len]));
        }
    }

    #[test]
    fn base64url_not_canonical() {
        assert_eq!(decode_base64url::<1>(b"AA"), Ok([0]));
        for wrong in ["AB", "A=", "A", "AAA", "A+", "A/", " AA", "AA\n", "A\0", "ä"] {
            assert_eq!(decode_base64url::<1>(wrong.as_bytes()), Err(Malformed), "{wrong:?}");
        }
    }

    /// All three take 44 characters.
    #[test]
    fn padded_base64_has_as_many_bytes_as_it_must() {
        for len in [31, 32, 33] {
            let text = base64ct::Base64::encode_string(&[7; 33][..len]);
            assert_eq!(decode_public_padded::<32>(&text).is_ok(), len == 32, "{len}");
        }
    }

    #[test]
    fn a_digit_is_one_of_ten() {
        for zero in ['0', '\u{660}', '\u{6F0}', '\u{966}', '\u{9E6}', '\u{FF10}'] {
            let near =
                |offset: i32| decimal_digit(char::from_u32(u32::from(zero).wrapping_add_signed(offset)).unwrap());
            assert_eq!([-1, 0, 9, 10].map(near), [None, Some(0), Some(9), None], "{zero}");
        }
    }

    #[test]
    fn reader_refuses_what_is_short_and_what_is_left_over() {
        assert_eq!(Reader::new(&[1]).u16(), Err(Malformed));
        assert_eq!(Reader::new(&[2, b'a']).short_text(), Err(Malformed));
        assert_eq!(Reader::new(&[1, 0xFF]).short_text(), Err(Malformed));
        assert_eq!(Reader::new(&[0]).finish(), Err(Malformed));
    }
}
