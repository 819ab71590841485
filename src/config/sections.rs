//! The sections of what no room owns: logs, the probes, the heartbeat.
//! Pure: no I/O, no clock, no randomness.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use crate::tree::{Mistakes, Raw, Refusal, Section, shown, text, web_address};

/// What is logged, and how: section `log` of the configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LogConfig {
    /// The least of what is logged: `info`.
    pub level: LogLevel,
    /// How it is written: `auto`.
    pub format: LogFormat,
}

/// How much a record matters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LogLevel {
    /// A person must act.
    Error,
    /// Something is not as it should be, and is dealt with.
    Warn,
    /// What happens.
    #[default]
    Info,
    /// How it happens.
    Debug,
    /// Every step of it.
    Trace,
}

impl LogLevel {
    /// Every level with its name in a configuration.
    pub const NAMES: &'static [(&'static str, Self)] = &[
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

/// How a record is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum LogFormat {
    /// As text on a terminal, as JSON elsewhere.
    #[default]
    Auto,
    /// As text.
    Text,
    /// As a line of JSON.
    Json,
}

impl LogFormat {
    /// Every format with its name in a configuration.
    pub const NAMES: &'static [(&'static str, Self)] =
        &[("auto", Self::Auto), ("text", Self::Text), ("json", Self::Json)];
}

impl LogConfig {
    /// Reads the section `log`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        Self {
            level: section.choice("level", LogLevel::NAMES).unwrap_or_default(),
            format: section.choice("format", LogFormat::NAMES).unwrap_or_default(),
        }
    }
}

/// The probes: section `status` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusConfig {
    /// Where they answer; without it, nowhere.
    pub listen: Option<SocketAddr>,
}

impl StatusConfig {
    /// Reads the section `status`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let read = |raw: Raw<'_>| match raw {
            // A port alone, without quotes.
            Raw::Number(port) => listen(port).map_err(|refusal| refusal.found(port)),
            raw => listen(text(raw, LISTEN)?),
        };
        Self { listen: section.read_optional("listen", read) }
    }
}

const LISTEN: &str = "an address and a port, such as \"127.0.0.1:9642\"";

fn listen(text: &str) -> Result<SocketAddr, Refusal> {
    let refusal = Refusal::new(LISTEN).found(shown(text));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    if ["unix:", "/", "@"].iter().any(|begin| text.starts_with(begin)) {
        return Err(refusal.help("a socket of Unix will not do"));
    }
    let rest = text.split_once("://").map(|(_, rest)| rest);
    // Nothing of an address is shown that is none of this machine: there may be a password in it.
    let bare = rest.unwrap_or(text).split(['/', '?', '#']).next().unwrap_or_default();
    let bare = bare.rsplit('@').next().unwrap_or_default().trim();
    if bare != text {
        let delete = match rest {
            None if text.trim() == bare => "delete the blank",
            Some(_) => "delete what stands before the host and behind the port",
            None => "delete what stands behind the port",
        };
        return Err(match (listen(bare).map_err(|refusal| refusal.words().1), rest) {
            (Ok(_), _) => refusal.or_meant(Some(bare)),
            (Err(Some(then)), _) => refusal.help(format!("{delete}; {then}")),
            (Err(None), Some(_)) => refusal.help(delete),
            (Err(None), None) => refusal,
        });
    }
    let port = text.rsplit(':').next().unwrap_or_default();
    let host = text.strip_suffix(port).unwrap_or_default().trim_end_matches(':');
    Err(match port.parse::<u16>() {
        _ if host.contains(':') && !host.starts_with('[') || text.parse::<Ipv6Addr>().is_ok() => {
            refusal.help("an IPv6 address stands in brackets: \"[::1]:9642\"")
        }
        Ok(port) if host.is_empty() || host == "localhost" || host == "*" => {
            refusal.help(format!("did you mean \"127.0.0.1:{port}\"?"))
        }
        Err(_) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            refusal.help("a port is a number up to 65535")
        }
        Err(_) if text.parse::<IpAddr>().is_ok() || !text.contains(':') => {
            let is_name = text == "localhost";
            refusal.help(if is_name { "write 127.0.0.1 and a port" } else { "the port is missing" })
        }
        Ok(_) => refusal.help(
            "write the host in numbers: 127.0.0.1 for this machine alone, 0.0.0.0 for all who reach it",
        ),
        _ => refusal,
    })
}

/// Whom to tell that all is well: section `heartbeat` of the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeartbeatConfig {
    /// An https address, or an http one of this machine, that is fetched once a minute while
    /// everything succeeds; without one, nothing is. Such addresses are mostly secret.
    pub url: Option<String>,
}

impl fmt::Debug for HeartbeatConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeartbeatConfig").field("host", &self.host()).finish()
    }
}

impl HeartbeatConfig {
    /// The host of the address, which is no secret.
    pub fn host(&self) -> Option<String> {
        self.uri()?.host().map(str::to_owned)
    }

    /// The host of the address, if there is nothing behind it.
    pub(super) fn host_alone(&self) -> Option<String> {
        self.uri().filter(|uri| uri.path() == "/" && uri.query().is_none())?;
        self.host()
    }

    fn uri(&self) -> Option<http::Uri> {
        self.url.as_deref()?.parse().ok()
    }

    /// Reads the section `heartbeat`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        Self { url: section.read_optional("url", |raw| heartbeat(text(raw, HEARTBEAT)?)) }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        if let Some(Err(refusal)) = self.url.as_deref().map(heartbeat) {
            mistakes.code("heartbeat.url", refusal);
        }
    }
}

const HEARTBEAT: &str = "an https address";

fn heartbeat(text: &str) -> Result<String, Refusal> {
    web_address(text, HEARTBEAT).map(|_| text.to_owned())
}
