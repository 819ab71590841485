//! Google's answers: errors, confirmations, properties, contents.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::sheets_answer(bytes));
