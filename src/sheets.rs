//! The room of cells.

mod a1;
mod config;
mod key;
mod reading;

pub(crate) use self::reading::{PlacedSheet, TargetKey};
pub use self::{
    a1::{CellRef, InvalidCell},
    config::{CellMapping, GoogleConfig, SheetConfig, SpreadsheetId, Tab},
    key::{InvalidKey, ServiceAccountKey},
};
