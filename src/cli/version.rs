//! `ratesheet version`: what this is, and what it was built of and with. Touches: standard output.
//!
//! Cargo tells a program neither its commit nor its compiler. Whoever builds it for others does, by
//! two variables, as the `Dockerfile`; in any other build they are unknown.

use super::{exit::Exit, tell};

/// The commit that it was built from.
const REVISION: &str = stated(option_env!("RATESHEET_REVISION"));

/// What `rustc --version` said.
const COMPILER: &str = stated(option_env!("RATESHEET_RUSTC"));

const TLS: &str = "rustls 0.23 with ring";

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
            "revision": REVISION,
            "compiler": COMPILER,
            "tls": TLS,
        });
        format!("{facts}\n")
    } else {
        format!("ratesheet {version}\nrevision: {REVISION}\ncompiler: {COMPILER}\nTLS: {TLS}\n")
    };
    tell(&text, Exit::Done)
}

/// What a variable states, if it is there and not empty.
const fn stated(variable: Option<&'static str>) -> &'static str {
    match variable {
        Some(text) if !text.is_empty() => text,
        _ => "unknown",
    }
}
