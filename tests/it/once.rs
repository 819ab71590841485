//! How `once` tells what it could not do: each thing once, in whole sentences, and of cells which.

use ratesheet::{
    jiff::{Timestamp, civil::DateTime},
    sandbox::{Fault, Service},
};
use serde_json::json;

use crate::rig::{ONE, Rig, TAB, finish, ratesheet};

/// What `once` says of these sheets, and how it ends.
fn once(rig: &Rig, sheets: &str) -> (String, i32) {
    let file = rig.file(sheets);
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "its log is not silent");
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

#[test]
fn cells_that_fail_alike_share_a_footnote() {
    let rig = Rig::new();
    rig.sandbox.protect(ONE, TAB, "B1");
    rig.sandbox.protect(ONE, TAB, "B3");
    let (text, code) = once(
        &rig,
        &format!(
            r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "data": {{
                "kraken:xbteur:sell": ["A1", "'Shet 1'!A1", "'Shet 1'!A2", "'Shet 1'!A3"],
                "kraken:xbteur:buy": ["B1", "B2", "B3"] }} }}"#
        ),
    );
    assert_eq!(code, 1, "{text}");
    assert_eq!(text.matches("not written [1]").count(), 3, "{text}");
    assert_eq!(text.matches("not written [2]").count(), 2, "{text}");
    assert!(!text.contains("[3]"), "{text}");
    let notes = "
[1] there is no tab 'Shet 1'.
    Did you mean 'Sheet 1'? Correct it in the configuration.

[2] Google refuses the cell: You are trying to edit a protected cell or object. Please contact \
                 the spreadsheet owner to remove protection if you need to edit.
    Let the account edit the protected range, or choose another cell.

2 of 7 cells written in ";
    assert!(text.contains(notes), "{text}");
}

#[test]
fn the_time_of_prices_is_told_as_people_read_it_and_without_prices_why_there_is_none() {
    let rig = Rig::new();
    rig.sandbox.set_time_zone(ONE, "Asia/Tokyo");
    let sheet = |pair: &str| {
        format!(
            r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "updated": "D1",
                "data": {{ "kraken:{pair}:sell": "A1", "kraken:{pair}:time": "B1" }} }}"#
        )
    };
    let says = |option: &str, pair: &str| {
        let file = rig.file(&sheet(pair));
        let path = file.path().to_str().unwrap();
        String::from_utf8(ratesheet(&["once", option, "-c", path]).output().unwrap().stdout)
            .unwrap()
    };
    rig.sandbox.delist("XETHZEUR");
    for (option, zone) in [("--output=table", "Asia/Tokyo"), ("--dry-run", "UTC")] {
        let text = says(option, "xbteur");
        for cell in ["'Sheet 1'!D1  updated", "'Sheet 1'!B1  xbteur time"] {
            let (_, rest) = text.split_once(cell).unwrap_or_else(|| panic!("{text}"));
            let told: DateTime = rest.trim_start()[.."0000-00-00 00:00:00".len()].parse().unwrap();
            let ago = told.in_tz(zone).unwrap().timestamp().duration_until(Timestamp::now());
            assert!((-1..60).contains(&ago.as_secs()), "{zone} {ago:?}\n{text}");
        }
        let text = says(option, "etheur");
        assert_eq!(text.matches("not written [1]").count(), 3, "{text}");
        assert!(!text.contains("[2]"), "{text}");
    }
}

#[test]
fn where_kraken_has_no_price_it_may_have_one_later_and_a_pair_that_it_does_not_know_is_told_first()
{
    let rig = Rig::new();
    let sheet = |pair: &str| {
        format!(
            r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "updated": "D1", "problem": "E1",
                "data": {{ "kraken:etheur:ask": "A1", "kraken:{pair}:bid": "A2" }} }}"#
        )
    };
    let dry = |sheets: &str| {
        let file = rig.file(sheets);
        let dry = ["once", "--dry-run", "-c", file.path().to_str().unwrap()];
        finish(ratesheet(&dry)).status.code().unwrap()
    };
    let nobody_offers = || rig.sandbox.set_ticker("XETHZEUR", "0.00000", "1701", "1750");
    let no_ticker = || rig.sandbox.set_ticker_json("XETHZEUR", json!([]));
    let cases: [(&dyn Fn(), &str); 2] = [
        (&nobody_offers, "Kraken states no ask for etheur at present"),
        (&no_ticker, "etheur: Kraken's answer for this pair is not a ticker"),
    ];
    for (empty, told) in cases {
        empty();
        for (pair, ends) in [("xbteur", 69), ("xbteuro", 1), ("etheur", 69)] {
            let (text, code) = once(&rig, &sheet(pair));
            assert!(text.contains(told) && text.contains("not written [1]"), "{pair}\n{text}");
            assert_eq!((code, dry(&sheet(pair))), (ends, ends), "{pair}\n{text}");
        }
    }
}

