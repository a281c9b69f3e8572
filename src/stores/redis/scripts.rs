//! What Redis is asked: scripts, which run whole and alone.
//!
//! Each begins with its flags, so that Redis 7 knows before it runs that it may write. A replica refuses it then, also
//! one that only reads: what a replica says may be old. Those with `allow-oom` also run when memory is full.

use ::redis::{Cmd, cmd};

use super::layout::{Name, Shard, encode, head, name_of, not_a_record, split_expiry_entry};
use crate::record::{OwnerKey, Record, RecordKey, RecordKind};
use crate::store::StoreError;
use crate::time::UnixTime;

/// Keys: records.
const LOAD: &str = "#!lua flags=allow-oom
return redis.call('MGET', unpack(KEYS))";

/// Key: owner. Values: the first entry, the last one, and how many.
const OWNED: &str = "#!lua flags=allow-oom
return redis.call('ZRANGEBYLEX', KEYS[1], ARGV[1], ARGV[2], 'LIMIT', 0, ARGV[3])";

/// Key: expiry. Values: the instant, and how many.
const DUE: &str = "#!lua flags=allow-oom
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', '(' .. ARGV[1], 'LIMIT', 0, ARGV[2])";

/// Keys: record, expiry, owner. Values: the record, when it goes by itself, its expiry, its name, its owner. The record
/// comes last: an entry without one is passed over, a record without its entries would be lost to listings.
const INSERT: &str = "#!lua
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4] .. ARGV[5])
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], 0, ARGV[5] .. ARGV[4]) end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 1";

/// As `INSERT`, and format and revision that are expected. An owner stands from the 19th byte on, if the 18th is 1.
const REPLACE: &str = "#!lua
local old = redis.call('GET', KEYS[1])
if not old then return 0 end
if string.sub(old, 1, 9) ~= ARGV[6] then return 1 end
local owner = ''
if string.byte(old, 18) == 1 then owner = string.sub(old, 19, 34) end
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4] .. ARGV[5])
if owner ~= ARGV[5] then
  if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], 0, ARGV[5] .. ARGV[4]) end
  redis.call('ZREM', KEYS[2], ARGV[4] .. owner)
  if owner ~= '' then redis.call('ZREM', KEYS[3], owner .. ARGV[4]) end
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
return 2";

/// Keys as above. Value: the name.
const REMOVE: &str = "#!lua flags=allow-oom
local old = redis.call('GET', KEYS[1])
if not old then return 0 end
local owner = ''
if string.byte(old, 18) == 1 then owner = string.sub(old, 19, 34) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1] .. owner)
if owner ~= '' then redis.call('ZREM', KEYS[3], owner .. ARGV[1]) end
return 1";

/// Keys: expiry, owner, and then the records. Values: the instant, and then name and owner of each record. An entry
/// that was given a later expiry meanwhile stays. One whose record went by itself counts, or who purges until there is
/// less than the limit would leave some; another owner's record that is under its name by now stays.
const PURGE: &str = "#!lua flags=allow-oom
local purged = 0
for at = 3, #KEYS do
  local name, owner = ARGV[2 * at - 4], ARGV[2 * at - 3]
  local expires = redis.call('ZSCORE', KEYS[1], name .. owner)
  if expires and tonumber(expires) < tonumber(ARGV[1]) then
    local old, owner_now = redis.call('GET', KEYS[at]), ''
    if old and string.byte(old, 18) == 1 then owner_now = string.sub(old, 19, 34) end
    if old and owner == owner_now then redis.call('DEL', KEYS[at]) end
    purged = purged + 1
    redis.call('ZREM', KEYS[1], name .. owner)
    if owner ~= '' then redis.call('ZREM', KEYS[2], owner .. name) end
  end
end
return purged";

/// A script's numbers are exact up to here.
const MAX_MILLIS: u64 = 1 << 53;

fn eval(script: &str, keys: usize) -> Cmd {
    let mut command = cmd("EVAL");
    command.arg(script).arg(keys);
    command
}

pub(super) fn load(shard: &Shard, kind: RecordKind, ids: &[[u8; 16]]) -> Cmd {
    let mut command = eval(LOAD, ids.len());
    for id in ids {
        command.arg(shard.record(&name_of(&RecordKey { kind, id: *id })));
    }
    command
}

/// The first entries of an owner's index.
pub(super) fn owned(shard: &Shard, owner: &OwnerKey, kind: RecordKind, after: Option<[u8; 16]>, limit: u16) -> Cmd {
    let bound = |mark: u8, id: &[u8]| [&[mark], &owner.0[..], &[kind.as_u8()], id].concat();
    let from = after.map_or_else(|| bound(b'[', &[]), |id| bound(b'(', &id));
    let mut command = eval(OWNED, 1);
    command.arg(&shard.owner).arg(from).arg(bound(b'[', &[0xFF; 16])).arg(limit);
    command
}

/// The first entries of what expired before an instant.
pub(super) fn due(shard: &Shard, before: UnixTime, limit: u64) -> Cmd {
    let mut command = eval(DUE, 1);
    command.arg(&shard.expiry).arg(before.as_millis()).arg(limit);
    command
}

pub(super) fn insert(shard: &Shard, record: &Record) -> Result<Cmd, StoreError> {
    write(INSERT, shard, record)
}

pub(super) fn replace(shard: &Shard, expected: u64, record: &Record) -> Result<Cmd, StoreError> {
    let mut command = write(REPLACE, shard, record)?;
    command.arg(&head(expected)[..]);
    Ok(command)
}

/// A write of a whole record.
fn write(script: &str, shard: &Shard, record: &Record) -> Result<Cmd, StoreError> {
    let lingers_until = record.expires_at.saturating_add(Record::LINGER);
    if lingers_until.as_millis() > MAX_MILLIS {
        return Err(StoreError::Rejected);
    }
    let mut command = eval(script, 3);
    command.arg(shard.record(&name_of(&record.key))).arg(&shard.expiry).arg(&shard.owner);
    command.arg(encode(record)).arg(lingers_until.as_millis()).arg(record.expires_at.as_millis());
    let (name, owner): (Name, _) = (name_of(&record.key), record.owner.as_ref());
    command.arg(&name[..]).arg(owner.map_or(&[][..], |owner| &owner.0));
    Ok(command)
}

pub(super) fn remove(shard: &Shard, key: &RecordKey) -> Cmd {
    let mut command = eval(REMOVE, 3);
    let name = name_of(key);
    command.arg(shard.record(&name)).arg(&shard.expiry).arg(&shard.owner).arg(&name[..]);
    command
}

/// Of entries in the index of expiries.
pub(super) fn purge(shard: &Shard, before: UnixTime, entries: &[Vec<u8>]) -> Result<Cmd, StoreError> {
    let split: Option<Vec<_>> = entries.iter().map(|entry| split_expiry_entry(entry)).collect();
    let split = split.ok_or_else(not_a_record)?;
    let mut command = eval(PURGE, 2 + split.len());
    command.arg(&shard.expiry).arg(&shard.owner);
    for (name, _) in &split {
        command.arg(shard.record(name));
    }
    command.arg(before.as_millis());
    for (name, owner) in &split {
        command.arg(&name[..]).arg(*owner);
    }
    Ok(command)
}
