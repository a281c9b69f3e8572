//! The running server, from outside: over HTTP, in a browser, and killed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod browser;
mod client_mode;
mod clients;
mod codes;
mod contract;
mod crash;
mod hours;
mod instances;
mod keys;
#[cfg(target_os = "linux")]
mod memory;
mod page;
mod page_codes;
mod page_device;
mod page_secrets;
mod race;
mod sealed;
mod server;
mod signed;
mod wire;
