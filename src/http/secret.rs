//! What is secret of what we send, and whether a text gives it away. Pure: no I/O, no clock, no
//! randomness.

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
    if length == 0 {
        return false;
    }
    // Of one byte over and over, such as the dots that fill up a token, nothing is learned.
    let tells = |part: &&[u8]| part.iter().any(|byte| Some(byte) != part.first());
    let telling: HashSet<_> = secret.as_bytes().windows(length).filter(tells).collect();
    // There is a whole block in as many bytes, wherever they begin: of a long text, nothing but
    // what is around a block of the secret's is looked at byte by byte.
    let block = length.div_ceil(2);
    let blocks: HashSet<_> = secret.as_bytes().windows(block).collect();
    let around = |at: usize| {
        let around = text.get(at.saturating_sub(block)..text.len().min(at + length));
        around.unwrap_or_default()
    };
    let places = (0..).step_by(block).zip(text.chunks_exact(block));
    let mut suspect = places.filter(|(_, part)| blocks.contains(part)).map(|(at, _)| around(at));
    suspect.any(|part| part.windows(length).any(|part| telling.contains(part)))
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_secret_is_found_wherever_it_is_and_less_than_twelve_letters_of_it_are_none() {
        let secret = "ya29.c.b0Aaekm1K-canary.............";
        for (from, to, is_told) in [(0, 12, true), (3, 15, true), (11, 23, true), (5, 16, false)] {
            for before in 0..20 {
                let text = format!("{}{}>>>", "<".repeat(before), &secret[from..to]);
                assert_eq!(tells(text.as_bytes(), secret), is_told, "{text}");
            }
        }
        for (text, secret, is_told) in [
            ("a b c", "b c", true),
            ("a b c", "b d", false),
            ("b", "b c", false),
            ("", "b", false),
            ("b", "", false),
            ("please wait .............", secret, false),
        ] {
            assert_eq!(tells(text.as_bytes(), secret), is_told, "{text} {secret}");
        }
    }
}
