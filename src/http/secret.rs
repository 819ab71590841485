//! What is secret of what we send, and whether a text gives it away. Pure: no I/O, no clock, no randomness.

use std::collections::HashSet;

/// The part of an URL up to its host, and the rest of it.
pub(super) fn split(url: &str) -> (&str, &str) {
    let host = url.find("://").map_or(0, |at| at + "://".len());
    let path = url[host..].find(['/', '?', '#']).map_or(url.len(), |at| host + at);
    url.split_at(path)
}

/// Whether a text repeats as much of a secret as gives it away, from wherever in it.
pub(super) fn tells(text: &[u8], secret: &str) -> bool {
    const TELLING: usize = 12;
    let length = secret.len().min(TELLING);
    if length == 0 || text.len() < length {
        return false;
    }
    // Of one byte over and over, such as the dots that fill up a token, nothing is learned.
    let tells = |part: &&[u8]| part.iter().any(|byte| Some(byte) != part.first());
    let telling: HashSet<_> = secret.as_bytes().windows(length).filter(tells).collect();
    text.windows(length).any(|part| telling.contains(part))
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn of_an_address_all_but_its_host_may_be_secret() {
        for (host, path) in [
            ("https://hc-ping.com", "/f00dfeed?a=/b"),
            ("https://hc-ping.com:8443", "?f00dfeed"),
            ("https://hc-ping.com", ""),
            ("hc-ping.com", "/f00dfeed"),
        ] {
            assert_eq!(split(&format!("{host}{path}")), (host, path));
        }
    }
}
