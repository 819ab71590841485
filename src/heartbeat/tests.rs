//! Tests of the heartbeat: what is asked of a server of its own, and what is logged.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread,
};

use jiff::Timestamp;
use tokio::time::sleep;

use super::*;
use crate::{
    config::{Config, HeartbeatConfig},
    http::TlsConfig,
    journal::Journal,
    messages::SpreadsheetReport,
    sheets::SheetConfig,
    supervisor::{Reload, SupervisorActor},
};

const SECRET: &str = "/ping/5eCr3t-5eCr3t";

/// The longest that anything is waited for that must happen.
const SOON: Duration = Duration::from_secs(30);

/// For so long one success is enough.
const A_DAY: Duration = Duration::from_secs(86_400);

/// A server that gives each answer to one question, and tells which it was.
fn server(answers: &'static [&'static str]) -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (asked, questions) = mpsc::channel();
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = String::new();
            while !question.ends_with("\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                question.push(byte[0].into());
            }
            let answer = format!("HTTP/1.1 {answer}\r\nConnection: close\r\n\r\n");
            stream.write_all(answer.as_bytes()).unwrap();
            asked.send(question.lines().next().unwrap_or_default().to_owned()).unwrap();
        }
    });
    (address, questions)
}

fn heart(address: SocketAddr, journal: &Journal) -> HeartbeatActor {
    let url = format!("http://{address}{SECRET}");
    let tls = Tls::new(&TlsConfig::default()).unwrap();
    HeartbeatActor::new(&url, [("a".into(), A_DAY)], &tls, &journal.logger()).unwrap()
}

fn success(second: i64) -> Report {
    Report::Spreadsheet(SpreadsheetReport {
        spreadsheet: "a".into(),
        settled: 1,
        writes: 1,
        write_failures: 0,
        unchanged: 0,
        cells_written: 1,
        last_success: Some(Timestamp::from_second(second).unwrap()),
        failing: None,
        cells: Arc::new([]),
    })
}

/// Lets the loop turn until something is so.
async fn until(mut so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !so() {
        assert!(begin.elapsed() < SOON, "it never happens");
        sleep(Duration::from_millis(10)).await;
    }
}

/// Makes the actor forget when it last beat.
#[derive(actix::Message)]
#[rtype(result = "bool")]
struct AMinuteLater;

impl Handler<AMinuteLater> for HeartbeatActor {
    type Result = bool;

    fn handle(&mut self, _: AMinuteLater, _: &mut Self::Context) -> bool {
        if !self.in_flight {
            self.last = self.last.and_then(|last| last.checked_sub(EVERY));
        }
        !self.in_flight
    }
}

async fn a_minute_later(heart: &Addr<HeartbeatActor>) {
    let begin = Instant::now();
    while !heart.send(AMinuteLater).await.unwrap() {
        assert!(begin.elapsed() < SOON, "it never ends");
        sleep(Duration::from_millis(10)).await;
    }
}

#[test]
fn it_beats_at_most_once_a_minute_and_tells_when_it_is_not_heard() {
    actix_rt::System::new().block_on(async {
        let (address, questions) = server(&[
            "200 OK\r\nContent-Length: 0",
            "404 Not Found: /ping/5eCr3t-5eCr3t\r\nContent-Length: 0",
            "301 Moved\r\nContent-Length: 0\r\nLocation: https://x/ping/5eCr3t-5eCr3t",
            "204 No Content",
        ]);
        let journal = Journal::default();
        let heart = heart(address, &journal).start();
        for beat in 1..=4 {
            for second in 0..5 {
                // Only the first of them is due.
                heart.send(success(100 * beat + second)).await.unwrap();
            }
            let mut asked = None;
            until(|| {
                asked = questions.try_recv().ok();
                asked.is_some()
            })
            .await;
            assert_eq!(asked.unwrap(), format!("GET {SECRET} HTTP/1.1"));
            a_minute_later(&heart).await;
        }
        // The next finds nobody any more.
        heart.send(success(900)).await.unwrap();
        a_minute_later(&heart).await;
        assert_eq!(questions.try_recv(), Err(mpsc::TryRecvError::Disconnected), "one each");
        let journal = journal.take();
        assert_eq!(
            journal[..2],
            ["WARN the heartbeat is not heard: HTTP 404", "INFO the heartbeat is heard again",]
        );
        assert!(journal[2].starts_with("WARN the heartbeat is not heard: cannot connect"));
        assert!(journal.len() == 3 && !journal.concat().contains("5eCr3t"), "{journal:?}");
    });
}

