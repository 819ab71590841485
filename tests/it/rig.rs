//! What most tests need: a sandbox with two spreadsheets, a configuration that points at it and
//! is in a hurry, and ways to wait for what must happen.

use std::{
    borrow::BorrowMut,
    io::{Read as _, Write as _},
    net::SocketAddr,
    os::unix::process::CommandExt as _,
    process::{Child, Command, Output, Stdio},
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler};
use ratesheet::{
    Config, Event, GetStatus, SheetConfig, Shutdown, SpreadsheetReport, Status, SupervisorActor,
    sandbox::{Entry, Fault, FaultRule, Sandbox, Service},
};
use regex_lite::Regex;
use tempfile::NamedTempFile;
use tokio::{sync::mpsc::UnboundedSender, time::Instant};

pub(crate) const ONE: &str = "1-the-first-spreadsheet-of-the-tests";
pub(crate) const TWO: &str = "2-the-other-spreadsheet-of-the-tests";
pub(crate) const TAB: &str = "Sheet 1";

/// Whatever must happen happens within this time, on however busy a machine.
pub(crate) const SOON: Duration = Duration::from_secs(30);

pub(crate) struct Rig {
    pub(crate) sandbox: Sandbox,
    pub(crate) key: NamedTempFile,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let sandbox = Sandbox::start().unwrap();
        sandbox.set_quota(None);
        for id in [ONE, TWO] {
            sandbox.create_spreadsheet(id, "Tests", &[(TAB, 1_000, 26)]);
        }
        let mut key = NamedTempFile::new().unwrap();
        key.write_all(sandbox.service_account_key().as_bytes()).unwrap();
        Self { sandbox, key }
    }

    /// Has the key name another token endpoint.
    pub(crate) fn set_token_endpoint(&self, url: &str) {
        let mut key: serde_json::Value =
            serde_json::from_str(&self.sandbox.service_account_key()).unwrap();
        key["token_uri"] = format!("{url}/token").into();
        std::fs::write(self.key.path(), key.to_string()).unwrap();
    }

    /// A configuration without sheets whose every wait is a fraction of a second.
    pub(crate) fn config(&self) -> Config {
        let mut config = Config::new().credentials(self.key.path());
        config.kraken.url = self.sandbox.url();
        config.kraken.requests_per_second = 500.0;
        config.kraken.deadline = Duration::from_millis(500);
        config.google.url = self.sandbox.url();
        config.google.writes_per_minute = 60_000;
        config.google.deadline = Duration::from_millis(500);
        config.retry.backoff.min = Duration::from_millis(10);
        config.retry.backoff.max = Duration::from_millis(100);
        config.retry.probe = Duration::from_millis(300);
        config.supervision.backoff.min = Duration::from_millis(10);
        config.supervision.backoff.max = Duration::from_millis(50);
        config.supervision.ping = Duration::from_millis(500); // the least
        config
    }

    /// The same, for who counts requests: none is given up and made again on a busy machine.
    pub(crate) fn patient(&self) -> Config {
        let mut config = self.config();
        config.kraken.deadline = SOON;
        config.google.deadline = SOON;
        config
    }

    /// The same in a file, for the command, with `sheets` in it: a JSON object as a person
    /// writes it.
    pub(crate) fn file(&self, sheets: &str) -> NamedTempFile {
        let (url, key) = (self.sandbox.url(), self.key.path());
        let (_, sheets) = sheets.split_once('{').unwrap();
        let mut file = NamedTempFile::new().unwrap();
        write!(
            file,
            r#"{{ "credentials": {key:?},
              "kraken": {{ "url": "{url}", "deadline": 500, "requests_per_second": 500 }},
              "google": {{ "url": "{url}", "deadline": 2000, "writes_per_minute": 60000 }},
              "retry": {{ "backoff_min": 10, "backoff_max": 100, "probe": 300 }},
              {sheets}"#
        )
        .unwrap();
        file
    }

    /// The price in a cell of the first spreadsheet.
    pub(crate) fn number(&self, cell: &str) -> Option<f64> {
        self.sandbox.cell(ONE, TAB, cell)?.as_f64()
    }

    /// Waits, in a test without a system, until there is something in a cell of the first one.
    pub(crate) fn shows(&self, cell: &str) {
        let there = |sandbox: &Sandbox| sandbox.cell(ONE, TAB, cell).is_some();
        assert!(self.sandbox.wait_for_blocking(there, SOON).is_ok(), "nothing is in {cell}");
    }

    /// Waits likewise until the price in a cell is another one.
    pub(crate) fn changes(&self, cell: &str) {
        assert!(self.changed(cell), "no fresh price is in {cell}");
    }

    /// Whether the price in a cell becomes another one.
    pub(crate) fn changed(&self, cell: &str) -> bool {
        let before = self.number(cell);
        self.sandbox.wait_for_blocking(|_| self.number(cell) != before, SOON).is_ok()
    }

    /// The number of the newest request.
    pub(crate) fn last(&self) -> u64 {
        self.sandbox.journal().last().map_or(0, |entry| entry.seq)
    }

    /// Waits likewise until a fault has met so many requests after that one, to their end.
    pub(crate) fn met(&self, after: u64, times: usize, what: &str) {
        let ended = |entry: &&Entry| entry.fault.is_some() && entry.ended.is_some();
        let met = |s: &Sandbox| s.journal_since(after).iter().filter(ended).count() >= times;
        assert!(self.sandbox.wait_for_blocking(met, SOON).is_ok(), "nobody meets {what}");
    }

    /// Waits likewise until a write is in flight that has met a fault.
    pub(crate) fn is_writing(&self) {
        assert!(self.sandbox.wait_for_blocking(in_flight, SOON).is_ok(), "no write is in flight");
    }

    /// Waits until `condition` holds, and fails with `what` if it does not.
    pub(crate) async fn until(&self, what: &str, condition: impl FnMut(&Sandbox) -> bool) {
        let held = self.sandbox.wait_for(condition, SOON).await;
        assert!(held.is_ok(), "this did not happen: {what}");
    }

    /// Has the sandbox listen again, as soon as nobody else has its port.
    pub(crate) async fn resume(&self) {
        let start = Instant::now();
        while let Err(cause) = self.sandbox.resume() {
            assert!(start.elapsed() < SOON, "{cause}");
            tokio::task::yield_now().await;
        }
    }

    /// Has Kraken give this price on both sides, until it is told another.
    pub(crate) fn set_price(&self, price: impl ToString) {
        let text = price.to_string();
        self.sandbox.set_ticker("XXBTZEUR", &text, &text, &text);
    }

    /// Waits until both spreadsheets, or the one, show a price that Kraken has not had before.
    pub(crate) async fn fresh(&self, cells: &[(&str, &str)]) {
        let marker = 40_000.0 + f64::from(fastrand::u16(..)) / 8.0;
        self.set_price(format!("{marker:.5}"));
        for (id, cell) in cells {
            let shows = |sandbox: &Sandbox| {
                sandbox.cell(id, TAB, cell).and_then(|value| value.as_f64()) == Some(marker)
            };
            self.until(&format!("a fresh price in {cell} of {id}"), shows).await;
        }
        self.sandbox.release_ticker("XXBTZEUR");
    }
}

