//! The library is a guest in the process: whatever belongs to the process is as it was, while it
//! is at work and afterwards. Alone in a process of its own, since that is what is looked at.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeMap,
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    panic,
    process::Command,
    sync::{
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use actix::Actor;
use ratesheet::{
    ActorName, Config, Drill, DrillActor, GetStatus, SheetConfig, Shutdown, StatusServer,
    SupervisorActor,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};
use tempfile::NamedTempFile;
use tokio::signal::unix::{SignalKind, signal};

const ONE: &str = "1-the-first-spreadsheet-of-the-guest";
const TAB: &str = "Sheet 1";
const SOON: Duration = Duration::from_secs(30);

/// The panics that the host's own hook has heard of.
static HEARD: AtomicUsize = AtomicUsize::new(0);

/// A host's own logger.
struct Mine;

impl log::Log for Mine {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}

/// What belongs to the process as a whole, as far as Linux tells.
fn process() -> BTreeMap<String, String> {
    // Of this thread: while the first one makes another it blocks all signals for a moment.
    let status = fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    let mut process: BTreeMap<_, _> = status
        .lines()
        .filter_map(|line| line.split_once(':'))
        // The signals that are caught, ignored and blocked; the mask of files; the threads.
        .filter(|(key, _)| ["SigCgt", "SigIgn", "SigBlk", "Umask", "Threads"].contains(key))
        .map(|(key, value)| (key.to_owned(), value.trim().to_owned()))
        .collect();
    let folder = std::env::current_dir().unwrap();
    process.insert("folder".into(), folder.display().to_string());
    let mut variables: Vec<_> = std::env::vars_os().collect();
    variables.sort();
    process.insert("environment".into(), format!("{variables:?}"));
    process
}

/// A key, and a configuration that is in a hurry.
fn config(sandbox: &Sandbox) -> (NamedTempFile, Config) {
    let mut key = NamedTempFile::new().unwrap();
    key.write_all(sandbox.service_account_key().as_bytes()).unwrap();
    let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_millis(20));
    let mut config =
        Config::new().credentials(key.path()).sheet(sheet.cell("kraken:xbteur:sell", "A1"));
    config.kraken.url = sandbox.url();
    config.kraken.requests_per_second = 500.0;
    config.google.url = sandbox.url();
    config.google.writes_per_minute = 60_000;
    config.supervision.backoff.min = Duration::from_millis(10);
    (key, config)
}

/// A tree at work in a thread of its own, with its probes, an actor of which panics on the way,
/// until it is gone.
fn visit(sandbox: &Sandbox) {
    let (_key, config) = config(sandbox);
    let sandbox = sandbox.clone();
    let host = thread::spawn(move || {
        actix_rt::System::new().block_on(async {
            let tree = SupervisorActor::new(config).start();
            let face = StatusServer::start(([127, 0, 0, 1], 0).into(), &tree).unwrap();
            fresh(&sandbox).await;
            assert!(answers(face.address()));
            let drill =
                DrillActor { actor: ActorName::Kraken, drill: Drill::Panic, relentless: false };
            assert!(tree.send(drill).await.unwrap());
            while tree.send(GetStatus).await.unwrap().restarts.is_empty() {
                tokio::task::yield_now().await;
            }
            fresh(&sandbox).await;
            face.stop();
            tree.send(Shutdown).await.unwrap();
        });
    });
    host.join().unwrap();
}

/// The same under a host that heeds SIGTERM in its own way: it hears of it, and nobody else does.
fn go_on_when_the_host_is_asked_to_end(sandbox: &Sandbox) {
    let (_key, config) = config(sandbox);
    actix_rt::System::new().block_on(async {
        let mut asked = signal(SignalKind::terminate()).unwrap();
        let tree = SupervisorActor::new(config).start();
        let face = StatusServer::start(([127, 0, 0, 1], 0).into(), &tree).unwrap();
        fresh(sandbox).await;
        assert!(answers(face.address()));
        let own = std::process::id().to_string();
        assert!(Command::new("kill").args(["-TERM", &own]).status().unwrap().success());
        let heard = tokio::time::timeout(SOON, asked.recv()).await;
        assert_eq!(heard, Ok(Some(())), "the host does not hear of its signal");
        for _ in 0..10 {
            fresh(sandbox).await;
            assert!(answers(face.address()), "the guest has heeded a signal of its host's");
        }
        face.stop();
        tree.send(Shutdown).await.unwrap();
    });
}

