//! The methods under `/values`: reading, writing, appending, clearing.
//! Pure: no I/O, no clock, no randomness.

use std::collections::BTreeSet;

use serde_json::Value;

use super::{
    a1::{self, Rect, Span},
    body,
    cell::Cell,
    error::ApiError,
    grid::{Spreadsheet, Tab},
};
use crate::sandbox::json::{Json, object};

/// The longest text of a cell.
const CELL_CHARS: usize = 50_000;

/// `valueInputOption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum InputOption {
    Raw,
    UserEntered,
}

impl InputOption {
    pub(super) fn parse(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            Some("RAW") => Ok(Self::Raw),
            Some("USER_ENTERED") => Ok(Self::UserEntered),
            None | Some("" | "INPUT_VALUE_OPTION_UNSPECIFIED") => {
                Err(ApiError::invalid("'valueInputOption' is required but not specified"))
            }
            Some(other) => Err(ApiError::bad_value(
                "value_input_option",
                "type.googleapis.com/google.apps.sheets.v4.ValueInputOption",
                &other.into(),
            )),
        }
    }
}

/// `valueRenderOption`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RenderOption {
    Formatted,
    Unformatted,
    Formula,
}

impl RenderOption {
    pub(super) fn parse(name: Option<&str>) -> Result<Self, ApiError> {
        match name {
            None | Some("" | "FORMATTED_VALUE") => Ok(Self::Formatted),
            Some("UNFORMATTED_VALUE") => Ok(Self::Unformatted),
            Some("FORMULA") => Ok(Self::Formula),
            Some(other) => Err(ApiError::bad_value(
                "value_render_option",
                "type.googleapis.com/google.apps.sheets.v4.ValueRenderOption",
                &other.into(),
            )),
        }
    }
}

/// Reads `majorDimension`: whether columns come first.
pub(super) fn by_columns(name: Option<&str>) -> Result<bool, ApiError> {
    match name {
        None | Some("" | "ROWS" | "DIMENSION_UNSPECIFIED") => Ok(false),
        Some("COLUMNS") => Ok(true),
        Some(other) => Err(ApiError::bad_value(
            "major_dimension",
            "type.googleapis.com/google.apps.sheets.v4.Dimension",
            &other.into(),
        )),
    }
}

/// What a client sends as a `ValueRange`.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Input {
    pub(super) range: Option<String>,
    rows: Vec<Vec<Value>>,
}

impl Input {
    /// Reads a `ValueRange`.
    pub(super) fn parse(value: &Value) -> Result<Self, ApiError> {
        const LIST: &str = "type.googleapis.com/google.protobuf.ListValue";
        let fields = body::fields(value, &["range", "majorDimension", "values"])?;
        let by_columns = by_columns(body::text(&fields, "majorDimension"))?;
        let mut rows = Vec::new();
        for row in body::list(&fields, "values") {
            let Value::Array(row) = row else {
                return Err(ApiError::bad_value("data.values", LIST, row));
            };
            rows.push(row.clone());
        }
        for (r, row) in rows.iter().enumerate() {
            for (c, value) in row.iter().enumerate() {
                let kind = match value {
                    Value::Array(_) => "list_value",
                    Value::Object(_) => "struct_value",
                    _ => continue,
                };
                return Err(ApiError::invalid(format!(
                    "Invalid values[{r}][{c}]: {kind} {{\n}}\n"
                )));
            }
        }
        if by_columns {
            rows = transpose(&rows);
        }
        let range = body::text(&fields, "range").map(str::to_owned);
        Ok(Self { range, rows })
    }
}

fn transpose(rows: &[Vec<Value>]) -> Vec<Vec<Value>> {
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let cell = |row: &Vec<Value>, at: usize| row.get(at).cloned().unwrap_or(Value::Null);
    (0..width).map(|at| rows.iter().map(|row| cell(row, at)).collect()).collect()
}

/// What a write will do, once it is known to be allowed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Write {
    pub(super) tab: usize,
    area: Rect,
    cells: Vec<(u32, u32, Option<Cell>)>,
}

impl Write {
    /// Checks a write to a range. Nothing is changed yet.
    pub(super) fn plan(
        sheet: &Spreadsheet,
        range: &str,
        input: &Input,
        option: InputOption,
    ) -> Result<Self, ApiError> {
        let (tab, span) = sheet.resolve(range)?;
        let at = sheet.tabs.get(tab).ok_or_else(|| ApiError::unparsable_range(range))?;
        let (rows, columns) = (at.rows, at.columns);
        let echo = |span: &Span| format!("{}!{}", a1::quoted(&at.title), span.print());
        let limits = |span: &Span| ApiError::grid_limits(&echo(span), rows, columns);
        let outside =
            |end: Option<u32>, limit: u32| end.is_some_and(|end| !span.single && end > limit);
        if outside(span.bottom, rows) || outside(span.right, columns) {
            return Err(limits(&span));
        }
        let clipped = span.clip(rows, columns).ok_or_else(|| limits(&span))?;
        let area = extent(span, &input.rows);
        if !span.single {
            let within = |what: String| {
                let range = echo(&span);
                let text =
                    format!("Requested writing within range [{range}], but tried writing to");
                ApiError::invalid(format!("{text} {what}"))
            };
            if area.bottom > clipped.bottom {
                return Err(within(format!("row [{}]", clipped.bottom + 1)));
            }
            if area.right > clipped.right {
                return Err(within(format!("column [{}]", a1::column_name(clipped.right))));
            }
        }
        if area.bottom > rows || area.right > columns {
            return Err(limits(&Span::of(area)));
        }
        let cells = cells(span.top, span.left, &input.rows, option)?;
        if cells.iter().any(|&(row, column, _)| at.is_protected(row, column)) {
            return Err(ApiError::protected());
        }
        Ok(Self { tab, area, cells })
    }

