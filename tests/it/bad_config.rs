//! What is wrong with a configuration is told in these words, at these places: one file each, and
//! what is printed for it beside it. `RATESHEET_REWRITE=1 cargo test` writes the latter anew. The
//! number that a file begins with is that of its row in `tests/matrix.md`, which lists the rest.

use std::{
    ffi::OsStr,
    fs,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use ratesheet::{Config, Overlays};
use tempfile::NamedTempFile;
use tokio::time::Instant;

use crate::rig::{finish, ratesheet};

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_config");

/// What is printed for a file.
fn told(path: &Path) -> String {
    let bytes = fs::read(path).expect("the file is readable");
    let result = Config::from_json("ratesheet.json", &bytes, &Overlays::new());
    let error = result.map(|_| ()).expect_err(&format!("{} is no mistake", path.display()));
    format!("{error}\n")
}

/// How `ratesheet check` with these arguments ends, and what it says.
fn check(arguments: &[impl AsRef<OsStr>]) -> (Option<i32>, String) {
    let output = finish(ratesheet(&["check"]).args(arguments));
    (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
}

/// All files with this ending, in order.
fn files(ending: &str) -> Vec<PathBuf> {
    let all = fs::read_dir(FOLDER).unwrap().map(|entry| entry.unwrap().path());
    let mut all: Vec<_> =
        all.filter(|path| path.extension().is_some_and(|e| e == ending)).collect();
    all.sort();
    all
}

#[test]
fn every_mistake_is_told_in_its_words_at_its_place() {
    let rewrite = std::env::var_os("RATESHEET_REWRITE").is_some();
    let mut different = Vec::new();
    for path in files("json") {
        let (told, golden) = (told(&path), path.with_extension("txt"));
        assert!(!told.contains("CANARY"), "{}: {told}", path.display());
        if rewrite {
            fs::write(&golden, told).unwrap();
        } else if fs::read_to_string(&golden).unwrap_or_default() != told {
            different.push(format!("--- {}\n{told}", path.display()));
        }
    }
    assert!(different.is_empty(), "{}", different.concat());
    let alone: Vec<_> =
        files("txt").into_iter().filter(|path| !path.with_extension("json").exists()).collect();
    assert!(alone.is_empty(), "of no configuration: {alone:?}");
}

/// Each of them: the best time of some, as the others may have been held up by the machine.
#[test]
fn every_mistake_ends_the_service_with_78_within_a_second() {
    for path in files("json") {
        let path = path.to_str().unwrap();
        let run = || {
            let begin = Instant::now();
            let output = finish(ratesheet(&["run", "-c", path]));
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(78), "{path}\n{told}");
            assert!(told.contains(path), "{path} is not named in\n{told}");
            begin.elapsed()
        };
        let quick = (0..5).any(|_| run() < Duration::from_secs(1));
        assert!(quick, "{path} takes longer than a second each time");
    }
}

#[test]
fn whatever_is_wrong_nothing_secret_and_nothing_that_moves_the_cursor_is_printed() {
    for path in files("txt") {
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

/// A tenth of a second; without optimization, on a busy machine, it takes some twenty times as
/// long. A reader that goes over its text again and again would take minutes.
const NO_TIME: Duration = Duration::from_millis(if cfg!(debug_assertions) { 3_000 } else { 100 });

/// The best time of some: the others may have been held up by the machine.
fn best(run: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(run).take(3).min().unwrap()
}

#[test]
fn the_largest_configuration_that_is_promised_is_read_in_no_time() {
    let text = large(200, 50, 8);
    let read = || {
        let start = Instant::now();
        let config = Config::from_json("large", text.as_bytes(), &Overlays::new()).unwrap();
        let cells: usize = config.sheets.iter().map(|sheet| sheet.cells.len()).sum();
        assert_eq!((config.sheets.len(), cells), (200, 10_000));
        start.elapsed()
    };
    // Without optimization it takes some ten times as long.
    let allowed = Duration::from_millis(if cfg!(debug_assertions) { 1_000 } else { 200 });
    let best = best(read);
    assert!(best < allowed, "{best:?}");
}

/// A gibibyte of nothing: within 30 MB of memory, and in less time than it takes to read it.
#[test]
fn a_file_that_is_far_too_large_is_refused_unread() {
    let file = NamedTempFile::new().unwrap();
    file.as_file().set_len(1 << 30).unwrap();
    let script = "ulimit -d 30000; exec \"$1\" check -c \"$2\"";
    let check = || {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_ratesheet")]).arg(file.path());
        let start = Instant::now();
        let output = command.env_clear().output().unwrap();
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(78), "{told}");
        assert!(told.contains("it is larger than 1024 KiB"), "{told}");
        start.elapsed()
    };
    let best = best(check);
    assert!(best < NO_TIME, "{best:?}");
}

#[test]
fn more_than_fits_is_refused_with_how_much_does() {
    for (text, words) in [
        (large(200, 120, 8), "found 24000 cells; expected 20000 at most"),
        (large(501, 1, 1), "found 501 spreadsheets; expected 500 at most"),
        (large(401, 5, 5), "found 2005 pairs; expected 2000 at most"),
    ] {
        let error = Config::from_json("large", text.as_bytes(), &Overlays::new()).unwrap_err();
        assert!(error.to_string().contains(words), "{error}");
    }
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
        let read = || Config::from_json("x", text.as_bytes(), &Overlays::new()).unwrap_err();
        let took = best(|| {
            let start = Instant::now();
            drop(read());
            start.elapsed()
        });
        let told = read();
        let (count, told) = (told.problems().len(), told.to_string());
        assert!(told.contains(words), "{words}: {}", told.chars().take(500).collect::<String>());
        assert!(told.len() < 20_000 && count <= 1_000, "{words}: {}", told.len());
        assert!(took < NO_TIME, "{words}: {took:?}");
    }
}

#[test]
fn what_may_look_like_a_mistake_and_is_none_is_taken() {
    const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
    let url = format!("https://docs.google.com/spreadsheets/d/{ID}/edit#gid=0");
    let two = |other: &str| {
        format!(
            r#"{{ "sheets": [
              {{ "sheet": "{ID}:One", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }},
              {{ "sheet": "{other}", "timeout": 9000, "data": {{ "kraken:xbteur:sell": "A1" }} }} ] }}"#
        )
    };
    let data =
        |data: &str| format!(r#"{{ "sheet": "{ID}:One", "timeout": 5000, "data": {{ {data} }} }}"#);
    for text in [
        data(
            r#""kraken:xbteur:sell": "A1", "kraken:XBTEUR:sell": "A2", "kraken:BTC/EUR:sell": "A3""#,
        ),
        data("\"kraken:xbteur:sell\":\r\n\t[\"A1\",\r\n\t\"$B$2\"]\r\n"),
        two(&format!("{ID}:Two")),
        two(&url),
        two(&format!("{url}:Two")),
    ] {
        Config::from_json("x", text.as_bytes(), &Overlays::new())
            .unwrap_or_else(|error| panic!("{error}\n{text}"));
    }
}

