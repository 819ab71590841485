//! What is written where, while a spreadsheet is in some trouble or other.

use std::time::Duration;

use ratesheet::{
    ActorName, CellValue, Drill, DrillActor, SheetConfig, SpreadsheetReport, Tab,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};
use tokio::time::Instant;

use crate::rig::{
    ONE, Rig, SOON, TAB, TWO, block_on, eventually, finish, has_landed, one_price, price,
    ratesheet, report, status, tickers, ticks, with_tree, writes,
};

#[test]
fn after_a_pause_no_old_quotes_are_written() {
    block_on(async {
        let rig = Rig::new();
        // So rarely that a write could be made before newer quotes are offered again.
        let [one, two] = [ONE, TWO].map(|id| one_price(id).every(Duration::from_millis(100)));
        let mut config = rig.patient().sheet(one).sheet(two);
        config.supervision.park = Duration::from_secs(2);
        config.supervision.intensity.max_restarts = 0;
        let other = |sandbox: &Sandbox| sandbox.cell(TWO, TAB, "A1").and_then(|v| v.as_f64());
        with_tree(config, async |tree| {
            rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
            let begun = Instant::now();
            for round in 1.. {
                assert!(begun.elapsed() < 2 * SOON, "every pause is too short for this machine");
                let [before, meanwhile, newest] =
                    [100, 200, 300].map(|n| f64::from(n + 1_000 * round));
                rig.set_price(before);
                let both =
                    |s: &Sandbox| (rig.number("A1"), other(s)) == (Some(before), Some(before));
                rig.until("the price before it, in both", both).await;
                let last = rig.last();
                let actor = ActorName::Sheets(ONE.into());
                let order = DrillActor { actor, drill: Drill::Panic, relentless: false };
                tree.send(order).await.unwrap();
                rig.set_price(meanwhile);
                rig.until("the next price, in the other", |s| other(s) == Some(meanwhile)).await;
                let first = |sandbox: &Sandbox| {
                    let since = sandbox.journal_since(last).into_iter();
                    since.filter(Entry::is_write).find(|e| e.spreadsheet() == Some(ONE))
                };
                let late = async || status(tree).await.kraken.undelivered;
                let so_far = late().await;
                let is_full = async || late().await > so_far || first(&rig.sandbox).is_some();
                eventually("its mailbox is full", is_full).await;
                rig.set_price(newest);
                rig.until("the newest price, in the other", |s| other(s) == Some(newest)).await;
                let known = rig.last();
                rig.until("a write after it", |s| first(s).is_some()).await;
                let first = first(&rig.sandbox).unwrap();
                // Or else the pause was over before the newest price was known.
                if first.seq > known {
                    assert_eq!(price(&first), newest, "round {round}");
                    break;
                }
                rig.until("it is written again", |_| rig.number("A1") == Some(newest)).await;
            }
        })
        .await;
    });
}

#[test]
fn a_retry_carries_the_price_that_came_while_it_waited() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.patient().sheet(one_price(ONE));
        config.retry.backoff.min = Duration::from_secs(1);
        config.retry.backoff.max = Duration::from_secs(1);
        rig.set_price(1);
        with_tree(config, async |_| {
            rig.until("the first price", |_| rig.number("A1") == Some(1.0)).await;
            let away = Fault::google(503, "UNAVAILABLE", "It is away.");
            let away = rig.sandbox.fault(Service::Sheets, away);
            let failed = |s: &Sandbox| {
                writes(s).iter().filter(|e| e.fault.is_some() && e.ended.is_some()).count()
            };
            // A wait that is long enough for some fetches of a newer price.
            let mut newest = 1;
            let begun = loop {
                let before = failed(&rig.sandbox);
                newest += 1;
                rig.set_price(newest);
                rig.until("a write fails", |s| failed(s) > before).await;
                let (begun, fetched) = (writes(&rig.sandbox).len(), tickers(&rig.sandbox).len());
                newest += 1;
                rig.set_price(newest);
                rig.until("five fetches", |s| tickers(s).len() > fetched + 5).await;
                if before > 0 && writes(&rig.sandbox).len() == begun {
                    break begun;
                }
            };
            rig.sandbox.clear_fault(away);
            rig.until("it is written again", |_| rig.number("A1") == Some(newest.into())).await;
            let retry = &writes(&rig.sandbox)[begun];
            assert_eq!(price(retry), f64::from(newest), "{retry:?}");
        })
        .await;
    });
}

#[test]
fn a_write_that_is_applied_late_does_not_stay() {
    block_on(async {
        let rig = Rig::new();
        rig.set_price(50);
        let sheet = one_price(ONE).every(Duration::from_secs(1));
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.until("50", |_| rig.number("A1") == Some(50.0)).await;
            let late = Fault::ApplyLate(Duration::from_secs(5));
            rig.sandbox.inject(FaultRule::new(Service::Sheets, late).path("batchUpdate").times(1));
            rig.set_price(100);
            rig.until("late", |s| s.journal().iter().any(|e| e.fault.is_some())).await;
            rig.set_price(200);
            rig.until("200", |_| rig.number("A1") == Some(200.0)).await;
            assert!(!has_landed(&rig.sandbox), "it came before the other");
            rig.until("100, after all", has_landed).await;
            rig.until("200 again", |_| rig.number("A1") == Some(200.0)).await;
        })
        .await;
    });
}

