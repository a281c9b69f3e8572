//! Which keys there are, and what they hold.
//!
//! A record's id decides its shard, one of sixteen hash tags, by its first four bits. A shard has its records and two
//! sorted sets over them, so that one script can change all three on whichever node of a cluster it lies. The order of
//! shards is the order of ids: a listing reads them one after the other.
//!
//! | key | holds |
//! | --- | --- |
//! | `{prefix:h}:kind:id` | format 1, revision 8, expires_at 8, owner 1 or 17, body |
//! | `{prefix:h}:expiry` | kind 1, id 16, owner 0 or 16, with `expires_at` as its score |
//! | `{prefix:h}:owner` | owner 16, kind 1, id 16, all with one score: in the order of their bytes |

use core::fmt::Write;

use crate::record::{OwnerKey, Record, RecordKey};
use crate::store::StoreError;
use crate::time::UnixTime;

const SHARDS: u8 = 16;
const FORMAT: u8 = 1;

/// Kind and id.
pub(super) type Name = [u8; 17];

pub(super) struct Layout(Vec<Shard>);

/// One hash tag.
pub(super) struct Shard {
    tag: String,
    pub(super) expiry: String,
    pub(super) owner: String,
}

const fn shard_number(id: &[u8; 16]) -> usize {
    (id[0] >> 4) as usize
}

/// Whether two records lie on one shard.
pub(super) const fn lie_together(one: &[u8; 16], other: &[u8; 16]) -> bool {
    shard_number(one) == shard_number(other)
}

impl Layout {
    pub(super) fn new(prefix: &str) -> Self {
        let shard = |number: u8| {
            let tag = format!("{{{prefix}:{number:x}}}");
            Shard { expiry: format!("{tag}:expiry"), owner: format!("{tag}:owner"), tag }
        };
        Self((0..SHARDS).map(shard).collect())
    }

    pub(super) fn shards(&self) -> &[Shard] {
        &self.0
    }

    pub(super) fn shard_of(&self, id: &[u8; 16]) -> &Shard {
        &self.0[shard_number(id)]
    }

    /// The shards that hold ids above this one.
    pub(super) fn shards_after(&self, id: Option<&[u8; 16]>) -> &[Shard] {
        &self.0[id.map_or(0, shard_number)..]
    }
}

impl Shard {
    /// The key of a record. The name is kind and id.
    pub(super) fn record(&self, name: &Name) -> String {
        let [kind, id @ ..] = name;
        let mut key = format!("{}:{kind}:", self.tag);
        for byte in id {
            write!(key, "{byte:02x}").expect("a string takes everything");
        }
        key
    }
}

pub(super) fn name_of(key: &RecordKey) -> Name {
    let mut name = [key.kind.as_u8(); 17];
    name[1..].copy_from_slice(&key.id);
    name
}

pub(super) fn id_of_owner_entry(entry: &[u8]) -> Option<[u8; 16]> {
    entry.get(17..)?.try_into().ok()
}

/// Name and owner of an entry in the index of expiries. The kind may be one of a later version.
pub(super) fn split_expiry_entry(entry: &[u8]) -> Option<(&Name, &[u8])> {
    entry.split_first_chunk()
}

/// How a value begins: format and revision.
pub(super) fn head(revision: u64) -> [u8; 9] {
    let mut head = [FORMAT; 9];
    head[1..].copy_from_slice(&revision.to_be_bytes());
    head
}

pub(super) fn encode(record: &Record) -> Vec<u8> {
    let owner = record.owner.as_ref();
    [
        &head(record.revision)[..],
        &record.expires_at.as_millis().to_be_bytes(),
        &[u8::from(owner.is_some())],
        owner.map_or(&[][..], |owner| &owner.0),
        &record.body,
    ]
    .concat()
}

pub(super) fn decode(key: RecordKey, value: &[u8]) -> Result<Record, StoreError> {
    let record = || {
        let ([FORMAT], rest) = value.split_first_chunk()? else { return None };
        let (revision, rest) = rest.split_first_chunk()?;
        let (expires_at, rest) = rest.split_first_chunk()?;
        let (owner, body) = match rest.split_first()? {
            (0, body) => (None, body),
            (1, rest) => rest.split_first_chunk().map(|(owner, body)| (Some(OwnerKey(*owner)), body))?,
            _ => return None,
        };
        let (revision, expires_at) = (u64::from_be_bytes(*revision), u64::from_be_bytes(*expires_at));
        Some(Record { key, owner, revision, expires_at: UnixTime::from_millis(expires_at), body: body.to_vec() })
    };
    record().ok_or_else(not_a_record)
}

/// A value that pinlatch did not write.
#[derive(Debug, thiserror::Error)]
#[error("a value under pinlatch's prefix does not hold a record")]
struct NotARecord;

pub(super) fn not_a_record() -> StoreError {
    StoreError::Corrupt(NotARecord.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordKind;

    fn record(owner: Option<OwnerKey>, body: &[u8]) -> Record {
        let key = RecordKey { kind: RecordKind::Session, id: [0xAB; 16] };
        Record { key, owner, revision: 7, expires_at: UnixTime::from_millis(9), body: body.to_vec() }
    }

    #[test]
    fn values_are_read_as_they_were_written() {
        for record in [record(None, b""), record(Some(OwnerKey([3; 16])), b"body"), record(None, &[0; 300])] {
            assert_eq!(decode(record.key, &encode(&record)).unwrap(), record);
        }
    }

    #[test]
    fn values_that_are_cut_or_foreign_are_refused() {
        let record = record(Some(OwnerKey([3; 16])), b"");
        let value = encode(&record);
        for cut in 0..value.len() {
            assert!(matches!(decode(record.key, &value[..cut]), Err(StoreError::Corrupt(_))), "{cut}");
        }
        for (at, byte) in [(0, 2), (17, 2)] {
            let mut foreign = value.clone();
            foreign[at] = byte;
            assert!(matches!(decode(record.key, &foreign), Err(StoreError::Corrupt(_))), "{at}");
        }
    }

    #[test]
    fn shards_are_in_the_order_of_ids() {
        let layout = Layout::new("p");
        let names: Vec<_> = layout.shards().iter().map(|shard| shard.tag.as_str()).collect();
        assert_eq!((names.len(), names[0], names[15]), (16, "{p:0}", "{p:f}"));
        let key = record(None, b"").key;
        let shard = layout.shard_of(&key.id);
        assert_eq!(shard.record(&name_of(&key)), "{p:a}:1:abababababababababababababababab");
        assert_eq!(layout.shards_after(Some(&key.id)).len(), 6);
    }
}
