//! A random configuration is valid; one random mistake in it is told at its place; random bytes
//! never make the reader panic, and what it takes for JSON is JSON. A failure prints its seed:
//! `RATESHEET_SEED=… cargo test` repeats it.

use std::env::var_os;

use fastrand::Rng;
use ratesheet::{Config, ConfigError, Overlays, QuoteField};
use serde_json::{Value, json};

#[expect(clippy::print_stdout, reason = "a failure must be repeatable")]
fn seed() -> u64 {
    let given = var_os("RATESHEET_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("RATESHEET_SEED={seed}");
    seed
}

fn read(text: &str) -> Result<Config, ConfigError> {
    Config::from_json("random", text.as_bytes(), &Overlays::new())
}

/// A valid configuration, in one of its two shapes.
pub(crate) fn valid(rng: &mut Rng) -> Value {
    let mut config = json!({
        "credentials": "key.json",
        "kraken": { "url": "http://127.0.0.1:1", "deadline": rng.u32(1..600_000), "requests_per_second": 0.5 },
        "google": { "url": "https://h.example", "deadline": "9s", "writes_per_minute": rng.u32(1..300) },
        "retry": { "backoff_min": rng.u32(1..9), "backoff_max": rng.u32(9..99), "probe": "1m" },
        "supervision": { "max_restarts": rng.u32(0..9), "period": "9s", "ping": "1s", "park": "1h" },
        "shutdown_grace": "9s",
        "log": { "level": "debug", "format": "json" },
        "status": { "listen": "127.0.0.1:0" },
        "heartbeat": { "url": "https://h.example/x" },
    });
    if rng.bool() {
        config["sheets"] = (0..rng.usize(1..4)).map(|index| sheet(rng, index)).collect();
    } else {
        let Value::Object(keys) = sheet(rng, 0) else { unreachable!() };
        config.as_object_mut().expect("it is an object").extend(keys);
    }
    config
}

fn sheet(rng: &mut Rng, index: usize) -> Value {
    let mut cells = (1..).map(|row| Value::from(format!("B{row}")));
    let mut data = serde_json::Map::new();
    for _ in 0..rng.usize(1..5) {
        let field = QuoteField::ALL[rng.usize(..QuoteField::ALL.len())].name();
        let key = format!("kraken:{}eur:{field}", ["xbt", "eth", "XBT/"][rng.usize(..3)]);
        data.insert(key, cells.by_ref().take(rng.usize(1..4)).collect());
    }
    let every = if rng.bool() { json!(rng.u32(1..86_400_000)) } else { json!("5s") };
    let key = if rng.bool() { "timeout" } else { "interval" };
    json!({
        "sheet": format!("{index:040}:Tab {index}"), key: every, "data": data,
        "updated": ["C1"], "problem": "C2",
    })
}

/// Every value beneath `value` with its path and its JSON pointer, the containers too.
fn places(value: &Value, path: &str, pointer: &str, out: &mut Vec<(String, String)>) {
    let mut descend = |key: String, step: String, child: &Value| {
        let step = step.replace('~', "~0").replace('/', "~1");
        let (path, pointer) = (format!("{path}{key}"), format!("{pointer}/{step}"));
        out.push((path.clone(), pointer.clone()));
        places(child, &path, &pointer, out);
    };
    match value {
        Value::Object(members) => {
            for (key, child) in members {
                let plain = key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
                let step = if plain { format!(".{key}") } else { format!("[\"{key}\"]") };
                descend(step, key.clone(), child);
            }
        }
        Value::Array(items) => {
            for (index, child) in items.iter().enumerate() {
                descend(format!("[{index}]"), index.to_string(), child);
            }
        }
        _ => {}
    }
}

#[test]
fn one_mistake_in_a_valid_configuration_is_told_at_its_place() {
    let mut rng = Rng::with_seed(seed());
    for _ in 0..2_000 {
        let config = valid(&mut rng);
        let good = read(&serde_json::to_string_pretty(&config).unwrap()).unwrap();
        assert_eq!(good.check(), Ok(()));
        let mut all = Vec::new();
        places(&config, "$", "", &mut all);
        let (path, pointer) = &all[rng.usize(..all.len())];
        let (mut bad, mut expected) = (config.clone(), path.clone());
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        match rng.u8(..3) {
            // A value of a type that nothing has.
            0 => *bad.pointer_mut(pointer).unwrap() = json!([[true]]),
            1 => *bad.pointer_mut(pointer).unwrap() = json!(true),
            // A key that nobody knows.
            _ => {
                let key = key.replace("~1", "/").replace("~0", "~");
                let Some(Value::Object(members)) = bad.pointer_mut(parent) else { continue };
                let value = members.remove(&key).unwrap();
                let other = format!("{key}_x");
                expected = match path.strip_suffix(&format!("[\"{key}\"]")) {
                    Some(parent) => format!("{parent}[\"{other}\"]"),
                    None => format!("{path}_x"),
                };
                members.insert(other, value);
            }
        }
        let text = serde_json::to_string_pretty(&bad).unwrap();
        let error = read(&text).map(|_| ()).expect_err(&format!("{path}\n{text}"));
        let told = error.problems().iter().any(|problem| problem.path().starts_with(&expected));
        assert!(told, "{expected}\n{error}\n{text}");
    }
}

#[test]
fn random_bytes_never_panic_and_what_is_taken_for_json_is_json() {
    const PIECES: [&str; 34] = [
        "{", "}", "[", "]", ",", ":", "\"", "\\", "'", "/", "//", "/*", "#", "0", "-", "+", ".",
        "e", "\u{a0}", "\u{c}", "\n", "\t", "\0", "\u{1b}", "é", "🌵", "\\u", "\\ud83c", "true",
        "null", "nul", "\u{feff}", "\"\"", "“",
    ];
    let mut rng = Rng::with_seed(seed());
    for _ in 0..5_000 {
        let mut text = serde_json::to_string(&valid(&mut rng)).unwrap();
        if rng.bool() {
            text = text.replace(',', ",\r\n ");
        }
        for _ in 0..rng.usize(1..4) {
            let at = |rng: &mut Rng, text: &str| {
                (rng.usize(..=text.len())..=text.len())
                    .find(|&at| text.is_char_boundary(at))
                    .unwrap()
            };
            let (a, b) = (at(&mut rng, &text), at(&mut rng, &text));
            match rng.u8(..4) {
                0 => text.truncate(a),
                1 => {
                    let until = text[a.min(b)..].chars().take(5).map(char::len_utf8).sum::<usize>();
                    text.replace_range(a.min(b)..a.min(b) + until, "");
                }
                _ => text.insert_str(a, PIECES[rng.usize(..PIECES.len())]),
            }
        }
        let ours = read(&text);
        let theirs = serde_json::from_str::<Value>(&text);
        match (&ours, &theirs) {
            (Ok(_), Err(error)) => panic!("serde_json refuses this: {error}\n{text}"),
            (Err(ours), Ok(_)) => {
                let broken = ours.problems().iter().find(|problem| problem.path().is_empty());
                let object = theirs.is_ok_and(|value| value.is_object());
                assert!(broken.is_none() || !object, "serde_json takes this: {ours}\n{text}");
            }
            _ => {}
        }
    }
}
