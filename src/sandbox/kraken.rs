//! Kraken's public REST API: Ticker, AssetPairs, Time, SystemStatus.
//! Pure: no I/O, no clock: `now` comes in as an argument, the dice have a seed.

mod market;
mod pairs;

use std::{io::Write, time::Duration};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use serde_json::{Value, json};

pub(super) use self::market::Market;
pub use self::market::Ticker;
use super::{
    exchange::{Reply, Request, parse_form},
    journal::Service,
    json::{Json, object},
    pages,
};

/// When the prices move.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Walk {
    /// Never: they stay as they are, or as they are set.
    Still,
    /// One step with each request for tickers.
    PerRequest,
    /// One step in each such time, seen when the next request comes.
    Every(Duration),
}

/// The seed of the walk unless somebody sets another.
const SEED: u64 = 2026;

/// A longer path and query is too long for Kraken's edge.
const TARGET_CHARS: usize = 4_096;

/// The most steps that are made up for at once.
const STEPS_AT_ONCE: u128 = 1_000;

#[derive(Debug)]
pub(super) struct Kraken {
    markets: Vec<Market>,
    dice: fastrand::Rng,
    walk: Walk,
    stepped: Timestamp,
    status: String,
}

impl Kraken {
    pub(super) fn new(now: Timestamp) -> Self {
        Self {
            markets: pairs::PAIRS.iter().map(|row| Market::new(*row)).collect(),
            dice: fastrand::Rng::with_seed(SEED),
            walk: Walk::PerRequest,
            stepped: now,
            status: "online".into(),
        }
    }

    pub(super) fn seed(&mut self, seed: u64) {
        self.dice = fastrand::Rng::with_seed(seed);
    }

    pub(super) fn set_walk(&mut self, walk: Walk, now: Timestamp) {
        self.walk = walk;
        self.stepped = now;
    }

    pub(super) fn set_status(&mut self, status: &str) {
        self.status = status.into();
    }

    pub(super) fn keys(&self) -> Vec<String> {
        self.markets.iter().map(|market| market.row.0.to_owned()).collect()
    }

    /// The market of a pair by any of its names, delisted ones included.
    pub(super) fn market(&self, name: &str) -> Option<&Market> {
        let wanted = bare(name);
        self.markets.iter().find(|market| is_called(market, &wanted))
    }

    pub(super) fn market_mut(&mut self, name: &str) -> Option<&mut Market> {
        let wanted = bare(name);
        self.markets.iter_mut().find(|market| is_called(market, &wanted))
    }

    pub(super) fn respond(&mut self, request: &Request, now: Timestamp) -> Reply {
        if request.path.len() + request.query.len() >= TARGET_CHARS {
            return pages::html_error(Service::Kraken, 414);
        }
        let mut params = request.params();
        if request.method == "POST" {
            params.extend(parse_form(&String::from_utf8_lossy(&request.body)));
        }
        let param = |name: &str| {
            let found = params.iter().rev().find(|(n, _)| n == name);
            found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
        };
        let modern = param("assetVersion") == "1";
        let result = match request.path.as_str() {
            "/0/public/Ticker" => {
                self.go_on(now);
                self.find(&param("pair"), modern).map(|found| list(found, ticker))
            }
            "/0/public/AssetPairs" => {
                self.find(&param("pair"), modern).map(|found| list(found, asset_pair))
            }
            "/0/public/Time" => Ok(object([
                ("unixtime", now.as_second().into()),
                ("rfc1123", now.strftime("%a, %d %b %y %H:%M:%S +0000").to_string().into()),
            ])),
            "/0/public/SystemStatus" => Ok(object([
                ("status", self.status.clone().into()),
                ("timestamp", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string().into()),
            ])),
            _ => Err("EGeneral:Unknown method"),
        };
        let reply = match result {
            Ok(result) => {
                let body = object([("error", Json::List(vec![])), ("result", result)]);
                pages::kraken(body.compact())
            }
            Err(error) => pages::kraken_error(error),
        };
        match request.header("accept-encoding") {
            Some(accepted) if accepted.contains("gzip") => packed(reply),
            _ => reply,
        }
    }

    fn go_on(&mut self, now: Timestamp) {
        let steps = match self.walk {
            Walk::Still => 0,
            Walk::PerRequest => 1,
            Walk::Every(period) => {
                let passed = now.duration_since(self.stepped).unsigned_abs();
                let steps = passed.as_nanos() / period.as_nanos().max(1);
                if steps > 0 {
                    self.stepped = now;
                }
                steps.min(STEPS_AT_ONCE)
            }
        };
        for _ in 0..steps {
            for market in &mut self.markets {
                market.step(&mut self.dice);
            }
        }
    }

