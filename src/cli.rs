//! The command line: what can be asked for, and who does it. One file for each command.
//! Touches: arguments; standard output. Never: the network by itself.

mod check;
mod completions;
mod credentials;
mod demo;
mod drill;
mod environment;
mod exit;
mod face;
mod fields;
mod findings;
mod flags;
mod grid;
mod healthcheck;
mod inbox;
mod init;
mod layers;
mod logger;
#[cfg(test)]
mod manual;
mod news;
mod notify;
mod once;
mod outage;
mod outcome;
mod pairs;
mod panics;
mod probe;
mod process;
mod reloads;
mod run;
mod schema;
mod screen;
mod service;
mod stage;
mod table;
mod terminal;
mod version;

use std::{
    env,
    io::{self, Write as _, stderr, stdout},
    process::ExitCode,
};

use clap::{CommandFactory as _, Parser, Subcommand};

use self::{
    environment::Environment, exit::Exit, flags::Flags, layers::Loaded, process::EndedBySignals,
};

/// Reads Kraken quotes and writes them into cells of Google spreadsheets, tick after tick.
#[derive(Debug, Parser)]
#[command(name = "ratesheet", version, propagate_version = true, max_term_width = 100)]
#[command(after_help = "Without a command it runs: `ratesheet` is `ratesheet run`.\n\
    `ratesheet demo` shows all of it at work, and needs no account and no network.")]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write the sheets, for ever (this is what happens without a command)
    Run,
    /// Write the sheets once, say how each cell fared, and end
    Once(once::Arguments),
    /// Say what is wrong with the configuration; without --online, nobody is contacted
    Check(check::Arguments),
    /// Show it at work, all in one process: no account, no network
    Demo(demo::Arguments),
    /// Ask a running service of this machine how it is doing; ends with 0 if all is well, else
    /// with 1
    Healthcheck(healthcheck::Arguments),
    /// Write a first configuration
    Init(init::Arguments),
    /// List what Kraken trades
    Pairs(pairs::Arguments),
    /// List the fields of a quote and what they mean
    Fields,
    /// Print the JSON Schema of the configuration, for editors
    Schema,
    /// Write what makes a shell complete the command's arguments
    Completions(completions::Arguments),
    /// Say what this is, and what it was built with
    Version(version::Arguments),
}

/// Does what the arguments ask for.
pub(crate) fn main() -> ExitCode {
    panics::tell_panics();
    process::keep_memory_private();
    let once = |arguments| flags::once(env::args_os(), Arguments::command).map(|()| arguments);
    let arguments = match Arguments::try_parse().and_then(once) {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            // Nobody is left to be told that this cannot be printed.
            drop(flags::with_advice(error).print());
            return Exit::Usage.into();
        }
        Err(help) => {
            let said = help.print().and_then(|()| stdout().flush());
            return told(said, Exit::Done).into();
        }
    };
    let flags = arguments.flags;
    let command = arguments.command.unwrap_or(Command::Run);
    // These two stop in an orderly way, also before they have begun.
    let [terminated, interrupted] = match command {
        Command::Run | Command::Demo(_) => [Exit::Done, Exit::Done],
        _ => [Exit::Terminated, Exit::Interrupted],
    };
    let ended = EndedBySignals::with(terminated, interrupted);
    let obey = |ended| obey(command, &flags, ended);
    process::end(ended.map_or_else(unheeded, |ended| panics::caught(|| obey(ended))))
}

/// How a command ends that would not heed signals.
fn unheeded(cause: io::Error) -> Exit {
    print_error(&format!("ratesheet: signals cannot be heeded: {cause}\n"));
    Exit::System
}

