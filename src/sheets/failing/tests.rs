//! Tests of what a SheetsActor does when it could not write: against a Google of a few lines, and
//! on a clock that runs on whenever everybody waits. Touches: nothing.

use std::sync::{Arc, Mutex};

use actix::{Actor, Handler};
use tokio::{runtime::Builder, time::sleep};

use super::*;
use crate::{
    http::{Tls, TlsConfig},
    journal::Journal,
    messages::{QuoteBatch, Report, SheetIndex, SpreadsheetReport},
    pace::RetryConfig,
    quote::{AssetPair, Price, Quote},
    scripted::scripted,
    sheets::{Account, Credentials, GoogleConfig, SheetConfig, SpreadsheetId},
};

const ID: &str = "15CcPNtMZUSYhO99NOiFyHNjZCmgkvWnV5sKrGrtFLOk";

/// A status, and a body.
type Answer = (u16, &'static str);

/// What Google answers to a request, if it is not as it should be, so long after the beginning.
type Scenario = fn(&str, Duration) -> Option<Answer>;

/// What becomes of everything else.
fn well(request: &str) -> Answer {
    let body = match request {
        _ if request.contains("/email") => "bot@project.iam.gserviceaccount.com",
        _ if request.contains("/token") => r#"{ "access_token": "a-token", "expires_in": 3599 }"#,
        _ if request.contains(":batchUpdate") => r#"{ "totalUpdatedCells": 2 }"#,
        _ => r#"{ "sheets": [{ "properties": { "title": "Sheet 1" } }] }"#,
    };
    (200, body)
}

/// What happened to an actor that was given two quotes, and has had so much time since.
struct Outcome {
    report: SpreadsheetReport,
    log: Vec<String>,
    /// When it asked for what, in the first line of each request.
    asked: Vec<(Duration, String)>,
}

impl Outcome {
    /// When it asked for something of this name.
    fn times(&self, what: &str) -> Vec<Duration> {
        let asked = self.asked.iter().filter(|(_, line)| line.contains(what));
        asked.map(|(at, _)| *at).collect()
    }
}

/// Keeps the newest report.
struct Reports(Arc<Mutex<Option<SpreadsheetReport>>>);

impl Actor for Reports {
    type Context = Context<Self>;
}

impl Handler<Report> for Reports {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        if let Report::Spreadsheet(report) = report {
            self.0.lock().unwrap().replace(report);
        }
    }
}

/// What happens in so much time, in this scenario.
fn after(time: Duration, scenario: Scenario) -> Outcome {
    let paused = || Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    actix_rt::System::with_tokio_rt(paused).block_on(async move {
        fastrand::seed(7);
        let (begun, asked) = (Instant::now(), Arc::new(Mutex::new(Vec::new())));
        let heard = Arc::clone(&asked);
        let dialer = scripted(move |request| {
            let first = request.lines().next().unwrap_or_default().to_owned();
            heard.lock().unwrap().push((begun.elapsed(), first));
            let (status, body) =
                scenario(request, begun.elapsed()).unwrap_or_else(|| well(request));
            (status, body.to_owned())
        });
        let tls = Tls::new(&TlsConfig::default()).unwrap().over(Some(dialer));
        let google = GoogleConfig { url: "http://127.0.0.1".into(), ..GoogleConfig::default() };
        let retry = RetryConfig::default();
        let account = Account::with_tls(Credentials::METADATA, &google, retry, &tls).unwrap();
        let sheet = SheetConfig::new(ID, "Sheet 1").every(Duration::from_secs(3_600));
        let sheet = sheet.cell("kraken:xbteur:last", "A1").cell("kraken:etheur:last", "A2");
        let (journal, newest) = (Journal::default(), Arc::default());
        let reports = Reports(Arc::clone(&newest)).start();
        let id = SpreadsheetId::parse(ID).unwrap();
        let actor = SheetsActor::new(id, vec![(SheetIndex(0), sheet)], account, retry).unwrap();
        let actor = actor.reports(reports.clone().recipient()).logger(journal.logger()).start();
        let mut quote = Quote::empty(Timestamp::UNIX_EPOCH);
        quote.last = Price::new(2.into());
        let pairs = ["xbteur", "etheur"].map(|pair| AssetPair::parse(pair).unwrap());
        let quotes = pairs.map(|pair| (pair, quote.clone()));
        actor.send(QuoteBatch::new(1, [SheetIndex(0)], quotes)).await.unwrap();
        sleep(time).await;
        let report = newest.lock().unwrap().take().expect("it reports");
        let asked = asked.lock().unwrap().clone();
        Outcome { report, log: journal.take(), asked }
    })
}

fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

