//! The promises, and how each is measured.

use std::process::Command;

use pinlatch::stretch::KdfParams;
use pinlatch_scorecard::crowd::Crowd;
use pinlatch_scorecard::kdf::{Libsodium, Ours};
use pinlatch_scorecard::proofs::{Marks, requests};
use pinlatch_scorecard::tokens::{Algorithm, minting, verifying};
use pinlatch_scorecard::turns::{Costs, median};
use pinlatch_scorecard::unlock::{forged, without_the_kdf};
use pinlatch_scorecard::{Contestant, crowd, stores};
use serde::Serialize;

/// What the scorecard calls itself with, to look at the memory of a process that does nothing else.
pub(crate) const CROWD: &str = "--a-thousand-unlocks";

/// What is promised, and what it is.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    name: String,
    value: f64,
    goal: String,
    ok: bool,
}

impl Row {
    fn at_least(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: format!(">= {goal}"), ok: value >= goal }
    }

    fn at_most(name: impl Into<String>, value: f64, goal: f64) -> Self {
        Self { name: name.into(), value, goal: format!("<= {goal}"), ok: value <= goal }
    }

    pub(crate) fn print(&self) {
        let verdict = if self.ok { "ok" } else { "MISSED" };
        println!("{:<72} {:>9.2}  {:<8} {verdict}", self.name, self.value, self.goal);
    }
}

/// What can be asked for by itself.
pub(crate) const PARTS: [&str; 6] = ["tokens", "wraps", "kdf", "crowd", "proofs", "stores"];

/// The rows of some parts, each as soon as it is known.
pub(crate) fn measure(parts: &[&str], sessions: u64, tell: &mut dyn FnMut(Row)) {
    for part in parts {
        match *part {
            "tokens" => tokens(tell),
            "wraps" => wraps(tell),
            "kdf" => kdf(tell),
            "crowd" => concurrent(tell),
            "proofs" => proofs(tell),
            _ => stores_with(sessions, tell),
        }
    }
}

fn stores_with(sessions: u64, tell: &mut dyn FnMut(Row)) {
    for store in ["sqlite", "postgres"] {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let ratio = runtime.block_on(stores::compare(store, sessions)).ratio();
        tell(Row::at_most(format!("{store}: an unlock among {sessions} sessions, over one among 1000"), ratio, 1.3));
    }
}

fn in_turns(list: &mut [Contestant<'_>]) -> Costs {
    Costs::measure(400, 100, list)
}

fn tokens(tell: &mut dyn FnMut(Row)) {
    verifying(Algorithm::HS256, |_, list| {
        let costs = in_turns(&mut list[..3]);
        let name = "verify HS256: times as fast as jsonwebtoken";
        tell(Row::at_least(name, costs.median(|took| took(1) / took(0)), 3.5));
        let name = "verify HS256: over the bare HMAC of its bytes";
        tell(Row::at_most(name, costs.median(|took| took(0) / took(2)), 2.2));
    });
    minting(Algorithm::HS256, |_, list| {
        let costs = in_turns(list);
        let name = "mint HS256: times as fast as jsonwebtoken, jti given";
        tell(Row::at_least(name, costs.median(|took| took(1) / took(0)), 2.0));
        let name = "mint HS256: the same, with a jti from the system";
        tell(Row::at_least(name, costs.median(|took| took(1) / took(2)), 1.0));
    });
}

fn wraps(tell: &mut dyn FnMut(Row)) {
    forged(|_, list| {
        let costs = Costs::measure(10_000, 1, list);
        let slowest = |percent| {
            (0..list.len()).map(|kind| costs.percentile(percent, |took| took(kind)) * 1e6).fold(0.0, f64::max)
        };
        tell(Row::at_most("refuse a forged wrapped token: µs, median of the slowest kind", slowest(50), 5.0));
        tell(Row::at_most("the same: µs that 99 of 100 stay below", slowest(99), 20.0));
    });
    without_the_kdf(|_, list| {
        let costs = Costs::measure(100, 1, list);
        let share = costs.median(|took| took(0) / took(1)) * 100.0;
        tell(Row::at_most("unlock, all but Argon2id at 19 MiB: % of that", share, 2.0));
    });
}

fn kdf(tell: &mut dyn FnMut(Row)) {
    // Where in the machine's memory the two work makes a difference of a fifth, so they work in several places.
    let mut places: [_; 9] = core::array::from_fn(|_| (Ours::default(), Libsodium::start()));
    let compare = |(ours, theirs): &mut (Ours, Libsodium)| {
        let mut list: [Contestant<'_>; 2] =
            [("pinlatch", &mut || ours.run(KdfParams::DEFAULT)), ("libsodium", &mut || theirs.run(KdfParams::DEFAULT))];
        Costs::measure(15, 1, &mut list).median(|took| took(1) / took(0))
    };
    let ratio = median(places.iter_mut().map(compare).collect());
    let version = places[0].1.version();
    tell(Row::at_least(format!("Argon2id, 19 MiB, 2 passes: times as fast as libsodium {version}"), ratio, 1.0));
}

fn concurrent(tell: &mut dyn FnMut(Row)) {
    let output = Command::new(std::env::current_exe().unwrap()).arg(CROWD).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let Crowd { opened, busy, peak_kib, budget_kib } = serde_json::from_slice(&output.stdout).unwrap();
    let users = crowd::USERS;
    let name = format!("{users} unlocks at once: lost ({opened} opened, {busy} busy)");
    tell(Row::at_most(name, f64::from(u32::try_from(users - opened - busy).unwrap()), 0.0));
    let beyond = f64::from(u32::try_from(peak_kib).unwrap()) - f64::from(budget_kib);
    tell(Row::at_most("the same: MiB of memory beyond that of the KDF pool", beyond / 1024.0, 64.0));
}

fn proofs(tell: &mut dyn FnMut(Row)) {
    requests(|name, list| {
        let costs = in_turns(list);
        let beyond = costs.median(|took| took(0) - took(2) - took(1)) * 1e6;
        tell(Row::at_most(format!("{name}: µs beyond its HMAC and its access token"), beyond, 1.2));
        let ratio = costs.median(|took| took(4) / (took(0) - took(2)));
        tell(Row::at_least("its signature: times as fast as httpsig", ratio, 5.0));
    });
    const REQUESTS: u32 = 50_000;
    let marks = Marks::new(REQUESTS as usize);
    let each = |of: &dyn Fn()| {
        let costs = Costs::measure(1, 1, &mut [("", &mut || of())]);
        costs.median(|took| took(0)) * 1e9 / f64::from(REQUESTS)
    };
    let first = (0..20).map(|_| each(&|| drop(marks.remembered(Marks::empty())))).collect();
    tell(Row::at_most("remember a signed request in memory: ns", median(first), 150.0));
}
