//! See `pinlatch_fuzz::access_token`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(access_token);
