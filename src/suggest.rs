//! *Did you mean*: the known name that is nearest to a mistyped one.
//! Pure: no I/O, no clock, no randomness.

/// The candidate nearest to `name`, if one is near enough to be what was meant: a slip (a letter
/// more, less, other, or two exchanged) where both have three letters, two where both have eight:
/// in short names, such as those of markets, two make another thing. Case does not count as a slip.
pub(crate) fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    Effort { left: usize::MAX }.did_you_mean(name, candidates)
}

/// How much may still be compared, where thousands of names may have to be compared with
/// thousands: for a suggestion nobody waits for minutes.
#[derive(Debug)]
pub(crate) struct Effort {
    /// In pairs of letters, of which each takes some nanoseconds.
    left: usize,
}

/// What a loop bears in one of its turns beside all else: ten milliseconds at the most. It is
/// enough for dozens of mistyped titles among hundreds, and for the first few pairs among all of
/// Kraken's.
impl Default for Effort {
    fn default() -> Self {
        Self { left: 2_000_000 }
    }
}

impl Effort {
    /// As [`did_you_mean`]; and nothing any more when too much has been compared.
    pub(crate) fn did_you_mean<'a>(
        &mut self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        // A word of this length is no typing mistake, and measuring it would cost time.
        const LONGEST: usize = 64;
        // What is not done letter by letter takes as long as so many letters more.
        const BESIDE: usize = 4;
        if name.len() > LONGEST {
            return None;
        }
        let wanted = name.to_lowercase();
        let mut nearest = None;
        for candidate in candidates {
            let is_alike = candidate.len().abs_diff(name.len()) <= 2;
            if !self.spend(if is_alike { (candidate.len() + BESIDE).pow(2) } else { 1 }) {
                break;
            }
            if !is_alike {
                continue;
            }
            let slips = strsim::damerau_levenshtein(&wanted, &candidate.to_lowercase());
            let shorter = candidate.chars().count().min(name.chars().count());
            let is_near = slips <= usize::from(shorter >= 3) + usize::from(shorter >= 8);
            if is_near && nearest.is_none_or(|(least, _)| slips < least) {
                nearest = Some((slips, candidate));
            }
        }
        nearest.map(|(_, candidate)| candidate)
    }

    /// Whether there is so much left. If not, there is nothing any more.
    const fn spend(&mut self, effort: usize) -> bool {
        let enough = effort <= self.left;
        self.left = if enough { self.left - effort } else { 0 };
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn who_has_compared_too_much_offers_nothing_any_more() {
        let many: Vec<_> = (0..400).map(|n| format!("Price of {n:03}")).collect();
        let names = || many.iter().map(String::as_str);
        let mut effort = Effort::default();
        let offered: Vec<_> =
            (0..1_000).map(|_| effort.did_you_mean("Prize of 007", names()).is_some()).collect();
        let times = offered.iter().filter(|offered| **offered).count();
        assert!((12..50).contains(&times) && offered[..times].iter().all(|offered| *offered));
        let unlike = std::iter::repeat_n("x", 2_000_000);
        assert_eq!(Effort::default().did_you_mean("Price", unlike.chain(["Prize"])), None);
    }
}