/// A sheet of `id` that is written fifty times a second.
pub(crate) fn sheet(id: &str) -> SheetConfig {
    SheetConfig::new(id, TAB).every(Duration::from_millis(20))
}

/// A sheet with one price in it.
pub(crate) fn one_price(id: &str) -> SheetConfig {
    sheet(id).cell("kraken:xbteur:sell", "A1")
}

/// The same as a person writes it, for [`Rig::file`], with the price in this cell.
pub(crate) fn price_in(id: &str, cell: &str) -> String {
    format!(
        r#"{{ "sheet": "{id}:{TAB}", "timeout": 20, "data": {{ "kraken:xbteur:sell": "{cell}" }} }}"#
    )
}

/// Runs a test in a system of its own.
pub(crate) fn block_on<T>(test: impl Future<Output = T>) -> T {
    actix_rt::System::new().block_on(test)
}

/// Passes on what a tree tells its subscribers.
pub(crate) struct Ear(pub(crate) UnboundedSender<Event>);

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<Event> for Ear {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        self.0.send(event).unwrap_or_default();
    }
}

/// Starts a tree, shows it to a test, and stops it.
pub(crate) async fn with_tree<T>(
    config: Config,
    test: impl AsyncFnOnce(&Addr<SupervisorActor>) -> T,
) -> T {
    let supervisor = SupervisorActor::new(config).start();
    let outcome = test(&supervisor).await;
    supervisor.send(Shutdown).await.unwrap();
    outcome
}

