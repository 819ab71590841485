//! Fetches that bring less than they were for: what they cost, and what they count as.

use std::time::Duration;

use ratesheet::{
    SheetConfig,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{
    ONE, Rig, SOON, TAB, TWO, block_on, eventually, report, status, tickers, ticks, with_tree,
};

/// What Kraken says of one pair.
const ROW: &str = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"]}"#;

/// An hourly sheet with a price of its own for each of these pairs, so that there is one fetch.
fn hourly(pairs: impl IntoIterator<Item = String>) -> SheetConfig {
    let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_secs(3_600));
    (1..).zip(pairs).fold(sheet, |sheet, (row, pair)| {
        sheet.cell(&format!("kraken:{pair}:last"), &format!("B{row}"))
    })
}

/// What was asked for with each request for tickers.
fn tickers_asked_for(sandbox: &Sandbox) -> Vec<String> {
    tickers(sandbox).into_iter().map(|entry| entry.target).collect()
}

/// These pairs' quotes, and a plea for fewer requests beside them.
fn ask_for_less(pairs: &[&str]) -> Fault {
    let rows: Vec<_> = pairs.iter().map(|pair| format!("{pair:?}:{ROW}")).collect();
    let error = "EAPI:Rate limit exceeded";
    Fault::json(200, format!(r#"{{"error":["{error}"],"result":{{{}}}}}"#, rows.join(",")))
}

#[test]
fn everything_is_asked_for_once_however_many_requests_have_an_unknown_pair() {
    block_on(async {
        let rig = Rig::new();
        // Without the list, nothing here knows that the pairs are unknown.
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let unknown = (0..300).map(|n| format!("aaa{n:03}eur"));
        let sheet = hourly(unknown.chain(["xbteur".to_owned()]));
        with_tree(rig.config().sheet(sheet), async |tree| {
            rig.until("the price of the known one", |_| rig.number("B301").is_some()).await;
            report(tree, |report| report.cells[0].failing.is_some()).await;
            let asked = tickers_asked_for(&rig.sandbox);
            assert_eq!(asked.len(), 2, "one is refused, one is for everything");
        })
        .await;
    });
}

#[test]
fn a_fetch_that_brings_some_quotes_has_not_failed_as_a_whole() {
    block_on(async {
        let rig = Rig::new();
        let some = Fault::json(200, format!(r#"{{"error":[],"result":{{"AAA000EUR":{ROW}}}}}"#));
        let limit = Fault::status(429).header("Retry-After", "60");
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, some).path("pair=AAA000EUR"));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, limit).path("pair=AAA100EUR"));
        let pairs = (0..101).map(|n| format!("aaa{n:03}eur"));
        with_tree(rig.config().sheet(hourly(pairs)), async |tree| {
            report(tree, |report| report.cells.iter().any(|cell| cell.written.is_some())).await;
            let kraken = status(tree).await.kraken;
            assert_eq!((kraken.fetches, kraken.failures), (1, 0));
            assert!(kraken.failing.is_some() && kraken.last_success.is_some());
        })
        .await;
    });
}

#[test]
fn whoever_has_everything_and_is_asked_for_less_asks_for_nothing_again() {
    block_on(async {
        let rig = Rig::new();
        let less = ask_for_less(&["XETHZEUR", "XXBTZEUR"]);
        rig.sandbox.inject(FaultRule::new(Service::Kraken, less).path("Ticker").times(1));
        // Another sheet has the requests go on when its plea has been heeded, and an hourly pair
        // would be in them.
        let often = SheetConfig::new(TWO, TAB).every(Duration::from_millis(20));
        let often = often.cell("kraken:etheur:last", "A1");
        let config = rig.config().sheet(hourly(["xbteur".to_owned()])).sheet(often);
        with_tree(config, async |_| {
            rig.until("three requests", |s| tickers_asked_for(s).len() >= 3).await;
            let asked = tickers_asked_for(&rig.sandbox);
            let hourly = asked.iter().filter(|target| target.contains("XXBTZEUR"));
            assert_eq!(hourly.count(), 1, "{asked:?}");
        })
        .await;
    });
}

#[test]
fn a_plea_for_fewer_requests_is_heeded_before_the_next_request_of_the_same_fetch() {
    block_on(async {
        let rig = Rig::new();
        let less = FaultRule::new(Service::Kraken, ask_for_less(&["AAA000EUR"]));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        rig.sandbox.inject(less.path("pair=AAA000EUR"));
        let pairs = (0..101).map(|n| format!("aaa{n:03}eur"));
        with_tree(rig.config().sheet(hourly(pairs)), async |_| {
            rig.until("two requests", |s| tickers_asked_for(s).len() >= 2).await;
            // What is missing is asked for after a wait, from the beginning.
            let asked = tickers_asked_for(&rig.sandbox);
            assert!(asked[1].contains("AAA000EUR"), "{asked:?}");
        })
        .await;
    });
}

