//! The article's configuration, through the command as a person would use it.

use ratesheet::sandbox::Service;
use serde_json::Value;

use crate::rig::{Rig, finish, ratesheet, tickers, writes};

const ARTICLE: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

/// The article's file, word for word.
const FILE: &str = r#"{
  "sheet": "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk:Sheet 1",
  "timeout": 5000,
  "data": {
    "kraken:xbteur:sell": ["A1", "B7"],
    "kraken:xbteur:buy":  ["A2"]
  }
}"#;

/// The same sheet with other data.
fn with_data(data: &str) -> String {
    format!(r#"{{ "sheet": "{ARTICLE}:Sheet 1", "timeout": 5000, "data": {data} }}"#)
}

fn rig() -> Rig {
    let rig = Rig::new();
    rig.sandbox.create_spreadsheet(ARTICLE, "The article's", &[("Sheet 1", 100, 26)]);
    rig.sandbox.set_ticker("XXBTZEUR", "30300.10000", "30300.00000", "30303.20000");
    rig
}

/// The number in a cell of the article's tab; a text would be none.
fn number(rig: &Rig, cell: &str) -> Option<f64> {
    rig.sandbox.cell(ARTICLE, "Sheet 1", cell)?.as_f64()
}

#[test]
fn once_writes_the_bid_where_it_says_sell_and_the_ask_where_it_says_buy() {
    let rig = rig();
    let file = rig.file(FILE);
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(number(&rig, "A1"), Some(30300.0));
    assert_eq!(number(&rig, "B7"), Some(30300.0));
    assert_eq!(number(&rig, "A2"), Some(30300.1));
    for told in ["'Sheet 1'!A1", "xbteur sell (best bid)", "30300.1", "3 cells written in"] {
        assert!(text.contains(told), "{told} is missing in:\n{text}");
    }
    assert_eq!((tickers(&rig.sandbox).len(), writes(&rig.sandbox).len()), (1, 1));
}

#[test]
fn a_dry_run_says_what_would_be_written_and_asks_google_for_nothing() {
    let rig = rig();
    let file = rig.file(FILE);
    let path = file.path().to_str().unwrap();
    let output = finish(ratesheet(&["once", "--dry-run", "-c", path]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("3 cells would be written. Nothing was sent to Google."), "{text}");
    let json = finish(ratesheet(&["once", "--dry-run", "--output", "json", "-c", path]));
    let whole: Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(whole["cells"][0]["value"].as_f64(), Some(30300.0));
    assert_eq!(whole["cells"][0]["written"].as_bool(), Some(false));
    assert_eq!(rig.sandbox.count(Service::Sheets) + rig.sandbox.count(Service::Token), 0);
}

#[test]
fn a_tiny_price_arrives_as_the_number_that_it_is() {
    let rig = rig();
    rig.sandbox.set_ticker("PEPEEUR", "0.000002502000", "0.000002501000", "0.000002501000");
    let file = rig.file(&with_data(r#"{ "kraken:PEPE/EUR:buy": "C3" }"#));
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(number(&rig, "C3"), Some(2.502e-6));
    let write = rig.sandbox.journal().into_iter().find(|entry| entry.is_write()).unwrap();
    assert!(write.body.contains("[[2.502e-6]]"), "{}", write.body);
}

#[test]
fn once_names_each_cell_that_was_not_written_and_what_to_do() {
    let rig = rig();
    let data = r#"{
        "kraken:xbteur:sell": ["A1", "'Shet 1'!A1", "A101"],
        "kraken:xbteuro:buy": "A2",
        "kraken:ethusd:last": "NoSuchName"
    }"#;
    let file = rig.file(&with_data(data));
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(1), "{text}");
    for told in [
        "Kraken does not know the pair xbteuro",
        "Did you mean XBT/EUR?",
        "there is no tab 'Shet 1'",
        "Did you mean 'Sheet 1'?",
        "has 100 rows and 26 columns only",
        "there is no range with the name NoSuchName",
        "1 of 5 cells written",
    ] {
        assert!(text.contains(told), "{told} is missing in:\n{text}");
    }
    assert_eq!(number(&rig, "A1"), Some(30300.0));
}

#[test]
fn once_says_with_whom_to_share_and_how_each_failure_ends() {
    use ratesheet::sandbox::{Account, Fault};
    type Trouble = fn(&Rig);
    let cases: [(Trouble, i32, &str); 7] = [
        (|rig| rig.sandbox.unshare(ARTICLE), 1, "as an Editor"),
        (|rig| rig.sandbox.trash(ARTICLE), 1, "between /d/ and /edit"),
        (|rig| rig.sandbox.disable_sheets_api(true), 1, "Enable it at https://console."),
        (|rig| rig.sandbox.pause_listening(), 69, "Kraken (http://127.0.0.1"),
        (
            |rig| {
                rig.sandbox.fault(Service::Kraken, Fault::Html(520));
            },
            69,
            "HTTP 520",
        ),
        (
            |rig| {
                rig.sandbox.fault(Service::Sheets, Fault::Html(502));
            },
            69,
            "HTTP 502",
        ),
        (|rig| rig.sandbox.set_account(Account::Deleted), 77, "account not found"),
    ];
    for (trouble, code, told) in cases {
        let rig = rig();
        trouble(&rig);
        let file = rig.file(FILE);
        let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{text}");
        assert!(text.contains(told), "{told} is missing in:\n{text}");
        assert!(text.contains("0 of 3 cells written"), "{text}");
    }
}
