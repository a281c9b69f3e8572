//! A code as a person types it.

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop};

use crate::encoding::decimal_digit;

/// The most that may be typed: a code of eight digits, and the one in front of it.
const MOST_DIGITS: u8 = 9;

/// What was typed: 4 to 9 digits of any script that people type them in, spaces and hyphens between them. A digit more
/// than the code has is the [hint](super::OtpPolicy::hint) in front of it.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct OtpCode {
    value: u32,
    digits: u8,
}

/// Not a code: something else than digits, or not as many as the code has. Ask again; nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code, or not of as many digits as it has")]
pub struct NotACode;

impl core::str::FromStr for OtpCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let (mut value, mut digits) = (0_u32, 0_u8);
        for typed in text.trim().chars().filter(|typed| !matches!(typed, ' ' | '-' | '\u{A0}')) {
            let digit = decimal_digit(typed).ok_or(NotACode)?;
            digits += 1;
            if digits > MOST_DIGITS {
                return Err(NotACode);
            }
            value = value * 10 + digit;
        }
        if digits < 4 { Err(NotACode) } else { Ok(Self { value, digits }) }
    }
}

impl OtpCode {
    pub(super) const fn new(value: u32, digits: u8) -> Self {
        Self { value, digits }
    }

    /// In the same time whatever the digits are. How many there are is public.
    pub(super) fn is(&self, other: &Self) -> Choice {
        self.digits.ct_eq(&other.digits) & self.value.ct_eq(&other.value)
    }

    /// The digits, zeros in front included.
    pub(super) fn expose_secret(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(format!("{:0width$}", self.value, width = usize::from(self.digits)))
    }

    /// A code out of 64 random bits. The first of 10^8 codes is likelier than the last by less than 10^-11.
    pub(super) const fn from_random(bits: u64, digits: u8) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "it is less than 10^8")]
        Self::new((bits % 10_u64.pow(digits as u32)) as u32, digits)
    }

    /// The code alone, where somebody typed the digit in front of it as well, as it stands in the message.
    ///
    /// # Errors
    /// [`NotACode`] when there are not as many digits as codes have.
    pub(super) fn without_hint(&self, digits: u8) -> Result<Self, NotACode> {
        if self.digits == digits {
            Ok(Self::new(self.value, digits))
        } else if self.digits == digits + 1 {
            Ok(Self::new(self.value % 10_u32.pow(digits.into()), digits))
        } else {
            Err(NotACode)
        }
    }
}

impl core::fmt::Debug for OtpCode {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OtpCode([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> Result<(u32, u8), NotACode> {
        text.parse().map(|code: OtpCode| (code.value, code.digits))
    }

    #[test]
    fn people_type_codes_in_many_ways() {
        for text in [
            "482913",
            " 482913\n",
            "482 913",
            "482-913",
            "4 8 2 9 1 3",
            "٤٨٢٩١٣",
            "۴۸۲۹۱۳",
            "４８２９１３",
            "482\u{A0}913",
        ] {
            assert_eq!(typed(text), Ok((482_913, 6)), "{text}");
        }
        assert_eq!(typed("000000"), Ok((0, 6)));
        assert_eq!(typed("0012"), Ok((12, 4)));
        assert_eq!(typed("123456789"), Ok((123_456_789, 9)), "eight, and the hint");
        for wrong in [
            "",
            "123",
            "1234567890",
            "48291x",
            "+48291",
            "48.2913",
            "4829\n13",
            "½¼¾⅓",
            "4829132349283472394827349238472398472398",
        ] {
            assert_eq!(typed(wrong), Err(NotACode), "{wrong}");
        }
    }

    #[test]
    fn every_code_may_come() {
        for (bits, code) in [(0, "000000"), (999_999, "999999"), (1_000_000, "000000")] {
            assert_eq!(*OtpCode::from_random(bits, 6).expose_secret(), code);
        }
    }

    #[test]
    fn zeros_count() {
        let code = OtpCode::new(12, 6);
        assert_eq!(*code.expose_secret(), "000012");
        assert!(bool::from(code.is(&"000012".parse().unwrap())));
        for other in ["0012", "12000", "0000012", "000013", "012"] {
            assert!(other.parse().map_or(true, |other: OtpCode| !bool::from(code.is(&other))), "{other}");
        }
        assert_eq!(format!("{code:?}"), "OtpCode([redacted])");
    }
}
