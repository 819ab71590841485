//! What holds in every tick, however slow or broken the servers are. The sandbox's journal is
//! the only witness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use actix::Actor as _;
use ratesheet::{
    Shutdown, SpreadsheetReport, SupervisorActor,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};

use crate::rig::{
    ONE, Rig, SOON, TAB, TWO, block_on, cells, eventually, one_price, report, sheet, status,
    tickers, with_tree, writes,
};

#[test]
fn one_write_at_a_time_and_never_an_older_price_after_a_newer_one() {
    block_on(async {
        let rig = Rig::new();
        let count = |sandbox: &Sandbox| sandbox.count(Service::Kraken);
        for (n, fault) in [
            Fault::Delay(Duration::from_millis(90)),
            Fault::google(503, "UNAVAILABLE", "The service is currently unavailable."),
            Fault::ApplyThenDrop,
            Fault::ApplyLate(Duration::from_millis(90)),
            Fault::Reset,
            Fault::Quota429,
        ]
        .into_iter()
        .enumerate()
        {
            let rule = FaultRule::new(Service::Sheets, fault).path("batchUpdate");
            rig.sandbox.inject(rule.skip(3 * n as u64).times(2));
        }
        let mut config = rig.config().sheet(one_price(ONE).cell("kraken:xbteur:buy", "B1"));
        // Who gives up a write that is carried out late sees it come after the next one.
        config.google.deadline = SOON;
        // What the cells show whenever anything has changed.
        let mut shown = vec![[None; 2]];
        let mut look = || {
            let now = ["A1", "B1"].map(|cell| rig.number(cell));
            if shown.last() != Some(&now) {
                shown.push(now);
            }
            now
        };
        with_tree(config, async |_| {
            // Prices only ever rise, so that an older one shows.
            for price in 1..=60 {
                rig.set_price(price);
                let before = count(&rig.sandbox);
                rig.until("the next fetch", |sandbox| {
                    look();
                    count(sandbox) > before
                })
                .await;
            }
            rig.until("the last price", |_| look() == [Some(60.0); 2]).await;
        })
        .await;
        look();
        assert!(shown.len() > 10 && shown.is_sorted(), "an older price after a newer: {shown:?}");
        assert_eq!(shown.last(), Some(&[Some(60.0); 2]), "what is left in the end");
        let all = writes(&rig.sandbox);
        let met = all.iter().filter(|entry| entry.fault.is_some()).count();
        assert!(met == 12 && all.len() > 20, "{met} of {}", all.len());
        for pair in all.windows(2) {
            assert!(!pair[0].overlaps(&pair[1]), "{pair:?}");
        }
        let mut newest: BTreeMap<String, f64> = BTreeMap::new();
        for (range, value) in all.iter().flat_map(cells) {
            let value = value.as_f64().expect("a number and nothing else");
            let before = newest.insert(range.clone(), value).unwrap_or_default();
            assert!(value >= before, "{range}: {value} after {before}");
        }
    });
}

#[test]
fn fetches_do_not_overlap_and_ticks_that_find_one_unfinished_are_skipped() {
    const TICKS: u64 = 40;
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.fault(Service::Kraken, Fault::Delay(Duration::from_millis(70)));
        let tree = SupervisorActor::new(rig.patient().sheet(one_price(ONE))).ticks(TICKS).start();
        let kraken = async || status(&tree).await.kraken;
        eventually("every tick is fetched or skipped", async || {
            let kraken = kraken().await;
            kraken.fetches + kraken.skipped == TICKS
        })
        .await;
        let kraken = kraken().await;
        tree.send(Shutdown).await.unwrap();
        let asked = tickers(&rig.sandbox);
        for pair in asked.windows(2) {
            assert!(!pair[0].overlaps(&pair[1]), "{pair:?}");
        }
        // Each fetch takes three and a half ticks' time, so most ticks are skipped.
        assert_eq!(asked.len() as u64, TICKS - kraken.skipped, "{kraken:?}");
        assert!(asked.len() > 2 && kraken.skipped > TICKS / 2, "{kraken:?}");
    });
}