#[test]
fn what_goes_on_is_told_when_it_begins_and_then_only_if_it_is_news() {
    let outcome = after(secs(1_000), |request, since| match since.as_secs() {
        _ if !request.contains(":batchUpdate") => None,
        0..300 => Some((503, "")),
        300..500 => Some((502, "")),
        _ => None,
    });
    let told = outcome.log.iter().filter(|line| line.contains("is not written"));
    let told: Vec<_> = told.map(|line| (line.contains("503"), line.contains("502"))).collect();
    assert_eq!(told, [(true, false), (false, true)], "{:?}", outcome.log);
    assert!(outcome.log.contains(&"INFO the spreadsheet is written again".to_owned()));
    let failed = outcome.times(":batchUpdate").len() as u64 - 1;
    assert!(outcome.report.write_failures == failed && failed > 10, "{failed} failures");
    assert!(outcome.report.failing.is_none());
}

#[test]
fn a_reason_that_comes_too_soon_after_another_is_told_a_minute_later() {
    let outcome = after(secs(200), |request, since| match since.as_secs() {
        _ if !request.contains(":batchUpdate") => None,
        0..5 => Some((503, "")),
        _ => Some((502, "")),
    });
    let told = outcome.log.iter().filter(|line| line.contains("is not written"));
    let told: Vec<_> = told.map(|line| line.contains("503")).collect();
    assert_eq!(told, [true, false], "{:?}", outcome.log);
}

#[test]
fn what_a_person_can_mend_is_told_within_a_minute_although_it_is_tried_again_later() {
    let outcome = |time| {
        after(secs(time), |request, since| match since.as_secs() {
            _ if !request.contains(":batchUpdate") => None,
            0..20 => Some((503, "")),
            _ => Some((404, r#"{ "error": { "message": "Not found" } }"#)),
        })
    };
    let told = |outcome: &Outcome| {
        let told = outcome.log.iter().filter(|line| line.contains("is not written"));
        told.map(|line| line.contains("no such spreadsheet")).collect::<Vec<_>>()
    };
    let (soon, late) = (outcome(59), outcome(61));
    assert_eq!(told(&soon), [false], "a line a minute: {:?}", soon.log);
    assert_eq!(told(&late), [false, true], "{:?}", late.log);
    let next = outcome(400).times(":batchUpdate").into_iter().find(|at| *at > secs(40));
    assert!(next.unwrap() > secs(61), "it is tried again at {next:?}");
}

#[test]
fn after_a_cell_is_refused_the_rest_is_written_at_once_and_one_failure_is_counted() {
    let outcome = after(secs(9), |request, _| {
        let refused = r#"{ "error": { "message": "Invalid data[0]: it is protected" } }"#;
        let whole = r#"{ "totalUpdatedCells": 1 }"#;
        request.contains(":batchUpdate").then_some(match request.contains("!A1") {
            true => (400, refused),
            false => (200, whole),
        })
    });
    assert_eq!(outcome.times(":batchUpdate"), [Duration::ZERO; 2]);
    assert_eq!((outcome.report.write_failures, outcome.report.cells_written), (1, 1));
    let failing: Vec<_> = outcome.report.cells.iter().map(|cell| cell.failing.is_some()).collect();
    assert!(outcome.report.failing.is_none() && failing == [true, false], "{failing:?}");
}

#[test]
fn a_tab_that_is_renamed_right_after_the_start_is_told_in_one_line_with_those_there_are() {
    let outcome = after(secs(9), |request, since| {
        let nowhere = |first| match first {
            true => {
                r#"{ "error": { "message": "Invalid data[0]: Unable to parse range: 'Sheet 1'!A1" } }"#
            }
            false => {
                r#"{ "error": { "message": "Invalid data[0]: Unable to parse range: 'Sheet 1'!A2" } }"#
            }
        };
        let renamed = r#"{ "sheets": [{ "properties": { "title": "Prices" } }] }"#;
        match request.contains(":batchUpdate") {
            // The first attempt fails, and meanwhile it is renamed.
            true if since.is_zero() => Some((503, "")),
            true => Some((400, nowhere(request.contains("!A1")))),
            false => (request.contains("/v4/") && !since.is_zero()).then_some((200, renamed)),
        }
    });
    let told = outcome.log.iter().filter(|line| line.contains("still"));
    let line = "WARN 2 cells stand still: there is no tab 'Sheet 1'. Its tabs are: 'Prices'. \
                Correct it in the configuration";
    assert_eq!(told.collect::<Vec<_>>(), [line], "{:?}", outcome.log);
}

#[test]
fn the_first_token_that_is_not_taken_is_replaced_at_once_and_the_next_with_backoff() {
    let outcome = after(secs(300), |request, _| {
        request.contains("/v4/").then_some((401, r#"{ "error": { "message": "No" } }"#))
    });
    let asked = outcome.times("/token");
    assert_eq!(asked[..2], [Duration::ZERO; 2]);
    assert!(asked[2..].windows(2).all(|two| two[0] < two[1]) && asked[2] > Duration::ZERO);
    assert!((5..20).contains(&asked.len()), "{asked:?}");
    let failing = outcome.report.failing.unwrap();
    assert_eq!(u64::from(failing.attempts), outcome.report.write_failures);
}