#[test]
fn a_tick_that_brings_nothing_but_the_time_of_the_same_prices_is_a_success() {
    block_on(async {
        let rig = Rig::new();
        rig.set_price(50);
        // Slow enough that each is written before the next comes.
        let sheet = one_price(ONE).updated("B1").every(Duration::from_millis(300));
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            let first = report(supervisor, |report| report.last_success.is_some()).await;
            // Long before the price is written afresh.
            let then = report(supervisor, |report| report.writes >= first.writes + 3).await;
            assert!(then.last_success > first.last_success);
            let all = writes(&rig.sandbox);
            assert!(all.iter().skip(1).all(|write| !write.json().to_string().contains("!A1")));
        })
        .await;
    });
}

#[test]
fn where_no_price_is_to_be_had_the_time_and_the_problem_are_no_success() {
    block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).updated("B1").problem("C1");
        with_tree(rig.config().sheet(sheet), async |supervisor| {
            report(supervisor, |report| report.last_success.is_some()).await;
            let down = Fault::status(503);
            rig.sandbox.inject(FaultRule::new(Service::Kraken, down).path("Ticker"));
            let is_told = |report: &SpreadsheetReport| {
                let absent = report.cells.iter().any(|cell| cell.failing.is_some());
                absent && report.settled > 0
            };
            let before = report(supervisor, is_told).await;
            let after = report(supervisor, |report| report.settled > before.settled + 2).await;
            assert_eq!(after.last_success, before.last_success);
            assert_eq!(after.unchanged, before.unchanged);
            let told = after.cells.last().and_then(|cell| cell.written.clone());
            assert!(matches!(told, Some(CellValue::Text(text)) if text.contains("Kraken")));
        })
        .await;
    });
}

/// It tells how old the prices are, not when the sheet was written: while there are none, what else
/// is written does not move it.
#[test]
fn updated_stands_still_while_no_prices_come_and_moves_with_them_again() {
    block_on(async {
        let rig = Rig::new();
        let sheet = one_price(ONE).updated("B1").problem("C1");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            // Not before its time: what comes with the next fetch is later.
            for _ in 0..2 {
                let before = rig.number("B1");
                rig.until("updated moves", |_| rig.number("B1") > before).await;
            }
            let down = FaultRule::new(Service::Kraken, Fault::status(503)).path("Ticker");
            let down = rig.sandbox.inject(down);
            let told = |sandbox: &Sandbox| {
                sandbox.cell(ONE, TAB, "C1").is_some_and(|told| told.to_string().contains("Kraken"))
            };
            rig.until("the problem is told", told).await;
            let (stood, failed) = (rig.number("B1"), tickers(&rig.sandbox).len());
            rig.until("more failures", |s| tickers(s).len() > failed + 5).await;
            assert_eq!(rig.number("B1"), stood);
            let days = stood.unwrap();
            assert!(days <= today() && days > today() - SOON.as_secs_f64() / 86_400.0, "{days}");
            rig.sandbox.clear_fault(down);
            rig.until("updated moves again", |_| rig.number("B1") > stood).await;
        })
        .await;
    });
}

#[test]
fn once_waits_until_the_halving_is_over() {
    let rig = Rig::new();
    let cells: Vec<_> = (1..=16).map(|row| format!("\"A{row}\"")).collect();
    let refusal = Fault::google(400, "INVALID_ARGUMENT", "Something is wrong somewhere.");
    rig.sandbox.inject(FaultRule::new(Service::Sheets, refusal).body("!A11\""));
    let file = rig.file(&format!(
        r#"{{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": [{}] }} }}"#,
        cells.join(",")
    ));
    let output = finish(ratesheet(&["once", "-c", file.path().to_str().unwrap()]));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("15 of 16 cells written"), "{text}");
}

#[test]
fn a_protected_tab_does_not_stop_the_others() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 200, 10);
        let sheet = (1..=100).fold(one_price(ONE), |sheet, row| {
            sheet.cell("kraken:xbteur:sell", &format!("Other!A{row}"))
        });
        let mut config = rig.config();
        config.retry.probe = Duration::from_secs(300);
        with_tree(config.sheet(sheet), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            rig.sandbox.protect(ONE, "Other", "A1:A100");
            let before = rig.sandbox.count(Service::Sheets);
            rig.fresh(&[(ONE, "A1")]).await;
            let all = rig.sandbox.requests(Service::Sheets);
            let refused = all.iter().skip(before).filter(|e| e.status == Some(400)).count();
            let reads = all.iter().skip(before).filter(|e| e.method == "GET").count();
            assert!(refused < 10, "{refused} refused writes and {reads} reads before A1 is fresh");
        })
        .await;
    });
}

