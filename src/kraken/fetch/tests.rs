//! Tests of one fetch: what is asked in which requests, and what is made of the answers.
//! Touches: nothing.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
};

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
        let requests = Question::of(pairs.collect(), None, &BTreeSet::new()).requests();
        assert_eq!(requests.len(), requests_for(count) as usize, "{count}");
        let named = requests.concat().len();
        assert_eq!(named, if count > 400 { 0 } else { count }, "all of Kraken's by none");
    }
}

#[test]
fn without_a_list_a_pair_is_found_by_its_name_or_by_what_may_stand_for_it() {
    let pair = AssetPair::parse("BTC/EUR").unwrap();
    let question = Question::of([pair.clone()].into(), None, &BTreeSet::new());
    for (key, found) in [("BTCEUR", true), ("XXBTZEUR", true), ("XETHZEUR", false)] {
        let rows = [(key.to_owned(), Ok(Quote::empty(Timestamp::UNIX_EPOCH)))].into();
        let answers = Answers { rows, refusal: true, requests: 3, ..Answers::default() };
        let fetched = question.deal_out(answers, "https://x");
        assert_eq!(fetched.quotes.contains_key(&pair), found, "{key}");
        assert_eq!(fetched.refused.contains(&pair), !found, "{key}: there is no list to say more");
        assert_eq!(fetched.requests, 3);
    }
}

#[test]
fn names_whose_request_failed_come_last_and_by_themselves() {
    let pairs = |range: std::ops::Range<u32>| -> BTreeSet<AssetPair> {
        range.map(|n| format!("aaa{n:03}eur").parse().unwrap()).collect()
    };
    let requests = |last: &BTreeSet<String>| Question::of(pairs(0..250), None, last).requests();
    let before = requests(&BTreeSet::new());
    assert_eq!(before.iter().map(Vec::len).collect::<Vec<_>>(), [100, 100, 50]);
    let after = requests(&before[1].iter().cloned().chain(["GONE".to_owned()]).collect());
    assert_eq!(after.iter().map(Vec::len).collect::<Vec<_>>(), [100, 50, 100]);
    assert_eq!(after[2], before[1]);
    let few = Question::of(pairs(0..3), None, &["AAA000EUR".to_owned()].into()).requests();
    assert_eq!(few.len(), 1, "where one will do, one is made");
}

#[test]
fn names_whose_request_failed_before_are_known_until_they_are_asked_for_again() {
    let last = ["AAAEUR".to_owned(), "BBBEUR".to_owned()].into();
    let question = Question::of(["aaaeur".parse().unwrap()].into(), None, &last);
    let asked = ["AAAEUR".to_owned()].into();
    let fetched = question.deal_out(Answers { asked, ..Answers::default() }, "https://x");
    assert_eq!(fetched.failed, ["BBBEUR".to_owned()].into());
    let cut_short = question.deal_out(Answers::default(), "https://x");
    assert_eq!(cut_short.failed, last, "nothing was asked for");
}

/// What a fetch of ADA/EUR by its key has brought, whose answer had a row of this pair or not.
fn dealt(row: Option<&str>, refusal: bool, error: Option<KrakenError>) -> Fetched {
    let pair = AssetPair::parse("ADA/EUR").unwrap();
    let names = [("ADAEUR".to_owned(), vec![pair])].into();
    let row = row.map(|key| (key.to_owned(), Ok(Quote::empty(Timestamp::UNIX_EPOCH))));
    let rows = row.into_iter().collect();
    let answers = Answers { rows, refusal, error, requests: 1, ..Answers::default() };
    Question { names, by_key: true, last: BTreeSet::new() }.deal_out(answers, "https://x")
}

#[test]
fn a_pair_without_a_ticker_is_refused_only_if_kraken_has_refused_something() {
    let why = |fetched: &Fetched| fetched.missing.values().next().map(ToString::to_string);
    let odd = dealt(Some("ADA/EUR"), false, None);
    assert!(odd.refused.is_empty() && why(&odd).unwrap().contains("has no ticker"));
    let refused = dealt(None, true, None);
    assert!(refused.refused.len() == 1 && why(&refused).unwrap().contains("does not know"));
    let busy = || Some(KrakenError::Service("EService:Busy".into()));
    let trouble = dealt(None, true, busy());
    assert!(trouble.refused.is_empty() && why(&trouble).unwrap().contains("EService:Busy"));
    assert!(trouble.error.is_some() && trouble.note.is_none() && trouble.incomplete);
}

#[test]
fn what_is_said_beside_a_whole_answer_costs_nothing_but_a_plea_for_fewer_requests() {
    let busy = dealt(Some("ADAEUR"), false, Some(KrakenError::Service("busy".into())));
    assert!(busy.error.is_none() && busy.note.is_some() && busy.quotes.len() == 1);
    let limited = KrakenError::RateLimited { text: "slow down".into(), wait: None };
    let limited = dealt(Some("ADAEUR"), false, Some(limited));
    assert!(limited.error.is_some() && limited.note.is_none() && limited.quotes.len() == 1);
    assert!(!busy.incomplete && !limited.incomplete, "nothing is to be asked for again");
}

/// Asks a Kraken that gives one answer after the other for so many pairs: how many were named in
/// each request, and what has come of it.
async fn ask(pairs: usize, answers: &[&'static str]) -> (Vec<usize>, Answers) {
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
    let pairs = (0..pairs).map(|n| AssetPair::parse(&format!("AAA{n:03}EUR")).unwrap());
    let question = Question::of(pairs.collect(), None, &BTreeSet::new());
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
    const LESS: &str = r#"{ "error": ["EAPI:Rate limit exceeded"], "result": { "A": {} } }"#;
    for (pairs, answers, asked, refusal, error) in [
        (150, &[WELL, WELL][..], &[100, 50][..], false, ""),
        (1, &[UNKNOWN], &[1], true, ""),
        // Which of them it is, all tickers tell; there is nothing else to ask for then.
        (150, &[UNKNOWN, WELL], &[100, 0], true, ""),
        (101, &[WELL, UNKNOWN], &[100, 1], true, ""),
        (150, &[UNKNOWN, BUSY], &[100, 0], true, "Busy"),
        (401, &[WELL], &[0], false, ""),
        // Nobody was named who could be unknown.
        (401, &[UNKNOWN], &[0], false, "Unknown"),
        (150, &[BUSY], &[100], false, "Busy"),
        (150, &[LESS], &[100], false, "Rate limit"),
        (150, &[BESIDE, WELL], &[100, 50], false, "Busy"),
    ] {
        let (named, found) = ask(pairs, answers).await;
        assert_eq!(named, asked, "{pairs} pairs, {answers:?}");
        assert_eq!((found.refusal, found.requests), (refusal, asked.len() as u64), "{answers:?}");
        let told = found.error.map_or(String::new(), |error| error.to_string());
        assert!(told.contains(error) && told.is_empty() == error.is_empty(), "{answers:?}: {told}");
    }
}
