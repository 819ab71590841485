//! What a plan does without the spreadsheet's properties, and what it says of how it stands.

use super::*;
use crate::sheets::config::Tab;

fn outage() -> Failure {
    Failure::new(FailureClass::Transient, "HTTP 503", "")
}

/// A plan that has not seen its spreadsheet.
fn blind(sheet: SheetConfig) -> Bench {
    let plan = Plan::new(&[(SHEET, sheet)], Duration::from_secs(10));
    Bench { plan, now: Instant::now(), tick: 0, asked: 0 }
}

#[test]
fn without_the_properties_titles_and_names_have_to_do_and_no_time_is_told() {
    let sheet = sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:etheur:sell", "Price");
    let mut bench = blind(sheet.updated("B1").problem("C1"));
    assert!(!bench.plan.can_go_on());
    let until = bench.later();
    assert_eq!(bench.plan.locate_blindly(&outage(), until), 1);
    assert_eq!(bench.failing(), [2]);
    bench.quotes(&[("xbteur", "1"), ("etheur", "2")], &[]);
    assert!(bench.plan.can_go_on());
    let written: Vec<_> = bench.due().into_iter().map(|(range, _)| range).collect();
    assert_eq!(written, ["'Sheet 1'!A1", "Price", "'Sheet 1'!C1"]);
}

#[test]
fn cells_of_a_tab_by_its_number_are_lost_without_the_properties() {
    let cells = ["A1", "A2", "Other!A1"];
    let mut sheet = SheetConfig { tab: Tab::Gid(7), ..sheet() };
    for cell in cells {
        sheet = sheet.cell("kraken:xbteur:sell", cell);
    }
    let mut bench = blind(sheet);
    let until = bench.later();
    assert_eq!(bench.plan.locate_blindly(&outage(), until), 2);
    assert_eq!(bench.failing(), [0, 1]);
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.due(), entries(&[("'Other'!A1", "1")]));
}

#[test]
fn when_google_refuses_a_cell_other_tabs_go_before_its_own() {
    let sheet = sheet().cell("kraken:xbteur:sell", "A1").cell("kraken:xbteur:sell", "A2");
    let mut bench = blind(sheet.cell("kraken:xbteur:sell", "Other!A1"));
    let until = bench.later();
    bench.plan.locate(&properties(&["Sheet 1", "Other"]), until);
    bench.quotes(&[("xbteur", "1")], &[]);
    let write = bench.render();
    bench.plan.refused(&write, Some(0), "protected", until);
    assert_eq!(bench.due(), entries(&[("'Other'!A1", "1")]));
}

#[test]
fn a_plan_knows_prices_from_other_cells() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:sell", "A1").problem("B1"));
    bench.quotes(&[], &["xbteur"]);
    let problem_alone = bench.render();
    assert!(!bench.plan.has_quotes(&problem_alone));
    assert!(!bench.plan.has_healthy_cell(), "that a problem is told is no sign of health");
    bench.plan.confirmed(&problem_alone);
    bench.quotes(&[("xbteur", "1")], &[]);
    assert!(!bench.plan.has_healthy_cell(), "it is not written yet");
    let price = bench.render();
    assert!(bench.plan.has_quotes(&price));
    bench.plan.confirmed(&price);
    assert!(bench.plan.has_healthy_cell() && bench.plan.is_all_confirmed());
    let later = bench.later();
    bench.plan.refused(&price, Some(0), "protected", later);
    assert!(!bench.plan.has_healthy_cell());
}

#[test]
fn that_all_is_well_with_another_sheet_is_no_sign_of_health() {
    const OTHER: SheetIndex = SheetIndex(1);
    let sheets = ["A1", "B1"].map(|cell| sheet().cell("kraken:xbteur:sell", cell));
    let sheets: Vec<_> = [SHEET, OTHER].into_iter().zip(sheets).collect();
    let mut bench = blind(sheet());
    bench.plan = Plan::new(&sheets, Duration::from_secs(10));
    let until = bench.later();
    bench.plan.locate(&properties(&["Sheet 1"]), until);
    for sheet in [SHEET, OTHER] {
        bench.quotes_for(sheet, &[("xbteur", "1")], &[]);
        bench.write();
        assert!(bench.plan.has_healthy_cell());
    }
    bench.plan.settled();
    assert!(!bench.plan.has_healthy_cell(), "there is no news");
    bench.quotes_for(OTHER, &[], &["xbteur"]);
    assert!(!bench.plan.has_healthy_cell(), "the news is that there is none");
    bench.quotes_for(SHEET, &[("xbteur", "1")], &[]);
    assert!(bench.plan.has_healthy_cell());
}

