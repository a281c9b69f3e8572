//! What the fuzz targets do with their bytes. Each begins with what must hold, and ends when it does not.
//!
//! `fuzz/run 60` runs each target for a minute. The tests here run each of them over its seeds, in any toolchain.

#![allow(
    missing_docs,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::unwrap_used,
    reason = "a fuzz target fails by panicking"
)]

pub mod access_token;
pub mod claims;
pub mod client_locks;
pub mod codes;
pub mod digest;
mod fixtures;
pub mod hours;
mod model;
pub mod names;
pub mod operations;
#[cfg(fuzzing)]
pub mod record;
pub mod sealed;
pub mod signature;
pub mod wrapped_token;

/// The program of a fuzz target. Built without a fuzzer it does nothing.
#[macro_export]
macro_rules! fuzz_target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|data: &[u8]| $crate::$name::run(data));
        #[cfg(not(fuzzing))]
        const fn main() {}
    };
}

/// A target, and bytes that lead deep into it.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All of them. That of the records needs a hook in the library, which is there under `cfg(fuzzing)`.
#[must_use]
pub fn targets() -> Vec<Target> {
    vec![
        ("access_token", access_token::run, access_token::seeds),
        ("claims", claims::run, claims::seeds),
        ("client_locks", client_locks::run, client_locks::seeds),
        ("codes", codes::run, codes::seeds),
        ("digest", digest::run, digest::seeds),
        ("hours", hours::run, hours::seeds),
        ("names", names::run, names::seeds),
        ("operations", operations::run, operations::seeds),
        #[cfg(fuzzing)]
        ("record", record::run, record::seeds),
        ("sealed", sealed::run, sealed::seeds),
        ("signature", signature::run, signature::seeds),
        ("wrapped_token", wrapped_token::run, wrapped_token::seeds),
    ]
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_target_holds_over_its_seeds_and_what_is_near() {
        for (name, run, seeds) in super::targets() {
            assert!(!seeds().is_empty(), "{name}");
            for seed in seeds() {
                run(&seed);
                for at in 0..seed.len() {
                    let mut near = seed.clone();
                    near[at] ^= 1 << (at % 8);
                    run(&near);
                    run(&seed[..at]);
                }
            }
        }
    }
}
