//! Whoever follows the README gets what it shows: its commands are run, one after the other, in a
//! folder with its configuration and a key, and what it shows is what they say, but for numbers.

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use ratesheet::sandbox::Sandbox;
use regex_lite::Regex;
use tempfile::TempDir;
use tokio::time::Instant;

use crate::{
    logged::page,
    readme::blocks,
    rig::{Process, SOON, finish, listens, ratesheet},
};

/// The spreadsheet of the README's steps.
const SPREADSHEET: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

/// What is not run here, and why.
const NOT_RUN: [(&str, &str); 6] = [
    ("cargo test", "it is what runs this"),
    ("docker ", "tests/container.sh does that"),
    ("sudo ", "tests/systemd.sh does that"),
    ("journalctl ", "tests/systemd.sh does that"),
    ("cargo run --release -- ", "what comes after it is run, by the binary that is there already"),
    ("ratesheet run", "it goes on for ever: `the_service_answers_as_shown` starts it"),
];

/// A person who follows the steps.
struct Person {
    sandbox: Sandbox,
    folder: TempDir,
}

impl Person {
    /// After step 5.
    fn new() -> Self {
        let sandbox = Sandbox::start().unwrap();
        sandbox.create_spreadsheet(SPREADSHEET, "Mine", &[("Sheet1", 1_000, 26)]);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("key.json"), sandbox.service_account_key()).unwrap();
        let config = &blocks("README.md", "json")[0];
        let gid = sandbox.gid(SPREADSHEET, "Sheet1");
        let config = config.replace("gid=0", &format!("gid={gid}"));
        fs::write(folder.path().join("ratesheet.json"), config).unwrap();
        Self { sandbox, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = ratesheet(arguments);
        command.current_dir(self.folder.path());
        for server in ["KRAKEN", "GOOGLE"] {
            command.env(format!("RATESHEET__{server}__URL"), self.sandbox.url());
        }
        command
    }

    fn says(&self, arguments: &[&str]) -> String {
        let Output { status, stdout, stderr } = finish(self.command(arguments));
        let (said, told) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
        assert_eq!(status.code(), Some(0), "{arguments:?}: {said}{told}");
        said
    }
}

/// The commands of the README, without the remarks beside them.
fn commands() -> Vec<String> {
    let lines = blocks("README.md", "sh").join("\n").replace("\\\n", " ");
    let commands = lines.lines().map(|line| line.split(" # ").next().unwrap_or_default().trim());
    commands.filter(|command| !command.is_empty()).map(Into::into).collect()
}

/// The block of text that has this in it.
fn shown(text: &str) -> String {
    let blocks = blocks("README.md", "text");
    blocks.into_iter().find(|block| block.contains(text)).unwrap_or_else(|| panic!("{text}?"))
}

/// A line without what is different each time: numbers, times, and the blanks between columns.
fn shape(line: &str) -> String {
    let time = Regex::new(r"\d{4}-\d\d-\d\dT[0-9:.]+Z").unwrap();
    let number = Regex::new(r"[-0-9.]*[0-9]").unwrap();
    let line = time.replace_all(line, "0");
    let line = number.replace_all(&line, "0");
    line.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// All that is shown is said, in this order. `…` stands for anything.
fn is_what_is_said(shown: &str, said: &str) {
    let mut lines = said.lines().map(shape);
    for line in shown.lines().map(shape).filter(|line| !line.is_empty() && line != "…") {
        let like = |said: String| {
            let mut rest = said.as_str();
            line.split('…').map(str::trim).all(|part| match rest.split_once(part) {
                Some((_, after)) => {
                    rest = after;
                    true
                }
                None => false,
            })
        };
        assert!(
            lines.any(like),
            "the README shows\n{line}\nwhich is not said, or not there:\n{said}"
        );
    }
}

#[test]
fn every_command_is_run_or_known_not_to_be() {
    let person = Person::new();
    let mut run = Vec::new();
    for command in commands() {
        let told = NOT_RUN.iter().find(|(start, _)| command.starts_with(start));
        match command.strip_prefix("ratesheet ") {
            _ if told.is_some() => {}
            Some(arguments) => {
                let arguments: Vec<_> = arguments.split_whitespace().collect();
                person.says(&arguments);
                run.push(arguments.join(" "));
            }
            None => panic!("nobody knows whether `{command}` works"),
        }
    }
    assert_eq!(run, ["check", "check --online", "once"]);
    for (start, why) in NOT_RUN {
        assert!(commands().iter().any(|c| c.starts_with(start)), "{start} is not there: {why}");
    }
}

#[test]
fn what_init_writes_passes_the_first_command_of_the_last_step() {
    let person = Person::new();
    fs::remove_file(person.folder.path().join("ratesheet.json")).unwrap();
    let readme = fs::read_to_string("README.md").unwrap();
    let (_, init) = readme.split_once("(`ratesheet init ").unwrap();
    let (init, _) = init.split_once("'THE ADDRESS'`").unwrap();
    let arguments: Vec<_> = ["init"].into_iter().chain(init.split_whitespace()).collect();
    let address = format!("https://docs.google.com/spreadsheets/d/{SPREADSHEET}/edit?gid=0#gid=0");
    person.says(&[&arguments[..], &[&address]].concat());
    person.says(&["check"]);
}

#[test]
fn once_says_what_is_shown() {
    let person = Person::new();
    is_what_is_said(&shown("SHOWS"), &person.says(&["once"]));
}

#[test]
fn the_demo_says_what_is_shown() {
    let person = Person::new();
    let said = person.says(&["demo", "--ticks", "5", "--every", "50"]);
    is_what_is_said(&shown("ratesheet demo"), &said);
}

#[test]
fn a_mistake_is_told_as_shown() {
    let person = Person::new();
    let file = person.folder.path().join("ratesheet.json");
    let config = fs::read_to_string(&file).unwrap();
    fs::write(&file, config.replace("timeout", "timeot")).unwrap();
    let output = finish(person.command(&["check"]));
    assert_eq!(output.status.code(), Some(78));
    is_what_is_said(&shown("timeot"), &String::from_utf8(output.stdout).unwrap());
}

#[test]
fn the_service_answers_as_shown() {
    let person = Person::new();
    person.sandbox.unshare(SPREADSHEET);
    let run = person.command(&["run", "--listen", "127.0.0.1:0", "--log-format", "json"]);
    let mut service = Process::of(run);
    let address = listens(&service.says("the probes listen")).unwrap();
    service.says("The caller does not have permission");
    let start = Instant::now();
    let answer = loop {
        let answer = page(address, "/readyz");
        if !answer.contains("\nstarting\n") {
            break answer;
        }
        assert!(start.elapsed() < SOON, "it is still starting");
        std::thread::sleep(Duration::from_millis(100));
    };
    let shown = shown("/readyz");
    let (command, body) = shown.split_once('\n').unwrap();
    assert_eq!(command, "$ curl 127.0.0.1:9642/readyz");
    is_what_is_said(body, &answer);
}

#[test]
fn every_command_in_the_text_exists() {
    let text = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let mut count = 0;
    for code in text.split('`').skip(1).step_by(2).filter(|code| code.starts_with("ratesheet ")) {
        let code = code.replace("'THE ADDRESS'", "ADDRESS");
        let words: Vec<_> = code.split(' ').skip(1).collect();
        if words[0] == "help" {
            continue; // it helps with itself
        }
        count += 1;
        let output = finish(ratesheet(&[&words[..], &["--help"]].concat()));
        assert_eq!(output.status.code(), Some(0), "{code}");
    }
    assert!(count > 15, "{count}");
}
