//! What a client reads is what it has written.

use pinlatch::client::{ClientKdf, ClientPin, DeviceLocked, PinLocked};
use pinlatch::pin::NewPin;
use pinlatch::plain::PlainToken;
use pinlatch::stretch::KdfMemory;

use crate::fixtures::{Counter, HANDED_OUT, PIN, pin, policy};

fn kdf() -> ClientKdf {
    ClientKdf::danger_fast_for_tests()
}

pub fn run(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else { return };
    if let Ok(locked) = PinLocked::parse(text, kdf()) {
        assert_eq!(locked.to_text(), text);
    }
    if let Ok(locked) = text.parse::<DeviceLocked>() {
        assert_eq!(locked.to_text(), text);
    }
    if let Ok(token) = text.parse::<PlainToken>() {
        assert_eq!(token.expose_secret(), text);
    }
}

pub fn seeds() -> Vec<Vec<u8>> {
    let (mut rng, mut memory) = (Counter(1), KdfMemory::new());
    let new = NewPin::accept(pin(PIN), &policy()).unwrap();
    let token = || HANDED_OUT.plain.parse::<PlainToken>().unwrap();
    let locked = ClientPin::choose(&new, kdf(), &mut rng, &mut memory).lock(token()).unwrap().to_text();
    [locked, HANDED_OUT.plain.clone()].map(String::into_bytes).into()
}