/// Waits for a price that has not been there before.
async fn fresh(sandbox: &Sandbox) {
    sandbox.set_cell(ONE, TAB, "A1", "old");
    sandbox.set_ticker("XXBTZEUR", &price(), &price(), &price());
    let written = |s: &Sandbox| s.cell(ONE, TAB, "A1").is_some_and(|value| value.is_number());
    assert!(sandbox.wait_for(written, SOON).await.is_ok());
}

/// Whether the probes answer.
fn answers(at: SocketAddr) -> bool {
    let mut answer = String::new();
    let mut ask = || -> std::io::Result<usize> {
        let mut stream = TcpStream::connect(at)?;
        stream.set_read_timeout(Some(SOON))?;
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        stream.read_to_string(&mut answer)
    };
    ask().is_ok() && answer.starts_with("HTTP/1.1 200 ")
}

/// A tree whose host stops its system while a write is in flight.
fn leave_in_the_middle(sandbox: &Sandbox) {
    let (_key, config) = config(sandbox);
    let slow = FaultRule::new(Service::Sheets, Fault::Delay(SOON)).path("batchUpdate");
    sandbox.inject(slow);
    let (sender, receiver) = mpsc::channel();
    let host = thread::spawn(move || {
        let system = actix_rt::System::new();
        let tree = system.block_on(async { SupervisorActor::new(config).start() });
        sender.send(actix_rt::System::current()).unwrap();
        system.run().unwrap();
        drop(tree);
    });
    let in_flight = |sandbox: &Sandbox| {
        sandbox.journal().iter().any(|entry| entry.fault.is_some() && entry.ended.is_none())
    };
    assert!(sandbox.wait_for_blocking(in_flight, SOON).is_ok(), "no write is in flight");
    receiver.recv().unwrap().stop();
    host.join().unwrap();
    sandbox.clear_faults();
}

fn price() -> String {
    format!("{}.5", fastrand::u32(30_000..60_000))
}

#[test]
fn the_process_is_as_it_was_and_its_signals_are_the_host_s() {
    panic::set_hook(Box::new(|_| {
        HEARD.fetch_add(1, Ordering::Relaxed);
    }));
    let sandbox = Sandbox::start().unwrap();
    sandbox.set_quota(None);
    sandbox.create_spreadsheet(ONE, "Tests", &[(TAB, 100, 26)]);
    let before = process();
    visit(&sandbox);
    leave_in_the_middle(&sandbox);
    // Threads that have ended are counted for a moment longer.
    let start = tokio::time::Instant::now();
    while process() != before && start.elapsed() < SOON {
        thread::yield_now();
    }
    let after = process();
    let heard = HEARD.load(Ordering::Relaxed);
    drop(panic::catch_unwind(|| panic!("of the host")));
    let again = HEARD.load(Ordering::Relaxed);
    drop(panic::take_hook());

    assert_eq!(after, before);
    assert_eq!(heard, 1, "the host's hook hears of the drill, and of nothing else");
    assert_eq!(again, 2, "the host's hook is still there");
    assert_eq!(log::max_level(), log::LevelFilter::Off, "somebody has set a level");
    log::set_logger(&Mine).expect("nobody has installed a logger");
    let provider = rustls::crypto::CryptoProvider::get_default();
    assert!(provider.is_none(), "somebody has installed a crypto provider");
    go_on_when_the_host_is_asked_to_end(&sandbox);
}
