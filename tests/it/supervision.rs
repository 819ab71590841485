//! Real actors of a real tree that panic, stop and hang: restarted, and fresh prices follow.

use std::time::Duration;

use actix::{Actor, Addr};
use ratesheet::{
    ActorName, Config, Drill, DrillActor, Escalated, Event, Exit, Fault as ActorFault, Next,
    Reload, Restart, Shutdown, State, SupervisorActor,
    sandbox::{Fault, FaultRule, Service},
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::rig::{
    Ear, ONE, Rig, SOON, TWO, block_on, eventually, in_flight, one_price, sheet, slow, status,
    tickers, with_tree, writes,
};

fn sheets(id: &str) -> ActorName {
    ActorName::Sheets(id.into())
}

fn drill(actor: ActorName, drill: Drill) -> DrillActor {
    DrillActor { actor, drill, relentless: false }
}

fn for_ever(actor: ActorName) -> DrillActor {
    DrillActor { actor, drill: Drill::Panic, relentless: true }
}

struct Events(UnboundedReceiver<Event>);

impl Events {
    /// A tree, and what it tells.
    fn of(config: Config) -> (Addr<SupervisorActor>, Self) {
        let (sender, receiver) = unbounded_channel();
        let ear = Ear(sender).start().recipient();
        (SupervisorActor::new(config).subscriber(ear).start(), Self(receiver))
    }

    async fn next<T>(&mut self, wanted: impl Fn(Event) -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = wanted(self.0.recv().await.expect("an event")) {
                    return found;
                }
            }
        };
        tokio::time::timeout(SOON, found).await.expect("such an event")
    }

    async fn fault(&mut self) -> ActorFault {
        self.next(|event| if let Event::Fault(fault) = event { Some(fault) } else { None }).await
    }

    async fn escalated(&mut self) -> Escalated {
        self.next(|event| if let Event::Escalated(why) = event { Some(why) } else { None }).await
    }
}

/// Every actor, failing in every way: it is restarted, and both spreadsheets are fresh again.
fn survives(actor: ActorName, how: Drill, exit: Exit) {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        let (tree, mut events) = Events::of(config);
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        assert_eq!(tree.send(drill(actor.clone(), how)).await, Ok(true));
        let fault = events.fault().await;
        assert_eq!((&fault.actor, &fault.exit, fault.count), (&actor, &exit, 1));
        assert!(matches!(fault.next, Next::Restart(_)));
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        let status = status(&tree).await;
        assert_eq!(status.restarts.into_iter().collect::<Vec<_>>(), [(actor, 1)]);
        assert_eq!(status.state, State::Running);
        tree.send(Shutdown).await.unwrap();
    });
}

fn panicked() -> Exit {
    Exit::Panicked("a drill".into())
}

#[test]
fn the_schedule_panics() {
    survives(ActorName::Schedule, Drill::Panic, panicked());
}

#[test]
fn the_schedule_stops() {
    survives(ActorName::Schedule, Drill::Stop, Exit::Stopped);
}

#[test]
fn the_schedule_hangs() {
    survives(ActorName::Schedule, Drill::Hang, Exit::Stuck);
}

#[test]
fn kraken_panics() {
    survives(ActorName::Kraken, Drill::Panic, panicked());
}

#[test]
fn kraken_stops() {
    survives(ActorName::Kraken, Drill::Stop, Exit::Stopped);
}

#[test]
fn kraken_hangs() {
    survives(ActorName::Kraken, Drill::Hang, Exit::Stuck);
}

#[test]
fn a_spreadsheet_panics() {
    survives(sheets(ONE), Drill::Panic, panicked());
}

#[test]
fn a_spreadsheet_stops() {
    survives(sheets(ONE), Drill::Stop, Exit::Stopped);
}

#[test]
fn a_spreadsheet_hangs() {
    survives(sheets(ONE), Drill::Hang, Exit::Stuck);
}

