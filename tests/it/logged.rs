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
