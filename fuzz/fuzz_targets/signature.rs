//! See `pinlatch_fuzz::signature`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(signature);
