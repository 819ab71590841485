//! Who asks the probes: a thousand times a second, while two hundred hold connections and say
//! nothing. Touches: sockets of the loopback, threads.

use std::{
    io::{BufRead, BufReader, Write as _},
    net::{SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use tokio::time::Instant;

/// So many connections that ask, each so often: a thousand times a second in all.
const CONNECTIONS: u32 = 8;
const EACH: Duration = Duration::from_millis(8);

/// So many that are silent.
const SILENT: usize = 200;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// The crowd, until it is sent home.
#[derive(Debug)]
pub(crate) struct Crowd {
    said: Arc<Said>,
    begin: Instant,
    threads: Vec<JoinHandle<()>>,
}

/// What it has done so far.
#[derive(Debug, Default)]
struct Said {
    stop: AtomicBool,
    answers: AtomicU64,
    slowest: AtomicU64,
}

impl Crowd {
    pub(crate) fn come(to: SocketAddr) -> Self {
        let said = Arc::new(Said::default());
        let spawn = |what: fn(&Said, SocketAddr)| {
            let said = Arc::clone(&said);
            thread::spawn(move || what(&said, to))
        };
        let mut threads: Vec<_> = (0..CONNECTIONS).map(|_| spawn(Said::ask)).collect();
        // Those who ask have their places before the others take what there is.
        while said.answers.load(Relaxed) < u64::from(10 * CONNECTIONS) {
            thread::sleep(EACH);
        }
        threads.push(spawn(Said::keep_silent));
        said.answers.store(0, Relaxed);
        Self { said, begin: Instant::now(), threads }
    }

    /// Sends it home. Answers how often a second it was answered, and how long it waited for that
    /// at the most.
    pub(crate) fn go(self) -> (f64, Duration) {
        let answers = self.said.answers.load(Relaxed) as f64 / self.begin.elapsed().as_secs_f64();
        self.said.stop.store(true, Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        (answers, Duration::from_micros(self.said.slowest.load(Relaxed)))
    }
}

impl Said {
    /// Asks at its times, over one connection.
    fn ask(&self, to: SocketAddr) {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let (mut ask, mut hear) = (&stream, BufReader::new(&stream));
        let mut next = Instant::now();
        while !self.stop.load(Relaxed) {
            let asked = Instant::now();
            ask.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
            answer(&mut hear);
            self.answers.fetch_add(1, Relaxed);
            self.slowest.fetch_max(asked.elapsed().as_micros() as u64, Relaxed);
            next += EACH;
            thread::sleep(next.saturating_duration_since(Instant::now()));
        }
    }

    /// Holds as many connections as it can get, until they are taken from it.
    fn keep_silent(&self, to: SocketAddr) {
        while !self.stop.load(Relaxed) {
            let connect = |_| TcpStream::connect_timeout(&to, Duration::from_millis(100)).ok();
            let held: Vec<_> = (0..SILENT).map(connect).collect();
            thread::sleep(Duration::from_secs(1));
            drop(held);
        }
    }
}

/// Reads an answer, which is one of the two that there are.
fn answer(from: &mut impl BufRead) {
    let (mut line, mut length) = (String::new(), 0);
    while line != "\r\n" {
        line.clear();
        assert!(from.read_line(&mut line).unwrap() > 0, "it hangs up");
        if let Some(number) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = number.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    from.read_exact(&mut body).unwrap();
    assert!(length > 0, "it says nothing");
}
