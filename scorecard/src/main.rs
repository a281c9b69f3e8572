//! The scorecard: what pinlatch promises to cost, measured beside others in one run.
//!
//! ```console
//! cargo run --release -p pinlatch-scorecard             # a table
//! cargo run --release -p pinlatch-scorecard -- --json   # the same for machines
//! ```
//!
//! `--only kdf,proofs` measures some parts (`tokens`, `wraps`, `kdf`, `crowd`, `proofs`, `stores`); `--sessions
//! 10000000` takes another number of sessions for the stores than a million.

#![allow(clippy::unwrap_used, reason = "a measurement that cannot go on ends")]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what was measured")]

mod rows;

use std::process::ExitCode;

use pinlatch_scorecard::crowd;
use serde_json::json;

use crate::rows::Row;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let flag = |name: &str| arguments.iter().any(|argument| argument == name);
    if flag(rows::CROWD) {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        println!("{}", serde_json::to_string(&runtime.block_on(crowd::unlock_all())).unwrap());
        return ExitCode::SUCCESS;
    }
    let option = |name: &str| arguments.iter().skip_while(|argument| *argument != name).nth(1);
    let sessions = option("--sessions").map_or(Ok(1_000_000), |text| text.parse());
    let parts: Vec<&str> = option("--only").map_or_else(|| rows::PARTS.into(), |text| text.split(',').collect());
    let (Ok(sessions), true) = (sessions, parts.iter().all(|part| rows::PARTS.contains(part))) else {
        eprintln!("usage: pinlatch-scorecard [--json] [--only {}] [--sessions NUMBER]", rows::PARTS.join(","));
        return ExitCode::FAILURE;
    };
    if cfg!(debug_assertions) {
        eprintln!("without --release these numbers say nothing");
    }
    let mut rows = Vec::new();
    rows::measure(&parts, sessions, &mut |row: Row| {
        if !flag("--json") {
            row.print();
        }
        rows.push(row);
    });
    if flag("--json") {
        println!("{}", json!({"machine": machine(), "rows": rows}));
    } else {
        println!("\n{}", machine());
    }
    ExitCode::SUCCESS
}

/// What the times depend on.
fn machine() -> String {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let field = |name: &str| {
        let line = info.lines().find(|line| line.starts_with(name)).and_then(|line| line.split_once(':'));
        line.map_or_else(String::new, |(_, value)| value.trim().to_owned())
    };
    let flags = field("flags");
    let known: Vec<_> = ["avx2", "avx512f", "sha_ni"].into_iter().filter(|flag| flags.contains(flag)).collect();
    let pages = std::fs::read_to_string("/sys/kernel/mm/transparent_hugepage/enabled").unwrap_or_default();
    format!("{cores} cores, {}, {}; huge pages: {}", field("model name"), known.join(" "), pages.trim())
}
