//! Runs the sandbox until standard input ends, for clients in other languages.
//!
//! The first line of its output is a JSON object: `url`, `spreadsheet`, and `key`, the content of
//! a service account's key file. Each line of input is answered with the journal so far, as JSON.

#![allow(clippy::print_stdout, reason = "its output is what it is for")]

use std::{io, time::Duration};

use ratesheet::sandbox::{Sandbox, Walk};
use serde_json::{Value, json};

const SPREADSHEET: &str = "1Sandbox-of-ratesheet_0123456789abcdefghijkl";

fn main() -> io::Result<()> {
    let sandbox = Sandbox::start()?;
    sandbox.set_walk(Walk::Every(Duration::from_secs(1)));
    let odd = "It's a/tab #1 50%";
    let tabs = [("Sheet 1", 1000, 26), (odd, 100, 26), ("D3", 10, 5)];
    sandbox.create_spreadsheet(SPREADSHEET, "A spreadsheet of the sandbox", &tabs);
    let key: Value = serde_json::from_str(&sandbox.service_account_key())?;
    println!("{}", json!({ "url": sandbox.url(), "spreadsheet": SPREADSHEET, "key": key }));
    for line in io::stdin().lines() {
        line?;
        let entries = sandbox.journal();
        let entries = entries.iter().map(|entry| {
            json!({ "method": entry.method, "target": entry.target, "status": entry.status,
                "agent": entry.header("user-agent") })
        });
        println!("{}", Value::from_iter(entries));
    }
    Ok(())
}
