//! The Sheets API v4: which spreadsheets there are, who may do what, and which method answers.
//! Pure: no I/O, no clock: `now` comes in as an argument.

mod a1;
mod body;
mod cell;
mod document;
mod error;
mod fields;
mod formula;
mod grid;
mod quota;
mod route;
mod values;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

pub use self::quota::QuotaLimits;
pub(super) use self::{
    a1::Span,
    cell::Cell,
    grid::{NamedRange, Spreadsheet, Tab},
};
use self::{
    error::ApiError,
    fields::Mask,
    quota::Meter,
    route::{Method, Route},
    values::{Echo, Input, InputOption, RenderOption, Write},
};
use super::{
    exchange::{Reply, Request, google_not_found},
    json::{Json, object},
    pages,
    token::Bearer,
};

/// A tab that a spreadsheet is created with: title, rows, columns.
pub(super) type NewTab = (String, u32, u32);

#[derive(Debug, Default)]
pub(super) struct Sheets {
    pub(super) spreadsheets: BTreeMap<String, Spreadsheet>,
    /// With these tabs, spreadsheets come into being when somebody asks for them.
    pub(super) auto_create: Option<Vec<NewTab>>,
    pub(super) disabled: bool,
    meter: Meter,
}

impl Sheets {
    pub(super) fn set_quota(&mut self, limits: Option<QuotaLimits>) {
        self.meter.reset(limits);
    }

    pub(super) fn create(&mut self, id: &str, title: &str, tabs: &[NewTab]) {
        let mut sheet = Spreadsheet::new(id, title);
        for (title, rows, columns) in tabs {
            sheet.add_tab(title, *rows, *columns);
        }
        self.spreadsheets.insert(id.into(), sheet);
    }

    pub(super) fn respond(&mut self, request: &Request, bearer: Bearer, now: Timestamp) -> Reply {
        let Some(route) = Route::of(&request.method, &request.path) else {
            return google_not_found(&request.path);
        };
        let (email, scopes) = match bearer {
            Bearer::Missing => return ApiError::no_token(route.method.name()).reply(),
            Bearer::Invalid => return ApiError::bad_token().reply(),
            Bearer::Known { email, scopes } => (email, scopes),
        };
        if self.disabled {
            return ApiError::service_disabled().reply();
        }
        let writes = route.method.is_write();
        let may = |scope: &String| match scope.as_str() {
            "spreadsheets" | "drive" | "drive.file" => true,
            "spreadsheets.readonly" | "drive.readonly" => !writes,
            _ => false,
        };
        if !scopes.iter().any(may) {
            return ApiError::scope(route.method.name()).reply();
        }
        if let Err((quota, start)) = self.meter.charge(&email, writes, now) {
            return pages::quota_exceeded(&quota, start);
        }
        let only_own_files = scopes.iter().filter(|scope| may(scope)).all(|s| s == "drive.file");
        match self.carry_out(&route, request, only_own_files) {
            Ok(json) if request.param("prettyPrint").as_deref() == Some("false") => {
                pages::json(200, json.compact())
            }
            Ok(json) => pages::json(200, json.pretty()),
            Err(error) => error.reply(),
        }
    }

    fn carry_out(
        &mut self,
        route: &Route,
        request: &Request,
        only_own_files: bool,
    ) -> Result<Json, ApiError> {
        let mask = mask(request, route.method)?;
        let body = body::parse(&request.body)?;
        let sheet = self.open(&route.id, only_own_files)?;
        let json = call(route, request, &body, sheet, mask.as_ref())?;
        Ok(match mask {
            Some(mask) => mask.apply(json),
            None => json,
        })
    }

    /// The spreadsheet of an id, if it is there for the caller.
    fn open(&mut self, id: &str, only_own_files: bool) -> Result<&mut Spreadsheet, ApiError> {
        let well_formed = id.len() >= 20
            && id.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'));
        if let Some(tabs) = self.auto_create.clone().filter(|_| well_formed)
            && !self.spreadsheets.contains_key(id)
        {
            self.create(id, "Untitled spreadsheet", &tabs);
        }
        match self.spreadsheets.get_mut(id) {
            Some(sheet) if sheet.trashed => Err(ApiError::not_found()),
            Some(_) if only_own_files => Err(ApiError::not_found()),
            Some(sheet) if !sheet.shared => Err(ApiError::not_shared()),
            Some(sheet) => Ok(sheet),
            None => Err(ApiError::not_found()),
        }
    }
}

