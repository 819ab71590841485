//! What every command may be told: where the configuration is, and what is to lie over it.
//! Pure: no I/O, no clock, no randomness.

use std::path::PathBuf;

/// What every command may be told.
#[derive(Debug, Clone, Default, clap::Args)]
pub(crate) struct Flags {
    /// The configuration; `-` is standard input [default: ./ratesheet.json, else
    /// /etc/ratesheet/ratesheet.json]
    #[arg(short, long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// The service account's key file; `metadata` is the identity that Google gives its machines
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) credentials: Option<String>,
    /// Where the probes answer, such as 127.0.0.1:9642
    #[arg(long, global = true, value_name = "ADDR")]
    pub(crate) listen: Option<String>,
    /// What is logged
    #[arg(long, global = true, value_name = "LEVEL",
        value_parser = ["error", "warn", "info", "debug", "trace"])]
    pub(crate) log_level: Option<String>,
    /// How it is logged: text on a terminal and JSON elsewhere, unless it is said here
    #[arg(long, global = true, value_name = "FORMAT", value_parser = ["auto", "text", "json"])]
    pub(crate) log_format: Option<String>,
}
