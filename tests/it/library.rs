//! The library as a guest: in whatever host, as often as it likes, and gone when it is told to.

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use actix::{Actor, Addr, Context, Handler};
use ratesheet::{
    Account, ActorName, Config, Drill, DrillActor, Event, Feed, GetStatus, KrakenActor, QuoteBatch,
    QuoteField, Reload, Restart, ScheduleActor, ServiceAccountKey, SheetIndex, SheetsActor,
    Shutdown, SupervisorActor,
    sandbox::{Fault, FaultRule, Sandbox, Service},
};
use tokio::{
    runtime::Handle,
    sync::{
        mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::LocalSet,
};

use crate::rig::{
    Ear, ONE, Rig, SOON, TWO, block_on, eventually, one_price, slow, status, with_tree,
};

/// A host's own receiver of quotes.
struct Sink(UnboundedSender<QuoteBatch>);

impl Actor for Sink {
    type Context = Context<Self>;
}

impl Handler<QuoteBatch> for Sink {
    type Result = ();

    fn handle(&mut self, batch: QuoteBatch, _: &mut Self::Context) {
        self.0.send(batch).unwrap_or_default();
    }
}

#[test]
fn kraken_alone_gives_quotes_to_a_host_s_own_actor() {
    block_on(async {
        let rig = Rig::new();
        rig.sandbox.set_ticker("XXBTZEUR", "30300.10000", "30300.00000", "30303.20000");
        let (sender, mut batches) = unbounded_channel();
        let pair: ratesheet::AssetPair = "btc/eur".parse().unwrap();
        let config = rig.config();
        let kraken = KrakenActor::new(config.kraken, config.retry, &config.tls)
            .unwrap()
            .feed(Feed::new(
                [(SheetIndex(0), vec![pair.clone()])].into(),
                Sink(sender).start().recipient(),
            ))
            .start();
        let every = std::time::Duration::from_millis(10);
        let _schedule = ScheduleActor::new([(SheetIndex(0), every)], kraken.recipient()).start();
        let batch = batches.recv().await.unwrap();
        let quote = &batch.quotes[&pair];
        let bid = quote.number(QuoteField::Sell).unwrap();
        assert_eq!(bid.normalize().to_string(), "30300");
        assert_eq!(rig.sandbox.count(Service::Sheets), 0);
    });
}

#[test]
fn what_cannot_be_done_is_told_before_an_actor_begins() {
    let rig = Rig::new();
    let config = rig.config();
    let mut endless = config.retry;
    endless.probe = std::time::Duration::MAX;
    let told = KrakenActor::new(config.kraken.clone(), endless, &config.tls).unwrap_err();
    assert!(told.to_string().contains("retry.probe"), "{told}");
    let key = rig.sandbox.service_account_key();
    let key = || ServiceAccountKey::from_json(key.as_bytes()).unwrap();
    let mut idle = config.google.clone();
    idle.writes_per_minute = 0;
    let told = Account::new(key(), &idle, config.retry, &config.tls).unwrap_err();
    assert!(told.to_string().contains("google.writes_per_minute"), "{told}");
    let account = Account::new(key(), &config.google, config.retry, &config.tls).unwrap();
    let own = one_price(ONE);
    let actor = |sheet, retry| {
        SheetsActor::new(
            own.spreadsheet.clone(),
            vec![(SheetIndex(0), sheet)],
            account.clone(),
            retry,
        )
    };
    for (sheet, retry, words) in [
        (one_price(TWO), config.retry, "sheets[0].spreadsheet"),
        (own.clone().cell("kraken:nonsense", "A2"), config.retry, "kraken:nonsense"),
        (own.clone(), endless, "retry.probe"),
    ] {
        let told = actor(sheet, retry).unwrap_err().to_string();
        assert!(told.contains(words), "{told}");
    }
    assert!(actor(own.clone(), config.retry).is_ok());
}

#[test]
fn a_host_may_give_the_key_itself_and_no_file() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.credentials = None;
        let key = ServiceAccountKey::from_json(rig.sandbox.service_account_key().as_bytes());
        let tree = SupervisorActor::new(config).key(key.unwrap()).start();
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn a_sheets_actor_alone_writes_what_it_is_given() {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config();
        let sheet = one_price(ONE);
        let pairs = vec![sheet.cells[0].pair.clone()];
        let key = ServiceAccountKey::from_json(rig.sandbox.service_account_key().as_bytes());
        let account =
            Account::new(key.unwrap(), &config.google, config.retry, &config.tls).unwrap();
        let id = sheet.spreadsheet.clone();
        let sheets = vec![(SheetIndex(7), sheet)];
        let writer = SheetsActor::new(id, sheets, account, config.retry).unwrap().start();
        let kraken = KrakenActor::new(config.kraken, config.retry, &config.tls)
            .unwrap()
            .feed(Feed::new([(SheetIndex(7), pairs)].into(), writer.recipient()))
            .start();
        let every = std::time::Duration::from_millis(10);
        let _schedule = ScheduleActor::new([(SheetIndex(7), every)], kraken.recipient()).start();
        rig.fresh(&[(ONE, "A1")]).await;
    });
}

