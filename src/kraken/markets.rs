//! What Kraken trades, as a list for people: asked for once, without an actor.
//! Touches: the network, through `client`. Never: credentials.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    KrakenConfig,
    client::KrakenClient,
    pairs::{self, PairIndex},
    wire::AssetPairInfo,
};
use crate::{
    http::{Tls, TlsConfig},
    messages::{Failure, FailureClass},
    quote::AssetPair,
    suggest::Effort,
};

/// Asks Kraken for the list of its pairs, in one request.
///
/// # Errors
/// When there is no list to be had: what is in the way, and what to do about it.
pub async fn asset_pairs(config: &KrakenConfig, tls: &TlsConfig) -> Result<Markets, Failure> {
    let client = Tls::new(tls).and_then(|tls| KrakenClient::new(config, &tls));
    let client = client.map_err(|error| Failure {
        class: FailureClass::Tls,
        reason: error.to_string(),
        remedy: String::new(),
    })?;
    client.markets().await.map_err(|error| error.failure(&config.url))
}

/// A pair that Kraken trades, by all of its names. Each of them may stand in a configuration,
/// whatever its case, with its slash or without it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Market {
    /// The name that people read: `XBT/EUR`.
    pub name: String,
    /// The same without prefixes and slash: `XBTEUR`.
    pub altname: String,
    /// Kraken's own key, under which it answers: `XXBTZEUR`.
    pub key: String,
    /// What else people call it: `BTC/EUR`.
    pub aliases: Vec<String>,
}

impl Market {
    fn names(&self) -> impl Iterator<Item = &str> {
        let own = [&self.name, &self.altname, &self.key];
        own.into_iter().chain(&self.aliases).map(String::as_str)
    }
}

/// All that Kraken trades.
#[derive(Debug)]
pub struct Markets {
    list: Vec<Market>,
    index: PairIndex,
    clock_ahead: Option<SignedDuration>,
}

impl Markets {
    pub(super) fn new(
        rows: &BTreeMap<String, AssetPairInfo>,
        clock_ahead: Option<SignedDuration>,
    ) -> Self {
        let index = PairIndex::new(rows);
        let market = |(key, row): (&String, &AssetPairInfo)| {
            let name = [&row.wsname, &row.altname, key].into_iter().find(|name| !name.is_empty());
            let name = name.cloned().unwrap_or_default();
            // A name that stands for another market is no alias of this one.
            let means_this =
                |alias: &String| index.key_of(&AssetPair::canonical(alias)) == Some(key);
            let aliases = pairs::aliases(&row.wsname).into_iter();
            let aliases = aliases.filter(|alias| *alias != name && means_this(alias)).collect();
            Market { name, altname: row.altname.clone(), key: key.clone(), aliases }
        };
        let mut list: Vec<_> = rows.iter().map(market).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        Self { list, index, clock_ahead }
    }

    /// Every pair, by name.
    pub fn all(&self) -> &[Market] {
        &self.list
    }

    /// The pairs of which each word of `text` is in one of the names: `btc`, `doge eur`,
    /// `BTC-EUR`.
    pub fn search(&self, text: &str) -> Vec<&Market> {
        let words: Vec<_> = text.split_whitespace().map(plain).collect();
        let has = |market: &&Market| {
            let names: Vec<_> = market.names().map(plain).collect();
            words.iter().all(|word| names.iter().any(|name| name.contains(word)))
        };
        self.list.iter().filter(has).collect()
    }

    /// The pair that a name in a configuration stands for.
    ///
    /// # Errors
    /// When Kraken has none by this name: the [`Failure`] says which one was meant, perhaps.
    pub fn find(&self, pair: &AssetPair) -> Result<&Market, Failure> {
        let market = self.index.key(pair).and_then(|key| self.by_key(key));
        market.ok_or_else(|| {
            pairs::unknown(pair, self.index.did_you_mean(pair, &mut Effort::default()))
        })
    }

