//! See `pinlatch_fuzz::digest`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(digest);
