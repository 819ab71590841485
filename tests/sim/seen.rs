//! What was seen of a request, for those who measure how long things take.

use std::time::Duration;

use super::{
    faults::Service,
    http1::Request,
    request::{Begun, End},
};

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A fetch of prices, by its number.
    Fetch(u64),
    /// Kraken's list of pairs.
    List,
    /// A spreadsheet's properties are read.
    Read(usize),
    /// A spreadsheet is written.
    Write(usize),
    Token,
}

/// A request, from its arrival to its end.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) at: Duration,
    /// The prices that it writes: the sheet, the cell, and the first fetch that they are of.
    pub(crate) prices: Vec<(usize, String, u64)>,
    /// When it ended, if it has; with which status; and whether it did what was asked.
    pub(crate) ended: Option<Duration>,
    pub(crate) status: u16,
    pub(crate) good: bool,
}

impl Seen {
    pub(crate) fn new(id: u64, begun: &Begun, request: &Request) -> Self {
        let kind = match (begun.service, begun.fetch) {
            (Service::Kraken, Some(fetch)) => Kind::Fetch(fetch),
            (Service::Kraken, None) => Kind::List,
            (Service::Sheets, _) if request.method == "GET" => Kind::Read(begun.book),
            (Service::Sheets, _) => Kind::Write(begun.book),
            (Service::Token, _) => Kind::Token,
        };
        let prices = begun.write.iter().flat_map(|write| &write.prices);
        let prices = prices.map(|entry| (entry.sheet, entry.range.clone(), entry.fetch)).collect();
        Self { id, kind, at: begun.at, prices, ended: None, status: 0, good: false }
    }

    /// It has ended. What comes after that is not heard any more.
    pub(crate) fn ends(&mut self, now: Duration, end: &End) {
        if self.ended.is_none() {
            (self.ended, self.status, self.good) = (Some(now), end.status, end.good);
        }
    }
}