#[test]
fn three_trees_in_one_process_do_not_know_each_other() {
    block_on(async {
        let (first, second, third) = (Rig::new(), Rig::new(), Rig::new());
        let tree = |rig: &Rig| SupervisorActor::new(rig.config().sheet(one_price(ONE))).start();
        let (a, b, c) = (tree(&first), tree(&second), tree(&third));
        for rig in [&first, &second, &third] {
            rig.fresh(&[(ONE, "A1")]).await;
        }
        a.send(Shutdown).await.unwrap();
        second.sandbox.pause_listening();
        third.fresh(&[(ONE, "A1")]).await;
        // What was on the wire when it was stopped has arrived by now.
        let left = first.sandbox.journal().len();
        second.resume().await;
        second.fresh(&[(ONE, "A1")]).await;
        assert_eq!(first.sandbox.journal().len(), left, "a tree that was stopped goes on");
        b.send(Shutdown).await.unwrap();
        c.send(Shutdown).await.unwrap();
    });
}

/// An engine in a thread of its own, until it is told to stop. What it tells is for the host.
struct Engine {
    tree: Addr<SupervisorActor>,
    events: UnboundedReceiver<Event>,
    stop: oneshot::Sender<()>,
    thread: std::thread::JoinHandle<()>,
}

impl Engine {
    async fn start(config: Config) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (sender, events) = unbounded_channel();
        let (started, tree) = oneshot::channel();
        let thread = std::thread::spawn(move || {
            block_on(async {
                let host = Ear(sender).start().recipient();
                let tree = SupervisorActor::new(config).subscriber(host).start();
                started.send(tree.clone()).unwrap();
                drop(stopped.await);
                tree.send(Shutdown).await.unwrap();
            });
        });
        Self { tree: tree.await.unwrap(), events, stop, thread }
    }

    fn stop(self) {
        self.stop.send(()).unwrap();
        self.thread.join().expect("it stops without a panic");
    }
}

#[test]
fn under_a_plain_tokio_host_three_engines_live_in_threads_of_their_own() {
    let rigs = Arc::new([Rig::new(), Rig::new(), Rig::new()]);
    let host = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    host.block_on(async {
        let engine = async |rig: &Rig| Engine::start(rig.config().sheet(one_price(ONE))).await;
        let (mut a, b, c) =
            (engine(&rigs[0]).await, engine(&rigs[1]).await, engine(&rigs[2]).await);
        for rig in rigs.iter() {
            rig.fresh(&[(ONE, "A1")]).await;
        }
        // One gives up, and the host is told; it lives on, and so do the others.
        let order = DrillActor { actor: ActorName::Kraken, drill: Drill::Panic, relentless: true };
        assert!(a.tree.send(order).await.unwrap());
        let why = loop {
            match tokio::time::timeout(SOON, a.events.recv()).await.expect("it gives up") {
                Some(Event::Escalated(why)) => break why,
                Some(_) => {}
                None => panic!("it has gone without a word"),
            }
        };
        assert_eq!(why.actor, Some(ActorName::Kraken));
        for rig in &rigs[1..] {
            rig.fresh(&[(ONE, "A1")]).await;
        }
        // One is stopped; the last one does not notice.
        b.stop();
        rigs[2].fresh(&[(ONE, "A1")]).await;
        // The host has the one that gave up begin again.
        let calm = DrillActor {
            actor: ActorName::Sheets("nobody".into()),
            drill: Drill::Stop,
            relentless: false,
        };
        a.tree.send(calm).await.unwrap();
        a.tree.send(Restart).await.unwrap().unwrap();
        rigs[0].fresh(&[(ONE, "A1")]).await;
        a.stop();
        c.stop();
    });
}

