//! Opening a session, and refusing what only looks like one.

use std::hint::black_box;

use futures_executor::block_on;
use pinlatch::pin::NewPin;
use pinlatch::stretch::{KdfMemory, KdfParams};
use pinlatch::stretched_pin::StretchTask;
use pinlatch::{Policy, RequestContext};

use crate::Contestant;
use crate::fixtures::{fast, log_in, pin, sessions, system};

/// A whole unlock through the façade with a store in memory, whose KDF works on 8 KiB; Argon2id at the default cost.
pub fn without_the_kdf(judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
    let (service, context, pin) = (sessions(fast()), RequestContext::new(), pin());
    let mut wrapped = block_on(log_in(&service, "alice"));
    let new = NewPin::accept(pin.clone(), &Policy::default()).unwrap();
    let mut memory = KdfMemory::new();
    let mut list: [Contestant<'_>; 2] = [
        ("unlock, KDF at 8 KiB", &mut || {
            let opened = block_on(service.unlock(&wrapped, &pin, &context)).unwrap();
            wrapped = opened.device_token.into_string();
        }),
        ("Argon2id, 19 MiB, 2 passes", &mut || {
            drop(StretchTask::for_new_pin(&new, KdfParams::DEFAULT, &mut system()).run(&mut memory));
        }),
    ];
    judge("unlock", &mut list);
}

/// Texts that are no wrapped token of this service, each refused through the façade.
pub fn forged(judge: impl FnOnce(&str, &mut [Contestant<'_>])) {
    let (service, context, pin) = (sessions(fast()), RequestContext::new(), pin());
    let wrapped = block_on(log_in(&service, "alice"));
    let (flipped, cut, junk) = (forge(&wrapped), &wrapped[..wrapped.len() - 4], "A".repeat(wrapped.len()));
    let refuse = |text: &str| {
        let error = block_on(service.unlock(black_box(text), &pin, &context)).unwrap_err();
        assert_eq!(error.code(), "invalid_wrapped_token");
    };
    let mut list: [Contestant<'_>; 3] = [
        ("a byte changed", &mut || refuse(&flipped)),
        ("cut off", &mut || refuse(cut)),
        ("junk of the same length", &mut || refuse(&junk)),
    ];
    judge("refuse a forged wrapped token", &mut list);
}

/// Well-formed, with another byte in its sealed part.
#[must_use]
pub fn forge(wrapped: &str) -> String {
    let mut text = wrapped.to_owned();
    let at = text.len() - 10;
    let other = if &text[at..=at] == "A" { "B" } else { "A" };
    text.replace_range(at..=at, other);
    text
}
