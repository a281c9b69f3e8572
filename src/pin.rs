//! The PIN: what is accepted as one, and what is too easy to guess to be set.

mod blocklist;

use zeroize::Zeroizing;

use crate::policy::Policy;

/// A PIN as the user typed it: 4 to 64 bytes of UTF-8, digits or text. `"0123"` is not `"123"`.
///
/// It is taken byte for byte. A host whose users type accented letters normalizes them first (NFC), the same way at
/// every place.
#[derive(Clone)]
pub struct Pin(Zeroizing<String>);

/// Text that no PIN can have. Nothing was charged; ask again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a PIN has 4 to 64 bytes")]
pub struct PinLengthError;

impl Pin {
    /// The least bytes.
    pub const MIN_LEN: usize = 4;
    /// The most bytes.
    pub const MAX_LEN: usize = 64;

    /// Takes the PIN. A `String` given by value is erased with the PIN; give it away rather than keep a copy.
    ///
    /// # Errors
    /// [`PinLengthError`] below 4 or above 64 bytes.
    pub fn new(pin: impl Into<String>) -> Result<Self, PinLengthError> {
        let pin = Zeroizing::new(pin.into());
        if (Self::MIN_LEN..=Self::MAX_LEN).contains(&pin.len()) { Ok(Self(pin)) } else { Err(PinLengthError) }
    }

    pub(crate) fn expose_secret(&self) -> &str {
        &self.0
    }
}

impl core::fmt::Debug for Pin {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Pin([redacted])")
    }
}

/// A PIN too easy to guess to be set. Ask the user for another; nothing else was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WeakPin {
    /// Fewer characters than the policy asks for.
    #[error("the PIN needs at least {min} characters")]
    TooShort {
        /// The policy's minimum.
        min: u8,
    },
    /// One character or one group, over and over: `777777`, `121212`, `123123`.
    #[error("the PIN repeats itself")]
    Repeated,
    /// A run up or down: `345678`, `987654`, `abcdef`.
    #[error("the PIN is a run")]
    Sequence,
    /// A year, or a date with one.
    #[error("the PIN looks like a year or a date")]
    Date,
    /// A path over the keypad, such as `2580` or `147258`.
    #[error("the PIN is a pattern on the keypad")]
    Keypad,
    /// Among the commonest choices.
    #[error("the PIN is one of the commonest")]
    Common,
}

impl WeakPin {
    /// A stable word for the reason, for user interfaces: `too_short`, `repeated`, `sequence`, `date`, `keypad` or
    /// `common`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort { .. } => "too_short",
            Self::Repeated => "repeated",
            Self::Sequence => "sequence",
            Self::Date => "date",
            Self::Keypad => "keypad",
            Self::Common => "common",
        }
    }
}

/// Evidence that a PIN may be set under a policy.
///
/// ```compile_fail
/// // There is no other way to it than `NewPin::accept`.
/// let pin = pinlatch::pin::NewPin { pin: unreachable!() };
/// ```
#[derive(Clone, Debug)]
pub struct NewPin {
    pin: Pin,
}

impl NewPin {
    /// Checks a PIN that a user wants to set. Never done when unlocking: a policy made stricter locks nobody out.
    ///
    /// # Errors
    /// [`WeakPin`] with the reason.
    pub fn accept(pin: Pin, policy: &Policy) -> Result<Self, WeakPin> {
        let text = pin.expose_secret();
        let min = policy.min_pin_chars();
        if text.chars().count() < usize::from(min) {
            return Err(WeakPin::TooShort { min });
        }
        blocklist::check(text)?;
        Ok(Self { pin })
    }

    pub(crate) const fn pin(&self) -> &Pin {
        &self.pin
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accept(pin: &str) -> Result<(), WeakPin> {
        NewPin::accept(Pin::new(pin).unwrap(), &Policy::default()).map(drop)
    }

    #[test]
    fn pin_length_is_counted_in_bytes() {
        assert!(Pin::new("123").is_err());
        assert!(Pin::new("0123").is_ok());
        assert!(Pin::new("x".repeat(64)).is_ok());
        assert!(Pin::new("x".repeat(65)).is_err());
        assert!(Pin::new("é".repeat(33)).is_err());
    }

    #[test]
    fn policy_minimum_is_counted_in_characters() {
        assert_eq!(accept("83519"), Err(WeakPin::TooShort { min: 6 }));
        assert_eq!(accept("ééééé"), Err(WeakPin::TooShort { min: 6 }));
        assert_eq!(accept("835196"), Ok(()));
    }

    #[test]
    fn pin_is_redacted() {
        assert_eq!(format!("{:?}", Pin::new("835196").unwrap()), "Pin([redacted])");
        let accepted = NewPin::accept(Pin::new("835196").unwrap(), &Policy::default()).unwrap();
        assert!(!format!("{accepted:?}").contains("835196"));
    }
}
