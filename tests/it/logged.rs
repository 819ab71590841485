//! The real process, with its log in a file, so that nobody needs to read it meanwhile; and what
//! it answers to whoever asks how it is doing.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::Stdio,
    thread,
    time::Duration,
};

use tempfile::NamedTempFile;
use tokio::time::Instant;

use crate::rig::{Process, SOON, listens, ratesheet};

pub(crate) struct Logged {
    pub(crate) process: Process,
    log: NamedTempFile,
}

impl Logged {
    /// One that tells everything, in this format.
    pub(crate) fn start(config: &NamedTempFile, format: &str, more: &[&str]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let path = config.path().to_str().unwrap();
        let arguments = ["-c", path, "--log-level", "trace", "--log-format", format];
        let mut command = ratesheet(&[&arguments, more].concat());
        command.stdout(Stdio::null()).stderr(log.reopen().unwrap());
        Self { process: Process::of(command), log }
    }

    /// What it has logged so far.
    pub(crate) fn told(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    /// Where its probes listen.
    pub(crate) fn listens(&self) -> SocketAddr {
        self.tells("where it listens", listens)
    }

    /// What is found in its log, as soon as it is there.
    pub(crate) fn tells<T>(&self, what: &str, find: impl Fn(&str) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            if let Some(found) = find(&self.told()) {
                return found;
            }
            assert!(start.elapsed() < SOON, "it does not tell {what}");
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Ends it, and gives what it has logged.
    pub(crate) fn log(self) -> String {
        let Self { process, log } = self;
        process.signal("TERM");
        assert_eq!(process.end().status.code(), Some(0));
        fs::read_to_string(log.path()).unwrap()
    }
}

/// What a page says, head and all.
pub(crate) fn page(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// A connection that is kept, to ask one thing after the other.
pub(crate) struct Kept(TcpStream);

impl Kept {
    /// Connects and asks for a page.
    pub(crate) fn ask(address: SocketAddr, path: &str) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut kept = Self(stream);
        kept.ask_again(path);
        kept
    }

    pub(crate) fn ask_again(&mut self, path: &str) {
        write!(self.0, "GET {path} HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    }

    /// What the page says, head and all.
    pub(crate) fn hear(&mut self) -> String {
        let (mut text, mut piece) = (String::new(), [0; 4_096]);
        loop {
            let read = self.0.read(&mut piece).unwrap();
            assert!(read > 0, "it hangs up after {text:?}");
            text.push_str(std::str::from_utf8(&piece[..read]).unwrap());
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length = head.split("content-length: ").nth(1).unwrap();
            if body.len() == length.lines().next().unwrap().parse::<usize>().unwrap() {
                return text;
            }
        }
    }

    /// Whether nothing has been answered so far.
    pub(crate) fn hears_nothing(&self) -> bool {
        self.0.set_nonblocking(true).unwrap();
        let nothing = self.0.peek(&mut [0]).is_err();
        self.0.set_nonblocking(false).unwrap();
        nothing
    }
}
