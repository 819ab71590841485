//! Tests of what a SheetsActor does when it could not write: against a Google of a few lines, and
//! on a clock that runs on whenever everybody waits. Touches: nothing.

use std::sync::{Arc, Mutex};

use actix::{Actor, Handler};
use tokio::{runtime::Builder, time::sleep_until};

use super::*;
use crate::{
    http::{Tls, TlsConfig},
    journal::Journal,
    messages::{
        CellValue, Failure, FailureClass, QuoteBatch, Report, SheetIndex, SpreadsheetReport,
    },
    quote::{AssetPair, Price, Quote},
    retry::RetryConfig,
    scripted::scripted,
    sheets::{
        Account, Credentials, GoogleConfig, SheetConfig, SpreadsheetId, Tab, writing::APPLIED_LATE,
    },
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
        _ if request.contains(":batchUpdate") => r#"{ "totalUpdatedCells": 1000 }"#,
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

/// A sheet of these cells, one for each of two pairs in turn, that is due every hour.
fn hourly<'a>(cells: impl IntoIterator<Item = &'a str>) -> SheetConfig {
    let sheet = SheetConfig::new(ID, "Sheet 1").every(secs(3_600));
    let pairs = ["kraken:xbteur:last", "kraken:etheur:last"];
    let cells = cells.into_iter().zip(pairs.into_iter().cycle());
    cells.fold(sheet, |sheet, (cell, pair)| sheet.cell(pair, cell))
}

/// What is told of that by those who were not asked.
const ALL_WAIT: &str = "all spreadsheets of this account wait: Google asks for fewer";

/// How Google asks for fewer requests.
fn fewer() -> Failure {
    Failure::new(FailureClass::RateLimited, "Google asks for fewer", "Lengthen")
}

/// What happens in so much time, in this scenario, to a sheet of two cells that gets quotes once.
fn after(time: Duration, scenario: Scenario) -> Outcome {
    play(hourly(["A1", "A2"]), [[1, 1]], time, scenario)
}

/// What happens in so much time, in this scenario, to a sheet that gets these quotes in turn.
fn play(
    sheet: SheetConfig,
    prices: impl IntoIterator<Item = [u32; 2]>,
    time: Duration,
    scenario: impl Fn(&str, Duration) -> Option<Answer> + Clone + Send + Sync + 'static,
) -> Outcome {
    play_beside(sheet, prices, time, scenario, |_| async {})
}

