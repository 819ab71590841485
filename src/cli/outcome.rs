//! How each cell fared in a single cycle, for people and for programs. Pure: no I/O.

use std::{collections::BTreeSet, time::Duration};

use ratesheet::{
    AssetPair, CellContent, CellReport, CellValue, Config, Failure, FailureClass, QuoteBatch,
    QuoteField, SheetConfig, Status,
    jiff::{SignedDuration, Timestamp, civil::date},
};
use serde_json::{Value, json};

use super::{exit::Exit, table::table};

/// How a cycle went.
#[derive(Debug)]
pub(super) struct Outcome {
    /// Whether nothing was to be written in the first place.
    preview: bool,
    rows: Vec<Row>,
}

#[derive(Debug)]
struct Row {
    spreadsheet: String,
    cell: String,
    content: CellContent,
    value: Option<CellValue>,
    failure: Option<Failure>,
}

impl Outcome {
    /// How a tree's first tick went.
    pub(super) fn of_status(status: &Status) -> Self {
        let rows = status.spreadsheets.values().flat_map(|report| {
            let whole = report.failing.as_ref().map(|failing| &failing.failure);
            report.cells.iter().map(move |cell| Row {
                spreadsheet: report.spreadsheet.to_string(),
                cell: cell.cell.to_string(),
                content: cell.content.clone(),
                value: cell.written.clone(),
                failure: why_not(cell, whole).or_else(|| no_time(cell, &report.cells)),
            })
        });
        Self { preview: false, rows: rows.collect() }
    }

    /// What would be written of a batch.
    pub(super) fn of_batch(config: &Config, batch: &QuoteBatch) -> Self {
        let rows = config.sheets.iter().flat_map(|sheet| {
            let (updated, problem) = (oldest(batch, sheet), problem(batch, sheet));
            sheet.targets().map(move |(cell, content)| {
                let (value, failure) = match &content {
                    CellContent::Quote(pair, field) => price(batch, pair, *field),
                    CellContent::Updated => updated.clone(),
                    CellContent::Problem => (Some(problem.clone()), None),
                    _ => (None, None),
                };
                let cell = config.cell_name(sheet, cell);
                Row { spreadsheet: sheet.spreadsheet.to_string(), cell, content, value, failure }
            })
        });
        Self { preview: true, rows: rows.collect() }
    }

    /// For people: a table for each spreadsheet, what failed and what to do, and a summary.
    pub(super) fn table(&self, took: Duration) -> String {
        let mut text = String::new();
        let notes = self.notes();
        let spreadsheets: BTreeSet<&str> =
            self.rows.iter().map(|row| row.spreadsheet.as_str()).collect();
        for spreadsheet in spreadsheets {
            text.push_str(&format!("\nSpreadsheet {spreadsheet}\n\n"));
            let own = self.rows.iter().filter(|row| row.spreadsheet == spreadsheet);
            let heads = ["CELL", "SHOWS", "VALUE", ""].map(str::to_owned);
            let rows = own.map(|row| row.columns(self.preview, &notes));
            text.push_str(&table(&std::iter::once(heads).chain(rows).collect::<Vec<_>>()));
        }
        for (number, failure) in (1..).zip(&notes) {
            text.push_str(&format!("\n[{number}] {}.\n", failure.reason));
            if !failure.remedy.is_empty() {
                text.push_str(&format!("    {}.\n", failure.remedy));
            }
        }
        text.push_str(&format!("\n{}\n", self.summary(took)));
        text
    }

    /// What has failed, each thing once, in the order of the cells: the footnotes of the table.
    fn notes(&self) -> Vec<&Failure> {
        let mut notes = Vec::new();
        for failure in self.failures() {
            if !notes.contains(&failure) {
                notes.push(failure);
            }
        }
        notes
    }

    fn summary(&self, took: Duration) -> String {
        let good = self.good();
        let of = if good == self.rows.len() {
            good.to_string()
        } else {
            format!("{good} of {}", self.rows.len())
        };
        let cells = if self.rows.len() == 1 { "cell" } else { "cells" };
        let took = took.as_millis();
        match self.preview {
            true => format!("{of} {cells} would be written. Nothing was sent to Google. {took} ms"),
            false => format!("{of} {cells} written in {took} ms"),
        }
    }

