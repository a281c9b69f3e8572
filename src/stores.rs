//! The stores that come with the crate. They know their driver and the record, nothing of the protocol.

#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod columns;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod errand;
#[cfg(feature = "memory")]
mod memory;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

#[cfg(feature = "memory")]
pub use memory::MemoryStore;
#[cfg(feature = "postgres")]
pub use postgres::{PostgresStore, PostgresStoreBuilder, PostgresStoreError};
#[cfg(feature = "redis")]
pub use redis::{RedisStore, RedisStoreBuilder, RedisStoreError};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteStore, SqliteStoreError};

#[cfg(any(feature = "memory", feature = "postgres", feature = "redis", feature = "sqlite"))]
fn check_size(record: &crate::record::Record) -> Result<(), crate::store::StoreError> {
    if record.fits() { Ok(()) } else { Err(crate::store::StoreError::Rejected) }
}
