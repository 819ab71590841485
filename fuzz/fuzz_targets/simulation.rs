//! The whole tree of actors, in the simulation of `cargo test --test sim`: the bytes are its dice.

#![no_main]

#[allow(dead_code, reason = "one run at a time is all that is wanted of it")]
#[path = "../../tests/sim/main.rs"]
mod sim;

libfuzzer_sys::fuzz_target!(
    init: sim::watch_panics(),
    |bytes: &[u8]| sim::fuzzed(bytes).unwrap_or_else(|text| panic!("{text}"))
);
