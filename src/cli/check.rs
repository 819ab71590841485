//! `ratesheet check`: whether the configuration is well formed, and what it would do.
//! Touches: what [`layers`](super::layers) reads, the key's file. Never: the network, but by
//! [`probe`] when that is wanted.

use std::{collections::BTreeSet, io};

use ratesheet::{Config, Tab, span};

use super::{
    Wrong,
    credentials::{self, Identity, identity},
    environment::Environment,
    exit::Exit,
    flags::Flags,
    layers::{LoadError, Loaded, load},
    probe::probe,
    table::count,
    told,
};

/// The most sheets that are listed; of the others only the number.
const MOST_LISTED: usize = 20;

/// How far to go.
#[derive(Debug, Clone, Copy, clap::Args)]
pub(crate) struct Arguments {
    /// Ask Kraken and Google, too, and write nothing: whether the pairs, the spreadsheets, the tabs
    /// and the cells are there, what is in the cells, whether the account is let in, and whether
    /// the clock is right
    #[arg(long)]
    online: bool,
}

/// Checks the configuration and prints what is wrong with it, or what it would do. Returns the
/// exit code. A reader that has gone away is no failure.
pub(crate) fn check(
    environment: &Environment,
    flags: &Flags,
    arguments: Arguments,
    out: &mut dyn io::Write,
) -> Exit {
    let loaded = load(environment, flags).map_err(LoadError::wrong).and_then(with_authorities);
    let (text, code) = if arguments.online { online(loaded) } else { verdict(loaded) };
    told(out.write_all(text.as_bytes()).and_then(|()| out.flush()), code)
}

/// A configuration whose certificate authorities can be read; or why they cannot, and what else
/// there is that cannot.
fn with_authorities(loaded: Loaded) -> Result<Loaded, Wrong> {
    let Err(error) = loaded.config.tls.check(&loaded.name) else { return Ok(loaded) };
    let key = identity(&loaded.config).err().map(|error| format!("\n{error}"));
    Err((format!("{error}{}", key.unwrap_or_default()), Exit::Config))
}

/// What is printed, and the exit code.
fn verdict(loaded: Result<Loaded, Wrong>) -> (String, Exit) {
    let mut loaded = match loaded {
        Ok(loaded) => loaded,
        Err((told, exit)) => return (format!("{told}\n"), exit),
    };
    let mut text = format!("{}\n", loaded.name.escape_debug());
    text.push_str(&sheets(&loaded.config));
    match identity(&loaded.config) {
        Ok(Identity::Account(email)) => add(&mut text, format_args!("  as {email}")),
        Ok(Identity::Machine) => {
            add(&mut text, format_args!("  as the identity that Google has given to this machine"));
        }
        Ok(Identity::Nobody) => {}
        Err(error) => {
            add(
                &mut text,
                format_args!("The configuration is well formed, and yet nothing can be written:"),
            );
            add(&mut text, format_args!("{error}"));
            for warning in loaded.all_warnings() {
                add(&mut text, format_args!("warning: {warning}"));
            }
            return (text, error.exit());
        }
    }
    text.push_str(&beside(&loaded.config));
    loaded.warnings.extend(credentials::warning(&loaded.config));
    for warning in loaded.all_warnings() {
        add(&mut text, format_args!("warning: {warning}"));
    }
    text.push_str("Well formed. Nothing was contacted; `check --online` asks Kraken and Google.\n");
    (text, Exit::Done)
}

/// What is printed, and the exit code, when Kraken and Google have been asked.
fn online(loaded: Result<Loaded, Wrong>) -> (String, Exit) {
    let mut loaded = match loaded {
        Ok(loaded) => loaded,
        Err((told, exit)) => return (format!("{told}\n"), exit),
    };
    let mut text = format!("{}\n", loaded.name.escape_debug());
    text.push_str(&sheets(&loaded.config));
    text.push_str(&beside(&loaded.config));
    loaded.warnings.extend(credentials::warning(&loaded.config));
    for warning in loaded.all_warnings() {
        add(&mut text, format_args!("warning: {warning}"));
    }
    let findings = probe(&loaded.config);
    let cells = loaded.config.sheets.iter().map(|sheet| sheet.targets().count()).sum();
    text.push_str(&findings.text(cells));
    (text, findings.exit())
}

/// What would be written.
fn sheets(config: &Config) -> String {
    let mut text = String::new();
    for sheet in config.sheets.iter().take(MOST_LISTED) {
        let pairs: BTreeSet<_> = sheet.cells.iter().map(|cell| &cell.pair).collect();
        let every = span(sheet.every);
        let cells = count(sheet.targets().count(), "cell");
        let pairs = count(pairs.len(), "pair");
        let tab = match &sheet.tab {
            Tab::Title(title) => format!("tab {}", quoted(title)),
            other => other.to_string(),
        };
        let id = sheet.spreadsheet.as_str();
        add(&mut text, format_args!("  {tab} of {id}: {cells} of {pairs}, every {every}"));
    }
    if let more @ 1.. = config.sheets.len().saturating_sub(MOST_LISTED) {
        let all: usize = config.sheets.iter().map(|sheet| sheet.targets().count()).sum();
        add(&mut text, format_args!("  and {}; {all} cells in all", count(more, "more sheet")));
    }
    text
}

/// What `run` does beside it. Of the heartbeat's address the host alone: the rest is a secret.
fn beside(config: &Config) -> String {
    let mut text = String::new();
    if let Some(listen) = config.status.listen {
        add(&mut text, format_args!("  answering probes at http://{listen}"));
    }
    if let Some(host) = config.heartbeat.host() {
        add(&mut text, format_args!("  telling {host} once a minute while all is well"));
    }
    text
}

