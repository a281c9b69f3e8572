//! What unit tests share.

use core::convert::Infallible;

use rand_core::{Rng, TryCryptoRng, TryRng};

pub(crate) mod ranks;

/// Hexadecimal test vectors as bytes.
pub(crate) fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// Runs a program of a few threads in every order that they can have, with at most three of them interrupted.
#[cfg(pinlatch_loom)]
#[cfg_attr(not(feature = "service"), allow(dead_code))]
pub(crate) fn in_every_order(program: impl Fn() + Send + Sync + 'static) {
    let mut orders = loom::model::Builder::new();
    orders.preemption_bound = Some(3);
    orders.check(program);
}

/// Fills with one byte, another one at each call. Not random, which is the point.
pub(crate) struct Counter(pub(crate) u8);

impl TryRng for Counter {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        self.0 += 1;
        bytes.fill(self.0);
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

/// Reproducible, and different each time.
pub(crate) struct SplitMix(pub(crate) u64);

impl SplitMix {
    /// 32 bytes that pass for a secret.
    pub(crate) fn secret(&mut self) -> Vec<u8> {
        let mut secret = vec![0; 32];
        self.fill_bytes(&mut secret);
        secret
    }
}

impl TryRng for SplitMix {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(self.try_next_u64()?.to_le_bytes().first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes)))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        Ok(mixed ^ mixed >> 31)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let next = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&next[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for SplitMix {}
