//! What is well formed and yet perhaps not meant. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Config;
use crate::{
    kraken::{PAIRS_PER_REQUEST, requests_for},
    quote::AssetPair,
    sheets::{GoogleConfig, SheetConfig},
    tree::span,
};

/// Kraken's edge answers from its cache for about as long.
const KRAKEN_CACHE: Duration = Duration::from_secs(2);

/// Docker kills after this long.
const DOCKER_STOP: Duration = Duration::from_secs(10);

/// What Google allows one user of a project
/// (<https://developers.google.com/sheets/api/limits>).
const GOOGLE_ALLOWS: u32 = 60;

impl Config {
    /// What is well formed and yet perhaps not meant: sentences for a person.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.sheets.is_empty() {
            warnings.push("There are no sheets: nothing is written.".into());
        }
        let fastest = self.sheets.iter().map(|sheet| sheet.every).min();
        if let Some(every) = fastest.filter(|&every| every < KRAKEN_CACHE) {
            warnings.push(format!(
                "A timeout of {} is shorter than Kraken's cache: its answers change every 2 s.",
                span(every)
            ));
        }
        warnings.extend(self.beyond_google());
        warnings.extend(self.beyond_kraken());
        if self.google.writes_per_minute > GOOGLE_ALLOWS
            && self.google.url == GoogleConfig::default().url
        {
            warnings.push(format!(
                "google.writes_per_minute is {}; Google allows {GOOGLE_ALLOWS}.",
                self.google.writes_per_minute
            ));
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
        warnings
    }

    /// More writes than the quota that is kept to.
    fn beyond_google(&self) -> Option<String> {
        let mut spreadsheets: BTreeMap<_, Vec<&SheetConfig>> = BTreeMap::new();
        for sheet in &self.sheets {
            spreadsheets.entry(&sheet.spreadsheet).or_default().push(sheet);
        }
        let writes: f64 = spreadsheets.values().map(|sheets| ticks_per_second(sheets, |_| 1)).sum();
        let allowed = self.google.writes_per_minute;
        if writes * 60.0 <= f64::from(allowed) * 1.000_001 {
            return None;
        }
        let count = u64::try_from(spreadsheets.len()).unwrap_or(u64::MAX);
        let fits = Duration::from_millis((60_000 * count).div_ceil(u64::from(allowed.max(1))));
        Some(format!(
            "The sheets ask for {:.0} writes a minute, and {allowed} are made \
             (google.writes_per_minute): each write waits for its turn. The smallest timeout that \
             fits is {} ms for each.",
            writes * 60.0,
            fits.as_millis()
        ))
    }

    /// More pairs than the requests that are made can carry.
    fn beyond_kraken(&self) -> Option<String> {
        let sheets: Vec<_> = self.sheets.iter().collect();
        let requests = ticks_per_second(&sheets, chunks);
        let allowed = self.kraken.requests_per_second;
        if requests <= allowed * 1.000_001 {
            return None;
        }
        let fits = (1_000.0 * f64::from(chunks(&sheets)) / allowed).ceil();
        Some(format!(
            "The sheets ask Kraken for {requests:.1} requests a second ({PAIRS_PER_REQUEST} pairs \
             at most in each), and {allowed} are made (kraken.requests_per_second): ticks are \
             skipped. The smallest timeout that fits is {fits:.0} ms for each.",
        ))
    }
}

/// How many requests a second ticks make, where the sheets that are due at once make `cost` of
/// them together. The ticks of a cadence that is a multiple of a shorter one coincide with its, so
/// that the first of their requests is made in any case.
fn ticks_per_second(sheets: &[&SheetConfig], cost: impl Fn(&[&SheetConfig]) -> u32) -> f64 {
    let ms = |sheet: &SheetConfig| sheet.every.as_millis().max(1);
    let cadences: BTreeSet<_> = sheets.iter().map(|sheet| ms(sheet)).collect();
    let requests = |&every: &u128| {
        let own: Vec<_> = sheets.iter().copied().filter(|sheet| ms(sheet) == every).collect();
        let shared = cadences.range(..every).any(|&shorter| every.is_multiple_of(shorter));
        let per_tick = cost(&own).saturating_sub(u32::from(shared));
        f64::from(per_tick) * 1_000.0 / f64::from(u32::try_from(every).unwrap_or(u32::MAX))
    };
    cadences.iter().map(requests).sum()
}

/// How many requests the pairs of some sheets take.
fn chunks(sheets: &[&SheetConfig]) -> u32 {
    let cells = sheets.iter().flat_map(|sheet| &sheet.cells);
    let pairs: BTreeSet<&AssetPair> = cells.map(|cell| &cell.pair).collect();
    requests_for(pairs.len())
}
