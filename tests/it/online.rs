//! `check --online`: what is in the way is found by reading alone, and told with its remedy.

use jiff::SignedDuration;
use ratesheet::sandbox::{Account, Fault, FaultRule, Service};

use crate::rig::{ONE, Rig, TAB, TWO, finish, ratesheet};

/// What the command said about a sheet with this data, and how it ended.
fn checked(rig: &Rig, data: &str) -> (String, i32) {
    let sheet = format!(r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, {data} }}"#);
    check(rig, &sheet)
}

fn check(rig: &Rig, sheets: &str) -> (String, i32) {
    let file = rig.file(sheets);
    let path = file.path().to_str().unwrap();
    let output = finish(ratesheet(&["check", "--online", "-c", path]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    let journal = rig.sandbox.journal();
    let posts = journal.iter().filter(|entry| entry.method != "GET");
    assert_eq!(posts.filter(|entry| entry.service != Service::Token).count(), 0);
    let text = String::from_utf8(output.stdout).unwrap();
    (text.replace(path, "ratesheet.json"), output.status.code().unwrap())
}

const USUAL: &str = r#""data": { "kraken:xbteur:sell": ["A1", "B7"], "kraken:etheur:buy": "A2" },
    "updated": "D1", "problem": "E1""#;

#[test]
fn when_all_is_well_it_says_what_it_has_looked_at() {
    let rig = Rig::new();
    rig.sandbox.set_cell(ONE, TAB, "A1", 5);
    rig.sandbox.set_cell(ONE, TAB, "E1", "Cell A1: a problem of yesterday");
    let (text, code) = checked(&rig, USUAL);
    let expected = format!(
        "ratesheet.json
  tab '{TAB}' of {ONE}: 5 cells of 2 pairs, every 5 s

  CHECKED                               RESULT
  Kraken                                all 2 pairs are traded
  Google                                signed in as ratesheet@sandbox.iam.gserviceaccount.com
  {ONE}  all 5 cells are there
  Clock                                 agrees with Kraken's and Google's

Nothing was written. Nothing was found in the way of the 5 cells.
Whether the account may write, too, only a write shows: `ratesheet once`.
"
    );
    let text = text
        .replace(ratesheet::sandbox::SERVICE_ACCOUNT, "ratesheet@sandbox.iam.gserviceaccount.com");
    assert_eq!((text.as_str(), code), (expected.as_str(), 0));
}

#[test]
fn what_would_stop_cells_is_told_with_what_was_meant() {
    let rig = Rig::new();
    let (text, code) = checked(
        &rig,
        r#""data": {
            "kraken:xbteur:sell": ["A1", "'Shet 1'!A1", "'Shet 1'!A2", "A1001"],
            "kraken:xbteuro:buy": ["A2", "A3", "A4", "A5", "A6"],
            "kraken:ethusd:last": "NoSuchName" }"#,
    );
    assert_eq!(code, 1, "{text}");
    for told in [
        "2 of 3 pairs are traded, see [1]",
        "Kraken does not know the pair xbteuro: 'Sheet 1'!A2, 'Sheet 1'!A3, 'Sheet 1'!A4 and 2 more \
         will not be written.\n    Did you mean XBT/EUR?",
        "6 of 10 cells are there, see [2] see [3] see [4]",
        "there is no tab 'Shet 1': 'Shet 1'!A1 and 'Shet 1'!A2 will not be written.\n    Did you mean \
         'Sheet 1'?",
        "there is no range with the name NoSuchName: NoSuchName will not be written",
        "has 1000 rows and 26 columns only: 'Sheet 1'!A1001 will not",
        "\nNothing was written. As it stands, 9 of 10 cells will not be.\n",
    ] {
        assert!(text.contains(told), "{told}\nis missing in:\n{text}");
    }
}

#[test]
fn what_is_in_the_cells_is_warned_of() {
    let rig = Rig::new();
    for (cell, held) in [("A1", "=B1*2"), ("A2", "Price\nof it"), ("D1", "never"), ("E1", "=A2")] {
        rig.sandbox.set_cell(ONE, TAB, cell, held);
    }
    rig.sandbox.set_named_range(ONE, "PairOfCells", TAB, "F1:F2");
    let data = r#""data": { "kraken:xbteur:sell": ["A1", "B7", "PairOfCells"],
        "kraken:etheur:buy": "A2" }, "updated": "D1", "problem": "E1""#;
    let (text, code) = checked(&rig, data);
    assert_eq!(code, 0, "{text}");
    for told in [
        "Warning: 'Sheet 1'!A1 and 'Sheet 1'!E1 hold a formula each, such as =B1*2, which the first",
        "Warning: 'Sheet 1'!A2 and 'Sheet 1'!D1 hold a text each, such as Price of it, which",
        "a tab of ratesheet's own",
        "Warning: PairOfCells is a range of several cells",
    ] {
        assert!(text.contains(told), "{told}\nis missing in:\n{text}");
    }
}

