//! What a spreadsheet is like before anything is written to it: whether it can be read, where
//! each cell is, and what is in it. Touches: the network, through `client`. Never: a write.

use std::ops::Range;

use jiff::SignedDuration;

use super::{
    Account, CellRef, SheetConfig, SpreadsheetId,
    account::Budget,
    config::one_tab,
    error::{self, SheetsError},
    index::Index,
    locate::{self, Sought},
    trouble::Trouble,
    wire::{self, CellHolds, Properties},
};
use crate::{
    http::HttpError,
    messages::{CellContent, Failure, FailureClass, SheetIndex},
};

/// At most so many cells in one request, and so many bytes of ranges: an address has its limits.
const CHUNK_CELLS: usize = 100;
const CHUNK_BYTES: usize = 4_000;

/// What was found in a spreadsheet. Nothing was changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The cells, in the order of the configuration.
    pub cells: Vec<InspectedCell>,
    /// How far Google's clock is ahead of this machine's (behind, if it is negative), give or take
    /// a second or two; `None` if Google did not say.
    pub clock_ahead: Option<SignedDuration>,
}

/// A cell of the configuration, as it is before anything is written.
#[derive(Debug)]
#[non_exhaustive]
pub struct InspectedCell {
    /// The configured sheet that it belongs to.
    pub sheet: SheetIndex,
    /// Where it is, as a person writes it: `'Sheet 1'!A1` or the name of a range.
    pub cell: String,
    /// What it is to show.
    pub content: CellContent,
    /// Where it is, in Google's words, and what is in it; or why it cannot be written to.
    pub found: Result<FoundCell, Failure>,
    /// What else of the spreadsheet is called like it, in words, if anything is: `Q1` may be a tab.
    pub namesake: Option<String>,
}

/// Where a cell is, and what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FoundCell {
    /// Where it is, in Google's words: `'Sheet 1'!A1`; of a named range all of it, as far as the
    /// spreadsheet says where that is, or else its name.
    pub range: String,
    /// What is in it; of a named range in its first cell.
    pub holds: CellHolds,
}

/// Looking, without writing.
impl Account {
    /// Asks Google for a token, and says in whose name: with this address spreadsheets have to be
    /// shared.
    ///
    /// # Errors
    /// When there is none to be had: why, and what to do about it.
    pub async fn sign_in(&self) -> Result<String, Failure> {
        match self.token().await {
            Ok(_) => Ok(self.email().to_string()),
            Err(error) => Err(error.failure()),
        }
    }

    /// Looks at the cells of these sheets, which must all be of `spreadsheet`. It reads, and never
    /// writes: whether this account may write, too, is not to be seen that way.
    ///
    /// # Errors
    /// When the spreadsheet as a whole cannot be read: why, and what to do about it.
    #[expect(clippy::indexing_slicing, reason = "chunks are of `asked`, whose places are of cells")]
    pub async fn inspect(
        &self,
        spreadsheet: &SpreadsheetId,
        sheets: &[(SheetIndex, &SheetConfig)],
    ) -> Result<Inspection, Failure> {
        let failure = |trouble: Trouble| trouble.failure(self, spreadsheet.as_str());
        let (properties, clock_ahead) =
            self.read_spreadsheet(spreadsheet.as_str()).await.map_err(failure)?;
        let (mut cells, asked) = located(sheets, &properties);
        let (there, ranges): (Vec<usize>, Vec<String>) = asked.into_iter().unzip();
        let mut chunks = chunks(&ranges);
        while let Some(chunk) = chunks.pop() {
            match self.read_cells(spreadsheet.as_str(), &ranges[chunk.clone()]).await {
                Ok(contents) => {
                    for (&at, holds) in there[chunk].iter().zip(contents) {
                        if let Ok(found) = &mut cells[at].found {
                            found.holds = holds;
                        }
                    }
                }
                // Google refuses all of a request because of one cell: it is looked for. And what
                // is too much at once is not too much by halves.
                Err(trouble) if chunk.len() > 1 && is_of_many(&trouble) => {
                    let middle = chunk.start + chunk.len() / 2;
                    chunks.extend([chunk.start..middle, middle..chunk.end]);
                }
                Err(Trouble::Sheets(SheetsError::BadRequest(text), _)) => {
                    cells[there[chunk.start]].found = Err(cell_refused(&text));
                }
                Err(trouble) => return Err(failure(trouble)),
            }
        }
        Ok(Inspection { cells, clock_ahead })
    }

