//! One reading of one configuration: what lies over the file, what was found where, and what was
//! wrong with it. Pure: no I/O, no clock, no randomness.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    fmt,
    path::Path,
};

use super::{
    ConfigError, Member, Node, Section, Value,
    problem::{ConfigProblem, Mistakes, Place, escaped, shown},
    said::Said,
    scalar::{Raw, Refusal},
    secret::secret_in,
    text::Source,
};
use crate::suggest::did_you_mean;

/// What variables and flags say, over what the file says: the last one wins.
///
/// Its `Debug` shows where they come from and not what they are: an address may be a secret.
#[derive(Clone, Default)]
pub struct Overlays {
    list: Vec<Overlay>,
    is_file: Option<fn(&Path) -> bool>,
}

impl fmt::Debug for Overlays {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.list.iter().map(|overlay| &overlay.origin)).finish()
    }
}

#[derive(Clone)]
pub(super) struct Overlay {
    path: String,
    pub(super) text: String,
    pub(super) origin: String,
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

    /// Says which files there are: what is there is a path, even if it looks like a secret that
    /// somebody has pasted in the place of one.
    pub fn files(&mut self, is_file: fn(&Path) -> bool) -> &mut Self {
        self.is_file = Some(is_file);
        self
    }
}

/// One reading of one configuration: its text, its overlays, and what is wrong with them.
#[derive(Debug)]
pub(crate) struct Reader<'a> {
    source: &'a Source<'a>,
    overlays: &'a Overlays,
    asked: RefCell<BTreeSet<String>>,
    pub(super) mistakes: RefCell<Mistakes>,
}

