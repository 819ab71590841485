//! What Kraken gives in part: one bad pair, one bad request, one odd answer costs nothing else.

use std::{ops::Range, time::Duration};

use actix::Actor as _;
use ratesheet::{
    GetStatus, SheetConfig, Shutdown, SpreadsheetReport, SupervisorActor,
    sandbox::{Entry, Fault, FaultRule, Service},
};

use crate::rig::{
    ONE, Rig, TAB, TWO, block_on, cells, eventually, one_price, price, report, sheet, status,
    tickers, ticks, with_tree, writes,
};

/// A ticker.
const ROW: &str = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"],"v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}"#;

/// The tickers of so many pairs, `aaa000eur` and so on, in one answer.
fn rows(range: Range<u32>) -> Fault {
    let rows: Vec<_> = range.map(|n| format!(r#""AAA{n:03}EUR":{ROW}"#)).collect();
    Fault::json(200, format!(r#"{{"error":[],"result":{{{}}}}}"#, rows.join(",")))
}

#[test]
fn a_wait_that_kraken_asks_for_is_kept_even_if_there_are_some_quotes() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(0..100)).path("pair=AAA000EUR"));
        let limit = Fault::status(429).header("Retry-After", "30");
        rig.sandbox.inject(FaultRule::new(Service::Kraken, limit).path("pair=AAA100EUR"));
        let sheet = (0..150).fold(sheet(ONE), |sheet, n| {
            sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
        });
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            ticks(supervisor, 50).await;
            let met = rig
                .sandbox
                .requests(Service::Kraken)
                .iter()
                .filter(|e| e.status == Some(429))
                .count();
            assert!(met == 1, "{met} requests were refused, though Kraken asked for 30 s of peace");
        })
        .await;
    });
}

#[test]
fn a_partial_failure_is_tried_again() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(0..100)).path("pair=AAA000EUR"));
        rig.sandbox.inject(
            FaultRule::new(Service::Kraken, Fault::Html(520)).path("pair=AAA100EUR").times(1),
        );
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(100..150)).path("pair=AAA100EUR"));
        let sheet = (0..150)
            .fold(SheetConfig::new(ONE, TAB).every(Duration::from_secs(3600)), |sheet, n| {
                sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
            });
        with_tree(rig.config().sheet(sheet), async |_| {
            // Long before the next tick, which is in an hour.
            rig.until("both halves", |_| {
                rig.number("B1").is_some() && rig.number("B120").is_some()
            })
            .await;
        })
        .await;
    });
}

#[test]
fn more_pairs_than_a_request_holds_are_just_so_many_requests_a_tick() {
    const TICKS: u64 = 10;
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, rows(0..250)).path("/Ticker"));
        let sheet = (0..250).fold(sheet(ONE), |sheet, n| {
            sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
        });
        let tree = SupervisorActor::new(rig.patient().sheet(sheet)).ticks(TICKS).start();
        eventually("every tick is fetched or skipped", async || {
            let kraken = status(&tree).await.kraken;
            kraken.fetches + kraken.skipped == TICKS
        })
        .await;
        let fetches = status(&tree).await.kraken.fetches as usize;
        tree.send(Shutdown).await.unwrap();
        let asked = tickers(&rig.sandbox);
        assert_eq!(asked.len(), 3 * fetches);
        let named = |entry: &Entry| entry.target.matches("EUR").count();
        for fetch in asked.chunks(3) {
            assert_eq!(fetch.iter().map(named).sum::<usize>(), 250, "{fetch:?}");
            assert!(fetch.iter().all(|entry| named(entry) <= 100), "{fetch:?}");
        }
    });
}

