//! Records in PostgreSQL, for any number of machines.
//!
//! Every operation is one statement at READ COMMITTED, with what it depends on in its `WHERE`. Its row lock decides
//! among parallel writers, and the loser's condition is looked at again on the row that won.

mod check;
mod connect;
mod database;
mod schema;
mod wire;

pub use self::check::PostgresStoreError;
pub use self::connect::{PostgresStore, PostgresStoreBuilder};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreFuture};
use crate::time::UnixTime;

impl SessionStore for PostgresStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        let (database, record) = (self.database.clone(), record.clone());
        Box::pin(self.errands.run(async move { database.insert(&record).await }))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let (database, key) = (self.database.clone(), *key);
        Box::pin(self.errands.run(async move { database.load(key).await }))
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        let (database, record) = (self.database.clone(), record.clone());
        Box::pin(self.errands.run(async move { database.replace(expected, &record).await }))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        let (database, key) = (self.database.clone(), *key);
        Box::pin(self.errands.run(async move { database.remove(key).await }))
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        let (database, owner) = (self.database.clone(), *owner);
        Box::pin(self.errands.run(async move { database.list(owner, kind, page).await }))
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        let database = self.database.clone();
        Box::pin(self.errands.run(async move { database.purge(before, limit).await }))
    }
}