pub(crate) async fn status(supervisor: &Addr<SupervisorActor>) -> Status {
    supervisor.send(GetStatus).await.unwrap()
}

/// Whether whoever asks a service says that it fails.
pub(crate) async fn is_failing(supervisor: &Addr<SupervisorActor>, service: Service) -> bool {
    let status = status(supervisor).await;
    match service {
        Service::Kraken => status.kraken.failing.is_some(),
        _ => status.spreadsheets.get(ONE).is_some_and(|report| report.failing.is_some()),
    }
}

/// The first spreadsheet's report, as soon as there is one like that.
pub(crate) async fn report(
    supervisor: &Addr<SupervisorActor>,
    like: impl Fn(&SpreadsheetReport) -> bool,
) -> SpreadsheetReport {
    let start = Instant::now();
    loop {
        let found = status(supervisor).await.spreadsheets.remove(ONE);
        if let Some(report) = found.filter(&like) {
            return report;
        }
        assert!(start.elapsed() < SOON, "there is no such report");
        tokio::task::yield_now().await;
    }
}

/// Waits until so many more ticks have been sent: for what must not happen meanwhile.
pub(crate) async fn ticks(supervisor: &Addr<SupervisorActor>, more: u64) {
    let wanted = status(supervisor).await.schedule.ticks + more;
    let sent = async || status(supervisor).await.schedule.ticks >= wanted;
    eventually("the ticks go on", sent).await;
}

/// Waits until it holds, of whatever the journal does not tell; fails with `what` if it does not.
pub(crate) async fn eventually(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < SOON, "this did not happen: {what}");
        tokio::task::yield_now().await;
    }
}

/// Every request for tickers so far.
pub(crate) fn tickers(sandbox: &Sandbox) -> Vec<Entry> {
    let mut all = sandbox.requests(Service::Kraken);
    all.retain(|entry| entry.path().ends_with("/Ticker"));
    all
}

/// Every write so far.
pub(crate) fn writes(sandbox: &Sandbox) -> Vec<Entry> {
    sandbox.journal().into_iter().filter(Entry::is_write).collect()
}

/// Whether a request that a fault has met is carried out by now.
pub(crate) fn has_landed(sandbox: &Sandbox) -> bool {
    sandbox.journal().iter().any(|entry| entry.fault.is_some() && entry.applied)
}

/// Every cell of a write: its range, and the value that was sent.
pub(crate) fn cells(write: &Entry) -> Vec<(String, serde_json::Value)> {
    let body = write.json();
    let data = body["data"].as_array().cloned().unwrap_or_default();
    let cell = |one: &serde_json::Value| {
        (one["range"].as_str().unwrap().to_owned(), one["values"][0][0].clone())
    };
    data.iter().map(cell).collect()
}

/// The number in the first cell of a write.
pub(crate) fn price(write: &Entry) -> f64 {
    cells(write)[0].1.as_f64().unwrap()
}

/// How long a request was open. One that still is has no end.
pub(crate) fn took(entry: &Entry) -> Option<Duration> {
    Some(entry.ended_at?.duration_since(entry.at).unsigned_abs())
}

/// Every write takes so long.
pub(crate) fn slow(ms: u64) -> FaultRule {
    FaultRule::new(Service::Sheets, Fault::Delay(Duration::from_millis(ms))).path("batchUpdate")
}

