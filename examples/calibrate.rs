//! What Argon2id costs on this machine, and what a PIN behind it is worth: `cargo run --release --example calibrate`.
//!
//! Run it on the machine that serves, beside its usual work, and take the first row that your users wait for gladly and
//! your memory can pay for. See the manual's page about numbers.

use std::time::{Duration, Instant};

use pinlatch::Policy;
use pinlatch::pin::{NewPin, Pin};
use pinlatch::stretch::{KdfMemory, KdfParams};
use pinlatch::stretched_pin::StretchTask;

/// MiB and passes.
const ROWS: [(u32, u8); 7] = [(12, 3), (19, 2), (32, 2), (46, 1), (46, 2), (64, 2), (128, 2)];

fn main() -> Result<(), Box<dyn std::error::Error>> {
    if cfg!(debug_assertions) {
        say("without --release these numbers say nothing about a server");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    say(&format!("{cores} cores\n"));
    say(
        "  memory  passes   one unlock   unlocks/s, all cores   all PINs of 6 digits, with pepper and database, on them",
    );
    for (mib, passes) in ROWS {
        let params = KdfParams::new(mib * 1024, passes, 1)?;
        let alone = evaluations(params, 1)?;
        let together = evaluations(params, cores)?;
        let all = Duration::from_secs_f64(1e6 / together);
        let default = if params == Policy::default().kdf() { "  (default)" } else { "" };
        say(&format!(
            "{mib:>4} MiB  {passes:>6}   {:>7.0} ms   {together:>20.0}   {:>10.1} hours{default}",
            1e3 / alone,
            all.as_secs_f64() / 3600.0
        ));
    }
    say(
        "\nMore memory costs whoever guesses with graphics cards more than more passes do. A longer PIN helps more than either:",
    );
    say("each digit is worth ten times the last column.");
    Ok(())
}

/// Evaluations per second, of so many threads together, over about a second.
#[expect(clippy::disallowed_methods, reason = "this is about time")]
fn evaluations(params: KdfParams, threads: usize) -> Result<f64, Box<dyn std::error::Error>> {
    let pin = NewPin::accept(Pin::new("739216")?, &Policy::default())?;
    let began = Instant::now();
    let count = || {
        let (mut memory, mut rng, mut done) = (KdfMemory::new(), rand_core::UnwrapErr(getrandom::SysRng), 0_u32);
        while began.elapsed() < Duration::from_secs(1) {
            drop(StretchTask::for_new_pin(&pin, params, &mut rng).run(&mut memory));
            done += 1;
        }
        f64::from(done)
    };
    let done: f64 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(count)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum()
    });
    Ok(done / began.elapsed().as_secs_f64())
}

#[expect(clippy::print_stdout, reason = "it is read on the terminal")]
fn say(line: &str) {
    println!("{line}");
}