#[test]
fn a_spreadsheet_that_panics_for_ever_is_parked_and_does_not_disturb_the_other() {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        let (tree, mut events) = Events::of(config);
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        tree.send(for_ever(sheets(ONE))).await.unwrap();
        while !matches!(events.fault().await.next, Next::Park(_)) {}
        rig.fresh(&[(TWO, "A1")]).await;
        let status = status(&tree).await;
        assert_eq!(status.parked.into_iter().collect::<Vec<_>>(), [sheets(ONE)]);
        assert_eq!(status.state, State::Running);
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn who_was_down_gets_the_newest_quotes_and_not_the_oldest_that_waited() {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE));
        // After forty ticks there are no more: nothing but what was offered again can be newest.
        let tree = SupervisorActor::new(config).ticks(40).start();
        rig.until("the first price", |_| rig.number("A1").is_some()).await;
        tree.send(drill(sheets(ONE), Drill::Hang)).await.unwrap();
        rig.until("half of the ticks", |sandbox| tickers(sandbox).len() >= 20).await;
        rig.set_price(7);
        rig.until("the newest price", |_| rig.number("A1") == Some(7.0)).await;
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn ticks_that_find_a_full_mailbox_are_counted_and_held_up_by_nobody() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.supervision.ping = SOON; // nobody who hangs is replaced
        with_tree(config, async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            tree.send(drill(ActorName::Kraken, Drill::Hang)).await.unwrap();
            let schedule = async || status(tree).await.schedule;
            eventually("its mailbox is full", async || schedule().await.undelivered > 0).await;
            let full = schedule().await;
            let go_on = async || schedule().await.undelivered >= full.undelivered + 30;
            eventually("the ticks go on", go_on).await;
            // From then on each of them is counted as one that was not sent, and as nothing else.
            assert_eq!(schedule().await.ticks, full.ticks, "{full:?}");
            tree.send(Restart).await.unwrap().unwrap();
            rig.fresh(&[(ONE, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn a_parked_spreadsheet_is_tried_again() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
        config.supervision.park = Duration::from_millis(100);
        let (tree, mut events) = Events::of(config);
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(for_ever(sheets(ONE))).await.unwrap();
        while !matches!(events.fault().await.next, Next::Park(_)) {}
        // The drill is over: what is still in its mailbox is the last.
        tree.send(drill(sheets("nobody"), Drill::Stop)).await.unwrap();
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
    });
}

/// A tree in which this actor panics for ever gives up, says why, and can be started afresh.
fn escalates(actor: ActorName) {
    block_on(async {
        let rig = Rig::new();
        let (tree, mut events) = Events::of(rig.config().sheet(one_price(ONE)));
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(for_ever(actor.clone())).await.unwrap();
        let why = events.escalated().await;
        assert_eq!(why.actor, Some(actor.clone()));
        assert_eq!(why.reason, format!("{actor} failed 6 times: panicked: a drill"));
        assert_eq!(status(&tree).await.state, State::Escalated(why.reason));
        // The host lives on, and may begin again.
        tree.send(drill(sheets("nobody"), Drill::Stop)).await.unwrap();
        tree.send(Restart).await.unwrap().unwrap();
        rig.fresh(&[(ONE, "A1")]).await;
        assert_eq!(status(&tree).await.state, State::Running);
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn without_a_schedule_it_gives_up() {
    escalates(ActorName::Schedule);
}

#[test]
fn without_kraken_it_gives_up() {
    escalates(ActorName::Kraken);
}

#[test]
fn without_its_last_spreadsheet_it_gives_up() {
    escalates(sheets(ONE));
}

#[test]
fn a_tree_that_cannot_be_built_says_why() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE).cell("kraken:xbteur:sel", "A0"));
        let (_tree, mut events) = Events::of(config.clone());
        let why = events.escalated().await.reason;
        assert!(why.contains("sel") && why.contains("A0"), "{why}");
        config = rig.config().sheet(one_price(ONE));
        config.credentials = None;
        let (_tree, mut events) = Events::of(config.clone());
        assert!(events.escalated().await.reason.contains("credentials"));
        config.tls.ca_file = Some("/nonexistent".into());
        let (_tree, mut events) = Events::of(config);
        assert!(events.escalated().await.reason.contains("/nonexistent"));
    });
}

