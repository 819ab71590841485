//! The token endpoint's answers.

#![no_main]

use std::panic::set_hook;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    // yup-oauth2 panics at a token that lives for millions of years, which the product survives:
    // only what is not caught is a find, and libFuzzer's own hook would end the process before.
    set_hook(Box::new(|_| ()));
    ratesheet::fuzzing::token_answer(bytes);
});
