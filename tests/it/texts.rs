//! What the commands say when nothing is wrong, and how they explain themselves: all of it is in
//! `tests/texts`, for whoever wants to read it, and to see when it changes.

use std::{fs, process::Stdio, thread, time::Duration};

use ratesheet::sandbox::{Fault, Service, Walk};
use regex_lite::Regex;
use tempfile::NamedTempFile;
use tokio::time::Instant;

use crate::{
    folder::{Folder, golden},
    rig::{ONE, Process, SOON, TAB, price_in},
};

/// The configuration of the README, in a spreadsheet of the sandbox.
fn folder() -> Folder {
    Folder::with(&format!(
        r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000,
  "data": {{ "kraken:xbteur:sell": ["A1", "B7"], "kraken:xbteur:buy": ["A2"] }},
  "updated": "D1", "problem": "E1" }}"#
    ))
}

/// What is said to a command that succeeds is in the file of this name.
fn says(folder: &Folder, name: &str, command: &str) {
    let said = folder.says(command);
    assert_eq!(said.code, 0, "{said}");
    let mut text = said.to_string();
    if command.starts_with("once") && !command.ends_with("--help") {
        // How wide a column is depends on the time that is in it.
        text = Regex::new(r"(\S)   +").unwrap().replace_all(&text, "$1  ").into_owned();
    }
    golden(&format!("texts/{name}.txt"), &text);
}

#[test]
fn a_good_configuration_is_checked_tried_and_written_in_these_words() {
    let folder = folder();
    says(&folder, "check", "check");
    says(&folder, "check_online", "check --online");
    says(&folder, "once_dry_run", "once --dry-run");
    says(&folder, "once", "once");
    says(&folder, "once_json", "once --output json");
}

#[test]
fn whoever_asks_what_there_is_is_told_in_these_words() {
    let folder = folder();
    says(&folder, "fields", "fields");
    says(&folder, "pairs", "pairs --search btc");
    says(&folder, "version", "version");
    says(&folder, "version_json", "version --json");
}

#[test]
fn a_first_configuration_is_written_with_these_words() {
    let url = "https://docs.google.com/spreadsheets/d/15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk/edit?gid=7#gid=7";
    let folder = folder();
    says(&folder, "init", &format!("init {url} --credentials key.json -c mine.json"));
    says(&folder, "init_blank", "init -c -");
}

#[test]
fn every_command_explains_itself_in_these_words() {
    let folder = folder();
    let whole = folder.says("--help").text;
    let listed = whole.lines().skip_while(|line| *line != "Commands:").skip(1);
    let listed = listed.take_while(|line| !line.is_empty());
    // What does not begin a column goes on with the line above.
    let commands: Vec<_> = listed
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    assert!(commands.len() > 10, "{commands:?}");
    says(&folder, "help/ratesheet", "--help");
    for command in commands.into_iter().filter(|command| *command != "help") {
        says(&folder, &format!("help/{command}"), &format!("{command} --help"));
    }
}

/// What a service logs from its start to its end, through an outage of Kraken and one of Google.
#[test]
fn a_service_tells_of_outages_in_these_words() {
    let folder = Folder::with(&price_in(ONE, "A1").replace("20,", "200,"));
    let (sandbox, log) = (&folder.rig.sandbox, NamedTempFile::new().unwrap());
    sandbox.set_walk(Walk::PerRequest);
    let mut command = folder.command("run --log-format text --log-level info");
    command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
    let process = Process::of(command);
    let told = || fs::read_to_string(log.path()).unwrap();
    let says = |what: &str| {
        let start = Instant::now();
        while !told().contains(what) {
            assert!(start.elapsed() < SOON, "it never says {what}:\n{}", told());
            thread::sleep(Duration::from_millis(5));
        }
    };
    says("the first prices are in the spreadsheet");
    for (service, fault, down, up) in [
        (
            Service::Kraken,
            Fault::KrakenError("EService:Unavailable".into()),
            "Kraken gives no quotes",
            "Kraken answers again",
        ),
        (
            Service::Sheets,
            Fault::google(503, "UNAVAILABLE", "The service is currently unavailable."),
            "the spreadsheet is not written",
            "the spreadsheet is written again",
        ),
    ] {
        let id = sandbox.fault(service, fault);
        says(down);
        sandbox.clear_fault(id);
        says(up);
    }
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
    let mut text = folder.timeless(&told());
    // How long it took, and how often it was tried, depends on the machine, as does whether the
    // loop stood still meanwhile.
    for (pattern, instead) in
        [(r"\b(next_try_ms|attempts)(\W+)\d+", "$1${2}7"), (r"(?m)^.*stood still.*\n", "")]
    {
        text = Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
    }
    golden("texts/run.txt", &text);
}
