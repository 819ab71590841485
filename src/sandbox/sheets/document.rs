//! `spreadsheets.get` and `spreadsheets.batchUpdate`.
//! Pure: no I/O, no clock, no randomness.

#![expect(clippy::indexing_slicing, reason = "what JSON lacks is null")]

use serde_json::{Map, Value};

use super::{
    a1::{Rect, Span},
    body,
    cell::{Cell, Content},
    error::ApiError,
    fields::Mask,
    grid::{NamedRange, Spreadsheet, Tab},
    values,
};
use crate::sandbox::json::{Json, object};

/// The names at the top of a spreadsheet resource.
pub(super) const SPREADSHEET_FIELDS: &[&str] = &[
    "spreadsheetId",
    "properties",
    "sheets",
    "namedRanges",
    "spreadsheetUrl",
    "developerMetadata",
    "dataSources",
    "dataSourceSchedules",
];

/// The resource, as far as the mask needs it; with the cells when they are wanted.
pub(super) fn get(
    sheet: &Spreadsheet,
    ranges: &[String],
    with_cells: bool,
) -> Result<Json, ApiError> {
    let mut areas = Vec::new();
    for range in ranges {
        let (tab, rect) = values::locate(sheet, range)?;
        areas.push((tab.gid, rect));
    }
    let mut sheets = Vec::new();
    for (index, tab) in sheet.tabs.iter().enumerate() {
        let of_tab = areas.iter().filter(|(gid, _)| *gid == tab.gid).map(|(_, rect)| *rect);
        let mut of_tab: Vec<Rect> = of_tab.collect();
        if !ranges.is_empty() && of_tab.is_empty() {
            continue;
        }
        if ranges.is_empty() {
            of_tab.extend(Span::ALL.clip(tab.rows, tab.columns));
        }
        let mut fields = vec![("properties", properties(tab, index))];
        if with_cells {
            let data = of_tab.into_iter().map(|rect| grid_data(tab, rect)).collect();
            fields.push(("data", Json::List(data)));
        }
        sheets.push(Json::Object(fields));
    }
    let mut fields = vec![
        ("spreadsheetId", sheet.id.as_str().into()),
        (
            "properties",
            object([
                ("title", sheet.title.as_str().into()),
                ("locale", sheet.locale.as_str().into()),
                ("autoRecalc", "ON_CHANGE".into()),
                ("timeZone", sheet.time_zone.as_str().into()),
                ("defaultFormat", default_format()),
            ]),
        ),
        ("sheets", Json::List(sheets)),
    ];
    if !sheet.names.is_empty() {
        let names = sheet.names.iter().map(named_range).collect();
        fields.push(("namedRanges", Json::List(names)));
    }
    let url = format!("https://docs.google.com/spreadsheets/d/{}/edit", sheet.id);
    fields.push(("spreadsheetUrl", url.into()));
    Ok(Json::Object(fields))
}

/// Whether a read wants the cells too.
pub(super) fn wants_cells(mask: Option<&Mask>, include_grid_data: bool) -> bool {
    mask.map_or(include_grid_data, |mask| mask.selects(&["sheets", "data"]))
}

/// `SheetProperties`: a gid or an index of 0 is said, `hidden` only where it is true.
fn properties(tab: &Tab, index: usize) -> Json {
    let mut fields = vec![
        ("sheetId", tab.gid.into()),
        ("title", tab.title.as_str().into()),
        ("index", index.into()),
        ("sheetType", "GRID".into()),
        (
            "gridProperties",
            object([("rowCount", tab.rows.into()), ("columnCount", tab.columns.into())]),
        ),
    ];
    if tab.hidden {
        fields.push(("hidden", true.into()));
    }
    Json::Object(fields)
}

/// `NamedRange`: here a gid of 0 is left out.
fn named_range(named: &NamedRange) -> Json {
    let mut range = Vec::new();
    if named.gid != 0 {
        range.push(("sheetId", named.gid.into()));
    }
    range.extend([
        ("startRowIndex", named.rect.top.into()),
        ("endRowIndex", named.rect.bottom.into()),
        ("startColumnIndex", named.rect.left.into()),
        ("endColumnIndex", named.rect.right.into()),
    ]);
    object([
        ("namedRangeId", named.id.as_str().into()),
        ("name", named.name.as_str().into()),
        ("range", Json::Object(range)),
    ])
}

fn default_format() -> Json {
    let white = || object([("red", 1.into()), ("green", 1.into()), ("blue", 1.into())]);
    object([
        ("backgroundColor", white()),
        (
            "padding",
            object([
                ("top", 2.into()),
                ("right", 3.into()),
                ("bottom", 2.into()),
                ("left", 3.into()),
            ]),
        ),
        ("verticalAlignment", "BOTTOM".into()),
        ("wrapStrategy", "OVERFLOW_CELL".into()),
        (
            "textFormat",
            object([
                ("foregroundColor", object([])),
                ("fontFamily", "arial,sans,sans-serif".into()),
                ("fontSize", 10.into()),
                ("bold", false.into()),
                ("italic", false.into()),
                ("strikethrough", false.into()),
                ("underline", false.into()),
                ("foregroundColorStyle", object([("rgbColor", object([]))])),
            ]),
        ),
        ("backgroundColorStyle", object([("rgbColor", white())])),
    ])
}