    /// The markets that a comma list names, each with the key of its answer. Blank names all.
    fn find(&self, names: &str, modern: bool) -> Result<Vec<(String, &Market)>, &'static str> {
        let listed = || self.markets.iter().filter(|market| !market.delisted);
        let key = |market: &Market| match modern {
            true => display_name(market),
            false => market.row.0.to_owned(),
        };
        if names.is_empty() {
            return Ok(listed().map(|market| (key(market), market)).collect());
        }
        let mut found = Vec::<(String, &Market)>::new();
        for name in names.split(',').map(str::trim) {
            let wanted = bare(name);
            let market = listed().find(|market| is_called(market, &wanted));
            let market = market.ok_or("EQuery:Unknown asset pair")?;
            let key = match name.contains('/') {
                true => name.to_ascii_uppercase(),
                false => key(market),
            };
            if !found.iter().any(|(other, _)| *other == key) {
                found.push((key, market));
            }
        }
        Ok(found)
    }
}

/// A reply in gzip, as Kraken's edge gives it to whoever takes it.
fn packed(reply: Reply) -> Reply {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    match encoder.write_all(&reply.body).and_then(|()| encoder.finish()) {
        Ok(body) => Reply { body, ..reply }.with("content-encoding", "gzip"),
        Err(_) => reply,
    }
}

/// A name without slash and in upper case: all of Kraken's are unique in that form.
fn bare(name: &str) -> String {
    name.chars().filter(|&c| c != '/').map(|c| c.to_ascii_uppercase()).collect()
}

/// The name of a pair under `assetVersion=1`: the modern codes for Bitcoin and Dogecoin.
fn display_name(market: &Market) -> String {
    let (base, quote) = market.row.2.split_once('/').unwrap_or((market.row.2, ""));
    let modern = |code: &str| match code {
        "XBT" => "BTC".to_owned(),
        "XDG" => "DOGE".to_owned(),
        other => other.to_owned(),
    };
    format!("{}/{}", modern(base), modern(quote))
}

fn is_called(market: &Market, wanted: &str) -> bool {
    let names = [market.row.0, market.row.1, market.row.2];
    names.iter().any(|name| bare(name) == wanted) || bare(&display_name(market)) == wanted
}

/// An object by key, as Kraken sorts it.
fn list(mut found: Vec<(String, &Market)>, print: fn(&Market) -> Value) -> Json {
    found.sort_by(|a, b| a.0.cmp(&b.0));
    let fields = found.into_iter().map(|(key, market)| (key, print(market))).collect();
    Json::Leaf(Value::Object(fields))
}

fn ticker(market: &Market) -> Value {
    market.wire()
}

