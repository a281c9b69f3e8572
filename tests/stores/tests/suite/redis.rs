//! What is particular to Redis: which servers are refused, what goes by itself, and what a full server does.

use std::time::Duration;

use pinlatch::UnixTime;
use pinlatch::clock::{ClockPolicy, SystemClock};
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{Page, SessionStore, StoreError};
use pinlatch::stores::{RedisStore, RedisStoreError};
use pinlatch_test_servers::{Redis, RedisCluster};

const OWNER: OwnerKey = OwnerKey([9; 16]);
const PAGE: Page = Page { after: None, limit: 100 };

/// Marks are spread over the shards.
fn record(mark: u8, revision: u64) -> Record {
    Record {
        key: RecordKey { kind: RecordKind::Session, id: [mark; 16] },
        owner: Some(OWNER),
        revision,
        expires_at: UnixTime::from_secs(4_000_000_000),
        body: vec![mark; 300],
    }
}

async fn fill(store: &RedisStore, marks: impl Iterator<Item = u8>) {
    for mark in marks {
        assert_eq!(store.insert_new(&record(mark, 1)).await.unwrap(), Inserted::Created);
    }
}

#[tokio::test]
async fn servers_that_lose_charges_are_refused_unless_the_host_accepts_it() {
    for (name, value) in [
        ("appendonly", "no"),
        ("appendfsync", "everysec"),
        ("appendfsync", "no"),
        ("no-appendfsync-on-rewrite", "yes"),
        ("maxmemory-policy", "allkeys-lru"),
        ("maxmemory-policy", "volatile-ttl"),
    ] {
        let server = Redis::start_with(&[&format!("--{name}"), value]);
        let refusal = RedisStore::connect(&server.url()).await.unwrap_err();
        assert!(
            matches!(&refusal, RedisStoreError::LosesCharges { setting, found, .. } if *setting == name && found == value),
            "{name} {value}: {refusal:?}"
        );
        let store = RedisStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
        fill(&store, 1..=1).await;
    }
}

#[tokio::test]
async fn a_server_that_does_not_show_its_settings_is_refused_unless_the_host_accepts_it() {
    let server = Redis::start_with(&["--rename-command", "CONFIG", ""]);
    let refusal = RedisStore::connect(&server.url()).await.unwrap_err();
    assert!(matches!(refusal, RedisStoreError::Unverifiable(_)), "{refusal:?}");
    let store = RedisStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
    fill(&store, 1..=1).await;
}

/// The settings of a server that was told to keep a file are right before that file is there.
#[tokio::test]
async fn a_server_whose_file_is_not_complete_yet_is_refused() {
    let server = Redis::start_with(&["--appendonly", "no", "--rdb-key-save-delay", "20000"]);
    for key in 0..200 {
        server.command(&["SET", &key.to_string(), "x"]);
    }
    server.command(&["CONFIG", "SET", "appendonly", "yes"]);
    let refusal = RedisStore::connect(&server.url()).await.unwrap_err();
    assert!(matches!(refusal, RedisStoreError::LosesCharges { setting: "appendonly", .. }), "{refusal:?}");
    while RedisStore::connect(&server.url()).await.is_err() {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Also one that became a replica while a store was connected to it, which only reads.
#[tokio::test]
async fn a_replica_is_refused() {
    let (primary, server) = (Redis::start(), Redis::start());
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store, 1..=1).await;
    server.command(&["REPLICAOF", "127.0.0.1", &primary.port().to_string()]);
    for accepting in [RedisStore::builder(&server.url()), RedisStore::builder(&server.url()).accept_charge_loss()] {
        let refusal = accepting.connect().await.unwrap_err();
        assert!(matches!(refusal, RedisStoreError::Replica), "{refusal:?}");
    }
    for _ in 0..3 {
        assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Unavailable(_))));
        for owner in [OWNER, OwnerKey([0; 16])] {
            assert!(matches!(store.list(&owner, RecordKind::Session, PAGE).await, Err(StoreError::Unavailable(_))));
        }
    }
    server.command(&["REPLICAOF", "NO", "ONE"]);
    let found_again = async { while store.load(&record(1, 1).key).await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(5), found_again).await.unwrap();
}