/// `GridData`: rows up to the last one that holds something.
fn grid_data(tab: &Tab, rect: Rect) -> Json {
    let mut fields = Vec::new();
    if rect.top > 0 {
        fields.push(("startRow", rect.top.into()));
    }
    if rect.left > 0 {
        fields.push(("startColumn", rect.left.into()));
    }
    let mut rows: Vec<Vec<Json>> = Vec::new();
    for (&(row, column), cell) in &tab.cells {
        if !rect.contains(row, column) {
            continue;
        }
        rows.resize((row - rect.top + 1) as usize, Vec::new());
        if let Some(line) = rows.last_mut() {
            line.resize((column - rect.left) as usize, object([]));
            line.push(cell_data(tab, cell));
        }
    }
    if !rows.is_empty() {
        let row = |values: Vec<Json>| match values.is_empty() {
            true => object([]),
            false => object([("values", Json::List(values))]),
        };
        fields.push(("rowData", Json::List(rows.into_iter().map(row).collect())));
    }
    Json::Object(fields)
}

fn cell_data(tab: &Tab, cell: &Cell) -> Json {
    let look = |row, column| tab.value(row, column);
    let extended = |content: &Content| {
        let kind = match content {
            Content::Number(_) => "numberValue",
            Content::Text(text) if text.starts_with('#') => "errorValue",
            Content::Text(_) => "stringValue",
            Content::Bool(_) => "boolValue",
            Content::Formula(_) => "formulaValue",
        };
        object([(kind, content.to_value().into())])
    };
    object([
        ("userEnteredValue", extended(&cell.content)),
        ("effectiveValue", extended(&cell.effective(&look))),
        ("formattedValue", cell.formatted(&look).into()),
    ])
}

/// Carries requests out, all or none of them.
pub(super) fn batch_update(sheet: &mut Spreadsheet, request: &Value) -> Result<Json, ApiError> {
    let known =
        ["requests", "includeSpreadsheetInResponse", "responseRanges", "responseIncludeGridData"];
    let fields = body::fields(request, &known)?;
    let requests = body::list(&fields, "requests");
    if requests.is_empty() {
        return Err(ApiError::invalid("Must specify at least one request."));
    }
    let mut changed = sheet.clone();
    let mut replies = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        let object = request.as_object().and_then(|object| object.iter().next());
        let (kind, arguments) = object.ok_or_else(|| ApiError::invalid("No request set."))?;
        let reply = one_request(&mut changed, kind, arguments)
            .and_then(|reply| changed.check_size().map(|()| reply))
            .map_err(|error| error.of_request(index, kind))?;
        replies.push(reply);
    }
    *sheet = changed;
    let mut fields_out =
        vec![("spreadsheetId", sheet.id.as_str().into()), ("replies", Json::List(replies))];
    if body::flag(&fields, "includeSpreadsheetInResponse") {
        fields_out.push(("updatedSpreadsheet", get(sheet, &[], false)?));
    }
    Ok(Json::Object(fields_out))
}

fn one_request(sheet: &mut Spreadsheet, kind: &str, of: &Value) -> Result<Json, ApiError> {
    let nothing = object([]);
    match kind {
        "addSheet" => {
            let index = add_sheet(sheet, &of["properties"])?;
            let tab = sheet.tabs.get(index).map_or(nothing, |tab| properties(tab, index));
            Ok(object([("addSheet", object([("properties", tab)]))]))
        }
        "updateSheetProperties" => {
            let gid = of["properties"]["sheetId"].as_i64().unwrap_or(0);
            let index = position(sheet, gid)?;
            update_tab(sheet, index, &of["properties"])?;
            Ok(nothing)
        }
        "deleteSheet" => {
            let index = position(sheet, of["sheetId"].as_i64().unwrap_or(0))?;
            if sheet.tabs.len() == 1 {
                return Err(ApiError::invalid("You can't remove all the sheets in a document."));
            }
            let gone = sheet.tabs.remove(index).gid;
            sheet.names.retain(|named| named.gid != gone);
            Ok(nothing)
        }
        "addNamedRange" => {
            let named = add_named_range(sheet, &of["namedRange"])?;
            Ok(object([("addNamedRange", object([("namedRange", named)]))]))
        }
        "deleteNamedRange" => {
            let id = of["namedRangeId"].as_str().unwrap_or_default();
            let count = sheet.names.len();
            sheet.names.retain(|named| named.id != id);
            match sheet.names.len() < count {
                true => Ok(nothing),
                false => Err(ApiError::invalid(format!("No named range with id: {id}"))),
            }
        }
        "insertDimension" if of["range"]["dimension"] == "ROWS" => {
            let index = position(sheet, of["range"]["sheetId"].as_i64().unwrap_or(0))?;
            let bound = |name: &str| of["range"][name].as_u64().unwrap_or(0) as u32;
            let (start, end) = (bound("startIndex"), bound("endIndex"));
            sheet.insert_rows(index, start, end.saturating_sub(start));
            Ok(nothing)
        }
        "updateSpreadsheetProperties" => {
            let text = |name: &str| of["properties"][name].as_str().map(str::to_owned);
            sheet.title = text("title").unwrap_or_else(|| sheet.title.clone());
            sheet.time_zone = text("timeZone").unwrap_or_else(|| sheet.time_zone.clone());
            sheet.locale = text("locale").unwrap_or_else(|| sheet.locale.clone());
            Ok(nothing)
        }
        _ => Err(ApiError::invalid("the sandbox does not know this kind of request")),
    }
}

