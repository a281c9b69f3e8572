//! See `pinlatch_fuzz::sealed`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(sealed);
