//! What is particular to PostgreSQL: which servers and tables are refused, and how the table is made.

use pinlatch::UnixTime;
use pinlatch::record::{Inserted, OwnerKey, Record, RecordKey, RecordKind, Swap};
use pinlatch::store::{SessionStore, StoreError};
use pinlatch::stores::{PostgresStore, PostgresStoreError};
use pinlatch_test_servers::Postgres;

fn record(mark: u8, revision: u64) -> Record {
    Record {
        key: RecordKey { kind: RecordKind::Session, id: [mark; 16] },
        owner: Some(OwnerKey([9; 16])),
        revision,
        expires_at: UnixTime::from_secs(4_000_000_000 + u64::from(mark)),
        body: vec![mark; 300],
    }
}

/// How many of eight that do the same at once are told that they did it.
async fn winners<F>(store: &PostgresStore, contend: impl Fn(PostgresStore) -> F) -> usize
where
    F: Future<Output = bool> + Send + 'static,
{
    let contenders: Vec<_> = (0..8).map(|_| tokio::spawn(contend(store.clone()))).collect();
    let mut winners = 0;
    for contender in contenders {
        winners += usize::from(contender.await.unwrap());
    }
    winners
}

async fn refusal(server: &Postgres) -> PostgresStoreError {
    PostgresStore::connect(&server.url()).await.unwrap_err()
}

#[tokio::test]
async fn servers_that_lose_charges_are_refused_unless_the_host_accepts_it() {
    for name in ["fsync", "full_page_writes", "synchronous_commit"] {
        let setting = &format!("{name} = off");
        let server = Postgres::start_with(&[setting]);
        let refusal = refusal(&server).await;
        assert!(
            matches!(&refusal, PostgresStoreError::LosesCharges { setting } if *setting == name),
            "{setting}: {refusal:?}"
        );
        assert!(refusal.to_string().contains(setting), "{refusal}");
        let store = PostgresStore::builder(&server.url()).accept_charge_loss().connect().await.unwrap();
        assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    }
}

/// The setting is looked at on each connection, as a role may have its own, and stays for as long as that lives.
#[tokio::test]
async fn a_setting_that_changes_later_is_noticed_by_the_next_connection_and_does_not_touch_the_present_one() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    server.sql("ALTER SYSTEM SET synchronous_commit = off");
    server.sql("SELECT pg_reload_conf()");
    assert_eq!(server.sql("SHOW synchronous_commit").trim(), "off");
    let own = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pinlatch'";
    assert_eq!(server.sql(own).trim(), "1");
    assert_eq!(store.replace_if(1, &record(1, 2)).await.unwrap(), Swap::Replaced);
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pinlatch'");
    let mut refused = None;
    for _ in 0..10 {
        // The first one may find its connection cut.
        refused = store.replace_if(2, &record(1, 3)).await.err();
    }
    let refused = refused.expect("a connection to a server that loses charges");
    assert_eq!(refused.code(), "unavailable");
    assert!(std::error::Error::source(&refused).unwrap().to_string().contains("synchronous_commit"), "{refused:?}");
}

/// Each new connection looks at the table, too.
#[tokio::test]
async fn a_table_that_changes_later_is_noticed_by_the_next_connection() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    server.sql("ALTER TABLE pinlatch_record SET UNLOGGED");
    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'pinlatch'");
    for _ in 0..5 {
        let outcome = store.replace_if(1, &record(1, 2)).await;
        assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    }
}

#[tokio::test]
async fn settings_out_of_range_are_moved_into_it() {
    let server = Postgres::start();
    let month = std::time::Duration::from_secs(30 * 86_400);
    let store = PostgresStore::builder(&server.url()).max_connections(0).timeout(month).connect().await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
}

/// The first host is away; the second is the primary.
#[tokio::test]
async fn several_hosts_are_tried_one_after_the_other() {
    let server = Postgres::start();
    let url =
        format!("postgres://postgres@127.0.0.1:1,127.0.0.1:{}/postgres?target_session_attrs=read-write", server.port());
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
}

#[tokio::test]
async fn a_standby_is_refused() {
    let mut server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    server.become_standby();
    let refusal = refusal(&server).await;
    assert!(matches!(refusal, PostgresStoreError::Standby), "{refusal:?}");
    // The store that was connected before the switch does not read from it either.
    for _ in 0..3 {
        assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Unavailable(_))));
    }
}

#[tokio::test]
async fn tables_of_others_and_of_other_versions_are_refused_and_left_alone() {
    let server = Postgres::start();
    server.sql("CREATE TABLE pinlatch_record (mine text); INSERT INTO pinlatch_record VALUES ('precious')");
    let found = refusal(&server).await;
    assert!(matches!(&found, PostgresStoreError::WrongSchema { found } if found.is_empty()), "{found:?}");
    assert_eq!(server.sql("SELECT mine FROM pinlatch_record").trim(), "precious");

    server.sql("DROP TABLE pinlatch_record");
    server.sql(PostgresStore::SCHEMA);
    PostgresStore::connect(&server.url()).await.unwrap();
    server.sql("COMMENT ON TABLE pinlatch_record IS 'pinlatch 2'");
    let found = refusal(&server).await;
    assert!(matches!(&found, PostgresStoreError::WrongSchema { found } if found == "pinlatch 2"), "{found:?}");

    server.sql("COMMENT ON TABLE pinlatch_record IS 'pinlatch 1'");
    server.sql("ALTER TABLE pinlatch_record SET UNLOGGED");
    let unlogged = refusal(&server).await;
    assert!(matches!(unlogged, PostgresStoreError::Unlogged), "{unlogged:?}");
}

