//! What becomes of writes, against a naive model.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::plan(bytes));
