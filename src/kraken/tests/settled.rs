//! Tests of what follows from a fetch: what is counted, held back and asked for again.

use super::*;
use crate::kraken::pairs::PairIndex;

#[test]
fn what_was_to_be_asked_for_again_is_when_the_actor_is_restarted() {
    in_no_time(async {
        let sheets = [(SHEET, pairs(2)), (OTHER, pairs(1))].into();
        let mut actor = alone().feed(Feed::new(sheets, Ear::default().start().recipient()));
        let why = KrakenError::Service("busy".into()).failure("");
        let last = [pairs(2).remove(1)].into();
        actor.apart.put_off(last, true, &why, Instant::now(), |_| SECOND);
        actor.restarting(&mut Context::new());
        assert_eq!(actor.pending, [SHEET].into());
        actor.restarting(&mut Context::new());
        assert!(actor.pending.is_empty(), "it may be what breaks the actor");
    });
}

/// What a fetch for one sheet was for.
fn asked_for(sheet: SheetIndex) -> Asked {
    Asked { due: [sheet].into(), tick: 1, at: Timestamp::now() }
}

#[test]
fn every_request_and_every_fetch_is_counted() {
    in_no_time(async {
        let bench = Bench::new(&[(SHEET, pairs(101))], |asked| match asked {
            LIST => page(),
            names => all(names),
        });
        let mut asked = 0;
        for fetches in 1..=3 {
            bench.tick(&[SHEET]).await.unwrap();
            asked += bench.asked().len() as u64;
            let report = bench.report();
            assert_eq!((report.fetches, report.requests, report.failures), (fetches, asked, 0));
            assert!(report.last_success.is_some());
            assert_eq!(report.quotes.len(), 101, "the newest of each pair");
        }
        assert!(asked > 6, "two requests for each fetch, and one for the list");
    });
}

#[test]
fn a_fetch_that_ends_makes_good_for_the_one_that_broke_the_actor() {
    in_no_time(async {
        let mut actor = alone();
        for _ in 0..3 {
            actor.phase = Phase::Fetching([SHEET].into());
            actor.restarting(&mut Context::new());
            assert_eq!(actor.pending, [SHEET].into());
            let asked = actor.next();
            actor.settle(Fetched::default(), &asked, &mut Context::new());
        }
    });
}

#[test]
fn a_pair_that_is_refused_by_its_name_is_asked_for_again_by_a_list_that_has_come_meanwhile() {
    in_no_time(async {
        let pair = pairs(1).remove(0);
        let rows = [("XAAAZEUR".to_owned(), serde_json::from_str(r#"{"altname":"AAA000EUR"}"#))];
        let rows = rows.map(|(key, row)| (key, row.unwrap()));
        let why = KrakenError::Service("unknown".into()).failure("");
        let of = |refused: &[&AssetPair], by_key| {
            let mut actor = alone();
            actor.roster.arrived(PairIndex::new(&rows.clone().into()), Instant::now());
            let refused = refused.iter().copied().cloned().collect();
            let missing = [(pair.clone(), why.clone())].into();
            let fetched = Fetched { refused, missing, by_key, ..Fetched::default() };
            actor.settle(fetched, &asked_for(SHEET), &mut Context::new());
            let again = matches!(&actor.phase, Phase::Fetching(due) if **due == [SHEET]);
            (again, actor.report.missing.len())
        };
        assert_eq!(of(&[&pair], false), (true, 0), "it is known by its key");
        assert_eq!(of(&[&pair], true), (false, 1), "it is not known by its key either");
        assert_eq!(of(&[], false), (false, 1), "it fails for another reason");
    });
}

#[test]
fn a_fetch_that_fails_is_counted_and_one_that_was_not_made_is_not() {
    in_no_time(async {
        let mut actor = alone();
        for (requests, failures) in [(1, 1), (0, 1), (2, 2)] {
            let error = KrakenError::Service("busy".into());
            let trouble = Some(Trouble { error, in_vain: [].into(), unasked: [].into() });
            let fetched = Fetched { trouble, requests, ..Fetched::default() };
            actor.settle(fetched, &asked_for(SHEET), &mut Context::new());
            assert_eq!(actor.report.failures, failures);
        }
    });
}

#[test]
fn a_listed_pair_that_is_refused_has_the_list_asked_for_again_in_a_minute() {
    in_no_time(async {
        let bench = Bench::new(&[(SHEET, pairs(2))], |asked| match asked {
            LIST => list(&["AAA000EUR", "AAA001EUR"]),
            names if names.contains("AAA001EUR") => {
                tickers(["AAA000EUR"], "EQuery:Unknown asset pair")
            }
            names => all(names),
        });
        let lists = |asked: Vec<String>| asked.iter().filter(|asked| *asked == LIST).count();
        bench.tick(&[SHEET]).await.unwrap();
        assert_eq!(lists(bench.asked()), 1);
        sleep(58 * SECOND).await;
        bench.tick(&[SHEET]).await.unwrap();
        assert_eq!(lists(bench.asked()), 0);
        sleep(3 * SECOND).await;
        bench.tick(&[SHEET]).await.unwrap();
        assert_eq!(lists(bench.asked()), 1);
    });
}
