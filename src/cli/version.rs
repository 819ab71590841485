//! `ratesheet version`: what this is, and what it was built with. Touches: standard output.

use super::{exit::Exit, tell};

/// How to say it.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn version(arguments: &Arguments) -> Exit {
    let version = env!("CARGO_PKG_VERSION");
    let text = if arguments.json {
        let facts = serde_json::json!({
            "name": env!("CARGO_PKG_NAME"),
            "version": version,
            "license": env!("CARGO_PKG_LICENSE"),
            "tls": "rustls 0.23 with ring",
        });
        format!("{facts}\n")
    } else {
        format!("ratesheet {version}\n")
    };
    tell(&text, Exit::Done)
}
