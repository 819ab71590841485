//! What is well formed and yet perhaps not meant. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::{Config, rhythm::per_second};
use crate::{
    kraken::{KrakenConfig, PAIRS_PER_REQUEST, requests_for},
    quote::AssetPair,
    sheets::{CellRef, GoogleConfig, SheetConfig, Tab},
    tree::{is_loopback, shown, span},
};

/// Kraken's edge answers from its cache for about as long.
const KRAKEN_CACHE: Duration = Duration::from_secs(2);

/// A new connection takes three round trips before there is an answer (TCP, TLS, the request), and
/// one around the world takes some 150 ms.
const NEW_CONNECTION: Duration = Duration::from_millis(500);

/// Docker kills after this long.
const DOCKER_STOP: Duration = Duration::from_secs(10);

/// What Google allows one user of a project
/// (<https://developers.google.com/sheets/api/limits>).
const GOOGLE_ALLOWS: u32 = 60;

/// What is asked for may be so much more than what is allowed.
const ROUNDING: f64 = 1.000_001;

impl Config {
    /// What is well formed and yet perhaps not meant: sentences for a person.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.sheets.is_empty() {
            warnings.push("There are no sheets: nothing is written.".into());
        }
        // Who heeds the one that asks for the longer timeout has heeded the other, and perhaps
        // what is said of the cache, which costs nothing and so never hides them.
        let beyond = [self.beyond_kraken(), self.beyond_google()];
        let beyond = beyond.into_iter().flatten().max_by_key(|hasty| hasty.least);
        let heeded = beyond.as_ref().map_or(Duration::ZERO, |hasty| hasty.least);
        let within = self.within_cache().filter(|hasty| hasty.least > heeded);
        warnings.extend(beyond.into_iter().chain(within).map(|hasty| hasty.told));
        if self.google.writes_per_minute > GOOGLE_ALLOWS
            && self.google.url == GoogleConfig::default().url
        {
            warnings.push(format!(
                "google.writes_per_minute is {}; Google allows {GOOGLE_ALLOWS}.",
                self.google.writes_per_minute
            ));
        }
        warnings.extend(self.beyond_an_address());
        for (key, deadline) in
            [("kraken.deadline", self.kraken.deadline), ("google.deadline", self.google.deadline)]
        {
            if deadline < NEW_CONNECTION {
                warnings.push(format!(
                    "{key} is {}, in which few requests are answered over the Internet; a number \
                     without a unit is milliseconds, and seconds are written as \"10s\".",
                    span(deadline)
                ));
            }
        }
        if self.shutdown_grace > DOCKER_STOP {
            warnings.push(format!(
                "shutdown_grace is {}; Docker kills after 10 s unless it is told otherwise.",
                span(self.shutdown_grace)
            ));
        }
        if let Some(address) = self.status.listen.filter(|address| !address.ip().is_loopback()) {
            warnings
                .push(format!("The address of the probes, {address}, is open to other machines."));
        }
        if let Some(host) = self.heartbeat.host_alone() {
            warnings.push(format!(
                "heartbeat.url is {host} without a path, which is hardly anybody's: a monitor gives \
                 out an address of your own."
            ));
        }
        warnings.extend(self.odd_titles());
        warnings
    }

    /// Titles of tabs that are rather something else, written in the wrong place: the first, and
    /// how many there are.
    fn odd_titles(&self) -> Option<String> {
        let mut odd = self.sheets.iter().filter_map(odd_title);
        let (title, meant) = odd.next()?;
        let of = match odd.count() {
            0 => String::new(),
            more => format!(" (the first of {} such)", more + 1),
        };
        let title = shown(title);
        Some(format!("The title of a tab is {title}{of}: {meant}, unless a tab is called that."))
    }

    /// More requests than Kraken allows an address.
    fn beyond_an_address(&self) -> Option<String> {
        let asked = self.kraken.requests_per_second;
        let host = self.kraken.url.parse::<http::Uri>().ok()?;
        let allows = KrakenConfig::default().requests_per_second;
        (asked > allows && !is_loopback(host.host()?))
            .then(|| format!("kraken.requests_per_second is {asked}; Kraken allows {allows}."))
    }

    /// A timeout in which Kraken's answers do not change.
    fn within_cache(&self) -> Option<Hasty> {
        let fastest = self.sheets.iter().map(|sheet| sheet.every).min();
        let every = fastest.filter(|&every| every < KRAKEN_CACHE)?;
        let told = format!(
            "A timeout of {} is shorter than Kraken's cache: its answers change every 2 s.",
            span(every)
        );
        Some(Hasty { least: KRAKEN_CACHE, told })
    }

    /// More writes than the quota that is kept to.
    fn beyond_google(&self) -> Option<Hasty> {
        let mut spreadsheets: BTreeMap<_, BTreeMap<u64, ()>> = BTreeMap::new();
        for sheet in &self.sheets {
            spreadsheets.entry(&sheet.spreadsheet).or_default().insert(cadence(sheet), ());
        }
        let writes: f64 = spreadsheets.values().map(|cadences| per_second(cadences, |_| 1)).sum();
        let allowed = self.google.writes_per_minute;
        if writes * 60.0 <= f64::from(allowed) * ROUNDING {
            return None;
        }
        let count = u64::try_from(spreadsheets.len()).unwrap_or(u64::MAX);
        let least = Duration::from_millis((60_000 * count).div_ceil(u64::from(allowed.max(1))));
        let told = format!(
            "The sheets ask for {:.0} writes a minute, and {allowed} are made \
             (google.writes_per_minute): each write waits for its turn. If all have one timeout, \
             the smallest that fits is {} ms.",
            writes * 60.0,
            least.as_millis()
        );
        Some(Hasty { least, told })
    }

    /// More pairs than the requests that are made can carry.
    fn beyond_kraken(&self) -> Option<Hasty> {
        let mut cadences: BTreeMap<_, BTreeSet<&AssetPair>> = BTreeMap::new();
        for sheet in &self.sheets {
            let pairs = sheet.cells.iter().map(|cell| &cell.pair);
            cadences.entry(cadence(sheet)).or_default().extend(pairs);
        }
        let requests = per_second(&cadences, |due| requests_for_all(due.iter().copied()));
        let allowed = self.kraken.requests_per_second;
        if requests <= allowed * ROUNDING {
            return None;
        }
        let least = f64::from(requests_for_all(cadences.values())) / allowed;
        let least = Duration::try_from_secs_f64(least).unwrap_or(Duration::MAX);
        let told = format!(
            "The sheets ask Kraken for {requests:.1} requests a second ({PAIRS_PER_REQUEST} pairs \
             at most in each), and {allowed} are made (kraken.requests_per_second): ticks are \
             skipped. If all have one timeout, the smallest that fits is {:.0} ms.",
            (least.as_secs_f64() * 1_000.0).ceil()
        );
        Some(Hasty { least, told })
    }
}

