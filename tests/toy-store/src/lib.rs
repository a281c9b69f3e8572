//! A store for pinlatch in redb, an embedded database in one file.

use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError, StoreFuture};
use pinlatch::time::UnixTime;
use redb::{Database, ReadableTable, Table, TableDefinition};
use std::{error::Error, sync::Arc};

type Result<T, E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;
type Key = (u8, [u8; 16]); // kind, id
type Row<'a> = (Option<[u8; 16]>, u64, u64, &'a [u8]); // owner, revision, expires_at, body
const RECORDS: TableDefinition<Key, Row> = TableDefinition::new("pinlatch");

/// A store in one table of a redb database. Listing and purging look at all of it; many users would deserve an index.
#[derive(Clone, Debug)]
pub struct RedbStore(Arc<Database>);

impl RedbStore {
    /// Uses a database, and makes the table in it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with what redb says.
    pub fn new(db: Arc<Database>) -> Result<Self, StoreError> {
        write(|_| Ok(()))(&db).map(|()| Self(db)).map_err(StoreError::Unavailable)
    }

    /// redb blocks, so it works on a thread from the pool of `blocking`, under any async runtime.
    fn run<T: Send + 'static>(&self, work: impl FnOnce(&Database) -> Result<T> + Send + 'static) -> StoreFuture<'_, T> {
        let db = Arc::clone(&self.0);
        Box::pin(async { blocking::unblock(move || work(&db)).await.map_err(StoreError::Unavailable) })
    }

    /// Stores a record if the revision under its key is `expected`, `None` meaning a free key. Returns what it was.
    async fn swap(&self, expected: Option<u64>, record: &Record) -> Result<Option<u64>, StoreError> {
        (record.body.len() <= Record::MAX_BODY).then_some(()).ok_or(StoreError::Rejected)?;
        let (name, new) = ((record.key.kind.as_u8(), record.key.id), record.clone());
        let swap = write(move |records| {
            let found = records.get(name)?.map(|row| row.value().1);
            if found == expected {
                records.insert(name, (new.owner.map(|o| o.0), new.revision, new.expires_at.as_millis(), &*new.body))?;
            }
            Ok(found)
        });
        self.run(swap).await
    }
}

impl SessionStore for RedbStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(async { Ok(self.swap(None, record).await?.map_or(Inserted::Created, |_| Inserted::Exists)) })
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        let (key, name) = (*key, (key.kind.as_u8(), key.id));
        self.run(move |db| Ok(db.begin_read()?.open_table(RECORDS)?.get(name)?.map(|row| record(key, row.value()))))
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        let swap = move |found| if found == expected { Swap::Replaced } else { Swap::Stale };
        Box::pin(async move { Ok(self.swap(Some(expected), record).await?.map_or(Swap::Missing, swap)) })
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        let name = (key.kind.as_u8(), key.id);
        self.run(write(move |records| Ok(records.remove(name)?.is_some())))
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        let (owner, at) = (*owner, move |id| (kind.as_u8(), id));
        let wanted = move |found: &Record| found.owner == Some(owner) && Some(found.key.id) > page.after;
        self.run(move |db| {
            let records = db.begin_read()?.open_table(RECORDS)?;
            let rows = records.range(at(page.after.unwrap_or_default())..=at([u8::MAX; 16]))?;
            let all = rows.map(|row| row.map(|(key, row)| record(RecordKey { kind, id: key.value().1 }, row.value())));
            Ok(all.filter(|row| row.as_ref().map_or(true, wanted)).take(page.limit.into()).collect::<Result<_, _>>()?)
        })
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        self.run(write(move |records| {
            let expired = records.extract_if(|_, (_, _, expires_at, _)| expires_at < before.as_millis())?;
            expired.take(limit as usize).map(|row| Ok(row.map(|_| 1)?)).sum()
        }))
    }
}

/// One transaction. redb has one writer at a time, flushes on commit, and undoes what is dropped before.
fn write<T>(work: impl FnOnce(&mut Table<Key, Row<'static>>) -> Result<T>) -> impl FnOnce(&Database) -> Result<T> {
    move |db| {
        let transaction = db.begin_write()?;
        let done = work(&mut transaction.open_table(RECORDS)?)?;
        transaction.commit()?;
        Ok(done)
    }
}

fn record(key: RecordKey, (owner, revision, millis, body): Row) -> Record {
    Record { key, owner: owner.map(OwnerKey), revision, expires_at: UnixTime::from_millis(millis), body: body.to_vec() }
}
