//! What the benches here have in common: contestants, and who takes how much longer.

#![allow(clippy::print_stdout, reason = "a bench says what it saw")]

use criterion::Criterion;

/// What it is called, and what it does.
pub type Contestant<'a> = (&'static str, &'a mut dyn FnMut());

/// Each by itself, for the times; then all in turns, for the ratios: a machine that is busy for a while slows all alike.
pub fn contest(criterion: &mut Criterion, name: &str, contestants: &mut [Contestant<'_>]) {
    let mut group = criterion.benchmark_group(name);
    for (label, work) in &mut *contestants {
        group.bench_function(*label, |bencher| bencher.iter(&mut *work));
    }
    group.finish();

    const TURNS: usize = 400;
    let mut costs = vec![Vec::with_capacity(TURNS); contestants.len()];
    for _ in 0..TURNS {
        for ((_, work), costs) in contestants.iter_mut().zip(&mut costs) {
            costs.push(cost(work));
        }
    }
    for (at, (label, _)) in contestants.iter().enumerate().skip(1) {
        let mut ratios: Vec<f64> = costs[at].iter().zip(&costs[0]).map(|(other, ours)| other / ours).collect();
        ratios.sort_by(f64::total_cmp);
        let (ratio, ours) = (ratios[TURNS / 2], contestants[0].0);
        println!("{name}, in turns: {label} takes {ratio:.2} times as long as {ours}");
    }
}

/// Of one turn, in no unit.
#[expect(clippy::disallowed_methods, reason = "time is what is measured")]
fn cost(work: &mut dyn FnMut()) -> f64 {
    let begun = std::time::Instant::now();
    (0..100).for_each(|_| work());
    begun.elapsed().as_secs_f64()
}
