//! The JSON Schema: it is what the command prints, it takes what the reader takes, and it has the
//! reader's keys, bounds and defaults.

use std::{collections::BTreeSet, fs};

use ratesheet::{Config, Overlays};
use serde_json::{Value, json};

use crate::{
    config_mutations,
    rig::{finish, ratesheet},
};

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/ratesheet.schema.json");
const DEFAULT: &str = include_str!("../../config/default.json");
const EXAMPLE: &str = include_str!("../../config/example.json");

/// Whether a value is valid by a schema, as far as draft 7 is used here.
struct Schema(Value);

impl Schema {
    fn takes(&self, value: &Value) -> bool {
        self.valid(&self.0, value)
    }

    fn valid(&self, schema: &Value, value: &Value) -> bool {
        let rules = schema.as_object().unwrap();
        rules.iter().all(|(keyword, rule)| self.keyword(keyword, rule, schema, value))
    }

    fn keyword(&self, keyword: &str, rule: &Value, schema: &Value, value: &Value) -> bool {
        let each = |rule: &Value| -> Vec<bool> {
            rule.as_array().unwrap().iter().map(|one| self.valid(one, value)).collect()
        };
        let length = value.as_str().map(|text| text.chars().count() as u64);
        match keyword {
            "$schema" | "title" | "description" | "default" | "examples" | "definitions" => true,
            "$ref" => {
                let pointer = rule.as_str().unwrap().trim_start_matches('#');
                self.valid(self.0.pointer(pointer).unwrap(), value)
            }
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is(one, value)),
                one => is(one, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "allOf" => each(rule).into_iter().all(|valid| valid),
            "anyOf" => each(rule).into_iter().any(|valid| valid),
            "oneOf" => each(rule).into_iter().filter(|valid| *valid).count() == 1,
            "not" => !self.valid(rule, value),
            "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
            "minLength" => length.is_none_or(|length| length >= rule.as_u64().unwrap()),
            "minimum" => value.as_f64().is_none_or(|number| number >= rule.as_f64().unwrap()),
            "maximum" => value.as_f64().is_none_or(|number| number <= rule.as_f64().unwrap()),
            "items" => value.as_array().is_none_or(|all| all.iter().all(|v| self.valid(rule, v))),
            "minItems" | "maxItems" => value.as_array().is_none_or(|all| {
                let (count, bound) = (all.len() as u64, rule.as_u64().unwrap());
                if keyword == "minItems" { count >= bound } else { count <= bound }
            }),
            _ => value.as_object().is_none_or(|all| self.of_object(keyword, rule, schema, all)),
        }
    }

    fn of_object(
        &self,
        keyword: &str,
        rule: &Value,
        schema: &Value,
        all: &serde_json::Map<String, Value>,
    ) -> bool {
        let own = &schema["properties"];
        match keyword {
            "required" => {
                rule.as_array().unwrap().iter().all(|key| all.contains_key(key.as_str().unwrap()))
            }
            "minProperties" => all.len() as u64 >= rule.as_u64().unwrap(),
            "propertyNames" => all.keys().all(|key| self.valid(rule, &key.as_str().into())),
            "properties" => all
                .iter()
                .all(|(key, value)| rule.get(key).is_none_or(|rule| self.valid(rule, value))),
            "additionalProperties" => all
                .iter()
                .filter(|(key, _)| own.get(key).is_none())
                .all(|(_, value)| rule.is_object() && self.valid(rule, value)),
            other => panic!("this validator does not know the keyword {other}"),
        }
    }
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "null" => value.is_null(),
        "number" => value.is_number(),
        "integer" => value.as_f64().is_some_and(|number| number.fract() == 0.0),
        other => panic!("this validator does not know the type {other}"),
    }
}

fn matches(pattern: &Value, text: &str) -> bool {
    regex_lite::Regex::new(pattern.as_str().unwrap()).unwrap().is_match(text)
}

fn schema() -> Schema {
    Schema(serde_json::from_str(&Config::json_schema()).unwrap())
}

