//! What must hold of any bytes at all: each function reads foreign bytes as one of the rooms does,
//! and panics where a promise is broken. Built for the tests and for the fuzzer (`fuzz/`) alone.
//! Touches: nothing.

use jiff::{SignedDuration, Timestamp};

use crate::{
    Config, Overlays,
    http::{Answer, excerpt, retry_after},
    quote::decimal,
};

pub use crate::{
    http::fuzzing::gzip,
    kraken::fuzzing::{asset_pairs, ticker},
    sheets::fuzzing::{cell, key, plan, sheets_answer, source, spreadsheet, token_answer},
};

/// What must hold of some bytes.
pub type Target = fn(&[u8]);

/// Every target, by the name of its fuzzer and of its corpus.
pub const TARGETS: [(&str, Target); 13] = [
    ("asset_pairs", asset_pairs),
    ("cell", cell),
    ("configuration", configuration),
    ("gzip", gzip),
    ("headers", headers),
    ("key", key),
    ("number", number),
    ("plan", plan),
    ("sheets_answer", sheets_answer),
    ("source", source),
    ("spreadsheet", spreadsheet),
    ("ticker", ticker),
    ("token_answer", token_answer),
];

/// A configuration is read, and then there is nothing wrong with it, or every mistake in it is told
/// at a place that it has.
pub fn configuration(bytes: &[u8]) {
    let error = match Config::from_json("fuzz.json", bytes, &Overlays::new()) {
        Ok(config) => return assert_eq!(config.check(), Ok(())),
        Err(error) => error,
    };
    let told = error.to_string();
    assert!(!told.is_empty(), "an error without words");
    assert_printable(&told);
    let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() + 1;
    for problem in error.problems() {
        let line = problem.position().map(|(line, _)| line);
        assert!(line.is_none_or(|line| (1..=lines).contains(&line)), "{told}");
    }
}

/// A number is what the grammar says, whatever it is made of, and goes into a cell as a number.
pub fn number(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let grammar = {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit());
        digits(whole) && digits(fraction)
    };
    match decimal(text) {
        Some(number) => {
            assert!(grammar && !number.is_sign_negative(), "{text}");
            // What it stands for is what was written, to the last digit.
            let strip = |text: &str| {
                let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
                let (whole, fraction) =
                    (whole.trim_start_matches('0'), fraction.trim_end_matches('0'));
                format!("{whole}.{fraction}")
            };
            assert_eq!(strip(&number.to_string()), strip(text));
        }
        // A decimal of 96 bits holds 28 digits, whichever they are.
        None => assert!(!grammar || text.len() > 28, "{text}"),
    }
}

/// A header never makes us wait for longer than a quarter of an hour, and a text of a stranger's
/// is one short line.
pub fn headers(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let now: Timestamp = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(500_000);
    assert!(retry_after(&text, now).is_none_or(|wait| wait.as_secs() <= 900), "{text}");
    let short = excerpt(&text);
    assert!(short.chars().count() <= 201 && !short.chars().any(char::is_control), "{short:?}");
    assert_eq!(excerpt(&short), short);
    assert_printable(&Answer::json(502, bytes).describe());
}

/// Nothing in a text for people moves the cursor or forges a line of a log.
pub(crate) fn assert_printable(text: &str) {
    let bad = |c: char| c.is_control() && c != '\n';
    assert!(!text.contains(bad), "{text:?}");
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use super::*;

    /// The corpus, and what the fuzzer once found, with a few thousand small changes to each: a
    /// smoke test, for those who have no hours to fuzz.
    #[test]
    fn what_is_read_from_strangers_bears_its_corpus_and_slips_of_it() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        for (name, target) in TARGETS {
            let files = fs::read_dir(corpus.join(name)).unwrap_or_else(|_| panic!("no {name}"));
            let mut dice = fastrand::Rng::with_seed(1);
            for file in files {
                let bytes = fs::read(file.unwrap().path()).unwrap();
                target(&bytes);
                for _ in 0..200 {
                    target(&slipped(&bytes, &mut dice));
                }
            }
        }
    }

    /// A byte changed, left out, put in or said twice, once or a few times.
    fn slipped(bytes: &[u8], dice: &mut fastrand::Rng) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for _ in 0..dice.usize(1..5) {
            let at = dice.usize(..=bytes.len());
            match dice.u8(..4) {
                0 if at < bytes.len() => bytes[at] = dice.u8(..),
                1 if at < bytes.len() => drop(bytes.remove(at)),
                2 => bytes.insert(at, dice.u8(..)),
                _ => {
                    let again = bytes[at..].to_vec();
                    bytes.splice(at..at, again.into_iter().take(dice.usize(..9)));
                }
            }
        }
        bytes
    }
}
