//! What clients are told about each error.
#![cfg(all(feature = "service", feature = "sealed"))]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::time::Duration;

use pinlatch::access_token::AccessTokenError;
use pinlatch::client::NextStep;
use pinlatch::otp::{ChallengeRefused, OtpCode};
use pinlatch::permission::Denial;
use pinlatch::proof::ProofError;
use pinlatch::renew::RenewalRefused;
use pinlatch::sealed::UnsealError;
use pinlatch::situation::Position;
use pinlatch::wrap::InvalidWrappedToken;
use pinlatch::{
    ChangePinError, LiveAccessError, LogOutError, LoginError, OtpError, Pin, Problem, RenewError, RequestError,
    StoreError, Subject, UnixTime, UnlockError, WeakPin,
};
use serde_json::{Value, json};

const WAIT: Duration = Duration::from_millis(1001);

fn down() -> StoreError {
    StoreError::Unavailable("a host name, and a password".into())
}

/// Problem, status, code, seconds to wait, and the members beside those that all have.
type Expected = (Problem, u16, &'static str, Option<u64>, Value);

fn unlocking() -> Vec<Expected> {
    let at = UnixTime::from_secs(1_800_000_000);
    let denied = |denial| Problem::from(UnlockError::Denied(denial));
    vec![
        (UnlockError::Invalid.into(), 400, "invalid_wrapped_token", None, json!({})),
        (UnlockError::Superseded.into(), 409, "superseded", None, json!({})),
        (UnlockError::SessionEnded.into(), 401, "session_ended", None, json!({})),
        (UnlockError::Reused.into(), 401, "token_reused", None, json!({})),
        (
            UnlockError::WrongPin { attempts_remaining: 5, retry_after: Some(WAIT) }.into(),
            401,
            "wrong_pin",
            Some(2),
            json!({"attempts_remaining": 5}),
        ),
        (UnlockError::Throttled { retry_after: WAIT }.into(), 429, "throttled", Some(2), json!({})),
        (UnlockError::LockedOut.into(), 401, "locked_out", None, json!({})),
        (UnlockError::DeviceKeyEnded.into(), 401, "device_key_ended", None, json!({})),
        (UnlockError::PinRequired.into(), 401, "pin_required", None, json!({})),
        (denied(Denial::OutsideHours { opens: None }), 403, "outside_hours", None, json!({})),
        (denied(Denial::OutsideHours { opens: Some(at) }), 403, "outside_hours", None, json!({"opens": 1_800_000_000})),
        (
            denied(Denial::Criterion { reason: "too_fast", retry_at: Some(at) }),
            403,
            "denied",
            None,
            json!({"reason": "too_fast", "retry_at": 1_800_000_000}),
        ),
        (
            denied(Denial::Criterion { reason: "network", retry_at: None }),
            403,
            "denied",
            None,
            json!({"reason": "network"}),
        ),
        (denied(Denial::LogInAgain { reason: "far" }), 401, "log_in_again", None, json!({"reason": "far"})),
        (UnlockError::Busy { retry_after: WAIT }.into(), 503, "busy", Some(2), json!({})),
        (UnlockError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (UnlockError::Store(StoreError::Rejected).into(), 503, "overloaded", Some(2), json!({})),
        (ChangePinError::WeakPin(WeakPin::Date).into(), 422, "weak_pin", None, json!({"reason": "date"})),
        (ChangePinError::Unlock(UnlockError::LockedOut).into(), 401, "locked_out", None, json!({})),
    ]
}

fn all_others() -> Vec<Expected> {
    let token = AccessTokenError::Expired;
    let not_a_code = json!({"reason": "not_a_code"});
    vec![
        (
            LoginError::WeakPin(WeakPin::TooShort { min: 6 }).into(),
            422,
            "weak_pin",
            None,
            json!({"reason": "too_short", "min": 6}),
        ),
        (LoginError::Busy { retry_after: WAIT, login: None }.into(), 503, "busy", Some(2), json!({})),
        (LoginError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (LiveAccessError::AccessToken(token).into(), 401, "invalid_token", None, json!({})),
        (LiveAccessError::SessionEnded.into(), 401, "invalid_token", None, json!({})),
        (LiveAccessError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (LogOutError::Invalid(InvalidWrappedToken).into(), 400, "invalid_wrapped_token", None, json!({})),
        (LogOutError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (RenewError::AccessToken(token).into(), 401, "invalid_token", None, json!({})),
        (RenewError::Refused(RenewalRefused::PinRequired).into(), 401, "pin_required", None, json!({})),
        (RenewError::Refused(RenewalRefused::WrongKey).into(), 401, "invalid_proof", None, json!({})),
        (RenewError::Refused(RenewalRefused::SessionEnded).into(), 401, "session_ended", None, json!({})),
        (
            RenewError::Denied(Denial::LogInAgain { reason: "far" }).into(),
            401,
            "log_in_again",
            None,
            json!({"reason": "far"}),
        ),
        (RenewError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (RequestError::Proof(ProofError::BadSignature).into(), 401, "invalid_proof", None, json!({})),
        (RequestError::Proof(ProofError::Stale).into(), 401, "invalid_proof", None, json!({"reason": "clock"})),
        (RequestError::Proof(ProofError::FromTheFuture).into(), 401, "invalid_proof", None, json!({"reason": "clock"})),
        (RequestError::Proof(ProofError::AccessToken(token)).into(), 401, "invalid_token", None, json!({})),
        (RequestError::Proof(ProofError::Replayed).into(), 409, "replayed", None, json!({})),
        (RequestError::Overloaded { retry_after: WAIT }.into(), 503, "overloaded", Some(2), json!({})),
        (RequestError::JustStarted { retry_after: WAIT }.into(), 503, "overloaded", Some(2), json!({})),
        (OtpError::WrongCode { tries_remaining: 4 }.into(), 401, "otp_wrong", None, json!({"tries_remaining": 4})),
        (OtpError::Refused(ChallengeRefused::NotACode).into(), 400, "bad_request", None, not_a_code.clone()),
        (OtpError::Refused(ChallengeRefused::Invalid).into(), 401, "otp_ended", None, json!({})),
        (OtpError::Refused(ChallengeRefused::Ended).into(), 401, "otp_ended", None, json!({})),
        (OtpError::Throttled { retry_after: WAIT }.into(), 429, "otp_throttled", Some(2), json!({})),
        (OtpError::Busy { retry_after: WAIT }.into(), 503, "busy", Some(2), json!({})),
        (OtpError::LimitsUnavailable("a host name".into()).into(), 503, "unavailable", Some(2), json!({})),
        (OtpError::Store(down()).into(), 503, "unavailable", Some(2), json!({})),
        (UnsealError::UnknownKey.into(), 422, "unknown_sealing_key", None, json!({})),
        (UnsealError::Stale.into(), 422, "stale_seal", None, json!({})),
        (UnsealError::Malformed.into(), 400, "bad_request", None, json!({})),
        ("12".parse::<OtpCode>().unwrap_err().into(), 400, "bad_request", None, not_a_code),
        (Pin::new("123").unwrap_err().into(), 400, "bad_request", None, json!({"reason": "pin_length"})),
        (Position::new(91.0, 0.0, 1.0).unwrap_err().into(), 400, "bad_request", None, json!({})),
        (Problem::new(503, "unavailable", "Later.").with_retry_after(WAIT), 503, "unavailable", Some(2), json!({})),
        (Subject::new("").unwrap_err().into(), 400, "bad_request", None, json!({})),
        (Problem::bad_request(), 400, "bad_request", None, json!({})),
    ]
}

#[test]
fn every_error_has_its_status_its_code_and_nothing_of_its_cause() {
    for (problem, status, code, wait, members) in unlocking().into_iter().chain(all_others()) {
        assert_eq!((problem.status(), problem.code(), problem.retry_after_secs()), (status, code, wait));
        let mut body: Value = serde_json::from_str(&problem.to_json()).unwrap();
        let body = body.as_object_mut().unwrap();
        for (name, value) in [("type", json!("about:blank")), ("status", json!(status)), ("code", json!(code))] {
            assert_eq!(body.remove(name), Some(value), "{code}");
        }
        assert_eq!(body.remove("retry_after"), wait.map(Value::from), "{code}");
        assert!(body.remove("title").unwrap().as_str().unwrap().ends_with('.'));
        assert_eq!(Value::Object(body.clone()), members, "{code}");
        let headers: Vec<_> = problem.headers().collect();
        assert_eq!(
            headers[..2],
            [("content-type", Problem::CONTENT_TYPE.into()), ("cache-control", "no-store".into())]
        );
        let more = wait.map(|wait| ("retry-after", wait.to_string()));
        let bearer = (code == "invalid_token").then(|| ("www-authenticate", "Bearer error=\"invalid_token\"".into()));
        assert_eq!(headers[2..], more.into_iter().chain(bearer).collect::<Vec<_>>());
        // A client knows what to do, but about its own mistakes.
        assert_eq!(NextStep::of(code, None) == NextStep::Mistake, code == "bad_request", "{code}");
    }
}

/// The table that people read is the one that is true.
#[test]
fn the_table_has_every_code() {
    let documentation = include_str!("../src/problem.rs");
    let rows: Vec<_> = documentation.lines().filter(|line| line.starts_with("//! | `")).collect();
    for (problem, status, code, ..) in unlocking().into_iter().chain(all_others()) {
        let row = rows.iter().find(|row| row.contains(&format!("`{code}`"))).unwrap();
        assert!(row.contains(&format!("| {status} |")), "{row}: {problem:?}");
    }
}

/// A host answers with problems of its own in the same way.
#[test]
fn a_host_has_problems_of_its_own() {
    let problem = Problem::new(401, "invalid_credentials", "Wrong username or password.");
    let body: Value = serde_json::from_str(&problem.to_json()).unwrap();
    let expected = json!({
        "type": "about:blank", "title": "Wrong username or password.", "status": 401, "code": "invalid_credentials",
    });
    assert_eq!(body, expected);
}