/// As [`play`], while somebody else uses the account.
fn play_beside<Other: Future<Output = ()> + 'static>(
    sheet: SheetConfig,
    prices: impl IntoIterator<Item = [u32; 2]>,
    time: Duration,
    scenario: impl Fn(&str, Duration) -> Option<Answer> + Clone + Send + Sync + 'static,
    other: impl FnOnce(Account) -> Other,
) -> Outcome {
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
        actix_rt::spawn(other(account.clone()));
        let (journal, newest) = (Journal::default(), Arc::default());
        let reports = Reports(Arc::clone(&newest)).start();
        let (id, every) = (SpreadsheetId::parse(ID).unwrap(), sheet.every);
        let actor = SheetsActor::new(id, vec![(SheetIndex(0), sheet)], account, retry).unwrap();
        let actor = actor.reports(reports.clone().recipient()).logger(journal.logger()).start();
        let pairs = ["xbteur", "etheur"].map(|pair| AssetPair::parse(pair).unwrap());
        for (tick, prices) in (1..).zip(prices) {
            let quotes = pairs.iter().cloned().zip(prices).map(|(pair, price)| {
                let mut quote = Quote::empty(Timestamp::UNIX_EPOCH);
                quote.last = Price::new(price.into());
                (pair, quote)
            });
            let batch = QuoteBatch::new(tick, [SheetIndex(0)], quotes.collect::<Vec<_>>());
            actor.send(batch).await.unwrap();
            sleep_until(begun + every.min(time) * tick as u32).await;
        }
        sleep_until(begun + time).await;
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
    // Of two that succeed, one comes when no other can come late any more.
    let failed = outcome.times(":batchUpdate").len() as u64 - 2;
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

#[test]
fn who_gets_no_token_tries_again_when_the_next_is_asked_for_and_not_in_vain() {
    let outcome = after(secs(300), |request, since| {
        (request.contains("/token") && since < secs(100)).then_some((503, ""))
    });
    let (asked, written) = (outcome.times("/token"), outcome.times(":batchUpdate"));
    assert_eq!(outcome.report.write_failures, asked.len() as u64 - 1);
    assert!(asked.len() > 5 && written == asked[asked.len() - 1..], "{asked:?}, {written:?}");
}

/// Google's answer to a write that has any of these cells in it: the first of them is named.
fn refusal(request: &str, is_bad: impl Fn(&str) -> bool) -> Option<Answer> {
    let ranges = request.split(r#""range":"'Sheet 1'!"#).skip(1);
    let entry = ranges.map(|range| range.split('"').next().unwrap()).position(is_bad)?;
    let body = format!(r#"{{ "error": {{ "message": "Invalid data[{entry}]: No" }} }}"#);
    Some((400, body.leak()))
}

#[test]
fn of_a_hundred_cells_one_stays_fresh_when_the_others_are_refused() {
    let cells: Vec<_> = (1..=100).map(|row| format!("A{row}")).collect();
    let sheet = hourly(cells.iter().map(String::as_str)).every(secs(5));
    let outcome = play(sheet, (1..=120).map(|tick| [tick; 2]), secs(600), |request, since| {
        let begun = since > secs(60) && request.contains(":batchUpdate");
        begun.then(|| refusal(request, |cell| cell != "A100")).flatten()
    });
    let fresh = &outcome.report.cells[99];
    assert_eq!((&fresh.failing, fresh.written.clone()), (&None, Some(CellValue::Number(120.0))));
    assert!(outcome.report.cells[..99].iter().all(|cell| cell.failing.is_some()));
    // One in ten seconds, after the first; and a write for each tick.
    let refused = outcome.report.write_failures;
    assert!((24..=24 + 54 + 1).contains(&refused), "{refused} writes are refused");
    assert!(outcome.report.writes >= 120, "{} writes", outcome.report.writes);
}

#[test]
fn a_tab_that_is_renamed_as_soon_as_it_was_read_is_looked_for_without_a_tick() {
    let outcome = play(hourly(["A1", "A2"]), [[1, 1]], secs(200), |request, since| {
        if request.contains(":batchUpdate") {
            return refusal(request, |_| true);
        }
        let renamed = r#"{ "sheets": [{ "properties": { "title": "Another" } }] }"#;
        (since > Duration::ZERO && request.contains("fields=properties")).then_some((200, renamed))
    });
    assert_eq!(outcome.times("fields=properties"), [Duration::ZERO, secs(30)]);
    let failing = outcome.report.cells.iter().map(|cell| cell.failing.clone().unwrap());
    failing.for_each(|why| assert!(why.reason.contains("no tab 'Sheet 1'"), "{why}"));
}

#[test]
fn where_a_tick_is_a_day_away_its_cells_are_looked_for_before_they_are_written() {
    let daily = hourly(["A1", "A2"]).every(secs(86_400));
    let outcome = play(daily, [[1, 1], [2, 2]], secs(2 * 86_400), |request, since| {
        let renamed = r#"{ "sheets": [{ "properties": { "title": "Another" } }] }"#;
        (since > secs(60) && request.contains("fields=properties")).then_some((200, renamed))
    });
    let written = outcome.times(":batchUpdate");
    let first = [Duration::ZERO, APPLIED_LATE];
    assert_eq!(written, first, "it is somebody else's tab by now, perhaps");
    assert!(outcome.times("fields=properties").contains(&secs(86_400)));
}

#[test]
fn a_reading_that_waits_for_its_turn_for_minutes_holds_up_no_write() {
    let often = hourly(["A1", "A2"]).every(secs(5));
    let prices = (1..=900).map(|tick| [tick; 2]);
    let at = |at: f64| Duration::from_secs_f64(at);
    let scenario = move |request: &str, since| {
        let one = (at(3_604.0)..at(3_606.0)).contains(&since) && request.contains(":batchUpdate");
        one.then_some((503, ""))
    };
    let outcome = play_beside(often, prices, secs(4_500), scenario, move |account| async move {
        let begun = Instant::now();
        // Others have used up what may be read at once: whoever comes then waits for his turn,
        // and then for as long as Google asks for.
        sleep_until(begun + at(3_599.9)).await;
        for _ in 0..5 {
            drop(account.turn(Budget::Reads).await);
        }
        sleep_until(begun + at(3_600.5)).await;
        account.hold_off(secs(800), Budget::Reads, &fewer());
    });
    let read = outcome.times("fields=properties");
    assert!(read.len() == 2 && read[1] > secs(4_400), "{read:?}");
    let written = outcome.times(":batchUpdate");
    let meanwhile = written.iter().filter(|at| (secs(3_610)..secs(4_400)).contains(*at)).count();
    assert!(meanwhile > 150, "{meanwhile} writes");
}

#[test]
fn a_tick_whose_only_news_is_refused_is_not_one_without_news() {
    let outcome = play(hourly(["A1", "A2"]).every(secs(5)), [[1, 1], [1, 2], [1, 2]], secs(15), {
        |request, since| {
            let begun = since >= secs(5) && request.contains(":batchUpdate");
            begun.then(|| refusal(request, |cell| cell == "A2")).flatten()
        }
    });
    let report = outcome.report;
    assert_eq!((report.writes, report.write_failures, report.unchanged), (1, 1, 1));
}

#[test]
fn who_is_denied_for_hours_is_asked_as_seldom_when_the_spreadsheet_is_to_be_read_again() {
    let outcome = after(secs(4 * 3_600), |request, since| {
        let is_read = request.contains("fields=properties") && since < secs(60);
        (request.contains("/v4/") && !is_read).then_some((403, r#"{ "error": {} }"#))
    });
    let asked = outcome.times("/v4/");
    let gaps = asked.windows(2).filter(|two| two[0] > secs(1_800)).map(|two| two[1] - two[0]);
    let shortest = gaps.min().unwrap();
    assert!(shortest >= secs(240), "{shortest:?} in {asked:?}");
    assert!(outcome.times("fields=properties").len() > 1, "it was never read again");
}

#[test]
fn what_a_write_that_was_never_answered_may_leave_is_written_over_without_a_tick() {
    let outcome = after(secs(3_000), |request, since| {
        (since.is_zero() && request.contains(":batchUpdate")).then_some((503, ""))
    });
    let written = outcome.times(":batchUpdate");
    assert_eq!(written.len(), 3, "{written:?}");
    assert_eq!(written[2], APPLIED_LATE);
}

#[test]
fn what_whoever_wrote_before_may_leave_is_written_over_without_a_tick_where_ticks_are_rare() {
    for (every, times) in [(3_600, &[Duration::ZERO, APPLIED_LATE][..]), (60, &[Duration::ZERO])] {
        let outcome =
            play(hourly(["A1", "A2"]).every(secs(every)), [[1, 1]], secs(3_000), |_, _| None);
        assert_eq!(outcome.times(":batchUpdate"), times, "every {every} s");
    }
}

#[test]
fn what_google_asks_of_others_for_long_is_told_and_not_waited_for_in_silence() {
    for (asked, failing) in [(secs(900), true), (secs(10), false)] {
        let two = [[1, 1], [2, 2]];
        let sheet = hourly(["A1", "A2"]).every(secs(5));
        let outcome = play_beside(
            sheet.clone(),
            two,
            secs(9),
            |_, _| None,
            move |account| async move {
                sleep_until(Instant::now() + secs(4)).await;
                account.hold_off(asked, Budget::Writes, &fewer());
            },
        );
        let told = outcome.report.failing.as_ref().map(|failing| failing.failure.reason.clone());
        assert_eq!(told.as_deref(), failing.then_some(ALL_WAIT), "{asked:?}");
        assert_eq!(outcome.report.settled, if failing { 2 } else { 1 });
        assert_eq!(outcome.times(":batchUpdate").len(), 1);
    }
}

#[test]
fn who_is_held_off_with_others_is_fresh_when_that_is_over() {
    let sheet = hourly(["A1", "A2"]);
    let outcome = play_beside(
        sheet,
        [[1, 1]],
        secs(1_000),
        |_, _| None,
        move |account| async move {
            account.hold_off(secs(900), Budget::Writes, &fewer());
        },
    );
    assert_eq!((&outcome.report.failing, outcome.report.writes), (&None, 1));
    assert_eq!(outcome.times(":batchUpdate"), [secs(900)]);
    let told: Vec<_> = outcome.log.iter().filter(|line| line.starts_with("WARN")).collect();
    assert_eq!(told, [&format!("WARN the spreadsheet is not written: {ALL_WAIT}. Lengthen")]);
}

#[test]
fn when_tabs_are_moved_no_other_tab_is_written_over() {
    const MOVED: &str = r#"{ "sheets": [
        { "properties": { "sheetId": 7, "title": "Summary" } },
        { "properties": { "sheetId": 0, "title": "Sheet 1" } }] }"#;
    let mut sheet = hourly(["A1", "A2"]).every(secs(1_800));
    sheet.tab = Tab::First;
    let outcome = play(sheet, (1..=6).map(|tick| [tick; 2]), secs(10_000), |request, since| {
        if request.contains("'Summary'!") {
            return refusal(request, |_| true);
        }
        (since > Duration::ZERO && request.contains("fields=properties")).then_some((200, MOVED))
    });
    assert!(outcome.times("fields=properties").len() > 2, "it is not read again");
    assert_eq!((outcome.report.write_failures, outcome.report.settled), (0, 6));
    let told = |line: &&String| line.contains("another tab, 'Summary', is the first now: prices");
    assert_eq!(outcome.log.iter().filter(told).count(), 1, "{:?}", outcome.log);
}

#[test]
fn what_google_asks_of_others_hides_nothing_that_ails_a_spreadsheet_itself() {
    let scenario =
        |request: &str, _| request.contains("/v4/").then_some((403, "{ \"error\": {} }"));
    let sheet = hourly(["A1", "A2"]);
    let outcome = play_beside(sheet, [[1, 1]], secs(120), scenario, move |account| async move {
        sleep_until(Instant::now() + secs(4)).await;
        account.hold_off(secs(900), Budget::Reads, &fewer());
        account.hold_off(secs(900), Budget::Writes, &fewer());
    });
    let failing = outcome.report.failing.unwrap();
    assert!(failing.attempts > 1, "it has not been held off");
    assert_eq!(failing.failure.class, FailureClass::Spreadsheet, "{}", failing.failure);
}
