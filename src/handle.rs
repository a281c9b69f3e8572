//! Which wrap a token belongs to: the part of it that is no secret of its own, and authentic before anything happens.

use crate::encoding::{Malformed, Reader};
use crate::id::SessionId;
use crate::keyring::PepperId;
use crate::session::LockKind;
use crate::token::WrapId;

const VERSION: u8 = 1;

/// Which wrap of which lock of which session, and under which pepper.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    pub(crate) pepper_id: PepperId,
    pub(crate) lock_index: u8,
    pub(crate) lock_kind: LockKind,
    pub(crate) session_id: SessionId,
    pub(crate) wrap_id: WrapId,
}

impl Handle {
    /// Version · pepper id · lock index · lock kind · session id · wrap id.
    pub(crate) const LEN: usize = 1 + 4 + 1 + 1 + SessionId::LEN + WrapId::LEN;

    pub(crate) fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [VERSION; Self::LEN];
        bytes[1..5].copy_from_slice(&self.pepper_id.0.to_be_bytes());
        bytes[5] = self.lock_index;
        bytes[6] = self.lock_kind.as_u8();
        bytes[7..23].copy_from_slice(self.session_id.as_bytes());
        bytes[23..].copy_from_slice(self.wrap_id.expose_secret());
        bytes
    }

    pub(crate) fn decode(input: &mut Reader<'_>) -> Result<Self, Malformed> {
        if input.u8()? != VERSION {
            return Err(Malformed);
        }
        Ok(Self {
            pepper_id: PepperId(input.u32()?),
            lock_index: input.u8()?,
            lock_kind: LockKind::from_u8(input.u8()?).ok_or(Malformed)?,
            session_id: SessionId::from_bytes(input.array()?),
            wrap_id: WrapId::from_bytes(input.array()?),
        })
    }
}
