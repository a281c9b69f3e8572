//! Every text that a service hands out, at the calls that take one alone: each opens its own door and no other, and no
//! door of another tenant's, of another pepper's, or under another name.

use std::sync::Arc;

use pinlatch::client::{ClientKdf, ClientPin, DeviceKey};
use pinlatch::id::OtpPurpose;
use pinlatch::pin::NewPin;
use pinlatch::stores::MemoryStore;
use pinlatch::stretch::KdfMemory;
use pinlatch::{ByPin, ByToken, ClockPolicy, FullLogin, OtpError, RequestContext};

use crate::phone::Phone;
use crate::world::*;

/// What may be shown to a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Text {
    Wrapped,
    InClear,
    LogOut,
    UnderPin,
    UnderKey,
    Access,
    Bound,
    RequestKey,
    Challenge,
    SessionId,
    ThePin,
}

use Text::*;

/// Where it may be shown.
const DOORS: [(&str, &[Text]); 13] = [
    ("unlock", &[Wrapped]),
    ("change_pin", &[Wrapped]),
    ("add_device_key", &[Wrapped]),
    ("remove_device_key", &[Wrapped]),
    ("unlock_token", &[InClear]),
    ("change_client_pin", &[InClear]),
    ("add_device_key_token", &[InClear]),
    ("log_out", &[Wrapped, LogOut]),
    ("verify", &[Access]),
    ("verify_live", &[Access]),
    ("verify_bound", &[Bound]),
    ("check", &[Challenge]),
    ("resend", &[Challenge]),
];

/// Knocks with something that opens nothing, or costs a session: so a door that opens is seen in its answer.
async fn knock(phone: &Phone, door: &str, text: &str) -> &'static str {
    let (sessions, request, wrong) = (&phone.world.sessions, RequestContext::new(), pin(WRONG));
    match door {
        "unlock" => phone.world.code(text, WRONG).await,
        "change_pin" => sessions.change_pin(text, &wrong, pin("902714"), &request).await.unwrap_err().code(),
        "add_device_key" => {
            let opener = ByPin { wrapped_token: text, pin: &wrong };
            sessions.add_device_key(opener, &request).await.unwrap_err().code()
        }
        "unlock_token" => sessions.unlock_token(text, &request).await.map_or_else(|error| error.code(), |_| "ok"),
        "change_client_pin" => {
            sessions.change_client_pin(text, &request).await.map_or_else(|error| error.code(), |_| "ok")
        }
        "add_device_key_token" => {
            let opener = ByToken { session_token: text };
            sessions.add_device_key(opener, &request).await.map_or_else(|error| error.code(), |_| "ok")
        }
        "remove_device_key" => {
            let opener = ByPin { wrapped_token: text, pin: &wrong };
            sessions.remove_device_key(opener, &request).await.unwrap_err().code()
        }
        "log_out" => sessions.log_out(text).await.map_or_else(|error| error.code(), |_| "ok"),
        "verify" => sessions.verify(text).map_or_else(|error| error.code(), |_| "ok"),
        "verify_live" => sessions.verify_live(text).await.map_or_else(|error| error.code(), |_| "ok"),
        "resend" => phone.codes.resend(text, &request).await.map_or_else(|error| error.code(), |_| "ok"),
        "verify_bound" => sessions.verify_bound(text).map_or_else(|error| error.code(), |_| "ok"),
        "check" => {
            let checked =
                phone.codes.check(&OtpPurpose::login(), text, &"0000".parse().unwrap(), &request).await.unwrap_err();
            // Too few digits, which is found out when the challenge is known.
            if matches!(checked, OtpError::Refused(pinlatch::otp::ChallengeRefused::NotACode)) {
                "ok"
            } else {
                checked.code()
            }
        }
        other => panic!("{other} is no door"),
    }
}

