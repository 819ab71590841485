//! `ratesheet healthcheck`: asks a running service of this machine how it is doing, for a
//! container without a shell. Touches: the network, but this machine alone; standard output.

use std::{
    fmt,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream},
    time::Duration,
};

use ratesheet::StatusServer;
use tokio::time::Instant;

use super::{
    Wrong,
    environment::Environment,
    exit::Exit,
    flags::Flags,
    layers::{LoadError, load},
    print_error, tell, unloaded,
};

/// The longest that all of it may take.
const WITHIN: Duration = Duration::from_secs(2);

/// The largest answer that is read.
const MOST_BYTES: usize = 256 * 1024;

/// What to ask.
#[derive(Debug, clap::Args)]
pub(super) struct Arguments {
    /// Ask whether every spreadsheet succeeds (/readyz), not only whether the service lives
    /// (/livez)
    #[arg(long)]
    ready: bool,
}

/// Asks, and prints what is answered.
pub(super) fn healthcheck(flags: &Flags, arguments: &Arguments) -> Exit {
    let address = match address(&Environment::of_process(), flags) {
        Ok(address) => reachable(address),
        Err(wrong) => return unloaded(wrong),
    };
    match ask(address, if arguments.ready { "/readyz" } else { "/livez" }) {
        Ok(answer) if StatusServer::is_answer(&answer.body) => {
            let exit = if answer.status == 200 { Exit::Done } else { Exit::Incomplete };
            tell(&harmless(&answer.body), exit)
        }
        Ok(answer) => {
            print_error(&format!(
                "what answers at {address} does not look like ratesheet's probes: {answer}\n"
            ));
            Exit::Incomplete
        }
        Err(error) => {
            print_error(&format!("nobody answers at {address}: {error}\n"));
            Exit::Incomplete
        }
    }
}

/// Where the service listens. The configuration's file is read only if neither a flag nor the
/// environment says it.
fn address(environment: &Environment, flags: &Flags) -> Result<SocketAddr, Wrong> {
    let unknown = || {
        let told = "It is not known where the service listens: say it by --listen, \
                    RATESHEET__STATUS__LISTEN, or status.listen in the configuration.";
        (told.to_owned(), Exit::Config)
    };
    let address = if let Some(text) = &flags.listen {
        parse(text).ok_or_else(|| (unreadable("--listen", text), Exit::Usage))?
    } else if let Some((name, text)) = environment.listen() {
        parse(text).ok_or_else(|| (unreadable(name, text), Exit::Config))?
    } else {
        let loaded = load(environment, flags).map_err(|error| match error {
            LoadError::Nowhere => unknown(),
            error => error.wrong(),
        })?;
        loaded.config.status.listen.ok_or_else(unknown)?
    };
    if address.port() == 0 {
        let told = "The service listens at a port that it has chosen itself; name the port.";
        let exit = if flags.listen.is_some() { Exit::Usage } else { Exit::Config };
        return Err((told.to_owned(), exit));
    }
    Ok(address)
}

fn parse(text: &str) -> Option<SocketAddr> {
    text.parse().ok()
}

fn unreadable(origin: &str, text: &str) -> String {
    let short: String = text.chars().take(80).collect();
    let help =
        if text.contains("://") { "\n  help: delete what stands before the host" } else { "" };
    format!(
        "{origin}: error: found {short:?}; expected an address and a port, such as \
         \"127.0.0.1:9642\"{help}"
    )
}

/// Who listens at every address is asked at the nearest.
const fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// What is answered.
#[derive(Debug, PartialEq, Eq)]
struct Answer {
    status: u16,
    body: String,
}

/// Of a stranger: what can be told in a line.
impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<_> = self.body.split_whitespace().collect();
        let short: String = words.join(" ").chars().take(80).collect();
        write!(f, "HTTP {}, {short:?}", self.status)
    }
}

fn ask(address: SocketAddr, path: &str) -> io::Result<Answer> {
    let deadline = Instant::now() + WITHIN;
    let mut stream = TcpStream::connect_timeout(&address, WITHIN)?;
    stream.set_write_timeout(Some(left(deadline)?))?;
    let host = address.to_string();
    let question = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes())?;
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        stream.set_read_timeout(Some(left(deadline)?))?;
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => bytes.extend_from_slice(chunk.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(too_late()),
            Err(error) => return Err(error),
        }
        if bytes.len() > MOST_BYTES {
            return Err(io::Error::other("the answer is too large"));
        }
    }
    understand(&bytes).ok_or_else(|| io::Error::other("what answers is no ratesheet"))
}

fn left(deadline: Instant) -> io::Result<Duration> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(too_late()) } else { Ok(left) }
}

fn too_late() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {WITHIN:?}"))
}

/// Reads an answer of HTTP/1.1 whose length is said.
fn understand(bytes: &[u8]) -> Option<Answer> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut words = head.lines().next()?.split(' ');
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = words.next()?.parse().ok()?;
    Some(Answer { status, body: body.to_owned() })
}

