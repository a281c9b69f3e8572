//! What tests and benches here have in common: other libraries as processes, dice, and contestants.

#![allow(clippy::missing_panics_doc, clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]
#![allow(clippy::print_stdout, reason = "a bench says what it saw")]

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use criterion::Criterion;
use serde_json::Value;

/// A process that speaks for other libraries: a request per line in JSON, an answer per line.
#[derive(Debug)]
pub struct Process {
    child: Child,
    requests: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Process {
    /// A script of `interop` for Python, with the libraries that `tests/run` installs.
    #[must_use]
    pub fn python(script: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), Into::into);
        Self::start(&target.join("interop/bin/python"), script)
    }

    /// A script of `interop` for Node.
    #[must_use]
    pub fn node(script: &str) -> Self {
        Self::start(Path::new("node"), script)
    }

    fn start(program: &Path, script: &str) -> Self {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(script);
        let child = Command::new(program).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|error| panic!("{}: {error} (tests/run installs it)", program.display()));
        let (requests, answers) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, requests, answers: BufReader::new(answers).lines() }
    }

    /// The answer, or what the library says against the request.
    ///
    /// # Errors
    /// The text of its error.
    pub fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").unwrap();
        let mut answer: Value = serde_json::from_str(&self.answers.next().unwrap().unwrap()).unwrap();
        match answer["error"].as_str() {
            Some(error) => Err(error.to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Reproducible numbers (SplitMix64).
#[derive(Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// Below a number of sides.
    pub fn below(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ mixed >> 31) % u64::try_from(sides).unwrap()).unwrap()
    }

    /// Once in so many times.
    pub fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    /// One of several.
    pub fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    /// In another order.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for at in (1..list.len()).rev() {
            list.swap(at, self.below(at + 1));
        }
    }
}

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
