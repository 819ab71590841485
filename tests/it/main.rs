//! Everything together: the library's actors, and the command, against the sandbox. One binary
//! with one module for each behaviour.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod article;
mod backoff;
mod bad_config;
mod commands;
mod config_mutations;
mod deadlines;
mod demo;
mod examples;
mod fetching;
mod folder;
mod guide;
mod host;
mod hostile;
mod invariants;
mod isolation;
#[expect(dead_code, reason = "the values beside a line are looked at within the crate alone")]
#[path = "../../src/journal.rs"]
mod journal;
mod keyless;
mod library;
mod line;
mod load;
mod log;
mod logged;
mod notify;
mod once;
mod online;
mod outages;
mod overtaken;
mod partly;
mod patience;
mod people;
mod phases;
mod picture;
mod preloaded;
mod probes;
mod readme;
mod rhythm;
mod rig;
mod schema;
#[path = "../../src/scripted.rs"]
mod scripted;
mod secrets;
mod signals;
mod slow;
mod stall;
mod stopping;
mod supervision;
mod texts;
mod tls;
mod token_endpoint;
mod tokens;
mod tty;
mod unread;
mod unsettled;
mod values;
mod warned;
mod window;
mod wording;
mod writing;
mod wrong_turns;

// Where what is shared with the library's own tests looks for them.
use ratesheet::{Dialer, Line};
