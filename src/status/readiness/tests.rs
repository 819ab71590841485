//! Tests of the judgement: what is known, and what is told of it.

use jiff::Timestamp;

use super::*;
use crate::{
    config::Config,
    messages::{CellContent, CellReport, Failing, FailureClass, KrakenReport, SheetIndex},
    sheets::SheetConfig,
    supervisor::Status,
};

const ONE: &str = "1CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
const TWO: &str = "2CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

/// Both spreadsheets are written every 5 s: with 50 s of deadlines, patience ends after 65 s.
fn config() -> Arc<Config> {
    let sheet = |id: &str| SheetConfig::new(id, "Sheet 1").every(Duration::from_secs(5));
    Arc::new(Config::new().sheet(sheet(ONE)).sheet(sheet(TWO)))
}

/// So many seconds after the beginning of time, 1970.
fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn failure(class: FailureClass) -> Failure {
    Failure { class, reason: format!("no\u{1b} way into {ONE}"), remedy: "Pray".into() }
}

fn good(id: &str, success: i64) -> SpreadsheetReport {
    SpreadsheetReport {
        settled: 1,
        last_success: (success >= 0).then(|| at(success)),
        cells: (1..=6).map(|row| cell(row, None)).collect(),
        ..SpreadsheetReport::new(id)
    }
}

fn bad(id: &str, success: i64, class: FailureClass) -> SpreadsheetReport {
    let failing = Failing { failure: failure(class), since: at(7), attempts: 3 };
    SpreadsheetReport { failing: Some(failing), ..good(id, success) }
}

/// Its first cells, so many, stand still.
fn partial(id: &str, success: i64, cells: u32, class: FailureClass) -> SpreadsheetReport {
    let failing = |row| (row <= cells).then(|| failure(class));
    let cells = (1..=6).map(|row| cell(row, failing(row))).collect();
    SpreadsheetReport { cells, ..good(id, success) }
}

fn cell(row: u32, failing: Option<Failure>) -> CellReport {
    CellReport {
        sheet: SheetIndex(0),
        cell: format!("'Sheet 1'!A{row}").into(),
        content: CellContent::Updated,
        written: None,
        failing,
    }
}

fn status(config: &Arc<Config>, reports: &[SpreadsheetReport]) -> Status {
    let spreadsheets =
        reports.iter().map(|report| (Arc::clone(&report.spreadsheet), report.clone())).collect();
    Status { config: Arc::clone(config), spreadsheets, ..Status::default() }
}

/// What is told at a second, of what was learnt at another.
fn told(status: Status, learnt: i64, now: i64) -> String {
    let begin = Instant::now();
    let instant = |second: i64| begin + Duration::from_secs(second.unsigned_abs());
    let mut ledger = Ledger::default();
    ledger.note(status, Moment { instant: instant(learnt), at: at(learnt) });
    judge(instant(now), &ledger).text()
}