#[test]
fn a_host_that_stops_its_system_hears_no_panic() {
    let rig = Rig::new();
    let (sender, receiver) = mpsc::channel();
    let config = rig.config().sheet(one_price(ONE));
    let host = std::thread::spawn(move || {
        let system = actix_rt::System::new();
        let _tree = system.block_on(async { SupervisorActor::new(config).start() });
        sender.send(actix_rt::System::current()).unwrap();
        system.run().unwrap();
    });
    let system = receiver.recv().unwrap();
    rig.shows("A1");
    system.stop();
    host.join().expect("it stops without a panic");
}

/// As above, with a write in flight. Of panics that tokio catches, `tests/guest.rs` hears.
#[test]
fn a_host_that_stops_in_the_middle_of_a_write_hears_no_panic() {
    let rig = Rig::new();
    rig.sandbox.inject(slow(500));
    let (sender, receiver) = mpsc::channel();
    let config = rig.config().sheet(one_price(ONE));
    let host = std::thread::spawn(move || {
        let system = actix_rt::System::new();
        let tree = system.block_on(async { SupervisorActor::new(config).start() });
        sender.send(actix_rt::System::current()).unwrap();
        system.run().unwrap();
        drop(tree);
    });
    let system = receiver.recv().unwrap();
    rig.is_writing();
    system.stop();
    host.join().expect("it stops without a panic");
}

#[test]
fn who_does_not_wait_for_an_answer_disturbs_nothing() {
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE)), async |tree| {
            rig.fresh(&[(ONE, "A1")]).await;
            for n in 0..50 {
                let patience = Duration::from_micros(n * 40);
                // Some are dropped before they are sent, some on their way, some when answered.
                drop(tokio::time::timeout(patience, tree.send(GetStatus)).await);
                if n % 10 == 0 {
                    drop(tokio::time::timeout(patience, tree.send(Restart)).await);
                }
                drop(tree.send(GetStatus));
            }
            rig.fresh(&[(ONE, "A1")]).await;
            assert!(tree.send(GetStatus).await.unwrap().restarts.is_empty());
        })
        .await;
    });
}

#[test]
fn when_its_address_is_dropped_everything_is_gone() {
    block_on(async {
        let rig = Rig::new();
        let tree = SupervisorActor::new(rig.config().sheet(one_price(ONE))).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let left = tree.downgrade();
        drop(tree);
        eventually("it is gone", async || left.upgrade().is_none()).await;
        let writes = |sandbox: &Sandbox| {
            sandbox
                .requests(Service::Sheets)
                .iter()
                .filter(|e| e.spreadsheet() == Some(ONE))
                .count()
        };
        let before = writes(&rig.sandbox);
        with_tree(rig.config().sheet(one_price(TWO)), async |_| {
            for _ in 0..10 {
                rig.fresh(&[(TWO, "A1")]).await;
            }
        })
        .await;
        assert_eq!(writes(&rig.sandbox), before, "somebody goes on");
    });
}

/// A set of tasks ends with the last of them, and no sooner.
#[test]
fn when_its_address_is_dropped_no_task_is_left_whatever_has_happened() {
    block_on(async {
        let rig = Rig::new();
        let (tasks, runtime) = (LocalSet::new(), Handle::current().metrics());
        let before = runtime.num_alive_tasks();
        let life = async {
            let tree = SupervisorActor::new(rig.config().sheet(one_price(ONE))).start();
            rig.fresh(&[(ONE, "A1")]).await;
            for fault in [Fault::Reset, Fault::Truncate, Fault::Hang, Fault::Infinite] {
                for service in [Service::Kraken, Service::Sheets] {
                    rig.sandbox.inject(FaultRule::new(service, fault.clone()).times(2));
                }
                rig.fresh(&[(ONE, "A1")]).await;
            }
            for actor in [ActorName::Kraken, ActorName::Sheets(ONE.into())] {
                let drill = DrillActor { actor, drill: Drill::Panic, relentless: false };
                assert!(tree.send(drill).await.unwrap());
                rig.fresh(&[(ONE, "A1")]).await;
            }
        };
        tasks.run_until(life).await;
        assert!(tokio::time::timeout(SOON, tasks).await.is_ok(), "a task is left");
        // Whoever asks for tokens has tasks of the runtime's own.
        let start = tokio::time::Instant::now();
        while runtime.num_alive_tasks() > before {
            assert!(start.elapsed() < SOON, "a task of the runtime is left");
            tokio::task::yield_now().await;
        }
    });
}

