//! What README.md and actors.md say is so: their configurations are read, their tables agree with
//! the code, their excerpts are in the examples, their links lead somewhere.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
    time::Duration,
};

use ratesheet::{Config, Overlays, QuoteField, SheetConfig};
use serde_json::Value;

use crate::rig::{finish, ratesheet};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn file(path: &str) -> String {
    fs::read_to_string(Path::new(ROOT).join(path)).unwrap_or_else(|why| panic!("{path}: {why}"))
}

const DOCUMENTS: [&str; 2] = ["README.md", "actors.md"];

/// The fenced blocks of a document in one language.
pub(crate) fn blocks(document: &str, language: &str) -> Vec<String> {
    let text = file(document);
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(found) = line.strip_prefix("```") {
            let block: Vec<_> = lines.by_ref().take_while(|line| *line != "```").collect();
            if found == language {
                blocks.push(block.join("\n"));
            }
        }
    }
    blocks
}

/// The rows of the README's table whose first column is called `head`, without their outer bars.
fn table(head: &str) -> Vec<Vec<String>> {
    let text = file("README.md");
    let mut lines = text.lines().skip_while(|line| !line.starts_with(&format!("| {head} |")));
    assert!(lines.next().is_some(), "there is no table of {head}");
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|c| c.trim().into()).collect();
    lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect()
}

/// What stands in backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

#[test]
fn every_configuration_is_read_and_needs_no_warning() {
    let mut count = 0;
    for document in DOCUMENTS {
        for block in blocks(document, "json") {
            count += 1;
            let config = Config::from_json(document, block.as_bytes(), &Overlays::new())
                .unwrap_or_else(|error| panic!("{error}\n{block}"));
            assert_eq!(config.warnings(), [""; 0], "{block}");
        }
    }
    assert!(count >= 2, "{count} configurations");
}

#[test]
fn the_keys_and_their_defaults_are_those_of_the_code() {
    let all: Value = serde_json::from_str(&file("config/default.json")).unwrap();
    let shown = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut expected = BTreeMap::new();
    for (key, value) in all.as_object().unwrap() {
        match value.as_object() {
            Some(section) => {
                expected.extend(section.iter().map(|(k, v)| (format!("{key}.{k}"), shown(v))));
            }
            None => drop(expected.insert(key.clone(), shown(value))),
        }
    }
    expected.remove("sheets"); // shown, rather than listed
    let told: BTreeMap<_, _> = table("key")
        .iter()
        .map(|row| (row[0].trim_matches('`').to_owned(), row[1].trim_matches('`').to_owned()))
        .collect();
    assert_eq!(told, expected);
}

#[test]
fn every_field_is_explained_once() {
    let rows = table("field");
    let told: Vec<_> = rows.iter().flat_map(|row| code(&row[0])).collect();
    let expected: BTreeSet<_> = QuoteField::ALL.iter().map(|field| field.name()).collect();
    assert_eq!(told.len(), expected.len());
    assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[test]
fn the_exit_codes_are_those_of_the_code() {
    let number = |line: &str| line.trim().strip_suffix(',')?.split_once(" = ")?.1.parse().ok();
    let expected: BTreeSet<u8> = file("src/cli/exit.rs").lines().filter_map(number).collect();
    let told: BTreeSet<u8> = table("exit code").iter().map(|row| row[0].parse().unwrap()).collect();
    assert!(expected.len() > 5);
    assert_eq!(told, expected);
}

#[test]
fn every_command_exists() {
    for row in table("command") {
        let line = code(&row[0])[0];
        let words: Vec<_> = line.split(' ').skip(1).chain(["--help"]).collect();
        let output = finish(ratesheet(&words));
        assert_eq!(output.status.code(), Some(0), "{line}");
    }
}

#[test]
fn the_shortest_timeouts_are_just_long_enough() {
    for row in table("spreadsheets") {
        let spreadsheets: u64 = row[0].parse().unwrap();
        let timeout: u64 = row[1].trim_matches('`').parse().unwrap();
        let warned = |timeout: u64| {
            let config = (0..spreadsheets).fold(Config::new(), |config, n| {
                let id = format!("a-spreadsheet-of-the-quota-table-{n}");
                let sheet = SheetConfig::new(&id, "Sheet 1").every(Duration::from_millis(timeout));
                config.sheet(sheet.cell("kraken:xbteur:buy", "A1"))
            });
            config.warnings().iter().any(|warning| warning.contains("google.writes_per_minute"))
        };
        assert!(!warned(timeout) && warned(timeout - 1), "{row:?}");
    }
}

#[test]
fn every_message_is_one_that_the_code_has() {
    let mut sources = String::new();
    let mut folders = vec![Path::new(ROOT).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                sources.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    let rows = table("it says");
    assert!(rows.len() > 20);
    for message in rows.iter().flat_map(|row| code(&row[0])) {
        for part in message.split('…').filter(|part| part.trim().len() > 2) {
            let part = part.trim_end_matches(": ");
            assert!(sources.contains(part), "no source says {part:?} of {message:?}");
        }
    }
}

#[test]
fn the_code_in_the_documents_is_that_of_the_examples() {
    let flat = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let doc = file("src/lib.rs");
    let doc: Vec<_> = doc
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .filter(|line| !line.trim_start().starts_with("# "))
        .collect();
    let names = ["embed", "kraken_only", "own_sink"];
    let examples = names.map(|name| file(&format!("examples/{name}.rs")));
    let mut examples: Vec<_> = examples.iter().map(|text| flat(text)).collect();
    examples.push(flat(&doc.join("\n")));
    for document in DOCUMENTS {
        for block in blocks(document, "rust") {
            let found = examples.iter().any(|example| example.contains(&flat(&block)));
            assert!(found, "{document} has code that no example has:\n{block}");
        }
    }
}

#[test]
fn links_within_the_repository_lead_somewhere() {
    for document in DOCUMENTS {
        for part in file(document).split("](").skip(1) {
            let to = part.split(')').next().unwrap();
            if let Some(anchor) = to.strip_prefix('#') {
                let heads: Vec<_> = file(document)
                    .lines()
                    .filter(|line| line.starts_with('#'))
                    .map(|line| {
                        line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-")
                    })
                    .collect();
                assert!(heads.iter().any(|head| head == anchor), "{document}: #{anchor}");
            } else if !to.contains("://") {
                assert!(Path::new(ROOT).join(to).exists(), "{document}: {to}");
            }
        }
    }
}
