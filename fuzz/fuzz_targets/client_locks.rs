//! See `pinlatch_fuzz::client_locks`.

#![cfg_attr(fuzzing, no_main)]

pinlatch_fuzz::fuzz_target!(client_locks);
