//! The store keeps pinlatch's contract.

use std::sync::Arc;

use pinlatch::clock::{ClockPolicy, SystemClock};
use pinlatch::conformance::check_store;
use pinlatch_toy_store::RedbStore;
use redb::Database;

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn redb_keeps_the_contract() {
    let directory = tempfile::tempdir().unwrap();
    let db = Database::create(directory.path().join("sessions.redb")).unwrap();
    let store = RedbStore::new(Arc::new(db)).unwrap();
    let checked = check_store(async || store.clone(), SystemClock.now(), |task| drop(tokio::spawn(task))).await;
    checked.unwrap_or_else(|violations| panic!("{violations}"));
}
