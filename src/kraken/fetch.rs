//! One fetch: the quotes of some pairs, in as few requests as will do. A pure question, the asking,
//! and a pure dealing out of what came. Touches: the network, through `client`; the clock.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use jiff::Timestamp;

use super::{
    client::KrakenClient,
    config::{MOST_REQUESTS, PAIRS_PER_REQUEST},
    error::KrakenError,
    held_back::HeldBack,
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
    /// The names to ask for the pairs by.
    names: BTreeMap<String, Named>,
    /// Whether the names are Kraken's own keys, which its answers repeat.
    by_key: bool,
}

/// What goes by a name.
#[derive(Default)]
struct Named {
    pairs: Vec<AssetPair>,
    /// How many requests for it have failed in a row.
    failures: u32,
}

/// One request of it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Request {
    /// The names that it is to bring the tickers of.
    names: Vec<String>,
    /// Whether it asks for every ticker that there is, and so names none.
    everything: bool,
}

/// What Kraken has answered.
#[derive(Default)]
pub(super) struct Answers {
    /// By Kraken's own name of the pair.
    rows: BTreeMap<String, Result<Quote, BadTicker>>,
    /// The names in all requests that were made.
    asked: BTreeSet<String>,
    /// The names in those that failed, or were answered with an error beside the tickers.
    troubled: BTreeSet<String>,
    /// The names in those of which Kraken says that it does not know some.
    doubted: BTreeSet<String>,
    /// What came between, the last of it.
    error: Option<KrakenError>,
    /// Whether the gate was shut before all was asked for.
    shut_out: bool,
    requests: u64,
}

/// What becomes of a request.
enum Outcome {
    Answered,
    /// Kraken does not know one of the pairs, and gives none.
    Refused,
    /// So may the next: it is better not to make it.
    Failed,
}

/// What a fetch has brought.
#[derive(Default)]
pub(super) struct Fetched {
    pub(super) quotes: BTreeMap<AssetPair, Quote>,
    pub(super) missing: BTreeMap<AssetPair, Failure>,
    /// Missing pairs that Kraken does not know although nothing here knew better: not to be asked
    /// for soon.
    pub(super) refused: BTreeSet<AssetPair>,
    /// Whether they were asked for by Kraken's own keys.
    pub(super) by_key: bool,
    pub(super) trouble: Option<Trouble>,
    /// What Kraken said that has cost nothing.
    pub(super) note: Option<KrakenError>,
    pub(super) requests: u64,
}

/// Why there is less than was to be asked for, or why to wait before asking for more.
pub(super) struct Trouble {
    pub(super) error: KrakenError,
    /// Missing pairs whose requests it has come of.
    pub(super) in_vain: BTreeSet<AssetPair>,
    /// Missing pairs that were not asked for any more.
    pub(super) unasked: BTreeSet<AssetPair>,
}

impl Question {
    /// The question for these pairs. Those that an index does not have are left out; without one
    /// their own names have to do: Kraken takes most.
    pub(super) fn of(
        pairs: BTreeSet<AssetPair>,
        index: Option<&PairIndex>,
        apart: &HeldBack,
    ) -> Self {
        let mut names: BTreeMap<String, Named> = BTreeMap::new();
        for pair in pairs {
            let name = match index {
                None => Some(pair.key().to_owned()),
                Some(index) => index.key(&pair).map(str::to_owned),
            };
            if let Some(name) = name {
                let named = names.entry(name).or_default();
                named.failures = named.failures.max(apart.failures(&pair));
                named.pairs.push(pair);
            }
        }
        Self { names, by_key: index.is_some() }
    }

    /// Asks it. One unknown pair makes Kraken refuse all of a request, without saying which it is:
    /// then every ticker there is is asked for, once, and what is not among them is it.
    pub(super) async fn ask(&self, client: &KrakenClient, gate: &Gate) -> Answers {
        let mut answers = Answers::default();
        for request in self.requests() {
            match answers.to(&request, client, gate).await {
                Outcome::Answered => {}
                Outcome::Refused if request.names.len() == 1 => {
                    answers.doubted.extend(request.names);
                }
                Outcome::Refused => {
                    let all = self.everything();
                    match answers.to(&all, client, gate).await {
                        Outcome::Answered => answers.doubted.extend(all.names),
                        Outcome::Refused | Outcome::Failed => {
                            answers.troubled.extend(request.names);
                        }
                    }
                    break;
                }
                Outcome::Failed => break,
            }
        }
        answers
    }

    fn everything(&self) -> Request {
        Request { names: self.names.keys().cloned().collect(), everything: true }
    }

