//! See `pinlatch_fuzz::record`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(record);
