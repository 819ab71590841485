//! One fetch: the quotes of some pairs, in as few requests as will do.
//! Touches: the network, through `client`; the clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use jiff::Timestamp;

use super::{
    client::KrakenClient,
    config::{MOST_REQUESTS, PAIRS_PER_REQUEST},
    error::KrakenError,
    pairs::{self, PairIndex},
    wire::{BadTicker, Tickers},
};
use crate::{
    gate::Gate,
    messages::{Failure, FailureClass},
    quote::{AssetPair, Quote},
};

/// At most so many bytes of names in one request: longer URLs have been refused by Kraken's edge
/// with 414 and 520.
const CHUNK_BYTES: usize = 1_800;

type Rows = BTreeMap<String, Result<Quote, BadTicker>>;

/// What a fetch needs.
pub(super) struct Fetch {
    pub(super) client: KrakenClient,
    pub(super) gate: Rc<Gate>,
    pub(super) index: Option<Rc<PairIndex>>,
    pub(super) pairs: BTreeSet<AssetPair>,
}

/// What a fetch brought.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) quotes: BTreeMap<AssetPair, Quote>,
    pub(super) missing: BTreeMap<AssetPair, Failure>,
    /// Pairs that Kraken refused although nothing here knew better: not to be asked for soon.
    pub(super) refused: BTreeSet<AssetPair>,
    /// Whether Kraken has refused a request because of a pair.
    pub(super) refusal: bool,
    /// Whether a pair was not in the index: it may be old.
    pub(super) unknown: bool,
    /// Why there is less than was asked for, or why to wait before asking for more.
    pub(super) error: Option<KrakenError>,
    /// What Kraken said that has cost nothing.
    pub(super) note: Option<KrakenError>,
    pub(super) requests: u64,
}

impl Fetch {
    /// Asks for the tickers, and matches them with the pairs.
    pub(super) async fn run(self, url: &str) -> Fetched {
        let mut fetched = Fetched::default();
        let names = self.names(&mut fetched);
        let mut chunks = chunks(names.keys().cloned());
        if chunks.len() > MOST_REQUESTS {
            chunks = vec![Vec::new()];
        }
        let mut tickers = BTreeMap::new();
        for chunk in chunks {
            match self.tickers(&chunk, &mut fetched).await {
                Ok(Tickers { rows, beside }) => {
                    tickers.extend(rows);
                    fetched.error = beside.or(fetched.error);
                }
                Err(error) => {
                    fetched.error = Some(error);
                    break;
                }
            }
        }
        self.deal_out(&names, &tickers, &mut fetched, url);
        let answered = |name: &String, pair| self.ticker_of(name, pair, &tickers).is_some();
        if names.iter().all(|(name, pairs)| pairs.iter().all(|pair| answered(name, pair))) {
            let costs_nothing =
                |error: &mut KrakenError| !matches!(error, KrakenError::RateLimited { .. });
            fetched.note = fetched.error.take_if(costs_nothing);
        }
        fetched
    }

    /// The name to ask for each pair by, and the pairs that go by it.
    fn names(&self, fetched: &mut Fetched) -> BTreeMap<String, Vec<AssetPair>> {
        let mut names: BTreeMap<String, Vec<AssetPair>> = BTreeMap::new();
        for pair in &self.pairs {
            let name = match self.index.as_deref() {
                // Without an index the name itself has to do: Kraken takes most.
                None => pair.key(),
                Some(index) => match index.key(pair) {
                    Some(key) => key,
                    None => {
                        fetched.unknown = true;
                        fetched
                            .missing
                            .insert(pair.clone(), unknown(pair, index.did_you_mean(pair)));
                        continue;
                    }
                },
            };
            names.entry(name.to_owned()).or_default().push(pair.clone());
        }
        names
    }

