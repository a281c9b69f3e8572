//! The device's half of pinlatch for JavaScript: [`pinlatch::client`] and the client's side of [`pinlatch::proof`],
//! with texts for tokens and exceptions for errors. `npm/` makes a package of it.

mod locks;
mod requests;

use pinlatch::client::NextStep;
use wasm_bindgen::prelude::wasm_bindgen;

/// What went wrong, as an exception: its message is a stable word.
fn problem(code: &str) -> js_sys::Error {
    js_sys::Error::new(code)
}

/// The browser's randomness.
#[expect(clippy::disallowed_types, reason = "the core takes it as an argument, and this is who gives it")]
fn rng() -> rand_core::UnwrapErr<getrandom::SysRng> {
    rand_core::UnwrapErr(getrandom::SysRng)
}

/// What to do about a problem's `code`: `enter_pin`, `choose_pin`, `enter_code`, `wait`, `read_storage`, `log_in`,
/// `ask_for_code`, `ask_server`, `sign_again`, `refused`, or `mistake`.
#[wasm_bindgen(js_name = nextStep)]
#[must_use]
pub fn next_step(code: &str) -> String {
    let step = match NextStep::of(code, None) {
        NextStep::EnterPin => "enter_pin",
        NextStep::ForgetDeviceKey => "forget_device_key",
        NextStep::ChoosePin => "choose_pin",
        NextStep::EnterCode => "enter_code",
        NextStep::Wait(_) => "wait",
        NextStep::ReadStorage => "read_storage",
        NextStep::LogIn => "log_in",
        NextStep::AskForCode => "ask_for_code",
        NextStep::SignAgain => "sign_again",
        NextStep::AskServer => "ask_server",
        NextStep::Refused => "refused",
        _ => "mistake",
    };
    step.to_owned()
}
