//! What somebody takes for a cell.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::cell(bytes));