    pub(super) fn apply(&self, sheet: &mut Spreadsheet) {
        let Some(tab) = sheet.tabs.get_mut(self.tab) else { return };
        for (row, column, cell) in &self.cells {
            tab.set(*row, *column, cell.clone());
        }
    }

    /// `UpdateValuesResponse`, after the write; counts that are zero are left out.
    pub(super) fn report(&self, sheet: &Spreadsheet, echo: Option<&Echo>) -> Json {
        let title = sheet.tabs.get(self.tab).map_or("", |tab| &tab.title);
        let mut fields = vec![
            ("spreadsheetId", sheet.id.as_str().into()),
            ("updatedRange", a1::print(title, self.area).into()),
        ];
        let rows: BTreeSet<_> = self.cells.iter().map(|cell| cell.0).collect();
        let columns: BTreeSet<_> = self.cells.iter().map(|cell| cell.1).collect();
        count(&mut fields, "updatedRows", rows.len());
        count(&mut fields, "updatedColumns", columns.len());
        count(&mut fields, "updatedCells", self.cells.len());
        if let (Some(echo), Some(tab)) = (echo, sheet.tabs.get(self.tab)) {
            let data = render(tab, self.area, echo.render, echo.by_columns);
            fields.push(("updatedData", data));
        }
        Json::Object(fields)
    }
}

/// Which values a write gives back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Echo {
    pub(super) render: RenderOption,
    pub(super) by_columns: bool,
}

fn count(fields: &mut Vec<(&'static str, Json)>, name: &'static str, count: usize) {
    if count > 0 {
        fields.push((name, count.into()));
    }
}

/// The cells that the values would fill; the first one when there are none.
fn extent(span: Span, rows: &[Vec<Value>]) -> Rect {
    let height = u32::try_from(rows.len()).unwrap_or(u32::MAX).max(1);
    let width = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = u32::try_from(width).unwrap_or(u32::MAX).max(1);
    Rect {
        top: span.top,
        left: span.left,
        bottom: span.top.saturating_add(height),
        right: span.left.saturating_add(width),
    }
}

/// Places values; nulls are skipped.
fn cells(
    top: u32,
    left: u32,
    rows: &[Vec<Value>],
    option: InputOption,
) -> Result<Vec<(u32, u32, Option<Cell>)>, ApiError> {
    let mut cells = Vec::new();
    for (row, values) in (top..).zip(rows) {
        for (column, value) in (left..).zip(values) {
            let chars = value.as_str().map_or(0, |text| text.chars().count());
            if chars > CELL_CHARS {
                return Err(ApiError::too_long());
            }
            if value.is_null() {
                continue;
            }
            let cell = match option {
                InputOption::Raw => Cell::raw(value),
                InputOption::UserEntered => Cell::typed(value),
            };
            cells.push((row, column, cell));
        }
    }
    Ok(cells)
}

/// `BatchUpdateValuesResponse`, after the writes.
pub(super) fn batch_report(sheet: &Spreadsheet, writes: &[Write], echo: Option<&Echo>) -> Json {
    let cells = || writes.iter().flat_map(|write| write.cells.iter().map(|cell| (write.tab, cell)));
    let rows: BTreeSet<_> = cells().map(|(tab, cell)| (tab, cell.0)).collect();
    let columns: BTreeSet<_> = cells().map(|(tab, cell)| (tab, cell.1)).collect();
    let tabs: BTreeSet<_> = cells().map(|(tab, _)| tab).collect();
    let mut fields = vec![("spreadsheetId", sheet.id.as_str().into())];
    count(&mut fields, "totalUpdatedRows", rows.len());
    count(&mut fields, "totalUpdatedColumns", columns.len());
    count(&mut fields, "totalUpdatedCells", cells().count());
    count(&mut fields, "totalUpdatedSheets", tabs.len());
    let responses: Vec<_> = writes.iter().map(|write| write.report(sheet, echo)).collect();
    if !responses.is_empty() {
        fields.push(("responses", Json::List(responses)));
    }
    Json::Object(fields)
}

/// Reads a range as a `ValueRange`.
pub(super) fn read(
    sheet: &Spreadsheet,
    range: &str,
    option: RenderOption,
    by_columns: bool,
) -> Result<Json, ApiError> {
    let (tab, rect) = locate(sheet, range)?;
    Ok(render(tab, rect, option, by_columns))
}

/// The tab and the cells of a range that is read or cleared.
pub(super) fn locate<'a>(sheet: &'a Spreadsheet, range: &str) -> Result<(&'a Tab, Rect), ApiError> {
    let (tab, span) = sheet.resolve(range)?;
    let tab = sheet.tabs.get(tab).ok_or_else(|| ApiError::unparsable_range(range))?;
    let rect = span.clip(tab.rows, tab.columns).ok_or_else(|| {
        let echo = format!("{}!{}", a1::quoted(&tab.title), span.print());
        ApiError::grid_limits(&echo, tab.rows, tab.columns)
    })?;
    Ok((tab, rect))
}