/// A title as a cell of its tab is written, whatever is in it.
fn quoted(title: &str) -> String {
    let parts: Vec<_> = title.split('\'').map(|part| part.escape_debug().to_string()).collect();
    format!("'{}'", parts.join("''"))
}

fn add(text: &mut String, line: std::fmt::Arguments<'_>) {
    text.push_str(&line.to_string());
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Checks a file with this text, with these variables.
    fn checked(text: &str, variables: &[(&str, &str)]) -> (String, Exit) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ratesheet.json");
        fs::write(&file, text).unwrap();
        let variables = variables.iter().map(|&(name, value)| (name.into(), value.into()));
        let flags = Flags { config: Some(file.clone()), ..Flags::default() };
        let mut out = Vec::new();
        let offline = Arguments { online: false };
        let code = check(&Environment::of(variables), &flags, offline, &mut out);
        let text = String::from_utf8(out).unwrap();
        (text.replace(&*file.to_string_lossy(), "ratesheet.json"), code)
    }

    const FILE: &str = include_str!("../../config/example.json");

    #[test]
    fn a_well_formed_configuration_is_summed_up() {
        let metadata = ("RATESHEET__CREDENTIALS", "metadata");
        let (text, code) = checked(&FILE.replace("5000", "1000"), &[metadata]);
        let expected = "ratesheet.json
  tab 'Sheet 1' of 15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk: 3 cells of 1 pair, every 1 s
  as the identity that Google has given to this machine
warning: The sheets ask for 60 writes a minute, and 50 are made (google.writes_per_minute): each \
         write waits for its turn. If all have one timeout, the smallest that fits is 1200 ms.
warning: A timeout of 1 s is shorter than Kraken's cache: its answers change every 2 s.
Well formed. Nothing was contacted; `check --online` asks Kraken and Google.
";
        assert_eq!((text.as_str(), code), (expected, Exit::Done));
    }

    #[test]
    fn what_is_done_beside_is_told_and_no_secret() {
        let variables = [
            ("RATESHEET__CREDENTIALS", "metadata"),
            ("RATESHEET__STATUS__LISTEN", "127.0.0.1:9642"),
            ("RATESHEET__HEARTBEAT__URL", "https://hc-ping.com/5eCr3t?5eCr3t"),
        ];
        let (text, _) = checked(FILE, &variables);
        let told = "
  as the identity that Google has given to this machine
  answering probes at http://127.0.0.1:9642
  telling hc-ping.com once a minute while all is well
";
        assert!(text.contains(told) && !text.contains("5eCr3t"), "{text}");
    }

    #[test]
    fn a_timeout_is_told_in_its_unit() {
        for (timeout, told) in [("86400000", "24 h"), ("5", "5 ms"), ("90000", "90 s")] {
            let (text, _) = checked(&FILE.replace("5000", timeout), &[]);
            assert!(text.contains(&format!("3 cells of 1 pair, every {told}\n")), "{text}");
        }
    }

    #[test]
    fn a_title_is_shown_as_a_cell_of_its_tab_is_written() {
        let (text, _) = checked(&FILE.replace("Sheet 1", "Bob's\u{202e}"), &[]);
        assert!(text.contains("  tab 'Bob''s\\u{202e}' of 15Cc"), "{text}");
    }

    #[test]
    fn mistakes_and_no_credentials_end_with_78_and_a_wrong_key_with_77() {
        let (text, code) = checked("{}", &[]);
        assert_eq!(code, Exit::Config);
        assert_eq!(text.matches("ratesheet.json:1:1: error at $: found no ").count(), 3, "{text}");
        let (text, code) = checked(FILE, &[]);
        assert_eq!(code, Exit::Config);
        assert!(!text.contains("warning"), "{text}");
        let (hasty, _) = checked(&FILE.replace("5000", "1500"), &[]);
        assert!(hasty.contains("\nwarning: A timeout of 1500 ms is shorter"), "{hasty}");
        assert!(text.contains("\nThere are no credentials\n  help: Name"), "{text}");
        for variable in ["GOOGLE_APPLICATION_CREDENTIAL", "google_application_credentials"] {
            let (text, _) = checked(FILE, &[(variable, "/key.json")]);
            let told = format!(
                "\nwarning: {variable} is set, and is not heeded: did you mean \
                 GOOGLE_APPLICATION_CREDENTIALS?\n"
            );
            assert!(text.contains("There are no credentials") && text.ends_with(&told), "{text}");
        }
        let variable = "GOOGLE_APPLICATION_CREDENTIALS";
        let (text, code) = checked(FILE, &[(variable, "/does/not/exist")]);
        assert_eq!(code, Exit::Credentials);
        let told =
            "nothing can be written:\n/does/not/exist: error: the key cannot be read: No such";
        assert!(text.contains(told), "{text}");
        let (text, code) = checked(FILE, &[(variable, "config/example.json")]);
        assert_eq!(code, Exit::Credentials);
        assert!(text.contains("a configuration of ratesheet, not a key"), "{text}");
    }

    #[test]
    fn a_good_key_says_whose_it_is_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let key = folder.path().join("key.json");
        let pem = include_str!("../../tests/keys/rsa-2048.pem");
        let json = serde_json::json!({
            "type": "service_account", "private_key": pem, "client_email": "robot@example.com",
            "token_uri": "https://oauth2.googleapis.com/token",
        });
        fs::write(&key, json.to_string()).unwrap();
        let (text, code) = checked(FILE, &[("RATESHEET__CREDENTIALS", &key.to_string_lossy())]);
        assert_eq!(code, Exit::Done, "{text}");
        assert!(text.contains("\n  as robot@example.com\n"), "{text}");
        assert!(!text.contains("MII") && !text.contains("PRIVATE"), "{text}");
    }
}
