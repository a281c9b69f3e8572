//! What clients open their sessions with.

use core::future::Future;

use super::unlock_error::UnlockError;
use super::{Service, Turn, os_rng};
use crate::handout::{Handout, InClear};
use crate::pin::Pin;
use crate::plain::{InvalidPlainToken, PlainToken, PresentedToken};
use crate::policy::Policy;
use crate::store::StoreError;
use crate::stretched_pin::StretchedPin;
use crate::unlock::{ChargedAttempt, Presented, Proven, WrongPin};
use crate::wrap::{InvalidWrappedToken, PresentedWrap, WrappedToken};

/// What opens a session: [`ByPin`] or [`ByToken`].
#[expect(private_bounds, reason = "there are no others")]
pub trait Opener: Open<<Self as Opener>::Token> {
    /// What goes to the device when the session is open.
    type Token;
}

impl Opener for ByPin<'_> {
    type Token = WrappedToken;
}

impl Opener for ByToken<'_> {
    type Token = PlainToken;
}

/// With a wrapped token and its PIN, which the server sees.
#[derive(Clone, Copy)]
pub struct ByPin<'a> {
    /// As the device keeps it.
    pub wrapped_token: &'a str,
    /// As it was typed.
    pub pin: &'a Pin,
}

/// With a session token that the client has unwrapped itself.
#[derive(Clone, Copy)]
pub struct ByToken<'a> {
    /// As the client has computed it: right or wrong, it is a secret.
    pub session_token: &'a str,
}

impl core::fmt::Debug for ByPin<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ByPin([redacted])")
    }
}

impl core::fmt::Debug for ByToken<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("ByToken([redacted])")
    }
}

/// What was compared, and what came of it; or no comparison.
pub(super) type Judged<'a, H> = Result<Result<Proven<'a, H>, WrongPin>, StoreError>;

/// The steps in which the two ways differ.
pub(super) trait Open<T>: Sync {
    type Presented: Presented + Sync;
    type Handout: Handout<Token = T> + Send + Sync;

    /// Whether what came in was made here. Nothing is looked up.
    fn present(&self, service: &Service) -> Result<Self::Presented, UnlockError>;

    /// The memory that judging it takes, in KiB, if the KDF runs for that.
    fn kdf_kib(&self, presented: &Self::Presented, policy: &Policy) -> Option<u32>;

    /// Looks at what was charged.
    fn judge<'a>(
        &self,
        attempt: ChargedAttempt<'a, Self::Presented>,
        turn: &Turn<'_>,
        service: &Service,
    ) -> impl Future<Output = Judged<'a, Self::Handout>> + Send;
}

impl Open<WrappedToken> for ByPin<'_> {
    type Presented = PresentedWrap;
    type Handout = StretchedPin;

    fn present(&self, service: &Service) -> Result<PresentedWrap, UnlockError> {
        let presented = PresentedWrap::open(self.wrapped_token, &service.keys, &service.policy);
        presented.map_err(|InvalidWrappedToken| UnlockError::Invalid)
    }

    fn kdf_kib(&self, presented: &PresentedWrap, policy: &Policy) -> Option<u32> {
        Some(presented.params().m_kib().max(policy.kdf().m_kib()))
    }

    async fn judge<'a>(
        &self,
        attempt: ChargedAttempt<'a, PresentedWrap>,
        turn: &Turn<'_>,
        service: &Service,
    ) -> Judged<'a, StretchedPin> {
        let stretched = turn.run(attempt.stretch_task(self.pin)).await?;
        let mut proven = match attempt.judge(stretched, &service.keys) {
            Ok(proven) => proven,
            Err(wrong) => return Ok(Err(wrong)),
        };
        if let Some(task) = proven.upgrade_task(self.pin, &service.policy, &mut os_rng()) {
            // A right PIN is not refused because its upgrade was lost; the next unlock tries again.
            if let Ok(stretched) = turn.run(task).await {
                proven.upgrade(stretched);
            }
        }
        Ok(Ok(proven))
    }
}

impl Open<PlainToken> for ByToken<'_> {
    type Presented = PresentedToken;
    type Handout = InClear;

    fn present(&self, service: &Service) -> Result<PresentedToken, UnlockError> {
        PresentedToken::open(self.session_token, &service.keys).map_err(|InvalidPlainToken| UnlockError::Invalid)
    }

    fn kdf_kib(&self, _presented: &PresentedToken, _policy: &Policy) -> Option<u32> {
        None
    }

    async fn judge<'a>(
        &self,
        attempt: ChargedAttempt<'a, PresentedToken>,
        _turn: &Turn<'_>,
        service: &Service,
    ) -> Judged<'a, InClear> {
        Ok(attempt.judge_token(&service.keys))
    }
}
