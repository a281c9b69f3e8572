//! What a store costs an unlock, among few sessions and among many.
//!
//! `cargo bench -p pinlatch-scorecard --bench stores` compares a thousand sessions with a million in each store;
//! `SESSIONS=10000000 STORES=sqlite,postgres` before it takes other numbers. It needs disk and memory for what it
//! compares.
#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, reason = "the result")]

use pinlatch_scorecard::stores::{Costs, FEW, compare};

#[tokio::main]
async fn main() {
    let many = std::env::var("SESSIONS").map_or(1_000_000, |text| text.parse().unwrap());
    let stores = std::env::var("STORES").unwrap_or_else(|_| "memory,sqlite,postgres,redis".into());
    println!("{FEW} sessions and {many}, store work of one unlock (4 reads, 2 writes), medians");
    for name in stores.split(',') {
        let costs = compare(name, many).await;
        let Costs { among_few, among_many } = costs;
        println!("{name:>9}: {among_few:>9.1?} {among_many:>9.1?}  {:.2}x", costs.ratio());
    }
}
