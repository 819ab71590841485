//! Where the records of the tree go: standard error, as text or as JSON, by way of a thread of
//! its own. Touches: standard error. Never: waits for whoever reads it.
//!
//! The libraries' own records go nowhere: yup-oauth2's tell access tokens, and none of the others
//! says anything that the tree does not say itself.

use std::{
    fmt,
    io::{IsTerminal, LineWriter, stderr},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc::channel,
    },
    thread,
    time::Duration,
};

use ratesheet::{LogConfig, LogFormat, LogLevel};
use slog::{Drain, FnValue, Logger, Record, o, warn};
use slog_async::{Async, AsyncGuard, OverflowStrategy};

/// Records that may wait for a slow reader; more are dropped, counted, and the count is told.
const WAITING: usize = 1_024;

/// The longest that the last records are waited for when the process ends.
const FLUSH_WITHIN: Duration = Duration::from_millis(500);

/// A logger, and the thread that writes for it.
pub(super) struct Logging {
    pub(super) log: Logger,
    writer: AsyncGuard,
    /// The least of what is logged, as slog counts it.
    level: Arc<AtomicUsize>,
    json: bool,
}

impl fmt::Debug for Logging {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Logging")
    }
}

impl Logging {
    /// Begins to log as `config` says.
    pub(super) fn start(config: &LogConfig) -> Self {
        let json = is_json(config.format);
        let (drain, writer) = if json {
            let drain = slog_json::Json::new(LineWriter::new(stderr()))
                .set_newlines(true)
                .set_flush(true)
                .add_key_value(o!(
                    "msg" => FnValue(|record: &Record<'_>| record.msg().to_string()),
                    "level" => FnValue(|record: &Record<'_>| name(record.level())),
                    "ts" => FnValue(|_: &Record<'_>| jiff::Timestamp::now().to_string()),
                ))
                .build();
            asynchronous(drain)
        } else {
            let decorator = slog_term::TermDecorator::new().stderr().build();
            let drain = slog_term::FullFormat::new(decorator)
                .use_custom_timestamp(|out: &mut dyn std::io::Write| {
                    write!(out, "{:.3}", jiff::Timestamp::now())
                })
                .use_original_order()
                .build();
            asynchronous(drain)
        };
        let level = Arc::new(AtomicUsize::new(level(config.level).as_usize()));
        let least = Arc::clone(&level);
        let heeded =
            move |record: &Record<'_>| record.level().as_usize() <= least.load(Ordering::Relaxed);
        let log = Logger::root(drain.filter(heeded).ignore_res(), o!());
        Self { log, writer, level, json }
    }

    /// Goes on as a changed `config` says. In which form cannot be changed any more: whoever reads
    /// the one would not understand the other.
    pub(super) fn follow(&self, config: &LogConfig) {
        self.level.store(level(config.level).as_usize(), Ordering::Relaxed);
        if is_json(config.format) != self.json {
            warn!(self.log, "log.format stays as it was at the start: restart to change it");
        }
    }

    /// Writes what still waits, if somebody reads it.
    pub(super) fn finish(self) {
        let Self { log, writer, .. } = self;
        drop(log);
        // To drop the writer is to wait for it, and who reads may have stopped reading.
        let (done, written) = channel::<()>();
        thread::spawn(move || {
            drop(writer);
            drop(done);
        });
        written.recv_timeout(FLUSH_WITHIN).unwrap_or_default();
    }
}

/// Has a thread of its own write to `drain`. What cannot be written (nobody reads, the disk is
/// full) is dropped.
fn asynchronous<D>(drain: D) -> (Async, AsyncGuard)
where
    D: Drain + Send + 'static,
    D::Err: fmt::Debug,
{
    Async::new(drain.ignore_res())
        .chan_size(WAITING)
        .overflow_strategy(OverflowStrategy::DropAndReport)
        .thread_name("log".into())
        .build_with_guard()
}

fn is_json(format: LogFormat) -> bool {
    match format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !stderr().is_terminal(),
    }
}

const fn level(level: LogLevel) -> slog::Level {
    match level {
        LogLevel::Error => slog::Level::Error,
        LogLevel::Warn => slog::Level::Warning,
        LogLevel::Info => slog::Level::Info,
        LogLevel::Debug => slog::Level::Debug,
        LogLevel::Trace => slog::Level::Trace,
    }
}

/// A level's name, as in the configuration.
const fn name(level: slog::Level) -> &'static str {
    match level {
        slog::Level::Critical => "critical",
        slog::Level::Error => "error",
        slog::Level::Warning => "warn",
        slog::Level::Info => "info",
        slog::Level::Debug => "debug",
        slog::Level::Trace => "trace",
    }
}
