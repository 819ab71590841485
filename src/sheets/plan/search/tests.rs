//! Tests of the search: in how few writes the bad cells are found, and whom that costs what.

use super::*;

const BETWEEN: Duration = Duration::from_secs(10);

/// The cells of the next write, when these are well and those were set aside.
fn next(search: &mut Search, well: &[usize], aside: &[usize], now: Instant) -> Group {
    search.next(Due { well: well.into(), aside: aside.into(), is_overdue: false }, now)
}

/// Google refuses this group and names none of it; the cell, if it is found.
fn refused(search: &mut Search, group: &Group) -> Option<usize> {
    search.refused(group, None, "no", |_| Suspicion { is_new: true, is_near: false })
}

fn group(cells: &[usize], is_probe: bool) -> Group {
    Group { cells: cells.into(), is_probe }
}

/// How many writes are refused until every good cell has been written, if all are due at all
/// times, and Google names the first bad one or not.
fn refusals(bad: &[bool], names: bool) -> usize {
    let (mut search, mut now, mut refused) = (Search::new(BETWEEN), Instant::now(), 0);
    let (mut well, mut aside): (BTreeSet<_>, _) = ((0..bad.len()).collect(), BTreeSet::new());
    let (mut taken, mut is_taken_due) = (BTreeSet::new(), false);
    let good = bad.iter().filter(|bad| !**bad).count();
    let begun = now;
    while taken.len() < good {
        now += BETWEEN;
        assert!(now - begun < 10_000 * BETWEEN, "it is never over");
        let due = [&well, &aside].map(|cells| cells.iter().copied().collect());
        let [due_well, due_aside] = due;
        let due = Due { well: due_well, aside: due_aside, is_overdue: true };
        let group = search.next(due, now);
        let sent: BTreeSet<_> = group.cells.iter().copied().collect();
        let has_taken = taken.is_subset(&sent);
        assert!(has_taken || !is_taken_due, "good cells wait for two writes of the search");
        is_taken_due = !has_taken;
        let entry = group.cells.iter().position(|&cell| bad[cell]);
        if entry.is_none() {
            search.confirmed(&group);
            for &cell in &group.cells {
                aside.remove(&cell);
                well.insert(cell);
                taken.insert(cell);
            }
            continue;
        }
        refused += 1;
        let suspicion = |cell| Suspicion { is_new: !taken.contains(&cell), is_near: true };
        let found = search.refused(&group, entry.filter(|_| names), "no", suspicion);
        // One that is found is not tried again before long.
        if let Some(cell) = found {
            assert!(well.remove(&cell) | aside.remove(&cell) && bad[cell]);
        }
        aside.extend(search.slow_down().into_iter().filter(|cell| well.remove(cell)));
    }
    refused
}

#[test]
fn every_good_cell_is_written_after_so_many_refusals_at_the_most() {
    for bad in [1, 10, 100, 1_000] {
        for good in [1, 10, 1_000] {
            if good * bad > 10_000 {
                continue; // it takes a minute
            }
            let all = good + bad;
            let scattered = |cell| cell * bad / all != (cell + 1) * bad / all;
            let first: Vec<_> = (0..all).map(|cell| cell < bad).collect();
            let middle = |cell| (good / 2..good / 2 + bad).contains(&cell);
            let middle: Vec<_> = (0..all).map(middle).collect();
            let last: Vec<_> = (0..all).map(|cell| cell >= good).collect();
            let scattered: Vec<_> = (0..all).map(scattered).collect();
            let unnamed = (all as f64 / bad as f64).log2() + 2.0;
            let unnamed = (bad as f64 * unnamed).ceil() as usize + 1;
            for (cells, named) in [(first, 2), (last, 2), (middle, 2), (scattered, bad)] {
                let told = format!("{bad} bad, {good} good");
                let refused = refusals(&cells, true);
                assert!(refused <= named.min(bad), "{told}: {refused}, named");
                let refused = refusals(&cells, false);
                assert!(refused <= unnamed, "{told}: {refused}, not named, {unnamed}");
            }
        }
    }
}

