//! See `pinlatch_fuzz::hours`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(hours);
