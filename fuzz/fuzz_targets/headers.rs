//! `Retry-After`, dates, and texts of strangers that are told to people.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::headers(bytes));
