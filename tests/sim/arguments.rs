//! The arguments: ours, and those of a test by libtest, which are borne with.

use std::time::Duration;

pub(crate) const HELP: &str = "\
The whole tree of actors against simulated servers, in simulated time. Behind `cargo test --test sim --`:

  --seeds N      tries so many seeds (300)
  --from N       the first of them (0)
  --all          goes on when one has failed, and tells each that fails in a line
  --seed N       runs the one, and shows its journal
  --hours N      how long a run lasts, in its own time (1)
  --month        has each seed last a month, and looks whether the process grows
  NAME           only tests with this in their names; --exact, --skip, --list as everywhere
";

#[derive(Debug)]
pub(crate) struct Arguments {
    /// How many seeds are tried, and which is the first.
    pub(crate) seeds: u64,
    pub(crate) from: u64,
    /// The one seed that is shown.
    pub(crate) seed: Option<u64>,
    /// Whether all seeds are tried, though some have failed, and each of these is named.
    pub(crate) goes_on: bool,
    /// Whether each seed lasts a month, and is watched for what grows.
    pub(crate) month: bool,
    /// How long a run lasts, in its own time.
    pub(crate) length: Duration,
    /// Whether the tests are only named.
    pub(crate) lists: bool,
    /// Whether it is only said what the arguments are.
    pub(crate) helps: bool,
    filters: Vec<String>,
    exact: bool,
    skips: Vec<String>,
}

impl Arguments {
    pub(crate) fn from_command_line() -> Self {
        let mut arguments = Self {
            seeds: 300,
            from: 0,
            seed: None,
            goes_on: false,
            month: false,
            length: Duration::from_secs(3_600),
            lists: false,
            helps: false,
            filters: Vec::new(),
            exact: false,
            skips: Vec::new(),
        };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            let (name, own) = match word.split_once('=') {
                Some((name, value)) => (name.to_owned(), Some(value.to_owned())),
                None => (word, None),
            };
            let mut number = || {
                let text = own.clone().or_else(|| words.next()).unwrap_or_default();
                text.parse::<u64>().unwrap_or_else(|_| panic!("{name} wants a number, not {text}"))
            };
            match name.as_str() {
                "--seeds" => arguments.seeds = number(),
                "--from" => arguments.from = number(),
                "--seed" => arguments.seed = Some(number()),
                "--all" => arguments.goes_on = true,
                "--month" => arguments.month = true,
                "--hours" => arguments.length = Duration::from_secs(3_600 * number()),
                "--list" => arguments.lists = true,
                "--help" | "-h" => arguments.helps = true,
                "--exact" => arguments.exact = true,
                "--skip" => arguments.skips.extend(own.or_else(|| words.next())),
                "--test-threads" | "--format" | "--color" | "--logfile" => {
                    own.or_else(|| words.next());
                }
                "--nocapture" | "--show-output" | "--quiet" | "-q" | "--include-ignored" => {}
                // A word that is mistyped must not look like a night without a failure.
                flag if flag.starts_with('-') => panic!("{flag} means nothing here"),
                _ => arguments.filters.push(name),
            }
        }
        arguments
    }

    /// Whether a test is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let matches = |filter: &String| {
            if self.exact { name == filter } else { name.contains(filter.as_str()) }
        };
        let wanted = self.filters.is_empty() || self.filters.iter().any(matches);
        wanted && !self.skips.iter().any(matches)
    }
}
