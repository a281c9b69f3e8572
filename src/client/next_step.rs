//! What a client does about an error.

use core::time::Duration;

/// What to do next. A client that knows no better does this.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextStep {
    /// Ask for the PIN (again).
    EnterPin,
    /// Forget the token under the device's key, and ask for the PIN: that token opens the session no more. A
    /// `wrong_pin` for such a token comes to the same.
    ForgetDeviceKey,
    /// Ask for another new PIN.
    ChoosePin,
    /// Ask for the code again.
    EnterCode,
    /// Wait, then do the same again.
    Wait(Duration),
    /// Read the storage: another tab or thread has replaced the token. Retry once with what is there, or if that is the
    /// same text ask for the full credentials.
    ReadStorage,
    /// Forget all tokens of the session, and ask for the full credentials.
    LogIn,
    /// Ask for another code.
    AskForCode,
    /// Ask the server who it is, for its keys and the time ([`ServerCheck`](super::ServerCheck)); then seal the request
    /// anew and send it, once.
    AskServer,
    /// Sign the request anew and send it, once; with a code of `replayed` only if it may happen twice.
    SignAgain,
    /// Not from here, or not now: say so. What is kept stays good.
    Refused,
    /// The client has made a mistake. Report it; doing the same again does not help.
    Mistake,
}

impl NextStep {
    /// After a problem's `code`, and its `Retry-After` if it has one. A code that is not known is a
    /// [`NextStep::Mistake`]: a host's own codes are looked at first.
    #[must_use]
    pub const fn of(code: &str, retry_after: Option<Duration>) -> Self {
        let wait = Self::Wait(match retry_after {
            Some(wait) => wait,
            None => Duration::from_secs(1),
        });
        match code.as_bytes() {
            b"wrong_pin" | b"pin_required" | b"invalid_token" => Self::EnterPin,
            b"device_key_ended" => Self::ForgetDeviceKey,
            b"weak_pin" => Self::ChoosePin,
            b"otp_wrong" => Self::EnterCode,
            b"otp_ended" => Self::AskForCode,
            b"throttled" | b"otp_throttled" | b"busy" | b"overloaded" | b"unavailable" => wait,
            b"superseded" => Self::ReadStorage,
            b"session_ended"
            | b"locked_out"
            | b"token_reused"
            | b"log_in_again"
            | b"invalid_wrapped_token"
            | b"invalid_credentials" => Self::LogIn,
            b"invalid_proof" | b"replayed" => Self::SignAgain,
            b"unknown_sealing_key" | b"stale_seal" => Self::AskServer,
            b"outside_hours" | b"denied" => Self::Refused,
            _ => Self::Mistake,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_those_of_the_server() {
        let minute = Duration::from_secs(60);
        assert_eq!(NextStep::of("throttled", Some(minute)), NextStep::Wait(minute));
        assert_eq!(NextStep::of("busy", None), NextStep::Wait(Duration::from_secs(1)));
        assert_eq!(NextStep::of("nonsense", Some(minute)), NextStep::Mistake);
    }
}
