//! One fetch: the quotes of some pairs, in as few requests as will do. A pure question, the asking,
//! and a pure dealing out of what came. Touches: the network, through `client`; the clock.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    client::KrakenClient,
    config::{MOST_REQUESTS, PAIRS_PER_REQUEST},
    error::KrakenError,
    pairs::{self, PairIndex, unknown},
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

/// What Kraken is asked for.
pub(super) struct Question {
    /// The name to ask for each pair by, and the pairs that go by it.
    names: BTreeMap<String, Vec<AssetPair>>,
    /// Whether the names are Kraken's own keys, which its answers repeat.
    by_key: bool,
    /// The names whose request failed last: they are asked for last, so that they do not keep the
    /// others from being asked for.
    last: BTreeSet<String>,
}

/// What Kraken has answered.
#[derive(Default)]
pub(super) struct Answers {
    /// By Kraken's own name of the pair.
    rows: BTreeMap<String, Result<Quote, BadTicker>>,
    /// Whether it has refused a request because of a pair.
    refusal: bool,
    /// Why there is less than was asked for, or why to wait before asking for more.
    error: Option<KrakenError>,
    /// The names of the request that failed, and of all that were made.
    failed: BTreeSet<String>,
    asked: BTreeSet<String>,
    requests: u64,
}

/// What a fetch has brought.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) quotes: BTreeMap<AssetPair, Quote>,
    pub(super) missing: BTreeMap<AssetPair, Failure>,
    /// Pairs that Kraken refused although nothing here knew better: not to be asked for soon.
    pub(super) refused: BTreeSet<AssetPair>,
    /// Whether they were asked for by Kraken's own keys.
    pub(super) by_key: bool,
    /// The names whose request has failed last, this time or before.
    pub(super) failed: BTreeSet<String>,
    /// Why there is less than was asked for, or why to wait before asking for more.
    pub(super) error: Option<KrakenError>,
    /// What Kraken said that has cost nothing.
    pub(super) note: Option<KrakenError>,
    /// Whether there is nothing of a pair that was to be asked for.
    pub(super) incomplete: bool,
    pub(super) requests: u64,
}

impl Question {
    /// The question for these pairs. Those that an index does not have are left out; without one
    /// their own names have to do: Kraken takes most. Those of `last` are asked for last.
    pub(super) fn of(
        pairs: BTreeSet<AssetPair>,
        index: Option<&PairIndex>,
        last: &BTreeSet<String>,
    ) -> Self {
        let mut names: BTreeMap<String, Vec<AssetPair>> = BTreeMap::new();
        for pair in pairs {
            let name = match index {
                None => Some(pair.key().to_owned()),
                Some(index) => index.key(&pair).map(str::to_owned),
            };
            if let Some(name) = name {
                names.entry(name).or_default().push(pair);
            }
        }
        Self { names, by_key: index.is_some(), last: last.clone() }
    }

    /// Asks it. One unknown pair makes Kraken refuse all of a request, without saying which it is:
    /// then every ticker there is is asked for, once, and what is not among them is it.
    pub(super) async fn ask(&self, client: &KrakenClient, gate: &Gate) -> Answers {
        let mut answers = Answers::default();
        for chunk in self.requests() {
            let all = chunk.is_empty().then(|| self.names.keys().cloned());
            answers.asked.extend(chunk.iter().cloned().chain(all.into_iter().flatten()));
            match answers.to(&chunk, client, gate).await {
                Err(KrakenError::UnknownPair(_)) if chunk.len() == 1 => answers.refusal = true,
                Err(KrakenError::UnknownPair(_)) if !chunk.is_empty() => {
                    answers.refusal = true;
                    let all = answers.to(&[], client, gate).await;
                    answers.error = all.err().or(answers.error);
                    break;
                }
                Err(error) => {
                    answers.error = Some(error);
                    if !answers.is_asked_for_less() {
                        answers.failed.extend(chunk);
                    }
                    break;
                }
                Ok(()) if answers.is_asked_for_less() => break,
                Ok(()) => {}
            }
        }
        answers
    }

