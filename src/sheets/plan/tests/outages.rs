//! What is kept of a plan while nothing new is to be had: the spreadsheet is not read, or no price
//! comes.

use super::*;
use crate::sheets::config::Tab;

#[test]
fn what_is_wrong_with_a_cell_is_told_though_the_spreadsheet_is_not_read_again() {
    let sheet = SheetConfig::new(ID, Tab::Gid(5)).cell("kraken:xbteur:sell", "A1");
    let told = |plan: &Plan| plan.report()[0].failing.clone().unwrap().to_string();
    let outage = Failure::new(FailureClass::Transient, "HTTP 503", "");
    let mut unread = Plan::new(&[(SHEET, sheet.clone())], Duration::from_secs(10));
    for _ in 0..2 {
        assert_eq!(unread.locate_blindly(&outage, Instant::now()), 1);
        assert_eq!(told(&unread), "HTTP 503");
    }
    let mut bench = Bench::new(sheet);
    bench.now += Duration::from_secs(100);
    let later = bench.later();
    assert_eq!(bench.plan.locate_blindly(&outage, later), 0, "the reading loses none");
    assert!(told(&bench.plan).contains("no tab with the gid 5"), "{}", told(&bench.plan));
    bench.now += Duration::from_secs(299);
    assert!(!bench.plan.probe_due(bench.now), "it waits anew");
}

#[test]
fn while_every_price_fails_updated_stays_what_it_was_and_is_kept() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:sell", "A1").updated("D1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    let first = bench.due().pop();
    bench.write();
    for _ in 0..12 {
        assert_eq!(bench.due(), []);
        bench.quotes(&[], &["xbteur"]);
    }
    // Somebody may have typed over it.
    assert_eq!(bench.due().pop(), first);
}

#[test]
fn a_price_that_is_not_confirmed_yet_is_written_though_kraken_has_none_any_more() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:sell", "A1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    bench.quotes(&[], &["xbteur"]);
    assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "1")]));
    bench.write();
    bench.quotes(&[], &["xbteur"]);
    assert_eq!(bench.due(), [], "it is there");
    bench.plan.all_afresh();
    assert_eq!(bench.due(), [], "it grows no newer");
}

#[test]
fn a_write_that_may_come_late_is_written_over_though_kraken_has_no_price_any_more() {
    let mut bench = Bench::new(sheet().cell("kraken:xbteur:sell", "A1"));
    bench.quotes(&[("xbteur", "1")], &[]);
    let lost = bench.render();
    let late = bench.now + Duration::from_secs(12);
    bench.plan.ambiguous(&lost, late);
    bench.quotes(&[("xbteur", "2")], &[]);
    for _ in 0..3 {
        assert_eq!(bench.due(), entries(&[("'Sheet 1'!A1", "2")]));
        bench.write();
        assert_eq!(bench.due(), []);
        bench.quotes(&[], &["xbteur"]);
    }
    assert_eq!(bench.due(), [], "it comes no more");
}

#[test]
fn a_cell_that_is_set_aside_with_a_price_is_tried_again_though_kraken_has_none_any_more() {
    let mut bench = two_cells();
    bench.quotes(&[("xbteur", "1"), ("etheur", "2")], &[]);
    let (write, later) = (bench.render(), bench.later());
    bench.plan.refused(&write, Some(1), "protected", later);
    bench.write();
    bench.quotes(&[("xbteur", "1")], &["etheur"]);
    assert_eq!(bench.plan.next_attempt(bench.now), Some(later));
    bench.now = later;
    let write = bench.render();
    assert_eq!(write.ranges[0].range, "'Sheet 1'!A2");
    bench.plan.confirmed(&write);
    assert_eq!(bench.plan.next_attempt(bench.now), None);
}

#[test]
fn who_has_no_price_any_more_is_not_set_aside_for_the_refusals_of_others() {
    let mut bench = Bench::new((1..=100).fold(sheet(), |sheet, row| {
        let pair = if row == 100 { "etheur" } else { "xbteur" };
        sheet.cell(&format!("kraken:{pair}:sell"), &format!("A{row}"))
    }));
    bench.quotes(&[("xbteur", "1"), ("etheur", "2")], &[]);
    bench.write();
    bench.plan.all_afresh();
    let (write, later) = (bench.render(), bench.later());
    assert_eq!(write.ranges.len(), 100, "the last is under suspicion, too");
    bench.plan.refused(&write, None, "protected", later);
    bench.quotes(&[("xbteur", "3")], &["etheur"]);
    let is_bad = |range: &str| range.ends_with(['0', '2', '4', '6', '8']);
    while let Some(write) = bench.next_write() {
        match write.ranges.iter().any(|entry| is_bad(&entry.range)) {
            true => bench.plan.refused(&write, None, "protected", later),
            false => bench.plan.confirmed(&write),
        }
    }
    let report = bench.plan.report();
    let class = |row: usize| report[row - 1].failing.as_ref().map(|failure| failure.class);
    assert_eq!(class(98), Some(FailureClass::Cell), "it is set aside, and not found yet");
    assert_eq!(class(100), Some(FailureClass::Pair));
}

#[test]
fn a_cell_whose_tab_is_back_is_well_at_once_though_a_reading_has_failed_meanwhile() {
    let mut bench = two_cells();
    let later = bench.later();
    bench.plan.locate(&properties(&["Another"]), later);
    assert_eq!(bench.failing(), [0, 1]);
    let outage = Failure::new(FailureClass::Transient, "HTTP 503", "");
    assert_eq!(bench.plan.locate_blindly(&outage, later), 0);
    bench.plan.locate(&properties(&["Sheet 1"]), later);
    assert_eq!(bench.failing(), [0; 0]);
}

/// A cell of a tab that is known by its `gid`, and a write to it from when that was called `Old`.
fn writing_to_old() -> (Bench, Write) {
    let by_gid = SheetConfig::new(ID, Tab::Gid(0)).cell("kraken:xbteur:sell", "A1");
    let mut bench = Bench::new(by_gid.every(Duration::from_secs(5)));
    let later = bench.later();
    bench.plan.locate(&properties(&["Old"]), later);
    bench.quotes(&[("xbteur", "1")], &[]);
    let write = bench.render();
    (bench, write)
}

#[test]
fn of_a_cell_that_is_found_elsewhere_while_it_is_written_the_answer_says_nothing() {
    for is_refused in [false, true] {
        let (mut bench, write) = writing_to_old();
        let later = bench.later();
        bench.plan.locate(&properties(&["New"]), later);
        match is_refused {
            true => bench.plan.refused(&write, Some(0), "Unable to parse range", later),
            false => bench.plan.confirmed(&write),
        }
        assert_eq!(bench.plan.report()[0].written, None);
        assert_eq!(bench.due(), entries(&[("'New'!A1", "1")]), "refused: {is_refused}");
    }
}

#[test]
fn a_cell_that_was_refused_under_an_old_title_is_well_as_soon_as_the_new_one_is_known() {
    let (mut bench, write) = writing_to_old();
    let later = bench.later();
    bench.plan.refused(&write, Some(0), "Unable to parse range: 'Old'!A1", later);
    bench.plan.locate(&properties(&["Old"]), later);
    assert_eq!(bench.failing(), [0], "it is where it was refused");
    bench.plan.locate(&properties(&["New"]), later);
    assert_eq!(bench.failing(), [0; 0]);
    assert_eq!(bench.due(), entries(&[("'New'!A1", "1")]));
}