#[test]
fn every_spreadsheet_must_have_succeeded_lately_and_nothing_may_wait_for_a_person() {
    use FailureClass as C;
    let (ready, starting, not) = ("ready\n", "starting\n", "not ready\n");
    let though = "ready, though not everything succeeds\n";
    let one = "spreadsheet 1CcPNtMZ…";
    let why = ": no  way into 1CcPNtMZ…. Pray\n";
    let trouble = format!("{one} has not been written since 1970-01-01T00:00:07Z (attempt 3){why}");
    let cells = |cells: &str| format!("{one}, {cells} not written since 1970-01-01T00:00:10Z{why}");
    let first = "'Sheet 1'!A1";
    let stale = "spreadsheet 1CcPNtMZ…: no success since 1970-01-01T00:00:05Z\n";
    let both = "spreadsheet 2CcPNtMZ…: no success since 1970-01-01T00:00:10Z\n";
    for (name, report, now, verdict, lines) in [
        ("all is well", Some(good(ONE, 10)), 10, ready, String::new()),
        ("not heard of yet", None, 10, starting, format!("{one}: starting\n")),
        ("no success yet", Some(good(ONE, -1)), 10, starting, format!("{one}: starting\n")),
        ("no success in trouble", Some(bad(ONE, -1, C::Tls)), 10, starting, trouble.clone()),
        ("none, and no cell", Some(partial(ONE, -1, 1, C::Tls)), 10, starting, cells(first)),
        ("passing", Some(bad(ONE, 5, C::Transient)), 70, though, trouble.clone()),
        ("lasting", Some(bad(ONE, 5, C::Clock)), 71, not, trouble.clone() + stale),
        ("silent", Some(good(ONE, 5)), 71, not, stale.into()),
        ("both", Some(good(ONE, 5)), 76, not, format!("{stale}{both}")),
        ("refused", Some(bad(ONE, 10, C::Spreadsheet)), 10, not, trouble.clone()),
        ("rejected", Some(bad(ONE, 10, C::Credentials)), 10, not, trouble.clone()),
        ("rejected, new", Some(bad(ONE, -1, C::Credentials)), 10, not, trouble.clone()),
        ("a cell", Some(partial(ONE, 10, 1, C::Cell)), 10, not, cells(first)),
        (
            "two cells",
            Some(partial(ONE, 10, 2, C::Cell)),
            10,
            not,
            cells("'Sheet 1'!A1 and 'Sheet 1'!A2"),
        ),
        (
            "cells of a pair",
            Some(partial(ONE, 10, 6, C::Pair)),
            10,
            not,
            cells("'Sheet 1'!A1, 'Sheet 1'!A2, 'Sheet 1'!A3 and 3 more"),
        ),
        ("a cell, passing", Some(partial(ONE, 10, 1, C::Tls)), 75, though, cells(first)),
    ] {
        let reports: Vec<_> = report.into_iter().chain([good(TWO, 10)]).collect();
        let told = told(status(&config(), &reports), 10, now);
        assert_eq!(told, format!("{verdict}{lines}"), "{name}");
    }
}

#[test]
fn a_cell_that_stands_still_too_long_is_not_ready_though_the_others_succeed() {
    stands_still_too_long(FailureClass::Transient);
    stands_still_too_long(FailureClass::NoQuote);
}

fn stands_still_too_long(class: FailureClass) {
    let config = config();
    let begin = Instant::now();
    let mut ledger = Ledger::default();
    let mut text = |second: i64, cells| {
        let one = partial(ONE, second, cells, class);
        let instant = begin + Duration::from_secs(second.unsigned_abs());
        ledger.note(status(&config, &[one, good(TWO, second)]), Moment { instant, at: at(second) });
        judge(instant, &ledger).text()
    };
    let cell = "spreadsheet 1CcPNtMZ…, 'Sheet 1'!A1 not written since 1970-01-01T00:00:10Z: ";
    assert!(text(10, 1).starts_with(&format!("ready, though not everything succeeds\n{cell}")));
    assert!(text(75, 1).starts_with(&format!("ready, though not everything succeeds\n{cell}")));
    assert!(text(76, 1).starts_with(&format!("not ready\n{cell}")));
    assert_eq!(text(80, 0), "ready\n");
    assert!(text(85, 1).starts_with("ready,"), "it begins anew");
}

#[test]
fn a_tree_that_does_not_stand_is_not_ready() {
    let all = [good(ONE, 10), good(TWO, 10)];
    let with = |state| Status { state, ..status(&config(), &all) };
    let escalated = State::Escalated("KrakenActor\nfailed".into());
    let told = |state| told(with(state), 10, 10);
    assert_eq!(told(State::Running), "ready\n");
    assert_eq!(told(State::Stopped), "not ready\nthe tree has been stopped\n");
    assert_eq!(told(escalated), "not ready\nthe tree has given up: KrakenActor failed\n");
}