    async fn read_spreadsheet(
        &self,
        id: &str,
    ) -> Result<(Properties, Option<SignedDuration>), Trouble> {
        let token = self.turn(Budget::Reads).await?;
        let read = self.client().spreadsheet(&token, id).await;
        read.map_err(|error| Trouble::Sheets(error, token))
    }

    async fn read_cells(&self, id: &str, ranges: &[String]) -> Result<Vec<CellHolds>, Trouble> {
        let token = self.turn(Budget::Reads).await?;
        let read = self.client().contents(&token, id, ranges).await;
        read.map_err(|error| Trouble::Sheets(error, token))
    }
}

/// Whether the trouble with many cells may be with one of them, or with their number.
const fn is_of_many(trouble: &Trouble) -> bool {
    use SheetsError::{BadRequest, Http};
    matches!(trouble, Trouble::Sheets(BadRequest(_) | Http(HttpError::TooLarge(_)), _))
}

fn cell_refused(text: &str) -> Failure {
    let remedy = error::cell_remedy(text).to_owned();
    Failure { class: FailureClass::Cell, reason: text.to_owned(), remedy }
}

/// Cells of which it is not known yet what is in them; and which of them are to be looked into,
/// and where that is.
type Located = (Vec<InspectedCell>, Vec<(usize, String)>);

/// The cells of these sheets. Of a named range the first cell is to be looked into: Google would
/// send all of it.
fn located(sheets: &[(SheetIndex, &SheetConfig)], properties: &Properties) -> Located {
    let only = one_tab(sheets.iter().map(|(_, sheet)| *sheet));
    let all = sheets.iter().flat_map(|(index, sheet)| {
        let name = move |cell: &CellRef| sheet.tab.cell_name(cell, only);
        sheet.targets().map(move |(cell, content)| (*index, &sheet.tab, cell, name(cell), content))
    });
    let all: Vec<_> = all.collect();
    let sought =
        all.iter().map(|(_, tab, cell, name, content)| Sought { cell, tab, name, content });
    let mut index = Index::new(properties);
    let places = locate::place(sought, &mut index);
    let (mut cells, mut asked) = (Vec::new(), Vec::new());
    for ((sheet, _, cell, name, content), place) in all.iter().zip(places) {
        let found = place.map(|place| {
            let extent = match cell {
                CellRef::Named(name) => index.extent(name),
                CellRef::Cell { .. } => None,
            };
            let (first, range) = extent.unwrap_or_else(|| (place.clone(), place));
            asked.push((cells.len(), first));
            FoundCell { range, holds: CellHolds::Nothing }
        });
        let namesake = locate::namesake(cell, &index);
        let (cell, content) = (name.clone(), content.clone());
        cells.push(InspectedCell { sheet: *sheet, cell, content, found, namesake });
    }
    (cells, asked)
}

/// Splits ranges into groups that one request each can carry.
fn chunks(ranges: &[String]) -> Vec<Range<usize>> {
    let mut chunks = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, range) in ranges.iter().enumerate() {
        let length = wire::percent_encoded(range).len() + "&ranges=".len();
        if at > start && (at - start >= CHUNK_CELLS || bytes + length > CHUNK_BYTES) {
            chunks.push(start..at);
            (start, bytes) = (at, 0);
        }
        bytes += length;
    }
    if start < ranges.len() {
        chunks.push(start..ranges.len());
    }
    chunks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_hold_every_range_once_and_keep_to_their_limits() {
        for (count, range, expected) in [
            (0, "'S'!A1", 0),
            (1, "'S'!A1", 1),
            (100, "'S'!A1", 1),
            (101, "'S'!A1", 2),
            (100, "'Übersicht der Kurse'!A1", 2),
            (3, &"ü".repeat(1_000), 3),
        ] {
            let ranges = vec![range.to_owned(); count];
            let chunks = chunks(&ranges);
            assert_eq!(chunks.len(), expected, "{count} of {range}");
            let all: Vec<usize> = chunks.iter().cloned().flatten().collect();
            assert_eq!(all, (0..count).collect::<Vec<_>>());
        }
    }
}
