//! What a `problem` cell says: one sentence of a fixed alphabet.
//! Pure: no I/O, no clock, no randomness.

use super::CellRef;
use crate::messages::Failure;

/// How a cell of the sheet stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) cell: &'a CellRef,
    /// Whether it shows a field of a quote.
    pub(super) is_quote: bool,
    /// Why it stands still, if it does.
    pub(super) failure: Option<&'a Failure>,
}

/// What is wrong with a sheet: the first failing cell, why, and what to do; nothing while all is
/// well.
pub(super) fn text(cells: &[Standing<'_>]) -> String {
    let failing: Vec<(&CellRef, &Failure)> =
        cells.iter().filter_map(|standing| Some((standing.cell, standing.failure?))).collect();
    let Some((first, failure)) = failing.first() else { return String::new() };
    let mut quotes = cells.iter().filter(|standing| standing.is_quote);
    let all = failing.len() > 1 && quotes.all(|standing| standing.failure == Some(failure));
    let whose = if all { "All cells".to_owned() } else { format!("Cell {first}") };
    let others = match failing.len() - 1 {
        0 => String::new(),
        _ if all => String::new(),
        1 => " One other cell fails too.".to_owned(),
        more => format!(" {more} other cells fail too."),
    };
    let reason = &failure.reason;
    let remedy =
        if failure.remedy.is_empty() { String::new() } else { format!(" {}.", failure.remedy) };
    plain(&format!("{whose}: {reason}.{remedy}{others}"))
}

/// Everything but letters, digits, blanks and a few marks becomes a question mark.
fn plain(text: &str) -> String {
    /// Google takes 50,000; nobody reads as many.
    const LONGEST: usize = 500;
    let allowed = |c: char| c.is_ascii_alphanumeric() || " .,:;'!?/()-_%&$".contains(c);
    text.chars().take(LONGEST).map(|c| if allowed(c) { c } else { '?' }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messages::FailureClass;

    #[test]
    fn all_cells_are_all_that_show_a_quote() {
        let cells = ["A1", "A2", "D1"].map(|cell| CellRef::parse(cell).unwrap());
        let whose = |failing: [Option<&str>; 3]| {
            let failing = failing.map(|why| Some(Failure::new(FailureClass::Transient, why?, "")));
            let standing = [0, 1, 2].map(|at| {
                let failure = failing[at].as_ref();
                Standing { cell: &cells[at], is_quote: at < 2, failure }
            });
            text(&standing)
        };
        let (one, other) = (Some("trouble"), Some("no bid"));
        for (failing, told) in [
            ([None, None, None], ""),
            ([one, one, None], "All cells: trouble."),
            ([one, one, one], "All cells: trouble."),
            ([one, None, one], "Cell A1: trouble. One other cell fails too."),
            ([one, other, one], "Cell A1: trouble. 2 other cells fail too."),
            ([None, None, one], "Cell D1: trouble."),
        ] {
            assert_eq!(whose(failing), told, "{failing:?}");
        }
    }

    #[test]
    fn no_foreign_character_gets_into_a_problem() {
        let text = plain("=IMPORTXML(\"http://x\")\u{1b}[2J\n<script>@+ä");
        assert_eq!(text, "?IMPORTXML(?http://x?)??2J??script????");
        assert_eq!(plain(&"x".repeat(100_000)).len(), 500);
    }
}
