use super::{Bench, Checked, Drawer, Violation, expect};
use crate::record::{Inserted, Record, RecordKey, RecordKind, Swap};
use crate::time::UnixTime;

const DRAWER: Drawer = Drawer(1);

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench.judge(DRAWER, "what was stored is loaded byte for byte", byte_for_byte(bench)).await,
        bench.judge(DRAWER, "the bounds of every field are kept", bounds(bench)).await,
        bench.judge(DRAWER, "kinds are apart", kinds_apart(bench)).await,
        bench.judge(DRAWER, "an expired record is not hidden", expired_not_hidden(bench)).await,
        bench.judge(DRAWER, "another handle sees what was answered", other_handle(bench)).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

async fn round_trip(bench: &Bench<'_>, record: &Record) -> Checked {
    expect("inserting", bench.one.insert_new(record).await?, Inserted::Created)?;
    expect("the record", bench.one.load(&record.key).await?, Some(record.clone()))?;
    bench.one.remove(&record.key).await?;
    expect("the record after its removal", bench.one.load(&record.key).await?, None)
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

async fn kinds_apart(bench: &Bench<'_>) -> Checked {
    let session = DRAWER.record(2, 1);
    let subject = RecordKey { kind: RecordKind::Subject, ..session.key };
    expect("inserting", bench.one.insert_new(&session).await?, Inserted::Created)?;
    expect("a record of another kind", bench.one.load(&subject).await?, None)?;
    expect("removing one of another kind", bench.one.remove(&subject).await?, false)?;
    let of_subject = Record { key: subject, body: vec![2], ..session.clone() };
    expect("swapping one of another kind", bench.one.replace_if(1, &of_subject).await?, Swap::Missing)?;
    expect("inserting one of another kind", bench.one.insert_new(&of_subject).await?, Inserted::Created)?;
    let next = Record { revision: 2, ..of_subject };
    expect("swapping that one", bench.one.replace_if(1, &next).await?, Swap::Replaced)?;
    expect("the first one", bench.one.load(&session.key).await?, Some(session))?;
    bench.one.remove(&subject).await?;
    Ok(())
}

async fn expired_not_hidden(bench: &Bench<'_>) -> Checked {
    let expires_at = bench.now.saturating_sub(core::time::Duration::from_secs(60));
    let expired = Record { expires_at, ..DRAWER.record(3, 1) };
    expect("inserting", bench.one.insert_new(&expired).await?, Inserted::Created)?;
    expect("inserting over it", bench.one.insert_new(&expired).await?, Inserted::Exists)?;
    expect("an expired record", bench.one.load(&expired.key).await?, Some(expired))
}

async fn other_handle(bench: &Bench<'_>) -> Checked {
    let record = DRAWER.record(4, 1);
    expect("inserting", bench.one.insert_new(&record).await?, Inserted::Created)?;
    expect("the record", bench.other.load(&record.key).await?, Some(record.clone()))?;
    expect("removing it", bench.other.remove(&record.key).await?, true)?;
    expect("the record", bench.one.load(&record.key).await?, None)
}
