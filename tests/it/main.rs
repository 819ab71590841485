//! Tests.

mod bad_config;
mod config_mutations;