fn mask(request: &Request, method: Method) -> Result<Option<Mask>, ApiError> {
    let Some(text) = request.param("fields").filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let mask = Mask::parse(&text);
    let unknown = match (&mask, method) {
        (Some(mask), Method::Get) => mask.unknown(document::SPREADSHEET_FIELDS),
        (Some(_), _) => None,
        (None, _) => Some(text.as_str()),
    };
    if let Some(name) = unknown {
        let description = format!(
            "Error expanding 'fields' parameter. Cannot find matching fields for path '{name}'."
        );
        let message = "Request contains an invalid argument.";
        return Err(ApiError::bad_field(name, description, message));
    }
    Ok(mask)
}

/// Answers one method.
fn call(
    route: &Route,
    request: &Request,
    body: &Value,
    sheet: &mut Spreadsheet,
    mask: Option<&Mask>,
) -> Result<Json, ApiError> {
    let param = |name: &str| request.param(name);
    let ranges = || -> Vec<String> {
        let named = request.params().into_iter().filter(|(name, _)| name == "ranges");
        named.map(|(_, range)| range).collect()
    };
    match route.method {
        Method::Get => {
            let grid =
                param("includeGridData").is_some_and(|flag| flag.eq_ignore_ascii_case("true"));
            document::get(sheet, &ranges(), document::wants_cells(mask, grid))
        }
        Method::BatchUpdate => document::batch_update(sheet, body),
        Method::BatchUpdateValues => batch_update_values(sheet, body),
        Method::GetValues | Method::BatchGetValues => {
            let render = RenderOption::parse(param("valueRenderOption").as_deref())?;
            let by_columns = values::by_columns(param("majorDimension").as_deref())?;
            if route.method == Method::GetValues {
                return values::read(sheet, &route.range, render, by_columns);
            }
            let mut found = Vec::new();
            for range in ranges() {
                found.push(values::read(sheet, &range, render, by_columns)?);
            }
            Ok(object([
                ("spreadsheetId", sheet.id.as_str().into()),
                ("valueRanges", Json::List(found)),
            ]))
        }
        Method::UpdateValues | Method::AppendValues => {
            let option = InputOption::parse(param("valueInputOption").as_deref())?;
            let echo = echo(
                param("includeValuesInResponse").is_some_and(|f| f.eq_ignore_ascii_case("true")),
                param("responseValueRenderOption").as_deref(),
            )?;
            let input = Input::parse(body)?;
            if route.method == Method::AppendValues {
                let insert = param("insertDataOption").as_deref() == Some("INSERT_ROWS");
                return values::append(sheet, &route.range, &input, option, insert, echo.as_ref());
            }
            let write = Write::plan(sheet, &route.range, &input, option)?;
            write.apply(sheet);
            Ok(write.report(sheet, echo.as_ref()))
        }
        Method::ClearValues => {
            let cleared = values::clear(sheet, &route.range)?;
            Ok(values::cleared(sheet, cleared))
        }
        Method::BatchClearValues => {
            let fields = body::fields(body, &["ranges"])?;
            let mut changed = sheet.clone();
            let mut cleared = Vec::new();
            for range in body::list(&fields, "ranges") {
                cleared.push(values::clear(&mut changed, range.as_str().unwrap_or(""))?.into());
            }
            *sheet = changed;
            Ok(object([
                ("spreadsheetId", sheet.id.as_str().into()),
                ("clearedRanges", Json::List(cleared)),
            ]))
        }
    }
}

fn echo(wanted: bool, render: Option<&str>) -> Result<Option<Echo>, ApiError> {
    let render = RenderOption::parse(render)?;
    Ok(wanted.then_some(Echo { render, by_columns: false }))
}

/// `values:batchUpdate`: all entries or none.
fn batch_update_values(sheet: &mut Spreadsheet, body: &Value) -> Result<Json, ApiError> {
    let known = [
        "valueInputOption",
        "data",
        "includeValuesInResponse",
        "responseValueRenderOption",
        "responseDateTimeRenderOption",
    ];
    let fields = body::fields(body, &known)?;
    let mut inputs = Vec::new();
    for entry in body::list(&fields, "data") {
        inputs.push(Input::parse(entry)?);
    }
    let option = InputOption::parse(body::text(&fields, "valueInputOption"))?;
    let echo = echo(
        body::flag(&fields, "includeValuesInResponse"),
        body::text(&fields, "responseValueRenderOption"),
    )?;
    let mut writes = Vec::new();
    for (index, input) in inputs.iter().enumerate() {
        let range = input.range.as_deref().unwrap_or_default();
        let write = Write::plan(sheet, range, input, option);
        writes.push(write.map_err(|error| error.of_data(index))?);
    }
    for write in &writes {
        write.apply(sheet);
    }
    Ok(values::batch_report(sheet, &writes, echo.as_ref()))
}

#[cfg(test)]
mod tests;
