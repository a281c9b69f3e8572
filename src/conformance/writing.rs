use super::{Bench, Broken, Checked, Drawer, Violation, expect, expect_record};
use crate::record::{Inserted, Record, RecordKey, RecordKind, Swap};
use crate::store::StoreError;

const DRAWER: Drawer = Drawer(2);

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench.judge(DRAWER, "insert_new never overwrites", insert_never_overwrites(bench)).await,
        bench.judge(DRAWER, "replace_if needs the expected revision", swap_needs_the_revision(bench)).await,
        bench.judge(DRAWER, "replace_if replaces every field", swap_replaces_every_field(bench)).await,
        bench.judge(DRAWER, "replace_if never creates", swap_never_creates(bench)).await,
        bench.judge(DRAWER, "remove says whether there was a record", remove_says_so(bench)).await,
        bench.judge(DRAWER, "a record larger than the limit is rejected and changes nothing", too_large(bench)).await,
        bench.judge(DRAWER, "kinds are apart", kinds_apart(bench)).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn insert_never_overwrites(bench: &Bench<'_>) -> Checked {
    let (first, second) = (DRAWER.record(1, 1), Record { body: vec![1], ..DRAWER.record(1, 2) });
    expect("inserting", bench.one.insert_new(&first).await?, Inserted::Created)?;
    for again in [&first, &second] {
        expect("inserting again", bench.one.insert_new(again).await?, Inserted::Exists)?;
    }
    expect_record("the record", bench.one.load(&first.key).await?.as_ref(), Some(&first))
}

async fn swap_needs_the_revision(bench: &Bench<'_>) -> Checked {
    let (present, next) = (DRAWER.record(2, 5), Record { body: vec![1], ..DRAWER.record(2, 6) });
    expect("inserting", bench.one.insert_new(&present).await?, Inserted::Created)?;
    for wrong in [0, 4, 6, u64::MAX >> 1] {
        expect("a stale swap", bench.one.replace_if(wrong, &next).await?, Swap::Stale)?;
    }
    expect_record("the record", bench.one.load(&present.key).await?.as_ref(), Some(&present))?;
    expect("the swap", bench.one.replace_if(5, &next).await?, Swap::Replaced)?;
    expect("the same swap again", bench.one.replace_if(5, &next).await?, Swap::Stale)
}

async fn swap_replaces_every_field(bench: &Bench<'_>) -> Checked {
    let present = DRAWER.record(3, 5);
    let expires_at = present.expires_at.saturating_add(core::time::Duration::from_millis(1));
    let next = Record { owner: None, revision: 9, expires_at, body: vec![3, 2, 1], ..present.clone() };
    expect("inserting", bench.one.insert_new(&present).await?, Inserted::Created)?;
    expect("the swap", bench.one.replace_if(5, &next).await?, Swap::Replaced)?;
    expect_record("the record", bench.one.load(&next.key).await?.as_ref(), Some(&next))
}

async fn swap_never_creates(bench: &Bench<'_>) -> Checked {
    let record = DRAWER.record(4, 5);
    expect("a swap of nothing", bench.one.replace_if(5, &record).await?, Swap::Missing)?;
    expect_record("the record", bench.one.load(&record.key).await?.as_ref(), None)?;
    expect("inserting", bench.one.insert_new(&record).await?, Inserted::Created)?;
    bench.one.remove(&record.key).await?;
    expect("a swap of what was removed", bench.one.replace_if(5, &record).await?, Swap::Missing)?;
    expect_record("the record", bench.one.load(&record.key).await?.as_ref(), None)
}

async fn remove_says_so(bench: &Bench<'_>) -> Checked {
    let record = DRAWER.record(5, 1);
    expect("removing nothing", bench.one.remove(&record.key).await?, false)?;
    expect("inserting", bench.one.insert_new(&record).await?, Inserted::Created)?;
    expect("removing", bench.one.remove(&record.key).await?, true)?;
    expect("removing again", bench.one.remove(&record.key).await?, false)
}

async fn too_large(bench: &Bench<'_>) -> Checked {
    let present = DRAWER.record(6, 1);
    let huge = Record { body: vec![7; Record::MAX_BODY + 1], ..DRAWER.record(6, 2) };
    rejected(bench.one.insert_new(&huge).await)?;
    expect_record("the record", bench.one.load(&huge.key).await?.as_ref(), None)?;
    expect("inserting", bench.one.insert_new(&present).await?, Inserted::Created)?;
    rejected(bench.one.replace_if(1, &huge).await)?;
    expect_record("the record", bench.one.load(&huge.key).await?.as_ref(), Some(&present))
}

fn rejected<T: core::fmt::Debug>(outcome: Result<T, StoreError>) -> Checked {
    match outcome {
        Err(StoreError::Rejected) => Ok(()),
        other => Err(Broken::Rule(format!("the outcome was {other:?}"))),
    }
}

async fn kinds_apart(bench: &Bench<'_>) -> Checked {
    let session = DRAWER.record(2, 1);
    let subject = RecordKey { kind: RecordKind::Subject, ..session.key };
    expect("inserting", bench.one.insert_new(&session).await?, Inserted::Created)?;
    expect_record("a record of another kind", bench.one.load(&subject).await?.as_ref(), None)?;
    expect("removing one of another kind", bench.one.remove(&subject).await?, false)?;
    let of_subject = Record { key: subject, body: vec![2], ..session.clone() };
    expect("swapping one of another kind", bench.one.replace_if(1, &of_subject).await?, Swap::Missing)?;
    expect("inserting one of another kind", bench.one.insert_new(&of_subject).await?, Inserted::Created)?;
    let next = Record { revision: 2, ..of_subject };
    expect("swapping that one", bench.one.replace_if(1, &next).await?, Swap::Replaced)?;
    expect_record("the first one", bench.one.load(&session.key).await?.as_ref(), Some(&session))?;
    bench.one.remove(&subject).await?;
    Ok(())
}
