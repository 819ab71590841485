//! The small commands, as a person uses them: the real binary, in an empty folder.

use std::{
    fs,
    path::Path,
    process::{Command, Output, Stdio},
};

use ratesheet::sandbox::{Fault, Service};

use crate::rig::{ONE, Process, Rig, finish, price_in, ratesheet};

/// What a command said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn run_in(folder: &Path, arguments: &[&str]) -> Said {
    finish(ratesheet(arguments).current_dir(folder)).into()
}

fn run(arguments: &[&str]) -> Said {
    run_in(tempfile::tempdir().unwrap().path(), arguments)
}

const URL: &str = "https://docs.google.com/spreadsheets/d/15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk/edit?gid=7#gid=7";

#[test]
fn fields_are_listed_as_people_read_them() {
    let said = run(&["fields"]);
    assert_eq!(said.code, 0);
    for line in [
        "  buy (best ask)   what you pay: the best ask\n",
        "  sell (best bid)  what you get: the best bid\n",
        "  spread           ask - bid\n",
    ] {
        assert!(said.out.contains(line), "{}", said.out);
    }
}

#[test]
fn init_writes_a_configuration_that_check_takes_and_never_another_over_it() {
    let folder = tempfile::tempdir().unwrap();
    let said = run_in(folder.path(), &["init", URL]);
    assert_eq!(said.code, 0, "{}", said.err);
    for words in [
        "ratesheet.json is written",
        "1. Share the spreadsheet https://docs.google.com/spreadsheets/d/15Cc",
        "2. ratesheet check\n",
        "3. ratesheet check --online\n",
        "4. ratesheet once\n",
    ] {
        assert!(said.out.contains(words), "{words}\n{}", said.out);
    }
    let checked = run_in(folder.path(), &["check"]);
    assert_eq!(checked.code, 78, "{}", checked.out);
    assert!(checked.out.contains("There are no credentials"), "{}", checked.out);
    let checked = run_in(folder.path(), &["check", "--credentials", "metadata"]);
    assert_eq!(checked.code, 0, "{}", checked.out);
    assert!(checked.out.contains("the tab with gid 7 of 15Cc"), "{}", checked.out);
    let before = fs::read(folder.path().join("ratesheet.json")).unwrap();
    let again = run_in(folder.path(), &["init"]);
    assert_eq!(again.code, 78);
    assert!(again.err.contains("ratesheet.json is there already, and stays"), "{}", again.err);
    assert_eq!(fs::read(folder.path().join("ratesheet.json")).unwrap(), before);
}

#[test]
fn init_without_a_spreadsheet_leaves_a_place_for_it_and_check_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let said = run_in(folder.path(), &["init", "-c", "my own.json"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("Put your spreadsheet's URL into the file"), "{}", said.out);
    assert!(said.out.contains("ratesheet check -c 'my own.json'"), "{}", said.out);
    let checked = run_in(folder.path(), &["check", "-c", "my own.json"]);
    assert_eq!(checked.code, 78);
    assert!(checked.out.contains("my own.json:2:12: error at $.sheet"), "{}", checked.out);
    assert!(checked.out.contains("open it in a browser and put its URL here"), "{}", checked.out);
}

#[test]
fn without_a_configuration_every_command_that_needs_one_ends_with_78() {
    for command in ["run", "once", "check", "healthcheck"] {
        let said = run(&[command]);
        assert_eq!(said.code, 78, "{command}: {}{}", said.out, said.err);
    }
}

#[test]
fn a_relative_path_of_a_key_that_is_not_there_says_from_where_it_leads() {
    let folder = tempfile::tempdir().unwrap();
    let init = ["init", URL, "--credentials", "kye.json"];
    assert_eq!(run_in(folder.path(), &init).code, 0);
    let said = run_in(folder.path(), &["check"]);
    assert_eq!(said.code, 77);
    assert!(said.out.contains("kye.json: error: the key cannot be read: No such"), "{}", said.out);
    assert!(said.out.contains("help: The path leads from the folder in which ratesheet"));
}

#[test]
fn init_knows_with_whom_to_share() {
    let folder = tempfile::tempdir().unwrap();
    let rig = Rig::new();
    let key = rig.key.path().to_str().unwrap();
    let said = run_in(folder.path(), &["init", URL, "--credentials", key]);
    assert!(said.out.contains("iam.gserviceaccount.com, as an Editor"), "{}", said.out);
    let written = fs::read_to_string(folder.path().join("ratesheet.json")).unwrap();
    assert!(written.contains(&format!("\"credentials\": {key:?}")), "{written}");
    let said = run_in(folder.path(), &["init", "-c", "m.json", "--credentials", "metadata"]);
    assert!(said.out.contains("with the service account of the machine"), "{}", said.out);
    let written = fs::read_to_string(folder.path().join("m.json")).unwrap();
    assert!(written.contains("\"credentials\": \"metadata\""), "{written}");
    let mut by_variable = ratesheet(&["init", "-c", "other.json"]);
    by_variable.env("GOOGLE_APPLICATION_CREDENTIALS", key).current_dir(folder.path());
    let said = Said::from(finish(by_variable));
    assert!(said.out.contains("iam.gserviceaccount.com, as an Editor"), "{}", said.out);
    assert!(!fs::read_to_string(folder.path().join("other.json")).unwrap().contains("credentials"));
}