#[test]
fn an_answer_that_repeats_its_address_is_not_told() {
    actix_rt::System::new().block_on(async {
        // Of an answer that is understood the status alone is told, whatever else it says; of one
        // that is not, why: and that may be said in its own words, as of an unknown encoding.
        let (journal, (address, questions)) = (
            Journal::default(),
            server(&["200 OK\r\nContent-Length: 0\r\nContent-Encoding: /ping/5eCr3t-5eCr3t"]),
        );
        let heart = heart(address, &journal).start();
        heart.send(success(1)).await.unwrap();
        until(|| questions.try_recv().is_ok()).await;
        a_minute_later(&heart).await;
        let why = "the answer repeats what is secret, and is not shown";
        assert_eq!(journal.take(), [format!("WARN the heartbeat is not heard: {why}")]);
    });
}

#[test]
fn it_beats_once_a_minute_however_seldom_anything_is_written() {
    actix_rt::System::new().block_on(async {
        let (address, questions) = server(&["204 No Content"; 3]);
        let heart = heart(address, &Journal::default()).start();
        heart.send(success(1)).await.unwrap();
        for _ in 0..3 {
            until(|| questions.try_recv().is_ok()).await;
            a_minute_later(&heart).await;
            tokio::time::pause();
            tokio::time::advance(EVERY).await;
            tokio::time::resume();
        }
    });
}

#[test]
fn after_a_suspend_it_does_not_beat_for_prices_that_have_grown_old_in_it() {
    /// How long the machine has slept, in seconds.
    static SLEPT: AtomicU64 = AtomicU64::new(0);
    actix_rt::System::new().block_on(async {
        let (address, questions) = server(&["204 No Content"; 2]);
        let mut actor = heart(address, &Journal::default());
        actor.clock = || Instant::now() + Duration::from_secs(SLEPT.load(Ordering::Relaxed));
        let heart = actor.start();
        heart.send(success(1)).await.unwrap();
        until(|| questions.try_recv().is_ok()).await;
        a_minute_later(&heart).await;
        SLEPT.store(A_DAY.as_secs(), Ordering::Relaxed);
        tokio::time::pause();
        tokio::time::advance(EVERY).await;
        tokio::time::resume();
        for _ in 0..3 {
            // The same success, told again, is no newer, and neither is the time to look over.
            heart.send(success(1)).await.unwrap();
            assert!(heart.send(AMinuteLater).await.unwrap(), "it beats");
        }
        assert!(questions.try_recv().is_err(), "it has beaten");
        heart.send(success(2)).await.unwrap();
        until(|| questions.try_recv().is_ok()).await;
    });
}

#[test]
fn the_tree_has_a_heart_if_the_configuration_says_so() {
    actix_rt::System::new().block_on(async {
        let (address, questions) = server(&["204 No Content"; 2]);
        let id = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";
        let sheet = SheetConfig::new(id, "Sheet 1")
            .every(Duration::from_secs(5))
            .cell("kraken:xbteur:sell", "A1");
        let config = Config::new().credentials("/does/not/exist").sheet(sheet);
        let heartbeat = HeartbeatConfig { url: Some(format!("http://{address}{SECRET}")) };
        let supervisor = SupervisorActor::new(config.clone()).ticks(0).start();
        let report = |second| match success(second) {
            Report::Spreadsheet(report) => {
                Report::Spreadsheet(SpreadsheetReport { spreadsheet: id.into(), ..report })
            }
            other => other,
        };
        supervisor.send(report(1)).await.unwrap();
        supervisor.send(Reload(Box::new(config.heartbeat(heartbeat)))).await.unwrap().unwrap();
        assert!(questions.try_recv().is_err(), "nobody is to be told");
        supervisor.send(report(2)).await.unwrap();
        until(|| questions.try_recv().is_ok()).await;
    });
}

#[test]
fn it_stops_at_once_whatever_is_in_flight_and_never_shows_its_address() {
    actix_rt::System::new().block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let journal = Journal::default();
        let actor = heart(listener.local_addr().unwrap(), &journal);
        assert!(!format!("{actor:?}").contains("5eCr3t"));
        let heart = actor.start();
        heart.send(success(1)).await.unwrap();
        assert!(!heart.send(AMinuteLater).await.unwrap(), "it is in flight");
        heart.send(Stop).await.unwrap();
        until(|| !heart.connected()).await;
        assert!(journal.take().is_empty());
    });
}

#[test]
fn whoever_finds_its_mailbox_full_stops_it_all_the_same() {
    actix_rt::System::new().block_on(async {
        let (address, questions) = server(&["204 No Content"; 2]);
        let heart = Heart(heart(address, &Journal::default()).start());
        heart.0.send(success(1)).await.unwrap();
        until(|| questions.try_recv().is_ok()).await;
        a_minute_later(&heart.0).await;
        let left = heart.0.downgrade();
        // It has no turn before it is dropped.
        while heart.0.try_send(success(2)).is_ok() {}
        drop(heart);
        tokio::time::pause();
        tokio::time::advance(EVERY).await;
        tokio::time::resume();
        until(|| left.upgrade().is_none_or(|heart| !heart.connected())).await;
        assert!(questions.try_recv().is_err(), "it beats on");
    });
}