#[test]
fn only_configured_cells_are_written_raw_and_in_one_request_for_each_spreadsheet() {
    block_on(async {
        let rig = Rig::new();
        let many = (1..=50)
            .fold(sheet(ONE), |sheet, row| sheet.cell("kraken:xbteur:sell", &format!("D{row}")));
        let config = rig.config().sheet(many).sheet(one_price(TWO));
        with_tree(config, async |_| {
            rig.fresh(&[(ONE, "D50"), (TWO, "A1")]).await;
        })
        .await;
        let requests = rig.sandbox.requests(Service::Sheets);
        let (posts, others): (Vec<_>, Vec<_>) =
            requests.iter().partition(|entry| entry.method == "POST");
        assert!(others.iter().all(|entry| entry.method == "GET"));
        assert_eq!(others.len(), 2, "the properties of each spreadsheet are read once");
        let of_one: BTreeSet<_> = (1..=50).map(|row| format!("'Sheet 1'!D{row}")).collect();
        let of_two = BTreeSet::from(["'Sheet 1'!A1".to_owned()]);
        for write in posts {
            assert!(write.path().ends_with("/values:batchUpdate"), "{}", write.target);
            assert_eq!(write.json()["valueInputOption"], "RAW");
            let cells = cells(write);
            assert!(cells.iter().all(|(_, value)| value.is_number()), "{cells:?}");
            let expected = if write.spreadsheet() == Some(ONE) { &of_one } else { &of_two };
            assert_eq!(cells.len(), expected.len(), "a cell twice: {cells:?}");
            assert_eq!(
                &cells.into_iter().map(|(range, _)| range).collect::<BTreeSet<_>>(),
                expected
            );
        }
        assert!(tickers(&rig.sandbox).iter().all(|e| e.target.ends_with("?pair=XXBTZEUR")));
        let known = [Service::Kraken, Service::Sheets, Service::Token];
        let others = rig.sandbox.journal().into_iter().filter(|e| !known.contains(&e.service));
        assert_eq!(others.count(), 0, "somebody else is asked");
    });
}

#[test]
fn connections_are_kept_from_tick_to_tick_and_say_who_we_are() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |_| {
            rig.until("thirty requests", |sandbox| sandbox.journal().len() >= 30).await;
        })
        .await;
        let all = rig.sandbox.journal();
        for service in [Service::Kraken, Service::Sheets] {
            let of = all.iter().filter(|entry| entry.service == service);
            let connections: std::collections::BTreeSet<_> =
                of.map(|entry| entry.connection).collect();
            assert!(connections.len() <= 2, "{service:?}: {connections:?}");
        }
        for entry in all.iter().filter(|entry| entry.service != Service::Token) {
            let agent = entry.header("user-agent").unwrap_or_default();
            assert!(agent.starts_with("ratesheet/"), "{agent}");
            // Kraken's lists are large; Google's answers are not, and a token is no thing to pack.
            let packed = if entry.service == Service::Kraken { "gzip" } else { "identity" };
            assert_eq!(entry.header("accept-encoding"), Some(packed));
            let bearer = entry.header("authorization").is_some();
            assert_eq!(bearer, entry.service == Service::Sheets, "{}", entry.target);
        }
    });
}

#[test]
fn what_does_not_change_is_not_written_again_and_counts_as_success() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_ticker("XXBTZEUR", "2", "1", "1");
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.until("twenty fetches", |sandbox| sandbox.count(Service::Kraken) >= 20).await;
            assert_eq!(writes(&rig.sandbox).len(), 1);
            let report = report(supervisor, |report| report.unchanged >= 15).await;
            assert!(report.last_success.is_some());
        })
        .await;
    });
}

