//! What is wrong with a configuration is told in these words, at these places: one file each, and
//! what is printed for it beside it. `RATESHEET_REWRITE=1 cargo test` writes the latter anew.

use std::{fs, path::Path, time::Duration};

use ratesheet::{Config, Overlays};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_config");

/// What is printed for a file.
fn told(path: &Path) -> String {
    let bytes = fs::read(path).expect("the file is readable");
    let result = Config::from_json("ratesheet.json", &bytes, &Overlays::new());
    let error = result.map(|_| ()).expect_err(&format!("{} is no mistake", path.display()));
    format!("{error}\n")
}

#[test]
fn every_mistake_is_told_in_its_words_at_its_place() {
    let rewrite = std::env::var_os("RATESHEET_REWRITE").is_some();
    let mut different = Vec::new();
    let mut count = 0;
    let mut files: Vec<_> = fs::read_dir(FOLDER).unwrap().map(|e| e.unwrap().path()).collect();
    files.sort();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "json")) {
        count += 1;
        let (told, golden) = (told(path), path.with_extension("txt"));
        if rewrite {
            fs::write(&golden, told).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            different.push(format!("--- {}\n{told}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.concat());
    assert!(count >= 40, "{count} files");
}

#[test]
fn whatever_is_wrong_nothing_secret_and_nothing_that_moves_the_cursor_is_printed() {
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "txt") {
            let told = fs::read_to_string(&path).unwrap();
            let plain =
                |c: char| c == '\n' || !(c.is_control() || "\u{202e}\u{2028}\u{200b}".contains(c));
            assert!(told.chars().all(plain), "{}", path.display());
            for secret in ["CANARY", "hunter2"] {
                assert!(!told.contains(secret), "{}", path.display());
            }
            assert!(told.lines().all(|line| line.chars().count() < 800), "{}", path.display());
        }
    }
}

/// These take a fraction of a second, on a busy machine some. A reader that goes over its text
/// again and again would take minutes.
const MINUTES_NOT_SECONDS: Duration = Duration::from_secs(30);

#[test]
fn the_largest_configuration_that_is_promised_is_read_in_no_time() {
    let text = large(200, 50, 8);
    let start = tokio::time::Instant::now();
    let config = Config::from_json("large", text.as_bytes(), &Overlays::new()).unwrap();
    let cells: usize = config.sheets.iter().map(|sheet| sheet.cells.len()).sum();
    assert_eq!((config.sheets.len(), cells), (200, 10_000));
    assert!(start.elapsed() < MINUTES_NOT_SECONDS, "{:?}", start.elapsed());
    let text = large(200, 120, 8);
    let error = Config::from_json("large", text.as_bytes(), &Overlays::new()).unwrap_err();
    assert!(error.to_string().contains("found 24000 cells; expected 20000 at most"), "{error}");
}

/// A configuration of so many spreadsheets of so many cells, with so many pairs in each.
fn large(spreadsheets: usize, cells: usize, pairs: usize) -> String {
    let sheets = (0..spreadsheets).map(|sheet| {
        let data = (0..pairs).map(|pair| {
            let rows = (0..cells).filter(|cell| cell % pairs == pair);
            let list: Vec<_> = rows.map(|row| format!("\"A{}\"", row + 1)).collect();
            format!("\"kraken:p{sheet}x{pair}eur:last\": [{}]", list.join(", "))
        });
        let data: Vec<_> = data.collect();
        format!(
            "{{ \"sheet\": \"{sheet:044}:Sheet 1\", \"timeout\": 1000, \"data\": {{ {} }} }}",
            data.join(", ")
        )
    });
    format!("{{ \"sheets\": [ {} ] }}", sheets.collect::<Vec<_>>().join(", "))
}

#[test]
fn floods_of_mistakes_are_told_in_no_time_and_in_few_words() {
    let keys: String = (0..100_000).map(|key| format!("\"{key:x}\":1,")).collect();
    for (text, words) in [
        (" ".repeat(10 << 20), "larger than 1 MiB"),
        ("[".repeat(100_000), "deeper than 32"),
        ("{\"a\":".repeat(100_000), "deeper than 32"),
        (format!("{{{keys}\"z\":1}}"), "more"),
        (format!("{}{{,}}", "\n".repeat(1_000_000)), "1000001:2"),
        (format!("{{\"timeout\": \"{}\"}}", "x".repeat(1_000_000)), "…\"; expected a number"),
        (format!("[{}1 2]", "\u{1b}\u{2028}é"), "U+001B"),
        (format!("{{{}\"a\": 1}}", "\"a\": 1,".repeat(100_000)), "and 199954 more"),
        (
            format!(
                "{{\"data\": {{\"kraken:xbteur:bid\": [{}\"A1\"]}}}}",
                "\"A1\",".repeat(150_000)
            ),
            "and 149953 more",
        ),
        (format!("{{\"a\": [{}, 1 2]}}", "5".repeat(500_000)), "no comma"),
    ] {
        let start = tokio::time::Instant::now();
        let told = Config::from_json("x", text.as_bytes(), &Overlays::new()).unwrap_err();
        let (count, told) = (told.problems().len(), told.to_string());
        assert!(told.contains(words), "{words}: {}", told.chars().take(500).collect::<String>());
        assert!(told.len() < 20_000 && count <= 1_000, "{words}: {}", told.len());
        assert!(start.elapsed() < MINUTES_NOT_SECONDS, "{words}: {:?}", start.elapsed());
    }
}
