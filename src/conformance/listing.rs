use std::collections::HashSet;
use std::sync::Arc;

use super::{Bench, Checked, Drawer, MOST_TURNS, Violation, expect};
use crate::record::{OwnerKey, Record, RecordKey, RecordKind};
use crate::store::{Page, SessionStore, StoreError};

const DRAWER: Drawer = Drawer(3);

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench
            .judge(DRAWER, "list is of one owner and one kind, in ascending order of id", one_owner_and_kind(bench))
            .await,
        bench.judge(DRAWER, "the pages of list follow each other", pages(bench)).await,
        bench.judge(DRAWER, "list follows what is written", follows_records(bench)).await,
        bench
            .judge(DRAWER, "list has a record that stays on a page, whatever is written meanwhile", under_change(bench))
            .await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn list(store: &dyn SessionStore, after: Option<u8>, limit: u16) -> Result<Vec<u8>, StoreError> {
    let page = Page { after: after.map(|number| DRAWER.key(number).id), limit };
    let records = store.list(&DRAWER.owner(), RecordKind::Session, page).await?;
    Ok(records.iter().map(|record| record.key.id[0]).collect())
}

async fn fill(bench: &Bench<'_>, numbers: &[u8]) -> Result<(), StoreError> {
    for number in numbers {
        let _ = bench.one.insert_new(&DRAWER.record(*number, 1)).await?;
    }
    Ok(())
}

async fn one_owner_and_kind(bench: &Bench<'_>) -> Checked {
    fill(bench, &[200, 3, 1, 128, 2]).await?;
    let strangers = [
        Record { owner: Some(OwnerKey([DRAWER.0 - 1; 16])), ..DRAWER.record(10, 1) },
        Record { owner: Some(OwnerKey([DRAWER.0 + 1; 16])), ..DRAWER.record(11, 1) },
        Record { owner: None, ..DRAWER.record(12, 1) },
        Record { key: RecordKey { kind: RecordKind::Subject, ..DRAWER.key(13) }, ..DRAWER.record(13, 1) },
    ];
    for stranger in &strangers {
        let _ = bench.one.insert_new(stranger).await?;
    }
    expect("the listing", list(&*bench.one, None, 1000).await?, vec![1, 2, 3, 128, 200])?;
    for stranger in &strangers {
        bench.one.remove(&stranger.key).await?;
    }
    Ok(())
}

async fn pages(bench: &Bench<'_>) -> Checked {
    fill(bench, &[1, 2, 3, 128, 200]).await?;
    expect("the first page", list(&*bench.one, None, 2).await?, vec![1, 2])?;
    expect("the second page", list(&*bench.one, Some(2), 2).await?, vec![3, 128])?;
    expect("the third page", list(&*bench.one, Some(128), 2).await?, vec![200])?;
    expect("the page after the last", list(&*bench.one, Some(200), 2).await?, vec![])?;
    bench.one.remove(&DRAWER.key(2)).await?;
    expect("the page after a record that is gone", list(&*bench.one, Some(2), 2).await?, vec![3, 128])
}

async fn follows_records(bench: &Bench<'_>) -> Checked {
    fill(bench, &[1, 2, 3]).await?;
    bench.one.remove(&DRAWER.key(1)).await?;
    let _ = bench.one.replace_if(1, &Record { owner: None, ..DRAWER.record(2, 2) }).await?;
    let changed = Record { body: vec![9], ..DRAWER.record(3, 2) };
    let _ = bench.one.replace_if(1, &changed).await?;
    let page = Page { after: None, limit: 10 };
    expect("the listing", bench.one.list(&DRAWER.owner(), RecordKind::Session, page).await?, vec![changed])
}

async fn under_change(bench: &Bench<'_>) -> Checked {
    let stays: Vec<u8> = (0..60).map(|at| at * 4).collect();
    fill(bench, &stays).await?;
    let expected: HashSet<u8> = stays.into_iter().collect();
    let missed = bench.in_parallel(6, |number, store| work(number, store, expected.clone())).await;
    for missed in missed? {
        expect("what was missed", missed, Vec::new())?;
    }
    Ok(())
}

/// Two tasks insert and remove others, one rewrites those that stay, the rest page through and say what they missed.
async fn work(number: usize, store: Arc<dyn SessionStore>, expected: HashSet<u8>) -> Result<Vec<u8>, StoreError> {
    match number {
        0 | 1 => {
            for at in (0..60).map(|at| at * 4 + 1 + u8::from(number == 1)) {
                let _ = store.insert_new(&DRAWER.record(at, 1)).await?;
                store.remove(&DRAWER.key(at)).await?;
            }
            Ok(Vec::new())
        }
        2 => {
            for revision in 1..=4 {
                for at in &expected {
                    let _ = store.replace_if(revision, &DRAWER.record(*at, revision + 1)).await?;
                }
            }
            Ok(Vec::new())
        }
        _ => page_through(&*store, &expected).await,
    }
}

/// Pages through several times, until something is missed.
async fn page_through(store: &dyn SessionStore, expected: &HashSet<u8>) -> Result<Vec<u8>, StoreError> {
    for _ in 0..20 {
        let (mut seen, mut after) = (HashSet::new(), None);
        for _ in 0..MOST_TURNS {
            let page = list(store, after, 7).await?;
            let Some(last) = page.last() else { break };
            after = Some(*last);
            seen.extend(page);
        }
        if !expected.is_subset(&seen) {
            return Ok(expected.difference(&seen).copied().collect());
        }
    }
    Ok(Vec::new())
}
