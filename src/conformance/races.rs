use super::{Bench, Broken, Checked, Drawer, MOST_TURNS, Violation, expect, expect_record};
use crate::record::{Inserted, Record, Swap};

const DRAWER: Drawer = Drawer(5);

/// Contenders at once, and how often they meet.
const CONTENDERS: usize = 16;
const ROUNDS: u8 = 25;

pub(super) async fn check(bench: &Bench<'_>) -> Vec<Violation> {
    [
        bench.judge(DRAWER, "of many insert_new of one key exactly one creates", inserting(bench)).await,
        bench.judge(DRAWER, "of many replace_if of one revision exactly one replaces", swapping(bench)).await,
        bench.judge(DRAWER, "of many remove of one key exactly one removes", removing(bench)).await,
        bench.judge(DRAWER, "of many replace_if in turn no update is lost", counting(bench)).await,
        bench.judge(DRAWER, "what was removed does not come back", resurrecting(bench)).await,
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The contender that won, if exactly one did.
fn winner(answers: &[bool]) -> Result<usize, Broken> {
    let winners: Vec<_> = (0..answers.len()).filter(|at| answers[*at]).collect();
    match winners[..] {
        [winner] => Ok(winner),
        _ => Err(Broken::Rule(format!("{} of {CONTENDERS} won", winners.len()))),
    }
}

fn of_contender(number: u8, revision: u64, contender: usize) -> Record {
    Record { body: contender.to_be_bytes().to_vec(), ..DRAWER.record(number, revision) }
}

async fn inserting(bench: &Bench<'_>) -> Checked {
    for round in 0..ROUNDS {
        let answers = bench.in_parallel(CONTENDERS, move |contender, store| async move {
            Ok(store.insert_new(&of_contender(round, 1, contender)).await? == Inserted::Created)
        });
        let winner = winner(&answers.await?)?;
        let stored = bench.one.load(&DRAWER.key(round)).await?;
        expect_record("the record", stored.as_ref(), Some(&of_contender(round, 1, winner)))?;
    }
    Ok(())
}

async fn swapping(bench: &Bench<'_>) -> Checked {
    for round in 0..ROUNDS {
        expect("inserting", bench.one.insert_new(&DRAWER.record(round, 1)).await?, Inserted::Created)?;
        let answers = bench.in_parallel(CONTENDERS, move |contender, store| async move {
            Ok(store.replace_if(1, &of_contender(round, 2, contender)).await? == Swap::Replaced)
        });
        let winner = winner(&answers.await?)?;
        let stored = bench.one.load(&DRAWER.key(round)).await?;
        expect_record("the record", stored.as_ref(), Some(&of_contender(round, 2, winner)))?;
    }
    Ok(())
}

async fn removing(bench: &Bench<'_>) -> Checked {
    for round in 0..ROUNDS {
        expect("inserting", bench.one.insert_new(&DRAWER.record(round, 1)).await?, Inserted::Created)?;
        let answers =
            bench.in_parallel(CONTENDERS, move |_, store| async move { store.remove(&DRAWER.key(round)).await });
        winner(&answers.await?)?;
    }
    Ok(())
}

/// A counter in a body, by compare-and-swap.
async fn counting(bench: &Bench<'_>) -> Checked {
    const EACH: u64 = 20;
    let key = DRAWER.key(0);
    let zero = Record { body: 0u64.to_be_bytes().to_vec(), ..DRAWER.record(0, 0) };
    expect("inserting", bench.one.insert_new(&zero).await?, Inserted::Created)?;
    let done = bench.in_parallel(8, move |_, store| async move {
        let mut left = EACH;
        for _ in 0..MOST_TURNS {
            let Some(present) = store.load(&key).await? else { return Ok(left) };
            let counted = count_of(&present) + 1;
            let (expected, revision) = (present.revision, present.revision + 1);
            let next = Record { revision, body: counted.to_be_bytes().to_vec(), ..present };
            let_others().await;
            if store.replace_if(expected, &next).await? == Swap::Replaced {
                left -= 1;
            }
            if left == 0 {
                break;
            }
        }
        Ok(left)
    });
    expect("what was left to count", done.await?, vec![0; 8])?;
    let counted = bench.one.load(&key).await?.as_ref().map(count_of);
    expect("the count", counted, Some(8 * EACH))
}

/// Between what was read and what is written others have their turn, also where all run on one thread.
async fn let_others() {
    let mut waited = false;
    core::future::poll_fn(|context| {
        if core::mem::replace(&mut waited, true) {
            return core::task::Poll::Ready(());
        }
        context.waker().wake_by_ref();
        core::task::Poll::Pending
    })
    .await;
}

fn count_of(record: &Record) -> u64 {
    record.body.first_chunk().map_or(0, |count| u64::from_be_bytes(*count))
}

/// Some swap without end, one removes when they are at it. When all have ended, nothing is there.
async fn resurrecting(bench: &Bench<'_>) -> Checked {
    for round in 0..ROUNDS {
        let key = DRAWER.key(round);
        expect("inserting", bench.one.insert_new(&DRAWER.record(round, 1)).await?, Inserted::Created)?;
        let ended = bench.in_parallel(6, move |contender, store| async move {
            for _ in 0..200 {
                let Some(present) = store.load(&key).await? else { break };
                if contender == 0 {
                    if present.revision > 1 {
                        return store.remove(&key).await;
                    }
                    continue;
                }
                let next = Record { revision: present.revision + 1, ..present.clone() };
                let_others().await;
                if store.replace_if(present.revision, &next).await? == Swap::Missing {
                    break;
                }
            }
            if contender == 0 { store.remove(&key).await } else { Ok(true) }
        });
        expect("that all came to an end", ended.await?, vec![true; 6])?;
        expect_record("what was removed", bench.one.load(&key).await?.as_ref(), None)?;
    }
    Ok(())
}
