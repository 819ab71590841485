//! Tests of one fetch: what is asked in which requests, and what is made of the answers.
//! Touches: nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::time::Instant;

use super::*;
use crate::{
    http::{Tls, TlsConfig},
    kraken::{KrakenConfig, requests_for},
    scripted::scripted,
};

#[test]
fn chunks_hold_all_names_once_and_keep_to_their_limits() {
    for (count, length, expected) in [(0, 6, 0), (1, 6, 1), (100, 6, 1), (101, 6, 2), (100, 30, 2)]
    {
        let names: Vec<_> = (0..count).map(|n| format!("{n:0length$}")).collect();
        let chunks = chunks(names.iter().cloned());
        assert_eq!(chunks.len(), expected, "{count} of {length}");
        assert_eq!(chunks.concat(), names);
        for chunk in chunks {
            assert!(chunk.len() <= PAIRS_PER_REQUEST && chunk.join(",").len() <= CHUNK_BYTES);
        }
    }
}

#[test]
fn a_request_takes_as_many_bytes_as_it_may_and_not_one_more() {
    for (lengths, expected) in [
        (&[900, 899][..], 1),
        (&[900, 900], 2),
        (&[600, 599, 599], 1),
        (&[600, 599, 600], 2),
        (&[900, 900, 899], 2),
        (&[900, 900, 900], 3),
    ] {
        let names = lengths.iter().map(|&length| "X".repeat(length));
        assert_eq!(chunks(names).len(), expected, "{lengths:?}");
    }
}

#[test]
fn there_are_as_many_requests_as_the_warnings_of_a_configuration_count() {
    for count in [0, 1, 100, 101, 400, 401] {
        let pairs = (0..count).map(|n| AssetPair::parse(&format!("AAA{n:03}EUR")).unwrap());
        let requests = Question::of(pairs.collect(), None, &HeldBack::default()).requests();
        assert_eq!(requests.len(), requests_for(count) as usize, "{count}");
        let names: usize = requests.iter().map(|request| request.names.len()).sum();
        assert_eq!(names, count);
        assert_eq!(requests.iter().any(|request| request.everything), count > 400, "{count}");
    }
}

#[test]
fn without_a_list_a_pair_is_found_by_its_name_or_by_what_may_stand_for_it() {
    let pair = AssetPair::parse("BTC/EUR").unwrap();
    let question = Question::of([pair.clone()].into(), None, &HeldBack::default());
    let name = BTreeSet::from(["BTCEUR".to_owned()]);
    for (key, found) in [("BTCEUR", true), ("XXBTZEUR", true), ("XETHZEUR", false)] {
        let rows = [(key.to_owned(), Ok(Quote::empty(Timestamp::UNIX_EPOCH)))].into();
        let (asked, doubted) = (name.clone(), name.clone());
        let answers = Answers { rows, asked, doubted, requests: 3, ..Answers::default() };
        let fetched = question.deal_out(answers, None, "https://x");
        assert_eq!(fetched.quotes.contains_key(&pair), found, "{key}");
        assert_eq!(fetched.refused.contains(&pair), !found, "{key}: there is no list to say more");
        assert_eq!((fetched.requests, fetched.by_key), (3, false));
    }
}

/// So many pairs, some of which have failed before, each so many times.
fn question(count: u32, failures: impl Fn(u32) -> u32) -> Question {
    let pair = |n: u32| AssetPair::parse(&format!("AAA{n:03}EUR")).unwrap();
    let why = Failure::new(FailureClass::Transient, "busy", "");
    let mut apart = HeldBack::default();
    for n in 0..count {
        for _ in 0..failures(n) {
            let pairs = [pair(n)].into();
            apart.put_off(pairs, true, &why, Instant::now(), |_| Duration::ZERO);
        }
    }
    Question::of((0..count).map(pair).collect(), None, &apart)
}

#[test]
fn names_whose_requests_have_failed_come_last_and_by_themselves() {
    let requests = |count, failures: fn(u32) -> u32| {
        let requests = question(count, failures).requests();
        requests.iter().map(|r| (r.names[0].clone(), r.names.len())).collect::<Vec<_>>()
    };
    let name = |n: u32| format!("AAA{n:03}EUR");
    let well = requests(250, |_| 0);
    assert_eq!(well, [(name(0), 100), (name(100), 100), (name(200), 50)]);
    let middle = requests(250, |n| u32::from((100..200).contains(&n)));
    assert_eq!(middle, [(name(0), 100), (name(200), 50), (name(100), 100)]);
    // Of two that fail the one that has failed more often comes last.
    let two = requests(250, |n| if n < 100 { 2 } else { u32::from(n < 200) });
    assert_eq!(two, [(name(200), 50), (name(100), 100), (name(0), 100)]);
    let few = requests(3, |n| u32::from(n == 0));
    assert_eq!(few, [(name(1), 2), (name(0), 1)], "it may take the others with it");
    assert_eq!(requests(3, |_| 7), [(name(0), 3)], "an outage is over for all at once");
}

