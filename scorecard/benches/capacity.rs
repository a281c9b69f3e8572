//! How much there is room for: the figures of the manual's page about capacity.
//!
//! `cargo bench -p pinlatch-scorecard --bench capacity`; `SESSIONS=1000000 STORES=sqlite` before it takes other
//! numbers.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the result")]

use std::time::Duration;

use pinlatch_scorecard::capacity::{AT_ONCE, Room, of};
use pinlatch_scorecard::kdf::Pool;
use pinlatch_scorecard::proofs::requests;
use pinlatch_scorecard::tokens::{Algorithm, verifying};
use pinlatch_scorecard::turns::Costs;

fn main() {
    processors();
    let sessions = std::env::var("SESSIONS").map_or(200_000, |text| text.parse().unwrap());
    let stores = std::env::var("STORES").unwrap_or_else(|_| "memory,sqlite,postgres,redis".into());
    println!("stores, with {sessions} sessions, {AT_ONCE} unlocks at once");
    for name in stores.split(',') {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let Room { bytes_per_session, unlocks_per_second } =
            runtime.block_on(of(name, sessions, Duration::from_secs(10)));
        println!("{name:>9}: {bytes_per_session:>5} bytes per session, {unlocks_per_second:>7.0} unlocks per second");
    }
}

/// What a core does in a second.
fn processors() {
    const USERS: u32 = 64;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    for at_once in [1, cores] {
        let mut pool = Pool::new(at_once, USERS);
        let took = Costs::measure(3, 1, &mut [("", &mut || pool.unlock_all())]).median(|took| took(0));
        println!("{:.1} unlocks per second on {at_once} of {cores} cores", f64::from(USERS) / took);
    }
    for algorithm in [Algorithm::HS256, Algorithm::EdDSA] {
        verifying(algorithm, |name, list| {
            let took = Costs::measure(100, 100, &mut list[..1]).median(|took| took(0));
            println!("{name}: {:.0} per second and core", 1.0 / took);
        });
    }
    requests(|name, list| {
        let took = Costs::measure(100, 100, &mut list[..1]).median(|took| took(0));
        println!("{name}: {:.0} per second and core", 1.0 / took);
    });
}
