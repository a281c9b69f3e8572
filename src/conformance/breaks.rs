use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use super::{Bench, Broken, Checked, Drawer, Violation, expect, expect_record};
use crate::deadline::within;
use crate::record::{Inserted, OwnerKey, Record, RecordKind, Swap};
use crate::store::{Page, SessionStore, StoreError, StoreFuture};

const DRAWER: Drawer = Drawer(6);

pub(super) async fn check<S: SessionStore + 'static>(bench: &Bench<'_>, handle: impl AsyncFn() -> S) -> Vec<Violation> {
    [
        bench.judge(DRAWER, "what was answered is there for a handle made later", made_later(bench, handle)).await,
        bench.judge(DRAWER, "a call that is dropped is done whole or not at all", dropped(bench)).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// As after a restart: the handle that wrote is gone.
async fn made_later<S: SessionStore + 'static>(bench: &Bench<'_>, handle: impl AsyncFn() -> S) -> Checked {
    let record = DRAWER.record(1, 1);
    let first = handle().await;
    expect("inserting", first.insert_new(&record).await?, Inserted::Created)?;
    drop(first);
    let second = handle().await;
    expect_record("the record", second.load(&record.key).await?.as_ref(), Some(&record))?;
    let next = DRAWER.record(1, 2);
    expect("the swap", second.replace_if(1, &next).await?, Swap::Replaced)?;
    drop(second);
    expect_record("the record", bench.one.load(&record.key).await?.as_ref(), Some(&next))
}

/// Polls a call so often, with pauses or without, and drops it, as happens when a client goes away.
async fn cut<T>(polls: usize, pause: Duration, mut call: StoreFuture<'_, T>) -> Result<(), StoreError> {
    for _ in 0..polls {
        if let Some(answer) = poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => Poll::Ready(None),
        })
        .await
        {
            return answer.map(drop);
        }
        if !pause.is_zero() {
            // It gives nothing up: the time is all that is wanted.
            within(pause, core::future::pending::<()>()).await;
        }
    }
    Ok(())
}

/// Nobody can tell whether a dropped call took effect. But a record and its place in the listing came and went
/// together, no field is old where another is new, and the handle goes on.
async fn dropped(bench: &Bench<'_>) -> Checked {
    for number in 0..60 {
        let (polls, pause) = (usize::from(number / 20) + 1, Duration::from_micros(u64::from(number % 5) * 200));
        let (first, next) = versions(number);
        cut(polls, pause, bench.one.insert_new(&first)).await?;
        settled(bench, &[None, Some(&first)], number).await?;
        let _ = bench.one.insert_new(&first).await?;
        cut(polls, pause, bench.one.replace_if(1, &next)).await?;
        settled(bench, &[Some(&first), Some(&next)], number).await?;
        cut(polls, pause, bench.one.remove(&first.key)).await?;
        settled(bench, &[None, Some(&first), Some(&next)], number).await?;
        bench.one.remove(&first.key).await?;
    }
    Ok(())
}

/// A record, and what follows it under another owner.
fn versions(number: u8) -> (Record, Record) {
    let first = DRAWER.record(number, 1);
    let next = Record { owner: Some(OwnerKey([0xEE; 16])), body: vec![number; 300], ..DRAWER.record(number, 2) };
    (first, next)
}

/// The record is one of these, and is listed under its owner and no other. A call that was dropped may be at work
/// still, so this looks until it sees the same twice.
async fn settled(bench: &Bench<'_>, allowed: &[Option<&Record>], number: u8) -> Checked {
    let mut last = None;
    for _ in 0..1000 {
        let seen = (bench.one.load(&DRAWER.key(number)).await?, listed(bench, number).await?);
        if last.as_ref() == Some(&seen) {
            let (record, listed) = seen;
            let owners: Vec<_> = record.iter().filter_map(|record| record.owner).collect();
            expect("the owners in the listing", listed, owners)?;
            let is_allowed = allowed.contains(&record.as_ref());
            return if is_allowed { Ok(()) } else { Err(Broken::Rule(format!("the record was {record:?}"))) };
        }
        last = Some(seen);
    }
    Err(Broken::Rule("what was dropped did not come to rest".into()))
}

/// Under which owners a record is listed.
async fn listed(bench: &Bench<'_>, number: u8) -> Result<Vec<OwnerKey>, StoreError> {
    let mut owners = Vec::new();
    for owner in [DRAWER.owner(), OwnerKey([0xEE; 16])] {
        let records = bench.one.list(&owner, RecordKind::Session, Page { after: None, limit: 1000 }).await?;
        if records.iter().any(|record| record.key == DRAWER.key(number)) {
            owners.push(owner);
        }
    }
    Ok(owners)
}
