//! Runs the sandbox until standard input ends, for clients in other languages, and in containers.
//!
//!     sandbox [--listen ADDRESS] [--key FILE] [--watch] [--generous]
//!
//! The first line of its output is a JSON object: `url`, `spreadsheet`, and `key`, the content of
//! a service account's key file. Of what is read then, each line is answered by one line of JSON:
//! `cells` by what the first tab holds, row by row; `rename TITLE` gives that tab another title,
//! `unshare` takes the spreadsheet from the account, `share` gives it back; any other line is
//! answered by the journal so far. With `--key` the key is written to a file as well, for whoever
//! runs there; with `--watch` the cells are also printed whenever they have changed; with
//! `--generous` there are no quotas, and any id is a spreadsheet. On a terminal a configuration to
//! try stands in place of the object.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "its output is what it is for")]

use std::{
    env, fs,
    io::{self, IsTerminal as _},
    net::SocketAddr,
    process::ExitCode,
    thread,
    time::Duration,
};

use ratesheet::sandbox::{Sandbox, Walk};
use serde_json::{Value, json};

const SPREADSHEET: &str = "1Sandbox-of-ratesheet_0123456789abcdefghijkl";
const TAB: &str = "Sheet 1";

const USAGE: &str = "\
Stand-ins of Kraken and Google, until standard input ends.

Usage: sandbox [--listen ADDRESS] [--key FILE] [--watch] [--generous]

  --listen ADDRESS  where they answer, such as 127.0.0.1:8080; otherwise at a free port
  --key FILE        writes the key of a service account to this file
  --watch           prints the cells whenever they have changed
  --generous        has no quotas, and a spreadsheet under any id

The first line of its output says where they answer, and which spreadsheet there is; on a terminal,
it begins with a configuration to try. What it can be told then, a line each:

  cells             what the first tab holds
  journal           what was asked so far
  rename TITLE      gives the first tab another title
  unshare, share    takes the spreadsheet from the account, gives it back
";

/// What the arguments ask for.
struct Arguments {
    listen: SocketAddr,
    key_file: Option<String>,
    watched: bool,
    generous: bool,
}

impl Arguments {
    /// Reads them; `None` if they ask for help.
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Option<Self>, String> {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut read = Self { listen, key_file: None, watched: false, generous: false };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} lacks its value"));
            match argument.as_str() {
                "--listen" => {
                    let address = value()?;
                    let no_address = |_| format!("{address} is no address such as 127.0.0.1:8080");
                    read.listen = address.parse().map_err(no_address)?;
                }
                "--key" => read.key_file = Some(value()?),
                "--watch" => read.watched = true,
                "--generous" => read.generous = true,
                "--help" | "-h" => return Ok(None),
                other => return Err(format!("{other} is not known here; --help says what is")),
            }
        }
        Ok(Some(read))
    }
}

fn main() -> ExitCode {
    let served = match Arguments::read(env::args().skip(1)) {
        Ok(Some(arguments)) => serve(arguments),
        Ok(None) => {
            print!("{USAGE}");
            Ok(())
        }
        Err(mistake) => Err(mistake),
    };
    match served {
        Ok(()) => ExitCode::SUCCESS,
        Err(mistake) => {
            eprintln!("sandbox: {mistake}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: Arguments) -> Result<(), String> {
    let Arguments { listen, key_file, watched, generous } = arguments;
    let sandbox = Sandbox::start_at(listen)
        .map_err(|cause| format!("it cannot be served at {listen}: {cause}"))?;
    sandbox.set_walk(Walk::Every(Duration::from_secs(1)));
    let odd = "It's a/tab #1 50%";
    let tabs = [(TAB, 1000, 26), (odd, 100, 26), ("D3", 10, 5)];
    sandbox.create_spreadsheet(SPREADSHEET, "A spreadsheet of the sandbox", &tabs);
    if generous {
        sandbox.set_quota(None);
        sandbox.auto_create(&tabs);
    }
    let key = sandbox.service_account_key();
    if let Some(file) = &key_file {
        write_key(file, &key)
            .map_err(|cause| format!("the key cannot be written to {file}: {cause}"))?;
    }
    if io::stdout().is_terminal() {
        println!("{}", greeting(&sandbox.url(), key_file.as_deref()));
    } else {
        let key: Value = serde_json::from_str(&key).map_err(|cause| cause.to_string())?;
        println!("{}", json!({ "url": sandbox.url(), "spreadsheet": SPREADSHEET, "key": key }));
    }
    if watched {
        let sandbox = sandbox.clone();
        thread::spawn(move || watch(&sandbox));
    }
    for line in io::stdin().lines() {
        let line = line.map_err(|cause| format!("standard input cannot be read: {cause}"))?;
        println!("{}", obey(&sandbox, &line));
    }
    Ok(())
}

/// Does what a line asks for, and answers it.
fn obey(sandbox: &Sandbox, line: &str) -> Value {
    match line.split_once(' ').unwrap_or((line, "")) {
        ("cells", _) => json!(sandbox.rows(SPREADSHEET, &first_tab(sandbox))),
        ("rename", title) if !title.trim().is_empty() => {
            sandbox.rename_tab(SPREADSHEET, &first_tab(sandbox), title.trim());
            json!(sandbox.tabs(SPREADSHEET))
        }
        ("share", _) => {
            sandbox.share(SPREADSHEET);
            json!({ "shared": true })
        }
        ("unshare", _) => {
            sandbox.unshare(SPREADSHEET);
            json!({ "shared": false })
        }
        _ => journal(sandbox),
    }
}

/// The title that the first tab has by now.
fn first_tab(sandbox: &Sandbox) -> String {
    sandbox.tabs(SPREADSHEET).into_iter().next().unwrap_or_default()
}

/// What was asked so far.
fn journal(sandbox: &Sandbox) -> Value {
    let entries = sandbox.journal();
    let entries = entries.iter().map(|entry| {
        json!({ "at_ms": entry.at.as_millisecond(), "method": entry.method,
            "target": entry.target, "status": entry.status,
            "agent": entry.header("user-agent") })
    });
    Value::from_iter(entries)
}

/// What a person needs to know.
fn greeting(url: &str, key_file: Option<&str>) -> String {
    let (key, without) = match key_file {
        Some(file) => (file, ""),
        None => ("key.json", "\n(Start it with --key key.json, and the key is written there.)"),
    };
    format!(
        r#"Stand-ins of Kraken and Google are at {url}
A configuration to try with them, such as by `ratesheet once`:

{{
  "sheet": "{SPREADSHEET}:{TAB}",
  "timeout": 5000,
  "data": {{ "kraken:xbteur:sell": "A1" }},
  "credentials": {key:?},
  "kraken": {{ "url": "{url}" }},
  "google": {{ "url": "{url}" }}
}}
{without}
Type `cells` to see the sheet, `journal` to see what was asked; `rename TITLE` renames its tab,
`unshare` takes it from the account, `share` gives it back; Ctrl-D ends it."#
    )
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
        let tab = first_tab(sandbox);
        let rows = sandbox.rows(SPREADSHEET, &tab);
        if rows != shown {
            println!("{tab}: {}", json!(rows));
            shown = rows;
        }
        thread::sleep(Duration::from_millis(250));
    }
}
