//! Texts of others as parts of sentences of ours. Pure: no I/O, no clock, no randomness.

use crate::tree::is_invisible;

/// This much of a foreign text goes into an error, in characters.
const EXCERPT: usize = 200;

/// The beginning of a foreign text, on one line, without control characters and without what turns
/// or hides text on a screen: what may be put into an error.
pub(crate) fn excerpt(text: &str) -> String {
    let clean = |c: char| if c.is_control() || is_invisible(c) { ' ' } else { c };
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(EXCERPT).map(clean).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The beginning of a foreign sentence as a clause, without its full stop: more may follow.
pub(crate) fn clause(text: &str) -> String {
    let short = excerpt(text);
    short.trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_or_hides_text_is_left_out() {
        for c in ['\u{1b}', '\u{61c}', '\u{200b}', '\u{200d}', '\u{202e}', '\u{2060}', '\u{feff}'] {
            assert_eq!(excerpt(&format!("{c}one{c}{c}two")), "one two", "{c:?}");
        }
    }

    #[test]
    fn a_sentence_of_others_becomes_a_clause() {
        for (text, told) in [
            ("The caller does not have permission", "The caller does not have permission"),
            (" Invalid JWT\nSignature. ", "Invalid JWT Signature"),
            ("…", "…"),
            (".", ""),
        ] {
            assert_eq!(clause(text), told);
        }
    }
}
