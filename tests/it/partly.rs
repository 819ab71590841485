//! Fetches that bring less than they were for: what they cost, and what they count as.

use std::time::Duration;

use ratesheet::{
    SheetConfig,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{ONE, Rig, TAB, block_on, report, status, with_tree};

/// An hourly sheet with a price of its own for each of these pairs, so that there is one fetch.
fn hourly(pairs: impl IntoIterator<Item = String>) -> SheetConfig {
    let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_secs(3_600));
    (1..).zip(pairs).fold(sheet, |sheet, (row, pair)| {
        sheet.cell(&format!("kraken:{pair}:last"), &format!("B{row}"))
    })
}

fn tickers_asked_for(sandbox: &Sandbox) -> usize {
    let requests = sandbox.requests(Service::Kraken);
    requests.iter().filter(|entry| entry.target.contains("/Ticker")).count()
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
            assert_eq!(tickers_asked_for(&rig.sandbox), 2, "one is refused, one is for everything");
        })
        .await;
    });
}

#[test]
fn a_fetch_that_brings_some_quotes_has_not_failed_as_a_whole() {
    block_on(async {
        let rig = Rig::new();
        let row = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"]}"#;
        let some = Fault::json(200, format!(r#"{{"error":[],"result":{{"AAA000EUR":{row}}}}}"#));
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
