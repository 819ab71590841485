//! Google's bodies: what a write, a spreadsheet's properties and an error look like on the wire.
//! Pure: no I/O, no clock, no randomness.
//!
//! The shapes are those of <https://developers.google.com/workspace/sheets/api/reference/rest>.

use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::a1::LONGEST_NAME;
use crate::{
    http::{Answer, Few, clause, excerpt},
    messages::CellValue,
};

/// The most ranges whose contents are asked for at once.
const MOST_RANGES: usize = 1_000;

/// The most tabs of a spreadsheet that are looked at, and the most named ranges.
const MOST_TABS: usize = 10_000;
const MOST_NAMES: usize = 10_000;

/// The most details of an error that are looked at.
const MOST_DETAILS: usize = 32;

/// One cell of a write.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueRange {
    pub(super) range: String,
    pub(super) value: CellValue,
}

/// The body of `values:batchUpdate`.
///
/// `RAW`, so that nothing is ever parsed as a formula or by a locale; numbers as JSON numbers, so
/// that nothing is stored as text; and never `null`, which would leave a cell as it is and count
/// as written.
pub(super) fn batch_update(ranges: &[ValueRange]) -> Vec<u8> {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Body<'a> {
        value_input_option: &'static str,
        data: Vec<Entry<'a>>,
    }
    #[derive(Serialize)]
    struct Entry<'a> {
        range: &'a str,
        values: [[Content<'a>; 1]; 1],
    }
    #[derive(Serialize)]
    #[serde(untagged)]
    enum Content<'a> {
        Number(f64),
        Text(&'a str),
    }
    fn entry(one: &ValueRange) -> Entry<'_> {
        let content = match &one.value {
            CellValue::Number(number) => Content::Number(*number),
            CellValue::Text(text) => Content::Text(text),
        };
        Entry { range: &one.range, values: [[content]] }
    }
    let data = ranges.iter().map(entry).collect();
    // Serializing plain data into memory cannot fail.
    serde_json::to_vec(&Body { value_input_option: "RAW", data }).unwrap_or_default()
}

/// How many cells an answer to `values:batchUpdate` confirms; `None` if it is no such answer.
pub(super) fn updated_cells(answer: &Answer) -> Option<usize> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Updated {
        total_updated_cells: usize,
    }
    serde_json::from_slice(&answer.body).ok().map(|updated: Updated| updated.total_updated_cells)
}

/// What a spreadsheet says of itself.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Properties {
    pub(super) tabs: Vec<TabProperties>,
    /// The ranges that have a name.
    pub(super) names: Vec<NamedRange>,
    /// Its time zone, or the name of one that is not known here.
    pub(super) zone: Result<TimeZone, String>,
}

/// What a spreadsheet says of one tab.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TabProperties {
    pub(super) gid: u32,
    pub(super) title: String,
    pub(super) rows: u32,
    pub(super) columns: u32,
}

/// A range that has a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct NamedRange {
    pub(super) name: String,
    /// Its first cell, if it says so.
    pub(super) first: Option<Spot>,
    /// The column and the row of its last cell; nothing where it goes as far as its tab.
    pub(super) last: (Option<u32>, Option<u32>),
}

/// A cell by the gid of its tab, whatever that is called, and its column and row, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Spot {
    pub(super) gid: u32,
    pub(super) column: u32,
    pub(super) row: u32,
}

/// The fields of a spreadsheet that [`Properties`] are made of, as a field mask.
pub(super) const PROPERTIES_MASK: &str = "properties.timeZone,sheets.properties(sheetId,title,\
     gridProperties(rowCount,columnCount)),\
     namedRanges(name,range(sheetId,startRowIndex,startColumnIndex,endRowIndex,endColumnIndex))";

