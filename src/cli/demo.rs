//! `ratesheet demo`: all of it at work in one process, over real HTTP, with stand-ins of Kraken
//! and Google. Touches: standard output.

use std::{
    io::{self, IsTerminal, stdout},
    time::Duration,
};

use ratesheet::{
    Config, Event, GoogleConfig, LogLevel, Report, ServiceAccountKey, SheetConfig,
    SpreadsheetReport, SupervisorActor, sandbox::Sandbox,
};

use super::{
    Options,
    drill::DrillOrder,
    exit::Exit,
    face::{Bound, Face},
    layers,
    logger::Logging,
    print, print_error,
    screen::{Screen, Sheet},
    service::{Service, Watch},
};

/// The spreadsheet of the demo, as its id.
const SPREADSHEET: &str = "1-the-spreadsheet-of-the-demo";
const TAB: &str = "Prices";

/// What the sheet shows, a row each, and under which name people know it.
const PAIRS: [(&str, &str); 6] = [
    ("Bitcoin", "xbteur"),
    ("Ether", "etheur"),
    ("Solana", "soleur"),
    ("Dogecoin", "dogeeur"),
    ("Cardano", "adaeur"),
    ("Pepe", "pepeeur"),
];

/// The columns, from B on.
const FIELDS: [(&str, &str); 4] =
    [("Buy", "buy"), ("Sell", "sell"), ("Last", "last"), ("Change", "change")];

/// How long, and what is to go wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after so many ticks; otherwise with Ctrl-C
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    ticks: Option<u64>,
    /// From tick to tick, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(20..=60_000))]
    every: u64,
    /// Make an actor fail on purpose after the third tick, to see it restarted: schedule, kraken
    /// or sheets, and how: panic, stop or hang; with `:forever` it fails again after each restart
    #[arg(long, value_name = "ACTOR:HOW[:forever]")]
    drill: Option<DrillOrder>,
}

/// Shows it at work.
pub(super) fn demo(options: &Options, arguments: &Arguments) -> Exit {
    let flags = match layers::load_flags(&options.flags()) {
        Ok(flags) => flags,
        Err(error) => {
            print_error(&format!("{error}\n"));
            return Exit::Usage;
        }
    };
    let stage = match Stage::set(arguments) {
        Ok(stage) => Stage { config: stage.config.status(flags.status).log(flags.log), ..stage },
        Err(cause) => {
            print_error(&format!("ratesheet: the demo cannot be set up: {cause}\n"));
            return Exit::GaveUp;
        }
    };
    let mut log = stage.config.log;
    if !options.says_log_level() {
        log.level = LogLevel::Error;
    }
    let logging = Logging::start(&log);
    let exit = actix_rt::System::new().block_on(stage.play(arguments, &logging));
    logging.finish();
    exit
}

/// Everything that the demo needs.
struct Stage {
    sandbox: Sandbox,
    config: Config,
    /// The stand-in's key, which opens nothing.
    key: ServiceAccountKey,
}

impl Stage {
    fn set(arguments: &Arguments) -> io::Result<Self> {
        let sandbox = Sandbox::start()?;
        sandbox.set_quota(None);
        sandbox.set_journal_limit(100);
        sandbox.create_spreadsheet(SPREADSHEET, "The demo", &[(TAB, 100, 26)]);
        let key = ServiceAccountKey::from_json(sandbox.service_account_key().as_bytes())
            .map_err(io::Error::other)?;
        let every = Duration::from_millis(arguments.every);
        let mut sheet = SheetConfig::new(SPREADSHEET, TAB).every(every);
        for (row, (name, pair)) in (2..).zip(PAIRS) {
            sandbox.set_cell(SPREADSHEET, TAB, &format!("A{row}"), name);
            for (column, (title, field)) in ('B'..).zip(FIELDS) {
                sandbox.set_cell(SPREADSHEET, TAB, &format!("{column}1"), title);
                sheet = sheet.cell(&format!("kraken:{pair}:{field}"), &format!("{column}{row}"));
            }
        }
        sandbox.set_cell(SPREADSHEET, TAB, "A9", "Problem");
        let mut config = Config::new().sheet(sheet.problem("B9"));
        config.kraken.url = sandbox.url();
        config.kraken.requests_per_second = 50.0;
        let mut google = GoogleConfig::default();
        google.url = sandbox.url();
        google.writes_per_minute = 3_000;
        Ok(Self { sandbox, config: config.google(google), key })
    }

    async fn play(&self, arguments: &Arguments, logging: &Logging) -> Exit {
        let supervisor = SupervisorActor::new(self.config.clone())
            .key(self.key.clone())
            .logger(logging.log.clone());
        let service = Service::start(supervisor, logging.log.clone());
        let face = Bound::by(&self.config)
            .and_then(|at| Face::start(at, service.supervisor.clone(), logging.log.clone()));
        let _face = match face {
            Ok(face) => face,
            Err(problem) => {
                print_error(&format!("ratesheet demo: {problem}\n"));
                return Exit::Config;
            }
        };
        let address = service.supervisor.clone();
        let mut screen = Screen::new(stdout().is_terminal());
        let mut drill = arguments.drill;
        let mut shown = 0;
        print(&screen.opening());
        let watch = |event: &Event| match event {
            Event::Report(Report::Spreadsheet(report)) if report.settled > shown => {
                shown = report.settled;
                print(&screen.draw(&self.sheet(report)));
                if let Some(order) = drill.take_if(|_| shown >= 3) {
                    // Its mailbox is long; should it be full, there is no drill this time.
                    address.try_send(order.of(SPREADSHEET)).unwrap_or_default();
                }
                if arguments.ticks.is_some_and(|ticks| shown >= ticks) {
                    Watch::Done
                } else {
                    Watch::On
                }
            }
            Event::Fault(fault) => {
                print(&screen.fault(fault));
                Watch::On
            }
            _ => Watch::On,
        };
        let no_file = || Err("the demo has no configuration file".to_owned());
        let exit = service.serve(no_file, watch).await;
        print(&screen.closing(self.sandbox.rows(SPREADSHEET, TAB)));
        exit
    }

    /// What is in the spreadsheet by now: read from the stand-in of Google, not from ourselves.
    fn sheet(&self, report: &SpreadsheetReport) -> Sheet {
        Sheet {
            tick: report.settled,
            writes: report.writes,
            cells: report.cells_written,
            rows: self.sandbox.rows(SPREADSHEET, TAB),
        }
    }
}
