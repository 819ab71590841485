//! What is wrong with a configuration, and how it is printed.
//! Pure: no I/O, no clock, no randomness.

use std::{fmt, time::Duration};

use super::{
    scalar::{DurationRange, Refusal, span},
    secret::secret_in,
    url,
};

/// The most problems that are printed; of the others only the number.
const MOST_PRINTED: usize = 50;

/// The most problems that are kept. A file with more has one cause for them all.
const MOST_KEPT: usize = 1_000;

/// The longest piece of foreign text that is shown, in characters.
const LONGEST_SHOWN: usize = 48;

/// Where a problem is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    /// In the text, from 1.
    Text { offset: usize, line: usize, column: usize },
    /// The text as a whole.
    Whole,
    /// Not in the text, but in this variable or flag.
    Origin(String),
    /// In the host's code.
    Code,
}

/// One thing that is wrong with a configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigProblem {
    pub(super) place: Place,
    pub(super) path: String,
    pub(super) message: String,
    pub(super) help: Option<String>,
    pub(super) snippet: Option<String>,
}

impl ConfigProblem {
    /// A problem of the text as a whole.
    pub(super) fn whole(message: impl Into<String>, help: Option<String>) -> Self {
        Self {
            place: Place::Whole,
            path: String::new(),
            message: message.into(),
            help,
            snippet: None,
        }
    }

    /// A problem of a configuration that was built in code.
    pub(crate) fn in_code(path: impl Into<String>, refusal: Refusal) -> Self {
        let (message, help) = refusal.words();
        Self { place: Place::Code, path: path.into(), message, help, snippet: None }
    }

    /// The line and the column in the configuration's text, both from 1, if it is there.
    pub fn position(&self) -> Option<(usize, usize)> {
        match self.place {
            Place::Text { line, column, .. } => Some((line, column)),
            _ => None,
        }
    }

    /// The variable or the flag that it is in, if it is not in the text.
    pub fn origin(&self) -> Option<&str> {
        match &self.place {
            Place::Origin(origin) => Some(origin),
            _ => None,
        }
    }

    /// What it concerns, such as `$.data["kraken:xbteur:sell"][1]`; empty if the whole text.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What was found and what is expected.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What to do about it, if that can be said.
    pub fn help(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// The order in which problems are told: by position, and what has none last.
    fn order(&self) -> (u8, usize) {
        match self.place {
            Place::Whole => (0, 0),
            Place::Text { offset, .. } => (1, offset),
            Place::Origin(_) => (2, 0),
            Place::Code => (3, 0),
        }
    }

    fn print(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.place {
            Place::Text { line, column, .. } => write!(f, "{name}:{line}:{column}: error")?,
            Place::Whole => write!(f, "{name}: error")?,
            Place::Origin(origin) => write!(f, "{origin}: error")?,
            Place::Code => f.write_str("error")?,
        }
        if !self.path.is_empty() {
            write!(f, " at {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        if let Some(snippet) = &self.snippet {
            write!(f, "\n{snippet}")?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help: {help}")?;
        }
        Ok(())
    }
}

/// Everything that is wrong with a configuration.
///
/// It prints one block for each problem, the first fifty of them, in the order of the text:
///
/// ```text
/// ratesheet.json:3:3: error at $.timout: found an unknown key; expected …
///   help: did you mean "timeout"?
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    name: String,
    problems: Vec<ConfigProblem>,
    more: usize,
}

impl ConfigError {
    /// The problems, in the order of the text.
    pub fn problems(&self) -> &[ConfigProblem] {
        &self.problems
    }

    /// How many problems there are in all.
    pub fn count(&self) -> usize {
        self.problems.len() + self.more
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().take(MOST_PRINTED).enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            problem.print(&self.name, f)?;
        }
        match self.count().saturating_sub(MOST_PRINTED) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Collects problems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Mistakes {
    problems: Vec<ConfigProblem>,
    more: usize,
}

impl Mistakes {
    /// Notes a problem.
    pub(crate) fn push(&mut self, problem: ConfigProblem) {
        if self.problems.len() < MOST_KEPT {
            self.problems.push(problem);
        } else {
            self.more += 1;
        }
    }

    /// Notes a problem of a configuration that was built in code.
    pub(crate) fn code(&mut self, path: impl Into<String>, refusal: Refusal) {
        self.push(ConfigProblem::in_code(path, refusal));
    }

    /// Notes all of another's problems, each with `prefix` before its path.
    pub(crate) fn adopt(&mut self, prefix: &str, other: &Self) {
        for problem in &other.problems {
            let path = format!("{prefix}{}", problem.path);
            self.push(ConfigProblem { path, ..problem.clone() });
        }
        self.more += other.more;
    }

