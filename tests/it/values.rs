//! The right number in the right cell, and nothing taken for written that is not.

use std::{collections::BTreeMap, time::Duration};

use ratesheet::{
    SheetConfig,
    sandbox::{Fault, FaultRule, Sandbox, Service, Walk},
};

use crate::rig::{ONE, Rig, TAB, TWO, block_on, one_price, report, status, with_tree};

/// Many cells of many pairs on tabs of several files: each price tells which pair it is of.
#[test]
fn no_cell_shows_another_pair_s_price() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_walk(Walk::Still);
        let pairs = ["xbteur", "etheur", "XBT/USD", "ADA/EUR", "soleur", "XDG/EUR", "btcusd"];
        for (n, pair) in pairs.iter().enumerate() {
            let price = |side: u32| format!("{}.{side}", 1_000_000 * (n + 1));
            rig.sandbox.set_ticker(pair, &price(1), &price(2), &price(3));
        }
        let mut config = rig.config();
        let mut expected = BTreeMap::new();
        let mut dice = fastrand::Rng::with_seed(7);
        for (id, tab) in [(ONE, TAB), (ONE, "It's a tab!"), (TWO, TAB), (TWO, "A1"), (TWO, "=1+1")]
        {
            if tab != TAB {
                rig.sandbox.add_tab(id, tab, 100, 26);
            }
            let mut sheet = SheetConfig::new(id, tab).every(Duration::from_millis(20));
            for row in 1..=40 {
                let (n, field) = (dice.usize(..pairs.len()), dice.choice(["buy", "sell", "last"]));
                let (field, cell) =
                    (field.unwrap(), format!("{}{row}", dice.alphabetic().to_ascii_uppercase()));
                sheet = sheet.cell(&format!("kraken:{}:{field}", pairs[n]), &cell);
                expected.insert((id, tab, cell), (pairs[n], field));
            }
            config = config.sheet(sheet);
        }
        let price = |pair: &str, field: &str| {
            let ticker = rig.sandbox.ticker(pair);
            let text = match field {
                "buy" => &ticker.a[0],
                "sell" => &ticker.b[0],
                _ => &ticker.c[0],
            };
            text.parse::<f64>().ok()
        };
        with_tree(config, async |_| {
            rig.until("all cells", |s| {
                expected.keys().all(|(id, tab, cell)| s.cell(id, tab, cell).is_some())
            })
            .await;
        })
        .await;
        for ((id, tab, cell), (pair, field)) in &expected {
            let shown = rig.sandbox.cell(id, tab, cell).and_then(|value| value.as_f64());
            assert_eq!(shown, price(pair, field), "{cell} of {tab}: {pair} {field}");
        }
        let mut filled = 0;
        for id in [ONE, TWO] {
            for tab in rig.sandbox.tabs(id) {
                let rows = rig.sandbox.rows(id, &tab);
                filled += rows.iter().flatten().filter(|value| !value.is_null()).count();
            }
        }
        assert_eq!(filled, expected.len(), "other cells have been written, too");
    });
}

#[test]
fn a_write_that_google_confirms_in_part_is_no_success() {
    block_on(async {
        let rig = Rig::new();
        let part = r#"{"spreadsheetId":"x","totalUpdatedCells":1,"responses":[{}]}"#;
        let rule = FaultRule::new(Service::Sheets, Fault::json(200, part)).path("batchUpdate");
        rig.sandbox.inject(rule);
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "B1").cell("kraken:xbteur:last", "C1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            let report = report(supervisor, |report| report.failing.is_some()).await;
            assert_eq!(report.writes, 0);
            rig.sandbox.clear_faults();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn a_connection_that_was_closed_meanwhile_costs_no_tick() {
    block_on(async {
        let rig = Rig::new();
        let slow = SheetConfig::new(ONE, TAB)
            .every(Duration::from_secs(2))
            .cell("kraken:xbteur:sell", "A1");
        with_tree(rig.config().sheet(slow), async |supervisor| {
            rig.until("a price", |_| rig.number("A1").is_some()).await;
            for _ in 0..3 {
                let before = rig.number("A1");
                rig.sandbox.pause_listening();
                rig.resume().await;
                rig.until("the next price", |_| rig.number("A1") != before).await;
            }
            let status = status(supervisor).await;
            assert_eq!(status.kraken.failures, 0);
        })
        .await;
    });
}

#[test]
fn an_ask_below_the_bid_and_a_leap_are_written_as_they_are() {
    block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).cell("kraken:xbteur:buy", "B1");
        with_tree(rig.config().sheet(sheet), async |_| {
            for (ask, bid) in [("1", "2"), ("1000000", "2000000"), ("0.001", "3")] {
                rig.sandbox.set_ticker("XXBTZEUR", ask, bid, "1");
                let shows = |sandbox: &Sandbox, cell: &str, price: &str| {
                    let value = sandbox.cell(ONE, TAB, cell).and_then(|value| value.as_f64());
                    value == price.parse().ok()
                };
                rig.until(ask, |s| shows(s, "A1", bid) && shows(s, "B1", ask)).await;
            }
        })
        .await;
    });
}