/// Does what a command asks for.
fn obey(command: Command, flags: &Flags, ended: EndedBySignals) -> Exit {
    match command {
        Command::Run => run::run(flags, ended),
        Command::Once(arguments) => once::once(flags, &arguments),
        Command::Check(arguments) => {
            let environment = Environment::of_process();
            check::check(&environment, flags, arguments, &mut Output)
        }
        Command::Demo(arguments) => demo::demo(flags, &arguments, ended),
        Command::Healthcheck(arguments) => healthcheck::healthcheck(flags, &arguments),
        Command::Init(arguments) => init::init(flags, &arguments),
        Command::Pairs(arguments) => pairs::pairs(flags, &arguments),
        Command::Fields => fields::fields(),
        Command::Schema => schema::schema(),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Version(arguments) => version::version(&arguments),
    }
}

/// The configuration to go by, with credentials that can be used; or how to end. What is wrong has
/// been told then, all of it; what is merely odd is still to be told.
fn load(flags: &Flags) -> Result<Loaded, Exit> {
    let mut loaded = load_unread(flags)?;
    let identity = credentials::identity(&loaded.config).map(drop);
    let identity = identity.map_err(|error| (error.to_string(), error.exit()));
    all_well(&[trusted(&loaded), identity]).inspect_err(|_| {
        // Perhaps they were named in a variable that is none.
        loaded.warnings.iter().for_each(|odd| print_error(&format!("warning: {odd}\n")));
    })?;
    loaded.warnings.extend(credentials::warning(&loaded.config));
    Ok(loaded)
}

/// As [`load`], whatever the key.
fn load_keyless(flags: &Flags) -> Result<Loaded, Exit> {
    let loaded = load_unread(flags)?;
    all_well(&[trusted(&loaded)])?;
    Ok(loaded)
}

/// As [`load`], whatever the files that it names.
fn load_unread(flags: &Flags) -> Result<Loaded, Exit> {
    let loaded = layers::load(&Environment::of_process(), flags);
    loaded.map_err(|error| unloaded(error.wrong()))
}

/// Tells what is wrong, and how to end.
fn unloaded((told, exit): Wrong) -> Exit {
    print_error(&format!("{told}\n"));
    exit
}

/// What is wrong, and how to end for it.
type Wrong = (String, Exit);

/// Whether the certificate authorities can be read.
fn trusted(loaded: &Loaded) -> Result<(), Wrong> {
    let checked = loaded.config.tls.check(&loaded.name);
    checked.map_err(|error| (error.to_string(), Exit::Config))
}

/// Tells all that is wrong, and ends for the first of it.
fn all_well(looked_at: &[Result<(), Wrong>]) -> Result<(), Exit> {
    let wrong: Vec<&Wrong> = looked_at.iter().filter_map(|found| found.as_ref().err()).collect();
    wrong.iter().for_each(|(told, _)| print_error(&format!("{told}\n")));
    wrong.first().map_or(Ok(()), |(_, exit)| Err(*exit))
}

/// Standard output, as a command writes it: Rust's own takes whatever it is given, and says
/// nothing, where it can only be read. One that is closed cannot be told from `/dev/null`, which
/// Rust puts in its place before anything of ours begins: nobody wants to read it.
#[derive(Debug)]
struct Output;

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(rustix::io::write(stdout(), bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Prints to standard output.
fn print(text: &str) -> io::Result<()> {
    Output.write_all(text.as_bytes())
}

/// Prints what a command has to say, and ends as it would.
fn tell(text: &str, exit: Exit) -> Exit {
    told(print(text), exit)
}

/// How a command ends that has said what it has to say: if nobody reads it, nobody misses it; but
/// a file that lacks half of it must not look like success.
fn told(said: io::Result<()>, exit: Exit) -> Exit {
    match said {
        Err(cause) if cause.kind() != io::ErrorKind::BrokenPipe => {
            print_error(&format!("ratesheet: standard output cannot be written: {cause}\n"));
            Exit::Output
        }
        _ => exit,
    }
}

/// Prints to standard error. If that fails, nobody is left to be told.
fn print_error(text: &str) {
    drop(stderr().lock().write_all(text.as_bytes()));
}
