//! The examples, run as their first lines say, each to its end and without a network.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{rig::ratesheet, tty::Tty};

/// What an example prints when it is given this to read.
fn run(example: &str, input: &str) -> String {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--offline", "--example", example]);
    // Whatever a proxy would be asked for would not be on the loopback.
    for proxy in ["http_proxy", "https_proxy", "all_proxy"] {
        cargo.env(proxy, "http://127.0.0.1:9").env(proxy.to_uppercase(), "http://127.0.0.1:9");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    cargo.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = cargo.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn embed_answers_with_a_quote_and_has_written_it() {
    let said = run("embed", "");
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].starts_with("GET http://127.0.0.1:"), "{said}");
    let (status, quote) = lines[1].split_once(" {").unwrap();
    let quote: Value = serde_json::from_str(&format!("{{{quote}")).unwrap();
    assert_eq!((status, &quote["pair"]), ("200 OK", &Value::from("XBT/EUR")));
    let sell: f64 = quote["sell"].as_str().unwrap().parse().unwrap();
    assert_eq!(lines[2], format!("A1 is {sell}"), "{said}");
}

#[test]
fn kraken_only_prints_quotes_and_why_there_is_none() {
    let said = run("kraken_only", "");
    assert!(said.contains("XBT/EUR buy (best ask): 57550.1\n"), "{said}");
    assert!(said.contains("dogeeur change: "), "{said}");
    assert!(said.contains("xbteru: Kraken does not know the pair xbteru"), "{said}");
}

#[test]
fn own_sink_prints_three_ticks_from_an_engine_in_another_thread() {
    let said = run("own_sink", "");
    let lines: Vec<_> = said.lines().collect();
    assert_eq!((lines[0], lines.len()), ("at,pair,bid,ask", 1 + 3 * 2), "{said}");
    for line in &lines[1..] {
        let fields: Vec<_> = line.split(',').collect();
        let (bid, ask): (f64, f64) = (fields[2].parse().unwrap(), fields[3].parse().unwrap());
        assert!(["XBT/EUR", "ETH/EUR"].contains(&fields[1]) && bid < ask, "{line}");
    }
}

#[test]
fn sandbox_says_where_it_is_and_answers_until_its_input_ends() {
    let said = run("sandbox", "cells\njournal\nrename New\nunshare\nshare\ncells\n");
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines[0]["url"].as_str().unwrap().starts_with("http://127.0.0.1:"), "{said}");
    assert!(lines[0]["key"]["client_email"].is_string(), "{said}");
    let tabs = json!(["New", "It's a/tab #1 50%", "D3"]);
    let [unshared, shared] = [false, true].map(|shared| json!({ "shared": shared }));
    assert_eq!(lines[1..], [json!([]), json!([]), tabs, unshared, shared, json!([])]);
}

#[test]
fn sandbox_names_the_file_that_its_key_cannot_be_written_to() {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["run", "--quiet", "--locked", "--offline", "--example", "sandbox", "--"]);
    let cargo = cargo.args(["--key", "/does/not/exist/key.json"]).stdin(Stdio::null());
    let output = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    let words = "sandbox: the key cannot be written to /does/not/exist/key.json: No such file";
    assert!(!output.status.success() && told.contains(words), "{told}");
}

#[test]
fn sandbox_begins_on_a_terminal_with_a_configuration_that_works() {
    run("sandbox", ""); // so that it is built before anybody waits for it
    let folder = tempfile::tempdir().unwrap();
    let [key, file] = ["key.json", "ratesheet.json"].map(|name| folder.path().join(name));
    let cargo = pty_process::blocking::Command::new(env!("CARGO"));
    let cargo = cargo.args(["run", "--quiet", "--locked", "--offline", "--example", "sandbox"]);
    let cargo = cargo.args(["--", "--key", key.to_str().unwrap()]);
    let tty = Tty::of(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
    tty.shows("Ctrl-D ends it");
    let said = tty.until("where it is", |screen| Some(screen.contents()));
    assert!(said.starts_with("Stand-ins of Kraken and Google are at http://127.0.0.1:"), "{said}");
    let config = said.find('{').zip(said.rfind('}')).map(|(begin, end)| &said[begin..=end]);
    std::fs::write(&file, config.unwrap()).unwrap();
    let once = ratesheet(&["once", "-c", file.to_str().unwrap()]).output().unwrap();
    assert!(once.status.success(), "{said}\n{}", String::from_utf8_lossy(&once.stdout));
    tty.press("\u{4}");
    assert!(tty.end().0.success());
}
