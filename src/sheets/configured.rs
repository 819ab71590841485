//! A sheet as a configuration writes it. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use super::{
    a1::{CellRef, InvalidCell, is_title, quoted},
    config::{CellMapping, EVERY, SheetConfig, SpreadsheetId, Tab},
};
use crate::{
    quote::{AssetPair, InvalidPair, QuoteField},
    suggest::did_you_mean,
    tree::{Found, Raw, Refusal, Section, clipped, duration, secret_in, shown, text},
};

/// The exchanges that there are.
const EXCHANGES: [&str; 1] = ["kraken"];

/// A sheet that was read, and where each of its cells is written.
#[derive(Debug)]
pub(crate) struct PlacedSheet<'a> {
    /// The sheet.
    pub(crate) sheet: SheetConfig,
    /// Its cells, also those of which it is not known what they are to show.
    pub(crate) places: Vec<(CellRef, Found<'a>)>,
}

impl<'a> PlacedSheet<'a> {
    /// The keys that make a sheet.
    pub(crate) const KEYS: [&'static str; 6] =
        ["sheet", "timeout", "interval", "data", "updated", "problem"];

    /// Reads a sheet: the whole of a section, or the beginning of the root.
    pub(crate) fn from_section(section: &mut Section<'a>) -> Self {
        const WHICH: &str = "a spreadsheet's id, ':' and a tab's title, or a spreadsheet's URL";
        let values = section.values("sheet");
        if values.is_empty() {
            section.missing("sheet", "\"<the spreadsheet's id>:Sheet 1\"");
        }
        let which = values.iter().filter_map(|value| {
            value.read_all(|raw| text(raw, WHICH).map_err(|why| vec![why]).and_then(sheet))
        });
        let (id, tab) = which
            .reduce(|_, last| last)
            .unwrap_or_else(|| (SpreadsheetId::unreadable(section.place()), Tab::First));
        let mut sheet = SheetConfig::known(id, tab, every(section).unwrap_or_default());
        let mut places = Vec::new();
        match section.in_file("data") {
            None => section.missing("data", "{ \"kraken:xbteur:sell\": [\"A1\"] }"),
            Some(found) => data(&found, &mut sheet, &mut places),
        }
        for (key, cells) in [("updated", &mut sheet.updated), ("problem", &mut sheet.problem)] {
            for item in section.in_file(key).iter().flat_map(|found| found.items(CELLS)) {
                if let Some(cell) = item.read(cell_value) {
                    cells.push(cell.clone());
                    places.push((cell, item));
                }
            }
        }
        Self { sheet, places }
    }
}

const CELL: &str = "a cell such as A1 or 'Other tab'!A1, or the name of a range";

const CELLS: &str = "a cell such as \"A1\", or a list of cells";

/// The time from tick to tick.
fn every(section: &mut Section<'_>) -> Option<Duration> {
    let timeouts = section.values("timeout");
    let intervals = section.values("interval");
    if timeouts.is_empty() && intervals.is_empty() {
        section.missing("timeout", "5000");
        return None;
    }
    for interval in &intervals {
        if timeouts.iter().any(|timeout| timeout.is_outside() == interval.is_outside()) {
            let found = "\"interval\" beside \"timeout\", which is the same";
            interval.refuse(Refusal::new("one of them").found(found).help("delete one of them"));
        }
    }
    let both = timeouts.iter().chain(&intervals);
    let read = both
        .filter_map(|found| Some((found.is_outside(), found.read(|raw| duration(raw, &EVERY))?)));
    read.max_by_key(|&(outside, _)| outside).map(|(_, every)| every)
}

fn data<'a>(found: &Found<'a>, sheet: &mut SheetConfig, places: &mut Vec<(CellRef, Found<'a>)>) {
    const WHAT: &str = "an object such as { \"kraken:xbteur:sell\": [\"A1\"] }";
    let members = match found.raw() {
        Raw::Object([]) => return found.refuse(Refusal::new(WHAT).found("an empty object")),
        Raw::Object(members) => members,
        _ => return found.refuse(Refusal::new(WHAT)),
    };
    for (key, value) in found.members(members) {
        let what = key.read_all(|raw| {
            text(raw, "exchange:pair:field").map_err(|why| vec![why]).and_then(source)
        });
        for item in value.items(CELLS) {
            let Some(cell) = item.read(cell_value) else { continue };
            places.push((cell.clone(), item));
            if let Some((pair, field)) = &what {
                sheet.cells.push(CellMapping { cell, pair: pair.clone(), field: *field });
            }
        }
    }
}

/// Reads `id:Title`, an id, or an URL, perhaps with `:Title`: the title is behind the first colon
/// that is none of an URL's `://`.
pub(super) fn sheet(text: &str) -> Result<(SpreadsheetId, Tab), Vec<Refusal>> {
    let ends = |&(colon, _): &(usize, &str)| !text[colon..].starts_with("://");
    let colon = text.match_indices(':').find(ends).map(|(colon, _)| colon);
    let (place, own) =
        colon.map_or((text, None), |colon| (&text[..colon], Some(&text[colon + 1..])));
    match (spreadsheet(place), own.map(|own| (own, title(own)))) {
        (Ok(found), None) => Ok(found),
        (Ok((id, _)), Some((own, Ok(())))) => Ok((id, Tab::Title(own.to_owned()))),
        (place, own) => {
            let title = own.and_then(|(_, title)| title.err());
            Err(place.err().into_iter().chain(title).collect())
        }
    }
}

/// Reads a spreadsheet's id or its URL, which may name a tab by its `gid`.
pub(super) fn spreadsheet(text: &str) -> Result<(SpreadsheetId, Tab), Refusal> {
    const EXPECTED: &str = "a spreadsheet's id, or its URL as the browser shows it";
    const YOURS: &str =
        "this stands for a spreadsheet of yours: open it in a browser and put its URL here";
    let text = text.trim();
    let refusal = || Refusal::new(EXPECTED).found(shown(text));
    if text.is_empty() {
        return Err(Refusal::new(EXPECTED).found("an empty id"));
    }
    if secret_in(text).is_some() {
        return Err(refusal().help("keep it out of this file: whoever reads it can use it"));
    }
    if text.contains('<') {
        return Err(refusal().help(YOURS));
    }
    if text.contains("/d/e/") {
        let help = "this is the address of a published page; take the one of the editor";
        return Err(refusal().help(help));
    }
    if let Some((_, rest)) = text.split_once("/d/") {
        let id = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let host = text.split_once("://").map_or(text, |(_, rest)| rest);
        let known = host.starts_with("docs.google.com/") && host.contains("/spreadsheets/");
        let id = SpreadsheetId::parse(id).filter(|_| known).ok_or_else(|| {
            refusal().help("such as https://docs.google.com/spreadsheets/d/<id>/edit#gid=0")
        })?;
        return Ok((id, tab(rest)?));
    }
    let Some(id) = SpreadsheetId::parse(text) else {
        if let Some(meant) = with_colon(text) {
            return Err(refusal().or_meant(Some(&meant)));
        }
        let help = if text.contains("://") {
            "such as https://docs.google.com/spreadsheets/d/<id>/edit#gid=0"
        } else {
            "the id is what stands between /d/ and /edit in the URL: letters, digits, '_' and '-'"
        };
        return Err(refusal().help(help));
    };
    Ok((id, Tab::First))
}

/// `id:Sheet 1` of `id!Sheet 1`.
fn with_colon(text: &str) -> Option<String> {
    let (id, title) = text.split_once('!')?;
    let id = SpreadsheetId::parse(id)?;
    self::title(title).ok()?;
    (clipped(title) == title).then(|| format!("{}:{title}", id.as_str()))
}

/// The tab of an URL: its `gid`, behind the `#`, or else in the query.
fn tab(url: &str) -> Result<Tab, Refusal> {
    const EXPECTED: &str = "the URL of a tab, as the browser shows it";
    let said = |key| url.rsplit(['#', '?', '&']).find_map(|part| part.strip_prefix(key));
    // A range has a colon, behind which there may be a title: nobody could tell them apart.
    if said("range=").is_some() {
        let help = "delete \"range=\" and its cells; they are named under \"data\"";
        return Err(Refusal::new(EXPECTED).found("a link to a range").help(help));
    }
    let Some(gid) = said("gid=") else { return Ok(Tab::First) };
    let refusal = || Refusal::new(EXPECTED).found(format!("the tab gid={}", clipped(gid)));
    gid.parse().map(Tab::Gid).map_err(|_| refusal().help("the number follows #gid= in the browser"))
}

/// Whether a text can be the title of a tab.
pub(super) fn title(title: &str) -> Result<(), Refusal> {
    const EXPECTED: &str = "the title of a tab";
    if title.trim().is_empty() {
        return Err(Refusal::new(EXPECTED).found("an empty title"));
    }
    if let Some(bare) = bare(title, '\'').or_else(|| bare(title, '"')) {
        let bare = bare.replace("''", "'");
        let refusal = Refusal::new(EXPECTED).found(format!("the title {} in quotes", shown(title)));
        return Err(refusal.help(format!("write the bare title: {}", shown(&bare))));
    }
    if title.contains(char::is_control) {
        let found = format!("the title {}, which has a control character", shown(title));
        return Err(Refusal::new(EXPECTED).found(found));
    }
    if !is_title(title) {
        return Err(
            Refusal::new(EXPECTED).found(format!("the title {}, which is too long", shown(title)))
        );
    }
    Ok(())
}

/// A text without the quotes that it is in, if it is.
fn bare(text: &str, quote: char) -> Option<&str> {
    text.strip_prefix(quote)?.strip_suffix(quote)
}

/// Reads `exchange:pair:field`: the exchange before the first colon, the field after the last.
pub(super) fn source(text: &str) -> Result<(AssetPair, QuoteField), Vec<Refusal>> {
    const EXPECTED: &str = "exchange:pair:field, such as \"kraken:xbteur:sell\"";
    let parts = text.split_once(':').and_then(|(exchange, rest)| {
        rest.rsplit_once(':').map(|(pair, field)| (exchange, pair, field))
    });
    let Some((exchange, pair, field)) = parts else {
        return Err(vec![Refusal::new(EXPECTED).found(shown(text))]);
    };
    let pair = AssetPair::parse(pair).map_err(|why| invalid_pair(pair, &why));
    match (known_exchange(exchange), pair, known_field(field)) {
        (Ok(()), Ok(pair), Ok(field)) => Ok((pair, field)),
        (exchange, pair, field) => {
            Err([exchange.err(), pair.err(), field.err()].into_iter().flatten().collect())
        }
    }
}

fn known_exchange(exchange: &str) -> Result<(), Refusal> {
    if EXCHANGES.contains(&exchange) {
        return Ok(());
    }
    let refusal = Refusal::new("kraken, the only exchange so far")
        .found(format!("the exchange {}", shown(exchange)));
    Err(refusal.or_meant(did_you_mean(exchange, EXCHANGES)))
}

fn known_field(field: &str) -> Result<QuoteField, Refusal> {
    QuoteField::from_name(field).ok_or_else(|| {
        let names: Vec<_> = QuoteField::ALL.iter().map(|field| field.name()).collect();
        let refusal = Refusal::new(format!("one of {}", names.join(", ")))
            .found(format!("the field {}", shown(field)));
        refusal.or_meant(did_you_mean(field, names))
    })
}

fn invalid_pair(pair: &str, why: &InvalidPair) -> Refusal {
    let found = |what: String| Refusal::new("a pair such as xbteur or XBT/EUR").found(what);
    match why {
        InvalidPair::Character(',') => {
            found(format!("the pair {}", shown(pair))).help("write one key for each pair")
        }
        InvalidPair::Character(c) => {
            let help = match unsplit(pair) {
                Some(meant) => format!("did you mean \"{meant}\"?"),
                None => format!("no pair has the character {}", shown(&c.to_string())),
            };
            found(format!("the pair {}", shown(pair))).help(help)
        }
        InvalidPair::Length(length) => {
            let help = format!("a pair has 4 to 24 characters, not {length}");
            found(format!("the pair {}", shown(pair))).help(help)
        }
        InvalidPair::NoLetter => found(format!("the pair {}", shown(pair))),
    }
}

/// `xbteur` of `xbt-eur`.
fn unsplit(pair: &str) -> Option<String> {
    let pair = pair.replace(['-', '_', ' '], "");
    AssetPair::parse(&pair).is_ok().then_some(pair)
}

fn cell_value(raw: Raw<'_>) -> Result<CellRef, Refusal> {
    match raw {
        Raw::Text(text) => cell(text),
        _ => Err(Refusal::new("a cell such as \"A1\"")),
    }
}

/// Reads a cell.
pub(super) fn cell(text: &str) -> Result<CellRef, Refusal> {
    if let Some(refusal) = linked(text).or_else(|| several(text)).or_else(|| formula(text)) {
        return Err(refusal);
    }
    CellRef::parse(text).map_err(|why| match why {
        InvalidCell::Empty => Refusal::new(CELL).found("an empty text"),
        InvalidCell::Unreadable => {
            let meant = turned(text).or_else(|| unquoted(text)).or_else(|| spaced(text));
            Refusal::new(CELL).found(shown(text)).or_meant(meant.as_deref())
        }
        InvalidCell::Range => {
            Refusal::new("one cell, such as A1").found(format!("the range {}", shown(text)))
        }
        InvalidCell::Row => Refusal::new("a row from 1 to 10000000").found(shown(text)),
        InvalidCell::Title => Refusal::new("the title of a tab before the '!'").found(shown(text)),
        InvalidCell::Quote => Refusal::new("a ' at the end of the title")
            .found(shown(text))
            .help("a ' within a title is written twice"),
    })
}

/// A link: perhaps to a cell, but of whichever spreadsheet and tab.
fn linked(text: &str) -> Option<Refusal> {
    let text = text.trim();
    if !["https://", "http://", "docs.google.com/"].iter().any(|begin| text.starts_with(begin)) {
        return None;
    }
    let refusal = Refusal::new(CELL).found(format!("the link {}", shown(text)));
    Some(refusal.help("write the cell alone, such as A1; a link to its tab belongs to \"sheet\""))
}

/// Several cells in one text, such as `A1, B7`; or one, with a comma that is left of a list.
fn several(text: &str) -> Option<Refusal> {
    // A title that stands before a '!' without quotes may have nearly everything in it.
    let between = if text.contains('!') { ",;" } else { ",;/|+&" };
    let ends = |c: char| c.is_whitespace() || between.contains(c);
    let is_between = |part: &&str| !text.contains('!') && ["and", "or"].contains(part);
    let (joined, parts): (Vec<_>, Vec<_>) =
        text.split(ends).filter(|part| !part.is_empty()).partition(is_between);
    // A title may have a comma in it, and words with blanks are rather a title, or one name.
    let names = (text.contains([',', ';']) || !joined.is_empty()) && !text.contains('!');
    let is_cell = |part: &&str| match CellRef::parse(part) {
        Ok(CellRef::Cell { .. }) => true,
        Ok(CellRef::Named(_)) => names,
        Err(_) => false,
    };
    if text.trim() == *parts.first()? || !parts.iter().all(is_cell) {
        return None;
    }
    let refusal = Refusal::new("one cell, or a list of cells").found(shown(text));
    let help = match &parts[..] {
        [one] => format!("did you mean {}?", shown(one)),
        _ if clipped(text) == text => format!("did you mean [\"{}\"]?", parts.join("\", \"")),
        _ => "several cells are a list, such as [\"A1\", \"B7\"]".into(),
    };
    Some(refusal.help(help))
}

/// What a formula has to point to a cell.
fn formula(text: &str) -> Option<Refusal> {
    let bare = text.trim().strip_prefix('=')?;
    CellRef::parse(bare).ok()?;
    Some(Refusal::new(CELL).found(format!("the formula {}", shown(text))).help("delete the ="))
}

/// `A1` of `1A`.
fn turned(text: &str) -> Option<String> {
    let (digits, letters) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let turned = format!("{letters}{digits}");
    matches!(CellRef::parse(&turned), Ok(CellRef::Cell { tab: None, .. })).then_some(turned)
}

/// `'Bob''s'!A1` of `'Bob's'!A1` and of `"Bob's"!A1`.
fn unquoted(text: &str) -> Option<String> {
    let (title, place) = text.rsplit_once('!')?;
    let title = bare(title, '\'').or_else(|| bare(title, '"'))?;
    meant(format!("{}!{place}", quoted(title)))
}

/// `'Sheet 1'!A1` of `Sheet 1 A1`, and `Price2` of `Price 2`: names have no blanks.
fn spaced(text: &str) -> Option<String> {
    let (title, place) = text.trim().rsplit_once(char::is_whitespace)?;
    match CellRef::parse(place) {
        Ok(CellRef::Cell { tab: None, .. }) => meant(format!("{}!{place}", quoted(title.trim()))),
        _ => meant(text.split_whitespace().collect()),
    }
}

/// A text, if it is a cell and short enough to be shown.
fn meant(text: String) -> Option<String> {
    (CellRef::parse(&text).is_ok() && clipped(&text) == text).then_some(text)
}
