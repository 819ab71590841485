//! Secrets that somebody has pasted where something else should be, known by how they look. None of
//! them may appear anywhere. Pure: no I/O, no clock, no randomness.

/// What is secret in a text, if anything is: in words, without any of it.
pub(crate) fn secret_in(text: &str) -> Option<&'static str> {
    for (sign, what) in [
        ("PRIVATE KEY", "a private key"),
        ("private_key", "a private key"),
        ("-----BEGIN", "a PEM text"),
    ] {
        if text.contains(sign) {
            return Some(what);
        }
    }
    text.split(|c: char| !(c.is_ascii_alphanumeric() || "+/_-.".contains(c))).find_map(kind)
}

/// What a word is that looks like a secret of Google's, even if its end is missing. A path with the
/// same beginning is shorter, or has a point in it, or ends as files of keys do; and one that is
/// written with `./` before it never looks like one.
fn kind(word: &str) -> Option<&'static str> {
    const KINDS: [(&str, usize, &str, &str); 9] = [
        ("AIza", 30, "_-", "an API key"),
        ("ya29.", 25, "_-.", "an access token"),
        ("GOCSPX-", 25, "_-", "an OAuth client's secret"),
        ("1//0", 30, "_-", "a refresh token"),
        ("MII", 40, "+/", "a piece of a private key"),
        ("eyJ", 40, "+/_-.", "a key or a token in base64"),
        ("ewo", 40, "+/", "a key in base64"),
        ("ew0", 40, "+/", "a key in base64"),
        ("eyA", 40, "+/", "a key in base64"),
    ];
    let looks_like = |(begin, least, beside, _): &(&str, usize, &str, &str)| {
        let fits = |c: char| c.is_ascii_alphanumeric() || beside.contains(c);
        let rest = word.strip_prefix(begin).unwrap_or_default();
        word.len() >= *least
            && !rest.is_empty()
            && rest.chars().all(fits)
            && !rest.ends_with(".json")
    };
    KINDS.iter().find(|kind| looks_like(kind)).map(|(.., what)| *what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_known_by_how_they_look_and_paths_are_none() {
        let many = "Ab3_".repeat(20);
        let plain = "Ab3x".repeat(20);
        for (text, what) in [
            (format!("AIzaSy{}", &many[..33]), Some("an API key")),
            (format!("\"credentials\": \"AIzaSy{}\",", &many[..33]), Some("an API key")),
            (format!("key=AIzaSy{}", &many[..33]), Some("an API key")),
            (format!("ya29.a0{many}"), Some("an access token")),
            (format!("ya29.c.b0{many}"), Some("an access token")),
            (format!("GOCSPX-{}", &many[..28]), Some("an OAuth client's secret")),
            (format!("1//0g{many}"), Some("a refresh token")),
            (format!("MIIEvQ{plain}/+x"), Some("a piece of a private key")),
            (format!("MIIEvQ{plain}=="), Some("a piece of a private key")),
            (format!("eyJ0eXBl{plain}="), Some("a key or a token in base64")),
            (format!("eyJhbGci.{many}.{many}"), Some("a key or a token in base64")),
            (format!("ewogICJ0{plain}"), Some("a key in base64")),
            ("-----BEGIN PRIVATE KEY-----".into(), Some("a private key")),
            ("-----BEGIN CERTIFICATE-----".into(), Some("a PEM text")),
            ("MIIkeys/key.json".into(), None),
            ("keys/eyJ.json".into(), None),
            ("eyJ.json".into(), None),
            ("ya29.json".into(), None),
            (format!("ya29.{plain}.json"), None),
            (format!("MII{plain}/key.json"), None),
            (format!("./AIzaSy{}", &many[..33]), None),
            (format!("/run/secrets/AIzaSy{}", &many[..33]), None),
            ("15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk:Sheet 1".into(), None),
        ] {
            assert_eq!(secret_in(&text), what, "{text}");
        }
    }
}
