//! Runs the sandbox until standard input ends, for clients in other languages, and in containers.
//!
//!     sandbox [--listen ADDRESS] [--key FILE] [--watch]
//!
//! The first line of its output is a JSON object: `url`, `spreadsheet`, and `key`, the content of
//! a service account's key file. Of what is read then, each line is answered by one line of JSON:
//! `cells` by what the first tab holds, row by row; any other by the journal so far. With `--key`
//! the key is written to a file as well, for whoever runs there; with `--watch` the cells are also
//! printed whenever they have changed.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{env, fs, io, thread, time::Duration};

use ratesheet::sandbox::{Sandbox, Walk};
use serde_json::{Value, json};

const SPREADSHEET: &str = "1Sandbox-of-ratesheet_0123456789abcdefghijkl";
const TAB: &str = "Sheet 1";

fn main() -> io::Result<()> {
    let (mut listen, mut key_file, mut watched) = (None, None, false);
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--listen" => listen = arguments.next(),
            "--key" => key_file = arguments.next(),
            "--watch" => watched = true,
            other => return Err(io::Error::other(format!("{other} is not known here"))),
        }
    }
    let listen = listen.as_deref().unwrap_or("127.0.0.1:0");
    let sandbox = Sandbox::start_at(listen.parse().map_err(io::Error::other)?)?;
    sandbox.set_walk(Walk::Every(Duration::from_secs(1)));
    let odd = "It's a/tab #1 50%";
    let tabs = [(TAB, 1000, 26), (odd, 100, 26), ("D3", 10, 5)];
    sandbox.create_spreadsheet(SPREADSHEET, "A spreadsheet of the sandbox", &tabs);
    let key: Value = serde_json::from_str(&sandbox.service_account_key())?;
    if let Some(file) = key_file {
        write_key(&file, &sandbox.service_account_key())?;
    }
    println!("{}", json!({ "url": sandbox.url(), "spreadsheet": SPREADSHEET, "key": key }));
    if watched {
        let sandbox = sandbox.clone();
        thread::spawn(move || watch(&sandbox));
    }
    for line in io::stdin().lines() {
        if line? == "cells" {
            println!("{}", json!(sandbox.rows(SPREADSHEET, TAB)));
            continue;
        }
        let entries = sandbox.journal();
        let entries = entries.iter().map(|entry| {
            json!({ "method": entry.method, "target": entry.target, "status": entry.status,
                "agent": entry.header("user-agent") })
        });
        println!("{}", Value::from_iter(entries));
    }
    Ok(())
}

/// Writes the key where its owner alone can read it, as it should be with a real one.
fn write_key(file: &str, key: &str) -> io::Result<()> {
    fs::write(file, key)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(file, fs::Permissions::from_mode(0o600))?;
    }
    Ok(())
}

fn watch(sandbox: &Sandbox) {
    let mut shown = Vec::new();
    loop {
        let rows = sandbox.rows(SPREADSHEET, TAB);
        if rows != shown {
            println!("{TAB}: {}", json!(rows));
            shown = rows;
        }
        thread::sleep(Duration::from_millis(250));
    }
}