fn read(value: &Value) -> Result<Config, ratesheet::ConfigError> {
    Config::from_json("f", value.to_string().as_bytes(), &Overlays::new())
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[test]
fn the_command_prints_what_is_in_the_file() {
    let output = finish(ratesheet(&["schema"]));
    assert_eq!(output.status.code(), Some(0));
    if std::env::var_os("RATESHEET_REWRITE").is_some() {
        fs::write(FILE, &output.stdout).unwrap();
    }
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(printed == fs::read_to_string(FILE).unwrap(), "RATESHEET_REWRITE=1 writes it anew");
}

#[test]
fn what_is_right_is_valid() {
    let schema = schema();
    for text in [EXAMPLE, DEFAULT] {
        assert!(schema.takes(&parsed(text)), "{text}");
    }
    let url = "https://docs.google.com/spreadsheets/u/1/d/15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sK/edit#gid=5";
    for (pointer, value) in [
        ("/sheet", json!(url)),
        ("/sheet", json!(format!("{url}:Sheet: 1"))),
        ("/timeout", json!("5s")),
        ("/updated", json!(["D1"])),
        ("/problem", json!("E1")),
        ("/$schema", json!("./ratesheet.schema.json")),
        ("/data", json!({ "kraken:BTC/USD:BTNL:last": "A1", "kraken:xbteur:time": ["'T'!A1"] })),
        ("/status", json!({ "listen": "[::1]:9642" })),
        ("/credentials", json!("/key.json")),
        ("/kraken", json!({ "url": "http://127.0.0.1:8080/", "requests_per_second": 0.5 })),
    ] {
        let mut config = parsed(EXAMPLE);
        config[&pointer[1..]] = value;
        assert!(read(&config).is_ok(), "{config}");
        assert!(schema.takes(&config), "{config}");
    }
    let mut rng = fastrand::Rng::new();
    for _ in 0..200 {
        let config = config_mutations::valid(&mut rng);
        assert!(schema.takes(&config), "{config}");
    }
}

#[test]
fn much_of_what_is_wrong_is_not() {
    let schema = schema();
    for (key, value) in [
        ("timeout", json!(0)),
        ("timeout", json!("5 s")),
        ("timeout", json!(5.7)),
        ("interval", json!(5000)),
        ("sheets", json!([])),
        ("sheet", json!("nonsense")),
        ("data", json!({})),
        ("data", json!({ "kraken:xbteur:sel": "A1" })),
        ("data", json!({ "binance:xbteur:sell": "A1" })),
        ("data", json!({ "kraken:xbteur:sell": [] })),
        ("data", json!({ "kraken:xbteur:sell": 1 })),
        ("colour", json!("red")),
        ("kraken", json!({ "urll": "https://api.kraken.com" })),
        ("kraken", json!({ "url": "https://api.kraken.com/0/public" })),
        ("kraken", json!(null)),
        ("log", json!({ "level": "loud" })),
        ("status", json!({ "listen": ":80" })),
        ("credentials", json!("")),
        ("supervision", json!({ "max_restarts": -1 })),
    ] {
        let mut config = parsed(EXAMPLE);
        config[key] = value;
        assert!(!schema.takes(&config), "{config}");
        assert!(read(&config).is_err(), "{config}");
    }
    let mut files = 0;
    for entry in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/bad_config")).unwrap() {
        let path = entry.unwrap().path();
        let json = path.extension().is_some_and(|extension| extension == "json");
        let value = json.then(|| serde_json::from_slice(&fs::read(&path).unwrap()).ok()).flatten();
        files += usize::from(value.is_some_and(|value| !schema.takes(&value)));
    }
    assert!(files >= 50, "of the bad examples, {files} are recognised");
}

/// The keys that the reader knows where it finds an unknown one.
fn known(config: &Value) -> BTreeSet<String> {
    let error = read(config).unwrap_err();
    let unknown = error.problems().iter().find(|problem| problem.path().ends_with("zzzzzzzz"));
    let keys = unknown.unwrap().help().unwrap().strip_prefix("the keys here are ").unwrap();
    keys.split(", ").map(|key| key.trim_matches('"').to_owned()).collect()
}

fn keys(schema: &Value) -> BTreeSet<String> {
    schema["properties"].as_object().unwrap().keys().cloned().collect()
}

#[test]
fn it_has_the_readers_keys_and_no_others() {
    let Schema(schema) = schema();
    let root = json!({ "sheets": [], "zzzzzzzz": 1 });
    assert_eq!(keys(&schema), known(&root));
    let sheet = json!({ "sheets": [{ "zzzzzzzz": 1 }] });
    assert_eq!(keys(&schema["definitions"]["sheet"]), known(&sheet));
    let sections = schema["properties"].as_object().unwrap().iter();
    let sections: Vec<_> = sections.filter(|(_, own)| own["properties"].is_object()).collect();
    assert_eq!(sections.len(), 8);
    for (name, own) in sections {
        let config = json!({ "sheets": [], name.as_str(): { "zzzzzzzz": 1 } });
        assert_eq!(keys(own), known(&config), "{name}");
    }
}

/// Every value of the schema that is no section, with its path.
fn scalars(schema: &Value) -> Vec<(Vec<String>, Value)> {
    let mut scalars = Vec::new();
    for (key, own) in schema["properties"].as_object().unwrap() {
        match own["properties"].as_object() {
            Some(inner) => scalars.extend(
                inner.iter().map(|(name, own)| (vec![key.clone(), name.clone()], own.clone())),
            ),
            None => scalars.push((vec![key.clone()], own.clone())),
        }
    }
    scalars
}

#[test]
fn it_has_the_readers_bounds_and_defaults() {
    let default = parsed(DEFAULT);
    let mut bounds = 0;
    for (path, own) in scalars(&schema().0) {
        let pointer = format!("/{}", path.join("/"));
        assert_eq!(own.get("default"), default.pointer(&pointer), "{pointer}");
        let number = if own["anyOf"].is_array() { &own["anyOf"][0] } else { &own };
        let [Some(low), Some(high)] = ["minimum", "maximum"].map(|key| number[key].as_f64()) else {
            continue;
        };
        let step = if number["type"] == "integer" { 1.0 } else { low / 2.0 };
        for (value, within) in
            [(low, true), (high, true), (low - step, false), (high + step, false)]
        {
            let value = if value.fract() == 0.0 { json!(value as i64) } else { json!(value) };
            let mut config =
                if default.get(&path[0]).is_some() { default.clone() } else { parsed(EXAMPLE) };
            match path.as_slice() {
                [key] => config[key] = value,
                [section, key] => {
                    // The one of two bounds that is not meant must not be in the way.
                    config[section] = match key.as_str() {
                        "backoff_min" => json!({ key: value, "backoff_max": 86_400_000 }),
                        "backoff_max" => json!({ key: value, "backoff_min": 1 }),
                        _ => json!({ key: value }),
                    };
                }
                _ => unreachable!(),
            }
            if path[0] == "interval" {
                config.as_object_mut().unwrap().remove("timeout");
            }
            assert_eq!(read(&config).is_ok(), within, "{config}");
            bounds += 1;
        }
    }
    assert_eq!(bounds, 16 * 4);
}
