//! The process.

#[expect(dead_code, reason = "main does not call it yet")]
mod cli;

fn main() {}