/// A setting that changes while a store is connected is noticed the next time it looks.
#[tokio::test]
async fn settings_are_looked_at_again() {
    let server = Redis::start();
    let every = Duration::from_millis(50);
    let store = RedisStore::builder(&server.url()).check_every(every).connect().await.unwrap();
    fill(&store, 1..=1).await;
    let load = async || store.load(&record(1, 1).key).await;
    tokio::time::sleep(every * 4).await;
    assert!(load().await.is_ok());
    server.command(&["CONFIG", "SET", "appendfsync", "everysec"]);
    let refused = async { while load().await.is_ok() {} };
    tokio::time::timeout(Duration::from_secs(5), refused).await.unwrap();
    server.command(&["CONFIG", "SET", "appendfsync", "always"]);
    let taken_again = async { while load().await.is_err() {} };
    tokio::time::timeout(Duration::from_secs(5), taken_again).await.unwrap();
}

#[tokio::test]
async fn the_nodes_of_a_cluster_are_looked_at_one_by_one() {
    let cluster = RedisCluster::start();
    cluster.nodes()[2].command(&["CONFIG", "SET", "appendfsync", "no"]);
    let urls = cluster.urls();
    let refusal = RedisStore::cluster(urls.iter().map(String::as_str)).connect().await.unwrap_err();
    assert!(matches!(refusal, RedisStoreError::LosesCharges { setting: "appendfsync", .. }), "{refusal:?}");
}

#[tokio::test]
async fn what_is_no_server_no_url_and_no_prefix_says_so() {
    let nothing_there = RedisStore::connect("redis://127.0.0.1:1").await.unwrap_err();
    assert!(matches!(nothing_there, RedisStoreError::Connect(_)), "{nothing_there:?}");
    let no_url = RedisStore::connect("http://127.0.0.1").await.unwrap_err();
    assert!(matches!(no_url, RedisStoreError::Url(_)), "{no_url:?}");
    for prefix in ["", "{a}", &"x".repeat(65)] {
        let refusal = RedisStore::builder("redis://127.0.0.1").prefix(prefix).connect().await.unwrap_err();
        assert!(matches!(refusal, RedisStoreError::Prefix), "{prefix}: {refusal:?}");
    }
}

#[tokio::test]
async fn prefixes_are_apart() {
    let server = Redis::start();
    let one = RedisStore::connect(&server.url()).await.unwrap();
    let two = RedisStore::builder(&server.url()).prefix("two").connect().await.unwrap();
    fill(&one, 1..=3).await;
    assert_eq!(two.load(&record(1, 1).key).await.unwrap(), None);
    assert_eq!(two.list(&OWNER, RecordKind::Session, PAGE).await.unwrap(), []);
    fill(&two, 1..=3).await;
}

/// The time to live is set with the record and moves with it, some minutes beyond its expiry.
#[tokio::test]
async fn a_record_goes_by_itself_some_minutes_after_it_expired() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let now = SystemClock.now();
    let first = Record { expires_at: now.saturating_sub(Record::LINGER - Duration::from_secs(2)), ..record(1, 1) };
    assert_eq!(store.insert_new(&first).await.unwrap(), Inserted::Created);
    let key = server.command(&["KEYS", "*:1:*"]);
    let goes_at: u64 = server.command(&["PEXPIRETIME", &key]).parse().unwrap();
    assert_eq!(goes_at, first.expires_at.saturating_add(Record::LINGER).as_millis());
    assert_eq!(store.load(&first.key).await.unwrap(), Some(first.clone()));

    let next = Record { revision: 2, expires_at: now.saturating_sub(Record::LINGER - Duration::from_secs(3)), ..first };
    assert_eq!(store.replace_if(1, &next).await.unwrap(), Swap::Replaced);
    let goes_at: u64 = server.command(&["PEXPIRETIME", &key]).parse().unwrap();
    assert_eq!(goes_at, next.expires_at.saturating_add(Record::LINGER).as_millis());

    while store.load(&next.key).await.unwrap().is_some() {
        assert!(SystemClock.now() < now.saturating_add(Duration::from_secs(20)));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(SystemClock.now().as_millis() >= goes_at);
    assert_eq!(store.replace_if(2, &record(1, 3)).await.unwrap(), Swap::Missing);
    assert_eq!(store.list(&OWNER, RecordKind::Session, PAGE).await.unwrap(), []);
    // The indexes forget it, and that counts.
    assert_eq!(store.purge_expired(now, 10).await.unwrap(), 1);
    assert_eq!(server.command(&["KEYS", "*"]), "");
}

