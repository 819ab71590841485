//! From bytes to a text with lines and columns; what is no such text is named.
//! Pure: no I/O, no clock, no randomness.

use super::problem::{ConfigProblem, Place, has_secrets, push_escaped};

/// The longest configuration: some fifty thousand cells fit.
pub(crate) const MOST_BYTES: usize = 1024 * 1024;

/// How wide a snippet is at the most, in columns.
const SNIPPET_COLUMNS: usize = 80;

/// A text and where its lines begin.
#[derive(Debug)]
pub(super) struct Source<'a> {
    pub(super) text: &'a str,
    lines: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let breaks = text.bytes().enumerate().filter(|&(_, b)| b == b'\n').map(|(at, _)| at + 1);
        Self { text, lines: std::iter::once(0).chain(breaks).collect() }
    }

    /// Line and column of an offset, both from 1, the column in characters.
    pub(super) fn position(&self, offset: usize) -> (usize, usize) {
        let offset = self.boundary(offset);
        let line = self.lines.partition_point(|&start| start <= offset).max(1);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        (line, self.text[start..offset].chars().count() + 1)
    }

    pub(super) fn place(&self, offset: usize) -> Place {
        let (line, column) = self.position(offset);
        Place::Text { offset, line, column }
    }

    /// The line of an offset with a caret below it, if nothing secret is near.
    pub(super) fn snippet(&self, offset: usize) -> Option<String> {
        let offset = self.boundary(offset);
        let (line, _) = self.position(offset);
        let start = self.lines.get(line - 1).copied().unwrap_or(0);
        let rest = &self.text[start..];
        let whole = rest.split('\n').next().unwrap_or(rest).trim_end_matches('\r');
        if has_secrets(self.text) {
            return None;
        }
        let gutter = format!("  {line} | ");
        let room = SNIPPET_COLUMNS.saturating_sub(gutter.len() + 2);
        let (shown, caret) = window(whole, offset - start, room);
        let margin = " ".repeat(gutter.len() - 2);
        Some(format!("{gutter}{shown}\n{margin}| {}^", " ".repeat(caret)))
    }

    /// The character boundary at an offset or before it.
    fn boundary(&self, offset: usize) -> usize {
        let mut at = offset.min(self.text.len());
        while !self.text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

/// The part of a line around byte `at` that fits `room` columns, escaped, and the column of `at`
/// in it.
fn window(line: &str, at: usize, room: usize) -> (String, usize) {
    let mut before = Vec::new();
    let mut used = 0;
    for c in line[..at.min(line.len())].chars().rev() {
        let piece = piece(c);
        if used + width(&piece) > room * 2 / 3 {
            before.push("…".to_owned());
            used += 1;
            break;
        }
        used += width(&piece);
        before.push(piece);
    }
    let mut out: String = before.iter().rev().map(String::as_str).collect();
    let caret = used;
    for c in line[at.min(line.len())..].chars() {
        let piece = piece(c);
        if used + width(&piece) + 1 > room {
            out.push('…');
            break;
        }
        used += width(&piece);
        out.push_str(&piece);
    }
    (out.trim_end().to_owned(), caret)
}

fn piece(c: char) -> String {
    let mut out = String::new();
    if c == '\t' {
        out.push(' ');
    } else {
        push_escaped(&mut out, c);
    }
    out
}

/// How many columns a piece takes on a screen: beyond the scripts of the West, two are assumed.
fn width(piece: &str) -> usize {
    piece.chars().map(|c| if u32::from(c) < 0x1100 || c == '…' { 1 } else { 2 }).sum()
}

/// Reads the bytes of a configuration as text.
pub(super) fn decode(bytes: &[u8]) -> Result<&str, Box<ConfigProblem>> {
    if bytes.len() > MOST_BYTES {
        let message = "larger than 1 MiB, which no configuration needs";
        return Err(ConfigProblem::whole(message, None).into());
    }
    if bytes.starts_with(b"\xEF\xBB\xBF") {
        let message = "the file starts with a byte-order mark; expected plain UTF-8";
        return Err(at(1, 1, 0, message, "save it as \"UTF-8 without BOM\""));
    }
    let utf16 = bytes.starts_with(b"\xFF\xFE")
        || bytes.starts_with(b"\xFE\xFF")
        || matches!(bytes, [0, 1..=127, 0, ..] | [1..=127, 0, _, 0, ..]);
    if utf16 {
        let message = "the file looks like UTF-16; expected UTF-8";
        return Err(at(1, 1, 0, message, "save it as \"UTF-8 without BOM\""));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| invalid(bytes, error.valid_up_to()))?;
    if let Some(offset) = text.find('\0') {
        let (line, column) = Source::new(text).position(offset);
        let message = "found a NUL byte; expected text";
        return Err(at(
            line,
            column,
            offset,
            message,
            "this is perhaps not the file that is meant",
        ));
    }
    if text.trim().is_empty() {
        let message = "the file is empty; expected a JSON object with a configuration";
        let help = "`ratesheet init` writes a first configuration";
        return Err(ConfigProblem::whole(message, Some(help.into())).into());
    }
    foreign_format(text).map_or(Ok(text), |format| {
        let message = format!("expected JSON; this looks like {format}");
        let help = "the configuration is a JSON object: { \"sheet\": \"…\", \"timeout\": 5000, … }";
        let first = text.len() - text.trim_start().len();
        let (line, column) = Source::new(text).position(first);
        Err(at(line, column, first, &message, help))
    })
}

fn invalid(bytes: &[u8], offset: usize) -> Box<ConfigProblem> {
    let valid = std::str::from_utf8(&bytes[..offset]).unwrap_or_default();
    let (line, column) = Source::new(valid).position(offset);
    let byte = bytes.get(offset).copied().unwrap_or_default();
    let message = format!("found the byte 0x{byte:02x} at offset {offset}, which is no UTF-8");
    at(line, column, offset, &message, "save the file as UTF-8")
}

fn at(line: usize, column: usize, offset: usize, message: &str, help: &str) -> Box<ConfigProblem> {
    let place = Place::Text { offset, line, column };
    let whole = ConfigProblem::whole(message, Some(help.to_owned()));
    Box::new(ConfigProblem { place, ..whole })
}

/// The format of a text that is no JSON, as far as its first line with content tells.
fn foreign_format(text: &str) -> Option<&'static str> {
    let line =
        text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'))?;
    let name = |text: &str| {
        let text = text.trim();
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.chars().all(plain)
    };
    let table = line.strip_prefix('[').and_then(|rest| rest.trim_end_matches(']').into());
    match line {
        "---" => Some("YAML"),
        _ if line.starts_with("-----BEGIN") => Some("a PEM file"),
        _ if line.starts_with('<') => Some("HTML or XML"),
        _ if line.split_once('=').is_some_and(|(key, _)| name(key)) => Some("TOML"),
        _ if line.ends_with(']') && table.is_some_and(name) => Some("TOML"),
        _ if line.split_once(':').is_some_and(|(key, _)| name(key)) => Some("YAML"),
        _ if line.starts_with("- ") => Some("YAML"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters_and_lines() {
        let source = Source::new("{\r\n  \"🌵é\": 5\n}");
        for (needle, position) in [("{", (1, 1)), ("\"🌵", (2, 3)), ("5", (2, 9)), ("}", (3, 1))]
        {
            assert_eq!(source.position(source.text.find(needle).unwrap()), position, "{needle}");
        }
        assert_eq!(source.position(usize::MAX), (3, 2));
    }

    #[test]
    fn a_snippet_is_clipped_and_points_at_the_place() {
        let line = format!("[{}!{}]", "é1,".repeat(4_000), "\u{1b}[2J".repeat(4_000));
        let source = Source::new(&line);
        let snippet = source.snippet(line.find('!').unwrap()).unwrap();
        let (text, caret) = snippet.split_once('\n').unwrap();
        assert!(text.chars().count() <= 80, "{text}");
        assert!(!snippet.contains('\u{1b}'));
        assert_eq!(text.chars().nth(caret.chars().count() - 1), Some('!'));
        assert_eq!(Source::new("\t{,}").snippet(2).unwrap(), "  1 |  {,}\n    |   ^");
        assert_eq!(Source::new("").snippet(9).unwrap(), "  1 | \n    | ^");
    }

    #[test]
    fn what_is_no_json_text_is_named() {
        for (bytes, words) in [
            (&b""[..], "empty"),
            (b" \n\t", "empty"),
            (b"\xEF\xBB\xBF{}", "byte-order mark"),
            (b"\xFF\xFE{\0}\0", "UTF-16"),
            (b"\0{\0}", "UTF-16"),
            (b"{\0}\0", "UTF-16"),
            (b"{\n \xFF}", "byte 0xff at offset 3"),
            (b"{\n \0}", "NUL"),
            (b"# c\nsheet: x\ntimeout: 5", "YAML"),
            (b"---\nsheet: x", "YAML"),
            (b"sheet = \"x\"", "TOML"),
            (b"[kraken]\nurl = 5", "TOML"),
            (b"<html>", "HTML"),
        ] {
            let problem = decode(bytes).unwrap_err();
            assert!(problem.message().contains(words), "{}", problem.message());
        }
        assert_eq!(decode(b"{\n \xFF}").unwrap_err().position(), Some((2, 2)));
        assert!(decode(&[b' '; MOST_BYTES + 1]).unwrap_err().message().contains("1 MiB"));
        for text in ["{}", "[1]", "5", "[]", "\"a\"", "// c\n{}"] {
            assert!(decode(text.as_bytes()).is_ok(), "{text}");
        }
    }
}