/// What somebody might take for a number, and is none of Kraken's.
const HOSTILE: [&str; 26] = [
    "NaN",
    "inf",
    "-inf",
    "-1",
    "0",
    "",
    " ",
    "1,5",
    "1e400",
    "1e-400",
    "1e3",
    "0x10",
    "=IMPORTXML(\"http://x\")",
    "+1",
    "@x",
    "\u{1b}[2J",
    "٣",
    "１２",
    "Infinity",
    "-0",
    "1 000",
    " 1",
    "1_000",
    "\u{202e}1",
    "1\n",
    "9999999999999999999999999999999999999999",
];

#[test]
fn hostile_numbers_and_texts_never_reach_a_cell() {
    let fields = ["bid", "ask", "last", "open", "high", "low", "vwap", "volume", "trades"];
    let ticker = |text: [&str; 9], trades: serde_json::Value| {
        let [bid, ask, last, open, high, low, vwap, volume, _] = text;
        serde_json::json!({
            "b": [bid, "1", "1"], "a": [ask, "1", "1"], "c": [last, "1"], "o": open,
            "h": ["1", high], "l": ["1", low], "p": ["1", vwap], "v": ["1", volume],
            "t": [1, trades],
        })
    };
    let good = ["101", "102", "103", "104", "105", "106", "107", "108", "109"];
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_ticker_json("XETHZEUR", ticker(good, 109.into()));
        let sheet = fields.iter().zip(1..).fold(one_price(ONE), |sheet, (field, row)| {
            sheet.cell(&format!("kraken:etheur:{field}"), &format!("B{row}"))
        });
        with_tree(rig.config().sheet(sheet.problem("E1")), async |supervisor| {
            rig.until("prices", |_| rig.number("B9") == Some(109.0)).await;
            for hostile in HOSTILE {
                rig.sandbox.set_ticker_json("XETHZEUR", ticker([hostile; 9], hostile.into()));
                // This one is written, which comes with the same answer and in the same write.
                rig.fresh(&[(ONE, "A1")]).await;
                // There may be no trade in a day: of nothing, a volume may be made.
                let least = if matches!(hostile, "0" | "-0") { 8 } else { 9 };
                let failing = |report: &SpreadsheetReport| {
                    report.cells.iter().filter(|cell| cell.failing.is_some()).count() >= least
                };
                report(supervisor, failing).await;
            }
        })
        .await;
        for (range, value) in writes(&rig.sandbox).iter().flat_map(cells) {
            if range.ends_with("!E1") {
                let text = value.as_str().unwrap();
                assert!(!text.contains(['=', '@', '<', '\u{1b}', '"']), "{text}");
            } else if let Some((_, row)) = range.split_once("!B") {
                let row: usize = row.parse().unwrap();
                let number = value.as_f64().unwrap();
                let of_nothing = row == 8 && number == 0.0;
                assert!(of_nothing || good[row - 1].parse() == Ok(number), "{range} {number}");
            } else {
                assert!(value.is_number(), "{range} {value}");
            }
        }
    });
}

#[test]
fn the_writes_of_one_account_keep_to_its_budget_and_share_it_fairly() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config();
        config.google.writes_per_minute = 600;
        let ids: Vec<_> = (0..4).map(|n| format!("one-of-four-spreadsheets-{n}")).collect();
        for id in &ids {
            rig.sandbox.create_spreadsheet(id, "One of four", &[(TAB, 10, 10)]);
            config = config.sheet(one_price(id));
        }
        with_tree(config, async |_| {
            rig.until("forty writes", |sandbox| writes(sandbox).len() >= 40).await;
        })
        .await;
        let all = writes(&rig.sandbox);
        // Five at once, and the other 35 at ten a second.
        let took = all[39].at.duration_since(all[0].at).as_secs_f64();
        assert!(took > 3.4, "{took}");
        for id in &ids {
            let own = all[..40].iter().filter(|entry| entry.spreadsheet() == Some(id)).count();
            assert!((8..=12).contains(&own), "{id}: {own} of 40");
        }
        assert!(all.iter().all(|entry| entry.status == Some(200)));
    });
}
