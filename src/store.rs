//! The promise a store makes, and how to write one that keeps it.
//!
//! # Writing a store
//!
//! A store is six methods over rows with six columns: `kind` (a byte) and `id` (16 bytes) are the key; `owner` (16
//! bytes, may be absent) is what rows are listed by; `revision` and `expires_at` are numbers below 2^63, in
//! milliseconds the latter; `body` is opaque. pinlatch decides everything else, so a store that keeps its contract can
//! be as plain as this:
//!
//! | method | in SQL |
//! | --- | --- |
//! | [`insert_new`](SessionStore::insert_new) | `INSERT … ON CONFLICT DO NOTHING`: one row or none tells which |
//! | [`load`](SessionStore::load) | `SELECT … WHERE kind = … AND id = …`, from the primary |
//! | [`replace_if`](SessionStore::replace_if) | `UPDATE` of all columns but the key `… WHERE kind = … AND id = … AND revision = expected`: one row is `Replaced`; none is `Stale` if the row is there, `Missing` if not |
//! | [`remove`](SessionStore::remove) | `DELETE … WHERE kind = … AND id = …` |
//! | [`list`](SessionStore::list) | `SELECT … WHERE owner = … AND kind = … AND id > after ORDER BY id LIMIT …` |
//! | [`purge_expired`](SessionStore::purge_expired) | `DELETE … WHERE expires_at < before`, of at most `limit` rows, in any order |
//!
//! `list` runs at every login, so it wants an index on `owner`, `kind`, `id`. In a key-value store `insert_new` and
//! `replace_if` are one compare-and-swap, from nothing or from a revision. `before` and `expected` may be any `u64`.
//!
//! What goes wrong, in stores that looked right: `replace_if` as a read and then a write; an upsert, which brings
//! revoked sessions back; a cache or a replica in front of `load`; an answer before the commit; a driver that sends a
//! write again when its answer got lost; a wait without end.
//!
//! A body that does not [fit](Record::fits) is [`StoreError::Rejected`], whatever is stored. What the driver says goes
//! into [`StoreError::Unavailable`] as its source; [`StoreError::Corrupt`] tells the log more where the driver can
//! tell. Closures that return `Box<dyn Error + Send + Sync>`, and one `map_err(StoreError::Unavailable)` around them,
//! are the shortest way. Each method returns a [`StoreFuture`]: `Box::pin(async move { … })`. A driver that blocks
//! belongs on threads of its own; `blocking::unblock` has some, under any runtime, and takes what is cloned into it.
//!
//! ```toml
//! [dependencies]
//! pinlatch = { git = "…", default-features = false }
//!
//! [dev-dependencies]
//! pinlatch = { git = "…", features = ["conformance"] }
//! ```
//!
//! Then point the suite at it, `pinlatch::conformance::check_store`, on the real database and several threads. It says
//! which sentence is broken and what it saw instead. It cannot see whether a write survives a crash, so kill the
//! database under load, too.

use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::error::Error;
use std::sync::Arc;

use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::time::UnixTime;

/// What every method of a store returns: boxed, so that `Arc<dyn SessionStore>` works, and `Send`.
pub type StoreFuture<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Why a store did not answer. The texts and the source are for logs; clients are told [`StoreError::code`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Not reachable, too slow, or cut off: what was asked may or may not have happened. Try again later.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What lies there is not a record: another schema, or damage. Trying again does not help, unless a newer server has
    /// written it, of a version or with a pepper that this one gets with the next restart.
    #[error("the store holds something that is not a record")]
    Corrupt(#[source] Box<dyn Error + Send + Sync>),
    /// The store is full, or the record larger than [`Record::MAX_BODY`]. Nothing was stored.
    #[error("the store has no room for the record")]
    Rejected,
}

impl StoreError {
    /// A stable word for clients: `unavailable`, or `overloaded` when the store is full. HTTP 503.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Rejected => "overloaded",
            Self::Unavailable(_) | Self::Corrupt(_) => "unavailable",
        }
    }

    /// When to try again: in 2 seconds.
    #[must_use]
    pub const fn retry_after(&self) -> Duration {
        Duration::from_secs(2)
    }
}

/// Where a listing continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Only ids above this one; `None` starts at the first.
    pub after: Option<[u8; 16]>,
    /// At most so many records; 1 to 1000. A store need not check that.
    pub limit: u16,
}

/// A plain, honest box of records. It knows no policy and no randomness, and needs no clock: it does not hide a record
/// because it expired, and never makes one up. A database that can drop records by itself may do so
/// [`Record::LINGER`] after they expired; servers' clocks may differ by as much.
///
/// Whoever writes one begins with its contract below and ends with `conformance::check_store` (feature `conformance`),
/// which tries it sentence by sentence.
///
/// All methods may fail with [`StoreError::Unavailable`], and do so in bounded time when the database does not answer
/// (one in a file has to wait for its disk).
/// A write that was answered is durable: it survives the loss of the process, and for a database the loss of power. A
/// future that is dropped, as when a client goes away, has done its work whole or not at all, and spoils no later call.
pub trait SessionStore: Send + Sync {
    /// Stores a record under a key that is free.
    ///
    /// *Called when* a session begins, a subject is first seen. *Atomic:* of any number of calls with one key, exactly
    /// one is told [`Inserted::Created`]. *May fail with* [`StoreError::Rejected`] when full. *If it overwrote,* an
    /// attacker could bring a revoked session back or reset a budget.
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted>;

    /// Reads the record of a key as the last answered write left it, also one that has expired.
    ///
    /// *Called when* anything is decided. *Must* come from the primary, not from a replica that may lag. *If it were
    /// old,* a revoked session would live on; a budget would not, because writing compares revisions.
    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>>;

    /// Replaces the record of `record.key`, every field of it, if its revision is `expected`; never creates one.
    ///
    /// *Called when* a guess is charged, a token rotates. *Atomic:* of any number of calls with one `expected`, exactly
    /// one is told [`Swap::Replaced`]. *If it were not,* parallel guesses would share one charge; *if it created,* a
    /// revoked session would come back.
    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap>;

    /// Removes a record and says whether there was one.
    ///
    /// *Called when* a session is revoked. *Atomic:* of any number of calls, one is told `true`; every later
    /// `replace_if` is told [`Swap::Missing`].
    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool>;

    /// The records of an owner, of one kind, in ascending order of id.
    ///
    /// *Called when* sessions are listed, counted, or revoked. A record that exists before the first page is asked for
    /// and after the last one is answered *must* be on one of them, whatever is written in between.
    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>>;

    /// Removes records with `expires_at < before`, all of them or as many as `limit`; returns how many.
    ///
    /// *Called when* the host tidies up. *Must not* remove a record that was replaced by one that expires later in the
    /// meantime: that would end a session which its owner has just used.
    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64>;
}

/// A shared store is a store.
impl<S: SessionStore + ?Sized> SessionStore for Arc<S> {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        (**self).insert_new(record)
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        (**self).load(key)
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        (**self).replace_if(expected, record)
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        (**self).remove(key)
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        (**self).list(owner, kind, page)
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        (**self).purge_expired(before, limit)
    }
}
