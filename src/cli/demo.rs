//! `ratesheet demo`: all of it at work in one process, over real HTTP, with stand-ins of Kraken
//! and Google. Touches: standard output; the terminal.

use std::time::Duration;

use actix::Addr;
use ratesheet::{Event, LogLevel, Report, SupervisorActor};
use slog::{Discard, Logger, o};
use tokio::{
    sync::{
        mpsc::{UnboundedReceiver, unbounded_channel},
        oneshot,
    },
    time::{Instant, MissedTickBehavior, interval},
};

use super::{
    drill::DrillOrder,
    environment::Environment,
    exit::Exit,
    face::{Bound, Face},
    flags::Flags,
    layers::load_fileless,
    logger::Logging,
    outage::Outages,
    panics, print, print_error,
    process::{self, EndedBySignals, Signals},
    screen::Screen,
    service::{Service, Watch},
    stage::{SPREADSHEET, Stage},
    tell,
    terminal::{Key, Look, Size, Terminal},
    unheeded, unloaded,
};

/// A picture is drawn anew this often even if nothing happens, so that its seconds go on.
const REDRAWN_EVERY: Duration = Duration::from_millis(200);

/// How long, and what is to go wrong.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// End after so many ticks; otherwise with q or Ctrl-C
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

/// Shows it at work; until it begins, `ended` ends it.
pub(super) fn demo(flags: &Flags, arguments: &Arguments, ended: EndedBySignals) -> Exit {
    if flags.config.is_some() || flags.credentials.is_some() {
        print_error(
            "ratesheet demo: what it shows, and in whose name, is its own: leave out \
            --config and --credentials\n",
        );
        return Exit::Usage;
    }
    let told = match load_fileless(&Environment::default(), flags) {
        Ok(loaded) => loaded.config,
        Err(error) => return unloaded(error.wrong()),
    };
    let stage = match Stage::set(Duration::from_millis(arguments.every)) {
        Ok(stage) => Stage { config: stage.config.status(told.status).log(told.log), ..stage },
        Err(cause) => {
            print_error(&format!("ratesheet: the demo cannot be set up: {cause}\n"));
            return Exit::GaveUp;
        }
    };
    // Records among a picture would spoil it: it tells what they would tell. Who wants them
    // nevertheless sees lines of both.
    let look = if flags.log_level.is_some() { Look::Lines } else { Look::of_process() };
    let mut config = stage.config.log;
    if flags.log_level.is_none() {
        config.level = LogLevel::Error;
    }
    let logging = Logging::start(&config);
    let log = match look {
        Look::Lines => logging.log.clone(),
        Look::Picture { .. } => Logger::root(Discard, o!()),
    };
    panics::log_to(&log);
    let system = process::system();
    let exit = match system.block_on(async { Signals::new() }) {
        Ok(signals) => {
            ended.no_more();
            system.block_on(play(&stage, arguments, signals, look, log))
        }
        Err(cause) => unheeded(cause),
    };
    logging.finish();
    exit
}

/// Has the service work on the stage, and shows it, until it ends.
async fn play(
    stage: &Stage,
    arguments: &Arguments,
    signals: Signals,
    look: Look,
    log: Logger,
) -> Exit {
    let supervisor =
        SupervisorActor::new(stage.config.clone()).key(stage.key.clone()).logger(log.clone());
    let service = Service::start(supervisor, log.clone());
    let face = Bound::by(&stage.config, "--listen")
        .and_then(|at| Face::start(at, service.supervisor.clone(), log));
    let _face = match face {
        Ok(face) => face,
        Err(problem) => {
            print_error(&format!("ratesheet demo: {problem}\n"));
            return Exit::System;
        }
    };
    let show = Show {
        stage,
        supervisor: service.supervisor.clone(),
        drill: arguments.drill,
        outages: Outages::default(),
        start: Instant::now(),
    };
    let mut screen = Screen::new(look);
    // What becomes of it, the closing tells.
    drop(print(&screen.opening()));
    let (sender, events) = unbounded_channel();
    let mut gave_up = None;
    let watch = |event: &Event| {
        // Whoever shows them is there as long as there are any.
        drop(sender.send(event.clone()));
        match event {
            Event::Report(Report::Spreadsheet(report))
                if arguments.ticks.is_some_and(|ticks| report.settled >= ticks) =>
            {
                Watch::Done
            }
            Event::Escalated(why) => {
                gave_up = Some(why.reason.clone());
                Watch::Done
            }
            _ => Watch::On,
        }
    };
    let no_file = || Err::<(_, fn()), _>("the demo has no configuration file".to_owned());
    let (quit, asked) = oneshot::channel();
    let exit = tokio::select! {
        biased; // signals are heeded before the terminal is changed
        exit = service.serve_until(signals, asked, no_file, watch) => exit,
        gone = show.go_on(&mut screen, look, events, quit) => gone,
    };
    let closing = screen.closing(stage.rows());
    if look == Look::Lines {
        return tell(&closing, exit);
    }
    // Its terminal may be gone.
    drop(print(&closing));
    // Among lines, the log has said so.
    if let Some(why) = gave_up {
        print_error(&format!("ratesheet demo: it gave up: {why}\n"));
    }
    exit
}

