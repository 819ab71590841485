//! A spreadsheet's id or URL, and its tab.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::spreadsheet(bytes));
