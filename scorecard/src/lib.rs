//! What pinlatch costs, beside other libraries: the contestants of the benches, which the scorecard measures, too.
//!
//! Each function here sets up contestants and hands them to a judge: to criterion in a bench, to [`turns`] in the
//! scorecard, to a test that runs each of them once.

#![allow(missing_docs, missing_debug_implementations, reason = "nobody's dependency")]
#![allow(
    clippy::missing_panics_doc,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a measurement that cannot go on ends"
)]
#![allow(clippy::print_stdout, reason = "what was measured")]

pub mod capacity;
pub mod crowd;
pub mod fixtures;
pub mod kdf;
pub mod proofs;
pub mod stores;
pub mod timing;
pub mod tokens;
pub mod turns;
pub mod unlock;

/// What it is called, and what it does.
pub type Contestant<'a> = (&'static str, &'a mut dyn FnMut());

#[cfg(test)]
mod tests {
    use super::*;

    /// What the benches measure works; how fast is not a test's to say.
    #[test]
    fn every_contestant_does_what_it_says() {
        let once = |_: &str, contestants: &mut [Contestant<'_>]| contestants.iter_mut().for_each(|(_, work)| work());
        for algorithm in [tokens::Algorithm::HS256, tokens::Algorithm::EdDSA] {
            tokens::verifying(algorithm, once);
            tokens::minting(algorithm, once);
        }
        proofs::requests(once);
        proofs::messages(once);
        unlock::without_the_kdf(once);
        unlock::forged(once);
    }
}