    /// The pair whose name is nearest to a mistyped one.
    pub fn did_you_mean(&self, text: &str) -> Option<&Market> {
        let pair = AssetPair::parse(&plain(text)).ok()?;
        let meant = self.index.did_you_mean(&pair, &mut Effort::default())?;
        self.list.iter().find(|market| market.name == meant)
    }

    /// How far Kraken's clock is ahead of this machine's (behind, if it is negative), give or take
    /// a second or two; `None` if Kraken did not say.
    pub fn clock_ahead(&self) -> Option<SignedDuration> {
        self.clock_ahead
    }

    fn by_key(&self, key: &str) -> Option<&Market> {
        self.list.iter().find(|market| market.key == key)
    }
}

/// A name without what people put between the codes of two assets.
fn plain(name: &str) -> String {
    AssetPair::canonical(name).replace(['-', '_'], "")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn markets() -> Markets {
        let rows = [
            ("XXBTZEUR", "XBTEUR", "XBT/EUR"),
            ("XETHXXBT", "ETHXBT", "ETH/XBT"),
            ("XDGEUR", "XDGEUR", "XDG/EUR"),
            ("XXBTZUSD", "XBTUSD", "XBT/USD"),
            ("BTC/USD:BTNL", "BTCUSD:BTNL", "BTC/USD:BTNL"),
            ("ODD", "", ""),
        ];
        let row = |(key, altname, wsname): (&str, &str, &str)| {
            (key.to_owned(), AssetPairInfo { altname: altname.into(), wsname: wsname.into() })
        };
        Markets::new(&rows.into_iter().map(row).collect(), None)
    }

    #[test]
    fn every_pair_has_all_of_its_names() {
        let markets = markets();
        let shown: Vec<_> = markets
            .all()
            .iter()
            .map(|m| format!("{} {} {} {}", m.name, m.altname, m.key, m.aliases.join(",")))
            .collect();
        let expected = [
            "BTC/USD:BTNL BTCUSD:BTNL BTC/USD:BTNL ",
            "ETH/XBT ETHXBT XETHXXBT ETH/BTC",
            "ODD  ODD ",
            "XBT/EUR XBTEUR XXBTZEUR BTC/EUR",
            "XBT/USD XBTUSD XXBTZUSD BTC/USD",
            "XDG/EUR XDGEUR XDGEUR DOGE/EUR",
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn a_search_finds_any_name_in_any_spelling() {
        let markets = markets();
        for (text, found) in [
            ("btc-eur", vec!["XBT/EUR"]),
            ("BTC eur", vec!["XBT/EUR"]),
            ("doge", vec!["XDG/EUR"]),
            ("zeur", vec!["XBT/EUR"]),
            ("xbt/usd", vec!["XBT/USD"]),
            ("btcusd", vec!["BTC/USD:BTNL", "XBT/USD"]),
            ("etherium", vec![]),
        ] {
            let names: Vec<_> = markets.search(text).iter().map(|m| m.name.as_str()).collect();
            assert_eq!(names, found, "{text}");
        }
        assert_eq!(markets.search("").len(), markets.all().len());
    }

    #[test]
    fn an_unknown_pair_gets_its_nearest_neighbour() {
        let markets = markets();
        let pair = |text| AssetPair::parse(text).unwrap();
        assert_eq!(markets.find(&pair("btceur")).unwrap().key, "XXBTZEUR");
        let failure = markets.find(&pair("xbteuro")).unwrap_err();
        assert_eq!(failure.class, FailureClass::Pair);
        assert!(failure.remedy.contains("Did you mean XBT/EUR?"), "{failure}");
        let meant = |text| markets.did_you_mean(text).map(|market| market.name.as_str());
        assert_eq!(meant("doge-eurr"), Some("XDG/EUR"));
        assert_eq!(meant("x"), None);
        assert_eq!(meant("???"), None);
    }
}
