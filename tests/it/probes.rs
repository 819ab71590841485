//! Whoever asks the probes, or only holds their connections, does not disturb the ticks.

use std::{
    cell::RefCell,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use actix::{Actor, Context, Handler};
use ratesheet::{Event, Report, StatusServer, Subscribe};
use tokio::time::Instant;

use crate::{
    rhythm::percentile,
    rig::{ONE, Rig, SOON, block_on, eventually, one_price, with_tree},
    stall::{Stall, waited},
};

/// So many ticks are watched.
const TICKS: usize = 200;

/// The cadence of the sheet.
const EVERY: Duration = Duration::from_millis(20);

/// So many ask at once.
const ASKING: usize = 4;

/// Of a hundred ticks 95 may be late by so much, with nobody at the probes and with a crowd. The
/// 99th of a hundred is for `benches/soak` to judge.
const LATE: Duration = Duration::from_millis(5);
const LATE_WHILE_ASKED: Duration = Duration::from_millis(20);

/// So often it is tried.
const ROUNDS: usize = 3;

/// The loop may stand still for so much longer while it is asked.
const ALLOWANCE: Duration = Duration::from_millis(10);

/// A tick that was sent.
#[derive(Clone, Copy)]
struct Sent {
    at: Instant,
    /// The number of the newest due time, with those that were missed.
    due: u64,
    /// How long the machine had kept this thread waiting by then.
    waited: Duration,
}

/// Notes which ticks are sent, and when.
#[derive(Clone, Default)]
struct Beat(Rc<RefCell<Vec<Sent>>>);

impl Actor for Beat {
    type Context = Context<Self>;
}

impl Handler<Event> for Beat {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        if let Event::Report(Report::Schedule(report)) = event {
            let due = report.ticks + report.missed;
            self.0.borrow_mut().push(Sent { at: Instant::now(), due, waited: waited() });
        }
    }
}

impl Beat {
    /// By how much those from so many on are late, the least first: each by the first due time
    /// after the one before it, as the most punctual of all shows when that was. For what the
    /// machine kept the thread waiting meanwhile it cannot be blamed.
    fn lateness(&self, from: usize) -> Vec<Duration> {
        let all = self.0.borrow();
        let begin = all.iter().map(|sent| sent.at - EVERY * sent.due as u32).min().unwrap();
        let late = |two: &[Sent]| {
            let due = begin + EVERY * (two[0].due + 1) as u32;
            (two[1].at - due).saturating_sub(two[1].waited - two[0].waited)
        };
        let mut late: Vec<_> = all[from - 1..].windows(2).map(late).collect();
        late.sort();
        late
    }
}

/// How late as many ticks are from now on, and for how long the loop stood still meanwhile at the
/// most.
async fn rhythm(beat: &Beat, stall: &Stall) -> (Vec<Duration>, Duration) {
    let before = beat.0.borrow().len();
    stall.longest();
    eventually("the ticks go on", async || beat.0.borrow().len() > before + TICKS).await;
    (beat.lateness(before), stall.longest())
}

/// Those who come to the probes, each on a thread of its own until all are told to stop.
#[derive(Default)]
struct Crowd {
    stop: AtomicBool,
    asking: AtomicU32,
    answers: AtomicU32,
    silent: AtomicU32,
}

impl Crowd {
    /// Asks again and again over one connection, some hundreds of times a second if it can.
    fn ask(&self, at: SocketAddr) {
        let mut stream = TcpStream::connect(at).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        is_ready(&mut stream);
        self.asking.fetch_add(1, Relaxed);
        while !self.stop.load(Relaxed) {
            is_ready(&mut stream);
            self.answers.fetch_add(1, Relaxed);
            thread::sleep(Duration::from_millis(1));
        }
    }

    /// Connects two hundred times and says nothing. The last of them wait for a place.
    fn keep_silent(&self, at: SocketAddr) {
        let mut all = Vec::new();
        while !self.stop.load(Relaxed) {
            if all.len() < 200 {
                all.push(TcpStream::connect(at).ok()); // at the end there is nobody any more
                self.silent.fetch_add(1, Relaxed);
            } else {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

/// Asks and is told so.
fn is_ready(stream: &mut TcpStream) {
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let (mut answer, mut piece) = (Vec::new(), [0; 512]);
    while !answer.ends_with(b"ready\n") {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "it hangs up");
        answer.extend_from_slice(&piece[..read]);
    }
}

/// Whether the ticks are in time alone and while a crowd asks, and the loop stands still for no
/// longer; or else what is not so.
async fn round() -> Result<(), String> {
    let rig = Rig::new();
    with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
        let server = StatusServer::start(([127, 0, 0, 1], 0).into(), supervisor).unwrap();
        let at = server.address();
        let (stall, beat) = (Stall::default(), Beat::default());
        actix_rt::spawn(stall.clone().beat());
        supervisor.send(Subscribe(beat.clone().start().recipient())).await.unwrap();
        rig.fresh(&[(ONE, "A1")]).await;
        let (alone, still) = rhythm(&beat, &stall).await;
        let crowd = Arc::new(Crowd::default());
        let come = |what: fn(&Crowd, SocketAddr)| {
            let crowd = Arc::clone(&crowd);
            thread::spawn(move || what(&crowd, at))
        };
        let asking = [(); ASKING].map(|()| come(Crowd::ask));
        rig.until("answers", |_| crowd.asking.load(Relaxed) == ASKING as u32).await;
        let silent = come(Crowd::keep_silent);
        rig.until("more silence than places", |_| crowd.silent.load(Relaxed) > 100).await;
        let before = crowd.answers.load(Relaxed);
        let (asked, stood) = rhythm(&beat, &stall).await;
        let answers = crowd.answers.load(Relaxed) - before;
        crowd.stop.store(true, Relaxed);
        asking.into_iter().for_each(|one| one.join().unwrap());
        drop(server); // which lets go whoever waits for a place
        silent.join().unwrap();
        // How many a machine bears in a second is for `benches/soak` to say, with `--asked`.
        assert!(answers > 200 * ASKING as u32, "{answers} answers");
        for (late, most, when) in [(alone, LATE, "alone"), (asked, LATE_WHILE_ASKED, "asked")] {
            let [middle, most_of_all] = [50, 95].map(|of| percentile(&late, of));
            if most_of_all > most {
                return Err(format!(
                    "{when}, half are late by {middle:?}, 5 in 100 by {most_of_all:?}"
                ));
            }
        }
        if stood > still + ALLOWANCE {
            return Err(format!("a standstill of {stood:?}, and {still:?} alone"));
        }
        Ok(())
    })
    .await
}

#[test]
fn two_hundred_who_are_silent_and_four_who_ask_all_the_time_do_not_slow_the_ticks() {
    // A busy machine may disturb one round; who is late by himself is so in each of them.
    let rounds: Vec<_> = (0..ROUNDS).map_while(|_| block_on(round()).err()).collect();
    assert!(rounds.len() < ROUNDS, "{rounds:#?}");
}
