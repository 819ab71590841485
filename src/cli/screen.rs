//! How the demo looks: a picture of the sheet that is drawn over and over, or a line for each
//! tick. Pure: no I/O; the time comes in as an argument.

use std::time::Duration;

use ratesheet::Event;

use super::{
    grid::{Grid, Rows},
    news::{Item, Mood, News, SHOWN},
    table::count,
    terminal::{Look, Size},
};

const TITLE: &str = "ratesheet demo";
const CAST: &str = "a stand-in of Kraken, a stand-in of Google, everything else real";

/// Keys, and what each does.
type Keys<'a> = &'a [(&'a str, &'a str)];

/// Shows the sheet, and what happens to it.
#[derive(Debug)]
pub(super) struct Screen {
    look: Look,
    news: News,
    grid: Grid,
    /// The tick and the news that have been printed as lines.
    printed: (u64, usize),
}

impl Screen {
    pub(super) fn new(look: Look) -> Self {
        Self { look, news: News::default(), grid: Grid::default(), printed: (0, 0) }
    }

    /// What comes before anything else.
    pub(super) fn opening(&self) -> String {
        match self.look {
            Look::Picture { .. } => String::new(),
            Look::Lines => format!("{TITLE}: {CAST}\n"),
        }
    }

    /// Takes in an event.
    pub(super) fn hear(&mut self, event: &Event, at: Duration) {
        self.news.hear(event, at);
    }

    /// Takes in what a person does.
    pub(super) fn done(&mut self, text: String, at: Duration) {
        self.news.done(text, at);
    }

    /// As much of the picture as fits, with what the keys do; or the lines that are new.
    pub(super) fn draw(&mut self, rows: Rows, keys: Keys<'_>, size: Size, at: Duration) -> String {
        self.grid.update(rows);
        match self.look {
            Look::Lines => self.new_lines(),
            Look::Picture { .. } => {
                let picture = self.picture(keys, at);
                let fits = picture.iter().take(size.lines);
                // Each line takes the place of the one before it, and what is below is cleared.
                let fits: Vec<_> =
                    fits.map(|line| format!("{}\x1b[K", cut(line, size.columns))).collect();
                format!("\x1b[H{}\x1b[J", fits.join("\n"))
            }
        }
    }

    /// What comes last: the sheet as it was left.
    pub(super) fn closing(&mut self, rows: Rows) -> String {
        self.grid.update(rows);
        let News { writes, cells, .. } = self.news;
        let (cells, writes) = (count(cells, "cell"), count(writes, "write"));
        let sheet = self.grid.plain();
        format!("\nThe sheet, as it was left:\n\n{sheet}\n{cells} in {writes}\n")
    }

    fn new_lines(&mut self) -> String {
        let (tick, told) = self.printed;
        let items = self.news.since(told).map(|item| format!("         {}\n", item.text));
        let mut text: String = items.collect();
        if self.news.tick > tick {
            text.push_str(&format!("tick {:>3}:{}\n", self.news.tick, self.grid.line()));
        }
        self.printed = (self.news.tick, self.news.told);
        text
    }

    fn picture(&self, keys: Keys<'_>, at: Duration) -> Vec<String> {
        let wrong = self.news.wrong(at);
        let mut lines = vec![format!("  {}  {}", self.paint("1", TITLE), self.paint("2", CAST))];
        lines.push(String::new());
        lines.extend(self.grid.lines(wrong.is_some(), |sgr, text| self.paint(sgr, text)));
        lines.push(String::new());
        let kept = wrong.as_ref().map_or("", |_| "  The cells keep their last values.");
        lines.push(self.status(wrong));
        lines.push(self.paint("2", kept));
        lines.push(String::new());
        let items: Vec<_> = self.news.since(0).collect();
        let blank = SHOWN.saturating_sub(items.len());
        lines.extend(items.into_iter().map(|item| self.item(item)));
        lines.extend(std::iter::repeat_n(String::new(), blank + 1));
        let keys = keys
            .iter()
            .map(|(key, does)| format!("{}  {}", self.paint("1", key), self.paint("2", does)));
        lines.push(format!("  {}", keys.collect::<Vec<_>>().join("    ")));
        lines
    }

    /// How far it has come, and what is wrong.
    fn status(&self, wrong: Option<String>) -> String {
        let News { tick, writes, cells, .. } = self.news;
        let state = match wrong {
            Some(wrong) => self.paint("1;31", &format!("● {wrong}")),
            None if tick == 0 => self.paint("2", "● starting"),
            None => self.paint("32", "● all is well"),
        };
        format!("  tick {tick}   {writes} writes   {cells} cells   {state}")
    }

    fn item(&self, item: &Item) -> String {
        let at = format!("{:>5} s", item.at.as_secs());
        let sgr = match item.mood {
            Mood::Good => "32",
            Mood::Bad => "31",
            Mood::Done => "33",
        };
        format!("{}  {}", self.paint("2", &at), self.paint(sgr, &item.text))
    }

    /// A text in a colour or a weight, where there are colours.
    fn paint(&self, sgr: &str, text: &str) -> String {
        match self.look {
            Look::Picture { colours: true } => format!("\x1b[{sgr}m{text}\x1b[0m"),
            _ => text.to_owned(),
        }
    }
}

/// A line without what is beyond the last column. Colours have no width.
fn cut(line: &str, columns: usize) -> String {
    let mut kept = String::new();
    let (mut width, mut colour) = (0, false);
    for c in line.chars() {
        colour |= c == '\x1b';
        if colour || width < columns {
            kept.push(c);
            width += usize::from(!colour);
        }
        colour &= c != 'm';
    }
    kept
}

#[cfg(test)]
mod tests;