/// Whether a write that met a fault has not been answered yet.
pub(crate) fn in_flight(sandbox: &Sandbox) -> bool {
    writes(sandbox).iter().any(|write| write.fault.is_some() && write.ended.is_none())
}

/// The command, without an environment that could disturb it.
pub(crate) fn ratesheet(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ratesheet"));
    command.args(arguments).env_clear().stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs a command to its end, which must come.
pub(crate) fn finish(mut command: impl BorrowMut<Command>) -> Output {
    ended(spawn(command.borrow_mut()))
}

/// Starts a command in a group of its own, so that what it starts itself can be ended with it.
fn spawn(command: &mut Command) -> Child {
    command.process_group(0).spawn().unwrap()
}

/// A process that does not outlive its test, nor does what it has started.
pub(crate) struct Process(Option<Child>);

impl Process {
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::of(ratesheet(arguments))
    }

    /// A command that somebody has prepared.
    pub(crate) fn of(mut command: Command) -> Self {
        Self(Some(spawn(&mut command)))
    }

    pub(crate) fn id(&self) -> u32 {
        self.0.as_ref().unwrap().id()
    }

    /// Reads its log up to the line that has this in it.
    pub(crate) fn says(&mut self, text: &str) -> String {
        let id = self.id().to_string();
        let (_said, waiting) = mpsc::channel::<()>();
        // A read has no deadline: it ends when the process does.
        thread::spawn(move || {
            if waiting.recv_timeout(SOON) == Err(RecvTimeoutError::Timeout) {
                drop(Command::new("kill").args(["-KILL", &id]).status());
            }
        });
        let log = self.0.as_mut().and_then(|child| child.stderr.as_mut()).unwrap();
        let mut line = Vec::new();
        let mut byte = [0];
        // Byte by byte, so that what follows is still there for `end`.
        while log.read(&mut byte).unwrap() == 1 {
            line.push(byte[0]);
            if byte[0] == b'\n' {
                let said = String::from_utf8_lossy(&line);
                if said.contains(text) {
                    return said.into_owned();
                }
                line.clear();
            }
        }
        panic!("it never says {text}");
    }

    pub(crate) fn signal(&self, name: &str) {
        kill(name, &self.id().to_string());
    }

    /// Sends a signal to what it has started itself.
    pub(crate) fn signal_child(&self, name: &str) {
        let children = format!("/proc/{0}/task/{0}/children", self.id());
        kill(name, std::fs::read_to_string(children).unwrap().trim());
    }

    /// Waits for its end, which must come.
    pub(crate) fn end(mut self) -> Output {
        ended(self.0.take().unwrap())
    }
}

impl From<Child> for Process {
    fn from(child: Child) -> Self {
        Self(Some(child))
    }
}

/// Where the probes listen, as a line of the log tells it.
pub(crate) fn listens(log: &str) -> Option<SocketAddr> {
    let line = log.lines().find(|line| line.contains("the probes listen"))?;
    let address = Regex::new(r"127\.0\.0\.1:\d+").unwrap();
    address.find(line)?.as_str().parse().ok()
}

fn kill(signal: &str, id: &str) {
    let signal = format!("-{signal}");
    assert!(Command::new("kill").args([&signal, "--", id]).status().unwrap().success());
}

/// What a process has said at its end, which must come.
fn ended(child: Child) -> Output {
    let id = child.id().to_string();
    let (tell, told) = mpsc::channel();
    let waiting = thread::spawn(move || drop(tell.send(child.wait_with_output())));
    let output = told.recv_timeout(SOON);
    if output.is_err() {
        kill("KILL", &format!("-{id}"));
    }
    waiting.join().unwrap();
    output.expect("it does not end").unwrap()
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(mut child) = self.0.take() {
            let group = format!("-{}", child.id());
            drop(Command::new("kill").args(["-KILL", "--", &group]).output());
            drop(child.kill());
            drop(child.wait());
        }
    }
}
