//! What people do to a spreadsheet while it is written: they delete, cut and restore. What is
//! gone stands still alone, and is written again when it is back.

use ratesheet::sandbox::Sandbox;

use crate::rig::{ONE, Rig, TAB, TWO, block_on, one_price, report, with_tree};

const OTHER: &str = "Other";

fn other(sandbox: &Sandbox) -> Option<serde_json::Value> {
    sandbox.cell(ONE, OTHER, "A1")
}

#[test]
fn a_tab_that_is_deleted_stops_its_own_cells_alone_until_there_is_one_again() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, OTHER, 10, 10);
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "Other!A1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.until("both tabs", |sandbox| other(sandbox).is_some()).await;
            rig.sandbox.delete_tab(ONE, OTHER);
            let failing = |report: &ratesheet::SpreadsheetReport| {
                report.cells.iter().any(|cell| cell.failing.is_some())
            };
            let cells = report(supervisor, failing).await.cells;
            let failing: Vec<_> = cells.iter().filter_map(|cell| cell.failing.as_ref()).collect();
            let told = failing[0].to_string();
            assert!(failing.len() == 1 && told.contains(OTHER), "{failing:?}");
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.add_tab(ONE, OTHER, 10, 10);
            rig.until("the new tab", |sandbox| other(sandbox).is_some()).await;
        })
        .await;
    });
}

#[test]
fn a_tab_that_shrinks_loses_the_cells_beyond_its_edge_alone_until_it_grows_again() {
    block_on(async {
        let rig = Rig::new();
        let sheet =
            one_price(ONE).cell("kraken:xbteur:buy", "A20").cell("kraken:xbteur:last", "F2");
        with_tree(rig.config().sheet(sheet), async |_| {
            let both = || rig.number("A20").is_some() && rig.number("F2").is_some();
            rig.until("prices", |_| both()).await;
            rig.sandbox.resize(ONE, TAB, 10, 5);
            assert!(rig.number("A20").is_none() && rig.number("F2").is_none());
            rig.fresh(&[(ONE, "A1")]).await;
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.resize(ONE, TAB, 1_000, 26);
            rig.until("prices where there is room again", |_| both()).await;
        })
        .await;
    });
}

#[test]
fn a_spreadsheet_that_is_restored_is_written_again() {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        with_tree(config, async |supervisor| {
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
            rig.sandbox.trash(ONE);
            let report = report(supervisor, |report| report.failing.is_some()).await;
            let told = report.failing.unwrap().failure.to_string();
            assert!(told.contains("it is in the bin"), "{told}");
            rig.fresh(&[(TWO, "A1")]).await;
            rig.sandbox.restore(ONE);
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        })
        .await;
    });
}