    /// The names that each request asks for; all of Kraken's by none, where that is cheaper.
    fn requests(&self) -> Vec<Vec<String>> {
        let all = chunks(self.names.keys().cloned());
        if all.len() < 2 {
            return all;
        }
        let (last, first): (Vec<_>, Vec<_>) =
            self.names.keys().cloned().partition(|name| self.last.contains(name));
        let chunks = [chunks(first.into_iter()), chunks(last.into_iter())].concat();
        if chunks.len() > MOST_REQUESTS { vec![Vec::new()] } else { chunks }
    }

    /// Gives each pair its quote, or the reason why it has none, where `url` is who was asked.
    pub(super) fn deal_out(&self, answers: Answers, url: &str) -> Fetched {
        let asked_for_less = answers.is_asked_for_less();
        let Answers { rows, refusal, error, mut failed, asked, requests } = answers;
        // Of those that were not asked for nothing new is known.
        let others = self.last.iter().filter(|name| !asked.contains(*name));
        failed.extend(others.cloned());
        let by_key = self.by_key;
        let mut fetched = Fetched { by_key, failed, requests, ..Fetched::default() };
        let unasked = error.as_ref().map(|error| error.failure(url));
        for (name, pair) in self.pairs() {
            match self.ticker_of(name, pair, &rows) {
                Some(Ok(quote)) => {
                    fetched.quotes.insert(pair.clone(), quote.clone());
                }
                Some(Err(bad)) => {
                    let failure = Failure::new(FailureClass::Pair, format!("{pair}: {bad}"), "");
                    fetched.missing.insert(pair.clone(), failure);
                }
                None => {
                    fetched.incomplete = true;
                    let failure = unasked.clone().unwrap_or_else(|| {
                        // Kraken has not refused it: an odd answer, no more.
                        if !refusal {
                            return left_out(pair);
                        }
                        fetched.refused.insert(pair.clone());
                        unknown(pair, None)
                    });
                    fetched.missing.insert(pair.clone(), failure);
                }
            }
        }
        let costs_nothing = !fetched.incomplete && !asked_for_less;
        (fetched.note, fetched.error) = if costs_nothing { (error, None) } else { (None, error) };
        fetched
    }

    /// Each pair, by the name that it is asked for.
    fn pairs(&self) -> impl Iterator<Item = (&str, &AssetPair)> {
        let names = self.names.iter();
        names.flat_map(|(name, pairs)| pairs.iter().map(move |pair| (name.as_str(), pair)))
    }

    fn ticker_of<'a>(
        &self,
        name: &str,
        pair: &AssetPair,
        rows: &'a BTreeMap<String, Result<Quote, BadTicker>>,
    ) -> Option<&'a Result<Quote, BadTicker>> {
        rows.get(name).or_else(|| {
            let answers = |key: &&String| !self.by_key && pairs::may_answer(key, pair);
            rows.keys().find(answers).and_then(|key| rows.get(key))
        })
    }
}

impl Answers {
    /// Whether Kraken has asked for fewer requests.
    const fn is_asked_for_less(&self) -> bool {
        matches!(self.error, Some(KrakenError::RateLimited { .. }))
    }

    /// Takes in the tickers of some names, or of every pair if none is named.
    async fn to(
        &mut self,
        names: &[String],
        client: &KrakenClient,
        gate: &Gate,
    ) -> Result<(), KrakenError> {
        gate.pass().await;
        self.requests += 1;
        let Tickers { rows, beside } = client.tickers(names, Timestamp::now()).await?;
        self.rows.extend(rows);
        self.error = beside.or(self.error.take());
        Ok(())
    }
}

/// That an answer has nothing for a pair which Kraken has not refused.
fn left_out(pair: &AssetPair) -> Failure {
    Failure {
        class: FailureClass::Pair,
        reason: format!("Kraken's answer has no ticker for {pair}"),
        remedy: String::new(),
    }
}

/// Splits names into lists that one request each can carry.
fn chunks(names: impl Iterator<Item = String>) -> Vec<Vec<String>> {
    let mut chunks: Vec<Vec<String>> = Vec::new();
    let mut bytes = 0;
    for name in names {
        let fits = bytes + name.len() <= CHUNK_BYTES;
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
mod tests;
