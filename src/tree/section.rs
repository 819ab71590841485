//! The reading of a part of the configuration, by key, without ever stopping at a mistake.
//! Pure: no I/O, no clock, no randomness.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    path::PathBuf,
    time::Duration,
};

use super::{
    ConfigError, Member, Node, Value,
    problem::{ConfigProblem, Mistakes, Place, escaped, shown},
    scalar::{self, DurationRange, Raw, Refusal},
    text::Source,
    url,
};
use crate::suggest::did_you_mean;

/// What variables and flags say, over what the file says: the last one wins.
#[derive(Debug, Clone, Default)]
pub struct Overlays {
    list: Vec<Overlay>,
}

#[derive(Debug, Clone)]
struct Overlay {
    path: String,
    text: String,
    origin: String,
}

impl Overlays {
    /// Nothing beside the file.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value: at `path`, such as `kraken.url`, as plain text; `origin` is what problems
    /// name in place of the file, such as `RATESHEET__KRAKEN__URL` or `--listen`.
    pub fn set(
        &mut self,
        path: impl Into<String>,
        text: impl Into<String>,
        origin: impl Into<String>,
    ) -> &mut Self {
        self.list.push(Overlay { path: path.into(), text: text.into(), origin: origin.into() });
        self
    }
}

/// One reading of one configuration: its text, its overlays, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: &'a Source<'a>,
    overlays: &'a Overlays,
    asked: RefCell<BTreeSet<String>>,
    mistakes: RefCell<Mistakes>,
}

impl<'a> Reader<'a> {
    /// Reads a whole configuration: `read` is given its root.
    pub(crate) fn read<T>(
        name: &str,
        bytes: &[u8],
        overlays: &Overlays,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Result<T, ConfigError> {
        let whole = |problem| {
            let mut mistakes = Mistakes::default();
            mistakes.push(problem);
            mistakes
        };
        match Self::try_read(bytes, overlays, read) {
            Ok((value, mistakes)) => mistakes.into_result(name).map(|()| value),
            Err(problem) => Err(whole(problem).into_error(name)),
        }
    }

    fn try_read<T>(
        bytes: &[u8],
        overlays: &Overlays,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Result<(T, Mistakes), ConfigProblem> {
        let source = Source::new(super::text::decode(bytes)?);
        let root = super::syntax::parse(&source)?;
        let Value::Object(members) = &root.value else {
            let found = Raw::from(&root.value);
            let message = format!("found {found}; expected an object: the root is {{ … }}");
            let help = "such as { \"sheet\": \"…\", \"timeout\": 5000, \"data\": { … } }";
            let place = source.place(root.at);
            return Err(ConfigProblem {
                place,
                ..ConfigProblem::whole(message, Some(help.into()))
            });
        };
        let reader = Reader {
            source: &source,
            overlays,
            asked: RefCell::default(),
            mistakes: RefCell::default(),
        };
        let mut section =
            Section::new(&reader, Spot::At(root.at), members, "$".into(), Some(String::new()));
        let value = read(&mut section);
        section.finish();
        reader.unknown_overlays();
        Ok((value, reader.mistakes.into_inner()))
    }

    fn note(&self, spot: &Spot<'_>, path: &str, refusal: Refusal) {
        let (message, help) = refusal.words();
        self.say(spot, path, message, help);
    }

    fn say(&self, spot: &Spot<'_>, path: &str, message: String, help: Option<String>) {
        let place = match spot {
            Spot::At(offset) => self.source.place(*offset),
            Spot::Origin(origin) => Place::Origin((*origin).to_owned()),
        };
        let problem = ConfigProblem { place, path: path.into(), message, help, snippet: None };
        self.mistakes.borrow_mut().push(problem);
    }

    fn overlays_at(&self, path: &str) -> Vec<&'a Overlay> {
        self.asked.borrow_mut().insert(path.to_owned());
        self.overlays.list.iter().filter(|overlay| overlay.path == path).collect()
    }

    /// Notes the overlays that nobody has asked for.
    fn unknown_overlays(&self) {
        let asked = self.asked.borrow();
        for overlay in &self.overlays.list {
            if asked.contains(&overlay.path) {
                continue;
            }
            let spot = Spot::Origin(&overlay.origin);
            let meant = did_you_mean(&overlay.path, asked.iter().map(String::as_str));
            let within = format!("{}.", overlay.path);
            let inner = asked.iter().filter(|path| path.starts_with(&within));
            let inner: Vec<_> = inner.map(|path| variable(path)).collect();
            let help = match meant {
                Some(meant) => format!("did you mean {}?", variable(meant)),
                None if !inner.is_empty() => format!("it has {}", inner.join(", ")),
                None if ["data", "sheets", "updated", "problem"]
                    .contains(&overlay.path.as_str()) =>
                {
                    "only the file can say this".into()
                }
                None => {
                    let all: Vec<_> = asked.iter().map(|path| variable(path)).collect();
                    format!("the known ones are {}", all.join(", "))
                }
            };
            let message = "found an unknown variable; expected the name of a value";
            self.say(&spot, "", message.into(), Some(help));
        }
    }
}

/// The variable that says what is at a path.
fn variable(path: &str) -> String {
    format!("RATESHEET__{}", path.replace('.', "__").to_uppercase())
}

impl<'a> From<&'a Value<'a>> for Raw<'a> {
    fn from(value: &'a Value<'a>) -> Self {
        match value {
            Value::Null => Raw::Null,
            Value::Bool(value) => Raw::Bool(*value),
            Value::Number(text) => Raw::Number(text),
            Value::Text(text) => Raw::Text(text),
            Value::List(items) => Raw::List(items),
            Value::Object(members) => Raw::Object(members),
        }
    }
}

/// Where something is.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Spot<'a> {
    At(usize),
    Origin(&'a str),
}

/// A value that was found somewhere.
#[derive(Debug, Clone)]
pub(crate) struct Found<'a> {
    reader: &'a Reader<'a>,
    raw: Raw<'a>,
    spot: Spot<'a>,
    path: String,
}

