//! The process: the only place that knows arguments, environment, signals, logs and exit codes.
//! Everything else is the library's.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
