//! Verifying signed requests, and remembering them: `cargo bench -p pinlatch-scorecard --bench proofs`.
//!
//! The ratios of one run count; the nanoseconds are the machine's.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use pinlatch_scorecard::proofs::{Marks, messages, requests};
use pinlatch_scorecard::turns::contest;

fn proofs(criterion: &mut Criterion) {
    requests(|name, list| contest(criterion, name, list));
    messages(|name, list| contest(criterion, name, list));
}

/// Each request is remembered once, so there are many of them.
fn marks(criterion: &mut Criterion) {
    const REQUESTS: u32 = 50_000;
    let marks = Marks::new(REQUESTS as usize);
    let mut group = criterion.benchmark_group(format!("remember {REQUESTS} requests"));
    group.throughput(Throughput::Elements(REQUESTS.into()));
    group.bench_function("each for the first time", |bencher| {
        bencher.iter_batched(Marks::empty, |seen| marks.remembered(seen), BatchSize::PerIteration);
    });
    let mut seen = Some(marks.remembered(Marks::empty()));
    group
        .bench_function("each again", |bencher| bencher.iter(|| seen = seen.take().map(|seen| marks.remembered(seen))));
    group.finish();
}

criterion_group!(benches, proofs, marks);
criterion_main!(benches);
