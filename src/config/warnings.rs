//! What is well formed and yet perhaps not meant. Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use super::Config;
use crate::{
    kraken::PAIRS_PER_REQUEST,
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
        if let Some(address) = self.status.listen.filter(|_| self.status.is_public()) {
            warnings.push(format!("The status page at {address} is open to other machines."));
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
        #[expect(clippy::cast_precision_loss, reason = "there are few chunks")]
        let fits = (1_000.0 * chunks(&sheets) as f64 / allowed).ceil();
        Some(format!(
            "The sheets ask Kraken for {requests:.1} requests a second ({PAIRS_PER_REQUEST} pairs \
             at most in each), and {allowed} are made (kraken.requests_per_second): ticks are \
             skipped. The smallest timeout that fits is {fits:.0} ms for each.",
        ))
    }
}

/// How many requests a second ticks make, where those that are due at once make `cost` of them.
/// A cadence that is a multiple of another's adds nothing to it but its own sheets.
fn ticks_per_second(sheets: &[&SheetConfig], cost: impl Fn(&[&SheetConfig]) -> u32) -> f64 {
    let cadences: BTreeSet<_> = sheets.iter().map(|sheet| sheet.every).collect();
    let mut sum = 0.0;
    for &every in &cadences {
        let divides = |shorter: &&Duration| {
            !shorter.is_zero() && **shorter < every && every.as_nanos() % shorter.as_nanos() == 0
        };
        let own: Vec<_> = sheets.iter().copied().filter(|sheet| sheet.every == every).collect();
        let shared = cadences.iter().filter(divides).count();
        let alone = f64::from(cost(&own)) / every.as_secs_f64().max(1e-3);
        sum += if shared == 0 { alone } else { alone - alone.min(1.0 / every.as_secs_f64()) };
    }
    sum
}

/// How many requests the pairs of some sheets take.
fn chunks(sheets: &[&SheetConfig]) -> u32 {
    let cells = sheets.iter().flat_map(|sheet| &sheet.cells);
    let pairs: BTreeSet<&AssetPair> = cells.map(|cell| &cell.pair).collect();
    u32::try_from(pairs.len().div_ceil(PAIRS_PER_REQUEST)).unwrap_or(u32::MAX)
}
