//! Argon2id (RFC 9106): its parameters, its memory, and the value it yields.

use argon2::{Algorithm, Argon2, Block, Params, Version};

use crate::secret::secret_bytes;
use crate::token::LockSalt;

secret_bytes! {
    /// A PIN after the KDF: 32 bytes. Never stored, cached or logged.
    pub(crate) struct Stretched([u8; 32]);
    redaction: stretched_is_redacted
}

/// Argon2id's costs: memory `m` in KiB, passes `t`, lanes `p`.
///
/// [`KdfParams::new`] refuses what the OWASP password storage recommendation (ASVS 5.0, appendix C) would not call
/// sufficient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParams {
    m: u32,
    t: u8,
    p: u8,
}

/// KDF parameters outside their bounds. Correct the configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum KdfParamsError {
    /// Too little memory for this number of passes.
    #[error("{passes} passes need at least {min_kib} KiB")]
    TooWeak {
        /// The passes asked for.
        passes: u8,
        /// The memory that many passes need, in KiB.
        min_kib: u32,
    },
    /// More than [`KdfParams::MAX_M_KIB`], [`KdfParams::MAX_T`] or [`KdfParams::MAX_P`], or a zero.
    #[error("m, t or p is outside its bounds")]
    OutOfBounds,
}

impl KdfParams {
    /// The default: 19 MiB, 2 passes, 1 lane.
    pub const DEFAULT: Self = Self { m: 19_456, t: 2, p: 1 };
    /// The most memory, in KiB (1 GiB).
    pub const MAX_M_KIB: u32 = 1 << 20;
    /// The most passes.
    pub const MAX_T: u8 = 16;
    /// The most lanes. They are computed one after another.
    pub const MAX_P: u8 = 4;

    /// Checks the costs.
    ///
    /// # Errors
    /// - [`KdfParamsError::TooWeak`] below 46 MiB for 1 pass, 19 for 2, 12 for 3, 9 for 4, 7 for more.
    /// - [`KdfParamsError::OutOfBounds`] above the constants of this type, or for a zero.
    pub const fn new(m_kib: u32, passes: u8, lanes: u8) -> Result<Self, KdfParamsError> {
        let min_kib = match passes {
            0 => return Err(KdfParamsError::OutOfBounds),
            1 => 47_104,
            2 => 19_456,
            3 => 12_288,
            4 => 9_216,
            _ => 7_168,
        };
        if m_kib < min_kib {
            return Err(KdfParamsError::TooWeak { passes, min_kib });
        }
        if m_kib > Self::MAX_M_KIB || passes > Self::MAX_T || lanes == 0 || lanes > Self::MAX_P {
            return Err(KdfParamsError::OutOfBounds);
        }
        Ok(Self { m: m_kib, t: passes, p: lanes })
    }

    /// The least work Argon2id can do, 8 KiB in one pass: for tests that are not about the KDF.
    /// A PIN behind these parameters is as good as in clear.
    #[must_use]
    pub const fn danger_fast_for_tests() -> Self {
        Self { m: 8, t: 1, p: 1 }
    }

    /// Costs as a wrapped token names them. They are authentic but may be of another policy's time, so the caller
    /// holds them against the present policy before any memory is touched.
    pub(crate) const fn from_wire(m: u32, t: u8, p: u8) -> Self {
        Self { m, t, p }
    }

    /// Memory in KiB.
    #[must_use]
    pub const fn m_kib(self) -> u32 {
        self.m
    }

    /// Passes.
    #[must_use]
    pub const fn t(self) -> u8 {
        self.t
    }

    /// Lanes.
    #[must_use]
    pub const fn p(self) -> u8 {
        self.p
    }
}

impl Default for KdfParams {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The memory Argon2id works in. It is kept between evaluations, which spares the allocation, and erased after each.
#[derive(Default)]
pub struct KdfMemory(Vec<Block>);

impl KdfMemory {
    /// No memory yet; the first evaluation allocates.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// How much is held, in KiB.
    #[must_use]
    pub const fn kib(&self) -> usize {
        self.0.len()
    }

    fn reserve(&mut self, blocks: usize) -> &mut [Block] {
        if self.0.len() < blocks {
            // The old blocks go first: both together would exceed what was reserved.
            self.0 = Vec::new();
            self.0.resize(blocks, Block::new());
        }
        &mut self.0[..blocks]
    }

    fn erase(&mut self) {
        self.0.fill(Block::new());
        // The memory outlives this call, so the writes are real; the hint keeps them so if that should change.
        core::hint::black_box(&mut self.0);
    }
}

impl core::fmt::Debug for KdfMemory {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "KdfMemory({} KiB)", self.kib())
    }
}

/// `s = Argon2id(PIN, lock_salt, params)`, 32 bytes. Takes milliseconds to seconds of one core.
pub(crate) fn stretch(pin: &[u8], salt: &LockSalt, params: KdfParams, memory: &mut KdfMemory) -> Stretched {
    let costs = Params::new(params.m, params.t.into(), params.p.into(), Some(Stretched::LEN))
        .expect("the policy's bounds lie within Argon2's");
    let blocks = memory.reserve(costs.block_count());
    let mut stretched = zeroize::Zeroizing::new([0; Stretched::LEN]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, costs)
        .hash_password_into_with_memory(pin, salt.expose_secret(), stretched.as_mut(), blocks)
        .expect("the lengths of PIN, salt and output lie within Argon2's bounds");
    memory.erase();
    Stretched::from_bytes(*stretched)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::hex;

    #[test]
    fn params_below_the_recommendation_are_refused() {
        assert_eq!(KdfParams::new(19_456, 2, 1), Ok(KdfParams::DEFAULT));
        assert_eq!(KdfParams::new(19_455, 2, 1), Err(KdfParamsError::TooWeak { passes: 2, min_kib: 19_456 }));
        assert_eq!(KdfParams::new(47_103, 1, 1), Err(KdfParamsError::TooWeak { passes: 1, min_kib: 47_104 }));
        for (m, t, p) in [(19_456, 0, 1), (19_456, 17, 1), (19_456, 2, 0), (19_456, 2, 5), ((1 << 20) + 1, 2, 1)] {
            assert_eq!(KdfParams::new(m, t, p), Err(KdfParamsError::OutOfBounds), "{m} {t} {p}");
        }
    }

    #[test]
    fn memory_is_reused_and_erased() {
        let mut memory = KdfMemory::new();
        let params = KdfParams::danger_fast_for_tests();
        let first = stretch(b"739216", &LockSalt::from_bytes([1; 16]), params, &mut memory);
        assert_eq!(memory.kib(), 8);
        assert!(memory.0.iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
        let address = memory.0.as_ptr();
        let again = stretch(b"739216", &LockSalt::from_bytes([1; 16]), params, &mut memory);
        assert_eq!(address, memory.0.as_ptr());
        assert_eq!(first.expose_secret(), again.expose_secret());
    }

    #[test]
    fn argon2id_is_rfc_9106_5_3() {
        let mut memory = vec![Block::new(); 32];
        let mut tag = [0; 32];
        let mut costs = argon2::ParamsBuilder::new();
        costs.m_cost(32).t_cost(3).p_cost(4).data(argon2::AssociatedData::new(&[4; 12]).unwrap()).output_len(32);
        Argon2::new_with_secret(&[3; 8], Algorithm::Argon2id, Version::V0x13, costs.build().unwrap())
            .unwrap()
            .hash_password_into_with_memory(&[1; 32], &[2; 16], &mut tag, &mut memory[..])
            .unwrap();
        assert_eq!(tag[..], hex("0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
    }
}
