//! Verifying and minting access tokens: `cargo bench -p pinlatch-scorecard --bench tokens`.
//!
//! The ratios of one run count; the nanoseconds are the machine's.

use criterion::{Criterion, criterion_group, criterion_main};
use pinlatch_scorecard::tokens::{Algorithm, minting, verifying};
use pinlatch_scorecard::turns::contest;

fn tokens(criterion: &mut Criterion) {
    for algorithm in [Algorithm::HS256, Algorithm::EdDSA] {
        verifying(algorithm, |name, list| contest(criterion, name, list));
        minting(algorithm, |name, list| contest(criterion, name, list));
    }
}

criterion_group!(benches, tokens);
criterion_main!(benches);
