//! PostgreSQL and Redis as stores: real servers, several processes, broken connections.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

mod client;
mod conformance;
mod crash;
mod failover;
mod faults;
mod postgres;
mod processes;
mod recovery;
mod redis;
mod sqlite;