impl<'a> Found<'a> {
    /// What it is.
    pub(crate) fn raw(&self) -> Raw<'a> {
        self.raw
    }

    /// Whether it comes from a variable or a flag.
    pub(crate) fn is_outside(&self) -> bool {
        matches!(self.spot, Spot::Origin(_))
    }

    /// Reads it; what is refused is noted.
    pub(crate) fn read<T>(&self, parse: impl FnOnce(Raw<'a>) -> Result<T, Refusal>) -> Option<T> {
        parse(self.raw).map_err(|refusal| self.refuse(refusal)).ok()
    }

    /// Notes that this value is refused.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.reader.note(&self.spot, &self.path, refusal.or_found(self.raw));
    }

    /// The items, of a list or of the one value that stands for a list of one; `what` they are.
    pub(crate) fn items(&self, what: &str) -> Vec<Self> {
        match self.raw {
            Raw::List([]) => {
                self.refuse(Refusal::new(what).found("an empty list"));
                Vec::new()
            }
            Raw::List(nodes) => self.nodes(nodes).collect(),
            Raw::Text(_) => vec![self.clone()],
            _ => {
                self.refuse(Refusal::new(what));
                Vec::new()
            }
        }
    }

    /// The items of a list.
    pub(crate) fn nodes(&self, nodes: &'a [Node<'a>]) -> impl Iterator<Item = Self> {
        nodes.iter().enumerate().map(|(index, node)| Found {
            reader: self.reader,
            raw: Raw::from(&node.value),
            spot: Spot::At(node.at),
            path: format!("{}[{index}]", self.path),
        })
    }

    /// Key and value of each member of an object; keys that are there twice are noted.
    pub(crate) fn members(&self, members: &'a [Member<'a>]) -> Vec<(Self, Self)> {
        let path = |member: &Member<'_>| child(&self.path, &member.key);
        duplicates(self.reader, members, &self.path);
        let pair = |member: &'a Member<'a>| {
            let key = Found {
                reader: self.reader,
                raw: Raw::Text(&member.key),
                spot: Spot::At(member.key_at),
                path: path(member),
            };
            let raw = Raw::from(&member.node.value);
            (key.clone(), Found { raw, spot: Spot::At(member.node.at), ..key })
        };
        members.iter().map(pair).collect()
    }

    /// Reads the object that this is as a section without overlays.
    pub(crate) fn section<T>(&self, read: impl FnOnce(&mut Section<'a>) -> T) -> Option<T> {
        let Raw::Object(members) = self.raw else {
            self.refuse(Refusal::new("an object"));
            return None;
        };
        let mut section = Section::new(self.reader, self.spot, members, self.path.clone(), None);
        let value = read(&mut section);
        section.finish();
        Some(value)
    }

    /// Where this is, for a person: `line 3, column 14`, or the variable.
    pub(crate) fn whereabouts(&self) -> String {
        match self.spot {
            Spot::At(offset) => {
                let (line, column) = self.reader.source.position(offset);
                format!("line {line}, column {column}")
            }
            Spot::Origin(origin) => origin.to_owned(),
        }
    }

    /// The path, such as `$.data["kraken:xbteur:sell"][1]`.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }
}

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
    fn new(
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
        self.values(key).iter().filter_map(|found| found.read(&parse)).last()
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
        self.read_optional(key, path)
    }

    /// Reads a text.
    pub(crate) fn text<T>(
        &mut self,
        key: &'static str,
        expected: &str,
        parse: impl Fn(&'a str) -> Result<T, Refusal>,
    ) -> Option<T> {
        self.read(key, |raw| parse(scalar::text(raw, expected)?))
    }

    /// Reads a section within this one; if it is not there, or no object, an empty one.
    pub(crate) fn section<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Section<'a>) -> T,
    ) -> T {
        let found = self.in_file(key);
        let members = match found.as_ref().map(|found| found.raw) {
            Some(Raw::Object(members)) => members,
            Some(_) => {
                found.iter().for_each(|found| found.refuse(Refusal::new("an object")));
                &[]
            }
            None => &[],
        };
        let spot = found.map_or(self.spot, |found| found.spot);
        let overlay = self.overlay.as_ref().map(|prefix| format!("{prefix}{key}."));
        let mut section = Section::new(self.reader, spot, members, child(&self.path, key), overlay);
        let value = read(&mut section);
        section.finish();
        value
    }

    /// Reads a lower and an upper bound, and holds the one to the other.
    pub(crate) fn bounds(
        &mut self,
        [low, high]: [&'static str; 2],
        range: &DurationRange,
        default: [Duration; 2],
    ) -> [Duration; 2] {
        let read = [low, high].map(|key| {
            let value = self.duration(key, range);
            (value, self.values(key).pop())
        });
        let bounds = [0, 1].map(|i| read[i].0.unwrap_or(default[i]));
        let refused = read.iter().any(|(value, found)| value.is_none() && found.is_some());
        if refused || bounds[0] <= bounds[1] {
            return bounds;
        }
        let [low_text, high_text] = bounds.map(scalar::span);
        let [(_, low_found), (_, high_found)] = read;
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
        let message = format!("found no \"{key}\"; expected one, such as \"{key}\": {example}");
        self.reader.say(&self.spot, &self.path, message, None);
    }

    /// Notes something about the section as a whole.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.reader.note(&self.spot, &self.path, refusal);
    }

    /// Notes the keys that are there twice, or that nobody has asked for.
    fn finish(self) {
        duplicates(self.reader, self.members, &self.path);
        for member in self.members {
            if self.known.contains(&member.key.as_ref()) || self.reader.mistakes.borrow().is_full()
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

/// Reads the path of a file.
fn path(raw: Raw<'_>) -> Result<PathBuf, Refusal> {
    let expected = "the path of a file";
    let text = scalar::text(raw, expected)?;
    if text.contains(char::is_control) || super::problem::is_secret(text) {
        let found = "a text that is no path (not shown)";
        return Err(Refusal::new(expected).found(found));
    }
    Ok(text.into())
}

/// Notes the keys that are there twice.
fn duplicates(reader: &Reader<'_>, members: &[Member<'_>], path: &str) {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(members.len());
    for member in members {
        if let Some(&at) = first.get(member.key.as_ref()) {
            let (line, column) = reader.source.position(at);
            let message =
                format!("found a duplicate key; the first is at line {line}, column {column}");
            let path = child(path, &member.key);
            reader.say(&Spot::At(member.key_at), &path, message, Some("delete one of them".into()));
        } else {
            first.insert(&member.key, member.key_at);
        }
    }
}

/// The path of a member: `$.kraken.url`, or `$["two words"]`.
fn child(path: &str, key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
    if plain && key.len() <= 48 {
        return format!("{path}.{}", escaped(key));
    }
    format!("{path}[{}]", shown(key))
}
