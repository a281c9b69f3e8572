//! Signed requests, signed here by a second implementation, and then changed in every way; and the answers to them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod pitfalls;
mod profile;
mod request;
mod responses;
mod signing;
