#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pinlatch_fuzz::digest::run(data));
