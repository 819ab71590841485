//! The room of cells.

mod a1;
mod config;

pub use self::{
    a1::{CellRef, InvalidCell},
    config::{CellMapping, GoogleConfig, SheetConfig, SpreadsheetId, Tab},
};
