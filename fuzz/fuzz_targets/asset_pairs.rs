//! Kraken's list of asset pairs.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::asset_pairs(bytes));
