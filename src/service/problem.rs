//! What clients are told about the errors of the façade.

use super::{
    ChangePinError, LiveAccessError, LogOutError, LoginError, OtpError, RenewError, RequestError, UnlockError,
};
use crate::otp::{ChallengeRefused, NotACode};
use crate::problem::{Problem, from_error};

from_error! {
    ChangePinError: |error| match error {
        ChangePinError::WeakPin(weak) => weak.into(),
        ChangePinError::Unlock(error) => error.into(),
    };
    LiveAccessError: |error| Problem::of(error.code()).after(error.retry_after());
    LogOutError: |error| Problem::of(error.code()).after(error.retry_after());
    LoginError: |error| match error {
        LoginError::WeakPin(weak) => weak.into(),
        _ => Problem::of(error.code()).after(error.retry_after()),
    };
    OtpError: |error| {
        let problem = Problem::of(error.code()).after(error.retry_after());
        match error {
            OtpError::WrongCode { tries_remaining } => problem.number("tries_remaining", u64::from(*tries_remaining)),
            OtpError::Refused(ChallengeRefused::NotACode) => NotACode.into(),
            _ => problem,
        }
    };
    RenewError: |error| match error {
        RenewError::Denied(denial) => denial.into(),
        _ => Problem::of(error.code()).after(error.retry_after()),
    };
    RequestError: |error| match error {
        RequestError::Proof(proof) => proof.into(),
        _ => Problem::of(error.code()).after(error.retry_after()),
    };
    UnlockError: |error| match error {
        UnlockError::Denied(denial) => denial.into(),
        UnlockError::WrongPin { attempts_remaining, .. } => Problem::of(error.code())
            .number("attempts_remaining", u64::from(*attempts_remaining))
            .after(error.retry_after()),
        _ => Problem::of(error.code()).after(error.retry_after()),
    };
}