    /// For programs.
    pub(super) fn json(&self, took: Duration) -> String {
        let cells: Vec<Value> = self.rows.iter().map(|row| row.json(self.preview)).collect();
        let whole = json!({
            "dry_run": self.preview,
            "cells": cells,
            "good": self.good(),
            "duration_ms": u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        format!("{whole:#}\n")
    }

    /// What the process says of it.
    pub(super) fn exit(&self) -> Exit {
        if self.good() == self.rows.len() {
            return Exit::Done;
        }
        let some = |wanted: &[FailureClass]| self.failures().any(|f| wanted.contains(&f.class));
        if some(&[FailureClass::Credentials]) {
            Exit::Credentials
        } else if some(&[FailureClass::Transient, FailureClass::RateLimited, FailureClass::Tls]) {
            Exit::Unavailable
        } else if self.rows.iter().all(|row| row.is_good() || row.has_no_quote()) {
            // A market may stay without a price for ever: it hides nothing that a person can mend.
            Exit::Unavailable
        } else {
            Exit::Incomplete
        }
    }

    fn good(&self) -> usize {
        self.rows.iter().filter(|row| row.is_good()).count()
    }

    fn failures(&self) -> impl Iterator<Item = &Failure> {
        self.rows.iter().filter_map(|row| row.failure.as_ref())
    }
}

/// The beginning of a text that would make a column too wide.
fn shortened(text: &str) -> String {
    const WIDEST: usize = 32;
    match text.char_indices().nth(WIDEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}

/// Why a cell was not written: for its own reason, or for its spreadsheet's.
fn why_not(cell: &CellReport, whole: Option<&Failure>) -> Option<Failure> {
    let own = cell.failing.clone();
    own.or_else(|| cell.written.is_none().then(|| whole.cloned()).flatten())
}

/// Why a cell is not written that tells the time of its sheet's prices: it is for lack of them,
/// and so for the reason of the first.
fn no_time(cell: &CellReport, all: &[CellReport]) -> Option<Failure> {
    if cell.content != CellContent::Updated || cell.written.is_some() {
        return None;
    }
    let mut own = all.iter().filter(|other| other.sheet == cell.sheet);
    own.find_map(|other| other.failing.clone())
}

/// What would be written of a field of a pair, or why nothing would.
fn price(
    batch: &QuoteBatch,
    pair: &AssetPair,
    field: QuoteField,
) -> (Option<CellValue>, Option<Failure>) {
    let Some(quote) = batch.quotes.get(pair) else {
        return (None, batch.missing.get(pair).cloned());
    };
    match field {
        QuoteField::Time => (Some(moment(quote.at)), None),
        _ => match quote.cell_number(field) {
            Some(number) => (Some(CellValue::Number(number)), None),
            None => (None, Some(Failure::not_stated(pair, field))),
        },
    }
}

/// What an `updated` cell would show; where there is no price, the reason is that of the first.
fn oldest(batch: &QuoteBatch, sheet: &SheetConfig) -> (Option<CellValue>, Option<Failure>) {
    let quotes = sheet.cells.iter().filter_map(|mapping| batch.quotes.get(&mapping.pair));
    let oldest = quotes.map(|quote| quote.at).min().map(moment);
    let missing = sheet.cells.iter().find_map(|mapping| batch.missing.get(&mapping.pair));
    let failure = if oldest.is_none() { missing.cloned() } else { None };
    (oldest, failure)
}

/// What a `problem` cell would show, roughly.
fn problem(batch: &QuoteBatch, sheet: &SheetConfig) -> CellValue {
    let mut quotes = sheet.cells.iter().map(|mapping| price(batch, &mapping.pair, mapping.field));
    let well = quotes.all(|(value, _)| value.is_some());
    CellValue::Text(if well { "" } else { "what is wrong" }.into())
}

/// A moment as it is told where the spreadsheet's time zone is not known.
fn moment(at: Timestamp) -> CellValue {
    CellValue::Text(at.to_string().into())
}

/// A time as a person reads it: of a cell, in its spreadsheet's time zone, as the cell itself shows
/// it in the format of a date and time; else in UTC.
fn time(value: &CellValue) -> String {
    const FORMAT: &str = "%Y-%m-%d %H:%M:%S";
    let read = match value {
        CellValue::Number(days) => SignedDuration::try_from_secs_f64((days * 86_400.0).round())
            .ok()
            .and_then(|since| date(1899, 12, 30).at(0, 0, 0, 0).checked_add(since).ok())
            .map(|time| time.strftime(FORMAT).to_string()),
        CellValue::Text(text) => {
            let at: Option<Timestamp> = text.parse().ok();
            at.map(|at| format!("{} UTC", at.strftime(FORMAT)))
        }
    };
    read.unwrap_or_else(|| value.to_string())
}

impl Row {
    fn is_good(&self) -> bool {
        self.value.is_some() && self.failure.is_none()
    }

    fn has_no_quote(&self) -> bool {
        self.failure.as_ref().is_some_and(|failure| failure.class == FailureClass::NoQuote)
    }

    fn columns(&self, preview: bool, notes: &[&Failure]) -> [String; 4] {
        let value = match &self.value {
            Some(value) if self.content.tells_time() => time(value),
            Some(CellValue::Text(text)) if text.is_empty() => "(empty)".into(),
            Some(CellValue::Text(text)) => shortened(text),
            Some(value) => value.to_string(),
            None => "-".into(),
        };
        let note = notes.iter().position(|note| Some(*note) == self.failure.as_ref());
        let fared = match (note, self.is_good(), preview) {
            (Some(note), ..) => format!("not written [{}]", note + 1),
            (None, true, false) => "written".into(),
            (None, true, true) => "would be written".into(),
            (None, false, _) => "not written".into(),
        };
        [self.cell.clone(), self.content.to_string(), value, fared]
    }

    fn json(&self, preview: bool) -> Value {
        let (pair, field) = match &self.content {
            CellContent::Quote(pair, field) => (Some(pair.as_str()), field.name().to_owned()),
            content => (None, content.to_string()),
        };
        let value = match &self.value {
            Some(CellValue::Number(number)) => json!(number),
            Some(CellValue::Text(text)) => json!(&**text),
            None => Value::Null,
        };
        json!({
            "spreadsheet": self.spreadsheet,
            "cell": self.cell,
            "pair": pair,
            "field": field,
            "value": value,
            "written": self.is_good() && !preview,
            "problem": self.failure.as_ref().map(|failure| json!({
                "class": failure.class.name(),
                "reason": failure.reason,
                "remedy": failure.remedy,
            })),
        })
    }
}