    /// The tickers of one chunk. One unknown pair makes Kraken refuse all of them, without saying
    /// which it is: then every ticker there is is asked for, and what is not among them is it.
    async fn tickers(
        &self,
        chunk: &[String],
        fetched: &mut Fetched,
    ) -> Result<Tickers, KrakenError> {
        let answer = self.request(chunk, fetched).await;
        fetched.refusal |= matches!(answer, Err(KrakenError::UnknownPair(_)));
        match answer {
            Err(KrakenError::UnknownPair(_)) if chunk.len() == 1 => Ok(Tickers::default()),
            Err(KrakenError::UnknownPair(_)) if !chunk.is_empty() => {
                self.request(&[], fetched).await
            }
            outcome => outcome,
        }
    }

    async fn request(
        &self,
        names: &[String],
        fetched: &mut Fetched,
    ) -> Result<Tickers, KrakenError> {
        self.gate.pass().await;
        fetched.requests += 1;
        self.client.tickers(names, Timestamp::now()).await
    }

    /// Gives each pair its quote, or the reason why it has none.
    fn deal_out(
        &self,
        names: &BTreeMap<String, Vec<AssetPair>>,
        tickers: &Rows,
        fetched: &mut Fetched,
        url: &str,
    ) {
        let unasked = fetched.error.as_ref().map(|error| error.failure(url));
        for (name, pairs) in names {
            for pair in pairs {
                match self.ticker_of(name, pair, tickers) {
                    Some(Ok(quote)) => {
                        fetched.quotes.insert(pair.clone(), quote.clone());
                    }
                    Some(Err(bad)) => {
                        let failure = Failure {
                            class: FailureClass::Pair,
                            reason: format!("{pair}: {bad}"),
                            remedy: String::new(),
                        };
                        fetched.missing.insert(pair.clone(), failure);
                    }
                    None => {
                        // Kraken lists the pair and has not refused it: an odd answer, no more.
                        let known = self.index.is_some() && !fetched.refusal;
                        let failure = unasked.clone().unwrap_or_else(|| {
                            if known {
                                return left_out(pair);
                            }
                            fetched.refused.insert(pair.clone());
                            unknown(pair, None)
                        });
                        fetched.missing.insert(pair.clone(), failure);
                    }
                }
            }
        }
    }

    fn ticker_of<'a>(
        &self,
        name: &str,
        pair: &AssetPair,
        tickers: &'a Rows,
    ) -> Option<&'a Result<Quote, BadTicker>> {
        tickers.get(name).or_else(|| {
            let answers = |key: &&String| self.index.is_none() && pairs::may_answer(key, pair);
            tickers.keys().find(answers).and_then(|key| tickers.get(key))
        })
    }
}

/// That an answer has nothing for a pair which Kraken lists and has not refused.
fn left_out(pair: &AssetPair) -> Failure {
    Failure {
        class: FailureClass::Pair,
        reason: format!("Kraken's answer has no ticker for {pair}"),
        remedy: String::new(),
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

/// Splits names into lists that one request each can carry.
fn chunks(names: impl Iterator<Item = String>) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for name in names {
        let fits = bytes + name.len() < CHUNK_BYTES;
        match chunks.last_mut().filter(|chunk| chunk.len() < PAIRS_PER_REQUEST && fits) {
            Some(chunk) => {
                bytes += name.len() + 1;
                chunk.push(name);
            }
            None => {
                bytes = name.len() + 1;
                chunks.push(vec![name]);
            }
        }
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_all_names_once_and_keep_to_their_limits() {
        for (count, length, expected) in
            [(0, 6, 0), (1, 6, 1), (100, 6, 1), (101, 6, 2), (100, 30, 2)]
        {
            let names: Vec<_> = (0..count).map(|n| format!("{n:0length$}")).collect();
            let chunks = chunks(names.iter().cloned());
            assert_eq!(chunks.len(), expected, "{count} of {length}");
            assert_eq!(chunks.concat(), names);
            for chunk in chunks {
                assert!(chunk.len() <= PAIRS_PER_REQUEST && chunk.join(",").len() <= CHUNK_BYTES);
            }
        }
    }
}
