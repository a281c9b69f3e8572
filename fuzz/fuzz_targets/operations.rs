//! See `pinlatch_fuzz::operations`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(operations);
