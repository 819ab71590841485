//! Addresses of servers. Pure: no I/O, no clock, no randomness.

use http::Uri;

use super::{
    problem::{clipped, shown},
    scalar::Refusal,
    secret::secret_in,
};
use crate::suggest::did_you_mean;

/// Reads where a server is: scheme, host, perhaps a port, and nothing else. It comes back without
/// the slash at its end, its host in lower case.
pub(crate) fn endpoint(text: &str) -> Result<String, Refusal> {
    let expected = "an address such as \"https://api.example.com\"";
    let uri = web_address(text, expected)?;
    let refuse = |what: &str, help: String| {
        Err(Refusal::new("scheme, host and port only").found(what).help(help))
    };
    let scheme = uri.scheme_str().unwrap_or_default();
    let authority = uri.authority().map(|authority| authority.as_str().to_ascii_lowercase());
    let bare = format!("{scheme}://{}", authority.unwrap_or_default());
    if uri.query().is_some() || text.contains('?') {
        return refuse("an address with a query", format!("write \"{bare}\""));
    }
    if !matches!(uri.path(), "" | "/") {
        return refuse("an address with a path", format!("write \"{bare}\""));
    }
    Ok(bare)
}

/// Reads an https address, or an http one of this very machine.
pub(crate) fn web_address(text: &str, expected: &str) -> Result<Uri, Refusal> {
    let refuse = |found: String| Refusal::new(expected).found(found);
    if text.trim() != text {
        let found = "an address with a blank before it or behind it";
        return Err(refuse(found.into()).help("delete the blank"));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(without_scheme(text, refuse));
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    if ["https:", "http:", "https", "http"].contains(&authority) {
        let refusal = refuse("an address with two schemes".into());
        return Err(refusal.help("write https:// once, and then the host"));
    }
    if authority.contains('@') {
        let refusal = refuse("an address with a user name or a password in it".into());
        return Err(refusal.help("delete what stands between :// and @, and the @"));
    }
    if let Some(c) = text.chars().find(|c| !c.is_ascii()) {
        let help = "write a host of another script in its ASCII form (xn--…)";
        return Err(
            refuse(format!("an address with the character {}", shown(&c.to_string()))).help(help)
        );
    }
    if authority.matches(':').count() > 1 && !authority.starts_with('[') {
        let help = format!("write an IPv6 address in brackets: {scheme}://[{authority}]");
        return Err(refuse("an address with several ':'".into()).help(help));
    }
    if text.contains('#') {
        return Err(refuse("an address with a '#'".into()));
    }
    if text.contains(char::is_whitespace) {
        return Err(refuse("an address with a blank in it".into()).help("delete the blank"));
    }
    let uri: Uri = text.parse().map_err(|_| refuse(shown(text)))?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| refuse(shown(text)))?;
    match authority.rsplit_once(':').filter(|_| !authority.ends_with(']')) {
        Some((_, port)) if port.parse::<u16>().ok().is_none_or(|port| port == 0) => {
            let expected = "a port from 1 to 65535";
            return Err(Refusal::new(expected).found(format!("the port {}", shown(port))));
        }
        _ => {}
    }
    match scheme.to_ascii_lowercase().as_str() {
        "https" => Ok(uri),
        "http" if is_loopback(host) => Ok(uri),
        "http" => {
            let help = "write https; plain http is for 127.0.0.1, [::1] and localhost alone";
            Err(refuse("http, which anybody on the way can read and change".into()).help(help))
        }
        other => {
            let meant = did_you_mean(other, ["https", "http"]).map(|_| "https");
            Err(refuse(format!("the scheme {}", shown(other))).or_meant(meant))
        }
    }
}

