//! See `pinlatch_fuzz::codes`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(codes);
