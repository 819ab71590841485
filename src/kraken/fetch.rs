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
    /// The names of the request that failed.
    failed: BTreeSet<String>,
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
        let mut chunks = self.chunks();
        if chunks.len() > MOST_REQUESTS {
            chunks = vec![Vec::new()];
        }
        for chunk in chunks {
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

    /// The names, in lists that one request each can carry.
    fn chunks(&self) -> Vec<Vec<String>> {
        let (last, first): (Vec<_>, Vec<_>) =
            self.names.keys().cloned().partition(|name| self.last.contains(name));
        [chunks(first.into_iter()), chunks(last.into_iter())].concat()
    }

    /// Gives each pair its quote, or the reason why it has none, where `url` is who was asked.
    pub(super) fn deal_out(&self, answers: Answers, url: &str) -> Fetched {
        let asked_for_less = answers.is_asked_for_less();
        let Answers { rows, refusal, error, mut failed, requests } = answers;
        // Of those that were not asked for nothing new is known.
        let others = self.last.iter().filter(|name| !self.names.contains_key(*name));
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

    #[test]
    fn names_whose_request_failed_come_last_and_by_themselves() {
        let pairs = |range: std::ops::Range<u32>| -> BTreeSet<AssetPair> {
            range.map(|n| format!("aaa{n:03}eur").parse().unwrap()).collect()
        };
        let chunks = |last: &BTreeSet<String>| Question::of(pairs(0..250), None, last).chunks();
        let before = chunks(&BTreeSet::new());
        assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
        let after = chunks(&before[1].iter().cloned().chain(["GONE".to_owned()]).collect());
        assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), [100, 50, 100]);
        assert_eq!(after[2], before[1]);
    }

    /// What a fetch of ADA/EUR by its key has brought, whose answer had a row of this pair or not.
    fn dealt(row: Option<&str>, refusal: bool, error: Option<KrakenError>) -> Fetched {
        let pair = AssetPair::parse("ADA/EUR").unwrap();
        let names = [("ADAEUR".to_owned(), vec![pair])].into();
        let row = row.map(|key| (key.to_owned(), Ok(Quote::empty(Timestamp::UNIX_EPOCH))));
        let rows = row.into_iter().collect();
        let answers = Answers { rows, refusal, error, requests: 1, ..Answers::default() };
        Question { names, by_key: true, last: BTreeSet::new() }.deal_out(answers, "https://x")
    }

    #[test]
    fn a_pair_without_a_ticker_is_refused_only_if_kraken_has_refused_something() {
        let why = |fetched: &Fetched| fetched.missing.values().next().map(ToString::to_string);
        let odd = dealt(Some("ADAEURX"), false, None);
        assert!(odd.refused.is_empty() && why(&odd).unwrap().contains("has no ticker"));
        let refused = dealt(None, true, None);
        assert!(refused.refused.len() == 1 && why(&refused).unwrap().contains("does not know"));
        let busy = || Some(KrakenError::Service("EService:Busy".into()));
        let trouble = dealt(None, true, busy());
        assert!(trouble.refused.is_empty() && why(&trouble).unwrap().contains("EService:Busy"));
        assert!(trouble.error.is_some() && trouble.note.is_none() && trouble.incomplete);
    }

    #[test]
    fn what_is_said_beside_a_whole_answer_costs_nothing_but_a_plea_for_fewer_requests() {
        let busy = dealt(Some("ADAEUR"), false, Some(KrakenError::Service("busy".into())));
        assert!(busy.error.is_none() && busy.note.is_some() && busy.quotes.len() == 1);
        let limited = KrakenError::RateLimited { text: "slow down".into(), wait: None };
        let limited = dealt(Some("ADAEUR"), false, Some(limited));
        assert!(limited.error.is_some() && limited.note.is_none() && limited.quotes.len() == 1);
        assert!(!busy.incomplete && !limited.incomplete, "nothing is to be asked for again");
    }
}
