//! What was due, and not yet delivered or written when something came between: it is not left
//! until the sheet's next tick, which may be a day away.

use std::{collections::BTreeMap, rc::Rc, time::Duration};

use actix::{Actor, Addr, AsyncContext as _, Context, Handler, WrapFuture as _};
use ratesheet::{
    ActorName, Drill, DrillActor, Feed, KrakenActor, QuoteBatch, RetryConfig, SheetConfig,
    SheetIndex, SpreadsheetReport, SupervisorActor, Tick, TlsConfig,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};
use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    },
    time::timeout,
};

use crate::rig::{
    ONE, Rig, SOON, TAB, block_on, has_landed, one_price, report, tickers, with_tree, writes,
};

const FAST: SheetIndex = SheetIndex(0);
const SLOW: SheetIndex = SheetIndex(1);

/// A sheet with a price in B1 that is due once, and then in an hour.
fn hourly() -> SheetConfig {
    let sheet = SheetConfig::new(ONE, TAB).every(Duration::from_secs(3_600));
    sheet.cell("kraken:etheur:buy", "B1")
}

async fn panics(tree: &Addr<SupervisorActor>, actor: ActorName) {
    let order = DrillActor { actor, drill: Drill::Panic, relentless: false };
    assert_eq!(tree.send(order).await, Ok(true));
}

#[test]
fn what_kraken_was_being_asked_for_is_asked_for_again_after_a_fault() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(hourly());
        config.kraken.deadline = SOON;
        let never = FaultRule::new(Service::Kraken, Fault::Delay(SOON)).path("Ticker").times(1);
        rig.sandbox.inject(never);
        with_tree(config, async |tree| {
            rig.until("a fetch", |s| s.journal().iter().any(|entry| entry.fault.is_some())).await;
            panics(tree, ActorName::Kraken).await;
            rig.until("the price", |_| rig.number("B1").is_some()).await;
        })
        .await;
    });
}

#[test]
fn what_was_not_written_yet_is_written_after_a_fault() {
    block_on(async {
        let rig = Rig::new();
        let busy = FaultRule::new(Service::Sheets, Fault::status(503)).path("batchUpdate");
        rig.sandbox.inject(busy);
        with_tree(rig.config().sheet(one_price(ONE)).sheet(hourly()), async |tree| {
            rig.until("a write", |s| s.journal().iter().any(|entry| entry.fault.is_some())).await;
            panics(tree, ActorName::Sheets(ONE.into())).await;
            rig.sandbox.clear_faults();
            rig.until("the price", |_| rig.number("B1").is_some()).await;
        })
        .await;
    });
}

#[test]
fn a_write_that_comes_late_although_its_actor_has_failed_does_not_stay() {
    block_on(async {
        let rig = Rig::new();
        let is = |price: f64| rig.number("A1") == Some(price);
        rig.set_price(50);
        let sheet = one_price(ONE).every(Duration::from_secs(1));
        with_tree(rig.config().sheet(sheet), async |tree| {
            rig.until("50", |_| is(50.0)).await;
            let late = Fault::ApplyLate(Duration::from_secs(8));
            rig.sandbox.inject(FaultRule::new(Service::Sheets, late).path("batchUpdate").times(1));
            rig.set_price(100);
            rig.until("a write", |s| s.journal().iter().any(|entry| entry.fault.is_some())).await;
            panics(tree, ActorName::Sheets(ONE.into())).await;
            rig.set_price(200);
            rig.until("200", |_| is(200.0)).await;
            assert!(!has_landed(&rig.sandbox), "it came before the other");
            rig.until("100, after all", has_landed).await;
            rig.until("200 again", |_| is(200.0)).await;
        })
        .await;
    });
}

