//! Which market of Kraken's a name stands for.
//! Pure: no I/O, no clock, no randomness.
//!
//! Kraken calls one market by many names: `XXBTZEUR` is its key, `XBTEUR` its altname, `XBT/EUR`
//! its wsname; people say `BTC/EUR`. Requests are made with keys, which answers echo, so that an
//! answer is not matched by guessing; only while the list of keys is not to be had, by its shape.

use std::collections::BTreeMap;

use super::wire::AssetPairInfo;
use crate::{
    messages::{Failure, FailureClass},
    quote::AssetPair,
    suggest::Effort,
};

/// Kraken's own codes for assets that everybody else calls otherwise.
const ALIASES: [(&str, &str); 2] = [("XBT", "BTC"), ("XDG", "DOGE")];

/// Every name of every market.
#[derive(Debug, Default)]
pub(super) struct PairIndex {
    markets: Vec<Market>,
    /// The place of a market by the canonical form of each of its names; in order, so that of two
    /// names that are equally near always the same one is suggested.
    places: BTreeMap<String, usize>,
}

#[derive(Debug)]
struct Market {
    /// What Kraken calls it.
    key: String,
    /// What is suggested to people.
    name: String,
}

impl PairIndex {
    /// An index of the rows of AssetPairs.
    pub(super) fn new(rows: &BTreeMap<String, AssetPairInfo>) -> Self {
        let mut index = Self::default();
        // The surest names first: none of a later kind displaces one of an earlier.
        for (place, key) in rows.keys().enumerate() {
            index.name(key, place);
        }
        for (place, row) in rows.values().enumerate() {
            index.name(&row.altname, place);
            index.name(&row.wsname, place);
        }
        for (place, (key, row)) in rows.iter().enumerate() {
            for alias in aliases(&row.wsname) {
                index.name(&alias, place);
            }
            let names = [&row.wsname, &row.altname, key];
            let name = names.into_iter().find(|name| !name.is_empty()).unwrap_or(key);
            index.markets.push(Market { key: key.clone(), name: name.clone() });
        }
        index
    }

    fn name(&mut self, name: &str, place: usize) {
        if !name.is_empty() {
            self.places.entry(AssetPair::canonical(name)).or_insert(place);
        }
    }

    /// Kraken's key of a pair; `None` when it has none by this name.
    pub(super) fn key(&self, pair: &AssetPair) -> Option<&str> {
        self.key_of(pair.key())
    }

    /// Kraken's key by the canonical form of a name.
    pub(super) fn key_of(&self, canonical: &str) -> Option<&str> {
        let market = self.places.get(canonical).and_then(|&place| self.markets.get(place))?;
        Some(&market.key)
    }

    /// The market whose name is nearest to an unknown pair's.
    pub(super) fn did_you_mean(&self, pair: &AssetPair, effort: &mut Effort) -> Option<&str> {
        let nearest = effort.did_you_mean(pair.key(), self.places.keys().map(String::as_str))?;
        let Market { key, name } = self.markets.get(*self.places.get(nearest)?)?;
        // It may be what another is called, too, and more surely so.
        let is_own = self.key_of(&AssetPair::canonical(name)) == Some(key);
        is_own.then_some(name)
    }
}

/// That Kraken has no such market, and which one was meant.
pub(super) fn unknown(pair: &AssetPair, meant: Option<&str>) -> Failure {
    Failure {
        class: FailureClass::Pair,
        reason: format!("Kraken does not know the pair {pair}"),
        remedy: match meant {
            Some(name) => format!("Did you mean {name}? Correct it in the configuration"),
            None => "Correct it in the configuration; Kraken's pairs look like XBT/EUR".into(),
        },
    }
}

/// The names that people have for a wsname such as `XBT/EUR`, which is the first of them. Whole
/// codes only: `AIXBT/EUR` is a market of its own.
pub(super) fn aliases(wsname: &str) -> Vec<String> {
    let Some((base, quote)) = wsname.split_once('/') else { return Vec::new() };
    let names = |code: &str| {
        let alias = ALIASES.iter().find(|(own, _)| *own == code).map(|(_, alias)| *alias);
        [Some(code.to_owned()), alias.map(str::to_owned)].into_iter().flatten().collect::<Vec<_>>()
    };
    let quotes = names(quote);
    let pair = |base: String| quotes.iter().map(move |quote| format!("{base}/{quote}"));
    names(base).into_iter().flat_map(pair).collect()
}

