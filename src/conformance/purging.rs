use core::time::Duration;

use super::{Bench, Checked, Drawer, Violation, expect};
use crate::record::{Inserted, Record, Swap};
use crate::store::StoreError;

const DRAWER: Drawer = Drawer(4);

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench
            .judge(DRAWER, "purge_expired removes what expired before the instant and nothing else", boundary(bench))
            .await,
        bench.judge(DRAWER, "purge_expired removes at most as many as it may", limit(bench)).await,
        bench.judge(DRAWER, "purge_expired goes by the expiry that was written last", moved(bench)).await,
        bench
            .judge(
                DRAWER,
                "purge_expired does not remove what was replaced by something that expires later",
                replaced(bench),
            )
            .await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// These expire soon, one millisecond after the other. The instant is the caller's, so it may as well lie ahead.
fn expiring(bench: &Bench<'_>, number: u8) -> Record {
    let expires_at = bench.now.saturating_add(Duration::from_millis(60_000 + u64::from(number)));
    Record { expires_at, ..DRAWER.record(number, 1) }
}

async fn fill(bench: &Bench<'_>) -> Result<(), StoreError> {
    for number in 1..=6 {
        let _ = bench.one.insert_new(&expiring(bench, number)).await?;
    }
    Ok(())
}

async fn remaining(bench: &Bench<'_>) -> Result<Vec<u8>, StoreError> {
    let mut remaining = Vec::new();
    for number in 1..=6 {
        if bench.one.load(&DRAWER.key(number)).await?.is_some() {
            remaining.push(number);
        }
    }
    Ok(remaining)
}

async fn boundary(bench: &Bench<'_>) -> Checked {
    fill(bench).await?;
    let before = expiring(bench, 3).expires_at;
    expect("the number of purged records", bench.one.purge_expired(before, 100).await?, 2)?;
    expect("what remains", remaining(bench).await?, vec![3, 4, 5, 6])?;
    expect("the number of purged records", bench.one.purge_expired(before, 100).await?, 0)
}

async fn limit(bench: &Bench<'_>) -> Checked {
    fill(bench).await?;
    let before = expiring(bench, 6).expires_at;
    expect("the number of purged records", bench.one.purge_expired(before, 2).await?, 2)?;
    expect("the number of what remains", remaining(bench).await?.len(), 4)?;
    expect("the number of purged records", bench.one.purge_expired(before, 100).await?, 3)?;
    expect("what remains", remaining(bench).await?, vec![6])
}

/// One gets a longer life, days longer, and one a shorter.
async fn moved(bench: &Bench<'_>) -> Checked {
    let (soon, late) = (expiring(bench, 1), DRAWER.record(1, 2));
    expect("inserting", bench.one.insert_new(&soon).await?, Inserted::Created)?;
    expect("the swap", bench.one.replace_if(1, &late).await?, Swap::Replaced)?;
    let (late, soon) = (DRAWER.record(2, 1), Record { revision: 2, ..expiring(bench, 2) });
    expect("inserting", bench.one.insert_new(&late).await?, Inserted::Created)?;
    expect("the swap", bench.one.replace_if(1, &soon).await?, Swap::Replaced)?;
    let before = expiring(bench, 6).expires_at;
    expect("the number of purged records", bench.one.purge_expired(before, 100).await?, 1)?;
    expect("what remains", remaining(bench).await?, vec![1])
}

/// Records are purged and given a longer life at the same moment. Each is either gone before, or there for good.
async fn replaced(bench: &Bench<'_>) -> Checked {
    let all_expired = expiring(bench, 100).expires_at;
    for _round in 0..10 {
        fill(bench).await?;
        let outcomes = bench.in_parallel(8, |number, store| async move {
            if number < 2 {
                store.purge_expired(all_expired, 100).await?;
                return Ok(None);
            }
            let number = u8::try_from(number).unwrap_or_default() - 1;
            let outcome = store.replace_if(1, &DRAWER.record(number, 2)).await?;
            Ok(Some((number, outcome)))
        });
        for (number, outcome) in outcomes.await?.into_iter().flatten() {
            let there = bench.one.load(&DRAWER.key(number)).await?.is_some();
            expect("that a record is there", there, outcome == Swap::Replaced)?;
        }
        bench.empty(DRAWER).await?;
    }
    Ok(())
}
