//! What somebody takes for a service account's key.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::key(bytes));
