//! The operations on records, over the shards.

use futures_util::future::try_join_all;

use super::layout::{Layout, decode, id_of_owner_entry, lie_together, not_a_record};
use super::link::Link;
use super::scripts::{due, insert, load, owned, purge, remove, replace};
use crate::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use crate::store::{Page, StoreError};
use crate::stores::check_size;
use crate::time::UnixTime;

/// The most records that one run of the purging script removes: others wait for it.
const PURGED_AT_ONCE: u64 = 100;

pub(super) struct Keyspace {
    pub(super) link: Link,
    pub(super) layout: Layout,
}

impl Keyspace {
    pub(super) async fn insert(&self, record: &Record) -> Result<Inserted, StoreError> {
        check_size(record)?;
        let created: bool = self.link.send(&insert(self.layout.shard_of(&record.key.id), record)?).await?;
        Ok(if created { Inserted::Created } else { Inserted::Exists })
    }

    pub(super) async fn load(&self, key: RecordKey) -> Result<Option<Record>, StoreError> {
        let found = self.load_all(key.kind, &[key.id]).await?;
        Ok(found.into_iter().next().flatten())
    }

    pub(super) async fn replace(&self, expected: u64, record: &Record) -> Result<Swap, StoreError> {
        check_size(record)?;
        let outcome: u8 = self.link.send(&replace(self.layout.shard_of(&record.key.id), expected, record)?).await?;
        Ok(match outcome {
            0 => Swap::Missing,
            1 => Swap::Stale,
            _ => Swap::Replaced,
        })
    }

    pub(super) async fn remove(&self, key: RecordKey) -> Result<bool, StoreError> {
        self.link.send(&remove(self.layout.shard_of(&key.id), &key)).await
    }

    pub(super) async fn page(&self, owner: OwnerKey, kind: RecordKind, page: Page) -> Result<Vec<Record>, StoreError> {
        let limit = usize::from(page.limit);
        let (mut records, mut after) = (Vec::new(), page.after);
        loop {
            let ids = self.owned(&owner, kind, after, page.limit).await?;
            let Some(last) = ids.last() else { return Ok(records) };
            after = Some(*last);
            let found = self.load_all(kind, &ids).await?;
            // An entry may be older than its record: that may have expired, or be somebody else's by now.
            records.extend(found.into_iter().flatten().filter(|record| record.owner == Some(owner)));
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
            let command = owned(shard, owner, kind, after, limit);
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
            let values: Vec<Option<Vec<u8>>> = self.link.send(&load(self.layout.shard_of(first), kind, ids)).await?;
            let read = |(id, value): (&[u8; 16], Option<Vec<u8>>)| {
                value.map(|value| decode(RecordKey { kind, id: *id }, &value)).transpose()
            };
            ids.iter().zip(values).map(read).collect::<Result<Vec<_>, StoreError>>()
        });
        Ok(try_join_all(of_one_shard).await?.into_iter().flatten().collect())
    }

    pub(super) async fn purge(&self, before: UnixTime, limit: u32) -> Result<u64, StoreError> {
        let (mut purged, mut left) = (0, u64::from(limit));
        for shard in self.layout.shards() {
            while left > 0 {
                let entries: Vec<Vec<u8>> = self.link.send(&due(shard, before, left.min(PURGED_AT_ONCE))).await?;
                if entries.is_empty() {
                    break;
                }
                purged += self.link.send::<u64>(&purge(shard, before, &entries)?).await?;
                left = left.saturating_sub(entries.len().try_into().unwrap_or(u64::MAX));
            }
        }
        Ok(purged)
    }
}