#[tokio::test]
async fn what_is_no_server_and_no_url_says_so() {
    let nothing_there = PostgresStore::connect("postgres://postgres@127.0.0.1:1/postgres").await.unwrap_err();
    assert!(matches!(nothing_there, PostgresStoreError::Connect(_)), "{nothing_there:?}");
    let no_url = PostgresStore::connect("postgres://[").await.unwrap_err();
    assert!(matches!(no_url, PostgresStoreError::Url(_)), "{no_url:?}");
    let server = Postgres::start();
    let url = format!("{}?sslmode=require", server.url());
    let no_tls = PostgresStore::connect(&url).await.unwrap_err();
    assert!(matches!(no_tls, PostgresStoreError::Connect(_)), "{no_tls:?}");
}

/// Several processes start at the same moment on an empty database.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_empty_database_may_be_opened_by_many_at_once() {
    let server = Postgres::start();
    for _ in 0..10 {
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let url = server.url();
                tokio::spawn(async move { PostgresStore::connect(&url).await.map(drop) })
            })
            .collect();
        for opener in openers {
            opener.await.unwrap().unwrap();
        }
        server.sql("DROP TABLE pinlatch_record");
    }
}

/// A database role that may not create tables works on the table that the administrator made.
#[tokio::test]
async fn a_role_without_the_right_to_create_uses_the_table_that_is_there() {
    let server = Postgres::start();
    server.sql("CREATE ROLE app LOGIN");
    server.sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = server.url().replace("postgres@", "app@");
    let missing = PostgresStore::connect(&url).await.unwrap_err();
    assert!(matches!(missing, PostgresStoreError::Connect(_)), "{missing:?}");
    server.sql(PostgresStore::SCHEMA);
    server.sql("GRANT SELECT, INSERT, UPDATE, DELETE ON pinlatch_record TO app");
    let store = PostgresStore::connect(&url).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    assert_eq!(store.purge_expired(UnixTime::from_secs(5_000_000_000), 10).await.unwrap(), 1);
}

/// Whatever the database's defaults are, those who meet are told who won, and nobody is told of an error.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_defaults_to_serializable_is_used_at_read_committed() {
    let server = Postgres::start_with(&["default_transaction_isolation = 'serializable'"]);
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    for revision in 0..20 {
        let inserting = winners(&store, move |store| async move {
            store.insert_new(&record(1, revision)).await.unwrap() == Inserted::Created
        });
        assert_eq!(inserting.await, 1);
        let swapping = winners(&store, move |store| async move {
            store.replace_if(revision, &record(1, revision + 1)).await.unwrap() == Swap::Replaced
        });
        assert_eq!(swapping.await, 1);
        let removing = winners(&store, |store| async move { store.remove(&record(1, 0).key).await.unwrap() });
        assert_eq!(removing.await, 1);
    }
}

#[tokio::test]
async fn a_row_that_is_not_a_record_is_corrupt() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    assert_eq!(store.insert_new(&record(1, 1)).await.unwrap(), Inserted::Created);
    for edit in ["revision = -1", "expires_at = -1"] {
        server.sql(&format!("UPDATE pinlatch_record SET {edit}"));
        assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Corrupt(_))), "{edit}");
        server.sql("UPDATE pinlatch_record SET revision = 1, expires_at = 1");
    }
    server.sql("ALTER TABLE pinlatch_record DROP COLUMN body");
    assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Corrupt(_))));
    server.sql("DROP TABLE pinlatch_record");
    assert!(matches!(store.load(&record(1, 1).key).await, Err(StoreError::Corrupt(_))));
}

/// Replacing a row within a day of its expiry does not touch the indexes, so the table does not swell.
#[tokio::test]
async fn replacing_leaves_the_indexes_alone() {
    let server = Postgres::start();
    let store = PostgresStore::connect(&server.url()).await.unwrap();
    for mark in 0..50 {
        assert_eq!(store.insert_new(&record(mark, 0)).await.unwrap(), Inserted::Created);
        for revision in 0..10 {
            let expires_at = UnixTime::from_secs(4_000_000_100 + revision);
            let next = Record { expires_at, ..record(mark, revision + 1) };
            assert_eq!(store.replace_if(revision, &next).await.unwrap(), Swap::Replaced);
        }
    }
    drop(store);
    // The counters are told when a connection has ended.
    let counted = "SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = 'pinlatch_record'";
    let (updated, in_place) = loop {
        let counted = server.sql(counted);
        let (updated, in_place) = counted.trim().split_once('|').unwrap();
        if updated == "500" {
            break (500, in_place.parse::<u32>().unwrap());
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    };
    assert!(in_place * 10 >= updated * 9, "{in_place} of {updated} updates stayed on their page");
}

#[test]
fn no_password_is_shown() {
    let builder = PostgresStore::builder("postgres://user:CANARY@host/db");
    assert!(!format!("{builder:?}").contains("CANARY"));
}
