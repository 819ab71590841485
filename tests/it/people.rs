//! What people do to a spreadsheet while it is written: they delete, cut and restore, give odd
//! names, and start the service twice.

use std::time::Duration;

use actix::Actor as _;
use ratesheet::{
    ActorName, Drill, DrillActor, Reload, SheetConfig, Shutdown, SpreadsheetReport,
    SupervisorActor, Tab,
    sandbox::{Sandbox, Service},
};

use crate::rig::{
    ONE, Rig, TAB, TWO, block_on, cells, one_price, report, status, with_tree, writes,
};

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
fn where_no_tab_is_named_none_is_written_over_by_a_reload_or_a_fault_after_tabs_were_moved() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, OTHER, 10, 10);
        let sheet = SheetConfig::new(ONE, Tab::First).every(Duration::from_millis(20));
        let config = rig.config().sheet(sheet.cell("kraken:xbteur:sell", "A1"));
        with_tree(config.clone(), async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.move_tab_to_front(ONE, OTHER);
            tree.send(Reload(Box::new(config.clone()))).await.unwrap().unwrap();
            rig.fresh(&[(ONE, "A1")]).await;
            let actor = ActorName::Sheets(ONE.into());
            let order = DrillActor { actor, drill: Drill::Panic, relentless: false };
            assert_eq!(tree.send(order).await, Ok(true));
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(other(&rig.sandbox), None, "it is somebody else's tab");
            // Only when that one is gone, and somebody says so, it is another.
            rig.sandbox.delete_tab(ONE, TAB);
            let why = |report: &SpreadsheetReport| {
                let failing = report.cells[0].failing.as_ref();
                failing.is_some_and(|why| why.reason == "the tab that was the first is gone")
            };
            report(tree, why).await;
            assert_eq!(other(&rig.sandbox), None, "nobody has said so");
            tree.send(Reload(Box::new(config.clone()))).await.unwrap().unwrap();
            rig.until("a price in the other", |sandbox| other(sandbox).is_some()).await;
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

#[test]
fn a_tab_may_have_any_title() {
    block_on(async {
        let rig = Rig::new();
        let long = "x".repeat(100);
        let titles = [
            "Bob's",
            "a!b",
            "a:b",
            "a\"b\"",
            " a ",
            "=1+1",
            "+1",
            "\u{1f335}",
            "שלום \u{202b}a",
            "e\u{301}",
            "\u{e9}",
            "A1",
            "R1C1",
            "$A$1:B2",
            "a/b?c#d%20&e",
            "'a'!A1",
            &long,
        ];
        let config = titles.iter().fold(rig.config(), |config, title| {
            rig.sandbox.add_tab(ONE, title, 10, 10);
            let sheet = SheetConfig::new(ONE, *title).every(Duration::from_millis(20));
            config.sheet(sheet.cell("kraken:xbteur:sell", "B2"))
        });
        assert_eq!(config.check(), Ok(()));
        with_tree(config, async |_| {
            for title in titles {
                let what = format!("a price in {title:?}");
                rig.until(&what, |sandbox| sandbox.cell(ONE, title, "B2").is_some()).await;
            }
        })
        .await;
    });
}

/// It is of no use, and doubles what is asked of Google; but no cell is ever wrong.
#[test]
fn two_services_that_write_the_same_cells_leave_valid_prices_in_them() {
    block_on(async {
        let rig = Rig::new();
        let price = |price: u32| {
            let (bid, ask) = (price.to_string(), format!("{price}.5"));
            rig.sandbox.set_ticker("XXBTZEUR", &ask, &bid, &bid);
        };
        let config = |every| {
            let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_millis(every));
            let sheet = sheet.cell("kraken:xbteur:sell", "A1").cell("kraken:xbteur:buy", "B1");
            rig.config().sheet(sheet)
        };
        price(1);
        let (first, second) =
            (SupervisorActor::new(config(20)).start(), SupervisorActor::new(config(30)).start());
        for n in 2..=30 {
            price(n);
            let before = rig.sandbox.count(Service::Kraken);
            rig.until("fetches of both", |s| s.count(Service::Kraken) >= before + 4).await;
        }
        let both = || (rig.number("A1"), rig.number("B1"));
        rig.until("the last price", |_| both() == (Some(30.0), Some(30.5))).await;
        for tree in [first, second] {
            let status = status(&tree).await;
            let report = &status.spreadsheets[ONE];
            assert!(status.restarts.is_empty() && report.failing.is_none(), "{status:?}");
            assert!(report.writes > 5, "{report:?}");
            tree.send(Shutdown).await.unwrap();
        }
        for write in writes(&rig.sandbox) {
            for (range, price) in cells(&write) {
                let price = price.as_f64().unwrap();
                let fraction = if range.ends_with("B1") { 0.5 } else { 0.0 };
                assert!(price < 31.0 && price.fract() == fraction, "{range}: {price}");
            }
        }
    });
}