/// What is said of an address without `://`, of which no more than its host is shown.
fn without_scheme(text: &str, refuse: impl Fn(String) -> Refusal) -> Refusal {
    const LONGEST: usize = 20;
    const SLIPS: [&str; 4] = ["http:", "https:", "http//", "https//"];
    if text.contains('@') {
        return refuse("no address (not shown)".into());
    }
    let host = text.split(['/', '?', '#', '\\']).next().unwrap_or_default();
    // What would be a long host without a domain may be the key that an address ends with.
    if !host.contains('.') && host.len() > LONGEST {
        return refuse("no address (not shown)".into());
    }
    let lower = text.to_ascii_lowercase();
    if SLIPS.iter().any(|slip| lower.starts_with(slip)) {
        return refuse(shown(host)).help("write https:// in place of what stands before the host");
    }
    if !host.contains('.') || host.contains([' ', '"']) || secret_in(host).is_some() {
        return refuse(shown(host));
    }
    if host.len() < text.len() {
        return refuse(format!("\"{}/…\"", clipped(host))).help("put https:// before it");
    }
    refuse(shown(host)).help(format!("did you mean \"https://{}\"?", clipped(host)))
}

/// A text up to the host of the first address in it; the whole, if there is none. Of one that has
/// a user's name or a password before its host, no more than its scheme.
pub(super) fn host_of(text: &str) -> &str {
    let begin = text.find("://").or_else(|| text.find(r":\\"));
    let Some(begin) = begin.map(|colon| colon + "://".len()) else { return text };
    let host = text[begin..].split(['/', '?', '#', '\\']).next().unwrap_or_default();
    let end = if host.contains('@') { begin } else { begin + host.len() };
    &text[..end]
}

/// Whether a host is this very machine.
pub(crate) fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_or_this_machine_and_nothing_but_an_address() {
        for (text, read) in [
            ("https://api.kraken.com", "https://api.kraken.com"),
            ("HTTPS://API.kraken.com/", "https://api.kraken.com"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://localhost", "http://localhost"),
            ("https://10.0.0.1:65535", "https://10.0.0.1:65535"),
        ] {
            assert_eq!(endpoint(text).as_deref(), Ok(read), "{text}");
        }
        for (text, words) in [
            ("", "\"\""),
            ("api.kraken.com", "did you mean \"https://api.kraken.com\""),
            ("http://api.kraken.com", "plain http"),
            ("http://10.0.0.1", "plain http"),
            ("http://127.0.0.1.evil.com", "plain http"),
            ("ftp://a.b", "scheme"),
            (
                "htps://a.b",
                "the scheme \"htps\"; expected an address such as \"https://api.example.com\" did you mean \"https\"?",
            ),
            ("https://u:hunter2@h", "user name"),
            ("https://u:hunter2@h", "delete what stands between :// and @"),
            ("api.kraken.com/hunter2", "\"api.kraken.com/…\""),
            ("api.kraken.com/hunter2", "put https:// before it"),
            ("https://api.kraken.com/a hunter2", "a blank in it"),
            ("https://https://api.kraken.com/hunter2", "write https:// once"),
            ("https:/api.kraken.com/hunter2", "write https:// in place of"),
            ("Https//api.kraken.com/hunter2", "write https:// in place of"),
            ("http:api.kraken.com", "write https:// in place of"),
            ("httpbin.example", "did you mean \"https://httpbin.example\"?"),
            ("https://api.kraken.com/0/public", "path"),
            ("https://api.kraken.com?x=1", "query"),
            ("https://api.kraken.com#x", "'#'"),
            ("https://api.kraken.com:0", "port"),
            ("https://api.kraken.com:", "port"),
            ("https://api.kraken.com:99999", ""),
            ("https://::1:80", "brackets"),
            ("https://аpi.kraken.com", "xn--"),
            ("https://", ""),
            ("https://a b", ""),
            ("https://api.kraken.com ", "behind it"),
            ("\thttps://api.kraken.com", "a blank before it"),
            ("https://[::1", ""),
        ] {
            let (message, help) = endpoint(text).unwrap_err().words();
            let all = format!("{message} {}", help.unwrap_or_default());
            assert!(all.contains(words), "{text}: {all}");
            assert!(!all.contains("hunter2"), "{all}");
        }
    }
}
