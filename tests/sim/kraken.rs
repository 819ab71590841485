//! A Kraken whose prices say which pair, which field and which fetch they are of: the first one,
//! of a price that stands still.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::http1::{Reply, Request};

/// The fields that cells show, as the configuration names them, in the order of their codes.
pub(crate) const FIELDS: [&str; 3] = ["ask", "bid", "last"];

/// How much lies between the prices of one field and of the next.
const STEP: f64 = 1_000_000.0;

/// For how many fetches the prices of a pair stand still: many markets see no trade for hours.
pub(crate) const fn stands(pair: usize) -> u64 {
    match pair % 4 {
        2 => 7,
        3 => 60,
        _ => 1,
    }
}

/// The first of the fetches in which a pair has the price that it has in this one.
pub(crate) const fn first_of(pair: usize, fetch: u64) -> u64 {
    fetch - fetch.saturating_sub(1) % stands(pair)
}

/// The last of them.
pub(crate) const fn last_of(pair: usize, fetch: u64) -> u64 {
    first_of(pair, fetch) + stands(pair) - 1
}

/// The price of a field of a pair in a fetch.
pub(crate) fn price(pair: usize, field: usize, fetch: u64) -> f64 {
    let code = pair * FIELDS.len() + field + 1;
    (code as f64).mul_add(STEP, first_of(pair, fetch) as f64)
}

/// The pair, the field and the first fetch that a price is of.
pub(crate) fn decode(price: f64) -> Option<(usize, usize, u64)> {
    if price < STEP || price.fract() != 0.0 {
        return None;
    }
    let code = (price / STEP) as usize - 1;
    let (pair, field, fetch) = (code / FIELDS.len(), code % FIELDS.len(), (price % STEP) as u64);
    (first_of(pair, fetch) == fetch).then_some((pair, field, fetch))
}

/// What is said when one of the pairs is not listed; now and then when all of them are.
pub(crate) const UNKNOWN: &str = "EQuery:Unknown asset pair";

/// The names of a pair: Kraken's own, the one without prefixes, the one with a slash.
pub(crate) fn names(pair: usize) -> [String; 3] {
    let base = format!("Q{}{}", char::from(b'A' + (pair / 26) as u8), letter(pair));
    let own = if pair.is_multiple_of(2) { format!("X{base}ZEUR") } else { format!("{base}EUR") };
    [own, format!("{base}EUR"), format!("{base}/EUR")]
}

fn letter(pair: usize) -> char {
    char::from(b'A' + (pair % 26) as u8)
}

/// What Kraken may do wrong and still answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quirk {
    /// One pair's numbers are none.
    BadNumbers,
    /// One pair is not in the answer.
    LeftOut,
    /// One pair's ticker is something else.
    BadTicker,
    /// There are errors beside the result.
    Beside,
    /// There are errors and no result.
    Error(&'static str),
}

/// The exchange.
#[derive(Debug)]
pub(crate) struct Kraken {
    pairs: usize,
    pub(crate) delisted: BTreeSet<usize>,
    /// Fetches so far.
    pub(crate) fetches: u64,
}

impl Kraken {
    pub(crate) const fn new(pairs: usize) -> Self {
        Self { pairs, delisted: BTreeSet::new(), fetches: 0 }
    }

    fn listed(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.pairs).filter(|pair| !self.delisted.contains(pair))
    }

    /// The pairs that a request names: none if it asks for all, `Err` if one is not listed.
    pub(crate) fn asked(&self, request: &Request) -> Result<Vec<usize>, ()> {
        let Some(list) = request.query("pair") else { return Ok(Vec::new()) };
        let known = |name: &str| {
            let same = |other: &String| other.replace('/', "") == name.replace('/', "");
            self.listed().find(|&pair| names(pair).iter().any(same))
        };
        list.split(',').map(|name| known(name).ok_or(())).collect()
    }

    /// Answers a request, with what goes wrong; and the pairs that it gives good prices of.
    pub(crate) fn answer(
        &self,
        request: &Request,
        fetch: u64,
        quirk: Option<(Quirk, usize)>,
    ) -> (Reply, Vec<usize>) {
        if let Some((Quirk::Error(text), _)) = quirk {
            return (error(text), Vec::new());
        }
        if request.path().ends_with("/AssetPairs") {
            return (self.list(), Vec::new());
        }
        let Ok(asked) = self.asked(request) else {
            return (error(UNKNOWN), Vec::new());
        };
        let all = asked.is_empty();
        let asked = if all { self.listed().collect() } else { asked };
        let mut rows = Map::new();
        let mut good = Vec::new();
        let bad = quirk.map(|(_, dice)| asked[dice % asked.len()]);
        let mut errors = Vec::new();
        for pair in asked {
            let own = names(pair)[0].clone();
            match quirk.filter(|_| bad == Some(pair)).map(|(quirk, _)| quirk) {
                Some(Quirk::LeftOut) => continue,
                Some(Quirk::BadNumbers) => {
                    rows.insert(own, json!({"a": ["NaN"], "b": ["-1"], "c": ["1e400"]}));
                    continue;
                }
                Some(Quirk::BadTicker) => {
                    rows.insert(own, json!("=IMPORTXML(1)"));
                    continue;
                }
                Some(Quirk::Beside) => errors.push("EService:Busy"),
                Some(Quirk::Error(_)) | None => good.push(pair),
            }
            let text = |field| format!("{:.5}", price(pair, field, fetch));
            let row = json!({
                "a": [text(0), "1", "1.000"], "b": [text(1), "1", "1.000"], "c": [text(2), "0.1"],
                "v": ["1", "2"], "p": ["1", "2"], "t": [1, 2], "l": ["1", "2"], "h": ["1", "2"],
                "o": "1"
            });
            rows.insert(own, row);
        }
        if !errors.is_empty() || all {
            good.clear(); // what of it is used is the product's choice
        }
        let body = json!({"error": errors, "result": rows}).to_string();
        (Reply::good(body), good)
    }

    fn list(&self) -> Reply {
        let row = |pair: usize| {
            let [own, altname, wsname] = names(pair);
            (own, json!({"altname": altname, "wsname": wsname}))
        };
        let rows: Map<String, Value> = self.listed().map(row).collect();
        Reply::good(json!({"error": [], "result": rows}).to_string())
    }
}

fn error(text: &str) -> Reply {
    Reply { status: 200, ..Reply::bad(200, json!({"error": [text]}).to_string()) }
}
