//! Tests of the actor: what becomes of its fetches, whom trouble costs what, and what is told of
//! it. In memory, on a clock that runs on whenever everybody waits.

use std::{cell::RefCell, sync::Mutex, time::Duration};

use actix::Addr;
use tokio::time::{self, sleep};

use super::*;
use crate::{journal::Journal, messages::FailureClass, retry::Backoff, scripted::scripted};

mod late;
mod settled;
mod told;

const SHEET: SheetIndex = SheetIndex(0);
const OTHER: SheetIndex = SheetIndex(1);

const SECOND: Duration = Duration::from_secs(1);

/// What is asked for with the list of asset pairs.
const LIST: &str = "AssetPairs";

const RATE_LIMIT: &str = r#"{"error":["EAPI:Rate limit exceeded"]}"#; // for 5 s
const LOCKOUT: &str = r#"{"error":["EGeneral:Temporary lockout"]}"#; // for 60 s
const PAGE: (u16, &str) = (520, "<title>520: Web server</title>");

/// Takes in what the actor sends.
#[derive(Clone, Default)]
struct Ear {
    batches: Rc<RefCell<Vec<QuoteBatch>>>,
    report: Rc<RefCell<KrakenReport>>,
}

impl Actor for Ear {
    type Context = Context<Self>;
}

impl Handler<QuoteBatch> for Ear {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, _: &mut Self::Context) {
        self.batches.borrow_mut().push(batch);
    }
}

impl Handler<Report> for Ear {
    type Result = ();

    fn handle(&mut self, report: Report, _: &mut Self::Context) {
        let Report::Kraken(report) = report else { return };
        *self.report.borrow_mut() = report;
    }
}

/// An actor, whom it tells, and a Kraken.
struct Bench {
    actor: Addr<KrakenActor>,
    ear: Ear,
    _heard: Addr<Ear>,
    journal: Journal,
    /// What was asked for, and when: the names, with a comma after each, or the list.
    asked: Arc<Mutex<Vec<(Instant, String)>>>,
    ticks: std::cell::Cell<u64>,
}

impl Bench {
    /// An actor with these pairs in each sheet. Whatever is asked for, the names or the list, is
    /// answered by `answer`.
    fn new(
        sheets: &[(SheetIndex, Vec<AssetPair>)],
        answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> Self {
        Self::giving(None, sheets, answer)
    }

    /// The same, that gives its quotes to this receiver, and only its reports to the ear.
    fn giving(
        to: Option<Recipient<QuoteBatch>>,
        sheets: &[(SheetIndex, Vec<AssetPair>)],
        answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static,
    ) -> Self {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&asked);
        let dialer = scripted(move |request| {
            let target = request.split(' ').nth(1).unwrap();
            let names = target.split_once("?pair=").map_or("", |(_, names)| names);
            let what = if target.ends_with(LIST) { LIST } else { names };
            heard.lock().unwrap().push((Instant::now(), what.to_owned()));
            answer(what)
        });
        let tls = Tls::new(&TlsConfig::default()).unwrap().over(Some(dialer));
        let url = "http://127.0.0.1".to_owned();
        let config = KrakenConfig { url, requests_per_second: 1_000.0, ..KrakenConfig::default() };
        let backoff = Backoff { min: SECOND / 2, max: 20 * SECOND };
        let retry = RetryConfig { backoff, ..RetryConfig::default() };
        let (ear, journal) = (Ear::default(), Journal::default());
        let heard = ear.clone().start();
        let to = to.unwrap_or_else(|| heard.clone().recipient());
        let feed = Feed::new(sheets.iter().cloned().collect(), to);
        let actor = KrakenActor::with_tls(config, retry, &tls).unwrap().feed(feed);
        let actor = actor.reports(heard.clone().recipient()).logger(journal.logger()).start();
        Self { actor, ear, _heard: heard, journal, asked, ticks: Default::default() }
    }

    /// It is time for some sheets: the last batch for all of them that comes within a moment.
    async fn tick(&self, due: &[SheetIndex]) -> Option<QuoteBatch> {
        self.ticks.set(self.ticks.get() + 1);
        self.ear.batches.borrow_mut().clear();
        self.actor.send(Tick::new(self.ticks.get(), due.to_vec())).await.unwrap();
        sleep(SECOND / 10).await;
        let batches = self.ear.batches.borrow();
        batches.iter().rfind(|batch| due.iter().all(|sheet| batch.due.contains(sheet))).cloned()
    }

    /// The last batch that comes within this time.
    async fn after(&self, wait: Duration) -> Option<QuoteBatch> {
        self.ear.batches.borrow_mut().clear();
        sleep(wait).await;
        self.ear.batches.borrow().last().cloned()
    }