#[test]
fn what_is_wrong_with_a_slow_sheet_is_known_after_a_fault_too() {
    block_on(async {
        let rig = Rig::new();
        let sheet = hourly().cell("kraken:xbteuro:buy", "B2").problem("C1");
        let is_wrong = |report: &SpreadsheetReport| {
            report.cells.iter().any(|cell| cell.cell.ends_with("B2") && cell.failing.is_some())
        };
        with_tree(rig.config().sheet(sheet), async |tree| {
            report(tree, |report| is_wrong(report) && report.settled > 0).await;
            let before = rig.last();
            panics(tree, ActorName::Sheets(ONE.into())).await;
            rig.until("a write", |s| writes(s).iter().any(|entry| entry.seq > before)).await;
            assert!(is_wrong(&report(tree, |report| report.writes > 1).await));
            let all = writes(&rig.sandbox);
            let untold = all.iter().filter(|entry| entry.json().to_string().contains(r#"[[""]]"#));
            assert_eq!(untold.count(), 0, "nothing was said to be wrong");
        })
        .await;
    });
}

/// Keeps the batches that it gets for the test, but takes no second one in before it may.
struct Receiver(UnboundedSender<QuoteBatch>, Rc<Notify>);

impl Actor for Receiver {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(1);
    }
}

impl Handler<QuoteBatch> for Receiver {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, ctx: &mut Self::Context) {
        self.0.send(batch).unwrap_or_default();
        let may_go_on = Rc::clone(&self.1);
        ctx.wait(async move { may_go_on.notified().await }.into_actor(self));
    }
}

/// A KrakenActor, what its receiver has got, and what lets that take in the next.
fn kraken(rig: &Rig) -> (Addr<KrakenActor>, UnboundedReceiver<QuoteBatch>, Rc<Notify>) {
    let (tell, told) = unbounded_channel();
    let go_on = Rc::new(Notify::new());
    let pairs = |pair: &str| vec![pair.parse().unwrap()];
    let feed = Feed::new(
        BTreeMap::from([(FAST, pairs("xbteur")), (SLOW, pairs("etheur"))]),
        Receiver(tell, Rc::clone(&go_on)).start().recipient(),
    );
    let (config, retry, tls) = (rig.config().kraken, RetryConfig::default(), TlsConfig::default());
    let kraken = KrakenActor::new(config, retry, &tls).unwrap();
    (kraken.feed(feed).start(), told, go_on)
}

async fn tick(kraken: &Addr<KrakenActor>, seq: u64, due: SheetIndex) {
    kraken.send(Tick::new(seq, vec![due])).await.unwrap();
}

/// How often Kraken has been asked for quotes.
fn fetches(sandbox: &Sandbox) -> usize {
    tickers(sandbox).iter().filter(|entry| entry.ended.is_some()).count()
}

#[test]
fn quotes_of_a_slow_sheet_that_find_no_room_are_not_lost_to_those_of_a_fast_one() {
    block_on(async {
        let rig = Rig::new();
        let (kraken, mut told, go_on) = kraken(&rig);
        let mut seq = 0;
        for due in [FAST, FAST, FAST, FAST, SLOW, FAST, FAST] {
            let before = fetches(&rig.sandbox);
            // A tick that finds its predecessor unfinished is skipped.
            while fetches(&rig.sandbox) == before {
                seq += 1;
                tick(&kraken, seq, due).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let slow = async {
            loop {
                let batch = told.recv().await.unwrap();
                if batch.due.contains(&SLOW) {
                    return batch;
                }
                go_on.notify_one();
            }
        };
        let slow = timeout(SOON, slow).await.unwrap();
        // By itself: what a fast one gets says nothing of it.
        assert_eq!((&*slow.due, slow.quotes.len()), (&[SLOW][..], 1), "{slow:?}");
        go_on.notify_one();
        let fast = timeout(SOON, told.recv()).await.unwrap().unwrap();
        assert_eq!((&*fast.due, fast.tick), (&[FAST][..], seq), "{fast:?}");
    });
}

#[test]
fn a_batch_has_the_number_of_the_tick_that_it_answers() {
    block_on(async {
        let rig = Rig::new();
        let slow = Fault::Delay(Duration::from_millis(300));
        rig.sandbox.inject(FaultRule::new(Service::Kraken, slow).path("Ticker").times(1));
        let (kraken, mut told, go_on) = kraken(&rig);
        tick(&kraken, 1, FAST).await;
        rig.until("a fetch", |s| s.journal().iter().any(|entry| entry.fault.is_some())).await;
        tick(&kraken, 2, SLOW).await;
        for (seq, due) in [(1, FAST), (2, SLOW)] {
            let batch = timeout(SOON, told.recv()).await.unwrap().unwrap();
            assert_eq!((batch.tick, &*batch.due), (seq, &[due][..]));
            go_on.notify_one();
        }
    });
}