#[test]
fn init_writes_what_its_flags_say() {
    let folder = tempfile::tempdir().unwrap();
    let flags = ["--credentials", "metadata", "--listen", "127.0.0.1:9642", "--log-level", "debug"];
    assert_eq!(run_in(folder.path(), &[&["init", URL], &flags[..]].concat()).code, 0);
    let said = run_in(folder.path(), &["check"]);
    assert!(said.out.contains("answering probes at http://127.0.0.1:9642"), "{}", said.out);
    let written = fs::read_to_string(folder.path().join("ratesheet.json")).unwrap();
    assert!(written.contains("\"log\": { \"level\": \"debug\" }"), "{written}");
    let said = run_in(folder.path(), &["init", "-c", "m.json", "--listen", "http://127.0.0.1:1"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("did you mean \"127.0.0.1:1\"?"), "{}", said.err);
    assert!(!folder.path().join("m.json").exists());
}

#[test]
fn a_stranger_at_the_address_of_the_probes_is_told_and_is_not_well() {
    let address = Rig::new().sandbox.address().to_string();
    let rig = Rig::new();
    let there = rig.sandbox.address().to_string();
    let said = run(&["healthcheck", "--listen", &there]);
    let told =
        format!("what answers at {there} does not look like ratesheet's probes: HTTP 404, \"");
    assert!(said.err.starts_with(&told), "{}", said.err);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    let said = run(&["healthcheck", "--listen", &address]);
    assert!(said.code == 1 && said.err.starts_with("nobody answers at"), "{}", said.err);
}

#[test]
fn init_refuses_what_is_no_spreadsheet_and_what_cannot_be_written() {
    let folder = tempfile::tempdir().unwrap();
    let said = run_in(folder.path(), &["init", "https://example.com/d/x"]);
    assert_eq!(said.code, 64);
    assert!(said.err.starts_with("ratesheet init: found \"https://example.com"), "{}", said.err);
    assert!(!folder.path().join("ratesheet.json").exists());
    let key = r#"{ "private_key": "CANARY" }"#;
    let said = run_in(folder.path(), &["init", URL, "--credentials", key]);
    assert_eq!(said.code, 64);
    assert!(said.err.starts_with("--credentials: error at $.credentials: found"), "{}", said.err);
    assert!(!said.err.contains("CANARY") && !folder.path().join("ratesheet.json").exists());
    let said = run_in(folder.path(), &["init", "-c", "no/such/folder.json"]);
    assert_eq!(said.code, 78);
    assert!(said.err.contains("it cannot be written: No such file"), "{}", said.err);
    let said = run_in(folder.path(), &["init", URL, "-c", "-"]);
    assert_eq!(said.code, 0);
    assert!(said.out.starts_with("{\n  \"sheet\": ") && said.out.ends_with("}\n"), "{}", said.out);
}

#[test]
fn completions_are_written_for_every_shell_and_no_other() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let said = run(&["completions", shell]);
        assert_eq!(said.code, 0);
        assert!(said.out.contains("healthcheck") || said.out.contains("once"), "{shell}");
    }
    let said = run(&["completions", "tcsh"]);
    assert_eq!(said.code, 64);
    assert!(said.err.contains("possible values: bash"), "{}", said.err);
}

/// Runs a command that asks the sandbox for Kraken, with no file but those of the folder.
fn pairs(rig: &Rig, folder: &Path, arguments: &[&str]) -> Said {
    let mut command = ratesheet(&[&["pairs"], arguments].concat());
    command.env("RATESHEET__KRAKEN__URL", rig.sandbox.url()).current_dir(folder);
    finish(command).into()
}

#[test]
fn pairs_are_found_by_any_of_their_names_without_a_configuration() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let said = pairs(&rig, folder.path(), &[]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert_eq!(said.out.lines().count(), 1 + rig.sandbox.pairs().len() + 3, "{}", said.out);
    let said = pairs(&rig, folder.path(), &["--search", "btc eur"]);
    assert_eq!(said.code, 0);
    let line = said.out.lines().nth(1).unwrap();
    let words: Vec<_> = line.split_whitespace().collect();
    assert_eq!(words, ["XBT/EUR", "XBTEUR", "XXBTZEUR", "BTC/EUR"], "{}", said.out);
    assert!(said.out.contains("1 pair. Each"), "{}", said.out);
    assert!(said.out.contains("\"kraken:xbteur:sell\""), "{}", said.out);
    assert_eq!((said.err.as_str(), rig.sandbox.count(Service::Sheets)), ("", 0));
}

