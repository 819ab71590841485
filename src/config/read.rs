//! A configuration's file, read as a whole. Pure: no I/O, no clock, no randomness.

use std::collections::HashMap;

use super::{Config, SHUTDOWN_GRACE};
use crate::{
    config::{HeartbeatConfig, LogConfig, StatusConfig},
    http::TlsConfig,
    kraken::KrakenConfig,
    retry::RetryConfig,
    sheets::{GoogleConfig, PlacedSheet, SheetConfig, TargetKey},
    supervisor::SupervisionConfig,
    tree::{ConfigError, Found, Overlays, Raw, Reader, Refusal, Section},
};

/// What to do with what is written in place of the path of a key.
const A_KEY: &str = "a service account's key stands in a file that you alone can read: write the \
                     file's path here";

impl Config {
    /// Reads a configuration's file, under what variables and flags say; `name` is the file's.
    ///
    /// # Errors
    /// When something is wrong with it: the error tells all of it, each with its line, its column
    /// and its path. A breach of JSON's syntax alone is told alone.
    pub fn from_json(name: &str, bytes: &[u8], overlays: &Overlays) -> Result<Self, ConfigError> {
        Reader::read(name, bytes, overlays, Self::from_root)
    }

    /// The variable of the command's that was probably meant by a name that begins like one and is
    /// none: `RATESHEET__KRAKEN__URL` by `RATESHEET_KRAKEN_URL`.
    pub fn variable_meant(name: &str) -> Option<String> {
        Reader::variable_meant(name, |root| drop(Self::from_root(root)))
    }

    fn from_root(root: &mut Section<'_>) -> Self {
        let sheets = sheets(root);
        let default = Self::default();
        let config = Self {
            sheets,
            credentials: root
                .path_of("credentials", A_KEY)
                .map(|path| (&*path.to_string_lossy()).into()),
            kraken: root.section("kraken", KrakenConfig::from_section),
            google: root.section("google", GoogleConfig::from_section),
            retry: root.section("retry", RetryConfig::from_section),
            supervision: root.section("supervision", SupervisionConfig::from_section),
            shutdown_grace: root
                .duration("shutdown_grace", &SHUTDOWN_GRACE)
                .unwrap_or(default.shutdown_grace),
            log: root.section("log", LogConfig::from_section),
            tls: root.section("tls", TlsConfig::from_section),
            status: root.section("status", StatusConfig::from_section),
            heartbeat: root.section("heartbeat", HeartbeatConfig::from_section),
        };
        root.in_file("$schema");
        for (what, count, most) in config.too_many() {
            root.refuse(Refusal::new(format!("{most} at most")).found(format!("{count} {what}")));
        }
        config
    }
}

/// The sheets: one at the root, or a list of them.
fn sheets(root: &mut Section<'_>) -> Vec<SheetConfig> {
    let Some(list) = root.in_file("sheets") else {
        let placed = vec![PlacedSheet::from_section(root)];
        return without_places(placed);
    };
    for key in PlacedSheet::KEYS {
        let mut values: Vec<_> = root.in_file(key).into_iter().collect();
        if ["sheet", "timeout", "interval"].contains(&key) {
            values = root.values(key);
        }
        for value in values {
            let found = format!("\"{key}\" beside \"sheets\"");
            value.refuse(Refusal::new("it within each of the sheets").found(found));
        }
    }
    let Raw::List(nodes) = list.raw() else {
        let refusal = Refusal::new("a list of sheets");
        if !matches!(list.raw(), Raw::Object(_)) {
            list.refuse(refusal);
            return Vec::new();
        }
        list.refuse(refusal.help("put it in [ ]"));
        return without_places(list.section(PlacedSheet::from_section).into_iter().collect());
    };
    let items = list.nodes(nodes);
    without_places(items.filter_map(|item| item.section(PlacedSheet::from_section)).collect())
}

/// Notes the cells that are written twice; then nobody needs the places any more.
fn without_places(placed: Vec<PlacedSheet<'_>>) -> Vec<SheetConfig> {
    let mut first: HashMap<TargetKey, &Found<'_>> = HashMap::new();
    for PlacedSheet { sheet, places } in &placed {
        for (cell, place) in places {
            let key = TargetKey::new(sheet, cell);
            if let Some(there) = first.get(&key) {
                if place.is_moot() {
                    continue;
                }
                let same = format!("the same cell as {} ({})", there.path(), there.whereabouts());
                let found = format!("{}, {same}", place.raw());
                place.refuse(Refusal::new("a cell of its own").found(found));
            } else {
                first.insert(key, place);
            }
        }
    }
    placed.into_iter().map(|placed| placed.sheet).collect()
}
