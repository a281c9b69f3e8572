#![no_main]
#![cfg(fuzzing)]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pinlatch_fuzz::record::run(data));
