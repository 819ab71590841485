//! Whether `tests/matrix.md` is true as far as a program can tell: every row is there, and has a
//! reason, or tests that exist, or golden files. So are the tests that other pages name. It reads
//! the sources as text and touches nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

/// Why a row may do without a test.
const REASONS: [&str; 4] = ["waits", "elsewhere", "n/a", "open"];

/// What stands above a test.
const TESTS: [&str; 3] = ["#[test]", "#[actix_rt::test]", "#[tokio::test"];

struct Row {
    name: String,
    what: String,
    tests: Vec<String>,
    /// Whether there are files for it in `tests/bad_config`.
    golden: bool,
    reasons: Vec<&'static str>,
    /// What is said beside the tests, in words.
    remarks: Vec<String>,
}

impl Row {
    /// `| P01 | what | proof |`; `None` for any other line.
    fn of(line: &str) -> Option<Self> {
        let cells: Vec<_> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
        let [name, what, proof] = cells[..] else { return None };
        if name == "row" {
            return None;
        }
        let code = proof.split('`').skip(1).step_by(2);
        let tests = code.filter(|code| code.contains("::")).map(str::to_owned).collect();
        let golden = proof.starts_with("golden");
        let said = |part: &str| {
            let begins = |reason: &str| {
                part.strip_prefix(reason)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
            };
            REASONS.into_iter().find(|reason| begins(reason))
        };
        let reasons = proof.split("; ").filter_map(said).collect();
        let words = |part: &&str| part.split('`').step_by(2).any(|text| !text.trim().is_empty());
        let remarks = proof.split("; ").filter(words).map(str::to_owned).collect();
        Some(Self { name: name.into(), what: what.into(), tests, golden, reasons, remarks })
    }

    /// How it stands, in a word or two. What is proved elsewhere no test holds.
    fn stand(&self) -> &'static str {
        let says = |reason| self.reasons.contains(&reason);
        let is_tested = self.golden || !self.tests.is_empty();
        let is_missing = says("open") || says("waits");
        if is_tested && (says("elsewhere") || is_missing) || says("elsewhere") && is_missing {
            return "in part";
        }
        if is_tested { "held" } else { self.reasons.first().unwrap_or(&"?") }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rows() -> Vec<Row> {
    let text = fs::read_to_string(root().join("tests/matrix.md")).unwrap();
    text.lines().filter_map(Row::of).collect()
}

/// The files that a test of this module may be in.
fn files(module: &str) -> Vec<PathBuf> {
    let path = module.replace("::", "/");
    let places = [
        format!("tests/it/{path}.rs"),
        format!("tests/{path}.rs"),
        format!("src/{path}.rs"),
        format!("src/{path}/tests.rs"),
    ];
    places.iter().map(|place| root().join(place)).filter(|path| path.is_file()).collect()
}

/// Whether there is such a test.
fn exists(test: &str) -> bool {
    let Some((module, name)) = test.rsplit_once("::") else { return false };
    let read = |file: &Path| fs::read_to_string(file).unwrap();
    // What the simulation calls its own is in no module.
    let swarm = || read(&root().join("tests/sim/swarm.rs"));
    files(module).iter().any(|file| holds(&read(file), name))
        || module == "simulation" && swarm().contains(&format!("(\"{test}\", "))
}

/// Whether a text has such a test: a function that says so above, or a line of a table that a
/// macro makes tests of.
fn holds(text: &str, name: &str) -> bool {
    let lines: Vec<_> = text.lines().collect();
    let is_it = |at: usize| {
        let line = lines[at].trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        let mut above = lines[..at].iter().rev();
        if line.starts_with(&format!("fn {name}()")) {
            let said = above.map(|line| line.trim()).take_while(|l| l.starts_with(['#', '/']));
            let said: Vec<_> = said.collect();
            let is_test = said.iter().any(|line| TESTS.iter().any(|test| line.starts_with(test)));
            return is_test && !said.iter().any(|line| line.starts_with("#[ignore"));
        }
        let opening = above.find(|line| line.starts_with(|c: char| !c.is_whitespace()));
        line.starts_with(&format!("{name}: ")) && opening.is_some_and(|line| line.ends_with("! {"))
    };
    (0..lines.len()).any(is_it)
}

/// What stands in backticks within brackets on one line of a text, links apart: the tests that keep
/// what the line says.
fn kept_by(text: &str) -> Vec<&str> {
    let brackets = text.lines().flat_map(|line| line.split('[').skip(1));
    let closed = brackets.filter_map(|rest| rest.split_once(']'));
    let notes = closed.filter(|(_, behind)| !behind.starts_with('('));
    notes.flat_map(|(note, _)| note.split('`').skip(1).step_by(2)).collect()
}

/// What a text names that should be a file: whatever is in backticks and has a slash in it.
fn paths(text: &str) -> Vec<&str> {
    let code = text.split('`').skip(1).step_by(2);
    code.filter(|code| code.contains('/') && !code.contains(char::is_whitespace)).collect()
}

#[test]
fn everything_has_its_row() {
    let table =
        |letter: &'static str, last: u32| (1..=last).map(move |n| format!("{letter}{n:02}"));
    let faults = (1..=82).map(|n: u32| n.to_string());
    let promised = table("P", 68).chain(faults);
    let more = table("C", 72).chain(table("L", 14)).chain(table("S", 24));
    let found: Vec<String> = rows().into_iter().map(|row| row.name).collect();
    assert_eq!(found, promised.chain(more).collect::<Vec<_>>());
}

#[test]
fn every_row_has_tests_that_exist_or_a_reason() {
    for row in rows() {
        assert_ne!(row.stand(), "?", "{} ({}) is neither proved nor excused", row.name, row.what);
        for remark in row.remarks.iter().filter(|remark| remark.contains("elsewhere:")) {
            // Or else it would not be counted.
            assert!(
                remark.starts_with("elsewhere:"),
                "{}: say `; elsewhere:` in {remark}",
                row.name
            );
        }
        for test in row.tests {
            assert!(exists(&test), "{} ({}) names {test}, which is not there", row.name, row.what);
        }
    }
}

#[test]
fn the_golden_configurations_are_those_of_the_rows_that_say_so() {
    let said = rows().into_iter().filter(|row| row.golden).map(|row| row.name);
    let files = fs::read_dir(root().join("tests/bad_config")).unwrap();
    let name = |file: fs::DirEntry| file.file_name().into_string().unwrap();
    let number = |name: String| format!("C{}", name.split('-').next().unwrap());
    let found: BTreeSet<_> = files.map(|file| number(name(file.unwrap()))).collect();
    assert_eq!(found, said.collect());
}

#[test]
fn every_path_leads_somewhere() {
    let mut named = 0;
    for page in ["tests/matrix.md", "SECURITY.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        for path in paths(&text) {
            named += 1;
            assert!(root().join(path).exists(), "{page} names {path}, which is not there");
        }
    }
    assert!(named > 10, "{named}");
}