#[test]
fn nineteen_pairs_of_twenty_are_written_with_every_tick_though_one_is_no_ticker() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let sheet = (0..20).fold(sheet(ONE), |sheet, n| {
            sheet.cell(&format!("kraken:aaa{n:03}eur:last"), &format!("B{}", n + 1))
        });
        // All of an answer is of one moment.
        let answer = |price: u32| {
            let row = ROW.replace(r#""c":["4""#, &format!(r#""c":["{price}""#));
            let row = |n| format!(r#""AAA{n:03}EUR":{}"#, if n == 7 { "[]" } else { &row });
            let rows = (0..20).map(row).collect::<Vec<_>>().join(",");
            let answer = Fault::json(200, format!(r#"{{"error":[],"result":{{{rows}}}}}"#));
            rig.sandbox.inject(FaultRule::new(Service::Kraken, answer).path("/Ticker"))
        };
        let mut old = answer(1);
        with_tree(rig.patient().sheet(sheet), async |_| {
            for price in 1..=30_u32 {
                rig.until("the price", |_| rig.number("B1") == Some(price.into())).await;
                // The older of two goes first.
                let new = answer(price + 1);
                rig.sandbox.clear_fault(old);
                old = new;
            }
        })
        .await;
        let good = (1..=20).filter(|row| *row != 8).map(|row| format!("'{TAB}'!B{row}"));
        let good: Vec<_> = good.collect();
        let mut written = Vec::new();
        for write in writes(&rig.sandbox) {
            let (ranges, values): (Vec<_>, Vec<_>) = cells(&write).into_iter().unzip();
            assert_eq!(ranges, good);
            assert!(values.iter().all(|value| *value == values[0]), "of two ticks: {values:?}");
            written.push(price(&write));
        }
        written.dedup();
        let all: Vec<_> = (1..=30).map(f64::from).collect();
        assert!(written.starts_with(&all), "{written:?}");
    });
}

#[test]
fn a_pair_missing_beside_an_error_is_not_called_unknown() {
    block_on(async {
        let rig = Rig::new();
        let body = format!(r#"{{"error":["EService:Busy"],"result":{{"XETHZEUR":{ROW}}}}}"#);
        let sheet = one_price(ONE).cell("kraken:etheur:sell", "B1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.inject(
                FaultRule::new(Service::Kraken, Fault::json(200, body)).path("Ticker").times(1),
            );
            let like = |report: &SpreadsheetReport| {
                report.cells[1].failing.is_some() || report.cells[0].failing.is_some()
            };
            let cells = report(supervisor, like).await.cells;
            let why = cells.iter().find_map(|cell| cell.failing.clone()).unwrap();
            assert!(!why.to_string().contains("does not know"), "{why}");
        })
        .await;
    });
}

/// An error beside all that was asked for: only a plea for fewer requests is a reason to wait.
#[test]
fn an_error_beside_a_whole_answer_is_no_outage_unless_it_asks_for_fewer_requests() {
    for (text, fails) in [("EService:Busy", false), ("EAPI:Rate limit exceeded", true)] {
        block_on(async {
            let rig = Rig::new();
            let body = format!(r#"{{"error":["{text}"],"result":{{"XXBTZEUR":{ROW}}}}}"#);
            let beside = FaultRule::new(Service::Kraken, Fault::json(200, body)).path("Ticker");
            rig.sandbox.inject(beside);
            with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
                rig.until("the price beside the error", |_| rig.number("A1") == Some(4.0)).await;
                let kraken = supervisor.send(GetStatus).await.unwrap().kraken;
                assert_eq!(kraken.failing.is_some(), fails, "{text}: {kraken:?}");
                assert!(kraken.last_success.is_some(), "{text}: it has brought a quote");
            })
            .await;
        });
    }
}

#[test]
fn a_pair_that_one_answer_leaves_out_is_asked_for_at_the_next_tick() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.retry.probe = Duration::from_secs(600);
        with_tree(config, async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            let odd = Fault::json(200, r#"{"error":[],"result":{}}"#);
            rig.sandbox.inject(FaultRule::new(Service::Kraken, odd).path("Ticker").times(3));
            rig.until("three odd answers", |s| {
                s.requests(Service::Kraken).iter().filter(|e| e.fault.is_some()).count() >= 3
            })
            .await;
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn the_newest_quote_of_every_pair_is_in_the_status() {
    block_on(async {
        let rig = Rig::new();
        let slow = SheetConfig::new(TWO, TAB)
            .every(Duration::from_secs(3600))
            .cell("kraken:etheur:buy", "A1");
        with_tree(rig.config().sheet(one_price(ONE)).sheet(slow), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.until("A1 of the other", |s| s.cell(TWO, TAB, "A1").is_some()).await;
            rig.fresh(&[(ONE, "A1")]).await;
            let quotes = status(supervisor).await.kraken.quotes;
            let pair = "etheur".parse().unwrap();
            assert!(quotes.contains_key(&pair), "{:?}", quotes.keys().collect::<Vec<_>>());
        })
        .await;
    });
}
