//! What the façade promises, told as stories, on both stores.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod phone;
mod world;

mod access_tokens;
mod attacks;
mod client;
mod codes;
mod criteria;
mod doors;
mod expiry;
mod forged;
mod fresh;
mod guesses;
mod lineage;
mod outages;
mod race;
mod renewal;
mod requests;
mod rotation_of_secrets;
mod secrecy;
mod sessions;
mod stores;
