#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| pinlatch_fuzz::names::run(data));
