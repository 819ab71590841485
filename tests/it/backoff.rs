//! Our own waits between attempts: they grow from failure to failure, and nobody shares them. In
//! memory, and on a clock that runs on whenever everybody waits, so that no machine is too slow.

use std::{cell::RefCell, future::ready, rc::Rc, time::Duration};

use actix::Actor as _;
use ratesheet::{Backoff, Config, Dialer, Line, Shutdown, SupervisorActor};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    runtime::Builder,
    sync::mpsc::unbounded_channel,
    time::{Instant, sleep},
};

use crate::rig::{ONE, one_price};

const INSTANCES: usize = 30;

const BACKOFF: Backoff = Backoff { min: Duration::from_millis(100), max: Duration::from_secs(5) };

/// In this time each fails a dozen times at the least.
const LONG: Duration = Duration::from_secs(60);

/// What the servers answer, by what is in a request.
const ANSWERS: [(&str, &str); 5] = [
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
    ("fields=", r#"{"sheets":[{"properties":{"sheetId":0,"title":"Sheet 1"}}]}"#),
];

/// When somebody was asked for what fails.
type Attempts = Rc<RefCell<Vec<Instant>>>;

/// Answers one request after the other; those with `what` in them fail.
async fn serve(mut wire: DuplexStream, what: &str, attempts: Attempts) {
    let (mut request, mut bytes) = (String::new(), [0; 4_096]);
    while let Ok(length @ 1..) = wire.read(&mut bytes).await {
        request.push_str(&String::from_utf8_lossy(&bytes[..length]));
        if !request.contains("\r\n\r\n") {
            continue;
        }
        let (status, body) = if request.contains(what) {
            attempts.borrow_mut().push(Instant::now());
            ("503 Service Unavailable", "")
        } else {
            let known = ANSWERS.iter().find(|(part, _)| request.contains(part));
            ("200 OK", known.unwrap_or_else(|| panic!("nobody asks for {request}")).1)
        };
        let length = body.len();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\n\r\n{body}");
        wire.write_all(answer.as_bytes()).await.unwrap();
        request.clear();
    }
}

/// A tree whose servers fail at `what` for long, and when they did.
async fn fails(what: &'static str) -> Vec<Instant> {
    let attempts = Attempts::default();
    let (calls, mut called) = unbounded_channel();
    let dialer = Dialer::new(move |_, _| {
        let (ours, theirs) = duplex(64 * 1024);
        calls.send(theirs).unwrap();
        ready(Ok(Line::new(ours)))
    });
    let heard = Rc::clone(&attempts);
    actix_rt::spawn(async move {
        while let Some(wire) = called.recv().await {
            actix_rt::spawn(serve(wire, what, Rc::clone(&heard)));
        }
    });
    let mut config = Config::new().credentials("metadata");
    config = config.sheet(one_price(ONE).every(LONG * 2));
    config.kraken.url = "http://127.0.0.1".into();
    config.google.url = config.kraken.url.clone();
    config.kraken.requests_per_second = 1_000.0;
    config.google.writes_per_minute = 60_000;
    config.retry.backoff = BACKOFF;
    config.supervision.ping = LONG;
    let tree = SupervisorActor::new(config).dialer(dialer).start();
    sleep(LONG).await;
    tree.send(Shutdown).await.unwrap();
    attempts.take()
}

/// Has thirty of us fail at the same moment. However often they have failed, they come back at all
/// times up to one that doubles with each failure.
fn waits_grow_and_are_spread(what: &'static str) {
    fastrand::seed(7);
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(paused).block_on(async {
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
