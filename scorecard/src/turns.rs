//! Contestants in turns: a machine that is busy for a while slows all alike, so that ratios hold where times do not.

use std::time::Instant;

use criterion::Criterion;

use crate::Contestant;

/// What each contestant took in each turn, in seconds per call.
#[derive(Debug)]
pub struct Costs(Vec<Vec<f64>>);

impl Costs {
    /// Lets each contestant make so many calls, so many times.
    #[must_use]
    pub fn measure(turns: usize, calls: u32, contestants: &mut [Contestant<'_>]) -> Self {
        let mut costs = vec![Vec::with_capacity(turns); contestants.len()];
        for _ in 0..turns {
            for ((_, work), costs) in contestants.iter_mut().zip(&mut costs) {
                costs.push(cost(calls, work));
            }
        }
        Self(costs)
    }

    /// The median over all turns of something computed from what each contestant took in one.
    #[must_use]
    pub fn median(&self, of_turn: impl Fn(&dyn Fn(usize) -> f64) -> f64) -> f64 {
        self.percentile(50, of_turn)
    }

    /// The same, of what so many of a hundred turns stay below.
    #[must_use]
    pub fn percentile(&self, percent: usize, of_turn: impl Fn(&dyn Fn(usize) -> f64) -> f64) -> f64 {
        let turns = self.0.first().map_or(0, Vec::len);
        percentile(percent, (0..turns).map(|turn| of_turn(&|contestant| self.0[contestant][turn])).collect())
    }
}

/// Of an odd or large number of values.
///
/// # Panics
/// For none.
#[must_use]
pub fn median(values: Vec<f64>) -> f64 {
    percentile(50, values)
}

fn percentile(percent: usize, mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() * percent / 100]
}

#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn cost(calls: u32, work: &mut dyn FnMut()) -> f64 {
    let begun = Instant::now();
    (0..calls).for_each(|_| work());
    begun.elapsed().as_secs_f64() / f64::from(calls)
}

/// Each by itself, for the times; then all in turns, for the ratios.
pub fn contest(criterion: &mut Criterion, name: &str, contestants: &mut [Contestant<'_>]) {
    let mut group = criterion.benchmark_group(name);
    for (label, work) in &mut *contestants {
        group.bench_function(*label, |bencher| bencher.iter(&mut *work));
    }
    group.finish();
    let costs = Costs::measure(400, 100, contestants);
    for (at, (label, _)) in contestants.iter().enumerate().skip(1) {
        let (ratio, ours) = (costs.median(|took| took(at) / took(0)), contestants[0].0);
        println!("{name}, in turns: {label} takes {ratio:.2} times as long as {ours}");
    }
}
