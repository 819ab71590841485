//! The walls of the house, kept by a test. It reads the sources as text and touches nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// What each part of the library may use of the crate, besides itself. Whoever is not named here
/// is above the rooms, and may use them all.
const WALLS: [(&str, &[&str]); 21] = [
    ("quote", &[]),
    ("suggest", &[]),
    ("messages", &["quote"]),
    ("timer", &[]),
    ("suspend", &[]),
    ("newest", &["messages", "quote"]),
    ("seldom", &[]),
    ("gate", &[]),
    ("tree", &["suggest"]),
    ("retry", &["tree"]),
    ("dial", &[]),
    ("file", &[]),
    ("http", &["dial", "file", "messages", "tree"]),
    ("schedule", &["messages", "quote", "http", "seldom", "gate", "suspend", "tree", "suggest"]),
    (
        "kraken",
        &[
            "messages", "newest", "quote", "http", "retry", "seldom", "gate", "setup", "tree",
            "suggest",
        ],
    ),
    (
        "sheets",
        &[
            "messages", "newest", "quote", "dial", "file", "http", "retry", "seldom", "gate",
            "setup", "suspend", "tree", "suggest",
        ],
    ),
    ("setup", &["http", "tree"]),
    ("patience", &["config", "kraken", "sheets"]),
    ("heartbeat", &["messages", "http", "suspend"]),
    ("status", &["messages", "config", "patience", "supervisor", "suspend"]),
    ("sandbox", &[]),
];

/// What every part may use of the front door: helpers that are nobody's.
const EVERYBODY: [&str; 4] = ["log_facade", "journal", "scripted", "timer"];

/// The most lines of a file.
const LONGEST: usize = 500;

/// The most columns of a comment, as of all else; rustfmt leaves comments alone.
const WIDEST: usize = 100;

/// What a file that calls itself pure does not mention.
const IMPURE: [&str; 10] = [
    "Instant::now",
    "Timestamp::now",
    "SystemTime",
    "fastrand::f64",
    "Rng::new()",
    "std::fs",
    "std::env",
    "std::net::Tcp",
    "awc::",
    "std::process",
];

struct Source {
    path: PathBuf,
    /// The part of the crate that it belongs to: `kraken` of `src/kraken/wire.rs`.
    part: String,
    text: String,
}

impl Source {
    /// What is neither for tests nor for people.
    fn product(&self) -> String {
        let lines = self.text.lines().filter(|line| !line.trim_start().starts_with("//"));
        let (mut lines, mut product) = (lines.peekable(), Vec::new());
        while let Some(line) = lines.next() {
            if line.trim_start() != "#[cfg(test)]" {
                product.push(line);
                continue;
            }
            // The item that follows: it ends where it begins, or with a bracket at its own depth.
            while lines.next_if(|line| line.trim_start().starts_with("#[")).is_some() {}
            let depth = |line: &str| line.len() - line.trim_start().len();
            let begin = lines.next().unwrap_or_default();
            if !begin.ends_with([';', ',', '}']) {
                lines.by_ref().find(|l| depth(l) == depth(begin) && l.trim().starts_with('}'));
            }
        }
        product.join("\n")
    }

    /// Whether it is built for tests and fuzzers alone.
    fn is_test(&self) -> bool {
        self.path.file_name().is_some_and(|name| name == "tests.rs" || name == "fuzzing.rs")
    }
}

/// The files of a folder of the repository and of those in it: by their paths in the repository.
fn rust_files(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                files.push((path.strip_prefix(root).unwrap().to_owned(), text));
            }
        }
    }
    files.sort();
    files
}

fn sources() -> Vec<Source> {
    let files = rust_files("src").into_iter();
    let sources: Vec<_> = files
        .map(|(path, text)| {
            let path = path.strip_prefix("src").unwrap().to_owned();
            let part = path.components().next().unwrap().as_os_str().to_str().unwrap();
            Source { part: part.trim_end_matches(".rs").to_owned(), path, text }
        })
        .collect();
    assert!(sources.len() > 20, "the sources have moved");
    sources
}

/// The parts of the crate that a text uses: `http` and `retry` of `crate::http::…` and
/// `use crate::{retry::…}`.
fn uses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let word = |text: &str| -> String {
        text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    for (at, _) in text.match_indices("crate::") {
        let before = text[..at].chars().next_back();
        if before.is_some_and(|c| c.is_alphanumeric() || c == '_') {
            continue; // `some_crate::`
        }
        let rest = &text[at + "crate::".len()..];
        let Some(list) = rest.strip_prefix('{') else {
            found.insert(word(rest));
            continue;
        };
        let mut depth = 0;
        let mut start = true;
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found.remove("");
    found
}

/// Every use that goes through a wall.
fn breaches(sources: &[Source]) -> Vec<String> {
    let walls: BTreeMap<_, _> = WALLS.into_iter().collect();
    let mut breaches = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let Some(allowed) = walls.get(source.part.as_str()) else { continue };
        for used in uses(&source.product()) {
            let own = used == source.part;
            if !own && !allowed.contains(&used.as_str()) && !EVERYBODY.contains(&used.as_str()) {
                breaches.push(format!("src/{} uses {used}", source.path.display()));
            }
        }
    }
    breaches
}

