//! Ten wrong turns that a person takes on the way to a spreadsheet with prices in it. Each answer
//! names the cause and the next step. All of what is said is in `tests/wrong_turns`.

use std::net::TcpListener;

use jiff::SignedDuration;
use ratesheet::sandbox::{Fault, Service};

use crate::{
    folder::{Folder, golden},
    rig::{ONE, TAB},
};

/// A sheet of the first spreadsheet with two prices.
fn usual() -> String {
    sheet(&format!("{ONE}:{TAB}"), "xbteur")
}

fn sheet(at: &str, pair: &str) -> String {
    format!(
        r#"{{ "sheet": "{at}", "timeout": 5000,
  "data": {{ "kraken:{pair}:sell": ["A1", "B7"], "kraken:etheur:buy": "A2" }},
  "problem": "E1" }}"#
    )
}

/// What is said to each of the commands, one after the other. Each time it ends with this code,
/// and names the cause and the next step.
fn answers(folder: &Folder, commands: &[(&str, i32)], cause: &str, step: &str) -> String {
    let mut session = Vec::new();
    for (command, code) in commands {
        let said = folder.says(command);
        assert_eq!(said.code, *code, "{said}");
        for told in [cause, step] {
            assert!(said.text.contains(told), "{told} is missing in:\n{said}");
        }
        session.push(said.to_string());
    }
    session.join("\n")
}

#[test]
fn sheet_not_shared() {
    let folder = Folder::with(&usual());
    folder.rig.sandbox.unshare(ONE);
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1)],
        "The caller does not have permission",
        "press Share, and add robot@example.iam.gserviceaccount.com as an Editor",
    );
    golden("wrong_turns/sheet_not_shared.txt", &said);
}

#[test]
fn api_not_enabled() {
    let folder = Folder::with(&usual());
    folder.rig.sandbox.disable_sheets_api(true);
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1)],
        "the Google Sheets API is not enabled in the project of this account",
        "Enable it at https://console.",
    );
    golden("wrong_turns/api_not_enabled.txt", &said);
}

#[test]
fn wrong_id() {
    let folder =
        Folder::with(&sheet("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOX:Prices", "eth/eur"));
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1)],
        "there is no such spreadsheet, or it is in the bin",
        "between /d/ and /edit",
    );
    golden("wrong_turns/wrong_id.txt", &said);
}

#[test]
fn tab_misspelt() {
    let folder = Folder::with(&sheet(&format!("{ONE}:Shet 1"), "xbteur"));
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1)],
        "there is no tab 'Shet 1'",
        "Did you mean 'Sheet 1'?",
    );
    golden("wrong_turns/tab_misspelt.txt", &said);
}

#[test]
fn pair_misspelt() {
    let folder = Folder::with(&sheet(&format!("{ONE}:{TAB}"), "xbteuro"));
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1), ("once --dry-run", 1)],
        "Kraken does not know the pair xbteuro",
        "Did you mean XBT/EUR?",
    );
    golden("wrong_turns/pair_misspelt.txt", &said);
}

#[test]
fn key_of_the_wrong_kind() {
    let folder = Folder::with(&usual());
    folder.put_key(
        r#"{ "installed": { "client_id": "1-a.apps.googleusercontent.com",
        "project_id": "p", "auth_uri": "https://accounts.google.com/o/oauth2/auth",
        "token_uri": "https://oauth2.googleapis.com/token", "client_secret": "GOCSPX-hunter2",
        "redirect_uris": ["http://localhost"] } }"#,
    );
    let said = answers(
        &folder,
        &[("check", 77), ("check --online", 77), ("once", 77), ("run", 77)],
        "the file is an OAuth client's secret",
        "service account",
    );
    golden("wrong_turns/key_of_the_wrong_kind.txt", &said);
}

#[test]
fn clock_wrong() {
    let folder = Folder::with(&usual());
    folder.rig.sandbox.set_clock_skew(SignedDuration::from_mins(150));
    let said = answers(
        &folder,
        &[("check --online", 1), ("once", 1)],
        "Google rejects the time in the request",
        "Set this machine's clock",
    );
    golden("wrong_turns/clock_wrong.txt", &said);
}

#[test]
fn quota_too_small() {
    let folder = Folder::with(&usual());
    folder.edit("60000", "10");
    let too_short = answers(
        &folder,
        &[("check", 0)],
        "The sheets ask for 12 writes a minute, and 10 are made (google.writes_per_minute)",
        "If all have one timeout, the smallest that fits is 6000 ms",
    );
    // Somebody else, who writes with the same robot, has used it up.
    folder.edit("\"writes_per_minute\": 10", "\"writes_per_minute\": 60000");
    folder.rig.sandbox.fault(Service::Sheets, Fault::Quota429);
    let used_up = answers(
        &folder,
        &[("check --online", 69), ("once", 69)],
        "Google asks for fewer requests",
        "Lengthen the timeout, write fewer spreadsheets with this account, or lower",
    );
    golden("wrong_turns/quota_too_small.txt", &format!("{too_short}\n{used_up}"));
}

#[test]
fn port_taken() {
    let mut folder = Folder::with(&usual());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = listener.local_addr().unwrap().to_string();
    let by_flag = folder.says(&format!("run --log-format text --listen {taken}"));
    folder.variable("RATESHEET__STATUS__LISTEN", &taken);
    let by_variable = folder.says("run --log-format text");
    let mut session = Vec::new();
    for (said, by) in [(by_flag, "--listen"), (by_variable, "RATESHEET__STATUS__LISTEN")] {
        assert_eq!(said.code, 71, "{said}");
        let text = said.to_string().replace(&taken, "127.0.0.1:9642");
        for told in ["cannot listen at 127.0.0.1:9642: Address already in use", by] {
            assert!(text.contains(told), "{told} is missing in:\n{text}");
        }
        session.push(text);
    }
    golden("wrong_turns/port_taken.txt", &session.join("\n"));
}

#[test]
fn config_typo() {
    let folder = Folder::with(&usual().replace("timeout", "timeot"));
    let said = answers(
        &folder,
        &[("check", 78), ("check --online", 78), ("once", 78), ("run", 78)],
        "found the unknown key \"timeot\"",
        "did you mean \"timeout\"?",
    );
    golden("wrong_turns/config_typo.txt", &said);
}