impl<'a> Reader<'a> {
    /// Reads a whole configuration: `read` is given its root.
    pub(crate) fn read<T>(
        name: &str,
        bytes: &[u8],
        overlays: &Overlays,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Result<T, ConfigError> {
        match Self::try_read(bytes, overlays, read) {
            Ok((value, mistakes)) => mistakes.into_result(name).map(|()| value),
            Err(problem) => {
                let mut mistakes = Mistakes::default();
                mistakes.push(*problem);
                Err(mistakes.into_error(name))
            }
        }
    }

    fn try_read<T>(
        bytes: &[u8],
        overlays: &Overlays,
        read: impl FnOnce(&mut Section<'_>) -> T,
    ) -> Result<(T, Mistakes), Box<ConfigProblem>> {
        let source = Source::new(super::text::decode(bytes)?);
        let root = super::syntax::parse(&source)?;
        let Value::Object(members) = &root.value else {
            let found = Raw::from(&root.value);
            let message = format!("found {found}; expected an object: the root is {{ … }}");
            let help = "such as { \"sheet\": \"…\", \"timeout\": 5000, \"data\": { … } }";
            let place = source.place(root.at);
            let whole = ConfigProblem::whole(message, Some(help.into()));
            return Err(Box::new(ConfigProblem { place, ..whole }));
        };
        if members.iter().any(|member| member.key == "private_key") {
            let message = "found a service account's key; expected a configuration";
            let help = "give its path as \"credentials\" in the configuration";
            return Err(Box::new(ConfigProblem::whole(message, Some(help.into()))));
        }
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

    /// The variable that was probably meant by a name that begins like one and is none, such as
    /// `RATESHEET__KRAKEN__URL` by `RATESHEET_KRAKEN_URL`; `read` is given a root that is empty.
    pub(crate) fn variable_meant(
        name: &str,
        read: impl FnOnce(&mut Section<'_>),
    ) -> Option<String> {
        let (source, overlays) = (Source::new("{}"), Overlays::new());
        let reader = Reader {
            source: &source,
            overlays: &overlays,
            asked: RefCell::default(),
            mistakes: RefCell::default(),
        };
        read(&mut Section::new(&reader, Spot::At(0), &[], "$".into(), Some(String::new())));
        let words = |name: &str| {
            let words: Vec<_> = name.split(['_', '.']).filter(|word| !word.is_empty()).collect();
            words.join("_").to_uppercase()
        };
        let typed = words(name);
        let typed = typed.strip_prefix(PREFIX)?.trim_start_matches('_');
        let known: HashMap<String, String> =
            reader.asked.take().into_iter().map(|path| (words(&path), variable(&path))).collect();
        let mut names: Vec<_> = known.keys().map(String::as_str).collect();
        names.sort_unstable();
        known.get(did_you_mean(typed, names)?).cloned()
    }

    pub(super) fn note(&self, spot: &Spot<'_>, path: &str, refusal: Refusal) {
        let (message, help) = refusal.words();
        self.say(spot, path, message, help);
    }

    pub(super) fn say(&self, spot: &Spot<'_>, path: &str, message: String, help: Option<String>) {
        if self.mistakes.borrow_mut().count_if_full() {
            return;
        }
        let place = self.place(spot);
        let problem = ConfigProblem { place, path: path.into(), message, help, snippet: None };
        self.mistakes.borrow_mut().push(problem);
    }

    fn place(&self, spot: &Spot<'_>) -> Place {
        match spot {
            Spot::At(offset) => self.source.place(*offset),
            Spot::Origin(origin) => Place::Origin((*origin).to_owned()),
        }
    }

    pub(super) fn overlays_at(&self, path: &str) -> Vec<&'a Overlay> {
        self.asked.borrow_mut().insert(path.to_owned());
        self.overlays.list.iter().filter(|overlay| overlay.path == path).collect()
    }

    /// Whether it is known that there is a file at this path.
    pub(super) fn is_file(&self, path: &str) -> bool {
        self.overlays.is_file.is_some_and(|is_file| is_file(Path::new(path)))
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
            let help =
                match meant {
                    Some(meant) => format!("did you mean {}?", variable(meant)),
                    None if !inner.is_empty() => format!("it has {}", inner.join(", ")),
                    None if overlay.path.split('.').next().is_some_and(|key| {
                        ["data", "sheets", "updated", "problem"].contains(&key)
                    }) =>
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

/// What the names of variables begin with.
const PREFIX: &str = "RATESHEET";

/// The variable that says what is at a path.
fn variable(path: &str) -> String {
    format!("{PREFIX}__{}", path.replace('.', "__").to_uppercase())
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
    pub(super) reader: &'a Reader<'a>,
    pub(super) raw: Raw<'a>,
    pub(super) spot: Spot<'a>,
    pub(super) path: String,
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

    /// As [`read`](Self::read), of what has parts that are refused one by one.
    pub(crate) fn read_all<T>(
        &self,
        parse: impl FnOnce(Raw<'a>) -> Result<T, Vec<Refusal>>,
    ) -> Option<T> {
        let refuse = |refusals: Vec<Refusal>| {
            refusals.into_iter().for_each(|refusal| self.refuse(refusal));
        };
        parse(self.raw).map_err(refuse).ok()
    }

    /// Notes that this value is refused.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.reader.note(&self.spot, &self.path, refusal.or_found(self.raw).advised_for(self.raw));
    }

    /// Where it is said, for later.
    pub(crate) fn said(&self) -> Said {
        Said::at(self.reader.place(&self.spot), &self.path)
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

    /// Whether nobody is told any more what is wrong here; then it is counted.
    pub(crate) fn is_moot(&self) -> bool {
        self.reader.mistakes.borrow_mut().count_if_full()
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

/// Notes the keys that are there twice.
pub(super) fn duplicates(reader: &Reader<'_>, members: &[Member<'_>], path: &str) {
    let mut first: HashMap<&str, usize> = HashMap::with_capacity(members.len());
    for member in members {
        if let Some(&at) = first.get(member.key.as_ref()) {
            if reader.mistakes.borrow_mut().count_if_full() {
                continue;
            }
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
pub(super) fn child(path: &str, key: &str) -> String {
    let plain = key.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '$'))
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'$'));
    if plain && key.len() <= 48 && secret_in(key).is_none() {
        return format!("{path}.{}", escaped(key));
    }
    format!("{path}[{}]", shown(key))
}
