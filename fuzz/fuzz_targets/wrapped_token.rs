//! See `pinlatch_fuzz::wrapped_token`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(wrapped_token);
