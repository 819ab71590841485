//! The picture in the README is one of the demo: taken off a real terminal after an outage and a
//! crash. `RATESHEET_REWRITE=1 cargo test --test it picture` takes it anew.

use std::{fmt::Write as _, fs, path::Path};

use regex_lite::Regex;
use vt100::{Cell, Color, Screen};

use crate::tty::{SIZE, Tty};

const FILE: &str = "docs/demo.svg";

/// The place of a character in the picture, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 19.0;
/// The margin, with a bar above it.
const MARGIN: f64 = 16.0;
const BAR: f64 = 30.0;

const FONT: &str = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace";

#[test]
fn the_picture_in_the_readme_is_one_of_this_demo() {
    let new = picture(&screen());
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("RATESHEET_REWRITE").is_some() {
        fs::write(&path, &new).unwrap();
    }
    let old = fs::read_to_string(&path).unwrap();
    assert_eq!(shape(&old), shape(&new), "{FILE} is of another demo: take it anew");
    assert!(old.len() < 30_000, "{} bytes", old.len());
}

/// A demo that has seen something, while prices go up and down.
fn screen() -> Screen {
    let tty = Tty::start(&["demo", "--every", "300"], &[("TERM", "xterm-256color")]);
    tty.shows("● all is well");
    tty.press("k");
    let seconds = Regex::new("● Kraken in trouble for ([0-9]+) s").unwrap();
    tty.until("an outage of some seconds", |screen| {
        let text = screen.contents();
        let lasted: u32 = seconds.captures(&text)?.get(1)?.as_str().parse().ok()?;
        (lasted >= 4).then_some(())
    });
    for (key, then) in [("k", "Kraken answers again"), ("c", "KrakenActor is at work again")] {
        tty.press(key);
        tty.shows(then);
    }
    tty.until("prices that went up and down", |screen| {
        let text = screen.contents();
        let moved = text.matches('▲').count() > 3 && text.matches('▼').count() > 3;
        (moved && text.contains("● all is well")).then(|| screen.clone())
    })
}

/// The picture of a screen.
fn picture(screen: &Screen) -> String {
    let rows: Vec<_> = (0..SIZE.0).map(|row| runs(screen, row)).collect();
    let used = rows.iter().rposition(|runs| !runs.is_empty()).map_or(0, |last| last + 1);
    let columns = rows.iter().flatten().map(Run::end).max().unwrap_or_default() + 2;
    let width = f64::from(columns) * WIDTH + 2.0 * MARGIN;
    let height = f64::from(u16::try_from(used).unwrap()) * HEIGHT + 2.0 * MARGIN + BAR;
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"{FONT}\" font-size=\"14\" fill=\"#d6dde6\">\n\
         <title>ratesheet demo</title>\n\
         <rect width=\"100%\" height=\"100%\" rx=\"9\" fill=\"#12161c\"/>\n\
         <rect width=\"100%\" height=\"{BAR}\" rx=\"9\" fill=\"#232a33\"/>\n"
    );
    for (x, colour) in [(20, "#ff5f57"), (40, "#febc2e"), (60, "#28c840")] {
        writeln!(svg, "<circle cx=\"{x}\" cy=\"15\" r=\"6\" fill=\"{colour}\"/>").unwrap();
    }
    for (row, runs) in (1_u16..).zip(&rows[..used]) {
        let y = BAR + MARGIN + f64::from(row) * HEIGHT - 5.0;
        let text: String = runs.iter().map(Run::svg).collect();
        if !text.is_empty() {
            writeln!(svg, "<text y=\"{y:.0}\">{text}</text>").unwrap();
        }
    }
    svg + "</svg>\n"
}

/// Characters beside each other that look the same.
struct Run {
    column: u16,
    style: String,
    text: String,
}

impl Run {
    fn end(&self) -> u16 {
        self.column + u16::try_from(self.text.chars().count()).unwrap()
    }

    /// Each run has its place, whatever font it is shown in.
    fn svg(&self) -> String {
        let Self { column, style, text } = self;
        let x = MARGIN + f64::from(*column) * WIDTH;
        let length = f64::from(self.end() - column) * WIDTH;
        let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        format!("<tspan x=\"{x:.1}\" textLength=\"{length:.1}\"{style}>{text}</tspan>")
    }
}

/// The runs of a row. Two blanks end one.
fn runs(screen: &Screen, row: u16) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    let mut blanks = 2;
    for column in 0..SIZE.1 {
        let cell = screen.cell(row, column).unwrap();
        if cell.contents().trim().is_empty() {
            blanks += 1;
            continue;
        }
        let style = style(cell);
        match runs.last_mut() {
            Some(run) if blanks < 2 && run.style == style => {
                run.text.push_str(&" ".repeat(blanks));
                run.text.push_str(cell.contents());
            }
            _ => runs.push(Run { column, style, text: cell.contents().into() }),
        }
        blanks = 0;
    }
    runs
}

fn style(cell: &Cell) -> String {
    let colour = match cell.fgcolor() {
        Color::Idx(1) => " fill=\"#ff7b72\"",
        Color::Idx(2) => " fill=\"#4cc763\"",
        Color::Idx(3) => " fill=\"#e3b341\"",
        _ if cell.dim() => " fill=\"#8b949e\"",
        _ => "",
    };
    format!("{colour}{}", if cell.bold() { " font-weight=\"bold\"" } else { "" })
}

/// What a picture says, without what is different each time: numbers, and which way they went.
fn shape(svg: &str) -> Vec<String> {
    let tag = Regex::new("<[^>]*>").unwrap();
    let number = Regex::new("[-0-9.]*[0-9]").unwrap();
    let lines = svg.lines().filter(|line| line.starts_with("<text")).map(|line| {
        let text = number.replace_all(&tag.replace_all(line, " "), "9").into_owned();
        let text = text.replace(['▲', '▼'], " ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    });
    lines.collect()
}