    fn report(&self) -> KrakenReport {
        self.ear.report.borrow().clone()
    }

    /// What was asked for since the last call.
    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().drain(..).map(|(_, what)| what).collect()
    }

    /// How many lines of the log have this in them.
    fn told(&self, what: &str) -> usize {
        self.journal.take().iter().filter(|line| line.contains(what)).count()
    }
}

/// An actor that is not started.
fn alone() -> KrakenActor {
    let tls = Tls::new(&TlsConfig::default()).unwrap();
    KrakenActor::with_tls(KrakenConfig::default(), RetryConfig::default(), &tls).unwrap()
}

/// Runs a test in a system of its own, on a clock that runs on whenever everybody waits.
fn in_no_time(test: impl Future<Output = ()>) {
    fastrand::seed(7);
    actix_rt::System::new().block_on(async {
        time::pause();
        test.await;
    });
}

/// So many pairs: `aaa000eur` and so on.
fn pairs(count: u32) -> Vec<AssetPair> {
    (0..count).map(|n| format!("aaa{n:03}eur").parse().unwrap()).collect()
}

/// What Kraken answers if it has tickers of these names, and says this beside them.
fn tickers<'a>(names: impl IntoIterator<Item = &'a str>, beside: &str) -> (u16, String) {
    let row = r#"{"a":["5","1","1"],"b":["4","1","1"],"c":["4","1"]}"#;
    let rows: Vec<_> = names.into_iter().map(|name| format!("{name:?}:{row}")).collect();
    let error = if beside.is_empty() { String::new() } else { format!("{beside:?}") };
    (200, format!(r#"{{"error":[{error}],"result":{{{}}}}}"#, rows.join(",")))
}

fn all(names: &str) -> (u16, String) {
    tickers(names.split(','), "")
}

fn page() -> (u16, String) {
    (PAGE.0, PAGE.1.to_owned())
}

/// The list of asset pairs with these in it.
fn list(names: &[&str]) -> (u16, String) {
    let rows: Vec<_> = names.iter().map(|n| format!(r#"{n:?}:{{"altname":{n:?}}}"#)).collect();
    (200, format!(r#"{{"error":[],"result":{{{}}}}}"#, rows.join(",")))
}

/// Something that goes on until it is over, for a Kraken to ask.
#[derive(Clone, Default)]
struct Over(Arc<std::sync::atomic::AtomicBool>);

impl Over {
    fn now(&self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }

    fn not_now(&self) {
        self.0.store(false, std::sync::atomic::Ordering::Relaxed);
    }

    fn is(&self) -> bool {
        self.0.load(std::sync::atomic::Ordering::Relaxed)
    }
}

#[test]
fn a_pair_that_is_unknown_beside_the_others_quotes_is_refused_and_all_else_goes_on() {
    in_no_time(async {
        let bench = Bench::new(&[(SHEET, pairs(2))], |asked| match asked {
            LIST => page(),
            names => {
                let known = names.split(',').filter(|name| *name != "AAA001EUR");
                let all_known = !names.contains("AAA001EUR");
                tickers(known, if all_known { "" } else { "EQuery:Unknown asset pair" })
            }
        });
        let batch = bench.tick(&[SHEET]).await.unwrap();
        let [known, unknown] = pairs(2).try_into().unwrap();
        assert!(batch.quotes.contains_key(&known));
        assert_eq!(batch.missing[&unknown].class, FailureClass::Pair);
        assert!(bench.report().failing.is_none(), "{:?}", bench.report().failing);
        assert_eq!(bench.told("Kraken gives"), 0);
        bench.asked();
        for _ in 0..10 {
            let batch = bench.tick(&[SHEET]).await.expect("a tick is lost");
            assert!(batch.quotes.contains_key(&known) && batch.missing.contains_key(&unknown));
        }
        let asked = bench.asked();
        let tickers: Vec<_> = asked.iter().filter(|asked| *asked != LIST).collect();
        assert_eq!(tickers, ["AAA000EUR"; 10], "it is asked for again at once");
    });
}

/// Ticks every second for a minute and more, while the second half of a sheet is not to be had.
fn half_of_a_sheet_is_not_to_be_had(
    second: impl Fn(&str) -> (u16, String) + Copy + Send + Sync + 'static,
) {
    in_no_time(async {
        let over = Over::default();
        let is_over = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(101))], move |asked| match asked {
            LIST => page(),
            names if !names.contains("AAA100EUR") || is_over.is() => all(names),
            names => second(names),
        });
        let [first, last] = ["aaa000eur", "aaa100eur"].map(|name| name.parse().unwrap());
        let mut times = 0;
        for tick in 0..120 {
            let batch = bench.tick(&[SHEET]).await.unwrap_or_else(|| panic!("tick {tick} is lost"));
            assert!(batch.quotes.contains_key(&first), "tick {tick}: {:?}", batch.missing[&first]);
            assert!(!batch.quotes.contains_key(&last) && batch.missing.contains_key(&last));
            sleep(SECOND).await;
            times += bench.asked().iter().filter(|names| names.contains("AAA100EUR")).count();
        }
        // After 0.5 s, 1, 2, 4, 8, 16, 20, 20 …, on the average half of it.
        assert!((8..24).contains(&times), "it was asked for {times} times");
        let report = bench.report();
        assert!(report.failing.is_some_and(|failing| failing.attempts as usize == times));
        assert_eq!((report.failures, report.skipped), (0, 0));
        over.now();
        let later = bench.after(20 * SECOND).await.expect("it is not left until the next tick");
        assert!(later.quotes.contains_key(&last));
        assert!(bench.report().failing.is_none());
        let told = bench.journal.take();
        let lines = |what: &str| told.iter().filter(|line| line.contains(what)).count();
        assert_eq!(lines("Kraken gives quotes, but there is trouble"), 1, "{told:?}");
        assert_eq!(lines("Kraken answers again"), 1, "{told:?}");
    });
}

#[test]
fn a_request_that_fails_for_ever_costs_the_others_no_tick() {
    half_of_a_sheet_is_not_to_be_had(|_| page());
}

#[test]
fn a_sheet_whose_requests_fail_for_ever_costs_another_no_tick() {
    in_no_time(async {
        let [bad, good] = pairs(2).try_into().unwrap();
        let sheets = [(SHEET, vec![good.clone()]), (OTHER, vec![bad])];
        let bench = Bench::new(&sheets, |asked| match asked {
            LIST => page(),
            names if names.contains("AAA000EUR") => page(),
            names => all(names),
        });
        bench.tick(&[SHEET]).await.unwrap();
        // It is not known yet whether anybody is answered.
        bench.tick(&[OTHER]).await.unwrap();
        bench.after(SECOND).await;
        bench.tick(&[SHEET]).await;
        bench.after(SECOND).await;
        bench.asked();
        let mut times = 0;
        for tick in 0..120 {
            let batch = bench.tick(&[SHEET]).await.unwrap_or_else(|| panic!("tick {tick} is lost"));
            assert!(batch.quotes.contains_key(&good), "tick {tick}: {:?}", batch.missing[&good]);
            sleep(SECOND).await;
            times += bench.asked().iter().filter(|names| names.contains("AAA000EUR")).count();
        }
        assert!((6..24).contains(&times), "the other was asked for {times} times");
        assert!(bench.report().failing.is_some());
    });
}

#[test]
fn a_pair_that_is_left_out_beside_an_error_for_ever_costs_the_others_no_tick() {
    half_of_a_sheet_is_not_to_be_had(|names| {
        let others = names.split(',').filter(|name| *name != "AAA100EUR");
        tickers(others, "EService:Busy")
    });
}

#[test]
fn of_two_requests_that_fail_neither_keeps_the_other_from_being_asked_for() {
    in_no_time(async {
        let over = Over::default();
        let is_over = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(300))], move |asked| match asked {
            LIST => page(),
            names if names.contains("AAA200EUR") && is_over.is() => all(names),
            names if names.contains("AAA000EUR") => all(names),
            _ => page(),
        });
        bench.tick(&[SHEET]).await.unwrap();
        sleep(100 * SECOND).await;
        over.now();
        // Of an hourly sheet, long before the next tick.
        let batch = bench.after(45 * SECOND).await.unwrap();
        assert!(batch.quotes.contains_key(&"aaa200eur".parse().unwrap()));
        assert!(batch.missing.contains_key(&"aaa100eur".parse().unwrap()));
        assert!(bench.report().failing.is_some());
    });
}