/// Decodes the answer to `spreadsheets.get`; `None` if it is no such answer.
pub(super) fn properties(answer: &Answer) -> Option<Properties> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Spreadsheet {
        #[serde(default)]
        properties: Own,
        sheets: Few<Sheet, MOST_TABS>,
        #[serde(default)]
        named_ranges: Few<Named, MOST_NAMES>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Own {
        time_zone: String,
    }
    #[derive(Deserialize)]
    struct Sheet {
        properties: Tab,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Tab {
        #[serde(default)]
        sheet_id: u32,
        title: String,
        #[serde(default)]
        grid_properties: Grid,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Grid {
        row_count: u32,
        column_count: u32,
    }
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        name: String,
        range: Option<Range>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Range {
        sheet_id: u32,
        start_row_index: u32,
        start_column_index: u32,
        end_row_index: Option<u32>,
        end_column_index: Option<u32>,
    }
    let found: Spreadsheet = serde_json::from_slice(&answer.body).ok()?;
    let tab = |Sheet { properties: tab }| TabProperties {
        gid: tab.sheet_id,
        title: tab.title,
        rows: tab.grid_properties.row_count,
        columns: tab.grid_properties.column_count,
    };
    let first = |range: &Range| Spot {
        gid: range.sheet_id,
        column: range.start_column_index.saturating_add(1),
        row: range.start_row_index.saturating_add(1),
    };
    let named = |Named { name, range }| {
        let last = range.as_ref().map(|range| (range.end_column_index, range.end_row_index));
        NamedRange { name, first: range.as_ref().map(first), last: last.unwrap_or_default() }
    };
    let tabs: Vec<_> = found.sheets.0.into_iter().map(tab).collect();
    // Thousands of cells may have to repeat it.
    let has_title = |tab: &TabProperties| tab.title.chars().count() <= LONGEST_NAME;
    tabs.iter().all(has_title).then(|| Properties {
        tabs,
        names: found.named_ranges.0.into_iter().map(named).collect(),
        zone: zone(&found.properties.time_zone),
    })
}

/// A time zone by its name, such as `Europe/Berlin`. Where Google knows none it has the distance
/// from Greenwich alone: `GMT-07:00`.
fn zone(name: &str) -> Result<TimeZone, String> {
    let fixed = || jiff::fmt::strtime::parse("GMT%:z", name).ok()?.offset().map(TimeZone::fixed);
    TimeZone::get(name).ok().or_else(fixed).ok_or_else(|| excerpt(name))
}

/// What is in a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CellHolds {
    /// Nothing.
    Nothing,
    /// A number, or true or false.
    Number,
    /// A text: the beginning of it, on one line.
    Text(String),
    /// A formula: the beginning of it, on one line.
    Formula(String),
}

/// The query of `values:batchGet` for these cells: formulas as they were typed.
pub(super) fn contents_query(cells: &[String]) -> String {
    let mut query =
        "valueRenderOption=FORMULA&fields=valueRanges.range,valueRanges.values".to_owned();
    for range in cells {
        query.push_str("&ranges=");
        query.push_str(&percent_encoded(range));
    }
    query
}

/// A text as the value of a query: only what RFC 3986 calls unreserved stays as it is.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Decodes the answer to `values:batchGet` of so many cells; `None` if it is no such answer.
pub(super) fn contents(answer: &Answer, asked: usize) -> Option<Vec<CellHolds>> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Found<'a> {
        #[serde(borrow)]
        value_ranges: Few<One<'a>, MOST_RANGES>,
    }
    #[derive(Deserialize)]
    struct One<'a> {
        #[serde(borrow, default)]
        values: Few<Few<&'a RawValue, 1>, 1>,
    }
    let Found { value_ranges: Few(found) } = serde_json::from_slice(&answer.body).ok()?;
    let contents = |One { values }: One<'_>| {
        let first = values.0.first().and_then(|row| row.0.first());
        first.map_or(CellHolds::Nothing, |raw| holds(raw))
    };
    (found.len() == asked).then(|| found.into_iter().map(contents).collect())
}

fn holds(raw: &RawValue) -> CellHolds {
    match raw.get().as_bytes().first() {
        Some(b'n') => CellHolds::Nothing, // null
        Some(b'"') => {
            let text: String = serde_json::from_str(raw.get()).unwrap_or_default();
            match text.chars().next() {
                None => CellHolds::Nothing,
                Some('=') => CellHolds::Formula(excerpt(&text)),
                Some(_) => CellHolds::Text(excerpt(&text)),
            }
        }
        _ => CellHolds::Number,
    }
}

/// An error of Google's, as far as it matters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ApiError {
    /// For people; one line, cut short.
    pub(super) message: String,
    /// Such as `PERMISSION_DENIED`.
    pub(super) status: String,
    /// Such as `SERVICE_DISABLED`.
    pub(super) reason: String,
    /// Where an API that is switched off can be switched on.
    pub(super) activation_url: Option<String>,
}

