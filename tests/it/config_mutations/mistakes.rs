//! One mistake in a configuration that is valid, of all sorts that people make, and where and how
//! it must be told.

use fastrand::Rng;
use serde_json::{Value, json};

/// A configuration with a mistake in it.
pub(super) struct Mistake {
    pub(super) text: String,
    /// What is told is told here, or within.
    pub(super) path: String,
    /// And has this in it.
    pub(super) words: String,
}

impl Mistake {
    fn new(config: &Value, path: impl Into<String>, words: impl Into<String>) -> Option<Self> {
        let text = serde_json::to_string_pretty(config).unwrap();
        Some(Self { text, path: path.into(), words: words.into() })
    }
}

/// Where a value of a configuration is.
#[derive(Default)]
struct Place {
    path: String,
    pointer: String,
    /// The path and the pointer of what it is in.
    parent: (String, String),
    /// Its name there, or its number.
    key: String,
}

/// Makes a mistake somewhere.
pub(super) fn random(rng: &mut Rng, config: &Value) -> Mistake {
    let mut all = Vec::new();
    places(config, &Place { path: "$".into(), ..Place::default() }, &mut all);
    let way = WAYS[rng.usize(..WAYS.len())];
    // There is a place for each of them.
    loop {
        let place = &all[rng.usize(..all.len())];
        if let Some(mistake) = way(rng, config.clone(), place) {
            return mistake;
        }
    }
}

/// Every place beneath this one.
fn places(value: &Value, place: &Place, all: &mut Vec<Place>) {
    let mut descend = |key: String, path: String, child: &Value| {
        let step = key.replace('~', "~0").replace('/', "~1");
        let pointer = format!("{}/{step}", place.pointer);
        let parent = (place.path.clone(), place.pointer.clone());
        let inner = Place { path, pointer, parent, key };
        places(child, &inner, all);
        all.push(inner);
    };
    match value {
        Value::Object(members) => {
            members.iter().for_each(|(key, it)| descend(key.clone(), member(&place.path, key), it));
        }
        Value::Array(items) => {
            let at = |index| format!("{}[{index}]", place.path);
            items.iter().enumerate().for_each(|(n, it)| descend(n.to_string(), at(n), it));
        }
        _ => {}
    }
}

/// The path of what has this key in an object.
fn member(path: &str, key: &str) -> String {
    let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if plain { format!("{path}.{key}") } else { format!("{path}[{}]", Value::from(key)) }
}

/// A way to go wrong at a place, if it is of the kind.
type Way = fn(&mut Rng, Value, &Place) -> Option<Mistake>;

const WAYS: [Way; 9] = [
    another_type,
    an_unknown_key,
    a_missing_key,
    a_key_twice,
    a_cell_twice,
    out_of_range,
    no_cell,
    no_quote,
    no_url,
];

fn another_type(rng: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    *config.pointer_mut(&place.pointer)? = if rng.bool() { json!(true) } else { json!([[true]]) };
    Mistake::new(&config, &place.path, "found")
}

/// Gives a member of an object another key.
fn rename(config: &mut Value, place: &Place, key: &str) -> Option<String> {
    let members = config.pointer_mut(&place.parent.1)?.as_object_mut()?;
    let value = members.remove(&place.key)?;
    members.insert(key.into(), value);
    Some(member(&place.parent.0, key))
}

fn an_unknown_key(_: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    let path = rename(&mut config, place, &format!("{}_x", place.key))?;
    Mistake::new(&config, path, "found the")
}

fn a_missing_key(_: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    let words = match place.key.as_str() {
        "timeout" | "interval" => "found no \"timeout\"".into(),
        key @ ("sheet" | "data") => format!("found no \"{key}\""),
        _ => return None,
    };
    config.pointer_mut(&place.parent.1)?.as_object_mut()?.remove(&place.key)?;
    Mistake::new(&config, &place.parent.0, words)
}

fn a_key_twice(_: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    const TWIN: &str = "the twin of another key";
    let members = config.pointer_mut(&place.parent.1)?.as_object_mut()?;
    members.insert(TWIN.into(), members.get(&place.key)?.clone());
    let mut mistake = Mistake::new(&config, &place.path, "found a duplicate key")?;
    let quoted = |key: &str| Value::from(key).to_string();
    mistake.text = mistake.text.replace(&quoted(TWIN), &quoted(&place.key));
    Some(mistake)
}

/// Which of the two is told depends on which comes later.
fn a_cell_twice(_: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    let updated = (place.key == "problem").then(|| format!("{}/updated/0", place.parent.1))?;
    *config.pointer_mut(&place.pointer)? = config.pointer(&updated)?.clone();
    Mistake::new(&config, &place.parent.0, "the same cell as")
}

fn out_of_range(_: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    let value = config.pointer_mut(&place.pointer)?;
    let is_time = |text: &str| text.len() == 2 && text.starts_with(|c: char| c.is_ascii_digit());
    *value = match value {
        Value::Number(_) => json!(1_000_000_000_000_000_u64),
        Value::String(text) if is_time(text) => json!("9999h"),
        _ => return None,
    };
    Mistake::new(&config, &place.path, "; expected")
}

/// One of some texts in place of another.
fn replace(rng: &mut Rng, config: &mut Value, place: &Place, by: &[&str]) -> Option<()> {
    let value = config.pointer_mut(&place.pointer).filter(|value| value.is_string())?;
    *value = (*rng.choice(by)?).into();
    Some(())
}

fn no_cell(rng: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    let is_cell = [".data[", ".updated", ".problem"].iter().any(|part| place.path.contains(part));
    is_cell.then_some(())?;
    replace(rng, &mut config, place, &["A0", "1A", "A1:B2", "", "A10000001", "!A1"])?;
    Mistake::new(&config, &place.path, "; expected")
}

fn no_quote(rng: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    place.parent.1.ends_with("/data").then_some(())?;
    let keys =
        ["krakn:xbteur:sell", "kraken:x:sell", "kraken:xbteur:sel", "kraken:xbteur", "xbteur:buy"];
    let path = rename(&mut config, place, rng.choice(keys)?)?;
    Mistake::new(&config, path, "; expected")
}

fn no_url(rng: &mut Rng, mut config: Value, place: &Place) -> Option<Mistake> {
    (place.key == "url").then_some(())?;
    let urls = ["", "http://10.0.0.1", "https://u:p@h.example", "ftp://h.example", "h.example"];
    replace(rng, &mut config, place, &urls)?;
    Mistake::new(&config, &place.path, "; expected")
}