/// Everything of a fresh session each, so that no door spoils what the next one is to see.
async fn hand_out(phone: &Phone, text: Text) -> String {
    let sessions = &phone.world.sessions;
    let login = || FullLogin::vouched_by_host(subject("alice"));
    let in_clear = async || sessions.login_client(login()).await.unwrap().device_token;
    let under_pin = async || {
        let new = NewPin::accept(pin(PIN), &policy()).unwrap();
        let kdf = ClientKdf::danger_fast_for_tests();
        ClientPin::choose(&new, kdf, &mut rand_core::UnwrapErr(getrandom::SysRng), &mut KdfMemory::new())
            .lock(in_clear().await)
            .unwrap()
    };
    let opened = async || phone.world.unlock(&phone.world.wrapped().await, PIN).await.unwrap();
    match text {
        Wrapped => phone.world.wrapped().await,
        InClear => in_clear().await.expose_secret().to_owned(),
        LogOut => under_pin().await.log_out_token().as_str().to_owned(),
        UnderPin => under_pin().await.to_text(),
        UnderKey => {
            let wrapped = phone.world.wrapped().await;
            let opener = ByPin { wrapped_token: &wrapped, pin: &pin(PIN) };
            let added = sessions.add_device_key(opener, &RequestContext::new()).await.unwrap();
            DeviceKey::from_bytes([7; 32]).lock(added.device_key_token).unwrap().to_text()
        }
        Access => opened().await.access_token.as_str().to_owned(),
        Bound => sessions.mint_bound(&opened().await.grant, &()).unwrap().access_token.as_str().to_owned(),
        RequestKey => sessions.mint_bound(&opened().await.grant, &()).unwrap().request_key.to_text().to_string(),
        Challenge => {
            phone.world.clock.advance(std::time::Duration::from_secs(24 * 3600));
            phone.start().await
        }
        SessionId => phone.world.login("alice").await.session_id.to_string(),
        ThePin => PIN.to_owned(),
    }
}

const ALL: [Text; 11] =
    [Wrapped, InClear, LogOut, UnderPin, UnderKey, Access, Bound, RequestKey, Challenge, SessionId, ThePin];

fn phone(store: &Arc<MemoryStore>, active: u32, tenant: &str) -> Phone {
    Phone::of(World::on(store.clone(), policy(), key_ring(active), tenant), |builder| builder)
}

/// What each door says to what it does not take.
fn refusal(door: &str) -> &'static str {
    match door {
        "verify" | "verify_live" | "verify_bound" => "invalid_token",
        "check" | "resend" => "otp_ended",
        _ => "invalid_wrapped_token",
    }
}

#[tokio::test]
async fn each_text_opens_its_own_door_and_no_other() {
    let phone = phone(&Arc::default(), 1, "");
    for text in ALL {
        for (door, opened_by) in DOORS {
            let shown = hand_out(&phone, text).await;
            let opens = knock(&phone, door, &shown).await != refusal(door);
            assert_eq!(opens, opened_by.contains(&text), "{text:?} at {door}");
        }
    }
}

#[tokio::test]
async fn a_text_under_another_name_opens_nothing() {
    const NAMES: [&str; 6] = ["plw1_", "pls1_", "ple1_", "plc1_", "pld1_", "plo1_"];
    let phone = phone(&Arc::default(), 1, "");
    for text in [Wrapped, InClear, LogOut, UnderPin, UnderKey, Challenge] {
        let shown = hand_out(&phone, text).await;
        for name in NAMES.into_iter().filter(|name| !shown.starts_with(name)) {
            let renamed = format!("{name}{}", &shown[5..]);
            for (door, _) in DOORS {
                // A token under a key is as long as one in clear: this is a guess like any other, charged and wrong.
                let is_guess = (text, name) == (UnderKey, "pls1_");
                let expected = match door {
                    "unlock_token" if is_guess => "wrong_pin",
                    "change_client_pin" | "add_device_key_token" if is_guess => "pin_required",
                    door => refusal(door),
                };
                assert_eq!(knock(&phone, door, &renamed).await, expected, "{text:?} as {name} at {door}");
            }
        }
    }
}

#[tokio::test]
async fn a_text_of_another_tenant_or_pepper_opens_nothing() {
    for (active, tenant, shares) in [(1, "acme", false), (2, "", true)] {
        let store = Arc::default();
        let (home, stranger) = (phone(&store, 1, ""), phone(&store, active, tenant));
        for text in ALL {
            for (door, _) in DOORS {
                let shown = hand_out(&home, text).await;
                stranger.world.clock.set(home.world.clock.now());
                // Access tokens are signed by a key of their own, which all of a tenant's services have.
                let known = shares && matches!((door, text), ("verify", Access) | ("verify_bound", Bound));
                assert_eq!(knock(&stranger, door, &shown).await != refusal(door), known, "{text:?} at {door}");
            }
        }
    }
}