fn asset_pair(market: &Market) -> Value {
    let (key, altname, wsname, base, quote, decimals, _, lots, _) = market.row;
    let tick = match decimals {
        0 => "1".to_owned(),
        _ => format!("0.{:0>width$}", 1, width = decimals as usize),
    };
    let mut row = json!({
        "altname": altname, "wsname": wsname, "aclass_base": "currency", "base": base,
        "aclass_quote": "currency", "quote": quote, "lot": "unit", "cost_decimals": 5,
        "pair_decimals": decimals, "lot_decimals": lots, "lot_multiplier": 1,
        "leverage_buy": [2, 3], "leverage_sell": [2, 3],
        "fees": [[0, 0.4], [10_000, 0.35], [50_000, 0.24]],
        "fees_maker": [[0, 0.25], [10_000, 0.2], [50_000, 0.14]],
        "fee_volume_currency": "ZUSD", "margin_call": 80, "margin_stop": 40,
        "ordermin": "0.00005", "costmin": "0.5", "tick_size": tick, "status": "online",
    });
    // Kraken leaves the status out of about every eighth row.
    if let Some(row) = row.as_object_mut().filter(|_| key.len() % 8 == 7) {
        row.remove("status");
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kraken() -> Kraken {
        Kraken::new(Timestamp::UNIX_EPOCH)
    }

    fn ask(kraken: &mut Kraken, target: &str) -> Value {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let request = Request {
            method: "GET".into(),
            path: path.into(),
            query: query.into(),
            headers: vec![],
            body: Default::default(),
        };
        let now = "2025-11-11T00:17:04Z".parse().unwrap();
        serde_json::from_slice(&kraken.respond(&request, now).body).unwrap()
    }

    fn keys(answer: &Value) -> Vec<&str> {
        answer["result"].as_object().unwrap().keys().map(String::as_str).collect()
    }

    #[test]
    fn the_key_of_an_answer_is_krakens_and_not_the_one_asked_for() {
        let check = |pair: &str, expected: &[&str]| {
            let answer = ask(&mut kraken(), &format!("/0/public/Ticker?pair={pair}"));
            assert_eq!(keys(&answer), expected, "{pair}");
        };
        check("xbteur", &["XXBTZEUR"]);
        check("XBTEUR,XXBTZEUR,adaeur", &["ADAEUR", "XXBTZEUR"]);
        check("BTCEUR", &["XXBTZEUR"]);
        check("BTC/EUR", &["BTC/EUR"]);
        check("XBT%2FEUR", &["XBT/EUR"]);
        check("AIXBT/EUR", &["AIXBT/EUR"]);
        check("DOGEEUR", &["XDGEUR"]);
        check("BTC/USD:BTNL", &["BTC/USD:BTNL"]);
        check("XBTEUR&assetVersion=1", &["BTC/EUR"]);
    }

    #[test]
    fn one_unknown_pair_fails_the_whole_request() {
        let answer = ask(&mut kraken(), "/0/public/Ticker?pair=XBTEUR,NOPE");
        assert_eq!(answer, json!({ "error": ["EQuery:Unknown asset pair"] }));
    }

    #[test]
    fn no_pair_means_all_that_are_not_delisted() {
        let mut kraken = kraken();
        let all = keys(&ask(&mut kraken, "/0/public/Ticker")).len();
        assert_eq!(all, pairs::PAIRS.len());
        kraken.market_mut("ADAEUR").unwrap().delisted = true;
        assert_eq!(keys(&ask(&mut kraken, "/0/public/Ticker?pair=")).len(), all - 1);
        let answer = ask(&mut kraken, "/0/public/AssetPairs?pair=ADAEUR");
        assert_eq!(answer["error"][0], "EQuery:Unknown asset pair");
    }

    #[test]
    fn an_address_that_is_too_long_is_refused_by_the_edge() {
        let request = Request {
            method: "GET".into(),
            path: "/0/public/Ticker".into(),
            query: format!("pair={}", "XBTEUR,".repeat(600)),
            headers: vec![],
            body: Default::default(),
        };
        assert_eq!(kraken().respond(&request, Timestamp::UNIX_EPOCH).status, 414);
    }

    #[test]
    fn asset_pairs_know_names_and_decimals() {
        let answer = ask(&mut kraken(), "/0/public/AssetPairs?pair=PEPEEUR,XBTEUR");
        let row = &answer["result"]["XXBTZEUR"];
        assert_eq!((&row["altname"], &row["wsname"]), (&json!("XBTEUR"), &json!("XBT/EUR")));
        let pepe = &answer["result"]["PEPEEUR"];
        assert_eq!(pepe["tick_size"], "0.000000001");
        assert_eq!(pepe["pair_decimals"], 9);
    }

    #[test]
    fn who_takes_gzip_gets_it() {
        let request = Request {
            method: "GET".into(),
            path: "/0/public/AssetPairs".into(),
            query: String::new(),
            headers: vec![("accept-encoding".into(), "br, gzip".into())],
            body: Default::default(),
        };
        let packed = kraken().respond(&request, Timestamp::UNIX_EPOCH);
        assert!(packed.headers.contains(&("content-encoding".into(), "gzip".into())));
        let unpacked = flate2::read::GzDecoder::new(&*packed.body);
        let answer: Value = serde_json::from_reader(unpacked).unwrap();
        assert_eq!(answer, ask(&mut kraken(), "/0/public/AssetPairs"));
        assert!(packed.body.len() * 4 < answer.to_string().len());
    }

    #[test]
    fn names_are_unique_and_sorted() {
        let keys = kraken().keys();
        assert!(keys.is_sorted() && keys.len() == 60);
    }

    #[test]
    fn time_and_status_are_as_recorded() {
        let answer = ask(&mut kraken(), "/0/public/Time");
        let expected = json!({"error": [], "result":
            {"unixtime": 1_762_820_224, "rfc1123": "Tue, 11 Nov 25 00:17:04 +0000"}});
        assert_eq!(answer, expected);
        let answer = ask(&mut kraken(), "/0/public/SystemStatus");
        assert_eq!(answer["result"]["timestamp"], "2025-11-11T00:17:04Z");
    }

    #[test]
    fn prices_walk_when_they_are_told_to() {
        let mut kraken = kraken();
        let mut price = |walk: Option<Walk>| {
            if let Some(walk) = walk {
                kraken.set_walk(walk, "2025-11-11T00:17:04Z".parse().unwrap());
            }
            ask(&mut kraken, "/0/public/Ticker?pair=XBTEUR")["result"]["XXBTZEUR"].clone()
        };
        assert_ne!(price(Some(Walk::PerRequest)), price(None));
        assert_eq!(price(Some(Walk::Still)), price(None));
        assert_eq!(price(Some(Walk::Every(Duration::from_secs(1)))), price(None));
    }
}
