//! What is remembered of a person: the epoch that all their live sessions share.

use rand_core::CryptoRng;

use crate::encoding::{Malformed, Reader, Writer};
use crate::token::Epoch;

const VERSION: u8 = 1;

/// The state of one subject. Its record outlives all sessions of the subject; a session without it is over.
#[derive(Clone, Debug)]
pub struct SubjectState {
    pub(crate) epoch: Epoch,
}

impl SubjectState {
    /// A fresh epoch. Stored over another one, it ends every session of the subject.
    #[must_use]
    pub fn new<R: CryptoRng + ?Sized>(rng: &mut R) -> Self {
        Self { epoch: Epoch::random(rng) }
    }

    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut out = Writer::with_capacity(1 + Epoch::LEN);
        out.u8(VERSION);
        out.bytes(self.epoch.expose_secret());
        out.finish()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut input = Reader::new(bytes);
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        let state = Self { epoch: Epoch::from_bytes(input.array()?) };
        input.finish()?;
        Ok(state)
    }
}