/// A `ValueRange`: trailing empty cells and rows are left out, and `values` when nothing is left.
fn render(tab: &Tab, rect: Rect, option: RenderOption, by_columns: bool) -> Json {
    let inside = tab.cells.iter().filter(|((row, column), _)| rect.contains(*row, *column));
    let mut lines: Vec<Vec<Json>> = Vec::new();
    for (&(row, column), cell) in inside {
        let (row, column) = ((row - rect.top) as usize, (column - rect.left) as usize);
        let (line, at) = if by_columns { (column, row) } else { (row, column) };
        if lines.len() <= line {
            lines.resize(line + 1, Vec::new());
        }
        if let Some(line) = lines.get_mut(line) {
            if line.len() <= at {
                line.resize(at + 1, "".into());
            }
            if let Some(place) = line.get_mut(at) {
                *place = rendered(tab, cell, option).into();
            }
        }
    }
    let mut fields = vec![
        ("range", a1::print(&tab.title, rect).into()),
        ("majorDimension", if by_columns { "COLUMNS" } else { "ROWS" }.into()),
    ];
    if !lines.is_empty() {
        fields.push(("values", Json::List(lines.into_iter().map(Json::List).collect())));
    }
    Json::Object(fields)
}

fn rendered(tab: &Tab, cell: &Cell, option: RenderOption) -> Value {
    let look = |row, column| tab.value(row, column);
    match option {
        RenderOption::Formatted => cell.formatted(&look).into(),
        RenderOption::Unformatted => cell.effective(&look).to_value(),
        RenderOption::Formula => cell.entered(),
    }
}

/// Empties a range; returns the range as it is echoed.
pub(super) fn clear(sheet: &mut Spreadsheet, range: &str) -> Result<String, ApiError> {
    let (tab, rect) = locate(sheet, range)?;
    let title = tab.title.clone();
    let hit = |row, column| rect.contains(row, column);
    if tab.cells.keys().any(|&(row, column)| hit(row, column) && tab.is_protected(row, column)) {
        return Err(ApiError::protected());
    }
    if let Some(tab) = sheet.tab_mut(&title) {
        tab.cells.retain(|&(row, column), _| !hit(row, column));
    }
    Ok(a1::print(&title, rect))
}

/// Appends rows below the table that a range ends with; the grid grows when it must.
pub(super) fn append(
    sheet: &mut Spreadsheet,
    range: &str,
    input: &Input,
    option: InputOption,
    insert_rows: bool,
    echo: Option<&Echo>,
) -> Result<Json, ApiError> {
    let (found, area) = locate(sheet, range)?;
    let title = found.title.clone();
    let table = found.table_in(area);
    let (top, left) = table.map_or((area.top, area.left), |table| (table.bottom, table.left));
    let at = Span { top, left, ..Span::ALL };
    let place = extent(at, &input.rows);
    let cells = cells(top, left, &input.rows, option)?;
    let tab = sheet.tabs.iter().position(|tab| tab.title == title).unwrap_or(0);
    let height = u32::try_from(input.rows.len()).unwrap_or(u32::MAX);
    let mut changed = sheet.clone();
    if insert_rows && table.is_some() && top < found.rows {
        changed.insert_rows(tab, top, height);
    }
    if let Some(tab) = changed.tabs.get_mut(tab) {
        tab.rows = tab.rows.max(place.bottom);
        tab.columns = tab.columns.max(place.right);
        if cells.iter().any(|&(row, column, _)| tab.is_protected(row, column)) {
            return Err(ApiError::protected());
        }
    }
    changed.check_size()?;
    let write = Write { tab, area: place, cells };
    write.apply(&mut changed);
    *sheet = changed;
    let mut fields = vec![("spreadsheetId", sheet.id.as_str().into())];
    if let Some(table) = table {
        fields.push(("tableRange", a1::print(&title, table).into()));
    }
    fields.push(("updates", write.report(sheet, echo)));
    Ok(Json::Object(fields))
}

/// `{"spreadsheetId", "clearedRange"}`
pub(super) fn cleared(sheet: &Spreadsheet, range: String) -> Json {
    object([("spreadsheetId", sheet.id.as_str().into()), ("clearedRange", range.into())])
}
