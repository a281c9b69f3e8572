//! Newtypes for bytes that must never be printed, and the test that they are not.

/// Makes a secret of a fixed number of bytes: erased on drop, redacted in `Debug`, readable only through
/// `expose_secret`, and not comparable except by the code that does so in constant time.
macro_rules! secret_bytes {
    ($(#[$meta:meta])* $vis:vis struct $name:ident([u8; $len:expr]); redaction: $test:ident) => {
        $(#[$meta])*
        #[derive(zeroize::Zeroize, zeroize::ZeroizeOnDrop)]
        $vis struct $name([u8; $len]);

        #[allow(dead_code, reason = "not every secret needs every constructor")]
        impl $name {
            /// Length in bytes.
            $vis const LEN: usize = $len;

            /// Takes bytes that came from outside.
            $vis const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Draws fresh bytes, in place.
            $vis fn random<R: rand_core::CryptoRng + ?Sized>(rng: &mut R) -> Self {
                let mut secret = Self([0; $len]);
                rng.fill_bytes(&mut secret.0);
                secret
            }

            /// The bytes themselves. Every call is a place to review.
            $vis const fn expose_secret(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl core::fmt::Debug for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(concat!(stringify!($name), "([redacted])"))
            }
        }

        #[cfg(test)]
        #[test]
        fn $test() {
            let shown = format!("{:?} {:#?}", $name([0xA7; $len]), $name([0xA7; $len]));
            let name = stringify!($name);
            assert_eq!(shown, format!("{name}([redacted]) {name}([redacted])"));
        }
    };
}

pub(crate) use secret_bytes;