#[test]
fn of_two_pleas_the_one_that_lasts_longer_is_kept() {
    in_no_time(async {
        let mut actor = alone();
        let mut heard = |text: &str, seconds| {
            let wait = Some(seconds * SECOND);
            actor.heed(&KrakenError::RateLimited { text: text.into(), wait });
            let plea = actor.plea()?;
            Some((plea.to_string().split(": ").last()?.to_owned(), plea.wait()? / 1_000))
        };
        let ms = |text: &str, seconds| Some((text.to_owned(), Duration::from_millis(seconds)));
        assert_eq!(heard("at once", 0), None);
        assert_eq!(heard("a minute", 60), ms("a minute", 60));
        assert_eq!(heard("less", 10), ms("a minute", 60));
        assert_eq!(heard("as much", 60), ms("a minute", 60));
        assert_eq!(heard("more", 90), ms("more", 90));
        time::advance(30 * SECOND).await;
        assert_eq!(heard("less again", 59), ms("more", 60));
    });
}

#[test]
fn a_plea_is_not_taken_back_by_a_shorter_one_and_every_wait_for_it_is_told() {
    in_no_time(async {
        // The list is asked for beside the fetch, a second time; both are refused.
        let over = Over::default();
        let begun = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(1))], move |asked| match asked {
            LIST if begun.is() => (200, LOCKOUT.into()),
            LIST => page(),
            _ if begun.is() => (200, RATE_LIMIT.into()),
            names => all(names),
        });
        bench.tick(&[SHEET]).await.unwrap();
        sleep(SECOND).await;
        over.now();
        bench.asked();
        let failed = bench.report();
        bench.tick(&[SHEET]).await.unwrap();
        assert_eq!(bench.asked(), [LIST, "AAA000EUR"]);
        let until = Instant::now() + 55 * SECOND;
        let told = bench.after(10 * SECOND).await.expect("nothing is said of the longer wait");
        assert_eq!(told.missing[&pairs(1)[0]].class, FailureClass::RateLimited);
        let mut skipped = 0;
        while Instant::now() < until {
            bench.tick(&[SHEET]).await;
            skipped += 1;
            sleep(SECOND).await;
        }
        assert_eq!(bench.asked(), Vec::<String>::new(), "it is not left alone");
        let report = bench.report();
        assert_eq!(report.failures, failed.failures + 1, "nothing was fetched after the first");
        assert!(skipped > 40);
        assert!(bench.after(20 * SECOND).await.is_some(), "it sleeps on");
    });
}

