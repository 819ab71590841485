//! The right number in the right cell, and nothing taken for written that is not.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    time::Duration,
};

use ratesheet::{
    SheetConfig,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{
    ONE, Rig, TAB, block_on, cells, one_price, report, status, tickers, with_tree, writes,
};

/// The names of all markets, each with Kraken's own: of some by other names, too.
fn markets(rig: &Rig) -> Vec<(String, String)> {
    let others = [
        ("xbteur", "XXBTZEUR"),
        ("XBT/USD", "XXBTZUSD"),
        ("btcusd", "XXBTZUSD"),
        ("ADA/EUR", "ADAEUR"),
        ("XDG/EUR", "XDGEUR"),
    ];
    let others = others.map(|(name, key)| (name.to_owned(), key.to_owned()));
    rig.sandbox.pairs().into_iter().map(|key| (key.clone(), key)).chain(others).collect()
}

/// Five hundred cells of every pair on twenty tabs of five files. Prices move, and each tells which
/// pair and which field it is of; every write is looked at.
#[test]
fn no_cell_shows_another_pair_s_price() {
    const TABS: [&str; 4] = [TAB, "It's a tab!", "A1", "=1+1"];
    block_on(async {
        let rig = Rig::new();
        let (keys, markets) = (rig.sandbox.pairs(), markets(&rig));
        let fields = ["buy", "sell", "last"];
        let price = |key: &str, field: usize, round: usize| {
            let pair = keys.iter().position(|other| other == key).unwrap();
            format!("{}.{}", 1_000_000 * (pair + 1) + round, field + 1)
        };
        let go_on = |round| {
            for key in &keys {
                let [ask, bid, last] = [0, 1, 2].map(|field| price(key, field, round));
                rig.sandbox.set_ticker(key, &ask, &bid, &last);
            }
        };
        let (mut config, mut expected) = (rig.patient(), BTreeMap::new());
        let mut dice = fastrand::Rng::with_seed(7);
        for file in 1..=5 {
            let id = format!("{file}-one-of-five-spreadsheets");
            rig.sandbox.create_spreadsheet(&id, "One of five", &TABS.map(|tab| (tab, 100, 26)));
            for tab in TABS {
                let mut sheet = SheetConfig::new(&id, tab).every(Duration::from_millis(100));
                for row in 1..=25 {
                    let (name, key) = dice.choice(&markets).unwrap();
                    let field = dice.usize(..fields.len());
                    let cell = format!("{}{row}", dice.alphabetic().to_ascii_uppercase());
                    sheet = sheet.cell(&format!("kraken:{name}:{}", fields[field]), &cell);
                    let range = format!("'{}'!{cell}", tab.replace('\'', "''"));
                    expected.insert((id.clone(), range), (key.as_str(), field));
                }
                config = config.sheet(sheet);
            }
        }
        let is_of = |(id, range): (&str, &str), value: f64, rounds: RangeInclusive<usize>| {
            let (key, field) = expected[&(id.to_owned(), range.to_owned())];
            rounds.into_iter().any(|round| price(key, field, round).parse() == Ok(value))
        };
        go_on(1);
        with_tree(config, async |_| {
            for round in 2..=5 {
                let (before, files) = (rig.last(), 5);
                rig.until("each file is written", |sandbox| {
                    let since = sandbox.journal_since(before).into_iter().filter(Entry::is_write);
                    let ids: BTreeSet<_> =
                        since.filter_map(|e| e.spreadsheet().map(str::to_owned)).collect();
                    ids.len() == files
                })
                .await;
                go_on(round);
            }
            rig.until("the last prices", |sandbox| {
                expected.keys().all(|(id, range)| {
                    let (tab, cell) = range.rsplit_once('!').unwrap();
                    let tab = tab.trim_matches('\'').replace("''", "'");
                    let value = sandbox.cell(id, &tab, cell).and_then(|value| value.as_f64());
                    value.is_some_and(|value| is_of((id, range), value, 5..=5))
                })
            })
            .await;
        })
        .await;
        for write in writes(&rig.sandbox) {
            for (range, value) in cells(&write) {
                let place = (write.spreadsheet().unwrap(), range.as_str());
                assert!(is_of(place, value.as_f64().unwrap(), 1..=5), "{place:?}: {value}");
            }
        }
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

/// Each service's connection is closed three times between two ticks, and the next tick goes by a
/// new one: nobody fails, and no tick is spent on finding that out.
#[test]
fn a_connection_that_was_closed_meanwhile_costs_no_tick() {
    block_on(async {
        let rig = Rig::new();
        let slow = SheetConfig::new(ONE, TAB)
            .every(Duration::from_secs(2))
            .cell("kraken:xbteur:sell", "A1");
        with_tree(rig.patient().sheet(slow), async |supervisor| {
            for writes in 1..=4 {
                // By then the answer has been read: nothing is under way that could be cut.
                report(supervisor, |report| report.writes + report.write_failures >= writes).await;
                rig.sandbox.pause_listening();
                rig.resume().await;
            }
            let status = status(supervisor).await;
            let sheet = &status.spreadsheets[ONE];
            assert_eq!((status.kraken.failures, sheet.write_failures), (0, 0), "{status:?}");
            assert_eq!((status.schedule.ticks, status.kraken.fetches, sheet.writes), (4, 4, 4));
        })
        .await;
        for asked in [tickers(&rig.sandbox), writes(&rig.sandbox)] {
            let connections: BTreeSet<_> = asked.iter().map(|entry| entry.connection).collect();
            assert_eq!(connections.len(), 4, "{connections:?} are no new ones");
        }
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

/// The answer's order is its own, it tells of more pairs than were asked for, and of one twice.
#[test]
fn a_price_is_found_by_its_pair_s_name_wherever_it_stands() {
    block_on(async {
        let rig = Rig::new();
        let ticker = |key: &str, price: u32| {
            let side = format!(r#"["{price}","1","1"]"#);
            format!(r#""{key}":{{"a":{side},"b":{side},"c":["{price}","1"]}}"#)
        };
        let mut all = vec![
            ticker("XXBTZEUR", 1),
            ticker("XETHZEUR", 2),
            ticker("ADAEUR", 3),
            ticker("NOBODYASKED", 4),
            ticker("XXBTZUSD", 5),
            ticker("ADAEUR", 6),
        ];
        let sheet = one_price(ONE)
            .cell("kraken:etheur:buy", "A2")
            .cell("kraken:adaeur:last", "A3")
            .problem("E1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.until("a price", |_| rig.number("A3").is_some()).await;
            for _ in 0..5 {
                fastrand::shuffle(&mut all);
                let body = format!(r#"{{"error":[],"result":{{{}}}}}"#, all.join(","));
                let answer = FaultRule::new(Service::Kraken, Fault::json(200, body)).path("Ticker");
                for cell in ["A1", "A2", "A3"] {
                    rig.sandbox.set_cell(ONE, TAB, cell, "old");
                }
                let id = rig.sandbox.inject(answer);
                // Of two prices of one pair, either is right.
                let shows = |_: &Sandbox| {
                    let numbers = ["A1", "A2", "A3"].map(|cell| rig.number(cell));
                    matches!(numbers, [Some(1.0), Some(2.0), Some(3.0 | 6.0)])
                };
                rig.until(&format!("the prices of {all:?}"), shows).await;
                rig.sandbox.clear_fault(id);
                rig.fresh(&[(ONE, "A1")]).await;
            }
            assert_eq!(status(supervisor).await.kraken.failures, 0);
        })
        .await;
    });
}
