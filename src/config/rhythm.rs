//! How much there is to do in a second, where cadences differ and some of their ticks coincide.
//! Pure: no I/O, no clock, no randomness.

use std::collections::BTreeMap;

/// So many cadences are looked at together: each one more doubles the work.
const TOGETHER: usize = 8;

/// What all ticks of a second cost, where `cost` is that of one in which these are due. The keys
/// are milliseconds, and all begin at once, as the schedule has them: where they coincide, there
/// is one tick. Of many cadences the slowest count as if they never coincided, which is too much
/// rather than too little.
#[expect(clippy::indexing_slicing, reason = "a set without one of its cadences is one of `sets`")]
pub(super) fn per_second<T>(cadences: &BTreeMap<u64, T>, cost: impl Fn(&[&T]) -> u32) -> f64 {
    let together: Vec<(&u64, &T)> = cadences.iter().take(TOGETHER).collect();
    let alone = cadences.iter().skip(TOGETHER);
    let alone = alone.map(|(every, what)| rate(*every) * f64::from(cost(&[what])));
    let sets = 1_usize << together.len();
    let members = |set: usize| {
        let numbered = together.iter().enumerate();
        numbered.filter(move |(bit, _)| set & (1 << bit) != 0).map(|(_, cadence)| *cadence)
    };
    // Inclusion and exclusion: a tick of all cadences of a set is a tick of each of its subsets,
    // too, and costs so much more than has been counted for these.
    let mut more: Vec<i64> = (0..sets)
        .map(|set| members(set).map(|(_, what)| what).collect::<Vec<_>>())
        .map(|due| if due.is_empty() { 0 } else { i64::from(cost(&due)) })
        .collect();
    for bit in (0..together.len()).map(|bit| 1 << bit) {
        for set in (0..sets).filter(|set| set & bit != 0) {
            more[set] -= more[set ^ bit];
        }
    }
    let shared = (1..sets).map(|set| {
        let every = members(set).fold(1, |common, (every, _)| lcm(common, *every));
        #[expect(clippy::cast_precision_loss, reason = "it is a small number")]
        let more = more[set] as f64;
        rate(every) * more
    });
    shared.chain(alone).sum()
}

/// How often in a second, of once in so many milliseconds.
#[expect(clippy::cast_precision_loss, reason = "what is so seldom is next to never")]
fn rate(every: u64) -> f64 {
    1_000.0 / every as f64
}

fn lcm(a: u64, b: u64) -> u64 {
    let (mut divisor, mut rest) = (a, b);
    while rest > 0 {
        (divisor, rest) = (rest, divisor % rest);
    }
    (a / divisor).saturating_mul(b)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// What a tick costs: as many as different letters are due.
    fn letters(due: &[&&str]) -> u32 {
        let letters: BTreeSet<char> = due.iter().flat_map(|text| text.chars()).collect();
        u32::try_from(letters.len()).unwrap()
    }

    /// The same, counted tick by tick until all begins anew.
    fn counted(cadences: &BTreeMap<u64, &str>) -> f64 {
        let period = cadences.keys().fold(1, |common, every| lcm(common, *every));
        let costs = (1..=period).map(|now| {
            let due = cadences.iter().filter(|(every, _)| now % **every == 0);
            letters(&due.map(|(_, what)| what).collect::<Vec<_>>())
        });
        f64::from(costs.sum::<u32>()) * rate(period)
    }

    #[test]
    fn it_is_what_counting_by_hand_finds() {
        // Of 30 ms there are 15 of 2, 5 more of 3, 2 more of 5.
        let three = BTreeMap::from([(2, "a"), (3, "a"), (5, "a")]);
        assert!((per_second(&three, letters) - 22.0 / 0.03).abs() < 1e-6);
        for cadences in [
            &[][..],
            &[(5, "abc")],
            &[(2, "a"), (4, "a"), (8, "ab")],
            &[(2, "abc"), (3, "cd"), (4, "abcd"), (6, "e")],
            &[(1, "a"), (2, "b"), (3, "c"), (4, "a"), (5, "b"), (6, "c"), (7, "d"), (8, "ab")],
        ] {
            let cadences = BTreeMap::from_iter(cadences.iter().copied());
            let (found, counted) = (per_second(&cadences, letters), counted(&cadences));
            assert!((found - counted).abs() < 1e-6, "{found} {counted} {cadences:?}");
        }
    }

    #[test]
    fn of_very_many_it_is_no_less() {
        let cadences: BTreeMap<u64, &str> = (2..=12).map(|every| (every, "a")).collect();
        let (found, counted) = (per_second(&cadences, letters), counted(&cadences));
        assert!(found > counted && found < 1.5 * counted, "{found} {counted}");
        let far = (86_399_000..86_400_000).map(|every| (every, "ab"));
        let found = per_second(&BTreeMap::from_iter(far), letters);
        assert!((found - 2_000.0 * rate(86_400_000)).abs() < 1e-6, "{found}");
    }
}