#[test]
fn no_room_uses_what_it_must_not_know() {
    assert_eq!(breaches(&sources()), Vec::<String>::new());
}

#[test]
fn a_breach_is_noticed() {
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        part: path.split(['/', '.']).next().unwrap().into(),
        text: text.into(),
    };
    let planted = [
        source("kraken/wire.rs", "use crate::{http::Answer, sheets::CellRef};"),
        source("sheets.rs", "fn f() { crate::supervisor::g() }"),
        source("sandbox/kraken.rs", "use crate::quote::decimal;"),
        source("quote.rs", "use other_crate::sheets;\n#[cfg(test)]\nuse crate::sheets;"),
        source(
            "gate.rs",
            "#[cfg(test)]\n#[allow(x)]\nmod a {\n    use crate::b;\n}\nuse crate::c;",
        ),
    ];
    let expected = [
        "src/kraken/wire.rs uses sheets",
        "src/sheets.rs uses supervisor",
        "src/sandbox/kraken.rs uses quote",
        "src/gate.rs uses c",
    ];
    assert_eq!(breaches(&planted), expected);
}

#[test]
fn nobody_climbs_over_a_wall_by_super() {
    for source in sources().iter().filter(|source| !source.is_test()) {
        let product = source.product();
        // `super` of a room's own file is the crate, and so is `super::super` of its children.
        let climbs = if source.path.components().count() == 1 { "super::" } else { "super::super" };
        let sandbox = source.part == "sandbox" || source.part == "cli";
        assert!(sandbox || !product.contains(climbs), "src/{} climbs", source.path.display());
    }
}

#[test]
fn every_file_says_what_it_is_and_is_not_too_long() {
    for Source { path, text, .. } in sources() {
        let path = path.display();
        assert!(text.starts_with("//! "), "src/{path} does not open by saying what it is");
        let lines = text.lines().count();
        assert!(lines <= LONGEST, "src/{path} has {lines} lines");
    }
}

/// The lines of comments that are too wide, though they could be broken: neither is an URL nor a
/// row of a table.
fn wide_comments(text: &str) -> Vec<usize> {
    let too_wide = |(_, line): &(usize, &str)| {
        let Some(comment) = line.trim_start().strip_prefix("//") else { return false };
        let is_row = comment.trim_start_matches(['/', '!']).trim_start().starts_with('|');
        line.chars().count() > WIDEST && !is_row && !comment.contains("://")
    };
    let lines = text.lines().enumerate().filter(too_wide);
    lines.map(|(index, _)| index + 1).collect()
}

#[test]
fn no_comment_is_too_wide() {
    let at = |wide: usize, begin: &str| format!("{begin}{}", "é".repeat(wide - begin.len()));
    let planted = [
        at(100, "//! "),
        at(101, "/// "),
        at(101, "    // "),
        at(101, "// https://"),
        at(101, "/// | "),
        at(101, "let _ = "),
    ];
    assert_eq!(wide_comments(&planted.join("\n")), [2, 3], "a breach is noticed");
    let mut wide = Vec::new();
    let folders = ["src", "tests", "benches", "examples", "fuzz/fuzz_targets"];
    let mut files = 0;
    for (path, text) in folders.into_iter().flat_map(rust_files) {
        files += 1;
        wide.extend(wide_comments(&text).iter().map(|line| format!("{}:{line}", path.display())));
    }
    assert!(files > 200, "the files have moved: {files}");
    assert_eq!(wide, Vec::<String>::new());
}

#[test]
fn pure_files_are_pure() {
    let opening = |text: &str| -> String {
        text.lines().take_while(|line| line.starts_with("//!")).collect()
    };
    let all = sources();
    let pure: Vec<_> = all
        .iter()
        .filter(|source| !source.is_test() && opening(&source.text).contains("Pure:"))
        .collect();
    assert!(pure.len() > 10, "hardly any file calls itself pure");
    for source in pure {
        for impure in IMPURE {
            let found = source.product().contains(impure);
            assert!(!found, "src/{} calls itself pure and has {impure}", source.path.display());
        }
    }
}

#[test]
fn only_the_command_knows_the_process() {
    for source in sources().iter().filter(|source| !matches!(&*source.part, "cli" | "main")) {
        for process in ["std::process", "std::env::", "tokio::signal", "System::current", "clap"] {
            let found = source.product().contains(process);
            assert!(!found, "src/{} has {process}", source.path.display());
        }
    }
}

#[test]
fn every_timer_of_an_actor_ends_with_its_last_address() {
    // Nobody has the address of what watches for the pages: that ends with them.
    let may = |source: &Source| source.is_test() || matches!(&*source.part, "timer" | "status");
    for source in sources().iter().filter(|source| !may(source)) {
        for timer in [".run_later(", ".run_interval("] {
            let found = source.product().contains(timer);
            assert!(!found, "src/{} has {timer}", source.path.display());
        }
    }
}

#[test]
fn nothing_is_sent_without_looking_whether_it_arrives() {
    for source in sources() {
        let found = source.product().contains(".do_send(");
        assert!(!found, "src/{} has do_send", source.path.display());
    }
}
