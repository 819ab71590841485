//! `ratesheet once`: one cycle, and how each cell fared. Touches: standard output.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{IsTerminal as _, stderr},
    sync::Arc,
    time::Duration,
};

use actix::Actor;
use ratesheet::{
    Config, Event, Feed, GetStatus, HeartbeatConfig, KrakenActor, LogLevel, QuoteBatch, Report,
    SheetIndex, Shutdown, StatusConfig, SupervisorActor, Tick,
};
use slog::Logger;
use tokio::time::{Instant, timeout};

use super::{
    exit::Exit, flags::Flags, inbox::inbox, load, load_keyless, logger::Logging, outcome::Outcome,
    panics, print_error, process, tell,
};

/// How often it is looked whether all is done, should no event tell.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How to do it, and how to tell. Its log is silent, whatever the configuration says, since all
/// of it is told at the end, once: unless somebody asks for it by a flag.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask Kraken, say what would be written, and send nothing to Google
    #[arg(long)]
    dry_run: bool,
    /// How it is told; the log of it is shown by --log-level
    #[arg(long, value_name = "FORMAT", default_value = "table", value_parser = ["table", "json"])]
    output: String,
}

/// Writes the sheets once.
pub(super) fn once(flags: &Flags, arguments: &Arguments) -> Exit {
    let loaded = if arguments.dry_run { load_keyless(flags) } else { load(flags) };
    let mut loaded = match loaded {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    without_the_services_own(&mut loaded.config);
    for warning in loaded.all_warnings() {
        print_error(&format!("warning: {warning}\n"));
    }
    let mut config = loaded.config;
    if flags.log_level.is_none() {
        // Whatever goes wrong with a cell or a server is told at the end, once.
        config.log.level = LogLevel::Error;
    }
    if stderr().is_terminal() {
        // Servers that hang are waited for: it should be seen for what.
        let whom = if arguments.dry_run { "Kraken" } else { "Kraken and Google" };
        print_error(&format!("asking {whom} …\n"));
    }
    let logging = Logging::start(&config.log);
    let log = logging.log.clone();
    panics::log_to(&log);
    let start = Instant::now();
    let outcome = process::system().block_on(async {
        if arguments.dry_run { preview(&config, log).await } else { write(&config, log).await }
    });
    logging.finish();
    match outcome {
        Ok(outcome) => {
            let json = arguments.output == "json";
            let took = start.elapsed();
            tell(&if json { outcome.json(took) } else { outcome.table(took) }, outcome.exit())
        }
        Err(reason) => {
            print_error(&format!("ratesheet: {reason}\n"));
            Exit::GaveUp
        }
    }
}

/// Leaves out what concerns the service alone, so that nobody is warned of it either: with one
/// tick, no cadence is too fast.
fn without_the_services_own(config: &mut Config) {
    const SELDOM: Duration = Duration::from_secs(86_400);
    config.heartbeat = HeartbeatConfig::default();
    config.status = StatusConfig::default();
    config.sheets.iter_mut().for_each(|sheet| sheet.every = SELDOM);
}

/// Has the tree tick once, and waits until every spreadsheet has been dealt with.
async fn write(config: &Config, log: Logger) -> Result<Outcome, String> {
    let (receiver, mut events) = inbox();
    let supervisor =
        SupervisorActor::new(config.clone()).logger(log).ticks(1).subscriber(receiver).start();
    let mut waiting: BTreeSet<_> =
        config.sheets.iter().map(|sheet| sheet.spreadsheet.shared()).collect();
    while !waiting.is_empty() {
        match timeout(LOOK_EVERY, events.recv()).await {
            Ok(Some(Event::Report(Report::Spreadsheet(report)))) if report.settled > 0 => {
                waiting.remove(&report.spreadsheet);
            }
            // There is one tick, and whoever failed may have lost it.
            Ok(Some(Event::Fault(fault))) => return Err(format!("{} {}", fault.actor, fault.exit)),
            Ok(Some(Event::Escalated(why))) => return Err(why.reason),
            Ok(Some(_)) => {}
            Ok(None) => return Err("the supervisor itself has failed".into()),
            // Events may be missed; the status tells all.
            Err(_) => {
                let status = supervisor.send(GetStatus).await.map_err(|error| error.to_string())?;
                let settled = |id: &Arc<str>| {
                    status.spreadsheets.get(id).is_some_and(|report| report.settled > 0)
                };
                waiting.retain(|id| !settled(id));
            }
        }
    }
    let gone = |_| "the supervisor itself has failed".to_owned();
    let status = supervisor.send(GetStatus).await.map_err(gone)?;
    supervisor.send(Shutdown).await.map_err(gone)?;
    Ok(Outcome::of_status(&status))
}

/// Has Kraken asked once, by the KrakenActor alone.
async fn preview(config: &Config, log: Logger) -> Result<Outcome, String> {
    if config.sheets.is_empty() {
        // Nothing is due, and nobody would answer that.
        return Ok(Outcome::of_batch(config, &QuoteBatch::new(1, [], [])));
    }
    let (receiver, mut batches) = inbox::<QuoteBatch>();
    let sheets: BTreeMap<_, Vec<_>> = config
        .sheets
        .iter()
        .enumerate()
        .map(|(index, sheet)| {
            (SheetIndex(index), sheet.cells.iter().map(|mapping| mapping.pair.clone()).collect())
        })
        .collect();
    let due: Vec<SheetIndex> = sheets.keys().copied().collect();
    let kraken = KrakenActor::new(config.kraken.clone(), config.retry, &config.tls)
        .map_err(|error| error.to_string())?
        .logger(log)
        .feed(Feed::new(sheets, receiver))
        .start();
    let gone = || "the KrakenActor has failed".to_owned();
    let tick = Tick::new(1, due);
    kraken.try_send(tick).map_err(|_| gone())?;
    let batch = batches.recv().await.ok_or_else(gone)?;
    Ok(Outcome::of_batch(config, &batch))
}
