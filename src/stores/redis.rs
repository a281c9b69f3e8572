//! Records in Redis or Valkey, alone or as a cluster, for any number of machines.
//!
//! Every operation is one script on the server. A write looks at the revision, keeps two indexes, and sets the record
//! with its time to live; Redis runs nothing else meanwhile.

mod check;
mod connect;
mod connection;
mod keyspace;
mod layout;
mod link;
mod scripts;

pub use self::check::RedisStoreError;
pub use self::connect::{RedisStore, RedisStoreBuilder};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreFuture};
use crate::time::UnixTime;

impl SessionStore for RedisStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        let (keyspace, record) = (self.keyspace.clone(), record.clone());
        Box::pin(self.errands.run(async move { keyspace.insert(&record).await }))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let (keyspace, key) = (self.keyspace.clone(), *key);
        Box::pin(self.errands.run(async move { keyspace.load(key).await }))
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        let (keyspace, record) = (self.keyspace.clone(), record.clone());
        Box::pin(self.errands.run(async move { keyspace.replace(expected, &record).await }))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        let (keyspace, key) = (self.keyspace.clone(), *key);
        Box::pin(self.errands.run(async move { keyspace.remove(key).await }))
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        let (keyspace, owner) = (self.keyspace.clone(), *owner);
        Box::pin(self.errands.run(async move { keyspace.page(owner, kind, page).await }))
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        let keyspace = self.keyspace.clone();
        Box::pin(self.errands.run(async move { keyspace.purge(before, limit).await }))
    }
}
