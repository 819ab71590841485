//! `ratesheet fields`: what of a quote can go into a cell, and what it means.
//! Touches: standard output.

use ratesheet::QuoteField;

use super::{exit::Exit, table::table, tell};

/// Lists the fields.
pub(super) fn fields() -> Exit {
    tell(&text(), Exit::Done)
}

fn text() -> String {
    let header = ["FIELD", "WHAT IS IN THE CELL"].map(str::to_owned);
    let fields =
        QuoteField::ALL.iter().map(|field| [field.to_string(), field.meaning().to_owned()]);
    let rows: Vec<_> = std::iter::once(header).chain(fields).collect();
    format!(
        "{}\n\
         A key of \"data\" is exchange:pair:field, such as \"kraken:xbteur:sell\"; the pairs are \
         listed by\n`ratesheet pairs`. Every field is written as a number. Beside \"data\", \
         \"updated\" is the cell that\nshows when the sheet's oldest price was asked for, and \
         \"problem\" the one that says what is\nwrong, or is empty.\n",
        table(&rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_and_says_which_side_of_the_book_it_is() {
        let text = text();
        let lines: Vec<_> = text.lines().skip(1).collect();
        for (field, line) in QuoteField::ALL.iter().zip(lines) {
            assert!(line.starts_with(&format!("  {field} ")), "{line}");
            assert!(line.ends_with(field.meaning()), "{line}");
        }
        assert!(text.contains("  sell (best bid)  what you get: the best bid\n"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    }
}