/// What is said of timeouts that are too short.
struct Hasty {
    /// The least timeout of all sheets with which it is not said.
    least: Duration,
    told: String,
}

/// The title of a sheet's tab, if it is rather something else that was written in the wrong place;
/// and what would be right.
fn odd_title(sheet: &SheetConfig) -> Option<(&str, &'static str)> {
    let Tab::Title(title) = &sheet.tab else { return None };
    let meant = match title.trim_start_matches('#').strip_prefix("gid=") {
        Some(gid) if gid.parse::<u32>().is_ok() => {
            "a tab is named by its gid in the spreadsheet's URL, as the browser shows it"
        }
        _ if matches!(CellRef::parse(title), Ok(CellRef::Cell { tab: Some(_), .. })) => {
            "cells are named under \"data\", and here the tab alone"
        }
        _ => return None,
    };
    Some((title, meant))
}

fn cadence(sheet: &SheetConfig) -> u64 {
    u64::try_from(sheet.every.as_millis()).unwrap_or(u64::MAX).max(1)
}

/// How many requests the pairs of some sheets take together.
fn requests_for_all<'a>(pairs: impl Iterator<Item = &'a BTreeSet<&'a AssetPair>>) -> u32 {
    let pairs: BTreeSet<&AssetPair> = pairs.flatten().copied().collect();
    requests_for(pairs.len())
}