#[test]
fn a_configuration_may_lie_at_any_path() {
    let folder = tempfile::tempdir().unwrap();
    let text = r#"{ "sheet": "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "timeout": 5000,
        "credentials": "metadata", "data": { "kraken:xbteur:sell": "A1" } }"#;
    for name in
        [&b"two words.json"[..], "Währung \u{1f335}.json".as_bytes(), b"no \xff UTF-8", b"-c"]
    {
        let path = folder.path().join(OsStr::from_bytes(name));
        let check = || check(&[OsStr::new("-c"), path.as_os_str()]);
        fs::write(&path, text).unwrap();
        let (code, told) = check();
        assert_eq!(code, Some(0), "{path:?}\n{told}");
        fs::write(&path, "{}").unwrap();
        let (code, told) = check();
        assert!(code == Some(78) && told.contains("found no \"data\""), "{path:?}\n{told}");
    }
}

#[test]
fn what_is_no_argument_ends_it_with_64() {
    for (arguments, words) in [
        (&["-c", "a.json", "--config", "b.json"][..], "cannot be used multiple times"),
        (&["--confg", "a.json"], "'--config'"),
        (&["-c"], "a value is required"),
        (&["mine.json"], "\n  tip: a configuration is named by its flag: `--config mine.json`"),
        (&["mine"], "unexpected argument 'mine' found\n\nUsage"),
    ] {
        let (code, told) = check(arguments);
        assert!(code == Some(64) && told.contains(words), "{arguments:?} {code:?}\n{told}");
    }
    let twice = "cannot be used multiple times\n\nUsage";
    let port = "--listen: error at $.status.listen: found \":80\"";
    for (arguments, words) in [
        (&["-c", "a.json", "check", "-cb.json"][..], twice),
        (&["--log-level=info", "run", "--log-level", "warn"], twice),
        (&["run", "-c", "config/example.json", "--listen", ":80"], port),
        (&["once", "-c", "config/example.json", "--listen", ":80"], port),
        (&["check", "-c", "config/example.json", "--listen", ":80"], port),
        (&["check", "--online", "-c", "config/example.json", "--listen", ":80"], port),
        (&["pairs", "--listen", ":80", "-c", "config/example.json"], port),
        (&["demo", "--listen", ":80"], port),
        (&["demo", "-c", "config/example.json"], "leave out --config and --credentials"),
        (&["healthcheck", "--listen", ":80"], "--listen: error: found \":80\""),
    ] {
        let output = finish(&mut ratesheet(arguments));
        let told = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(output.status.code() == Some(64) && told.contains(words), "{arguments:?}\n{told}");
    }
    let output = ratesheet(&["./mine.json"]).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(told.contains("tip: a configuration") && told.contains("./mine.json`"), "{told}");
}
