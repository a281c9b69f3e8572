//! The writes. Each is one script: Redis runs nothing else meanwhile.

use ::redis::{Cmd, cmd};

use super::layout::{Name, Shard, encode, head, name_of, not_a_record, split_expiry_entry};
use crate::record::{Record, RecordKey};
use crate::store::StoreError;
use crate::time::UnixTime;

/// Keys: record, expiry, owner. Values: the record, when it goes by itself, its expiry, its name, its owner.
const INSERT: &str = "
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4] .. ARGV[5])
if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], 0, ARGV[5] .. ARGV[4]) end
return 1";

/// As `INSERT`, and format and revision that are expected. An owner stands from the 19th byte on, if the 18th is 1.
const REPLACE: &str = "
local old = redis.call('GET', KEYS[1])
if not old then return 0 end
if string.sub(old, 1, 9) ~= ARGV[6] then return 1 end
local owner = ''
if string.byte(old, 18) == 1 then owner = string.sub(old, 19, 34) end
if owner ~= ARGV[5] then
  redis.call('ZREM', KEYS[2], ARGV[4] .. owner)
  if owner ~= '' then redis.call('ZREM', KEYS[3], owner .. ARGV[4]) end
  if ARGV[5] ~= '' then redis.call('ZADD', KEYS[3], 0, ARGV[5] .. ARGV[4]) end
end
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[2])
redis.call('ZADD', KEYS[2], ARGV[3], ARGV[4] .. ARGV[5])
return 2";

/// Keys as above. Value: the name.
const REMOVE: &str = "
local old = redis.call('GET', KEYS[1])
if not old then return 0 end
local owner = ''
if string.byte(old, 18) == 1 then owner = string.sub(old, 19, 34) end
redis.call('DEL', KEYS[1])
redis.call('ZREM', KEYS[2], ARGV[1] .. owner)
if owner ~= '' then redis.call('ZREM', KEYS[3], owner .. ARGV[1]) end
return 1";

/// Keys: expiry, owner, and then the records. Values: the instant, and then name and owner of each record. An entry
/// that was given a later expiry meanwhile stays; one whose record went by itself goes uncounted.
const PURGE: &str = "
local purged = 0
for at = 3, #KEYS do
  local name, owner = ARGV[2 * at - 4], ARGV[2 * at - 3]
  local expires = redis.call('ZSCORE', KEYS[1], name .. owner)
  if expires and tonumber(expires) < tonumber(ARGV[1]) then
    redis.call('ZREM', KEYS[1], name .. owner)
    if owner ~= '' then redis.call('ZREM', KEYS[2], owner .. name) end
    purged = purged + redis.call('DEL', KEYS[at])
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

/// A write of a whole record.
pub(super) fn insert(shard: &Shard, record: &Record) -> Result<Cmd, StoreError> {
    write(INSERT, shard, record)
}

pub(super) fn replace(shard: &Shard, expected: u64, record: &Record) -> Result<Cmd, StoreError> {
    let mut command = write(REPLACE, shard, record)?;
    command.arg(&head(expected)[..]);
    Ok(command)
}

fn write(script: &str, shard: &Shard, record: &Record) -> Result<Cmd, StoreError> {
    let lingers_until = record.expires_at.saturating_add(Record::LINGER);
    if lingers_until.as_millis() > MAX_MILLIS {
        return Err(StoreError::Rejected);
    }
    let mut command = eval(script, 3);
    command.arg(shard.record(&record.key)).arg(&shard.expiry).arg(&shard.owner);
    command.arg(encode(record)).arg(lingers_until.as_millis()).arg(record.expires_at.as_millis());
    let (name, owner): (Name, _) = (name_of(&record.key), record.owner.as_ref());
    command.arg(&name[..]).arg(owner.map_or(&[][..], |owner| &owner.0));
    Ok(command)
}

pub(super) fn remove(shard: &Shard, key: &RecordKey) -> Cmd {
    let mut command = eval(REMOVE, 3);
    command.arg(shard.record(key)).arg(&shard.expiry).arg(&shard.owner).arg(&name_of(key)[..]);
    command
}

/// Of entries in the index of expiries.
pub(super) fn purge(shard: &Shard, before: UnixTime, entries: &[Vec<u8>]) -> Result<Cmd, StoreError> {
    let split: Option<Vec<_>> = entries.iter().map(|entry| split_expiry_entry(entry)).collect();
    let split = split.ok_or_else(not_a_record)?;
    let mut command = eval(PURGE, 2 + split.len());
    command.arg(&shard.expiry).arg(&shard.owner);
    for (key, _) in &split {
        command.arg(shard.record(key));
    }
    command.arg(before.as_millis());
    for (key, owner) in &split {
        command.arg(&name_of(key)[..]).arg(*owner);
    }
    Ok(command)
}