#[test]
fn who_gives_up_looks_for_no_suspect_any_more_and_goes_on_with_its_probes() {
    let now = Instant::now();
    let mut search = Search::new(BETWEEN);
    refused(&mut search, &group(&[0, 1, 2, 3], false));
    refused(&mut search, &group(&[6, 7], true));
    search.give_up();
    assert_eq!(next(&mut search, &[0, 1, 2, 3], &[6, 7], now), group(&[0, 1, 2, 3], false));
    assert_eq!(next(&mut search, &[], &[6, 7], now), group(&[6], true));
    assert_eq!(next(&mut search, &[], &[6, 7], now + BETWEEN), group(&[7], true));
}

#[test]
fn nobody_waits_twice_or_in_vain_to_be_probed_and_no_group_is_empty() {
    let mut search = Search::new(BETWEEN);
    for is_probe in [false, true] {
        let suspicion = |_| Suspicion { is_new: true, is_near: true };
        search.refused(&group(&[5], is_probe), Some(0), "no", suspicion);
    }
    assert!(search.suspects.is_empty() && search.probes.is_empty(), "{search:?}");
    // Cells that were under suspicion were nowhere, and probed, meanwhile.
    refused(&mut search, &group(&[6, 7, 8, 9], true));
    refused(&mut search, &group(&[4, 5, 6, 7], false));
    for _ in 0..AT_ONCE {
        refused(&mut search, &group(&[1], false));
    }
    assert_eq!(search.slow_down().len(), 4);
    search.keep_aside(|_| true);
    assert_eq!(search.waiting(), 6, "{:?}", search.probes);
    search.keep_aside(|cell| cell == 8);
    assert_eq!(search.probes, [[8]]);
}

#[test]
fn what_stands_before_the_one_that_google_names_is_written_first_and_by_itself() {
    let now = Instant::now();
    let suspicion = |_| Suspicion { is_new: true, is_near: true };
    let mut search = Search::new(BETWEEN);
    search.refused(&group(&[0, 1, 2, 3], false), Some(2), "no", suspicion);
    // It may be bad for a reason that Google does not name: those that are well come before it.
    assert_eq!(next(&mut search, &[0, 1, 3, 4], &[], now), group(&[4], false));
    assert_eq!(next(&mut search, &[0, 1, 3], &[], now), group(&[0, 1], false));
    search.refused(&group(&[5, 6, 7, 8, 9], true), Some(2), "no", suspicion);
    let aside = [5, 6, 8, 9];
    assert_eq!(next(&mut search, &[], &aside, now), group(&[5, 6], true));
}

#[test]
fn each_time_that_it_is_no_matter_of_cells_another_witness_is_asked() {
    let mut search = Search::new(BETWEEN);
    let asked: Vec<_> = (0..5)
        .map(|_| {
            for cell in 0..4 {
                refused(&mut search, &group(&[cell], false));
            }
            let witness = search.witness(4..7);
            assert_eq!(search.give_up(), ("no".into(), vec![0, 1, 2, 3]));
            witness.unwrap()
        })
        .collect();
    assert_eq!(asked, [6, 5, 4, 6, 5], "from behind, and round");
}

#[test]
fn a_probe_that_is_refused_says_nothing_of_the_spreadsheet() {
    let mut search = Search::new(BETWEEN);
    for cell in 0..3 {
        assert_eq!(refused(&mut search, &group(&[cell], false)), Some(cell));
    }
    assert_eq!(refused(&mut search, &group(&[8], true)), Some(8));
    assert_eq!(search.witness(4..7), None, "three are not four");
    search.confirmed(&group(&[9], true));
    refused(&mut search, &group(&[3], false));
    assert_eq!(search.witness(4..7), Some(6), "nor does one that is confirmed");
}

#[test]
fn whose_time_is_over_is_looked_at_again_when_a_probe_may_be_and_not_at_once() {
    let (now, second) = (Instant::now(), Duration::from_secs(1));
    let mut search = Search::new(BETWEEN);
    assert_eq!(search.next_attempt(now + second, now), now + second);
    for then in [now, now - second] {
        assert_eq!(search.next_attempt(then, now), now + BETWEEN, "it would turn for ever");
    }
    next(&mut search, &[], &[0], now);
    assert_eq!(search.next_attempt(now + second, now + second / 2), now + BETWEEN);
}
