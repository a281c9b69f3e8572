//! Argon2id over its costs, alone, on all cores, and beside libsodium: `cargo bench -p pinlatch-scorecard --bench kdf`.
//!
//! `cargo run --release --example calibrate` is the short form, for choosing a policy.

#![allow(clippy::unwrap_used, reason = "a bench that cannot go on fails")]

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use pinlatch::stretch::KdfParams;
use pinlatch_scorecard::kdf::{Libsodium, Ours, Pool};

/// MiB, passes, lanes.
const COSTS: [(u32, u8, u8); 8] =
    [(12, 3, 1), (19, 2, 1), (19, 2, 4), (32, 2, 1), (46, 1, 1), (64, 2, 1), (64, 3, 1), (128, 2, 1)];

fn params(mib: u32, passes: u8, lanes: u8) -> KdfParams {
    KdfParams::new(mib * 1024, passes, lanes).unwrap()
}

fn costs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("Argon2id");
    group.sampling_mode(SamplingMode::Flat).sample_size(20);
    let (mut ours, mut theirs) = (Ours::default(), Libsodium::start());
    for (mib, passes, lanes) in COSTS {
        let params = params(mib, passes, lanes);
        let name = format!("{mib} MiB, {passes} passes, {lanes} lanes");
        group.bench_function(format!("{name}: kept memory"), |bencher| bencher.iter(|| ours.run(params)));
        group.bench_function(format!("{name}: new memory"), |bencher| bencher.iter(|| ours.run_anew(params)));
        if lanes == 1 {
            group.bench_function(format!("{name}: libsodium"), |bencher| bencher.iter(|| theirs.run(params)));
        }
    }
    group.finish();
}

/// Through the façade, whose pool has as much room as the policy's largest evaluation, or as its cores need.
fn pool(criterion: &mut Criterion) {
    const USERS: u32 = 32;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut group = criterion.benchmark_group("users who come back together");
    group.sampling_mode(SamplingMode::Flat).sample_size(10).throughput(Throughput::Elements(USERS.into()));
    for at_once in [cores, 2 * cores, 4 * cores] {
        let mut pool = Pool::new(at_once, USERS);
        group.bench_function(format!("room for {at_once}"), |bencher| bencher.iter(|| pool.unlock_all()));
    }
    group.finish();
}

criterion_group!(benches, costs, pool);
criterion_main!(benches);