/// A guess at the key under which Kraken answers for a pair, while AssetPairs is not to be had:
/// whether `key` may be the answer for `pair`.
pub(super) fn may_answer(key: &str, pair: &AssetPair) -> bool {
    let wanted = pair.key().replace("DOGE", "XDG");
    let wanted = if wanted.starts_with("BTC") || wanted.ends_with("BTC") {
        wanted.replace("BTC", "XBT")
    } else {
        wanted
    };
    let canonical = AssetPair::canonical(key);
    let canonical = canonical.replace("BTC", "XBT");
    let short =
        if canonical == USDT_USD.0 { Some(USDT_USD.1.to_owned()) } else { unprefixed(&canonical) };
    canonical == wanted || short.is_some_and(|short| short == wanted)
}

/// The one key whose money has a prefix while its coin has none
/// (<https://github.com/dominiktraxl/pykrakenapi/issues/23>), and what it is called.
const USDT_USD: (&str, &str) = ("USDTZUSD", "USDTUSD");

/// `XXBTZEUR` is `XBTEUR`: the older codes of assets have an X before coins and a Z before money.
fn unprefixed(key: &str) -> Option<String> {
    let prefixed = |code: &str| code.starts_with(['X', 'Z']);
    (key.len() == 8 && key.is_ascii() && prefixed(key) && prefixed(&key[4..]))
        .then(|| format!("{}{}", &key[1..4], &key[5..8]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(text: &str) -> AssetPair {
        AssetPair::parse(text).unwrap()
    }

    fn index() -> PairIndex {
        let rows = [
            ("XXBTZEUR", "XBTEUR", "XBT/EUR"),
            ("XETHXXBT", "ETHXBT", "ETH/XBT"),
            ("XDGEUR", "XDGEUR", "XDG/EUR"),
            ("AIXBTEUR", "AIXBTEUR", "AIXBT/EUR"),
            ("ADAEUR", "ADAEUR", "ADA/EUR"),
            ("AAPLxUSD", "AAPLxUSD", "AAPLx/USD"),
            ("BTC/USD:BTNL", "XBTUSD:BTNL", ""),
        ];
        let row = |(key, altname, wsname): (&str, &str, &str)| {
            (key.to_owned(), AssetPairInfo { altname: altname.into(), wsname: wsname.into() })
        };
        PairIndex::new(&rows.into_iter().map(row).collect())
    }

    #[test]
    fn a_market_is_found_by_any_of_its_names() {
        let index = index();
        for (name, key) in [
            ("xbteur", "XXBTZEUR"),
            ("XBT/EUR", "XXBTZEUR"),
            ("xxbtzeur", "XXBTZEUR"),
            ("BTC/EUR", "XXBTZEUR"),
            ("btceur", "XXBTZEUR"),
            ("eth/btc", "XETHXXBT"),
            ("dogeeur", "XDGEUR"),
            ("AIXBT/EUR", "AIXBTEUR"),
            ("aaplxusd", "AAPLxUSD"),
            ("btc/usd:btnl", "BTC/USD:BTNL"),
        ] {
            assert_eq!(index.key(&pair(name)), Some(key), "{name}");
        }
        for name in ["xbtxxx", "AIBTCEUR", "doge/dog"] {
            assert_eq!(index.key(&pair(name)), None, "{name}");
        }
    }

    #[test]
    fn an_unknown_market_gets_its_nearest_neighbour() {
        let index = index();
        let meant = |name| index.did_you_mean(&pair(name), &mut Effort::default());
        assert_eq!(meant("xbteuro"), Some("XBT/EUR"));
        assert_eq!(meant("adaeru"), Some("ADA/EUR"));
        assert_eq!(meant("btceuu"), Some("XBT/EUR"));
        assert_eq!(meant("WHATEVER"), None);
    }

    #[test]
    fn without_an_index_answers_are_known_by_their_shape() {
        for (key, name, yes) in [
            ("XXBTZEUR", "xbteur", true),
            ("XXBTZEUR", "btc/eur", true),
            ("XXBTZEUR", "xxbtzeur", true),
            ("BTC/EUR", "BTC/EUR", true),
            ("ADAEUR", "ada/eur", true),
            ("XDGEUR", "dogeeur", true),
            ("USDTZUSD", "usdt/usd", true),
            ("USDTZUSD", "usdtzusd", true),
            ("XXBTZUSD", "xbteur", false),
            ("XETHXXBT", "ethbtc", true),
            ("AXBTZEUR", "xbteur", false),
            ("XXBTAEUR", "xbteur", false),
            ("XXBTEUR", "xbteur", false),
            ("XXBTZEURX", "xbteur", false),
            ("XÄTZEUR", "xbteur", false),
        ] {
            assert_eq!(may_answer(key, &pair(name)), yes, "{key} {name}");
        }
    }
}