    /// What is asked for, and in which order: everything in one request, where so many names make
    /// that cheaper; else names whose requests have failed come last and by themselves, so that
    /// they keep no others from being asked for. Those that would come last of many share requests:
    /// their turn to have one by themselves comes when the others have been answered.
    fn requests(&self) -> Vec<Request> {
        if chunks(self.names.keys().cloned()).len() > MOST_REQUESTS {
            return vec![self.everything()];
        }
        let mut groups: BTreeMap<u32, Vec<String>> = BTreeMap::new();
        for (name, Named { failures, .. }) in &self.names {
            groups.entry(*failures).or_default().push(name.clone());
        }
        let mut requests: Vec<_> = groups.into_values().flat_map(chunks).collect();
        let last = requests.split_off(requests.len().min(MOST_REQUESTS - 1));
        requests.extend(chunks(last.concat()));
        requests.into_iter().map(|names| Request { names, everything: false }).collect()
    }

    /// Gives each pair its quote, or the reason why it has none, where `url` is who was asked, and
    /// `plea` is what has shut the gate if it is.
    pub(super) fn deal_out(
        &self,
        mut answers: Answers,
        plea: Option<KrakenError>,
        url: &str,
    ) -> Fetched {
        if answers.shut_out {
            answers.error = plea.or(answers.error);
        }
        let Answers { rows, asked, troubled, doubted, error, requests, .. } = answers;
        let mut fetched = Fetched { by_key: self.by_key, requests, ..Fetched::default() };
        let (mut in_vain, mut unasked) = (BTreeSet::new(), BTreeSet::new());
        let why = |pair| error.as_ref().map_or_else(|| left_out(pair), |error| error.failure(url));
        for (name, pair) in self.pairs() {
            let failure = match self.ticker_of(name, pair, &rows) {
                Some(Ok(quote)) => {
                    fetched.quotes.insert(pair.clone(), quote.clone());
                    continue;
                }
                Some(Err(bad)) => Failure::new(FailureClass::NoQuote, format!("{pair}: {bad}"), ""),
                None if !asked.contains(name) => {
                    unasked.insert(pair.clone());
                    why(pair)
                }
                None if troubled.contains(name) => {
                    in_vain.insert(pair.clone());
                    why(pair)
                }
                None if doubted.contains(name) => {
                    fetched.refused.insert(pair.clone());
                    unknown(pair, None)
                }
                None => left_out(pair),
            };
            fetched.missing.insert(pair.clone(), failure);
        }
        let lacks = !in_vain.is_empty() || !unasked.is_empty();
        match error {
            Some(error) if lacks || error.is_plea() => {
                fetched.trouble = Some(Trouble { error, in_vain, unasked });
            }
            error => fetched.note = error,
        }
        fetched
    }

    /// Each pair, by the name that it is asked for.
    fn pairs(&self) -> impl Iterator<Item = (&str, &AssetPair)> {
        let names = self.names.iter();
        names.flat_map(|(name, named)| named.pairs.iter().map(move |pair| (name.as_str(), pair)))
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

impl Fetched {
    /// Whether there was an answer for a pair, whatever it was.
    pub(super) fn has_answered(&self, pair: &AssetPair) -> bool {
        let lacks = |it: &Trouble| it.in_vain.contains(pair) || it.unasked.contains(pair);
        self.quotes.contains_key(pair)
            || self.missing.contains_key(pair) && !self.trouble.as_ref().is_some_and(lacks)
    }
}

impl Answers {
    /// Makes a request and takes in its answer.
    async fn to(&mut self, request: &Request, client: &KrakenClient, gate: &Gate) -> Outcome {
        if !gate.pass_within(Duration::ZERO).await {
            self.shut_out = true;
            return Outcome::Failed;
        }
        self.requests += 1;
        self.asked.extend(request.names.iter().cloned());
        let named = if request.everything { &[] } else { &request.names[..] };
        let (error, outcome) = match client.tickers(named, Timestamp::now()).await {
            Ok(Tickers { rows, beside }) => {
                self.rows.extend(rows);
                match beside {
                    None => return Outcome::Answered,
                    Some(KrakenError::UnknownPair(_)) if !named.is_empty() => {
                        self.doubted.extend(request.names.iter().cloned());
                        return Outcome::Answered;
                    }
                    Some(error) if error.is_plea() => (error, Outcome::Failed),
                    Some(error) => (error, Outcome::Answered),
                }
            }
            Err(KrakenError::UnknownPair(_)) if !named.is_empty() => return Outcome::Refused,
            Err(error) => (error, Outcome::Failed),
        };
        self.troubled.extend(request.names.iter().cloned());
        self.error = Some(error);
        outcome
    }
}

/// That an answer has nothing for a pair which Kraken has not refused: an odd answer, no more.
fn left_out(pair: &AssetPair) -> Failure {
    let reason = format!("Kraken's answer has no ticker for {pair}");
    Failure::new(FailureClass::NoQuote, reason, "")
}

/// Splits names into lists that one request each can carry.
fn chunks(names: impl IntoIterator<Item = String>) -> Vec<Vec<String>> {
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
