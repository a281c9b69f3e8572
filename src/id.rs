//! Names: of a person, a session, a tenant, a device. None of them is secret.

use core::fmt;
use std::sync::Arc;

use rand_core::CryptoRng;

use crate::encoding::{decimal_digit, decode_public_array, push_public_base64url, text_len};

macro_rules! id {
    ($(#[$meta:meta])* $name:ident([u8; $len:literal])) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// From its bytes.
            #[must_use]
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// The bytes.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            #[allow(dead_code, reason = "not every id is drawn at random")]
            pub(crate) fn random<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut bytes = [0; $len];
                rng.fill_bytes(&mut bytes);
                Self(bytes)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let mut text = String::with_capacity(text_len($len));
                push_public_base64url(&mut text, &self.0);
                f.write_str(&text)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        /// As its text.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl core::str::FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                decode_public_array(text).map(Self).map_err(|_| NameError::NotAnId)
            }
        }
    };
}

id! {
    /// The public handle of a session: 16 random bytes. It may be logged and grants nothing.
    ///
    /// As text it is 22 characters of base64url.
    SessionId([u8; 16])
}

id! {
    /// The name of one access token, its `jti`: 16 random bytes. It may be logged and grants nothing.
    ///
    /// As text it is 22 characters of base64url.
    TokenId([u8; 16])
}

id! {
    /// Names the key that must sign the requests made with an access token: any 20 bytes that name this key and no
    /// other, such as the beginning of its thumbprint. It may be logged and grants nothing.
    ///
    /// As text it is 27 characters of base64url.
    RequestKeyId([u8; 20])
}

id! {
    /// The public name of a challenge of a one-time code: 16 random bytes. It may be logged and grants nothing.
    ///
    /// As text it is 22 characters of base64url.
    OtpChallengeId([u8; 16])
}

/// A name that cannot be used. Correct the input; retrying does not help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// The name has no characters.
    #[error("the name is empty")]
    Empty,
    /// The name has more bytes than its kind may have.
    #[error("the name is longer than {max} bytes")]
    TooLong {
        /// The most bytes allowed.
        max: usize,
    },
    /// The name has a control character, such as a line break.
    #[error("the name has a control character")]
    ControlCharacter,
    /// The text is not an id of this kind.
    #[error("not an id of this kind")]
    NotAnId,
    /// The text is not a telephone number as it is dialed from abroad.
    #[error("not a telephone number with its country code, such as +44 7700 900123")]
    NotAPhoneNumber,
}

/// Refused: empty (unless `min` is 0), too long, or with characters that could forge a log line.
fn check_name(name: &str, min: usize, max: usize) -> Result<(), NameError> {
    if name.len() < min {
        Err(NameError::Empty)
    } else if name.len() > max {
        Err(NameError::TooLong { max })
    } else if name.chars().any(char::is_control) {
        Err(NameError::ControlCharacter)
    } else {
        Ok(())
    }
}

macro_rules! name {
    ($(#[$meta:meta])* $name:ident, $min:literal to $max:literal bytes) => {
        $(#[$meta])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// The most bytes the name may have.
            pub const MAX_LEN: usize = $max;

            /// Accepts a name.
            ///
            /// # Errors
            /// [`NameError`] when it is empty where it must not be, too long, or has a control character.
            pub fn new(name: impl AsRef<str>) -> Result<Self, NameError> {
                let name = name.as_ref();
                check_name(name, $min, $max)?;
                Ok(Self(name.into()))
            }

            /// The name as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), &self.0)
            }
        }

        /// As its text.
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }
    };
}

name! {
    /// The person a session speaks for, as the host names them: 1 to 255 bytes of UTF-8, no control characters.
    Subject, 1 to 255 bytes
}

impl Subject {
    /// A name that none can have, for what leads to nobody. It is kept like any other, so that it takes the same time.
    pub(crate) fn nobody() -> Self {
        Self("".into())
    }

    /// Somebody or nobody out of a record, where the name was checked before it was written.
    pub(crate) fn or_nobody(recorded: &str) -> Self {
        Self(recorded.into())
    }

    pub(crate) fn into_somebody(self) -> Option<Self> {
        (!self.is_nobody()).then_some(self)
    }

    pub(crate) fn is_nobody(&self) -> bool {
        self.0.is_empty()
    }
}

name! {
    /// One of several customers whose users must never meet: 0 to 64 bytes. The empty name is the default tenant.
    Tenant, 0 to 64 bytes
}

