//! Records in Redis or Valkey, alone or as a cluster, for any number of machines.
//!
//! Every write is one script on the server: it looks at the revision, writes the record with its time to live, and keeps
//! two indexes, all or nothing.

mod connect;
mod layout;
mod link;
mod scripts;

pub use self::connect::{RedisStore, RedisStoreBuilder, RedisStoreError};
use self::layout::{decode, id_of_owner_entry, lie_together, not_a_record};
use self::scripts::{insert, purge, remove, replace};
use super::check_size;
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreError, StoreFuture};
use crate::time::UnixTime;
use futures_util::future::try_join_all;

/// The most records that one run of the purging script removes: others wait for it.
const PURGED_AT_ONCE: u64 = 100;

impl RedisStore {
    async fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        check_size(record)?;
        let created: u8 = self.link.send(&insert(self.layout.shard_of(&record.key.id), record)?).await?;
        Ok(if created == 1 { Inserted::Created } else { Inserted::Exists })
    }

    async fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        check_size(record)?;
        let outcome: u8 = self.link.send(&replace(self.layout.shard_of(&record.key.id), expected, record)?).await?;
        Ok(match outcome {
            0 => Swap::Missing,
            1 => Swap::Stale,
            _ => Swap::Replaced,
        })
    }

    async fn page(&self, owner: &OwnerKey, kind: RecordKind, page: Page) -> Result<Vec<Record>, StoreError> {
        let limit = usize::from(page.limit);
        let mut records = Vec::new();
        let mut after = page.after;
        loop {
            let ids = self.owned(owner, kind, after, page.limit).await?;
            let Some(last) = ids.last() else { return Ok(records) };
            after = Some(*last);
            let found = self.load_all(kind, &ids).await?;
            // An entry may be older than its record: that may have expired, or be somebody else's by now.
            records.extend(found.into_iter().flatten().filter(|record| record.owner == Some(*owner)));
            if records.len() >= limit {
                records.truncate(limit);
                return Ok(records);
            }
        }
    }

    /// The next ids of an owner. Shards are in the order of ids, so what they say is put one after the other.
    async fn owned(
        &self,
        owner: &OwnerKey,
        kind: RecordKind,
        after: Option<[u8; 16]>,
        limit: u16,
    ) -> Result<Vec<[u8; 16]>, StoreError> {
        let per_shard = self.layout.shards_after(after.as_ref()).iter().map(|shard| {
            let command = shard.owned(owner, kind, after, limit);
            async move { self.link.send::<Vec<Vec<u8>>>(&command).await }
        });
        let entries = try_join_all(per_shard).await?;
        let ids: Option<Vec<_>> = entries.iter().flatten().map(|entry| id_of_owner_entry(entry)).collect();
        let mut ids = ids.ok_or_else(not_a_record)?;
        ids.truncate(limit.into());
        Ok(ids)
    }

    /// The records of ascending ids, in their order.
    async fn load_all(&self, kind: RecordKind, ids: &[[u8; 16]]) -> Result<Vec<Option<Record>>, StoreError> {
        let of_one_shard = ids.chunk_by(lie_together).map(|ids| async move {
            let Some(first) = ids.first() else { return Ok(Vec::new()) };
            let values: Vec<Option<Vec<u8>>> = self.link.send(&self.layout.shard_of(first).load(kind, ids)).await?;
            let read = |(id, value): (&[u8; 16], Option<Vec<u8>>)| {
                value.map(|value| decode(RecordKey { kind, id: *id }, &value)).transpose()
            };
            ids.iter().zip(values).map(read).collect::<Result<Vec<_>, StoreError>>()
        });
        Ok(try_join_all(of_one_shard).await?.into_iter().flatten().collect())
    }

    async fn purge(&self, before: UnixTime, limit: u32) -> Result<u64, StoreError> {
        let mut purged = 0;
        for shard in self.layout.shards() {
            while purged < u64::from(limit) {
                let most = (u64::from(limit) - purged).min(PURGED_AT_ONCE);
                let due: Vec<Vec<u8>> = self.link.send(&shard.due(before, most)).await?;
                if due.is_empty() {
                    break;
                }
                purged += self.link.send::<u64>(&purge(shard, before, &due)?).await?;
            }
        }
        Ok(purged)
    }
}

impl SessionStore for RedisStore {
    fn insert_new<'a>(&'a self, record: &'a Record) -> StoreFuture<'a, Inserted> {
        Box::pin(self.insert(record))
    }

    fn load<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, Option<Record>> {
        Box::pin(async move {
            let found = self.load_all(key.kind, &[key.id]).await?;
            Ok(found.into_iter().next().flatten())
        })
    }

    fn replace_if<'a>(&'a self, expected: u64, record: &'a Record) -> StoreFuture<'a, Swap> {
        Box::pin(self.replace(expected, record))
    }

    fn remove<'a>(&'a self, key: &'a RecordKey) -> StoreFuture<'a, bool> {
        Box::pin(async move { Ok(self.link.send::<u8>(&remove(self.layout.shard_of(&key.id), key)).await? == 1) })
    }

    fn list<'a>(&'a self, owner: &'a OwnerKey, kind: RecordKind, page: Page) -> StoreFuture<'a, Vec<Record>> {
        Box::pin(self.page(owner, kind, page))
    }

    fn purge_expired(&self, before: UnixTime, limit: u32) -> StoreFuture<'_, u64> {
        Box::pin(self.purge(before, limit))
    }
}