/// What the person sees, and does.
struct Show<'a> {
    stage: &'a Stage,
    supervisor: Addr<SupervisorActor>,
    drill: Option<DrillOrder>,
    outages: Outages,
    start: Instant,
}

impl Show<'_> {
    /// Shows every event and heeds every key, as long as somebody can see it.
    async fn go_on(
        mut self,
        screen: &mut Screen,
        look: Look,
        mut events: UnboundedReceiver<Event>,
        quit: oneshot::Sender<()>,
    ) -> Exit {
        let terminal = matches!(look, Look::Picture { .. }).then(Terminal::enter);
        let mut pressed = terminal.as_ref().and_then(|terminal| terminal.keys().ok());
        let mut quit = Some(quit);
        let mut again = interval(REDRAWN_EVERY);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                Some(event) = events.recv() => {
                    screen.hear(&event, self.start.elapsed());
                    self.drill(&event);
                }
                Some(key) = next(&mut pressed) => match self.pressed(key) {
                    Pressed::Quit => drop(quit.take().map(|quit| quit.send(()))),
                    Pressed::Did(what) => screen.done(what, self.start.elapsed()),
                    Pressed::Nothing => continue,
                },
                _ = again.tick(), if terminal.is_some() => {}
            }
            let keys = match &terminal {
                Some(terminal) if terminal.has_keys() => &self.outages.keys()[..],
                _ => &[("Ctrl-C", "ends it")],
            };
            let size = terminal.as_ref().map_or(Size::UNKNOWN, Terminal::size);
            let drawn = screen.draw(self.stage.rows(), keys, size, self.start.elapsed());
            // A demo that nobody sees is over; a terminal that is gone tells so by itself.
            if print(&drawn).is_err() && terminal.is_none() {
                return Exit::Done;
            }
        }
    }

    fn pressed(&mut self, key: Key) -> Pressed {
        match key {
            Key::Pressed('k') => Pressed::Did(self.outages.kraken(&self.stage.sandbox)),
            Key::Pressed('g') => Pressed::Did(self.outages.google(&self.stage.sandbox)),
            Key::Pressed('c') => {
                let order = self.outages.crash(SPREADSHEET);
                let what = format!("You crash the {}", order.actor);
                // Its mailbox is long; should it be full, there is no crash this time.
                self.supervisor.try_send(order).unwrap_or_default();
                Pressed::Did(what)
            }
            Key::Pressed('q') | Key::Gone => Pressed::Quit,
            Key::Pressed(_) => Pressed::Nothing,
        }
    }

    /// After the third tick it is time for the drill that was ordered.
    fn drill(&mut self, event: &Event) {
        if let Event::Report(Report::Spreadsheet(report)) = event
            && let Some(order) = self.drill.take_if(|_| report.settled >= 3)
        {
            // As above.
            self.supervisor.try_send(order.of(SPREADSHEET)).unwrap_or_default();
        }
    }
}

/// What comes of a key.
enum Pressed {
    Did(String),
    Quit,
    Nothing,
}

/// The next key, where there are keys.
async fn next(keys: &mut Option<UnboundedReceiver<Key>>) -> Option<Key> {
    keys.as_mut()?.recv().await
}
