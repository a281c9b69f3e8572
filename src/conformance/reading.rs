use super::{Bench, Checked, Drawer, Violation, expect, expect_record};
use crate::record::{Inserted, Record, RecordKey, RecordKind};
use crate::time::UnixTime;

const DRAWER: Drawer = Drawer(1);

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench.judge(DRAWER, "load returns what was stored, byte for byte", byte_for_byte(bench)).await,
        bench.judge(DRAWER, "load returns every field at its bounds", bounds(bench)).await,
        bench.judge(DRAWER, "load does not hide an expired record", expired_not_hidden(bench)).await,
        bench.judge(DRAWER, "another handle sees what was answered", other_handle(bench)).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn round_trip(bench: &Bench<'_>, record: &Record) -> Checked {
    expect("inserting", bench.one.insert_new(record).await?, Inserted::Created)?;
    expect_record("the record", bench.one.load(&record.key).await?.as_ref(), Some(record))?;
    bench.one.remove(&record.key).await?;
    expect_record("the record after its removal", bench.one.load(&record.key).await?.as_ref(), None)
}

async fn byte_for_byte(bench: &Bench<'_>) -> Checked {
    let plain = DRAWER.record(1, 7);
    for body in [Vec::new(), vec![0], vec![0; 300], vec![0xFF; 300], b"\r\n\0'\"\\;--".to_vec(), plain.body.clone()] {
        round_trip(bench, &Record { body, ..plain.clone() }).await?;
    }
    round_trip(bench, &Record { body: (0..=255).cycle().take(Record::MAX_BODY).collect(), ..plain }).await
}

async fn bounds(bench: &Bench<'_>) -> Checked {
    let plain = DRAWER.record(1, 7);
    for revision in [0, 1, u64::MAX >> 1] {
        round_trip(bench, &Record { revision, ..plain.clone() }).await?;
    }
    // The far end is the year 9999, where some databases' dates end.
    let far = UnixTime::from_millis(253_402_300_799_999);
    for expires_at in [bench.now, bench.now.saturating_add(core::time::Duration::from_millis(1)), far] {
        round_trip(bench, &Record { expires_at, ..plain.clone() }).await?;
    }
    for id in [[0; 16], [0xFF; 16]] {
        let key = RecordKey { kind: RecordKind::Session, id };
        round_trip(bench, &Record { key, ..plain.clone() }).await?;
    }
    round_trip(bench, &Record { owner: None, ..plain }).await
}

async fn expired_not_hidden(bench: &Bench<'_>) -> Checked {
    let expires_at = bench.now.saturating_sub(core::time::Duration::from_secs(60));
    let expired = Record { expires_at, ..DRAWER.record(3, 1) };
    expect("inserting", bench.one.insert_new(&expired).await?, Inserted::Created)?;
    expect("inserting over it", bench.one.insert_new(&expired).await?, Inserted::Exists)?;
    expect_record("an expired record", bench.one.load(&expired.key).await?.as_ref(), Some(&expired))
}

async fn other_handle(bench: &Bench<'_>) -> Checked {
    let record = DRAWER.record(4, 1);
    expect("inserting", bench.one.insert_new(&record).await?, Inserted::Created)?;
    expect_record("the record", bench.other.load(&record.key).await?.as_ref(), Some(&record))?;
    expect("removing it", bench.other.remove(&record.key).await?, true)?;
    expect_record("the record", bench.one.load(&record.key).await?.as_ref(), None)
}
