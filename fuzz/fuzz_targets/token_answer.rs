//! The token endpoint's answers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::token_answer(bytes));
