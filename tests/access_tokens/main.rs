//! Access tokens as others might make them: every one is signed with our own key here, so that nothing but the rule in
//! question can refuse it.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod hostile;
mod keys;
mod profile;
mod signer;
