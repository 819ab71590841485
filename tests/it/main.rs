//! Everything together: the library's actors, and the command, against the sandbox. One binary
//! with one module for each behaviour.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod article;
mod bad_config;
mod commands;
mod config_mutations;
mod invariants;
mod isolation;
mod library;
mod notify;
mod online;
mod outages;
mod readme;
mod regressions;
mod rig;
mod schema;
mod secrets;
mod signals;
mod supervision;
mod tls;