#[test]
fn everything_is_asked_for_since_the_names_are_many_and_not_since_they_have_failed() {
    let requests = |count, failures: fn(u32) -> u32| {
        let requests = question(count, failures).requests();
        requests.iter().map(|r| (r.names.len(), r.everything)).collect::<Vec<_>>()
    };
    assert_eq!(requests(8, |n| n / 2), [(2, false); 4]);
    let many = requests(20, |n| n / 2);
    assert_eq!(many, [(2, false), (2, false), (2, false), (14, false)], "the last share one");
    let full = requests(400, |n| u32::from(n == 0));
    assert_eq!(full, [(100, false), (100, false), (100, false), (100, false)]);
    let split = requests(400, |n| n / 80);
    assert_eq!(split, [(80, false), (80, false), (80, false), (100, false), (60, false)]);
    assert_eq!(requests(401, |n| n % 2), [(401, true)]);
}

/// What a fetch of ADA/EUR by its key has brought, whose answer had a row of this pair or not, if
/// it was asked for.
fn dealt(row: Option<&str>, answers: impl FnOnce(BTreeSet<String>) -> Answers) -> Fetched {
    let names = [("ADAEUR".to_owned(), Named { pairs: vec![ada()], failures: 0 })].into();
    let row = row.map(|key| (key.to_owned(), Ok(Quote::empty(Timestamp::UNIX_EPOCH))));
    let answers = answers(["ADAEUR".to_owned()].into());
    let answers = Answers { rows: row.into_iter().collect(), ..answers };
    let question = Question { names, by_key: true };
    question.deal_out(answers, limited(), "https://x")
}

fn ada() -> AssetPair {
    AssetPair::parse("ADA/EUR").unwrap()
}

fn busy() -> Option<KrakenError> {
    Some(KrakenError::Service("EService:Busy".into()))
}

fn limited() -> Option<KrakenError> {
    Some(KrakenError::RateLimited { text: "slow down".into(), wait: None })
}

#[test]
fn a_pair_without_a_ticker_has_its_own_reason() {
    let why = |fetched: &Fetched| fetched.missing.values().next().map(ToString::to_string);
    let is_no_quote = |failure: &Failure| failure.class == FailureClass::NoQuote;
    let odd = dealt(Some("ADA/EUR"), |asked| Answers { asked, ..Answers::default() });
    assert!(odd.refused.is_empty() && why(&odd).unwrap().contains("has no ticker"));
    assert!(odd.has_answered(&ada()) && odd.by_key);
    let mut broken = Answers { asked: ["ADAEUR".to_owned()].into(), ..Answers::default() };
    broken.rows.insert("ADAEUR".into(), Err(BadTicker));
    let names = [("ADAEUR".to_owned(), Named { pairs: vec![ada()], failures: 0 })].into();
    let broken = Question { names, by_key: true }.deal_out(broken, None, "https://x");
    assert!(broken.has_answered(&ada()) && why(&broken).unwrap().contains("is not a ticker"));
    // Neither is for a person to mend.
    assert!(odd.missing.values().chain(broken.missing.values()).all(is_no_quote));
    let refused = |error| {
        dealt(None, |asked| Answers { doubted: asked.clone(), asked, error, ..Answers::default() })
    };
    // Whatever has come of another request.
    for refused in [refused(None), refused(busy())] {
        assert!(refused.refused.len() == 1 && why(&refused).unwrap().contains("does not know"));
        assert_eq!(refused.missing[&ada()].class, FailureClass::Pair);
        assert!(refused.trouble.is_none() && refused.has_answered(&ada()));
    }
    let in_vain = dealt(None, |asked| {
        let (troubled, doubted) = (asked.clone(), asked.clone());
        Answers { asked, troubled, doubted, error: busy(), ..Answers::default() }
    });
    assert!(in_vain.refused.is_empty() && why(&in_vain).unwrap().contains("EService:Busy"));
    assert!(!in_vain.has_answered(&ada()));
    let Some(Trouble { in_vain, unasked, .. }) = in_vain.trouble else { panic!("no trouble") };
    assert_eq!((in_vain.len(), unasked.len()), (1, 0));
    let unasked = dealt(None, |_| Answers { error: busy(), ..Answers::default() });
    assert!(why(&unasked).unwrap().contains("EService:Busy"));
    let Some(Trouble { in_vain, unasked, .. }) = unasked.trouble else { panic!("no trouble") };
    assert_eq!((in_vain.len(), unasked.len()), (0, 1));
    let shut = dealt(None, |_| Answers { error: busy(), shut_out: true, ..Answers::default() });
    assert!(why(&shut).unwrap().contains("slow down"), "{:?}", why(&shut));
}

