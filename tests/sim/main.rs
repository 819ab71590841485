//! The simulation: the whole tree of actors against simulated servers, in simulated time, with
//! everything that can go wrong; all of it follows from a seed.
//!
//! ```text
//! cargo test --test sim                                the seeds that once failed, and 300 more
//! cargo test --test sim -- --seeds 20000 --from 300    others, for a night
//! cargo test --test sim -- --seeds 2000 --all          … and every one that fails, in a line
//! cargo test --test sim -- --seed 17                   one, with its journal
//! cargo test --test sim -- --seed 17 --hours 24        … for a day
//! ```
//!
//! What is not in it: sockets, TLS, files, the clock on the wall (cells that tell the time, which
//! would make no two runs alike), the status pages. Those are tested in `it`.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails by panicking")]
#![allow(clippy::cast_precision_loss, reason = "prices are small")]

mod arguments;
mod bound;
mod broken;
mod checker;
mod dice;
mod excuses;
mod failing;
mod faults;
mod fetches;
mod fresh;
mod google;
mod http1;
mod kraken;
mod lately;
mod meddle;
mod net;
mod panics;
mod plan;
mod planted;
mod request;
mod run;
mod sheet;
mod swarm;
mod tokens;
mod told;
mod trouble;
mod world;
mod writes;

use std::process::ExitCode;

use arguments::Arguments;
pub(crate) use panics::watch as watch_panics;
pub(crate) use run::fuzzed;

fn main() -> ExitCode {
    let arguments = Arguments::from_command_line();
    if arguments.helps {
        print!("{}", arguments::HELP);
        return ExitCode::SUCCESS;
    }
    watch_panics();
    if let Some(seed) = arguments.seed {
        return swarm::replay(seed, &arguments);
    }
    let mut failed = false;
    for (name, test) in swarm::TESTS {
        if arguments.lists {
            println!("{name}: test");
        } else if arguments.wants(name) {
            let outcome = test(&arguments);
            println!("test {name} ... {}", if outcome.is_ok() { "ok" } else { "FAILED" });
            if let Err(text) = outcome {
                println!("{text}");
                failed = true;
            }
        }
    }
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
