//! Whether the time of a refusal tells what was refused. `cargo bench -p pinlatch-scorecard --bench timing` fails if it
//! does, or if the test would not see it; `SAMPLES=10000000` before it looks closer.
//!
//! On a machine that does other things as well, ask again before you believe a number above 4.5.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the result")]

use std::process::ExitCode;

use pinlatch_scorecard::timing::{Judge, codes, control, forged, largest_t, stored, strangers};

/// There is a difference.
const CERTAIN: f64 = 10.0;
/// There is nothing to see.
const NOTHING: f64 = 4.5;

/// A thousand times what anybody may ask about one number in a day.
const ASKED: usize = 20_000;

fn main() -> ExitCode {
    let samples = std::env::var("SAMPLES").map_or(1_000_000, |text| text.parse().unwrap());
    let mut all_well = true;
    let mut look = |ask: fn(Judge<'_>), samples: usize, well: fn(f64) -> bool| {
        ask(&mut |name, take| {
            let t = largest_t(samples, take);
            let verdict = if well(t) { "ok" } else { "NOT OK" };
            println!("{name:<60} {samples:>9} samples, |t| up to {t:>8.2}  {verdict}");
            all_well &= well(t);
        });
    };
    look(control, samples, |t| t > CERTAIN);
    for ask in [forged, stored, codes] {
        look(ask, samples, |t| t < NOTHING);
    }
    look(strangers, ASKED, |t| t < NOTHING);
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
