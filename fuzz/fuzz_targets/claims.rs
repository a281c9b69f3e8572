//! See `pinlatch_fuzz::claims`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(claims);