    /// Whether no more are kept; then one more is counted. Finding out where a problem is takes
    /// time, which nobody should spend on what is not kept.
    pub(super) fn count_if_full(&mut self) -> bool {
        let full = self.problems.len() >= MOST_KEPT;
        self.more += usize::from(full);
        full
    }

    /// Notes a duration that is out of its range.
    pub(crate) fn duration(&mut self, path: &str, value: Duration, range: &DurationRange) {
        if !range.holds(value) {
            self.code(path, Refusal::new(range.to_string()).found(span(value)));
        }
    }

    /// Notes an integer that is out of its range.
    pub(crate) fn integer(&mut self, path: &str, value: u32, range: (u32, u32)) {
        if !(range.0..=range.1).contains(&value) {
            let expected = format!("a whole number from {} to {}", range.0, range.1);
            self.code(path, Refusal::new(expected).found(value.to_string()));
        }
    }

    /// Notes a number that is out of its range, or none.
    pub(crate) fn number(&mut self, path: &str, value: f64, range: (f64, f64)) {
        if !(range.0..=range.1).contains(&value) {
            let expected = format!("a number from {} to {}", range.0, range.1);
            self.code(path, Refusal::new(expected).found(value.to_string()));
        }
    }

    /// Notes a lower bound that is above its upper one.
    pub(crate) fn ordered(&mut self, low: (&str, Duration), high: (&str, Duration)) {
        if low.1 > high.1 {
            let expected = format!("no less than {}, which is {}", low.0, span(low.1));
            self.code(high.0, Refusal::new(expected).found(span(high.1)));
        }
    }

    /// Notes an address of a server that is none.
    pub(crate) fn endpoint(&mut self, path: &str, value: &str) {
        if let Err(refusal) = url::endpoint(value) {
            self.code(path, refusal);
        }
    }

    /// The problems, as an error of the configuration with this name, if there are any.
    pub(crate) fn into_result(self, name: &str) -> Result<(), ConfigError> {
        if self.problems.is_empty() { Ok(()) } else { Err(self.into_error(name)) }
    }

    /// The problems, in order, as an error of the configuration with this name.
    pub(super) fn into_error(mut self, name: &str) -> ConfigError {
        self.problems.sort_by_key(ConfigProblem::order);
        ConfigError { name: escaped(name), problems: self.problems, more: self.more }
    }
}

/// Control characters, and what turns or hides text on a screen, as escapes.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push_escaped(&mut out, c);
    }
    out
}

/// Appends a character, or its escape if it would not show as itself.
pub(super) fn push_escaped(out: &mut String, c: char) {
    match c {
        '\n' => out.push_str("\\n"),
        '\r' => out.push_str("\\r"),
        '\t' => out.push_str("\\t"),
        c if c.is_control() || is_invisible(c) => {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
        c => out.push(c),
    }
}

/// Whether a character turns the direction of text, has no width, or is a strange space.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202f}'
        | '\u{2060}'..='\u{206f}' | '\u{3000}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// Foreign text without quotes: escaped, clipped, and never a secret.
pub(crate) fn clipped(text: &str) -> String {
    if let Some(what) = secret_in(text) {
        return format!("{what} (not shown)");
    }
    let short: String = text.chars().take(LONGEST_SHOWN).collect();
    let cut = if short.len() < text.len() { "…" } else { "" };
    format!("{}{cut}", escaped(&short))
}

/// Foreign text in quotes: escaped, clipped, and never a secret. Of an address no more than its
/// host: what follows may be as good as a password, save a spreadsheet's.
pub(crate) fn shown(text: &str) -> String {
    if let Some(what) = secret_in(text) {
        return format!("{what} (not shown)");
    }
    let public = url::host_of(text);
    let cut = if public.len() < text.len() && !public.ends_with("://docs.google.com") {
        format!("{}/…", public.trim_end_matches('/'))
    } else {
        text.to_owned()
    };
    let text: String = cut
        .chars()
        .take(LONGEST_SHOWN + 1)
        .flat_map(|c| matches!(c, '"' | '\\').then_some('\\').into_iter().chain([c]))
        .collect();
    format!("\"{}\"", clipped(&text))
}

/// Whether a text may have something in it which must not appear anywhere: a secret, or the
/// address of a heartbeat, which is as good as a password, however its section is spelt.
pub(super) fn has_secrets(text: &str) -> bool {
    let addresses = || text.split("://").skip(1);
    secret_in(text).is_some()
        || text.to_ascii_lowercase().contains("beat")
        || addresses().any(|address| !address.starts_with("docs.google.com/"))
}
