//! *Did you mean*: the known name that is nearest to a mistyped one.
//! Pure: no I/O, no clock, no randomness.

/// The candidate nearest to `name`, if one is near enough to be what was meant: a slip (a letter
/// more, less, other, or two exchanged) where both have three letters, two where both have eight:
/// in short names, such as those of markets, two make another thing. Case does not count as a slip.
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
        .filter(|&(slips, candidate)| {
            let shorter = candidate.chars().count().min(name.chars().count());
            slips <= usize::from(shorter >= 3) + usize::from(shorter >= 8)
        })
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
            ("intreval", Some("interval")),
            ("intrevals", Some("interval")),
            ("colour", None),
            ("x", None),
        ] {
            assert_eq!(did_you_mean(typed, known), meant, "{typed}");
        }
        // A market that is gone is not another one.
        assert_eq!(did_you_mean("XBTEUR", ["AIXBTEUR", "XCNEUR"]), None);
    }
}
