//! Whether a secret lies in the repository: a private key that is not one of the throwaway ones of
//! the tests, or anything that looks like a token of Google's or of others. It reads the files as
//! text and touches nothing else.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unreachable,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// Where the keys are that open nothing, made for the tests and the sandbox.
const THROWAWAY: [&str; 5] = [
    "tests/keys/ec.pem",
    "tests/keys/rsa-1024.pem",
    "tests/keys/rsa-2048.pem",
    "tests/keys/rsa-2048-pkcs1.pem",
    "src/sandbox/token/key.rs",
];

/// How secrets of well-known makers begin, and the least that follows: Google's access tokens,
/// refresh tokens, keys of its API and clients, GitHub's tokens, Amazon's keys.
const TOKENS: [(&str, usize); 8] = [
    ("ya29.", 60),
    ("1//0", 40),
    ("AIza", 35),
    ("GOCSPX-", 28),
    ("ghp_", 36),
    ("gho_", 36),
    ("github_pat_", 40),
    ("AKIA", 16),
];

/// A private key is longer than that, even the shortest.
const KEY: usize = 64;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the repository; where there is none, as in an archive, every file that is there.
/// What a developer keeps beside them is his own.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let listed = listed.ok().filter(|output| output.status.success()).map(|output| output.stdout);
    let named = String::from_utf8(listed.unwrap_or_default()).unwrap();
    let named: Vec<_> = named.split('\0').filter(|name| !name.is_empty()).collect();
    if !named.is_empty() {
        return named.into_iter().map(|name| root().join(name)).filter(|p| p.is_file()).collect();
    }
    let (mut found, mut folders) = (Vec::new(), vec![root().to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                found.push(path);
            } else if path.is_dir() && !path.ends_with("target") && !path.ends_with(".git") {
                folders.push(path);
            }
        }
    }
    found
}

fn text(path: &Path) -> String {
    String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
}

/// The bodies of all private keys in a text, whether its lines end for good or, as in JSON, with
/// `\n`. What is too short to be a key is none.
fn keys(text: &str) -> BTreeSet<String> {
    let inside = text.split("PRIVATE KEY-----").skip(1).step_by(2);
    let body = |inside: &str| -> String {
        let plain = inside.replace("\\n", "").replace(char::is_whitespace, "");
        plain.chars().take_while(|c| c.is_ascii_alphanumeric() || "+/=".contains(*c)).collect()
    };
    inside.map(body).filter(|body| body.len() > KEY).collect()
}

/// What looks like a token.
fn tokens(text: &str) -> Vec<&str> {
    let follows = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let all = TOKENS.into_iter().flat_map(|(begin, least)| {
        text.match_indices(begin).filter_map(move |(at, _)| {
            let inside = text[..at].chars().next_back().is_some_and(|c| c.is_ascii_alphanumeric());
            let rest = &text[at + begin.len()..];
            let end = rest.find(|c| !follows(c)).unwrap_or(rest.len());
            (!inside && end >= least).then(|| &text[at..at + begin.len() + end])
        })
    });
    all.collect()
}

#[test]
fn no_secret_lies_in_the_repository() {
    let throwaway: BTreeSet<_> =
        THROWAWAY.iter().flat_map(|path| keys(&text(&root().join(path)))).collect();
    assert_eq!(throwaway.len(), THROWAWAY.len(), "a file has no key, or two have the same");
    let all = files();
    assert!(all.len() > 100, "{} files", all.len());
    for path in all {
        let text = text(&path);
        let (path, found) = (path.display(), keys(&text));
        assert!(found.is_subset(&throwaway), "{path} has a private key");
        assert_eq!(tokens(&text), <[&str; 0]>::default(), "in {path}");
    }
}

#[test]
fn a_secret_is_noticed() {
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    let line = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7".repeat(2);
    let key = |line_end: &str| format!("x {begin}{line_end}{line}{line_end}{line}{line_end}{end}");
    for text in [key("\n"), key("\r\n"), key("\\n"), key("\n    ")] {
        assert_eq!(keys(&text), [line.repeat(2)].into(), "{text}");
    }
    assert!(keys(&format!("{begin}\nCANARY\n{end}")).is_empty());
    for (begin, least) in TOKENS {
        let token = format!("{begin}{}", "a0".repeat(least.div_ceil(2)));
        assert_eq!(tokens(&format!("\"{token}\"")), [token.as_str()]);
        let short = format!("{begin}{}", "a".repeat(least - 1));
        assert!(tokens(&format!("{short} x{token}")).is_empty(), "{token}");
    }
}
