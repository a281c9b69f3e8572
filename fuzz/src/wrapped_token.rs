//! Only what was made is opened, in one spelling; whatever else comes is an error.

use std::sync::LazyLock;

use pinlatch::Policy;
use pinlatch::keyring::Keys;
use pinlatch::plain::PresentedToken;
use pinlatch::wrap::PresentedWrap;

use crate::fixtures::{HANDED_OUT, keys, policy};

static SERVICE: LazyLock<(Keys, Policy)> = LazyLock::new(|| (keys(), policy()));

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    let (keys, policy) = &*SERVICE;
    if PresentedWrap::open(text, keys, policy).is_ok() {
        assert_eq!(text, HANDED_OUT.wrapped);
    }
    // The token itself is what guesses are about; all before it is authentic.
    const GUESS: usize = 43;
    if PresentedToken::open(text, keys).is_ok() {
        let made = &HANDED_OUT.plain;
        assert_eq!((text.len(), &text[..made.len() - GUESS]), (made.len(), &made[..made.len() - GUESS]));
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    [&HANDED_OUT.wrapped, &HANDED_OUT.plain].map(|text| text.clone().into_bytes()).into()
}
