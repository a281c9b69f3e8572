//! Opening sessions, and refusing forgeries: `cargo bench -p pinlatch-scorecard --bench unlock`.

use criterion::{Criterion, criterion_group, criterion_main};
use pinlatch_scorecard::turns::contest;
use pinlatch_scorecard::unlock::{forged, without_the_kdf};

fn unlock(criterion: &mut Criterion) {
    without_the_kdf(|name, list| {
        let mut group = criterion.benchmark_group(name);
        for (label, work) in list {
            group.bench_function(*label, |bencher| bencher.iter(&mut *work));
        }
        group.finish();
    });
    forged(|name, list| contest(criterion, name, list));
}

criterion_group!(benches, unlock);
criterion_main!(benches);
