//! What `ratesheet check --online` has found: a table of what was looked at, and footnotes that
//! say what is wrong and what to do about it. Pure: no I/O.

use std::{collections::BTreeSet, time::Duration};

use ratesheet::{Failure, FailureClass};

use super::{
    exit::Exit,
    table::{count, table},
};

/// The most cells that are named one by one.
const MOST_NAMED: usize = 4;

/// What a note means for the service: the gravest comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Weight {
    /// It works, and is perhaps not what is meant.
    Warning,
    /// Some cells will not be written.
    Stops,
    /// The service would not start.
    Config,
    /// A server is not to be had.
    Unavailable,
    /// The credentials are rejected, or cannot be read.
    Credentials,
}

/// Something that a person should know.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) weight: Weight,
    /// What is wrong: a clause without a full stop.
    pub(super) reason: String,
    /// What to do about it: a sentence without a full stop, or nothing.
    pub(super) remedy: String,
}

impl Note {
    pub(super) fn new(weight: Weight, reason: impl Into<String>, remedy: &str) -> Self {
        Self { weight, reason: reason.into(), remedy: remedy.into() }
    }
}

impl From<Failure> for Note {
    fn from(failure: Failure) -> Self {
        let weight = match failure.class {
            FailureClass::Credentials => Weight::Credentials,
            FailureClass::Transient
            | FailureClass::RateLimited
            | FailureClass::Tls
            | FailureClass::NoQuote => Weight::Unavailable,
            _ => Weight::Stops,
        };
        Self { weight, reason: failure.reason, remedy: failure.remedy }
    }
}

/// Everything that was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    rows: Vec<[String; 2]>,
    notes: Vec<Note>,
    /// The cells that will not be written: the sheet's position and the cell.
    lost: BTreeSet<(usize, String)>,
}

impl Findings {
    /// Something was looked at.
    pub(super) fn row(&mut self, what: &str, mut result: String, notes: Vec<Note>) {
        for note in notes {
            self.notes.push(note);
            let comma = if result.ends_with(']') { "" } else { "," };
            result.push_str(&format!("{comma} see [{}]", self.notes.len()));
        }
        self.rows.push([what.to_owned(), result]);
    }

    /// A cell of a sheet will not be written.
    pub(super) fn lose(&mut self, sheet: usize, cell: &str) {
        self.lost.insert((sheet, cell.to_owned()));
    }

    /// How the command ends.
    pub(super) fn exit(&self) -> Exit {
        match self.notes.iter().map(|note| note.weight).max() {
            None | Some(Weight::Warning) => Exit::Done,
            Some(Weight::Stops) => Exit::Incomplete,
            Some(Weight::Config) => Exit::Config,
            Some(Weight::Unavailable) => Exit::Unavailable,
            Some(Weight::Credentials) => Exit::Credentials,
        }
    }

    /// The table, the footnotes, and a summary, where there are so many cells in all.
    pub(super) fn text(&self, cells: usize) -> String {
        let heads = ["CHECKED", "RESULT"].map(str::to_owned);
        let rows: Vec<_> = std::iter::once(heads).chain(self.rows.iter().cloned()).collect();
        let mut text = format!("\n{}", table(&rows));
        for (number, note) in (1..).zip(&self.notes) {
            let kind = if note.weight == Weight::Warning { "Warning: " } else { "" };
            text.push_str(&format!("\n[{number}] {kind}{}.\n", note.reason));
            if !note.remedy.is_empty() {
                text.push_str(&format!("    {}.\n", note.remedy));
            }
        }
        text.push_str(&format!("\nNothing was written. {}\n", self.summary(cells)));
        text
    }

    fn summary(&self, cells: usize) -> String {
        let unknown = self.notes.iter().any(|note| note.weight > Weight::Stops);
        match self.lost.len() {
            0 if unknown => "Not everything could be looked at.".into(),
            0 if cells == 0 => "There is nothing to write.".into(),
            0 => format!(
                "Nothing was found in the way of {}.\nWhether the account may write, too, only a \
                 write shows: `ratesheet once`.",
                if cells == 1 { "the cell".into() } else { format!("the {cells} cells") }
            ),
            lost if unknown => {
                format!(
                    "As it stands, {lost} of {} will not be; not everything could be looked at.",
                    count(cells, "cell")
                )
            }
            lost => format!("As it stands, {lost} of {} will not be.", count(cells, "cell")),
        }
    }
}

/// Cells in a sentence: all of them if they are few.
pub(super) fn listed(cells: &[String]) -> String {
    match cells {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] if cells.len() <= MOST_NAMED => format!("{} and {last}", all.join(", ")),
        _ => {
            let named: Vec<_> = cells.iter().take(MOST_NAMED - 1).map(String::as_str).collect();
            format!("{} and {} more", named.join(", "), cells.len() - named.len())
        }
    }
}

/// A time difference in words, roughly.
pub(super) fn roughly(span: Duration) -> String {
    let seconds = span.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gravest_note_decides_how_it_ends() {
        let mut findings = Findings::default();
        assert_eq!(findings.exit(), Exit::Done);
        for (weight, exit) in [
            (Weight::Warning, Exit::Done),
            (Weight::Stops, Exit::Incomplete),
            (Weight::Config, Exit::Config),
            (Weight::Unavailable, Exit::Unavailable),
            (Weight::Credentials, Exit::Credentials),
            (Weight::Warning, Exit::Credentials),
        ] {
            findings.row("x", "y".into(), vec![Note::new(weight, "a", "B")]);
            assert_eq!(findings.exit(), exit, "{weight:?}");
        }
    }

    #[test]
    fn footnotes_are_numbered_and_say_what_to_do() {
        let mut findings = Findings::default();
        findings.row("Kraken", "2 pairs".into(), Vec::new());
        let notes = vec![
            Note::new(Weight::Stops, "it is full", "Empty it"),
            Note::new(Weight::Warning, "it is heavy", ""),
        ];
        findings.row("Sheet", "1 of 3 cells".into(), notes);
        findings.lose(0, "A1");
        findings.lose(0, "A1");
        let expected = "
  CHECKED  RESULT
  Kraken   2 pairs
  Sheet    1 of 3 cells, see [1] see [2]

[1] it is full.
    Empty it.

[2] Warning: it is heavy.

Nothing was written. As it stands, 1 of 3 cells will not be.
";
        assert_eq!(findings.text(3), expected);
    }

    #[test]
    fn cells_and_times_are_told_in_words() {
        let cells: Vec<String> = (1..=6).map(|row| format!("A{row}")).collect();
        let told: Vec<_> = [0, 1, 2, 4, 5, 6].map(|n| listed(&cells[..n])).into();
        let expected = [
            "",
            "A1",
            "A1 and A2",
            "A1, A2, A3 and A4",
            "A1, A2, A3 and 2 more",
            "A1, A2, A3 and 3 more",
        ];
        assert_eq!(told, expected);
        let told = [5, 119, 150, 7_300, 200_000].map(|s| roughly(Duration::from_secs(s)));
        assert_eq!(told, ["5 s", "119 s", "2 min", "2 h", "2 days"]);
    }
}