#[test]
fn a_cell_that_is_called_like_a_tab_or_like_a_name_is_told_of() {
    let rig = Rig::new();
    rig.sandbox.add_tab(ONE, "Q1", 10, 10);
    let (text, code) = checked(&rig, r#""data": { "kraken:xbteur:sell": ["Q1", "A1", "Q1!B2"] }"#);
    let told = "Warning: 'Sheet 1'!Q1 is a cell, and there is a tab 'Q1' too: a cell of that is \
                written 'Q1'!A1.\n";
    assert!(code == 0 && text.contains(told) && text.matches("Warning").count() == 1, "{text}");
    let (text, code) = checked(&rig, r#""data": { "kraken:xbteur:sell": ["Tax2024", "A1"] }"#);
    let told = "the tab 'Sheet 1' has 1000 rows and 26 columns only: 'Sheet 1'!TAX2024 will not be \
                written.\n    TAX2024 is read as a cell, in column TAX; no range can have such a name: \
                give it one such as TAX_2024.\n";
    assert!(code == 1 && text.contains(told), "{text}");
}

/// As `run` has it, with the same words.
#[test]
fn what_run_would_refuse_is_not_found_good() {
    let rig = Rig::new();
    rig.sandbox.set_named_range(ONE, "Same", TAB, "B7");
    rig.sandbox.set_time_zone(ONE, "Mars/Olympus");
    let data = r#""data": { "kraken:xbteur:sell": ["A1", "B7", "Same"], "kraken:etheur:time": "A2" },
        "updated": "D1""#;
    let (text, code) = checked(&rig, data);
    assert_eq!(code, 1, "{text}");
    for told in [
        "it is the same cell as 'Sheet 1'!B7: Same will not be written",
        "time zone Mars/Olympus is not known here: 'Sheet 1'!A2 and 'Sheet 1'!D1 will not be",
        "2 of 5 cells are there",
    ] {
        assert!(text.contains(told), "{told}\nis missing in:\n{text}");
    }
}

#[test]
fn many_cells_with_odd_titles_are_read_in_few_requests() {
    let rig = Rig::new();
    let title = "Kurse & Preise #1: 100 % 'ä'";
    rig.sandbox.add_tab(ONE, title, 500, 5);
    rig.sandbox.set_cell(ONE, title, "A250", "=1+1");
    let cells: Vec<_> = (1..=250).map(|row| format!("\"A{row}\"")).collect();
    let sheet = format!(
        r#"{{ "sheets": [ {{ "sheet": "{ONE}:{title}", "timeout": 5000,
            "data": {{ "kraken:xbteur:sell": [{}] }} }},
          {{ "sheet": "{TWO}", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }} ]"#,
        cells.join(", ")
    );
    let (text, code) = check(&rig, &format!("{sheet} }}"));
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("all 250 cells are there, see [1]"), "{text}");
    assert!(text.contains("A250 holds a formula, =1+1, which"), "{text}");
    assert!(text.contains(&format!("{TWO}  the cell is there")), "{text}");
    let reads = rig.sandbox.requests(Service::Sheets).len();
    assert!((5..=9).contains(&reads), "{reads} requests");
}