#[test]
fn a_request_that_fails_every_time_keeps_nobody_else_from_being_asked_for() {
    block_on(async {
        let rig = Rig::new();
        let row =
            |pair: &str| Fault::json(200, format!(r#"{{"error":[],"result":{{"{pair}":{ROW}}}}}"#));
        let inject = |fault, path: &str| {
            rig.sandbox.inject(FaultRule::new(Service::Kraken, fault).path(path));
        };
        inject(Fault::Html(520), "AssetPairs");
        inject(row("AAA000EUR"), "pair=AAA000EUR");
        inject(Fault::Html(520), "pair=AAA100EUR");
        inject(row("AAA200EUR"), "pair=AAA200EUR");
        let pairs = (0..201).map(|n| format!("aaa{n:03}eur"));
        with_tree(rig.config().sheet(hourly(pairs)), async |tree| {
            // The third request is made although the second has always failed.
            rig.until("the last price", |_| rig.number("B201").is_some()).await;
            let asked = tickers_asked_for(&rig.sandbox);
            let names = |target: &String| target.contains("AAA200EUR");
            assert_eq!(asked.iter().position(names), Some(3), "{asked:?}");
            assert!(status(tree).await.kraken.failing.is_some());
        })
        .await;
    });
}

#[test]
fn a_request_that_fails_every_time_costs_nobody_else_a_tick() {
    block_on(async {
        let rig = Rig::new();
        let some = Fault::json(200, format!(r#"{{"error":[],"result":{{"AAA000EUR":{ROW}}}}}"#));
        for (fault, path) in [
            (Fault::Html(520), "AssetPairs"),
            (some, "pair=AAA000EUR"),
            (Fault::Html(520), "pair=AAA100EUR"),
        ] {
            rig.sandbox.inject(FaultRule::new(Service::Kraken, fault).path(path));
        }
        let sheet = hourly((0..101).map(|n| format!("aaa{n:03}eur")));
        let mut config = rig.config().sheet(sheet.every(Duration::from_millis(20)));
        // Whoever waits for it hardly gets anywhere.
        config.retry.backoff.min = SOON;
        config.retry.backoff.max = SOON;
        with_tree(config, async |tree| {
            let fetches = async || status(tree).await.kraken.fetches >= 30;
            eventually("the ticks go on", fetches).await;
            let asked = tickers_asked_for(&rig.sandbox);
            let bad = asked.iter().filter(|target| target.contains("AAA100EUR")).count();
            assert!(bad < asked.len() / 3, "{bad} of {} requests", asked.len());
            let kraken = status(tree).await.kraken;
            assert!(kraken.failing.is_some() && kraken.failures == 0);
        })
        .await;
    });
}

#[test]
fn what_kraken_wants_when_it_is_asked_for_the_list_is_heeded_by_the_fetch() {
    block_on(async {
        let rig = Rig::new();
        let limit = Fault::status(429).header("Retry-After", "3600");
        rig.sandbox.inject(FaultRule::new(Service::Kraken, limit).path("AssetPairs"));
        let sheet = hourly(["xbteur".to_owned()]).every(Duration::from_millis(20));
        with_tree(rig.config().sheet(sheet), async |tree| {
            rig.until("the list", |s| s.count(Service::Kraken) > 0).await;
            ticks(tree, 20).await;
            let report = report(tree, |report| report.cells[0].failing.is_some()).await;
            let told = report.cells[0].failing.as_ref().unwrap().to_string();
            assert!(told.contains("asks for fewer requests"), "{told}");
            assert!(status(tree).await.kraken.failing.is_some());
            assert_eq!(tickers_asked_for(&rig.sandbox), Vec::<String>::new());
        })
        .await;
    });
}

#[test]
fn a_pair_that_the_answer_does_not_have_is_not_called_unknown_while_nobody_has_refused_it() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.inject(FaultRule::new(Service::Kraken, Fault::Html(520)).path("AssetPairs"));
        let odd = Fault::json(200, format!(r#"{{"error":[],"result":{{"ODDNAME":{ROW}}}}}"#));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, odd).path("Ticker"));
        with_tree(rig.config().sheet(hourly(["xbteur".to_owned()])), async |tree| {
            let report = report(tree, |report| report.cells[0].failing.is_some()).await;
            let told = report.cells[0].failing.as_ref().unwrap().to_string();
            assert!(told.contains("has no ticker for"), "{told}");
        })
        .await;
    });
}
