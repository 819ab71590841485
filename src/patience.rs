//! How long a spreadsheet may go without a success before that is too long.
//! Pure: no I/O, no clock, no randomness.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use crate::{
    config::Config,
    kraken::requests_for,
    sheets::{SheetConfig, TOKEN_DEADLINE},
};

/// Nothing is too long for a spreadsheet that takes less.
const LEAST: Duration = Duration::from_secs(15);

/// So many ticks in a row may come to nothing.
const TICKS: u32 = 3;

/// How long each spreadsheet may go without a success: three ticks of its shortest cadence and
/// all the deadlines of a cycle, and 15 s at the least.
///
/// A cadence that the quota does not bear is stretched, and so it is here.
pub(crate) fn of_spreadsheets(config: &Config) -> BTreeMap<Arc<str>, Duration> {
    let mut cadences: BTreeMap<Arc<str>, Duration> = BTreeMap::new();
    for SheetConfig { spreadsheet, every, .. } in &config.sheets {
        let shortest = cadences.entry(spreadsheet.shared()).or_insert(*every);
        *shortest = (*shortest).min(*every);
    }
    let turn = writers_turn(config, cadences.len()).max(askers_turn(config));
    let deadlines = [config.kraken.deadline, TOKEN_DEADLINE, config.google.deadline];
    let deadlines = deadlines.into_iter().fold(Duration::ZERO, Duration::saturating_add);
    let patience =
        |every: Duration| every.max(turn).saturating_mul(TICKS).saturating_add(deadlines);
    cadences.into_iter().map(|(id, every)| (id, patience(every).max(LEAST))).collect()
}

/// How long it is until each spreadsheet has had its turn to be written.
fn writers_turn(config: &Config, spreadsheets: usize) -> Duration {
    let spreadsheets = u32::try_from(spreadsheets).unwrap_or(u32::MAX);
    Duration::from_secs(60).saturating_mul(spreadsheets) / config.google.writes_per_minute.max(1)
}

/// How long it is until each pair has had its turn to be asked for.
fn askers_turn(config: &Config) -> Duration {
    let mappings = config.sheets.iter().flat_map(|sheet| &sheet.cells);
    let pairs: BTreeSet<_> = mappings.map(|mapping| &mapping.pair).collect();
    let seconds = f64::from(requests_for(pairs.len())) / config.kraken.requests_per_second;
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sheet(id: &str, seconds: u64) -> SheetConfig {
        SheetConfig::new(&format!("{id:a>20}"), "Sheet 1").every(Duration::from_secs(seconds))
    }

    fn seconds(config: &Config) -> Vec<u64> {
        of_spreadsheets(config).values().map(Duration::as_secs).collect()
    }

    #[test]
    fn a_spreadsheet_is_waited_for_by_its_shortest_cadence() {
        let config = Config::new().sheet(sheet("x", 60)).sheet(sheet("y", 20)).sheet(sheet("x", 5));
        // 3 × 5 s and 3 × 20 s, and 10 + 10 + 30 s of deadlines.
        assert_eq!(seconds(&config), [65, 110]);
        let mut hasty = Config::new().sheet(sheet("x", 1));
        hasty.kraken.deadline = Duration::from_millis(1);
        hasty.google.deadline = Duration::from_millis(1);
        assert_eq!(seconds(&hasty), [15], "3.0 + 10.002 s are less than the least");
    }

    #[test]
    fn a_cadence_that_the_quota_does_not_bear_is_stretched() {
        let mut config = Config::new();
        for index in 0..100 {
            config.sheets.push(sheet(&format!("x{index}"), 1));
        }
        // 100 spreadsheets at 50 writes a minute: each has its turn every two minutes.
        assert!(seconds(&config).iter().all(|&patience| patience == 3 * 120 + 50));
        let pairs = (0..250).map(|index| format!("kraken:abc{index}:last"));
        let wide = pairs
            .enumerate()
            .fold(sheet("x", 1), |sheet, (row, key)| sheet.cell(&key, &format!("A{}", row + 1)));
        let mut config = Config::new().sheet(wide);
        config.kraken.requests_per_second = 0.1;
        assert_eq!(seconds(&config), [3 * 30 + 50], "3 requests, one every ten seconds");
    }
}
