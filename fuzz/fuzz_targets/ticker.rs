//! Kraken's tickers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| ratesheet::fuzzing::ticker(bytes));
