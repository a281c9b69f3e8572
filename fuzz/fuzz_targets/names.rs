//! See `pinlatch_fuzz::names`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(names);