#[test]
fn a_parked_actor_is_not_ready_and_kraken_explains_a_silence() {
    let mut parked = status(&config(), &[good(ONE, 10), good(TWO, 10)]);
    parked.parked.insert(ActorName::Sheets(ONE.into()));
    let text = told(parked, 10, 10);
    assert!(
        text.starts_with("not ready\nspreadsheet 1CcPNtMZ… is left alone: its actor"),
        "{text}"
    );
    let down = |reports: &[SpreadsheetReport]| {
        let failing = Failing { failure: failure(FailureClass::Tls), since: at(7), attempts: 3 };
        let kraken = KrakenReport { failing: Some(failing), ..KrakenReport::default() };
        told(Status { kraken, ..status(&config(), reports) }, 99, 99)
    };
    let why = format!("no  way into {ONE}. Pray");
    let silent = down(&[good(ONE, 10), good(TWO, 99)]);
    assert!(silent.contains(&format!("since 1970-01-01T00:00:10Z: {why}\n")), "{silent}");
    let new = down(&[good(ONE, -1), good(TWO, 99)]);
    assert!(new.contains(&format!("starting: {why}\n")), "{new}");
    // A cell that stands still for another reason does not explain it.
    let mut cell = partial(ONE, 10, 1, FailureClass::Cell);
    let no = Failure::new(FailureClass::Cell, "Google refuses the cell", "");
    cell.cells = cell
        .cells
        .iter()
        .map(|own| CellReport { failing: Some(no.clone()), ..own.clone() })
        .collect();
    let both = down(&[cell, good(TWO, 99)]);
    assert!(both.contains("Google refuses") && both.contains(&format!("10Z: {why}\n")), "{both}");
}

#[test]
fn where_nothing_is_to_be_done_all_is_done() {
    assert_eq!(told(status(&Arc::new(Config::new()), &[]), 10, 10), "ready\n");
}

#[test]
fn a_clock_that_is_set_makes_nothing_older_or_younger() {
    let config = config();
    let begin = Instant::now();
    let mut ledger = Ledger::default();
    let mut text = |success: i64, wall: i64, passed: u64| {
        let all = [good(ONE, success), partial(TWO, success, 1, FailureClass::Tls)];
        let instant = begin + Duration::from_secs(passed);
        ledger.note(status(&config, &all), Moment { instant, at: at(wall) });
        judge(instant, &ledger).text()
    };
    assert!(text(1_000_000, 1_000_000, 1_000).starts_with("ready, though"));
    assert!(text(1_000_000, 9_000_000, 1_060).starts_with("ready, though"), "set forward");
    assert!(text(1_000_000, 5, 1_065).starts_with("ready, though"), "set back");
    assert!(text(1_000_000, 5, 1_066).starts_with("not ready\n"), "and it lasts");
    // A success that the clock places into the future has only just been.
    let told = text(1_000_001, 5, 1_067);
    assert!(told.starts_with("not ready\n") && told.lines().count() == 2, "{told}");
}

#[test]
fn what_is_told_has_an_end() {
    let sheets = (0..150).map(|index| SheetConfig::new(&format!("{index:0>20}"), "Sheet 1"));
    let config = Arc::new(sheets.fold(Config::new(), Config::sheet));
    let text = told(status(&config, &[]), 10, 10);
    assert_eq!(text.lines().count(), 102);
    assert!(text.ends_with("\nand 50 more\n"), "{text}");
    let mut many = good(ONE, 10);
    many.cells = (1..=50)
        .map(|row| {
            let reason = format!("cell A{row} is missing");
            cell(row, Some(Failure { reason, ..failure(FailureClass::Cell) }))
        })
        .collect();
    let text = told(status(&self::config(), &[many, good(TWO, 10)]), 10, 10);
    assert_eq!(text.lines().count(), 12, "{text}");
    assert!(text.ends_with("\nspreadsheet 1CcPNtMZ…: 40 more cells stand still\n"), "{text}");
    let mut long = bad(ONE, 10, FailureClass::Tls);
    long.failing.as_mut().unwrap().failure.reason = "ä".repeat(10_000);
    let text = told(status(&self::config(), &[long]), 10, 10);
    assert!(text.lines().all(|line| line.chars().count() <= LONGEST), "{text}");
}
