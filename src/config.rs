//! The whole configuration: composed of the rooms' own. Pure: no I/O, no clock, no randomness.

mod left;
mod read;
mod rhythm;
mod schema;
mod sections;
mod warnings;

use std::{collections::HashMap, time::Duration};

pub use self::sections::{HeartbeatConfig, LogConfig, LogFormat, LogLevel, StatusConfig};
use crate::{
    http::TlsConfig,
    kraken::KrakenConfig,
    retry::RetryConfig,
    sheets::{CellRef, Credentials, GoogleConfig, SheetConfig, TargetKey, one_tab},
    supervisor::SupervisionConfig,
    tree::{ConfigError, ConfigProblem, DurationRange, MOST_BYTES, Mistakes, Refusal, millis},
};

/// From how long to how long a clean stop may be let take.
const SHUTDOWN_GRACE: DurationRange = millis(1, 3_600_000);

/// The most cells of all sheets together: what fits the memory that is promised, twice over.
const MOST_CELLS: usize = 20_000;

/// The most pairs of all sheets together: Kraken trades some 1,400.
const MOST_PAIRS: usize = 2_000;

/// The most spreadsheets: with 50 writes a minute each is written every ten minutes.
const MOST_SPREADSHEETS: usize = 500;

/// Everything that ratesheet can be told.
///
/// A file is read by [`Config::from_json`]. A host application builds its configuration in code:
///
/// ```
/// # use std::time::Duration;
/// use ratesheet::{Config, SheetConfig};
///
/// let config = Config::new().credentials("/run/secrets/key.json").sheet(
///     SheetConfig::new("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk", "Sheet 1")
///         .every(Duration::from_secs(5))
///         .cell("kraken:xbteur:sell", "A1")
///         .updated("D1")
///         .problem("E1"),
/// );
/// config.check()?;
/// # Ok::<(), ratesheet::ConfigError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Config {
    /// The sheets. None is valid: then nothing happens.
    pub sheets: Vec<SheetConfig>,
    /// In whose name the sheets are written.
    pub credentials: Option<Credentials>,
    /// How Kraken is asked.
    pub kraken: KrakenConfig,
    /// How Google is asked.
    pub google: GoogleConfig,
    /// When to try again after a failure.
    pub retry: RetryConfig,
    /// When to restart an actor after a fault, and when to give up.
    pub supervision: SupervisionConfig,
    /// The longest that a clean stop may take: 8 s, which is below Docker's ten.
    pub shutdown_grace: Duration,
    /// Which certificate authorities are trusted.
    pub tls: TlsConfig,
    /// What is logged, and how. Heeded by the `ratesheet` command alone.
    pub log: LogConfig,
    /// Where the probes answer. Heeded by the `ratesheet` command alone: a host serves them by
    /// `StatusServer`.
    pub status: StatusConfig,
    /// Whom to tell that all is well.
    pub heartbeat: HeartbeatConfig,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            sheets: Vec::new(),
            credentials: None,
            kraken: KrakenConfig::default(),
            google: GoogleConfig::default(),
            retry: RetryConfig::default(),
            supervision: SupervisionConfig::default(),
            shutdown_grace: Duration::from_secs(8),
            tls: TlsConfig::default(),
            log: LogConfig::default(),
            status: StatusConfig::default(),
            heartbeat: HeartbeatConfig::default(),
        }
    }
}

impl Config {
    /// The largest file that is read as a configuration.
    pub const MOST_BYTES: usize = MOST_BYTES;

    /// Everything at its default, and no sheets.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a sheet.
    #[must_use]
    pub fn sheet(mut self, sheet: SheetConfig) -> Self {
        self.sheets.push(sheet);
        self
    }

    /// Sets in whose name the sheets are written: by the path of a service account's key, by the
    /// key itself, or by `"metadata"`, the identity that Google gives to its machines.
    #[must_use]
    pub fn credentials(self, credentials: impl Into<Credentials>) -> Self {
        Self { credentials: Some(credentials.into()), ..self }
    }

    /// Sets how Kraken is asked.
    #[must_use]
    pub fn kraken(self, kraken: KrakenConfig) -> Self {
        Self { kraken, ..self }
    }

    /// Sets how Google is asked.
    #[must_use]
    pub fn google(self, google: GoogleConfig) -> Self {
        Self { google, ..self }
    }

    /// Sets when to try again after a failure.
    #[must_use]
    pub fn retry(self, retry: RetryConfig) -> Self {
        Self { retry, ..self }
    }