fn position(sheet: &Spreadsheet, gid: i64) -> Result<usize, ApiError> {
    let found = sheet.tabs.iter().position(|tab| tab.gid == gid);
    found.ok_or_else(|| ApiError::invalid(format!("No grid with id: {gid}")))
}

fn free_title(sheet: &Spreadsheet, title: &str) -> Result<(), ApiError> {
    match sheet.tab(title) {
        None => Ok(()),
        Some(_) => Err(ApiError::invalid(format!(
            "A sheet with the name \"{title}\" already exists. Please enter another name."
        ))),
    }
}

fn add_sheet(sheet: &mut Spreadsheet, wanted: &Value) -> Result<usize, ApiError> {
    let number = sheet.tabs.len() + 1;
    let title = wanted["title"].as_str().map_or(format!("Sheet{number}"), str::to_owned);
    free_title(sheet, &title)?;
    let size =
        |name: &str, usual: u64| wanted["gridProperties"][name].as_u64().unwrap_or(usual) as u32;
    let gid = wanted["sheetId"].as_i64().unwrap_or_else(|| sheet.free_gid());
    if position(sheet, gid).is_ok() {
        let text = format!("A sheet with id {gid} already exists.");
        return Err(ApiError::invalid(text));
    }
    let mut tab = Tab::new(gid, &title, size("rowCount", 1000), size("columnCount", 26));
    tab.hidden = wanted["hidden"].as_bool().unwrap_or(false);
    let end = sheet.tabs.len();
    let index = wanted["index"].as_u64().map_or(end, |index| (index as usize).min(end));
    sheet.tabs.insert(index, tab);
    Ok(index)
}

fn update_tab(sheet: &mut Spreadsheet, index: usize, wanted: &Value) -> Result<(), ApiError> {
    if let Some(title) = wanted["title"].as_str() {
        let same = sheet.tabs.get(index).is_some_and(|tab| tab.title == title);
        if !same {
            free_title(sheet, title)?;
        }
    }
    let Some(tab) = sheet.tabs.get_mut(index) else { return Ok(()) };
    if let Some(title) = wanted["title"].as_str() {
        title.clone_into(&mut tab.title);
    }
    tab.hidden = wanted["hidden"].as_bool().unwrap_or(tab.hidden);
    let size = |name: &str, now: u32| {
        wanted["gridProperties"][name].as_u64().map_or(now, |size| size as u32)
    };
    let (rows, columns) = (size("rowCount", tab.rows), size("columnCount", tab.columns));
    tab.resize(rows, columns);
    if let Some(to) = wanted["index"].as_u64() {
        let tab = sheet.tabs.remove(index);
        sheet.tabs.insert((to as usize).min(sheet.tabs.len()), tab);
    }
    Ok(())
}

fn add_named_range(sheet: &mut Spreadsheet, wanted: &Value) -> Result<Json, ApiError> {
    let name = wanted["name"].as_str().unwrap_or_default();
    if sheet.names.iter().any(|named| named.name == name) {
        let text = format!("A named range with the name \"{name}\" already exists.");
        return Err(ApiError::invalid(text));
    }
    let empty = Map::new();
    let range = wanted["range"].as_object().unwrap_or(&empty);
    let bound = |name: &str| range.get(name).and_then(Value::as_u64).map(|bound| bound as u32);
    let gid = range.get("sheetId").and_then(Value::as_i64).unwrap_or(0);
    let tab = sheet.tabs.get(position(sheet, gid)?);
    let (rows, columns) = tab.map_or((0, 0), |tab| (tab.rows, tab.columns));
    let rect = Rect {
        top: bound("startRowIndex").unwrap_or(0),
        left: bound("startColumnIndex").unwrap_or(0),
        bottom: bound("endRowIndex").unwrap_or(rows),
        right: bound("endColumnIndex").unwrap_or(columns),
    };
    let id = wanted["namedRangeId"].as_str().map(str::to_owned);
    let named =
        NamedRange { id: id.unwrap_or_else(|| sheet.free_name_id()), name: name.into(), gid, rect };
    let reply = named_range(&named);
    sheet.names.push(named);
    Ok(reply)
}
