//! *Did you mean*: the known name that is nearest to a mistyped one.
//! Pure: no I/O, no clock, no randomness.

/// The candidate nearest to `name`, if one is near enough to be what was meant: at most two
/// slips (a letter more, less, other, or two exchanged), and no more than a third of the word.
/// Case does not count as a slip.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    // A word of this length is no typing mistake, and measuring it would cost time.
    const LONGEST: usize = 64;
    if name.len() > LONGEST {
        return None;
    }
    let wanted = name.to_lowercase();
    let slips = |candidate: &str| strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
    candidates
        .into_iter()
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= 2)
        .map(|candidate| (slips(candidate), candidate))
        .filter(|&(slips, candidate)| slips <= 2 && slips * 3 <= candidate.chars().count())
        .min_by_key(|&(slips, _)| slips)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::did_you_mean;

    #[test]
    fn the_nearest_name_is_offered_and_nonsense_gets_none() {
        let known = ["timeout", "interval", "data", "sheet", "sheets"];
        for (typed, meant) in [
            ("timout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("tmieout", Some("timeout")),
            ("dta", Some("data")),
            ("sheetz", Some("sheet")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(typed, known), meant, "{typed}");
        }
    }
}
