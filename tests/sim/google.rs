//! A Google that gives out tokens and keeps spreadsheets.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::http1::{Reply, Request};

/// A cell: the number of its tab, and its name there.
pub(crate) type Place = (u32, String);

/// A spreadsheet: its tabs' titles by their numbers, and what is in the cells.
#[derive(Debug, Default)]
pub(crate) struct Spreadsheet {
    pub(crate) tabs: BTreeMap<u32, String>,
    pub(crate) cells: BTreeMap<Place, Value>,
    /// The cells that ranges with a name are, and the names that are not there at present.
    pub(crate) names: BTreeMap<String, Place>,
    pub(crate) unnamed: BTreeSet<String>,
    /// Cells that nobody may write to.
    pub(crate) protected: BTreeSet<Place>,
    /// It is not shared with us at present.
    pub(crate) denied: bool,
    /// It is in the bin at present.
    pub(crate) gone: bool,
}

/// Tokens and spreadsheets.
#[derive(Debug, Default)]
pub(crate) struct Google {
    pub(crate) spreadsheets: BTreeMap<String, Spreadsheet>,
    /// Tokens given out so far.
    tokens: u64,
    /// Tokens up to this one are no longer taken.
    revoked: u64,
    /// When each token that is taken ends, in milliseconds.
    ends: BTreeMap<u64, u64>,
}

impl Google {
    /// Takes no token any more that has been given out up to now.
    pub(crate) const fn revoke(&mut self) {
        self.revoked = self.tokens;
    }

    /// A new token that lives for so many seconds.
    pub(crate) fn token(&mut self, now: u64, life: u64) -> Reply {
        self.tokens += 1;
        self.ends.retain(|_, end| now < *end);
        self.ends.insert(self.tokens, now + life * 1_000);
        let token = format!("token-{:012}", self.tokens);
        let body = json!({"access_token": token, "expires_in": life, "token_type": "Bearer"});
        Reply::good(body.to_string())
    }

    /// Whether somebody may have a token that has not ended, though it may be taken no more.
    pub(crate) fn has_given(&self, now: u64) -> bool {
        self.ends.values().any(|end| now < *end)
    }

    fn takes(&self, token: &str, now: u64) -> bool {
        let number = token.strip_prefix("token-").and_then(|number| number.parse().ok());
        number.is_some_and(|number| {
            number > self.revoked && self.ends.get(&number).is_some_and(|end| now < *end)
        })
    }

    /// Answers a request to the Sheets API, and does what it asks.
    pub(crate) fn answer(&mut self, request: &Request, named: bool, now: u64) -> Reply {
        if !self.takes(&request.bearer, now) {
            return unauthorized();
        }
        let Some(sheet) = self.spreadsheets.get_mut(spreadsheet(request)) else {
            return refusal(404, "NOT_FOUND", "Requested entity was not found.");
        };
        if sheet.gone {
            return refusal(404, "NOT_FOUND", "Requested entity was not found.");
        }
        if sheet.denied {
            return refusal(403, "PERMISSION_DENIED", "The caller does not have permission");
        }
        if request.method == "GET" { sheet.properties() } else { sheet.write(request, named) }
    }
}

impl Spreadsheet {
    fn properties(&self) -> Reply {
        let tab = |(gid, title): (&u32, &String)| {
            json!({"properties": {"sheetId": gid, "title": title,
                "gridProperties": {"rowCount": 1_000, "columnCount": 26}}})
        };
        let tabs: Vec<_> = self.tabs.iter().map(tab).collect();
        let named = self.names.iter().filter(|(name, _)| !self.unnamed.contains(*name));
        let named: Vec<_> = named.map(|(name, (gid, cell))| {
            let row: u32 = cell[1..].parse().unwrap();
            let column = u32::from(cell.as_bytes()[0] - b'A');
            json!({"name": name, "range": {"sheetId": gid, "startRowIndex": row - 1, "endRowIndex": row,
                "startColumnIndex": column, "endColumnIndex": column + 1}})
        }).collect();
        let zone = json!({"timeZone": "Etc/UTC"});
        let body = json!({"properties": zone, "sheets": tabs, "namedRanges": named});
        Reply::good(body.to_string())
    }

    /// Writes all entries or none. `named` says whether a refusal names the entry.
    fn write(&mut self, request: &Request, named: bool) -> Reply {
        let mut found = Vec::new();
        for (entry, (range, value)) in cells(request).into_iter().enumerate() {
            let refused = match self.find(&range) {
                None => format!("Unable to parse range: {range}"),
                Some(cell) if self.protected.contains(&cell) => {
                    "You are trying to edit a protected cell or object.".to_owned()
                }
                Some(cell) => {
                    found.push((cell, value));
                    continue;
                }
            };
            let text = if named { format!("Invalid data[{entry}]: {refused}") } else { refused };
            return refusal(400, "INVALID_ARGUMENT", &text);
        }
        let count = found.len();
        self.cells.extend(found);
        Reply::good(json!({ "totalUpdatedCells": count }).to_string())
    }

    /// Whether somebody has done something to it.
    pub(crate) fn is_in_trouble(&self) -> bool {
        let renamed = |title: &String| title.starts_with("Renamed ");
        let whole = self.unnamed.is_empty() && !self.tabs.values().any(renamed);
        self.denied || self.gone || !self.protected.is_empty() || !whole
    }

    fn find(&self, range: &str) -> Option<Place> {
        if !self.unnamed.contains(range) && self.names.contains_key(range) {
            return self.names.get(range).cloned();
        }
        let (title, cell) = split(range)?;
        let (gid, _) = self.tabs.iter().find(|(_, other)| **other == title)?;
        Some((*gid, cell))
    }
}

/// The spreadsheet that a request is about.
pub(crate) fn spreadsheet(request: &Request) -> &str {
    let rest = request.path().strip_prefix("/v4/spreadsheets/").unwrap_or_default();
    rest.split('/').next().unwrap_or_default()
}

/// The tab's title and the cell of `'Sheet 1'!A1`.
pub(crate) fn split(range: &str) -> Option<(String, String)> {
    let (title, cell) = range.rsplit_once('!')?;
    Some((title.trim_matches('\'').to_owned(), cell.to_owned()))
}

/// The ranges that a write is for, and what it writes there.
pub(crate) fn cells(request: &Request) -> Vec<(String, Value)> {
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let entries = body["data"].as_array().cloned().unwrap_or_default();
    let cell = |entry: &Value| {
        let range = entry["range"].as_str().unwrap_or_default().to_owned();
        (range, entry["values"][0][0].clone())
    };
    entries.iter().map(cell).collect()
}

/// What is said of a token that is not taken.
pub(crate) fn unauthorized() -> Reply {
    refusal(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")
}

/// An error in Google's envelope.
pub(crate) fn refusal(status: u16, name: &str, text: &str) -> Reply {
    let error = json!({"error": {"code": status, "message": text, "status": name}});
    Reply::bad(status, error.to_string())
}