#[test]
fn a_tree_without_sheets_is_valid_and_does_nothing() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config();
        config.credentials = None;
        with_tree(config, async |supervisor| {
            let status = supervisor.send(ratesheet::GetStatus).await.unwrap();
            assert_eq!(status.state, ratesheet::State::Running);
        })
        .await;
        assert!(rig.sandbox.journal().is_empty());
    });
}

#[test]
fn a_tree_lives_in_an_arbiter_of_its_own() {
    block_on(async {
        let rig = Rig::new();
        let (arbiter, config) = (actix_rt::Arbiter::new(), rig.config().sheet(one_price(ONE)));
        let tree = SupervisorActor::start_in_arbiter(&arbiter.handle(), |_| {
            assert!(std::thread::current().name().is_some_and(|name| name.contains("arbiter")));
            SupervisorActor::new(config)
        });
        rig.fresh(&[(ONE, "A1")]).await;
        let drill = DrillActor { actor: ActorName::Kraken, drill: Drill::Panic, relentless: false };
        assert!(tree.send(drill).await.unwrap());
        eventually("a restart", async || !status(&tree).await.restarts.is_empty()).await;
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
        arbiter.stop();
        arbiter.join().expect("it stops without a panic");
    });
}

#[test]
fn who_does_not_wait_for_an_order_to_be_carried_out_disturbs_nothing() {
    block_on(async {
        let rig = Rig::new();
        let config = rig.config().sheet(one_price(ONE));
        let reload = || Reload(Box::new(config.clone()));
        let drill =
            || DrillActor { actor: ActorName::Kraken, drill: Drill::Stop, relentless: false };
        for n in 0..10 {
            let patience = Duration::from_micros(n * 100);
            let tree = SupervisorActor::new(config.clone()).start();
            rig.fresh(&[(ONE, "A1")]).await;
            drop(tokio::time::timeout(patience, tree.send(drill())).await);
            drop(tokio::time::timeout(patience, tree.send(reload())).await);
            drop(tree.send(drill()));
            drop(tree.send(reload()));
            drop(tree.send(Shutdown)); // it is taken back before anybody has heard it
            rig.fresh(&[(ONE, "A1")]).await;
            drop(tokio::time::timeout(patience, tree.send(Shutdown)).await);
            // It may have stopped by the first one, or does so by this one.
            let answered = tokio::time::timeout(SOON, tree.send(Shutdown)).await;
            assert!(answered.is_ok(), "it neither answers nor is gone");
            eventually("it is gone", async || !tree.connected()).await;
        }
    });
}

/// A host whose own work holds up the loop of the tree for two seconds.
#[test]
fn after_a_host_has_held_up_the_loop_there_is_one_tick_and_no_burst() {
    const EVERY: Duration = Duration::from_millis(400);
    block_on(async {
        let rig = Rig::new();
        with_tree(rig.config().sheet(one_price(ONE).every(EVERY)), async |_| {
            rig.until("a price", |_| rig.number("A1").is_some()).await;
            let before = rig.sandbox.count(Service::Kraken);
            std::thread::sleep(5 * EVERY);
            assert_eq!(rig.sandbox.count(Service::Kraken), before, "the loop has turned");
            let three = |s: &Sandbox| s.count(Service::Kraken) >= before + 3;
            rig.until("three fetches", three).await;
            let since = rig.sandbox.requests(Service::Kraken).split_off(before);
            // One for all that were missed, and then as before: two would be in their places again
            // within the time of one.
            let two = since[2].at.duration_since(since[0].at).unsigned_abs();
            assert!(two >= EVERY, "three fetches within {two:?}");
        })
        .await;
    });
}