/// Decodes an error; `None` if the answer is none of Google's API.
pub(super) fn api_error(answer: &Answer) -> Option<ApiError> {
    #[derive(Deserialize)]
    struct Envelope<'a> {
        #[serde(borrow)]
        error: Body<'a>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Body<'a> {
        message: String,
        status: String,
        #[serde(borrow)]
        details: Few<&'a RawValue, MOST_DETAILS>,
        #[serde(borrow)]
        errors: Few<&'a RawValue, MOST_DETAILS>,
    }
    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Detail {
        reason: Option<String>,
        metadata: Option<Metadata>,
    }
    #[derive(Deserialize, Default)]
    #[serde(rename_all = "camelCase", default)]
    struct Metadata {
        activation_url: Option<String>,
    }
    let Envelope { error } = serde_json::from_slice(&answer.body).ok()?;
    let details = error.details.0.into_iter().chain(error.errors.0);
    // One that has another shape costs nothing but itself.
    let details = details.filter_map(|raw| serde_json::from_str::<Detail>(raw.get()).ok());
    let (mut reason, mut url) = (None, None);
    for detail in details {
        reason = reason.or(detail.reason);
        url = url.or(detail.metadata.and_then(|metadata| metadata.activation_url));
    }
    Some(ApiError {
        message: clause(&error.message),
        status: excerpt(&error.status),
        reason: excerpt(&reason.unwrap_or_default()),
        // Told to people as a thing to open: Google's own console or nothing.
        activation_url: url
            .filter(|url| url.starts_with("https://console."))
            .map(|url| excerpt(&url)),
    })
}

/// What an error says of an entry, without which entry of the write it was.
pub(super) fn without_entry(message: &str) -> &str {
    let rest = message.strip_prefix("Invalid data[").and_then(|rest| rest.split_once("]: "));
    rest.map_or(message, |(_, text)| text)
}

