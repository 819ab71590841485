//! Our own waits between attempts: they grow from failure to failure, and nobody shares them. In
//! memory, and on a clock that runs on whenever everybody waits, so that no machine is too slow.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use actix::Actor as _;
use ratesheet::{Backoff, Config, RetryConfig, Shutdown, SupervisorActor};
use tokio::{
    runtime::Builder,
    time::{Instant, sleep},
};

use crate::{
    journal::Journal,
    rig::{ONE, one_price},
    scripted::scripted,
};

const INSTANCES: usize = 30;

const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(5) };

/// In this time each fails a dozen times at the least.
const LONG: Duration = Duration::from_secs(60);

/// What the servers answer, by what is in a request.
const ANSWERS: [(&str, &str); 6] = [
    (
        "/AssetPairs",
        r#"{"error":[],"result":{"XXBTZEUR":{"altname":"XBTEUR","wsname":"XBT/EUR"}}}"#,
    ),
    (
        "/Ticker",
        r#"{"error":[],"result":{"XXBTZEUR":{"a":["2","1","1"],"b":["1","1","1"],"c":["1","1"],
            "v":["1","1"],"p":["1","1"],"t":[1,1],"l":["1","1"],"h":["1","1"],"o":"1"}}}"#,
    ),
    ("/email", "ratesheet@tests.iam.gserviceaccount.com"),
    ("/token", r#"{"access_token":"a-token","expires_in":3599}"#),
    (":batchUpdate", r#"{"totalUpdatedCells":1}"#),
    ("fields=", r#"{"sheets":[{"properties":{"sheetId":0,"title":"Sheet 1"}}]}"#),
];

/// Requests with `what` in them fail with `status` for so long, each in other words.
#[derive(Clone)]
struct Outage {
    what: &'static str,
    status: u16,
    until: Instant,
    /// When there was one.
    attempts: Arc<Mutex<Vec<Instant>>>,
}

impl Outage {
    fn new(what: &'static str, status: u16, lasts: Duration) -> Self {
        Self { what, status, until: Instant::now() + lasts, attempts: Arc::default() }
    }

    /// The status and the body of an answer.
    fn answer(&self, request: &str) -> (u16, String) {
        if request.contains(self.what) {
            self.attempts.lock().unwrap().push(Instant::now());
            if Instant::now() < self.until {
                let message = format!("No. {} today.", self.attempts.lock().unwrap().len());
                return (self.status, format!(r#"{{"error":{{"message":"{message}"}}}}"#));
            }
        }
        let known = ANSWERS.iter().find(|(part, _)| request.contains(part));
        (200, known.unwrap_or_else(|| panic!("nobody asks for {request}")).1.into())
    }
}

/// A tree with one sheet that lives for so long, with servers that have an outage. What it logs.
async fn lives(outage: &Outage, every: Duration, backoff: Backoff, lives: Duration) -> Vec<String> {
    let outage = outage.clone();
    let dialer = scripted(move |request| outage.answer(request));
    let mut config = Config::new().credentials("metadata");
    config = config.sheet(one_price(ONE).every(every));
    config.kraken.url = "http://127.0.0.1".into();
    config.google.url = config.kraken.url.clone();
    config.kraken.requests_per_second = 1_000.0;
    config.google.writes_per_minute = 60_000;
    config.retry.backoff = backoff;
    config.supervision.ping = LONG;
    let journal = Journal::default();
    let tree = SupervisorActor::new(config).dialer(dialer).logger(journal.logger()).start();
    sleep(lives).await;
    tree.send(Shutdown).await.unwrap();
    journal.take()
}

/// A system of its own whose clock runs on whenever everybody waits.
fn in_no_time(test: impl Future<Output = ()>) {
    fastrand::seed(7);
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(paused).block_on(test);
}

/// When a tree failed whose servers fail at `what` for long.
async fn fails(what: &'static str) -> Vec<Instant> {
    let outage = Outage::new(what, 503, 2 * LONG);
    lives(&outage, 2 * LONG, BACKOFF, LONG).await;
    std::mem::take(&mut *outage.attempts.lock().unwrap())
}

/// Has thirty of us fail at the same moment. However often they have failed, they come back at all
/// times up to one that doubles with each failure.
fn waits_grow_and_are_spread(what: &'static str) {
    in_no_time(async {
        let all: Vec<_> = (0..INSTANCES).map(|_| actix_rt::spawn(fails(what))).collect();
        let mut waits = vec![Vec::new(); 10];
        for instance in all {
            let attempts = instance.await.unwrap();
            assert!(attempts.len() > waits.len(), "{} attempts", attempts.len());
            for (waits, pair) in waits.iter_mut().zip(attempts.windows(2)) {
                waits.push(pair[1] - pair[0]);
            }
        }
        for (failures, mut waits) in (1..).zip(waits) {
            waits.sort();
            let (ceiling, shortest, longest) =
                (BACKOFF.ceiling(failures), waits[0], waits[INSTANCES - 1]);
            let told = format!("after {failures} failures: {waits:?} up to {ceiling:?}");
            assert!(longest <= ceiling + Duration::from_millis(10), "{told}");
            assert!(longest > ceiling.mul_f64(0.7) && shortest < ceiling.mul_f64(0.3), "{told}");
            // In no fifth of the time do three times as many come back as on the average.
            for fifth in 0..5 {
                let within = ceiling * fifth / 5..ceiling * (fifth + 1) / 5;
                let many = waits.iter().filter(|wait| within.contains(*wait)).count();
                assert!(many < 3 * INSTANCES / 5, "{many} at once {told}");
            }
        }
    });
}

#[test]
fn thirty_instances_that_kraken_fails_together_come_back_apart_and_ever_later() {
    waits_grow_and_are_spread("/Ticker");
}

#[test]
fn thirty_instances_that_google_fails_together_come_back_apart_and_ever_later() {
    waits_grow_and_are_spread(":batchUpdate");
}

/// Lets a tree with a tick every ten seconds live through an outage of an hour, which is told as
/// `fails` and its end as `again`: after each failure there is one attempt, at least so long after
/// it; the waits grow, and it is over soon; a line a minute tells of it.
fn an_hour_is_survived(outage: (&'static str, u16), least: u64, fails: &str, again: &str) {
    const HOUR: Duration = Duration::from_secs(60 * 60);
    let backoff = RetryConfig::default().backoff;
    let moment = Duration::from_millis(10);
    in_no_time(async {
        let outage = Outage::new(outage.0, outage.1, HOUR);
        let log = lives(&outage, Duration::from_secs(10), backoff, HOUR + 2 * LONG).await;
        let attempts = std::mem::take(&mut *outage.attempts.lock().unwrap());
        let failed = attempts.iter().filter(|at| **at < outage.until).count();
        let waits: Vec<_> = attempts.windows(2).take(failed).map(|two| two[1] - two[0]).collect();
        for (failures, wait) in (1..).zip(&waits) {
            let ceiling = backoff.ceiling(failures).max(Duration::from_secs(least));
            let told = format!("after {failures} failures: {wait:?} up to {ceiling:?}");
            assert!(*wait <= ceiling + moment && *wait >= Duration::from_secs(least), "{told}");
        }
        let longest = waits.iter().max().unwrap();
        assert!(*longest > backoff.max / 2, "{waits:?}");
        let over = attempts[failed] - outage.until;
        assert!(over <= backoff.max + moment, "again after {over:?}");
        let told = |what: &str| log.iter().filter(|line| line.contains(what)).count();
        assert!((30..=61).contains(&told(fails)), "{} lines: {log:?}", told(fails));
        assert_eq!(told(again), 1, "{log:?}");
        assert!(log.len() < 61 + 10, "{log:?}");
    });
}

#[test]
fn a_quota_that_is_spent_for_an_hour_costs_one_request_a_wait_and_one_line_a_minute() {
    let (fails, again) = ("the spreadsheet is not written", "the spreadsheet is written again");
    an_hour_is_survived((":batchUpdate", 429), 1, fails, again);
}

#[test]
fn an_hour_without_google_costs_one_request_a_wait_and_one_line_a_minute() {
    let (fails, again) = ("the spreadsheet is not written", "the spreadsheet is written again");
    an_hour_is_survived((":batchUpdate", 503), 0, fails, again);
}

#[test]
fn an_hour_without_kraken_costs_one_request_a_wait_and_one_line_a_minute() {
    let (fails, again) = ("Kraken gives no quotes", "Kraken answers again");
    an_hour_is_survived(("/Ticker", 503), 0, fails, again);
}
