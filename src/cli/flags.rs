//! What every command may be told: where the configuration is, and what is to lie over it.
//! Pure: no I/O, no clock, no randomness.

use std::{collections::BTreeSet, ffi::OsString, path::PathBuf};

use clap::error::{ContextKind, ContextValue, ErrorKind};
use ratesheet::Overlays;

/// What every command may be told.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Flags {
    /// The configuration; `-` is standard input [default: ./ratesheet.json, else
    /// /etc/ratesheet/ratesheet.json]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// The service account's key file; `metadata` is the identity that Google gives its machines
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) credentials: Option<String>,
    /// Where the probes answer, such as 127.0.0.1:9642
    #[arg(long, global = true, value_name = "ADDR")]
    pub(super) listen: Option<String>,
    /// What is logged
    #[arg(long, global = true, value_name = "LEVEL",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(super) log_level: Option<String>,
    /// How it is logged: text on a terminal and JSON elsewhere, unless it is said here
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub(super) log_format: Option<String>,
}

impl Flags {
    /// Lays what they say over what lies over the file's already.
    pub(super) fn lay_over(&self, overlays: &mut Overlays) {
        for (path, value, flag) in [
            ("credentials", &self.credentials, "--credentials"),
            ("status.listen", &self.listen, "--listen"),
            ("log.level", &self.log_level, "--log-level"),
            ("log.format", &self.log_format, "--log-format"),
        ] {
            if let Some(value) = value {
                overlays.set(path, value, flag);
            }
        }
    }
}

/// Whether no flag is there twice. Before and behind the name of a command, clap takes the latter.
pub(super) fn once(
    arguments: impl Iterator<Item = OsString>,
    command: impl FnOnce() -> clap::Command,
) -> Result<(), clap::Error> {
    let mut seen = BTreeSet::new();
    let arguments = arguments.map(|argument| argument.to_string_lossy().into_owned());
    for argument in arguments.take_while(|argument| argument != "--") {
        let name = match argument.split('=').next() {
            _ if argument.starts_with("-c") => "--config",
            Some(name) if name.starts_with("--") => name,
            _ => continue,
        };
        if !seen.insert(name.to_owned()) {
            let told = format!("the argument '{name}' cannot be used multiple times");
            return Err(command().error(ErrorKind::ArgumentConflict, told));
        }
    }
    Ok(())
}

/// An error of the command line, with how a configuration is named if somebody has named one
/// without its flag.
pub(super) fn with_advice(mut error: clap::Error) -> clap::Error {
    let kind = match error.kind() {
        ErrorKind::UnknownArgument => ContextKind::InvalidArg,
        ErrorKind::InvalidSubcommand => ContextKind::InvalidSubcommand,
        _ => return error,
    };
    if let Some(ContextValue::String(text)) = error.get(kind)
        && text.ends_with(".json")
        && !text.starts_with('-')
    {
        let advice = format!("a configuration is named by its flag: `--config {text}`");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![advice.into()]));
    }
    error
}
