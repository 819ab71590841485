//! When two cells of a configuration are one. Pure: no I/O, no clock, no randomness.

use super::{
    a1::CellRef,
    config::{SheetConfig, SpreadsheetId, Tab},
};

/// A target in the form by which targets are compared: whatever its case, its `$`, and whether it
/// names the sheet's own tab. (Google's titles and names differ in more than case.)
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum TargetKey {
    /// A cell of a tab.
    Cell(SpreadsheetId, Tab, u32, u32),
    /// A named range.
    Named(SpreadsheetId, String),
}

impl TargetKey {
    /// The form of a cell of a sheet.
    pub(crate) fn new(sheet: &SheetConfig, cell: &CellRef) -> Self {
        let id = sheet.spreadsheet.clone();
        match cell {
            CellRef::Named(name) => Self::Named(id, name.to_lowercase()),
            CellRef::Cell { tab, column, row } => {
                let tab = match (tab, &sheet.tab) {
                    (Some(title), _) | (None, Tab::Title(title)) => {
                        Tab::Title(title.to_lowercase())
                    }
                    (None, tab) => tab.clone(),
                };
                Self::Cell(id, tab, *column, *row)
            }
        }
    }
}
