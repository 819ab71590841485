//! The reading of a part of the configuration, by key, without ever stopping at a mistake.
//! Pure: no I/O, no clock, no randomness.

use std::{path::PathBuf, time::Duration};

use super::{
    Member,
    problem::shown,
    reader::{Found, Overlay, Reader, Spot, child, duplicates},
    scalar::{self, DurationRange, Raw, Refusal},
    secret::secret_in,
    url,
};
use crate::suggest::did_you_mean;

/// The longest path of a file, in bytes. What is longer is perhaps a key, and must not be shown.
const LONGEST_PATH: usize = 1_024;

/// An object of the configuration, from which values are taken by key. At its end, the keys that
/// nobody has asked for are noted.
#[derive(Debug)]
pub(crate) struct Section<'a> {
    reader: &'a Reader<'a>,
    spot: Spot<'a>,
    members: &'a [Member<'a>],
    path: String,
    overlay: Option<String>,
    known: Vec<&'static str>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        reader: &'a Reader<'a>,
        spot: Spot<'a>,
        members: &'a [Member<'a>],
        path: String,
        overlay: Option<String>,
    ) -> Self {
        Self { reader, spot, members, path, overlay, known: Vec::new() }
    }

    /// The value of a key in the file.
    pub(crate) fn in_file(&mut self, key: &'static str) -> Option<Found<'a>> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        let member = self.members.iter().find(|member| member.key == key)?;
        Some(Found {
            reader: self.reader,
            raw: Raw::from(&member.node.value),
            spot: Spot::At(member.node.at),
            path: child(&self.path, key),
        })
    }

    /// The values of a key in variables and flags.
    fn outside(&self, key: &'static str) -> Vec<Found<'a>> {
        let Some(prefix) = &self.overlay else { return Vec::new() };
        let found = |overlay: &'a Overlay| Found {
            reader: self.reader,
            raw: Raw::Outside(&overlay.text),
            spot: Spot::Origin(&overlay.origin),
            path: child(&self.path, key),
        };
        self.reader.overlays_at(&format!("{prefix}{key}")).into_iter().map(found).collect()
    }

    /// The values of a key, the one that counts last.
    pub(crate) fn values(&mut self, key: &'static str) -> Vec<Found<'a>> {
        let mut values: Vec<_> = self.in_file(key).into_iter().collect();
        values.extend(self.outside(key));
        values
    }

    /// Reads the value of a key, wherever it is said; every layer of it is read, and the last
    /// that is well formed counts.
    pub(crate) fn read<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(Raw<'a>) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.values(key).iter().filter_map(|found| found.read(&parse)).reduce(|_, last| last)
    }

    /// As [`read`](Self::read), of what may be `null` for none.
    pub(crate) fn read_optional<T>(
        &mut self,
        key: &'static str,
        parse: impl Fn(Raw<'a>) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.read(key, |raw| match raw {
            Raw::Null => Ok(None),
            raw => parse(raw).map(Some),
        })
        .flatten()
    }

    /// Reads a duration.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        range: &DurationRange,
    ) -> Option<Duration> {
        self.read(key, |raw| scalar::duration(raw, range))
    }

    /// Reads an integer from one number to another.
    pub(crate) fn integer(&mut self, key: &'static str, range: (u32, u32)) -> Option<u32> {
        self.read(key, |raw| scalar::integer(raw, range))
    }

    /// Reads a number from one to another.
    pub(crate) fn number(&mut self, key: &'static str, range: (f64, f64)) -> Option<f64> {
        self.read(key, |raw| scalar::number(raw, range))
    }

    /// Reads one of several names.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        self.read(key, |raw| scalar::choice(raw, choices))
    }

    /// Reads where a server is.
    pub(crate) fn endpoint(&mut self, key: &'static str) -> Option<String> {
        let expected = "an address such as \"https://api.example.com\"";
        self.read(key, |raw| url::endpoint(scalar::text(raw, expected)?))
    }

    /// Reads the path of a file, or `null` for none.
    pub(crate) fn path(&mut self, key: &'static str) -> Option<PathBuf> {
        self.path_of(key, "put it into a file, and write the file's path here")
    }

    /// As [`path`](Self::path); `help` says what to do with what somebody has put in its place.
    pub(crate) fn path_of(&mut self, key: &'static str, help: &str) -> Option<PathBuf> {
        let reader = self.reader;
        self.read_optional(key, |raw| path(raw, help, |text| reader.is_file(text)))
    }

    /// Reads a section within this one; if it is not there, or no object, an empty one.
    pub(crate) fn section<T>(&mut self, key: &'static str, read: impl FnOnce(&mut Self) -> T) -> T {
        let found = self.in_file(key);
        let (members, wrong) = match found.as_ref().map(|found| found.raw) {
            Some(Raw::Object(members)) => (members, None),
            wrong => (&[][..], wrong),
        };
        let spot = found.as_ref().map_or(self.spot, |found| found.spot);
        let overlay = self.overlay.as_ref().map(|prefix| format!("{prefix}{key}."));
        let mut section = Section::new(self.reader, spot, members, child(&self.path, key), overlay);
        let value = read(&mut section);
        if let (Some(wrong), Some(found), [inner, ..]) = (wrong, found, &section.known[..]) {
            // A text is perhaps an address with a secret.
            let (value, refusal) = match wrong {
                Raw::Text(text) if text.contains('/') => {
                    ("…".into(), Refusal::new("an object").found("a text"))
                }
                Raw::Text(_) => (wrong.to_string(), Refusal::new("an object")),
                _ => ("…".into(), Refusal::new("an object")),
            };
            found.refuse(refusal.help(format!("such as \"{key}\": {{ \"{inner}\": {value} }}")));
        }
        section.finish();
        value
    }

    /// Reads a lower and an upper bound, and holds the one to the other.
    pub(crate) fn bounds(
        &mut self,
        [low, high]: [&'static str; 2],
        range: &DurationRange,
        [default_low, default_high]: [Duration; 2],
    ) -> [Duration; 2] {
        let mut refused = false;
        let mut read = |key, default| {
            let (value, found) = (self.duration(key, range), self.values(key).pop());
            refused |= value.is_none() && found.is_some();
            (value.unwrap_or(default), found)
        };
        let [(low_value, low_found), (high_value, high_found)] =
            [read(low, default_low), read(high, default_high)];
        let bounds = [low_value, high_value];
        if refused || low_value <= high_value {
            return bounds;
        }
        let [low_text, high_text] = bounds.map(scalar::span);
        if let Some(found) = high_found {
            found.refuse(Refusal::new(format!("no less than {low}, which is {low_text}")));
        } else if let Some(found) = low_found {
            found.refuse(Refusal::new(format!("no more than {high}, which is {high_text}")));
        }
        bounds
    }

    /// Where this is.
    pub(crate) fn place(&self) -> &str {
        &self.path
    }

    /// Notes that a key is missing; `example` is what it could be.
    pub(crate) fn missing(&self, key: &str, example: &str) {
        // A mistyped key is one mistake, and told where it is.
        if self.members.iter().any(|member| did_you_mean(&member.key, [key]).is_some()) {
            return;
        }
        let message = format!("found no \"{key}\"; expected one, such as \"{key}\": {example}");
        self.reader.say(&self.spot, &self.path, message, None);
    }

    /// Notes something about the section as a whole.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.reader.note(&self.spot, &self.path, refusal);
    }

    /// Notes the keys that are there twice, or that nobody has asked for.
    pub(super) fn finish(self) {
        duplicates(self.reader, self.members, &self.path);
        for member in self.members {
            if self.known.contains(&member.key.as_ref())
                || self.reader.mistakes.borrow_mut().count_if_full()
            {
                continue;
            }
            let named = |names: &[&str]| {
                let names: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
                names.join(", ")
            };
            let help = did_you_mean(&member.key, self.known.iter().copied()).map_or_else(
                || format!("the keys here are {}", named(&self.known)),
                |meant| format!("did you mean \"{meant}\"?"),
            );
            let message =
                format!("found the unknown key {}; expected a known one", shown(&member.key));
            let path = child(&self.path, &member.key);
            self.reader.say(&Spot::At(member.key_at), &path, message, Some(help));
        }
    }
}

/// Reads the path of a file. What is there is one, whatever it looks like.
fn path(raw: Raw<'_>, help: &str, is_file: impl Fn(&str) -> bool) -> Result<PathBuf, Refusal> {
    const EXPECTED: &str = "the path of a file";
    let refuse = |found: &str| Refusal::new(EXPECTED).found(found);
    if let Raw::Object(_) = raw {
        return Err(Refusal::new(EXPECTED).help(help));
    }
    let text = scalar::text(raw, EXPECTED)?;
    if text.len() <= LONGEST_PATH && is_file(text) {
        return Ok(text.into());
    }
    if let Some(what) = secret_in(text) {
        let found = format!("{what}, which is a secret and no path (not shown)");
        return Err(refuse(&found).help(help));
    }
    if text.starts_with("file://") {
        return Err(refuse("an address that begins with file://").help("delete \"file://\""));
    }
    if text.contains("://") {
        return Err(refuse("a text that is no path (not shown)").help(help));
    }
    if text.trim() != text {
        return Err(refuse("a path with a blank before it or behind it").help("delete the blank"));
    }
    if text.len() > LONGEST_PATH || text.contains(char::is_control) {
        return Err(refuse("a text that is no path (not shown)"));
    }
    Ok(text.into())
}