/// Records that went by themselves leave their places in the listing behind until somebody purges. Pages are full all
/// the same.
#[tokio::test]
async fn a_listing_goes_on_past_records_that_went_by_themselves() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store, 0..=200).await;
    for mark in (0..=200u8).filter(|mark| !mark.is_multiple_of(50)) {
        let id = format!("{mark:02x}").repeat(16);
        assert_eq!(server.command(&["DEL", &format!("{{pinlatch:{:x}}}:1:{id}", mark >> 4)]), "1");
    }
    let page = |after: Option<u8>| Page { after: after.map(|mark| [mark; 16]), limit: 2 };
    let mut pages = Vec::new();
    let mut after = None;
    for _ in 0..4 {
        let found = store.list(&OWNER, RecordKind::Session, page(after)).await.unwrap();
        pages.push(found.iter().map(|record| record.key.id[0]).collect::<Vec<_>>());
        after = found.last().map(|record| record.key.id[0]);
    }
    assert_eq!(pages[..3], [vec![0, 50], vec![100, 150], vec![200]]);
}

#[tokio::test]
async fn a_full_server_refuses_and_forgets_nothing() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store, 1..=3).await;
    server.command(&["CONFIG", "SET", "maxmemory", "1mb"]);
    assert!(matches!(store.insert_new(&record(4, 1)).await, Err(StoreError::Rejected)));
    assert!(matches!(store.replace_if(1, &record(3, 2)).await, Err(StoreError::Rejected)));
    assert_eq!(store.list(&OWNER, RecordKind::Session, PAGE).await.unwrap().len(), 3);
    assert!(store.remove(&record(1, 1).key).await.unwrap(), "there is always room for less");
    server.command(&["CONFIG", "SET", "maxmemory", "0"]);
    fill(&store, 4..=4).await;
    assert_eq!(store.load(&record(3, 1).key).await.unwrap(), Some(record(3, 1)));
}

#[tokio::test]
async fn a_value_that_is_not_a_record_is_corrupt() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store, 1..=1).await;
    let key = server.command(&["KEYS", "*:1:*"]);
    server.command(&["SET", &key, "this is somebody's text"]);
    assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.list(&OWNER, RecordKind::Session, PAGE).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.replace_if(1, &record(1, 2)).await.unwrap(), Swap::Stale);
    server.command(&["DEL", &key]);
    server.command(&["LPUSH", &key, "a list"]);
    assert!(matches!(store.replace_if(1, &record(1, 2)).await, Err(StoreError::Corrupt(_))));
}

/// An index that cannot be written fails the whole insert, or the record would be missing from its owner's list.
#[tokio::test]
async fn a_record_without_its_index_entries_is_not_stored() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    server.command(&["SET", "{pinlatch:0}:owner", "somebody's text"]);
    assert!(matches!(store.insert_new(&record(1, 1)).await, Err(StoreError::Corrupt(_))));
    assert_eq!(store.load(&record(1, 1).key).await.unwrap(), None);
}

/// A record that went by itself leaves an entry behind. Purging that does not touch another owner's record which has
/// its name by now.
#[tokio::test]
async fn purging_what_went_by_itself_leaves_its_successor() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    let now = SystemClock.now();
    let went = Record { expires_at: now.saturating_sub(Record::LINGER - Duration::from_millis(500)), ..record(1, 1) };
    assert_eq!(store.insert_new(&went).await.unwrap(), Inserted::Created);
    while store.load(&went.key).await.unwrap().is_some() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let successor = Record { owner: Some(OwnerKey([1; 16])), ..record(1, 7) };
    assert_eq!(store.insert_new(&successor).await.unwrap(), Inserted::Created);
    assert_eq!(store.list(&OWNER, RecordKind::Session, PAGE).await.unwrap(), [], "it is another's by now");
    assert_eq!(store.purge_expired(now, 10).await.unwrap(), 1);
    assert_eq!(store.load(&successor.key).await.unwrap(), Some(successor));
}

/// Nobody has purged for a while, and most records went by themselves: who goes on until there is less than the limit
/// leaves nothing behind.
#[tokio::test]
async fn purging_keeps_up_with_records_that_went_by_themselves() {
    let server = Redis::start();
    let store = RedisStore::connect(&server.url()).await.unwrap();
    fill(&store, 0..=199).await;
    for mark in (0..=199u8).filter(|mark| !mark.is_multiple_of(20)) {
        let id = format!("{mark:02x}").repeat(16);
        assert_eq!(server.command(&["DEL", &format!("{{pinlatch:{:x}}}:1:{id}", mark >> 4)]), "1");
    }
    let mut purged = 0;
    loop {
        let these = store.purge_expired(UnixTime::MAX, 50).await.unwrap();
        purged += these;
        if these < 50 {
            break;
        }
    }
    assert_eq!((purged, server.command(&["KEYS", "*"])), (200, String::new()));
}

#[test]
fn no_password_is_shown() {
    let builder = RedisStore::builder("redis://user:CANARY@host");
    assert!(!format!("{builder:?}").contains("CANARY"));
}