/// A foreign text that does nothing to a terminal.
fn harmless(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    fn known(flag: Option<&str>, variable: Option<&str>) -> Result<String, (String, Exit)> {
        let variables =
            variable.map(|text| ("RateSheet__Status__LISTEN".into(), text.into())).into_iter();
        let flags = Flags {
            listen: flag.map(str::to_owned),
            config: Some("/does/not/exist".into()),
            ..Flags::default()
        };
        let address = address(&Environment::of(variables), &flags);
        address.map(|address| reachable(address).to_string())
    }

    #[test]
    fn flag_and_environment_say_where_without_a_file() {
        assert_eq!(known(Some("127.0.0.1:1"), Some("127.0.0.1:2")).unwrap(), "127.0.0.1:1");
        assert_eq!(known(None, Some("0.0.0.0:2")).unwrap(), "127.0.0.1:2");
        assert_eq!(known(None, Some("[::]:3")).unwrap(), "[::1]:3");
        assert_eq!(known(None, Some("10.1.2.3:4")).unwrap(), "10.1.2.3:4");
        for (flag, variable, words, exit) in [
            (Some("9642"), None, "--listen: error: found \"9642\"", Exit::Usage),
            (Some("http://127.0.0.1:1"), None, "delete what stands before the host", Exit::Usage),
            (None, Some("x"), "RateSheet__Status__LISTEN: error: found \"x\"", Exit::Config),
            (Some("127.0.0.1:0"), None, "name the port", Exit::Usage),
            (None, Some("127.0.0.1:0"), "name the port", Exit::Config),
            (None, None, "/does/not/exist: error: No such file", Exit::Config),
        ] {
            let (told, code) = known(flag, variable).unwrap_err();
            assert!(told.contains(words) && code == exit, "{told} {code:?}");
        }
    }

    #[test]
    fn the_file_says_where_if_nothing_else_does() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let flags = Flags { config: Some(file.path().into()), ..Flags::default() };
        let example = include_str!("../../config/example.json");
        std::fs::write(file.path(), example).unwrap();
        let (told, exit) = address(&Environment::default(), &flags).unwrap_err();
        assert!(told.starts_with("It is not known where") && exit == Exit::Config, "{told}");
        let listening = example.trim_end().trim_end_matches('}').trim_end().to_owned()
            + ", \"status\": { \"listen\": \"127.0.0.1:9642\" } }";
        std::fs::write(file.path(), listening).unwrap();
        let known = address(&Environment::default(), &flags).unwrap();
        assert_eq!(known.to_string(), "127.0.0.1:9642");
    }

    #[test]
    fn only_an_answer_of_http_is_understood() {
        let answer = |status, body: &str| Some(Answer { status, body: body.into() });
        for (bytes, understood) in [
            ("HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nalive\n", answer(200, "alive\n")),
            ("HTTP/1.1 503 Service Unavailable\r\n\r\n", answer(503, "")),
            ("HTTP/1.1 2x0 OK\r\n\r\n", None),
            ("SSH-2.0-OpenSSH_9.6\r\n\r\n", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("", None),
        ] {
            assert_eq!(understand(bytes.as_bytes()), understood, "{bytes}");
        }
        for stranger in ["<!DOCTYPE html>\n<title>Welcome\u{1b}</title>", "not found\n", ""] {
            assert!(!StatusServer::is_answer(stranger), "{stranger}");
        }
        let stranger = answer(404, "<!DOCTYPE html>\n  <title>Welcome\u{1b}</title>").unwrap();
        let told = "HTTP 404, \"<!DOCTYPE html> <title>Welcome\\u{1b}</title>\"";
        assert_eq!(stranger.to_string(), told);
        assert_eq!(harmless("a\u{1b}[2J\r\nb"), "a [2J \nb");
    }

    /// A server that answers one question with this, and says nothing more.
    fn server(answer: &'static str, keep_open: bool) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = [0; 1024];
            let read = stream.read(&mut asked).unwrap();
            assert!(asked[..read].starts_with(b"GET /readyz HTTP/1.1\r\nHost: 127.0.0.1:"));
            stream.write_all(answer.as_bytes()).unwrap();
            if keep_open {
                // Until the other side gives up.
                assert_eq!(stream.read(&mut asked).unwrap_or_default(), 0);
            }
        });
        address
    }

    #[test]
    fn who_does_not_answer_in_time_does_not_answer() {
        let answer = ask(server("HTTP/1.1 503 No\r\n\r\nnot ready\n", false), "/readyz").unwrap();
        assert_eq!(answer, Answer { status: 503, body: "not ready\n".into() });
        let error = ask(server("HTTP/1.1 200 OK\r\n\r\nrea", true), "/readyz").unwrap_err();
        assert_eq!(error.to_string(), "no answer within 2s");
        let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(ask(nobody, "/livez").unwrap_err().kind(), io::ErrorKind::ConnectionRefused);
    }
}
