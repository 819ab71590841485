//! Tests of the face: a real supervisor, asked over real connections. Its tree never ticks: what
//! it reports is put into its mouth.

use std::{
    io::{Read as _, Write as _},
    net::TcpStream,
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use actix_http::{Method, StatusCode};
use jiff::Timestamp;
use tokio::time::{Instant, sleep};

use super::*;
use crate::{
    config::Config,
    messages::{Failing, Failure, FailureClass, Report, SpreadsheetReport},
    sheets::SheetConfig,
    supervisor::{Reload, Shutdown},
};

const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

/// The longest that anything is waited for that must happen.
const SOON: Duration = Duration::from_secs(30);

fn one_sheet() -> Config {
    let sheet = SheetConfig::new(ID, "Sheet 1").every(Duration::from_secs(5));
    Config::new().credentials("/does/not/exist").sheet(sheet.cell("kraken:xbteur:sell", "A1"))
}

fn supervisor(config: Config) -> Addr<SupervisorActor> {
    SupervisorActor::new(config).ticks(0).start()
}

fn start(supervisor: &Addr<SupervisorActor>) -> StatusServer {
    StatusServer::start(([127, 0, 0, 1], 0).into(), supervisor).unwrap()
}

fn report(failing: Option<FailureClass>) -> Report {
    let failing = failing.map(|class| Failing {
        failure: Failure { class, reason: "no way".into(), remedy: "Pray".into() },
        since: Timestamp::UNIX_EPOCH,
        attempts: 1,
    });
    Report::Spreadsheet(SpreadsheetReport {
        spreadsheet: ID.into(),
        settled: 1,
        writes: 1,
        write_failures: 0,
        unchanged: 0,
        cells_written: 1,
        last_success: Some(Timestamp::now()),
        failing,
        cells: Arc::new([]),
    })
}

/// Asks, and returns the head of the answer in lower case, and its body. It holds up the loop of
/// whoever calls it: that it is answered at all shows that the face has a thread of its own.
fn ask(address: SocketAddr, what: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    let question = format!("{what} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_ascii_lowercase(), body.to_owned())
}

/// Waits until the answer begins as it must; each is known as one of ours.
async fn wait_for(address: SocketAddr, what: &str, status: u16, body: &str) {
    let begin = Instant::now();
    let mut last = String::new();
    while begin.elapsed() < SOON {
        let (head, told) = ask(address, what);
        assert!(StatusServer::is_answer(&told), "it is not known as ours: {told}");
        if head.starts_with(&format!("http/1.1 {status} ")) && told.starts_with(body) {
            return;
        }
        last = format!("{head}\n{told}");
        sleep(Duration::from_millis(20)).await;
    }
    panic!("{what} is never {status} {body}, at last it is\n{last}");
}

fn run(test: impl Future<Output = ()>) {
    actix_rt::System::new().block_on(test);
}

#[test]
fn every_answer_is_plain_and_kept_by_nobody() {
    run(async {
        let supervisor = supervisor(Config::new());
        let server = start(&supervisor);
        for (what, status, body) in [
            ("GET /livez", 200, "alive\n"),
            ("GET /livez?verbose", 200, "alive\n"),
            ("HEAD /livez", 200, ""),
            ("GET /readyz", 503, "starting\n"),
            ("GET /", 404, "not found\n"),
            ("GET /livez/", 404, "not found\n"),
            ("HEAD /metrics", 404, ""),
            ("POST /livez", 405, "GET and HEAD alone\n"),
            ("TRACE /", 405, "GET and HEAD alone\n"),
            ("OPTIONS /readyz", 405, "GET and HEAD alone\n"),
            ("DELETE /x", 405, "GET and HEAD alone\n"),
        ] {
            // Under a name that is not its own.
            let (head, told) = ask(server.address(), what);
            assert_eq!(StatusServer::is_answer(&told), matches!(body, "alive\n" | "starting\n"));
            assert!(head.starts_with(&format!("http/1.1 {status} ")), "{what}\n{head}");
            assert_eq!(told, body, "{what}");
            for header in [
                "content-type: text/plain; charset=utf-8",
                "cache-control: no-store",
                "x-content-type-options: nosniff",
                "content-security-policy: default-src 'none'",
                "content-length: ",
            ] {
                assert!(head.contains(&format!("\r\n{header}")), "{what} {header}\n{head}");
            }
            assert_eq!(head.contains("\r\nallow: get, head"), status == 405, "{what}\n{head}");
            assert!(!head.contains("\r\nserver:") && !head.contains("access-control"), "{head}");
        }
    });
}

#[test]
fn readiness_follows_the_tree() {
    run(async {
        let supervisor = supervisor(one_sheet());
        let server = start(&supervisor);
        let at = server.address();
        wait_for(at, "GET /readyz", 503, "starting\nspreadsheet 15CcPNtM…: starting\n").await;
        supervisor.send(report(None)).await.unwrap();
        wait_for(at, "GET /readyz", 200, "ready\n").await;
        supervisor.send(report(Some(FailureClass::Transient))).await.unwrap();
        let line = "spreadsheet 15CcPNtM… has not been written since 1970-01-01T00:00:00Z (attempt 1): no way. Pray\n";
        wait_for(at, "GET /readyz", 200, &format!("ready, though not everything succeeds\n{line}"))
            .await;
        supervisor.send(report(Some(FailureClass::Credentials))).await.unwrap();
        wait_for(at, "GET /readyz", 503, &format!("not ready\n{line}")).await;
        supervisor.send(Reload(Box::new(Config::new()))).await.unwrap().unwrap();
        wait_for(at, "GET /readyz", 200, "ready\n").await;
        supervisor.send(Reload(Box::new(one_sheet()))).await.unwrap().unwrap();
        wait_for(at, "GET /readyz", 503, "starting\n").await;
        let keyless = Config { credentials: None, ..one_sheet() };
        let refused = supervisor.send(Reload(Box::new(keyless))).await.unwrap();
        assert!(refused.is_err());
        supervisor.send(Shutdown).await.unwrap();
        wait_for(at, "GET /readyz", 503, "not ready\nthe supervisor is gone\n").await;
        wait_for(at, "GET /livez", 200, "alive\n").await;
    });
}

#[test]
fn a_tree_that_has_given_up_is_not_ready_and_says_why() {
    run(async {
        let supervisor = supervisor(Config { credentials: None, ..one_sheet() });
        let server = start(&supervisor);
        let told = "not ready\nthe tree has given up: there are";
        wait_for(server.address(), "GET /readyz", 503, told).await;
    });
}

#[test]
fn the_tree_is_not_kept_alive_for_being_watched() {
    run(async {
        let supervisor = supervisor(one_sheet());
        let server = start(&supervisor);
        wait_for(server.address(), "GET /readyz", 503, "starting\nspreadsheet").await;
        drop(supervisor);
        wait_for(server.address(), "GET /readyz", 503, "not ready\nthe supervisor is gone").await;
    });
}

#[test]
fn a_loop_that_hangs_is_not_alive() {
    run(async {
        let mut shared = Shared::new();
        shared.loop_patience = Duration::from_millis(2_500);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let supervisor = supervisor(Config::new());
        let server =
            StatusServer::share(listener, &supervisor, shared, &crate::log_facade()).unwrap();
        let at = server.address();
        wait_for(at, "GET /readyz", 200, "ready\n").await;
        wait_for(at, "GET /livez", 200, "alive\n").await;
        let (seen, told) = mpsc::channel();
        let observer = thread::spawn(move || {
            run(wait_for(at, "GET /livez", 503, "the loop has not turned for "));
            seen.send(()).unwrap();
        });
        // It stands still until it has been seen to.
        told.recv_timeout(SOON).unwrap();
        observer.join().unwrap();
        wait_for(at, "GET /livez", 200, "alive\n").await;
    });
}

#[test]
fn the_loop_may_stand_still_for_fifteen_seconds_and_the_service_manager_is_more_patient() {
    const UNIT: &str = include_str!("../../deploy/systemd/ratesheet.service");
    let watchdog = UNIT.lines().find_map(|line| line.strip_prefix("WatchdogSec=")).unwrap();
    run(async {
        tokio::time::pause();
        let shared = Shared::new();
        let alive = || answer::answer(&Method::GET, "/livez", &shared).status() == StatusCode::OK;
        for turn in 0..3 {
            for (seconds, lives) in [(0, true), (10, true), (5, true), (1, false)] {
                tokio::time::advance(Duration::from_secs(seconds)).await;
                assert_eq!(alive(), lives, "{seconds} s later, turn {turn}");
            }
            shared.turn();
        }
        assert!(shared.loop_patience < Duration::from_secs(watchdog.parse().unwrap()));
    });
}

#[test]
fn after_a_suspend_the_old_prices_count_as_old_before_anything_else_has_happened() {
    /// How long the machine has slept, in seconds.
    static SLEPT: AtomicU64 = AtomicU64::new(0);
    run(async {
        let mut shared = Shared::new();
        shared.clock = || Instant::now() + Duration::from_secs(SLEPT.load(Ordering::Relaxed));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let supervisor = supervisor(one_sheet());
        let server =
            StatusServer::share(listener, &supervisor, shared, &crate::log_facade()).unwrap();
        let at = server.address();
        supervisor.send(report(None)).await.unwrap();
        wait_for(at, "GET /readyz", 200, "ready\n").await;
        SLEPT.store(8 * 3_600, Ordering::Relaxed);
        let (head, told) = ask(at, "GET /readyz");
        assert!(head.starts_with("http/1.1 503 "), "{told}");
        assert!(told.starts_with("not ready\nspreadsheet 15CcPNtM…: no success since 2"), "{told}");
        // Its loop was suspended with it, and does not hang.
        wait_for(at, "GET /livez", 200, "alive\n").await;
        sleep(Duration::from_millis(1_500)).await;
        let (_, told) = ask(at, "GET /readyz");
        assert!(told.starts_with("not ready\n"), "the same success, told again, is as old: {told}");
        supervisor.send(report(None)).await.unwrap();
        wait_for(at, "GET /readyz", 200, "ready\n").await;
    });
}

#[test]
fn an_address_that_is_taken_is_named_and_a_dropped_face_gives_it_back() {
    run(async {
        let supervisor = supervisor(Config::new());
        let server = start(&supervisor);
        let at = server.address();
        let taken = StatusServer::start(at, &supervisor).unwrap_err();
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        assert!(taken.to_string().starts_with(&format!("{at}: Address already in use")), "{taken}");
        drop(server);
        let begin = Instant::now();
        while TcpListener::bind(at).is_err() {
            assert!(begin.elapsed() < SOON, "it still listens");
            sleep(Duration::from_millis(20)).await;
        }
    });
}

#[test]
fn a_face_that_is_stopped_has_given_its_address_back() {
    run(async {
        let supervisor = supervisor(Config::new());
        let server = start(&supervisor);
        let at = server.address();
        server.stop();
        for _ in 0..20 {
            StatusServer::start(at, &supervisor).expect("the address is free").stop();
        }
    });
}

#[cfg(feature = "sandbox")]
#[test]
fn a_whole_tree_is_ready_until_a_person_is_needed_and_again_after() {
    use crate::sandbox::Sandbox;

    let sandbox = Sandbox::start().unwrap();
    sandbox.set_quota(None);
    sandbox.create_spreadsheet(ID, "Prices", &[("Sheet 1", 100, 26)]);
    let mut key = tempfile::NamedTempFile::new().unwrap();
    key.write_all(sandbox.service_account_key().as_bytes()).unwrap();
    let sheet = SheetConfig::new(ID, "Sheet 1").every(Duration::from_millis(100));
    let sheet = sheet.cell("kraken:xbteur:sell", "A1").cell("kraken:etheur:sell", "A2");
    let mut config = Config::new().sheet(sheet).credentials(key.path());
    config.retry.probe = Duration::from_millis(100);
    config.kraken.url = sandbox.url();
    config.kraken.requests_per_second = 100.0;
    config.google.url = sandbox.url();
    config.google.writes_per_minute = 6_000;
    run(async {
        let supervisor = SupervisorActor::new(config).start();
        let server = start(&supervisor);
        let at = server.address();
        let ready = || wait_for(at, "GET /readyz", 200, "ready\n");
        let not_ready = async |line: &str| {
            let text = format!("not ready\nspreadsheet 15CcPNtM…{line} since 2");
            wait_for(at, "GET /readyz", 503, &text).await;
        };
        ready().await;
        sandbox.unshare(ID);
        not_ready(" has not been written").await;
        let (_, told) = ask(at, "GET /readyz");
        assert!(told.contains("Share") && !told.contains(ID), "{told}");
        sandbox.share(ID);
        ready().await;
        // Nobody bids: that may pass by itself, and that there is no such pair does not.
        sandbox.set_ticker("XETHZEUR", "1800", "0.00000", "1750");
        let text = "ready, though not everything succeeds\n\
                    spreadsheet 15CcPNtM…, 'Sheet 1'!A2 not written since 2";
        wait_for(at, "GET /readyz", 200, text).await;
        sandbox.set_ticker("XETHZEUR", "1800", "1700", "1750");
        ready().await;
        sandbox.delist("etheur");
        not_ready(", 'Sheet 1'!A2 not written").await;
        sandbox.relist("etheur");
        ready().await;
        sandbox.rename_tab(ID, "Sheet 1", "Another");
        not_ready(", 'Sheet 1'!A1 and 'Sheet 1'!A2 not written").await;
        wait_for(at, "GET /livez", 200, "alive\n").await;
        sandbox.rename_tab(ID, "Another", "Sheet 1");
        ready().await;
        supervisor.send(Shutdown).await.unwrap();
    });
}
