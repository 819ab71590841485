//! A folder as the README's six steps leave it: a configuration, a key, and nothing else; and what
//! the command says in it. What it says is compared with files that `RATESHEET_REWRITE=1 cargo
//! test --test it` writes anew.

use std::{fmt, fs, os::unix::fs::PermissionsExt as _, path::PathBuf, process::Command};

use ratesheet::sandbox::{SERVICE_ACCOUNT, Walk};
use regex_lite::Regex;
use tempfile::TempDir;

use crate::rig::{Rig, finish, ratesheet};

pub(crate) struct Folder {
    pub(crate) rig: Rig,
    folder: TempDir,
    variables: Vec<(String, String)>,
}

/// What a command said, and how it ended.
pub(crate) struct Said {
    command: String,
    pub(crate) code: i32,
    pub(crate) text: String,
}

impl Folder {
    /// A folder with this configuration: a JSON object as a person writes it.
    pub(crate) fn with(sheets: &str) -> Self {
        let rig = Rig::new();
        let folder = tempfile::tempdir().unwrap();
        let config = fs::read_to_string(rig.file(sheets).path()).unwrap();
        let config = config.replace(rig.key.path().to_str().unwrap(), "key.json");
        // What is said must not depend on how busy the machine is.
        let config = config.replace("\"deadline\": 500", "\"deadline\": 10000");
        rig.sandbox.set_walk(Walk::Still);
        fs::write(folder.path().join("ratesheet.json"), config).unwrap();
        let this = Self { rig, folder, variables: Vec::new() };
        this.put_key(&this.rig.sandbox.service_account_key());
        this
    }

    /// Puts another key in the place of the good one.
    pub(crate) fn put_key(&self, key: &str) {
        let path = self.folder.path().join("key.json");
        fs::write(&path, key).unwrap();
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }

    /// Sets a variable of the environment for what is said from now on.
    pub(crate) fn variable(&mut self, name: &str, value: &str) {
        self.variables.push((name.into(), value.into()));
    }

    /// `ratesheet` with these arguments.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = ratesheet(&arguments.split_whitespace().collect::<Vec<_>>());
        command.current_dir(self.folder.path()).envs(self.variables.iter().cloned());
        command
    }

    /// What `ratesheet` says to these arguments, on both of its outputs.
    pub(crate) fn says(&self, arguments: &str) -> Said {
        let output = finish(self.command(arguments));
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        let code = output.status.code().unwrap();
        Said { command: arguments.into(), code, text: self.timeless(&text) }
    }

    /// Changes the configuration.
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let path = self.folder.path().join("ratesheet.json");
        let config = fs::read_to_string(&path).unwrap();
        assert!(config.contains(from), "{from} is not in {config}");
        fs::write(path, config.replace(from, to)).unwrap();
    }

    /// A text without what is different each time.
    pub(crate) fn timeless(&self, text: &str) -> String {
        let mut text = text
            .replace(&self.rig.sandbox.url(), "http://127.0.0.1:9")
            .replace(SERVICE_ACCOUNT, "robot@example.iam.gserviceaccount.com");
        for (pattern, instead) in [
            (r"(written in|to Google\.) \d+ ms\b", "$1 23 ms"),
            (r#""duration_ms": \d+"#, r#""duration_ms": 23"#),
            (r"os error \d+", "os error 98"),
            (r"\b\d{5}\.\d{6,}", "46350.397593078706"),
            (r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "2026-11-24T09:32:37Z"),
            (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "2026-11-24 09:32:37"),
        ] {
            text = Regex::new(pattern).unwrap().replace_all(&text, instead).into_owned();
        }
        text
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { command, code, text } = self;
        let line = format!("$ ratesheet {command}");
        write!(f, "{}\n{}\n[{code}]\n", line.trim_end(), text.trim_end())
    }
}

/// Compares a text with the file of this name, or writes the file anew.
pub(crate) fn golden(name: &str, text: &str) {
    let path: PathBuf = [env!("CARGO_MANIFEST_DIR"), "tests", name].iter().collect();
    if std::env::var_os("RATESHEET_REWRITE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
    }
    let expected = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        expected == text,
        "tests/{name} says something else (RATESHEET_REWRITE=1 writes it anew):\n{text}"
    );
}