name! {
    /// What the session list calls the device, for instance "Firefox on Linux": 1 to 64 bytes.
    DeviceLabel, 1 to 64 bytes
}

/// How one key of several is named in public: 1 to 64 characters of `[A-Za-z0-9_-]`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct KeyId(Arc<str>);

impl KeyId {
    pub(crate) fn new(id: &str) -> Result<Self, NameError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
        let fits = (1..=64).contains(&id.len()) && id.bytes().all(valid);
        if fits { Ok(Self(id.into())) } else { Err(NameError::NotAnId) }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

name! {
    /// Whom one-time codes are sent to, in the one spelling that the host has for them: 1 to 255 bytes.
    /// [`Recipient::phone`] is for telephone numbers.
    Recipient, 1 to 255 bytes
}

name! {
    /// What a one-time code is for: 1 to 64 bytes. One that was sent for something else is not accepted.
    OtpPurpose, 1 to 64 bytes
}

impl OtpPurpose {
    /// To log in.
    #[must_use]
    pub fn login() -> Self {
        Self("login".into())
    }
}

impl Recipient {
    /// A telephone number in its international form, with the plus sign, and with spaces, hyphens, dots, slashes and
    /// parentheses as people write them: `+49 (151) 123-45678`, in digits of any script. It becomes the E.164 form, 8
    /// to 15 digits behind the plus sign.
    ///
    /// # Errors
    /// [`NameError::NotAPhoneNumber`] for what is no such number. One without its country is none, nor is `+49
    /// (0)151…`, of which nobody knows whether the zero is meant.
    pub fn phone(text: &str) -> Result<Self, NameError> {
        let text = text.trim().strip_prefix('+').filter(|rest| !rest.contains("(0"));
        let text = text.ok_or(NameError::NotAPhoneNumber)?;
        let written = |letter: &char| !matches!(letter, ' ' | '-' | '.' | '(' | ')' | '/' | '\u{A0}');
        let digits = text.chars().filter(written).map(|letter| {
            let digit = decimal_digit(letter).and_then(|digit| char::from_digit(digit, 10));
            digit.ok_or(NameError::NotAPhoneNumber)
        });
        let number: String = core::iter::once(Ok('+')).chain(digits).collect::<Result<_, _>>()?;
        let valid = (9..=16).contains(&number.len()) && !number.starts_with("+0");
        if valid { Ok(Self(number.into())) } else { Err(NameError::NotAPhoneNumber) }
    }
}

impl Default for Tenant {
    fn default() -> Self {
        Self("".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_id_round_trips_as_22_characters() {
        let id = SessionId([0xC3; 16]);
        assert_eq!(id.to_string().len(), 22);
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{id}\""));
        for wrong in ["", "short", "w8PDw8PDw8PDw8PDw8PDwx", "w8PDw8PDw8PDw8PDw8PDwwA"] {
            assert_eq!(wrong.parse::<SessionId>(), Err(NameError::NotAnId), "{wrong:?}");
        }
    }

    #[test]
    fn a_telephone_number_has_one_spelling() {
        for text in
            ["+4915112345678", " +49 151 1234 5678 ", "+49 (151) 123-45678", "+49.151/12345678", "+٤٩١٥١١٢٣٤٥٦٧٨"]
        {
            assert_eq!(Recipient::phone(text).unwrap().as_str(), "+4915112345678", "{text}");
        }
        for wrong in [
            "",
            "+",
            "4915112345678",
            "015112345678",
            "004915112345678",
            "+0491511234567",
            "+49151",
            "+49151123456789012",
            "+49151x2345678",
            "+49+15112345678",
            "٠",
            "+49 (0)151 12345678",
            "+٠٤٩١٥١١٢٣٤٥٦٧٨",
        ] {
            assert_eq!(Recipient::phone(wrong), Err(NameError::NotAPhoneNumber), "{wrong}");
        }
    }

    #[test]
    fn names_are_bounded_and_cannot_forge_a_line() {
        assert_eq!(Subject::new(""), Err(NameError::Empty));
        assert_eq!(Subject::new("x".repeat(256)), Err(NameError::TooLong { max: 255 }));
        assert_eq!(Subject::new("alice\nadmin"), Err(NameError::ControlCharacter));
        assert_eq!(Subject::new("élise").unwrap().as_str(), "élise");
        assert_eq!(Tenant::new("").unwrap(), Tenant::default());
    }
}
