//! A code as a person types it.

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::OtpPolicy;

/// What was typed: digits of any script that people type them in, spaces and hyphens between them.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct OtpCode {
    value: u32,
    digits: u8,
}

/// Not a code: something else than 4 to 8 digits. Ask again; nothing was charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a code of 4 to 8 digits")]
pub struct NotACode;

impl core::str::FromStr for OtpCode {
    type Err = NotACode;

    fn from_str(text: &str) -> Result<Self, NotACode> {
        let (mut value, mut digits) = (0_u32, 0);
        for typed in text.trim().chars().filter(|typed| !matches!(typed, ' ' | '-' | '\u{A0}')) {
            let digit = digit(typed).ok_or(NotACode)?;
            digits += 1;
            if digits > 8 {
                return Err(NotACode);
            }
            value = value * 10 + digit;
        }
        if digits < 4 { Err(NotACode) } else { Ok(Self { value, digits }) }
    }
}

/// ASCII, Arabic-Indic, Extended Arabic-Indic (Persian, Urdu), Devanagari, Bengali, and full width.
fn digit(typed: char) -> Option<u32> {
    let zeros = ['0', '\u{660}', '\u{6F0}', '\u{966}', '\u{9E6}', '\u{FF10}'];
    zeros.into_iter().find_map(|zero| u32::from(typed).checked_sub(zero.into()).filter(|digit| *digit < 10))
}

impl OtpCode {
    pub(super) const fn new(value: u32, digits: u8) -> Self {
        Self { value, digits }
    }

    /// In the same time whatever the digits are. How many there are is public.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.digits == other.digits && bool::from(self.value.ct_eq(&other.value))
    }

    /// The digits, zeros in front included.
    pub(super) fn expose_secret(&self) -> zeroize::Zeroizing<String> {
        zeroize::Zeroizing::new(format!("{:0width$}", self.value, width = usize::from(self.digits)))
    }

    /// A code out of 64 random bits. The first of 10^8 codes is likelier than the last by less than 10^-11.
    pub(super) const fn from_random(bits: u64, policy: &OtpPolicy) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "it is less than 10^8")]
        Self::new((bits % policy.codes() as u64) as u32, policy.digits())
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
        for wrong in [
            "",
            "123",
            "123456789",
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
    fn zeros_count() {
        let code = OtpCode::new(12, 6);
        assert_eq!(*code.expose_secret(), "000012");
        assert!(code.is(&"000012".parse().unwrap()));
        for other in ["0012", "12000", "0000012", "000013", "012"] {
            assert!(other.parse().map_or(true, |other: OtpCode| !code.is(&other)), "{other}");
        }
        assert_eq!(format!("{code:?}"), "OtpCode([redacted])");
    }
}
