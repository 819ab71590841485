//! An answer that says it is packed, after a byte that says how it is cut.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::gzip(bytes));
