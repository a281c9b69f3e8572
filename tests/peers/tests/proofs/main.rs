//! Signed requests and answers, shown to the libraries of others, and theirs to ours.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod differential;
mod message;
mod peer;
mod responses;
mod server;