#[test]
fn who_is_not_let_in_is_told_what_to_do_and_each_trouble_has_its_code() {
    type Trouble = fn(&Rig);
    let cases: [(Trouble, i32, &[&str]); 8] = [
        (|rig| rig.sandbox.unshare(ONE), 1, &["as an Editor", "it cannot be read", "5 of 5 cells"]),
        (|rig| rig.sandbox.trash(ONE), 1, &["between /d/ and /edit"]),
        (|rig| rig.sandbox.disable_sheets_api(true), 1, &["Enable it at https://console."]),
        (|rig| rig.sandbox.set_account(Account::Deleted), 77, &["account not found", "5 of 5"]),
        (
            |rig| {
                rig.sandbox.fault(Service::Kraken, Fault::Html(520));
            },
            69,
            &["no list of pairs, see [1]", "HTTP 520", "all 5 cells are there", "Not everything"],
        ),
        (
            |rig| {
                rig.sandbox.fault(Service::Sheets, Fault::Html(502));
            },
            69,
            &["HTTP 502", "all 2 pairs are traded"],
        ),
        (
            |rig| {
                rig.sandbox.fault(Service::Sheets, Fault::Quota429);
            },
            69,
            &["Google asks for fewer requests"],
        ),
        (|rig| rig.sandbox.pause_listening(), 69, &["cannot connect", "Clock  ", "not known"]),
    ];
    for (trouble, code, words) in cases {
        let rig = Rig::new();
        trouble(&rig);
        let (text, ended) = checked(&rig, USUAL);
        assert_eq!(ended, code, "{text}");
        for told in words {
            assert!(text.contains(told), "{told} is missing in:\n{text}");
        }
    }
}

#[test]
fn a_wrong_clock_is_named_with_how_wrong_it_is() {
    let rig = Rig::new();
    rig.sandbox.set_clock_skew(SignedDuration::from_secs(150));
    let (text, code) = checked(&rig, USUAL);
    assert!(text.contains("This machine's clock is 2 min behind"), "{text}");
    assert!(text.contains("2 min slow, see ["), "{text}");
    rig.sandbox.set_clock_skew(SignedDuration::from_secs(-7_500));
    let (rejected, rejected_code) = checked(&rig, USUAL);
    assert!(rejected.contains("2 h ahead of Kraken's"), "{rejected}");
    assert!(rejected.contains("reasonable timeframe"), "{rejected}");
    assert_eq!((code, rejected_code), (0, 1), "{text}{rejected}");
}

#[test]
fn a_key_that_is_none_and_a_key_that_is_not_there_are_findings_too() {
    let rig = Rig::new();
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "data": {{ "kraken:xbteur:bid": "A1" }} }}"#
    ));
    let text = std::fs::read_to_string(file.path()).unwrap();
    let key = format!("\"credentials\": {:?},", rig.key.path());
    for (instead, code, words) in [
        ("\"credentials\": \"no/such/key.json\",", 77, "the key cannot be read: No such file"),
        ("\"credentials\": \"Cargo.toml\",", 77, "the file is no JSON"),
        ("", 78, "There are no credentials.\n    Name a service account"),
    ] {
        std::fs::write(file.path(), text.replace(&key, instead)).unwrap();
        let path = file.path().to_str().unwrap();
        let output = finish(ratesheet(&["check", "--online", "-c", path]));
        let told = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(code), "{told}");
        assert!(told.contains(words), "{words}\nis missing in:\n{told}");
        assert!(told.contains("the pair is traded") && told.contains("1 of 1 cell "), "{told}");
    }
}

#[test]
fn a_cell_that_google_refuses_to_read_is_looked_for_among_the_others() {
    let refusal = || Fault::google(400, "INVALID_ARGUMENT", "Unable to parse range: 'Sheet 1'!A2");
    let rig = Rig::new();
    let rule = FaultRule::new(Service::Sheets, refusal()).path("ranges=%27Sheet%201%27%21A2");
    rig.sandbox.inject(rule);
    let (text, code) = checked(&rig, USUAL);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("4 of 5 cells are there, see [1]"), "{text}");
    assert!(text.contains("'Sheet 1'!A2: 'Sheet 1'!A2 will not be written"), "{text}");
    assert!(text.contains("1 of 5 cells will not be."), "{text}");
}
