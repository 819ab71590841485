//! What a request is about, by the configuration; and what about it must not be.

use std::{collections::BTreeSet, time::Duration};

use serde_json::{Value, json};

use super::{
    broken::{Broken, broken_if},
    faults::Service,
    google,
    http1::Request,
    kraken::decode,
    plan::Plan,
    sheet::Sheet,
};

/// A cell that gets a price.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name in the journal.
    pub(crate) range: String,
    pub(crate) sheet: usize,
    pub(crate) pair: usize,
    /// The first fetch that the price is of.
    pub(crate) fetch: u64,
}

/// What a write is about.
#[derive(Debug, Default)]
pub(crate) struct Written {
    pub(crate) prices: Vec<Entry>,
    /// The cells that tell what is wrong: their names in the journal, their sheets, their texts.
    pub(crate) problems: Vec<(String, usize, String)>,
}

/// A request that has begun.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) service: Service,
    pub(crate) at: Duration,
    /// The spreadsheet that it is about, if it is about one.
    pub(crate) book: usize,
    /// What it writes, if it does.
    pub(crate) write: Option<Written>,
    /// The number of the fetch, if it is one.
    pub(crate) fetch: Option<u64>,
    /// The names of the pairs that it asks for.
    pub(crate) names: Vec<String>,
    pub(crate) token: String,
}

/// How a request ended.
#[derive(Debug, Default)]
pub(crate) struct End {
    pub(crate) status: u16,
    /// The product has broken it off.
    pub(crate) cut: bool,
    /// Whether all of the answer arrived.
    pub(crate) whole: bool,
    /// … and does what was asked.
    pub(crate) good: bool,
    /// … or it is the server's own refusal, and no trouble.
    pub(crate) own: bool,
    /// … or something in it is odd, which may be no reason to wait.
    pub(crate) odd: bool,
    /// The pairs that it brought good prices of.
    pub(crate) pairs: Vec<usize>,
}

impl End {
    /// Whether what was asked may have been done all the same, or may be yet: there is no answer,
    /// or none by whoever should know.
    pub(crate) const fn is_ambiguous(&self) -> bool {
        let told = self.whole && matches!(self.status, 400 | 401 | 429);
        let own = self.own && matches!(self.status, 403 | 404);
        !self.good && !told && !own
    }
}

impl Begun {
    /// Sorts a request, and says what about it must not be.
    pub(crate) fn new(
        service: Service,
        at: Duration,
        request: &Request,
        fetch: Option<u64>,
        plan: &Plan,
    ) -> Result<Self, (Broken, String)> {
        let foreign = || (Broken::Foreign, format!("{} {}", request.method, request.target));
        let token = request.bearer.clone();
        let list = request.path() == "/0/public/AssetPairs";
        let names = request.query("pair").into_iter().flat_map(|list| list.split(','));
        let names = names.map(str::to_owned).collect();
        let mut begun = Self { service, at, book: 0, write: None, fetch, names, token };
        let known = matches!(request.query_name(), "" | "pair" | "fields");
        broken_if(!known, Broken::Foreign, || foreign().1)?;
        match (service, request.method.as_str()) {
            // Whom nobody gave a token must not see one.
            (Service::Kraken | Service::Token, _) if !begun.token.is_empty() => {
                return Err((Broken::Leaked, foreign().1));
            }
            (Service::Kraken, "GET") if list || request.path() == "/0/public/Ticker" => {}
            (Service::Token, "POST") if request.path() == "/token" => {}
            (Service::Sheets, method) => {
                let id = google::spreadsheet(request);
                let book = plan.spreadsheets.iter().position(|own| own == id);
                begun.book = book.ok_or_else(foreign)?;
                let rest = request.path().trim_start_matches("/v4/spreadsheets/");
                match (method, rest.strip_prefix(id)) {
                    ("GET", Some("")) => {}
                    ("POST", Some("/values:batchUpdate")) => {
                        begun.write = Some(written(plan, begun.book, request)?);
                    }
                    _ => return Err(foreign()),
                }
            }
            _ => return Err(foreign()),
        }
        Ok(begun)
    }

    /// Whether it is of the kind of which there must be one at a time.
    pub(crate) fn is_twin_of(&self, other: &Self) -> bool {
        let both_write = self.write.is_some() && other.write.is_some() && self.book == other.book;
        match (self.service, other.service) {
            (Service::Kraken, Service::Kraken) => self.fetch.is_some() == other.fetch.is_some(),
            (Service::Sheets, Service::Sheets) => both_write,
            (Service::Token, Service::Token) => true,
            _ => false,
        }
    }
}

/// Reads what a write is about.
fn written(plan: &Plan, book: usize, request: &Request) -> Result<Written, (Broken, String)> {
    let mut written = Written::default();
    let mut seen = BTreeSet::new();
    let cells = google::cells(request);
    let entry = |(range, value): &(String, Value)| json!({"range": range, "values": [[value]]});
    let entries: Vec<_> = cells.iter().map(entry).collect();
    let plain = json!({"valueInputOption": "RAW", "data": entries});
    let body: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    broken_if(body != plain || entries.is_empty(), Broken::Foreign, || body.to_string())?;
    for (range, value) in cells {
        // By the number of its tab, whatever its title is at present.
        let place = known(plan, book, &range);
        let (name, sheet, cell) =
            place.ok_or_else(|| (Broken::Foreign, format!("{range} of {book} is written")))?;
        let wrong = || (Broken::WrongValue, format!("{value} in {range} of {book}"));
        if !seen.insert(name.clone()) {
            return Err(wrong());
        }
        match plan.sheets[sheet].cells.iter().find(|(own, ..)| *own == cell) {
            Some(&(_, pair, field)) => {
                let price = value.as_f64().and_then(decode);
                let price = price.filter(|(p, f, _)| (*p, *f) == (pair, field));
                let (.., fetch) = price.ok_or_else(wrong)?;
                written.prices.push(Entry { range: name, sheet, pair, fetch });
            }
            None => {
                let plain = |c: char| c.is_ascii() && !"=+@<>\"[]{}|\\^`~#*".contains(c);
                let text = value.as_str().ok_or_else(wrong)?;
                (text.chars().all(plain) && text.len() <= 500).then_some(()).ok_or_else(wrong)?;
                written.problems.push((name, sheet, text.to_owned()));
            }
        }
    }
    Ok(written)
}

/// The configured cell that a range is: its name in the journal, its sheet, its own name.
fn known(plan: &Plan, book: usize, range: &str) -> Option<(String, usize, String)> {
    let find = |is: &dyn Fn(&Sheet) -> bool| {
        plan.sheets.iter().position(|sheet| sheet.spreadsheet == book && is(sheet))
    };
    let Some((title, cell)) = google::split(range) else {
        let sheet = find(&|sheet| sheet.name() == range)?;
        return Some((range.to_owned(), sheet, plan.sheets[sheet].named()?.to_owned()));
    };
    let title = title.trim_start_matches("Renamed ");
    let sheet = find(&|sheet| sheet.title() == title)?;
    let own = &plan.sheets[sheet];
    let configured = own.cells.iter().any(|(name, ..)| *name == cell)
        && own.named() != Some(cell.as_str())
        || own.problem.as_ref() == Some(&cell);
    configured.then(|| (format!("{title}!{cell}"), sheet, cell))
}