    /// Sets when to restart an actor after a fault, and when to give up.
    #[must_use]
    pub fn supervision(self, supervision: SupervisionConfig) -> Self {
        Self { supervision, ..self }
    }

    /// Sets the longest that a clean stop may take.
    #[must_use]
    pub fn shutdown_grace(self, shutdown_grace: Duration) -> Self {
        Self { shutdown_grace, ..self }
    }

    /// Sets which certificate authorities are trusted.
    #[must_use]
    pub fn tls(self, tls: TlsConfig) -> Self {
        Self { tls, ..self }
    }

    /// Sets what is logged, and how.
    #[must_use]
    pub fn log(self, log: LogConfig) -> Self {
        Self { log, ..self }
    }

    /// Sets where the probes answer.
    #[must_use]
    pub fn status(self, status: StatusConfig) -> Self {
        Self { status, ..self }
    }

    /// Sets whom to tell that all is well.
    #[must_use]
    pub fn heartbeat(self, heartbeat: HeartbeatConfig) -> Self {
        Self { heartbeat, ..self }
    }

    /// Whether everything is well formed, however it came about.
    ///
    /// # Errors
    /// When something is not: the error tells all of it.
    pub fn check(&self) -> Result<(), ConfigError> {
        self.all_mistakes().into_result("configuration")
    }

    /// Everything that is not well formed.
    pub fn mistakes(&self) -> Vec<ConfigProblem> {
        self.check().map_or_else(|error| error.problems().to_vec(), |()| Vec::new())
    }

    fn all_mistakes(&self) -> Mistakes {
        let mut mistakes = Mistakes::default();
        for (index, sheet) in self.sheets.iter().enumerate() {
            sheet.check(&format!("sheets[{index}]"), &mut mistakes);
        }
        self.check_targets(&mut mistakes);
        for (what, count, most) in self.too_many() {
            let refusal = Refusal::new(format!("{most} at most")).found(format!("{count} {what}"));
            mistakes.code("sheets", refusal);
        }
        self.kraken.check(&mut mistakes);
        self.google.check(&mut mistakes);
        self.retry.check(&mut mistakes);
        self.supervision.check(&mut mistakes);
        mistakes.duration("shutdown_grace", self.shutdown_grace, &SHUTDOWN_GRACE);
        self.heartbeat.check(&mut mistakes);
        mistakes
    }

    /// Notes the cells that are written twice.
    fn check_targets(&self, mistakes: &mut Mistakes) {
        let mut first = HashMap::new();
        for (index, sheet) in self.sheets.iter().enumerate() {
            for (cell, _) in sheet.targets() {
                let here = format!("sheets[{index}]");
                if let Some(there) = first.get(&TargetKey::new(sheet, cell)) {
                    let found = format!("the cell {cell}, which {there} writes already");
                    mistakes.code(here, Refusal::new("a cell of its own").found(found));
                } else {
                    first.insert(TargetKey::new(sheet, cell), here);
                }
            }
        }
    }

    /// A cell of a sheet of this configuration, as a person tells it from all others of the
    /// spreadsheet: `'Sheet 1'!A1`, `gid 7!A1`, or `A1` where there is no other tab.
    pub fn cell_name(&self, sheet: &SheetConfig, cell: &CellRef) -> String {
        let of_it = |other: &&SheetConfig| other.spreadsheet == sheet.spreadsheet;
        sheet.tab.cell_name(cell, one_tab(self.sheets.iter().filter(of_it)))
    }

    /// What there is more of than is borne: what, how many, how many at most.
    fn too_many(&self) -> Vec<(&'static str, usize, usize)> {
        use std::collections::HashSet;
        let cells = self.sheets.iter().map(|sheet| sheet.targets().count()).sum();
        let mappings = self.sheets.iter().flat_map(|sheet| &sheet.cells);
        let pairs = mappings.map(|mapping| &mapping.pair).collect::<HashSet<_>>().len();
        let ids = self.sheets.iter().map(|sheet| &sheet.spreadsheet);
        let spreadsheets = ids.collect::<HashSet<_>>().len();
        let counts = [
            ("cells", cells, MOST_CELLS),
            ("pairs", pairs, MOST_PAIRS),
            ("spreadsheets", spreadsheets, MOST_SPREADSHEETS),
        ];
        counts.into_iter().filter(|(_, count, most)| count > most).collect()
    }
}

#[cfg(test)]
mod tests;