/// The entry of a write that an error names, as in `Invalid data[3]: Unable to parse range: …`.
pub(super) fn rejected_entry(message: &str) -> Option<usize> {
    let rest = message.strip_prefix("Invalid data[")?;
    let (index, _) = rest.split_once(']')?;
    index.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(body: &str) -> Answer {
        Answer::json(200, body)
    }

    #[test]
    fn a_write_is_raw_and_made_of_numbers() {
        let number = |range: &str, number| ValueRange {
            range: range.into(),
            value: CellValue::Number(number),
        };
        let text = ValueRange { range: "'S'!E1".into(), value: CellValue::Text("".into()) };
        let body = batch_update(&[number("'S'!A1", 30300.1), number("'S'!B7", 0.000002502), text]);
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"valueInputOption":"RAW","data":[{"range":"'S'!A1","values":[[30300.1]]},{"range":"'S'!B7","values":[[2.502e-6]]},{"range":"'S'!E1","values":[[""]]}]}"#
        );
    }

    #[test]
    fn properties_are_read_and_need_nothing_but_titles() {
        let body = r#"{"properties":{"timeZone":"Europe/Berlin"},"sheets":[{"properties":{"sheetId":0,
            "title":"Sheet 1","index":0,"sheetType":"GRID","gridProperties":{"rowCount":1000,"columnCount":26}}},
            {"properties":{"title":"Chart"}}],"namedRanges":[{"name":"BtcPrice"},
            {"name":"A1","range":{}},
            {"name":"B7","range":{"sheetId":7,"startRowIndex":6,"endRowIndex":7,"startColumnIndex":1}}]}"#;
        let found = properties(&answer(body)).unwrap();
        assert_eq!(found.tabs[0].title, "Sheet 1");
        assert_eq!((found.tabs[0].rows, found.tabs[1].rows), (1000, 0));
        let named = |name: &str, first, last| NamedRange { name: name.into(), first, last };
        let first = Spot { gid: 0, column: 1, row: 1 };
        let other = Spot { gid: 7, column: 2, row: 7 };
        let expected = [
            named("BtcPrice", None, (None, None)),
            named("A1", Some(first), (None, None)),
            named("B7", Some(other), (None, Some(7))),
        ];
        assert_eq!(found.names, expected);
        assert_eq!(found.zone.unwrap().iana_name(), Some("Europe/Berlin"));
        assert_eq!(properties(&answer("{}")), None);
        assert_eq!(properties(&answer("[]")), None);
        for (letters, is_read) in [(250, true), (251, false)] {
            let title = "🌵".repeat(letters);
            let body = format!(r#"{{"sheets":[{{"properties":{{"title":"{title}"}}}}]}}"#);
            assert_eq!(properties(&answer(&body)).is_some(), is_read, "a title of {letters}");
        }
    }

    #[test]
    fn a_time_zone_has_a_name_or_a_distance_and_is_never_guessed() {
        let seconds = |name| {
            let at = jiff::Timestamp::UNIX_EPOCH;
            zone(name).map(|zone| zone.to_offset(at).seconds())
        };
        for (name, offset) in [
            ("Etc/UTC", 0),
            ("Asia/Calcutta", 19_800),
            ("GMT-07:00", -25_200),
            ("GMT+05:45", 20_700),
        ] {
            assert_eq!(seconds(name), Ok(offset), "{name}");
        }
        for name in ["", "Mars/Olympus", "GMT+", "GMT-7", "GMT-07:00 or so"] {
            assert_eq!(seconds(name), Err(name.to_owned()));
        }
    }

    #[test]
    fn errors_are_read_whatever_else_is_in_them() {
        let body = r#"{"error":{"code":403,"message":"Google Sheets API has not been used in project 1 before",
            "status":"PERMISSION_DENIED","details":[{"@type":"type.googleapis.com/google.rpc.ErrorInfo",
            "reason":"SERVICE_DISABLED","metadata":{"activationUrl":"https://console.developers.google.com/x"}}]}}"#;
        let error = api_error(&answer(body)).unwrap();
        assert_eq!(error.reason, "SERVICE_DISABLED");
        assert!(error.activation_url.is_some());
        assert_eq!(api_error(&answer("<html>")), None);
        assert_eq!(api_error(&answer(r#"{"error":{"code":404}}"#)), Some(ApiError::default()));
        let evil =
            r#"{"error":{"details":[{"metadata":{"activationUrl":"https://evil.example"}}]}}"#;
        assert_eq!(api_error(&answer(evil)).unwrap().activation_url, None);
    }

    #[test]
    fn the_rejected_entry_is_found_in_the_message() {
        for (message, entry) in [
            ("Invalid data[1]: Unable to parse range: NoSuchTab!A1", Some(1)),
            ("Invalid data[12]: Range (Raw!A19766) exceeds grid limits.", Some(12)),
            ("Unable to parse range: NOPE!A5", None),
            ("Invalid data[x]: y", None),
            ("Unable to parse range: 'data[7]'!A5", None),
            ("Unable to parse range: 'Invalid data[7]'!A5", None),
        ] {
            assert_eq!(rejected_entry(message), entry, "{message}");
        }
    }

    #[test]
    fn what_is_in_cells_is_told_apart() {
        let ranges = ["'It''s 50% #1'!A1", "BtcPrice"].map(str::to_owned);
        assert!(
            contents_query(&ranges)
                .ends_with("&ranges=%27It%27%27s%2050%25%20%231%27%21A1&ranges=BtcPrice")
        );
        let body = r#"{"valueRanges":[{"range":"S!A1"},{"range":"S!A2","values":[[1.5]]},
            {"range":"S!A3","values":[["=A1*2"]]},{"range":"S!A4:B5","values":[["Price\n"],[1]]},
            {"range":"S!A6","values":[[""]]},{"range":"S!A7","values":[[true]]}]}"#;
        let found = contents(&answer(body), 6).unwrap();
        let (formula, text) = (CellHolds::Formula("=A1*2".into()), CellHolds::Text("Price".into()));
        let (nothing, number) = (CellHolds::Nothing, CellHolds::Number);
        assert_eq!(found, [nothing.clone(), number.clone(), formula, text, nothing, number]);
        assert_eq!(contents(&answer(body), 5), None);
        assert_eq!(contents(&answer("{}"), 0), None);
    }

    #[test]
    fn only_whole_confirmations_count() {
        assert_eq!(updated_cells(&answer(r#"{"totalUpdatedCells":8}"#)), Some(8));
        assert_eq!(updated_cells(&answer(r#"{"totalUpdatedCells":8"#)), None);
        assert_eq!(updated_cells(&answer("{}")), None);
    }
}
