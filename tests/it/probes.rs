//! Whoever asks the probes, or only holds their connections, does not disturb the ticks.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use ratesheet::{
    StatusServer,
    sandbox::{Entry, Sandbox, Service},
};

use crate::{
    rig::{ONE, Rig, SOON, block_on, one_price, with_tree},
    stall::Stall,
};

/// So many fetches are watched.
const FETCHES: usize = 100;

/// So many ask at once.
const ASKING: usize = 4;

/// They may come later by so much, and the loop stand still for as much longer.
const ALLOWANCE: Duration = Duration::from_millis(10);

/// The middle one of the times between as many fetches from now on, and for how long the loop
/// stood still meanwhile at the most.
async fn rhythm(rig: &Rig, stall: &Stall) -> (Duration, Duration) {
    let before = rig.sandbox.count(Service::Kraken);
    stall.longest();
    let enough = |sandbox: &Sandbox| sandbox.count(Service::Kraken) > before + FETCHES;
    rig.until("fetches", enough).await;
    let longest = stall.longest();
    let all = rig.sandbox.requests(Service::Kraken);
    let gap = |two: &[Entry]| two[1].at.duration_since(two[0].at).unsigned_abs();
    let mut gaps: Vec<_> = all[before..].windows(2).map(gap).collect();
    gaps.sort();
    (gaps[gaps.len() / 2], longest)
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

#[test]
fn two_hundred_who_are_silent_and_four_who_ask_all_the_time_do_not_slow_the_ticks() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            let server = StatusServer::start(([127, 0, 0, 1], 0).into(), supervisor).unwrap();
            let at = server.address();
            let stall = Stall::default();
            actix_rt::spawn(stall.clone().beat());
            rig.fresh(&[(ONE, "A1")]).await;
            let (gap, still) = rhythm(&rig, &stall).await;
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
            let (slowed, stood) = rhythm(&rig, &stall).await;
            let answers = crowd.answers.load(Relaxed) - before;
            crowd.stop.store(true, Relaxed);
            asking.into_iter().for_each(|one| one.join().unwrap());
            drop(server); // which lets go whoever waits for a place
            silent.join().unwrap();
            assert!(slowed <= gap + ALLOWANCE, "a fetch every {slowed:?}, and {gap:?} alone");
            assert!(stood <= still + ALLOWANCE, "a standstill of {stood:?}, and {still:?} alone");
            // How many a machine bears in a second is for `benches/soak` to say, with `--asked`.
            assert!(answers > 100 * ASKING as u32, "{answers} answers");
        })
        .await;
    });
}
