//! What the commands say when nothing is wrong, and how they explain themselves: all of it is in
//! `tests/texts`, for whoever wants to read it, and to see when it changes.

use regex_lite::Regex;

use crate::{
    folder::{Folder, golden},
    rig::{ONE, TAB},
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
