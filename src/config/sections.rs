//! The sections of what no room owns: logs, the status page, the heartbeat.
//! Pure: no I/O, no clock, no randomness.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::tree::{Mistakes, Raw, Refusal, Section, is_loopback, shown, text, web_address};

/// The most hosts that `status.allowed_hosts` may name.
const MOST_HOSTS: usize = 100;

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

/// The status page: section `status` of the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StatusConfig {
    /// Where it listens; without one there is no status page.
    pub listen: Option<SocketAddr>,
    /// The hosts that it may be asked by, beside `localhost` and addresses.
    pub allowed_hosts: Vec<String>,
}

impl StatusConfig {
    /// Reads the section `status`.
    pub(crate) fn from_section(section: &mut Section<'_>) -> Self {
        let listen = section.read_optional("listen", |raw| listen(text(raw, LISTEN)?));
        let mut hosts = Vec::new();
        for found in section.values("allowed_hosts") {
            hosts.clear();
            match found.raw() {
                Raw::Outside(text) => {
                    let all: Result<Vec<_>, _> =
                        text.split(',').map(|name| host(name.trim())).collect();
                    hosts.extend(found.read(|_| all).unwrap_or_default());
                }
                Raw::List(nodes) => {
                    let items = found.nodes(nodes);
                    hosts.extend(items.filter_map(|item| item.read(|raw| host(text(raw, HOST)?))));
                }
                _ => found.refuse(Refusal::new("a list of host names")),
            }
            if hosts.len() > MOST_HOSTS {
                let refusal = Refusal::new(format!("{MOST_HOSTS} at most"));
                found.refuse(refusal.found(format!("{} hosts", hosts.len())));
            }
        }
        Self { listen, allowed_hosts: hosts }
    }

    /// Notes what is wrong with a section that was built in code.
    pub(super) fn check(&self, mistakes: &mut Mistakes) {
        for (index, name) in self.allowed_hosts.iter().enumerate() {
            if let Err(refusal) = host(name) {
                mistakes
                    .code(format!("status.allowed_hosts[{index}]"), refusal.or_found(shown(name)));
            }
        }
    }
}

const LISTEN: &str = "an address and a port, such as \"127.0.0.1:9642\"";

fn listen(text: &str) -> Result<SocketAddr, Refusal> {
    let refusal = Refusal::new(LISTEN).found(shown(text));
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    let port = text.rsplit(':').next().unwrap_or_default();
    let host = text.strip_suffix(port).unwrap_or_default().trim_end_matches(':');
    Err(match port.parse::<u16>() {
        Ok(port) if host.is_empty() || host == "localhost" || host == "*" => {
            refusal.help(format!("did you mean \"127.0.0.1:{port}\"?"))
        }
        Ok(_) if host.contains(':') && !host.starts_with('[') => {
            refusal.help("an IPv6 address stands in brackets: \"[::1]:9642\"")
        }
        Err(_) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            refusal.help("a port is a number up to 65535")
        }
        Err(_) if text.parse::<IpAddr>().is_ok() || !text.contains(':') => {
            refusal.help("the port is missing")
        }
        _ => refusal,
    })
}

const HOST: &str = "a host's name, such as \"status.example.com\"";

fn host(text: &str) -> Result<String, Refusal> {
    let refusal = Refusal::new(HOST).found(shown(text));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    if !text.is_empty() && text.len() <= 253 && text.chars().all(plain) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(match text.split_once("://") {
        Some(_) => refusal.help("write the name alone, without https:// and without a path"),
        None if text.contains(':') => refusal.help("write the name alone, without a port"),
        None => refusal,
    })
}

/// Whom to tell that all is well: section `heartbeat` of the configuration.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct HeartbeatConfig {
    /// An https address that is fetched after a cycle in which everything succeeded, at most once
    /// a minute; without one, nothing is. Such addresses are mostly secret.
    pub url: Option<String>,
}

impl fmt::Debug for HeartbeatConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = |url: &String| url.parse::<http::Uri>().ok()?.host().map(str::to_owned);
        f.debug_struct("HeartbeatConfig").field("host", &self.url.as_ref().and_then(host)).finish()
    }
}

impl HeartbeatConfig {
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

impl StatusConfig {
    /// Whether it can be reached from other machines.
    pub(super) fn is_public(&self) -> bool {
        self.listen.is_some_and(|address| !is_loopback(&address.ip().to_string()))
    }
}