#[test]
fn a_fetch_that_finds_the_gate_shut_ends_with_what_it_has() {
    in_no_time(async {
        let over = Over::default();
        let begun = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(201))], move |asked| match asked {
            LIST if begun.is() => (200, LOCKOUT.into()),
            LIST => page(),
            names => all(names),
        });
        bench.tick(&[SHEET]).await.unwrap();
        sleep(SECOND).await;
        over.now();
        bench.asked();
        let batch = bench.tick(&[SHEET]).await.expect("what has come is kept");
        let asked = bench.asked();
        assert_eq!(asked[0], LIST);
        assert!(asked.len() < 4, "{} requests go on", asked.len());
        assert!(batch.quotes.contains_key(&pairs(1)[0]));
        let last = &batch.missing[&"aaa200eur".parse().unwrap()];
        assert_eq!(last.class, FailureClass::RateLimited, "{last}");
        over.not_now();
        assert!(bench.after(59 * SECOND).await.is_none());
        let batch = bench.after(20 * SECOND).await.unwrap();
        assert_eq!(batch.quotes.len(), 201, "the rest is asked for when it may be");
    });
}

#[test]
fn an_outage_is_over_when_kraken_answers_although_there_is_no_quote() {
    for (name, listed) in [("odd", false), ("unknown", true)] {
        in_no_time(async {
            let over = Over::default();
            let is_over = over.clone();
            let bench = Bench::new(&[(SHEET, pairs(1))], move |asked| match asked {
                _ if !is_over.is() => page(),
                LIST if listed => list(&["XXBTZEUR"]),
                LIST => page(),
                _ => tickers([], ""),
            });
            bench.tick(&[SHEET]).await.unwrap();
            sleep(20 * SECOND).await;
            assert!(bench.report().failing.is_some(), "{name}");
            over.now();
            sleep(60 * SECOND).await;
            bench.tick(&[SHEET]).await;
            sleep(SECOND).await;
            assert!(bench.report().failing.is_none(), "{name}: {:?}", bench.report().failing);
            assert_eq!(bench.told("Kraken answers again"), 1, "{name}");
        });
    }
}

#[test]
fn that_the_list_fails_and_that_it_has_come_are_each_told_once() {
    in_no_time(async {
        let over = Over::default();
        let is_over = over.clone();
        let bench = Bench::new(&[(SHEET, pairs(1))], move |asked| match asked {
            LIST if is_over.is() => list(&["AAA000EUR"]),
            LIST => page(),
            names => all(names),
        });
        for _ in 0..30 {
            bench.tick(&[SHEET]).await.unwrap();
            sleep(SECOND).await;
        }
        let told = bench.journal.take();
        let lines = |what: &str| told.iter().filter(|line| line.contains(what)).count();
        assert_eq!(lines("is not to be had, going on without: "), 1, "{told:?}");
        over.now();
        for _ in 0..30 {
            bench.tick(&[SHEET]).await.unwrap();
            sleep(SECOND).await;
        }
        assert_eq!(bench.told("Kraken's list of asset pairs has come"), 1);
        over.not_now();
        sleep(3_600 * SECOND).await;
        bench.tick(&[SHEET]).await.unwrap();
        assert_eq!(bench.told("going on with an old one: "), 1);
    });
}