#[test]
fn a_sentence_of_googles_ends_once() {
    let rig = Rig::new();
    let denied = Fault::google(403, "PERMISSION_DENIED", "The caller does not have permission.");
    rig.sandbox.fault(Service::Sheets, denied);
    let sheet = format!(
        r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
    );
    let (text, _) = once(&rig, &sheet);
    assert!(text.contains("[1] Google refuses: The caller does not have permission.\n"), "{text}");
    let key = Fault::oauth("invalid_grant", "Invalid JWT Signature.");
    rig.sandbox.fault(Service::Token, key);
    let (text, _) = once(&rig, &sheet);
    assert!(text.contains("invalid_grant: Invalid JWT Signature.\n"), "{text}");
}

#[test]
fn two_tabs_by_their_gid_have_names_that_differ() {
    let rig = Rig::new();
    rig.sandbox.add_tab(ONE, "Other", 100, 26);
    let other = rig.sandbox.gid(ONE, "Other");
    let sheet = |gid: i64| {
        let url = format!("https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={gid}");
        format!(
            r#"{{ "sheet": "{url}", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
        )
    };
    let both = format!(r#"{{ "sheets": [{}, {}] }}"#, sheet(0), sheet(other));
    for command in [&["once"][..], &["once", "--dry-run"]] {
        let file = rig.file(&both);
        let path = file.path().to_str().unwrap();
        let output = finish(ratesheet(&[command, &["-c", path]].concat()));
        let text = String::from_utf8(output.stdout).unwrap();
        for name in ["  gid 0!A1 ", &format!("  gid {other}!A1 ")] {
            assert!(text.contains(name), "{name}\n{text}");
        }
    }
    let (text, code) = once(&rig, &sheet(0));
    assert!(code == 0 && text.contains("\n  A1    xbteur"), "{text}");
}

#[test]
fn a_connection_that_breaks_is_told_in_words_and_not_in_awcs() {
    let rig = Rig::new();
    for fault in [Fault::Reset, Fault::Close] {
        rig.sandbox.clear_faults();
        rig.sandbox.fault(Service::Sheets, fault.clone());
        let sheet = format!(
            r#"{{ "sheet": "{ONE}:{TAB}", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#
        );
        let (text, code) = once(&rig, &sheet);
        assert!(text.contains(": the connection broke: "), "{fault:?}\n{text}");
        assert!(!text.contains("Internal error") && !text.contains("cannot connect"), "{text}");
        assert_eq!(code, 69, "{text}");
    }
}

#[test]
fn once_bears_many_spreadsheets() {
    let rig = Rig::new();
    let sheets: Vec<_> = (0..300)
        .map(|n| {
            let id = format!("one-of-very-many-spreadsheets-{n:03}");
            rig.sandbox.create_spreadsheet(&id, "x", &[(TAB, 10, 10)]);
            format!(r#"{{ "sheet": "{id}:Sheet 1", "timeout": 600000, "data": {{ "kraken:xbteur:sell": "A1" }} }}"#)
        })
        .collect();
    rig.sandbox.fault(Service::Token, Fault::oauth("invalid_grant", "account not found"));
    let file = rig.file(&format!(r#"{{ "sheets": [{}] }}"#, sheets.join(",")));
    let once = ["once", "-c", file.path().to_str().unwrap(), "--output", "json"];
    assert_eq!(finish(ratesheet(&once)).status.code(), Some(77));
}
