//! The stage of the demo: stand-ins of Kraken and Google, a spreadsheet that is worth a look, and
//! a configuration for it. Touches: the sandbox.

use std::{io, time::Duration};

use ratesheet::{Config, GoogleConfig, ServiceAccountKey, SheetConfig, sandbox::Sandbox};

use super::grid::Rows;

/// The spreadsheet of the demo, as its id.
pub(super) const SPREADSHEET: &str = "1-the-spreadsheet-of-the-demo";
const TAB: &str = "Prices";

/// What the sheet shows, a row each, and under which name people know it.
const PAIRS: [(&str, &str); 6] = [
    ("Bitcoin", "xbteur"),
    ("Ether", "etheur"),
    ("Solana", "soleur"),
    ("Dogecoin", "dogeeur"),
    ("Cardano", "adaeur"),
    ("Pepe", "pepeeur"),
];

/// The columns, from B on.
const FIELDS: [(&str, &str); 4] =
    [("Buy", "buy"), ("Sell", "sell"), ("Last", "last"), ("Change", "change")];

/// Everything that the demo needs.
#[derive(Debug)]
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) config: Config,
    /// The stand-in's key, which opens nothing.
    pub(super) key: ServiceAccountKey,
}

impl Stage {
    /// Sets it, for a sheet that is written so often.
    pub(super) fn set(every: Duration) -> io::Result<Self> {
        let sandbox = Sandbox::start()?;
        sandbox.set_quota(None);
        sandbox.set_journal_limit(100);
        sandbox.create_spreadsheet(SPREADSHEET, "The demo", &[(TAB, 100, 26)]);
        let key = ServiceAccountKey::from_json(sandbox.service_account_key().as_bytes())
            .map_err(io::Error::other)?;
        let mut sheet = SheetConfig::new(SPREADSHEET, TAB).every(every);
        for (row, (name, pair)) in (2..).zip(PAIRS) {
            sandbox.set_cell(SPREADSHEET, TAB, &format!("A{row}"), name);
            for (column, (title, field)) in ('B'..).zip(FIELDS) {
                sandbox.set_cell(SPREADSHEET, TAB, &format!("{column}1"), title);
                sheet = sheet.cell(&format!("kraken:{pair}:{field}"), &format!("{column}{row}"));
            }
        }
        sandbox.set_cell(SPREADSHEET, TAB, "A9", "Problem");
        let mut config = Config::new().sheet(sheet.problem("B9"));
        config.kraken.url = sandbox.url();
        config.kraken.requests_per_second = 50.0;
        // Who has ended an outage wants to see that it is over, and a crash likewise.
        config.retry.backoff.max = Duration::from_secs(2);
        config.supervision.backoff.max = Duration::from_secs(2);
        let mut google = GoogleConfig::default();
        google.url = sandbox.url();
        google.writes_per_minute = 3_000;
        Ok(Self { sandbox, config: config.google(google), key })
    }

    /// What is in the spreadsheet by now: read from the stand-in of Google, not from ourselves.
    pub(super) fn rows(&self) -> Rows {
        self.sandbox.rows(SPREADSHEET, TAB)
    }
}