#[test]
fn of_several_commands_at_once_the_last_one_counts_and_a_write_in_flight_is_finished() {
    block_on(async {
        let rig = Rig::new();
        let config = |cell: &str| rig.config().sheet(sheet(ONE).cell("kraken:xbteur:sell", cell));
        let tree = SupervisorActor::new(config("A1")).start();
        rig.until("the first price", |_| rig.number("A1").is_some()).await;
        rig.sandbox.inject(slow(300).times(1));
        rig.until("a slow write", in_flight).await;
        let overtaken = tree.send(Reload(Box::new(config("B1"))));
        let last = tree.send(Reload(Box::new(config("C1"))));
        let why = overtaken.await.unwrap().unwrap_err().to_string();
        assert!(why.contains("another"), "{why}");
        last.await.unwrap().unwrap();
        rig.until("the last configuration", |_| rig.number("C1").is_some()).await;
        assert_eq!(rig.number("B1"), None);
        let reloaded = tree.send(Reload(Box::new(config("D1"))));
        let stopped = tree.send(Shutdown);
        drop(reloaded.await);
        stopped.await.unwrap();
        assert!(!tree.connected());
        assert_eq!(rig.number("D1"), None);
        let slow = rig.sandbox.journal().into_iter().find(|entry| entry.fault.is_some());
        assert_eq!(slow.and_then(|entry| entry.status), Some(200), "it was abandoned");
    });
}

#[test]
fn an_outage_never_restarts_an_actor() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
            rig.fresh(&[(ONE, "A1")]).await;
            for outage in 0..20 {
                rig.sandbox.pause_listening();
                let failed = async || status(supervisor).await.kraken.failures > outage;
                eventually("an attempt fails", failed).await;
                rig.resume().await;
                rig.fresh(&[(ONE, "A1")]).await;
            }
            let status = status(supervisor).await;
            assert!(status.kraken.failures >= 20 && status.restarts.is_empty(), "{status:?}");
        })
        .await;
    });
}

/// Two spreadsheets, and so long from ping to ping that nobody notices who hangs.
fn unnoticed(rig: &Rig) -> Config {
    let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
    config.supervision.ping = SOON * 10;
    config.shutdown_grace = Duration::from_millis(100);
    config
}

#[test]
fn who_hangs_while_it_waits_for_its_turn_does_not_hold_up_the_other() {
    block_on(async {
        let rig = Rig::new();
        let mut config = unnoticed(&rig);
        // So few that both always wait.
        config.google.writes_per_minute = 120;
        with_tree(config, async |tree| {
            // When the first at once are over, and the other has had its turn, it is ONE's.
            rig.until("the turn of the first", |sandbox| {
                let writes = writes(sandbox);
                let last = writes.last().filter(|last| writes.len() > 6 && last.ended.is_some());
                last.is_some_and(|last| last.spreadsheet() == Some(TWO))
            })
            .await;
            assert_eq!(tree.send(drill(sheets(ONE), Drill::Hang)).await, Ok(true));
            rig.fresh(&[(TWO, "A1")]).await;
            rig.fresh(&[(TWO, "A1")]).await;
        })
        .await;
    });
}

#[test]
fn who_hangs_while_it_asks_for_a_token_does_not_hold_up_the_other() {
    block_on(async {
        let rig = Rig::new();
        let slow = Fault::Delay(Duration::from_millis(500));
        rig.sandbox.inject(FaultRule::new(Service::Token, slow).times(1));
        with_tree(unnoticed(&rig), async |tree| {
            rig.until("a token is asked for", |sandbox| sandbox.count(Service::Token) == 1).await;
            assert_eq!(tree.send(drill(sheets(ONE), Drill::Hang)).await, Ok(true));
            rig.fresh(&[(TWO, "A1")]).await;
        })
        .await;
        assert_eq!(rig.sandbox.count(Service::Token), 1);
    });
}