#[test]
fn what_is_said_beside_a_whole_answer_costs_nothing_but_a_plea_for_fewer_requests() {
    let beside = |error| {
        dealt(Some("ADAEUR"), |asked| Answers {
            troubled: asked.clone(),
            asked,
            error,
            ..Answers::default()
        })
    };
    let busy = beside(busy());
    assert!(busy.trouble.is_none() && busy.note.is_some() && busy.quotes.len() == 1);
    let limited = beside(limited());
    assert!(limited.note.is_none() && limited.quotes.len() == 1);
    let Some(Trouble { in_vain, unasked, .. }) = limited.trouble else { panic!("no plea") };
    assert!(in_vain.is_empty() && unasked.is_empty(), "nothing is to be asked for again");
}

/// Asks a Kraken that gives one answer after the other for so many pairs: how many were named in
/// each request, and what has come of it.
async fn ask(pairs: u32, answers: &[&'static str]) -> (Vec<usize>, Answers) {
    let left: Arc<Mutex<VecDeque<_>>> = Arc::new(Mutex::new(answers.iter().copied().collect()));
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (next, heard) = (Arc::clone(&left), Arc::clone(&asked));
    let dialer = scripted(move |request| {
        let target = request.split(' ').nth(1).unwrap();
        let names = target.split_once("?pair=").map_or("", |(_, names)| names);
        heard.lock().unwrap().push(names.split_terminator(',').count());
        (200, next.lock().unwrap().pop_front().expect("more is asked for").to_owned())
    });
    let tls = Tls::new(&TlsConfig::default()).unwrap().over(Some(dialer));
    let config = KrakenConfig { url: "http://127.0.0.1".into(), ..KrakenConfig::default() };
    let client = KrakenClient::new(&config, &tls).unwrap();
    let question = question(pairs, |_| 0);
    let answers = question.ask(&client, &Gate::new(10, 1_000.0)).await;
    assert!(left.lock().unwrap().is_empty(), "not all of it was asked for");
    let asked = asked.lock().unwrap().clone();
    (asked, answers)
}

#[actix_rt::test]
async fn what_is_asked_next_follows_from_what_has_been_answered() {
    const WELL: &str = r#"{ "error": [], "result": { "A": {} } }"#;
    const UNKNOWN: &str = r#"{ "error": ["EQuery:Unknown asset pair"] }"#;
    const BUSY: &str = r#"{ "error": ["EService:Busy"] }"#;
    const BESIDE: &str = r#"{ "error": ["EService:Busy"], "result": { "A": {} } }"#;
    const SOME: &str = r#"{ "error": ["EQuery:Unknown asset pair"], "result": { "A": {} } }"#;
    const LESS: &str = r#"{ "error": ["EAPI:Rate limit exceeded"], "result": { "A": {} } }"#;
    for (pairs, answers, asked, doubted, troubled, error) in [
        (150, &[WELL, WELL][..], &[100, 50][..], 0, 0, ""),
        (1, &[UNKNOWN], &[1], 1, 0, ""),
        // Which of them it is, all tickers tell; there is nothing else to ask for then.
        (150, &[UNKNOWN, WELL], &[100, 0], 150, 0, ""),
        (101, &[WELL, UNKNOWN], &[100, 1], 1, 0, ""),
        (150, &[UNKNOWN, BUSY], &[100, 0], 0, 150, "Busy"),
        // The others' tickers beside it tell it as well.
        (150, &[SOME, WELL], &[100, 50], 100, 0, ""),
        (401, &[WELL], &[0], 0, 0, ""),
        // Nobody was named who could be unknown.
        (401, &[UNKNOWN], &[0], 0, 401, "Unknown"),
        (401, &[SOME], &[0], 0, 401, "Unknown"),
        (150, &[BUSY], &[100], 0, 100, "Busy"),
        (150, &[LESS], &[100], 0, 100, "Rate limit"),
        (150, &[BESIDE, WELL], &[100, 50], 0, 100, "Busy"),
    ] {
        let (named, found) = ask(pairs, answers).await;
        assert_eq!(named, asked, "{pairs} pairs, {answers:?}");
        assert_eq!(found.requests, asked.len() as u64, "{answers:?}");
        let names = (found.doubted.len(), found.troubled.len());
        assert_eq!(names, (doubted, troubled), "{pairs} pairs, {answers:?}");
        let told = found.error.map_or(String::new(), |error| error.to_string());
        assert!(told.contains(error) && told.is_empty() == error.is_empty(), "{answers:?}: {told}");
    }
}