#[test]
fn a_gid_is_kept_to_when_titles_are_exchanged() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.add_tab(ONE, "Other", 100, 26);
        let url = format!(
            "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={}",
            rig.sandbox.gid(ONE, TAB)
        );
        let sheet = SheetConfig::new(&url, Tab::First)
            .every(Duration::from_millis(20))
            .cell("kraken:xbteur:sell", "A1");
        with_tree(rig.config().sheet(sheet), async |_| {
            rig.until("A1", |_| rig.number("A1").is_some()).await;
            rig.sandbox.rename_tab(ONE, TAB, "Old");
            rig.sandbox.rename_tab(ONE, "Other", TAB);
            // 'Sheet 1' is now the user's other tab. That is noticed at the next reading.
            let old = rig.sandbox.cell(ONE, "Old", "A1");
            rig.until("the tab of this gid", |s| s.cell(ONE, "Old", "A1") != old).await;
            let wrong = rig.sandbox.cell(ONE, TAB, "A1");
            let old = rig.sandbox.cell(ONE, "Old", "A1");
            rig.until("the same tab", |s| s.cell(ONE, "Old", "A1") != old).await;
            assert_eq!(rig.sandbox.cell(ONE, TAB, "A1"), wrong, "the wrong tab is overwritten");
        })
        .await;
    });
}

#[test]
fn one_cell_by_two_names_is_noticed() {
    block_on(async {
        let rig = Rig::new();
        let url = format!(
            "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={}",
            rig.sandbox.gid(ONE, TAB)
        );
        let other = SheetConfig::new(&url, Tab::First)
            .every(Duration::from_millis(20))
            .cell("kraken:etheur:sell", "A1");
        with_tree(rig.config().sheet(one_price(ONE)).sheet(other), async |supervisor| {
            report(supervisor, |report| report.cells.iter().any(|cell| cell.failing.is_some()))
                .await;
        })
        .await;
    });
}

#[test]
fn a_cell_that_is_not_located_says_so() {
    let rig = Rig::new();
    rig.sandbox
        .inject(FaultRule::new(Service::Sheets, Fault::status(500)).path("fields=properties"));
    let gid = rig.sandbox.gid(ONE, TAB);
    let file = rig.file(&format!(
        r#"{{ "sheets": [
            {{ "sheet": "{ONE}:Sheet 1", "timeout": 5000, "data": {{ "kraken:xbteur:sell": "A1" }}, "updated": "D1" }},
            {{ "sheet": "https://docs.google.com/spreadsheets/d/{ONE}/edit#gid={gid}", "timeout": 5000,
               "data": {{ "kraken:xbteur:buy": "B1" }}, "problem": "'Sheet 1'!E1" }} ] }}"#
    ));
    rig.sandbox.set_time_zone(ONE, "Asia/Tokyo");
    let output = finish(ratesheet(&[
        "once",
        "-c",
        file.path().to_str().unwrap(),
        "--log-level",
        "trace",
        "--output",
        "json",
    ]));
    let text = String::from_utf8(output.stdout).unwrap();
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    for cell in json["cells"].as_array().unwrap() {
        assert!(
            cell["written"] == true || cell["problem"].is_object(),
            "neither written nor explained: {cell}"
        );
    }
}

#[test]
fn no_time_is_written_in_a_zone_that_is_not_known() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_time_zone(ONE, "Asia/Tokyo");
        rig.sandbox
            .inject(FaultRule::new(Service::Sheets, Fault::status(500)).path("fields=properties"));
        with_tree(rig.config().sheet(one_price(ONE).updated("D1")), async |_| {
            rig.fresh(&[(ONE, "A1")]).await;
            assert_eq!(rig.number("D1"), None);
            rig.sandbox.clear_faults();
            rig.until("D1", |_| rig.number("D1").is_some()).await;
        })
        .await;
        let tokyo = today() + 9.0 / 24.0;
        let d1 = rig.number("D1").unwrap();
        assert!((d1 - tokyo).abs() < 0.01, "off by {} hours", (d1 - tokyo) * 24.0);
    });
}

#[test]
fn a_price_that_comes_back_is_no_recovery() {
    block_on(async {
        let rig = Rig::new();
        rig.set_price(1);
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.until("1", |_| rig.number("A1") == Some(1.0)).await;
            rig.sandbox.trash(ONE);
            rig.set_price(2);
            report(supervisor, |report| report.failing.is_some()).await;
            rig.set_price(1);
            ticks(supervisor, 50).await;
            let now = report(supervisor, |_| true).await;
            assert!(now.failing.is_some(), "it is said to be written, and is in the bin: {now:?}");
        })
        .await;
    });
}

/// Now, in UTC, in days as a spreadsheet counts them.
fn today() -> f64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    25_569.0 + since / 86_400.0
}