#[test]
fn the_threats_name_tests_that_exist() {
    let text = fs::read_to_string(root().join("SECURITY.md")).unwrap();
    let code: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    let named: Vec<_> = code.into_iter().filter(|code| code.contains("::")).collect();
    assert!(named.len() > 20, "{}", named.len());
    for test in named {
        assert!(exists(test), "SECURITY.md names {test}, which is not there");
    }
}

#[test]
fn the_account_of_the_actors_names_tests_that_exist() {
    let text = fs::read_to_string(root().join("actors.md")).unwrap();
    let named = kept_by(&text);
    assert!(named.len() > 60, "{}", named.len());
    for test in named {
        assert!(exists(test), "actors.md names {test}, which is not there");
    }
}

#[test]
fn what_is_no_test_is_noticed() {
    assert!(exists("matrix::what_is_no_test_is_noticed"));
    assert!(exists("outages::kraken_500") && exists("status::a_loop_that_hangs_is_not_alive"));
    assert!(exists("simulation::planted_bugs_are_found") && !exists("simulation::planted_bugs"));
    for test in [
        "matrix::no_such_test",
        "matrix::root",
        "matrix::name",
        "nowhere::kraken_500",
        "kraken_500",
    ] {
        assert!(!exists(test), "{test}");
    }
    assert!(holds("#[test]\n#[cfg(unix)]\n/// Why.\nasync fn a() {", "a"));
    assert!(holds("table! {\n    b: C;\n\n    a: B;\n}", "a"));
    for text in [
        "fn a() {",
        "#[test]\nfn b() {}\nfn a() {",
        "struct A {\n    a: B,\n}",
        "#[cfg(test)]\nfn a() {",
        "#[test]\n#[ignore = \"slow\"]\nfn a() {",
    ] {
        assert!(!holds(text, "a"), "{text}");
    }
    assert_eq!(paths("`a::b` `tests/a.sh` `x / y` a/b `.ci/run`"), ["tests/a.sh", ".ci/run"]);
    let text = "`a` [b](`c`) [`d::e`, `f`, and g]: `h` [`i`](j) [`k`]\n[by `l`] [open `m`";
    assert_eq!(kept_by(text), ["d::e", "f", "k", "l"]);
    let row = |line: &str| Row::of(line).map(|row| (row.tests.len(), row.stand()));
    assert_eq!(row("| P99 | x | `a::b` `c` `d::e` |"), Some((2, "held")));
    assert_eq!(row("| P99 | x | `a::b`; open: y |"), Some((1, "in part")));
    assert_eq!(row("| P99 | x | `a::b`; waits |"), Some((1, "in part")));
    assert_eq!(row("| P99 | x | `a::b`; elsewhere: y |"), Some((1, "in part")));
    assert_eq!(row("| P99 | x | `a::b`, said; also: y |"), Some((1, "held")));
    assert_eq!(row("| C99 | x | golden; elsewhere: y |"), Some((0, "in part")));
    assert_eq!(row("| 99 | x | elsewhere: y |"), Some((0, "elsewhere")));
    assert_eq!(row("| C99 | x | golden |"), Some((0, "held")));
    assert_eq!(row("| 99 | x | n/a: y |"), Some((0, "n/a")));
    assert_eq!(row("| 99 | x | elsewhere: z; open: y |"), Some((0, "in part")));
    assert_eq!(row("| 99 | x | because |"), Some((0, "?")));
    let remarks = |line: &str| Row::of(line).map(|row| row.remarks).unwrap_or_default();
    assert_eq!(
        remarks("| P99 | x | `a::b` `c::d`; open: y, see `z`; w |"),
        ["open: y, see `z`", "w"]
    );
    assert_eq!(row("| row | what | proof |"), None);
}

/// The table, for people.
#[test]
fn how_they_stand() {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut tests = BTreeSet::new();
    for row in rows() {
        let stand = row.stand();
        *counts.entry(stand).or_default() += 1;
        println!("{:>4}  {stand:9}  {}", row.name, row.what);
        for line in row.tests.iter().chain(&row.remarks) {
            println!("{:17}{line}", "");
        }
        tests.extend(row.tests);
    }
    println!("\n{counts:?}, by {} tests", tests.len());
    println!(
        "(held: by the tests and golden files that are named; in part: by them and by something \
         else, or something is missing.)"
    );
}