#[test]
fn a_search_for_nothing_says_what_was_meant() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    let said = pairs(&rig, folder.path(), &["--search", "xbteuro"]);
    assert_eq!((said.code, said.out.as_str()), (1, ""));
    assert!(said.err.contains("\"xbteuro\" in a name. Did you mean XBT/EUR?"), "{}", said.err);
    let said = pairs(&rig, folder.path(), &["-s", "bitcoin\u{1b}"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("bitcoin\\u{1b}\" in a name. Names are made of"), "{}", said.err);
}

#[test]
fn pairs_are_listed_while_the_configuration_is_not_finished_yet() {
    let rig = Rig::new();
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run_in(folder.path(), &["init"]).code, 0);
    let said = pairs(&rig, folder.path(), &["--search", "xbteur"]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.err.contains("`ratesheet check` explains"), "{}", said.err);
    // One that was named is meant.
    let said = pairs(&rig, folder.path(), &["-c", "ratesheet.json"]);
    assert_eq!(said.code, 78);
    let file = rig.file(&format!(
        r#"{{ "sheet": "{}", "timeout": 5000, "data": {{ "kraken:xbteur:bid": "A1" }} }}"#,
        crate::rig::ONE
    ));
    let said = run(&["pairs", "-c", file.path().to_str().unwrap()]);
    assert_eq!(said.code, 0, "{}", said.err);
}

#[test]
fn authorities_that_cannot_be_read_are_a_mistake_of_the_configuration_for_pairs_too() {
    let rig = Rig::new();
    let file = rig.file(
        r#"{ "tls": { "ca_file": "/nonexistent.pem" }, "sheet": "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk",
             "timeout": 5000, "data": { "kraken:xbteur:bid": "A1" } }"#,
    );
    let said = run(&["pairs", "-c", file.path().to_str().unwrap()]);
    assert_eq!((said.code, said.out.as_str()), (78, ""));
    assert!(
        said.err.contains("error at $.tls.ca_file: found \"/nonexistent.pem\""),
        "{}",
        said.err
    );
    assert_eq!(rig.sandbox.count(Service::Kraken), 0);
}

#[test]
fn kraken_in_trouble_is_told_and_ends_with_69() {
    let rig = Rig::new();
    rig.sandbox.fault(Service::Kraken, Fault::Html(520));
    let folder = tempfile::tempdir().unwrap();
    let said = pairs(&rig, folder.path(), &[]);
    assert_eq!((said.code, said.out.as_str()), (69, ""));
    assert!(said.err.contains("ratesheet pairs: the answer is not Kraken's JSON: HTTP 520"));
    rig.sandbox.pause_listening();
    let said = pairs(&rig, folder.path(), &[]);
    assert_eq!(said.code, 69);
    assert!(said.err.contains("cannot connect"), "{}", said.err);
}

#[test]
fn the_version_says_what_it_is_made_of() {
    let said = run(&["version"]);
    assert!(said.code == 0 && said.out.contains(env!("CARGO_PKG_VERSION")), "{}", said.out);
    let json: serde_json::Value = serde_json::from_str(&run(&["version", "--json"]).out).unwrap();
    assert_eq!(json["version"], env!("CARGO_PKG_VERSION"));
    assert!(json["tls"].as_str().unwrap().contains("rustls"), "{json}");
    for fact in ["revision", "compiler", "tls"] {
        let (name, value) = (fact.replace("tls", "TLS"), json[fact].as_str().unwrap());
        assert!(said.out.contains(&format!("\n{name}: {value}\n")), "{}", said.out);
    }
}

#[test]
fn a_crash_would_leave_no_file_of_the_memory_behind() {
    let rig = Rig::new();
    let file = rig.file(&price_in(ONE, "A1"));
    // From a shell that would have one written, if it may.
    let mut shell = Command::new("sh");
    shell.args(["-c", r#"ulimit -S -c unlimited; exec "$0" -c "$1""#]);
    shell.args([env!("CARGO_BIN_EXE_ratesheet"), file.path().to_str().unwrap()]);
    shell.env_clear().stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let process = Process::of(shell);
    rig.shows("A1");
    let limits = fs::read_to_string(format!("/proc/{}/limits", process.id())).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    let core: Vec<_> = core.split_whitespace().skip(4).take(2).collect();
    // With 0, Linux would still give it to a program that `core_pattern` names.
    assert_eq!(core, ["1", "1"]);
}

#[test]
fn what_check_recommends_exists() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    ));
    let output = finish(ratesheet(&["check", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("check --online"), "{text}");
    let code = finish(ratesheet(&["check", "--online", "-c", file.path().to_str().unwrap()]))
        .status
        .code();
    assert_ne!(code, Some(64));
}
