//! Sheets whose next tick is an hour away: what somebody has mended is written long before it.

use std::time::Duration;

use ratesheet::{SheetConfig, SpreadsheetReport};

use crate::rig::{ONE, Rig, TAB, block_on, report, with_tree};

fn hourly() -> SheetConfig {
    let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_secs(3_600));
    sheet.cell("kraken:xbteur:sell", "A1")
}

fn set_aside(report: &SpreadsheetReport) -> usize {
    report.cells.iter().filter(|cell| cell.failing.is_some()).count()
}

#[test]
fn a_cell_that_is_no_longer_protected_and_a_tab_that_is_back_are_not_left_until_the_next_tick() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.protect(ONE, TAB, "A2");
        let sheet = hourly().cell("kraken:xbteur:buy", "A2").cell("kraken:xbteur:buy", "Other!A1");
        with_tree(rig.config().sheet(sheet), async |tree| {
            rig.until("the good cell", |_| rig.number("A1").is_some()).await;
            report(tree, |report| set_aside(report) == 2).await;
            rig.sandbox.unprotect(ONE, TAB);
            rig.until("the cell is written", |_| rig.number("A2").is_some()).await;
            rig.sandbox.add_tab(ONE, "Other", 10, 10);
            rig.until("the tab is written", |sandbox| sandbox.cell(ONE, "Other", "A1").is_some())
                .await;
        })
        .await;
    });
}

#[test]
fn many_cells_that_were_set_aside_are_tried_again_one_group_after_the_other() {
    block_on(async {
        let rig = Rig::new();
        let cell = |row| format!("B{row}");
        let sheet =
            (1..=16).fold(hourly(), |sheet, row| sheet.cell("kraken:xbteur:buy", &cell(row)));
        rig.sandbox.protect(ONE, TAB, "B1:B16");
        with_tree(rig.config().sheet(sheet), async |tree| {
            rig.until("the good cell", |_| rig.number("A1").is_some()).await;
            report(tree, |report| set_aside(report) == 16).await;
            rig.sandbox.unprotect(ONE, TAB);
            rig.sandbox.protect(ONE, TAB, "B7");
            let written = || (1..=16).filter(|&row| rig.number(&cell(row)).is_some()).count();
            rig.until("all but the one that is still protected", |_| written() >= 15).await;
        })
        .await;
    });
}