#[test]
fn after_a_failure_everything_is_written_afresh() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "2")], &[]);
    bench.write();
    assert_eq!(bench.due(), []);
    bench.plan.all_afresh();
    assert_eq!(bench.due().len(), 2);
}

#[test]
fn while_a_write_may_still_be_carried_out_its_cells_are_written_with_every_tick() {
    let mut bench = two_cells();
    let quotes = [("xbteur", "1"), ("etheur", "2")];
    bench.quotes(&quotes, &[]);
    let write = bench.render();
    let late = bench.now + Duration::from_secs(20);
    bench.plan.ambiguous(&write, late);
    assert!(!bench.plan.is_all_confirmed());
    let mut sent = bench.now;
    while sent < late {
        bench.quotes(&quotes, &[]);
        assert_eq!(bench.due().len(), 2, "what was sent {:?} before may be overtaken", late - sent);
        sent = bench.now;
        bench.write();
    }
    bench.quotes(&quotes, &[]);
    assert_eq!(bench.due(), [], "after its end");
}

#[test]
fn a_cell_that_is_set_aside_is_left_alone_until_its_time() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:sell", "A1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    let (write, until) = (bench.render(), bench.later());
    bench.plan.refused(&write, Some(0), "protected", until);
    while bench.now + Duration::from_secs(5) < until {
        bench.quotes(&[("xbteur", "1")], &[]);
        assert_eq!(bench.due(), [], "{:?} too early", until - bench.now);
    }
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.due().len(), 1);
}

#[test]
fn sheets_that_name_no_tab_stay_in_the_one_that_was_first() {
    let sheet = |tab: Tab| SheetConfig::new(ID, tab).cell("kraken:xbteur:buy", "A1");
    let mut bench = Bench::new(sheet(Tab::First));
    assert_eq!(bench.plan.first(), Some(0));
    // A plan that is made afresh, after somebody has moved the tabs.
    bench.plan = Plan::new(&[(SHEET, sheet(Tab::First))], Duration::from_secs(10));
    bench.plan.stay_in(Some(1));
    bench.plan.locate(&properties(&["Summary", "Sheet 1"]), bench.later());
    assert_eq!(bench.plan.first(), Some(1));
    bench.quotes(&[("xbteur", "1")], &[]);
    assert_eq!(bench.due(), [("'Sheet 1'!A1".to_owned(), "1".to_owned())]);
    bench.plan.locate(&properties(&["Summary"]), bench.later());
    let why = bench.plan.report()[0].failing.clone().unwrap().to_string();
    assert!(why.starts_with("the tab that was the first is gone. Name a tab"), "{why}");
    assert!(!bench.plan.can_go_on(), "it is written into another one");
    assert_eq!(Bench::new(sheet("Sheet 1".into())).plan.first(), None, "it names one");
}

#[test]
fn where_every_sheet_names_its_tab_it_is_no_matter_which_was_the_first() {
    let mut bench = two_cells();
    bench.plan.stay_in(Some(7));
    let until = bench.later();
    bench.plan.locate(&properties(&["Summary", "Sheet 1"]), until);
    assert_eq!(bench.plan.first(), None, "whoever names it is told to do so again");
}

#[test]
fn cells_that_google_has_taken_before_are_written_apart_from_those_that_it_has_not() {
    let cells = [("xbteur", "A1"), ("etheur", "A2"), ("xbteur", "A3"), ("etheur", "A4")];
    let mut bench = Bench::new(
        cells
            .iter()
            .fold(sheet(), |sheet, (pair, cell)| sheet.cell(&format!("kraken:{pair}:sell"), cell)),
    );
    bench.quotes(&[("xbteur", "1")], &[]);
    bench.write();
    bench.quotes(&[("xbteur", "2"), ("etheur", "2")], &[]);
    let (write, later) = (bench.render(), bench.later());
    assert_eq!(write.ranges.len(), 4);
    bench.plan.refused(&write, None, "protected", later);
    let first: Vec<_> = bench.due().into_iter().map(|(range, _)| range).collect();
    assert_eq!(first, ["'Sheet 1'!A1", "'Sheet 1'!A3"]);
}

#[test]
fn whatever_may_come_late_is_written_over_with_every_tick() {
    let mut bench = two_cells();
    let quotes = [("xbteur", "1"), ("etheur", "2")];
    bench.plan.all_may_come_late(bench.now + Duration::from_secs(12));
    for due in [2, 2, 2, 0] {
        bench.quotes(&quotes, &[]);
        assert_eq!(bench.due().len(), due);
        if due > 0 {
            bench.write();
        }
    }
}
