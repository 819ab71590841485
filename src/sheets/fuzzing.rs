//! What must hold of anything that calls itself Google's answer, and of whatever somebody takes
//! for a cell, a spreadsheet or a key. Touches: nothing.

use super::{
    SpreadsheetId, a1::CellRef, error::SheetsError, key::ServiceAccountKey, reading, wire,
};
use crate::{fuzzing::assert_printable, http::Answer};

pub use super::plan::fuzzing::plan;

/// Whatever Google answers, it is sorted, and told in one printable line; of two bytes the first
/// two are the status.
pub fn sheets_answer(bytes: &[u8]) {
    let (status, body) = match bytes {
        [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]) % 600, body),
        _ => (200, bytes),
    };
    let answer = Answer::json(status, body);
    let error = SheetsError::from_answer(&answer);
    let failure = error.failure("https://sheets.googleapis.com", "bot@x.example", "15Cc");
    assert_printable(&failure.to_string());
    wire::updated_cells(&answer);
    if let Some(found) = wire::properties(&answer) {
        let cell = CellRef::parse("B7").expect("it is a cell");
        if let Err((text, remedy)) =
            super::locate::range(&cell, &super::Tab::Title("Sheet 1".into()), &found)
        {
            assert_printable(&text);
            assert_printable(&remedy);
        }
    }
    for asked in 0..3 {
        let found = wire::contents(&answer, asked);
        assert!(found.is_none_or(|found| found.len() == asked));
    }
}

/// A cell is read as it is printed, and goes to Google in a form that is one cell and no formula.
pub fn cell(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(cell) = reading::cell(text) else { return };
    assert_eq!(CellRef::parse(&cell.to_string()).as_ref(), Ok(&cell), "{text}");
    let range = cell.range("It's");
    assert!(!range.contains(char::is_control), "{range:?}");
    let place = range.rsplit_once('!').map_or(range.as_str(), |(_, place)| place);
    assert!(place.chars().all(|c| c.is_alphanumeric() || c == '_'), "{range:?}");
    // The quotes around a title close where the title ends.
    if let Some((tab, _)) = range.rsplit_once('!') {
        let inner = tab.strip_prefix('\'').and_then(|tab| tab.strip_suffix('\''));
        let inner = inner.expect("a title is always sent in quotes");
        assert!(!inner.replace("''", "").contains('\''), "{range:?}");
    }
}

/// What is taken for a spreadsheet cannot break out of the URL that it becomes part of.
pub fn spreadsheet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((id, tab)) = reading::sheet(text) else { return };
    let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    assert!(id.as_str().bytes().all(safe) && id.as_str().len() >= 20, "{id}");
    assert_eq!(SpreadsheetId::parse(id.as_str()), Some(id));
    assert_printable(&tab.to_string());
}

/// A key of `data` is read, and reads the same when it is put together again.
pub fn source(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((pair, field)) = reading::source(text) else { return };
    let again = format!("kraken:{pair}:{}", field.name());
    assert_eq!(reading::source(&again).ok(), Some((pair, field)), "{text}");
}

/// A key is read, or one short printable line says why not: none that could hold a key.
pub fn key(bytes: &[u8]) {
    match ServiceAccountKey::from_json(bytes) {
        Ok(key) => assert!(key.client_email().is_ascii()),
        Err(why) => {
            let told = why.to_string();
            assert_printable(&told);
            assert!(!told.contains('\n') && told.chars().count() < 600, "{told}");
        }
    }
}
