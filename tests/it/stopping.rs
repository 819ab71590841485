//! Stopping and starting again, at the worst of moments: a write in flight, a restart under way, an
//! actor that hangs.

use std::{
    cell::Cell,
    rc::Rc,
    sync::{Arc, Mutex, mpsc},
    thread,
    time::Duration,
};

use actix::{Actor, Addr, Handler, Message};
use ratesheet::{
    ActorName, Config, Drill, DrillActor, GetStatus, Reload, Restart, Shutdown, State,
    SupervisorActor,
    sandbox::{Fault, FaultRule, Service},
};
use tokio::time::{Instant, sleep, timeout};

use crate::rig::{
    ONE, Process, Rig, SOON, TWO, block_on, eventually, in_flight, one_price, price, price_in,
    slow, status, writes,
};

/// A configuration with a grace that no test waits for.
fn patient(rig: &Rig) -> Config {
    let mut config = rig.config().sheet(one_price(ONE));
    config.shutdown_grace = 2 * SOON;
    config
}

async fn stops_before_the_grace_is_over(tree: &Addr<SupervisorActor>) {
    let stopped = timeout(SOON, tree.send(Shutdown)).await;
    stopped.expect("the grace is waited for").unwrap();
}

/// A tree with a write in flight, which takes a while.
async fn writing(rig: &Rig) -> Addr<SupervisorActor> {
    let mut config = rig.config().sheet(one_price(ONE));
    config.google.deadline = Duration::from_secs(5);
    let tree = SupervisorActor::new(config).start();
    rig.fresh(&[(ONE, "A1")]).await;
    rig.sandbox.inject(slow(800));
    rig.until("a write in flight", in_flight).await;
    tree
}

#[test]
fn two_restarts_at_once_make_no_second_writer() {
    block_on(async {
        let rig = Rig::new();
        let tree = writing(&rig).await;
        let (first, second) = (tree.send(Restart), tree.send(Restart));
        let overtaken = Err("another command has come meanwhile".to_owned());
        assert_eq!(tokio::join!(first, second), (Ok(overtaken), Ok(Ok(()))));
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
        let all = writes(&rig.sandbox);
        let over = all.windows(2).filter(|p| p[0].overlaps(&p[1])).count();
        assert_eq!(over, 0, "two writes in flight");
    });
}

#[test]
fn a_reload_waits_for_one_that_hangs_no_longer_than_two_seconds() {
    block_on(async {
        let rig = Rig::new();
        let mut config = patient(&rig).sheet(one_price(TWO));
        config.google.deadline = 2 * SOON;
        let tree = SupervisorActor::new(config.clone()).start();
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        rig.sandbox.inject(slow(60_000).spreadsheet(ONE).times(1));
        rig.until("a write in flight", in_flight).await;
        let begun = Instant::now();
        tree.send(Reload(Box::new(config))).await.unwrap().unwrap();
        let waited = begun.elapsed();
        assert!((1_900..10_000).contains(&waited.as_millis()), "{waited:?}");
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
        let mut all = writes(&rig.sandbox);
        all.retain(|write| write.target.contains(ONE));
        assert!(!all.windows(2).any(|two| two[0].overlaps(&two[1])), "two in flight: {all:?}");
    });
}

/// A tree with two spreadsheets, to the first of which a write hangs.
async fn with_one_that_hangs(rig: &Rig, grace: Duration) -> Addr<SupervisorActor> {
    let mut config = rig.config().sheet(one_price(ONE)).sheet(one_price(TWO));
    config.shutdown_grace = grace;
    config.google.deadline = 2 * SOON;
    let tree = SupervisorActor::new(config).start();
    rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
    rig.sandbox.inject(slow(60_000).spreadsheet(ONE).times(1));
    rig.until("a write in flight", in_flight).await;
    tree
}

/// Gives a command again and again, always before two seconds have passed, until it is done.
async fn again_and_again<M>(
    tree: &Addr<SupervisorActor>,
    command: M,
    is_done: fn(M::Result) -> bool,
) where
    M: Message + Clone + Send + 'static,
    M::Result: Send,
    SupervisorActor: Handler<M>,
{
    let (begun, done) = (Instant::now(), Rc::new(Cell::new(false)));
    while !done.get() {
        assert!(begun.elapsed() < SOON, "each of them puts it off");
        let (answer, done) = (tree.send(command.clone()), Rc::clone(&done));
        actix_rt::spawn(async move { done.set(done.get() || answer.await.is_ok_and(is_done)) });
        sleep(Duration::from_millis(500)).await;
    }
}

#[test]
fn however_often_it_is_restarted_one_that_hangs_is_waited_for_once() {
    block_on(async {
        let rig = Rig::new();
        let tree = with_one_that_hangs(&rig, 2 * SOON).await;
        again_and_again(&tree, Restart, |restarted| restarted.is_ok()).await;
        rig.fresh(&[(ONE, "A1"), (TWO, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
    });
}

#[test]
fn however_often_it_is_told_to_stop_its_grace_is_over_once() {
    block_on(async {
        let rig = Rig::new();
        let tree = with_one_that_hangs(&rig, Duration::from_secs(2)).await;
        again_and_again(&tree, Shutdown, |()| true).await;
    });
}

#[test]
fn a_shutdown_during_a_reload_waits_for_the_write_as_long_as_any() {
    block_on(async {
        let rig = Rig::new();
        let mut config = patient(&rig);
        config.google.deadline = SOON;
        let tree = SupervisorActor::new(config.clone()).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(4_000).times(1));
        rig.until("a write in flight", in_flight).await;
        let (reload, stopped) =
            tokio::join!(tree.send(Reload(Box::new(config))), tree.send(Shutdown));
        assert_eq!(reload, Ok(Err("the tree is being shut down".into())));
        stopped.unwrap();
        let last = writes(&rig.sandbox).pop().unwrap();
        assert!(last.status == Some(200) && last.applied, "{last:?}");
    });
}

/// Breaks a SheetsActor that has a write in flight: it is restarted, and what was in flight is gone
/// before it writes again.
fn breaks_in_the_middle_of_a_write(drill: Drill) {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = 2 * SOON;
        rig.set_price(1);
        let tree = SupervisorActor::new(config).start();
        rig.until("the first price", |_| rig.number("A1") == Some(1.0)).await;
        // For longer than the test: who does not give it up has two in flight.
        rig.sandbox.inject(slow(60_000).times(1));
        rig.set_price(2);
        rig.until("a write in flight", in_flight).await;
        rig.set_price(3);
        let actor = ActorName::Sheets(ONE.into());
        tree.send(DrillActor { actor, drill, relentless: false }).await.unwrap();
        rig.until("the newest price", |_| rig.number("A1") == Some(3.0)).await;
        assert_eq!(status(&tree).await.restarts.len(), 1);
        tree.send(Shutdown).await.unwrap();
        let all = writes(&rig.sandbox);
        let cut: Vec<_> = all.iter().filter(|write| write.status.is_none()).map(price).collect();
        assert_eq!(cut, [2.0], "it was in flight");
        assert!(!all.windows(2).any(|two| two[0].overlaps(&two[1])), "two in flight: {all:?}");
        assert!(all.iter().map(price).is_sorted(), "an older price after a newer: {all:?}");
    });
}

#[test]
fn a_spreadsheet_that_panics_in_the_middle_of_a_write_makes_no_second_writer() {
    breaks_in_the_middle_of_a_write(Drill::Panic);
}

#[test]
fn a_spreadsheet_that_stops_in_the_middle_of_a_write_makes_no_second_writer() {
    breaks_in_the_middle_of_a_write(Drill::Stop);
}

#[test]
fn a_spreadsheet_that_hangs_in_the_middle_of_a_write_makes_no_second_writer() {
    breaks_in_the_middle_of_a_write(Drill::Hang);
}

#[test]
fn a_second_shutdown_does_not_cut_the_write() {
    block_on(async {
        let rig = Rig::new();
        let tree = writing(&rig).await;
        let (a, b) = tokio::join!(tree.send(Shutdown), tree.send(Shutdown));
        let last = writes(&rig.sandbox).pop().unwrap();
        assert!(a.is_ok() && b.is_ok(), "{a:?} {b:?}");
        assert!(last.status == Some(200) && last.applied, "{last:?}");
    });
}

#[test]
fn a_shutdown_during_a_restart_does_not_cut_the_write() {
    block_on(async {
        let rig = Rig::new();
        let tree = writing(&rig).await;
        let (restarted, stopped) = tokio::join!(tree.send(Restart), tree.send(Shutdown));
        assert_eq!(restarted, Ok(Err("the tree is being shut down".into())));
        assert_eq!(stopped, Ok(()));
        let last = writes(&rig.sandbox).pop().unwrap();
        assert!(last.status == Some(200) && last.applied, "{last:?}");
    });
}

#[test]
fn a_restart_during_an_escalation_does_not_lie() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        config.supervision.intensity.max_restarts = 0;
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(slow(800).times(1));
        rig.until("a write in flight", in_flight).await;
        let order = DrillActor { actor: ActorName::Kraken, drill: Drill::Panic, relentless: false };
        tree.send(order).await.unwrap();
        let given_up = async || status(&tree).await.state != State::Running;
        eventually("it gives up", given_up).await;
        tree.send(Restart).await.unwrap().unwrap();
        rig.fresh(&[(ONE, "A1")]).await;
        let state = tree.send(GetStatus).await.unwrap().state;
        tree.send(Shutdown).await.unwrap();
        assert_eq!(state, State::Running);
    });
}

#[test]
fn no_price_goes_back_when_a_reload_meets_a_restart() {
    block_on(async {
        let rig = Rig::new();
        let mut config = rig.config().sheet(one_price(ONE));
        config.google.deadline = Duration::from_secs(5);
        rig.set_price(50);
        let tree = SupervisorActor::new(config.clone()).start();
        rig.until("50", |_| rig.number("A1") == Some(50.0)).await;
        rig.sandbox.inject(slow(800).times(1));
        rig.set_price(100);
        rig.until("a write in flight", in_flight).await;
        rig.set_price(200);
        let both = actix_rt::spawn({
            let tree = tree.clone();
            let reload = Reload(Box::new(config));
            async move { tokio::join!(tree.send(reload), tree.send(Restart)) }
        });
        let (reloaded, restarted) = both.await.unwrap();
        // What the one says that was overtaken is not the matter here.
        assert!(reloaded.is_ok() && restarted.is_ok());
        rig.until("200", |_| rig.number("A1") == Some(200.0)).await;
        rig.fresh(&[(ONE, "A1")]).await;
        tree.send(Shutdown).await.unwrap();
        // What was in the cell, in the order in which it got there.
        let mut seen: Vec<_> = writes(&rig.sandbox).into_iter().filter(|e| e.applied).collect();
        seen.sort_by_key(|entry| entry.ended);
        let seen: Vec<_> = seen.iter().map(price).collect();
        assert!(seen.is_sorted(), "{seen:?}");
    });
}

#[test]
fn a_write_that_fails_while_stopping_is_not_waited_for_again() {
    block_on(async {
        let rig = Rig::new();
        let mut config = patient(&rig);
        config.retry.backoff.min = Duration::from_secs(3600);
        config.retry.backoff.max = Duration::from_secs(3600);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        rig.sandbox.inject(FaultRule::new(Service::Sheets, Fault::Hang).path("batchUpdate"));
        rig.until("a write in flight", in_flight).await;
        stops_before_the_grace_is_over(&tree).await;
    });
}

#[test]
fn a_hanging_schedule_does_not_hold_up_the_stop() {
    block_on(async {
        let rig = Rig::new();
        let mut config = patient(&rig);
        config.supervision.ping = Duration::from_secs(60);
        let tree = SupervisorActor::new(config).start();
        rig.fresh(&[(ONE, "A1")]).await;
        let order =
            DrillActor { actor: ActorName::Schedule, drill: Drill::Hang, relentless: false };
        tree.send(order).await.unwrap();
        // It hangs from its next turn on, which is before the supervisor has answered this.
        status(&tree).await;
        stops_before_the_grace_is_over(&tree).await;
    });
}

#[test]
fn stuck_subscribers_do_not_hold_up_a_stop() {
    struct Deaf;
    impl Actor for Deaf {
        type Context = actix::Context<Self>;
        fn started(&mut self, ctx: &mut Self::Context) {
            use actix::{AsyncContext as _, WrapFuture as _};
            ctx.wait(std::future::pending::<()>().into_actor(self));
        }
    }
    impl actix::Handler<ratesheet::Event> for Deaf {
        type Result = ();
        fn handle(&mut self, _: ratesheet::Event, _: &mut Self::Context) {}
    }
    block_on(async {
        let rig = Rig::new();
        let tree = SupervisorActor::new(patient(&rig));
        let tree = (0..10).fold(tree, |tree, _| tree.subscriber(Deaf.start().recipient())).start();
        rig.fresh(&[(ONE, "A1")]).await;
        stops_before_the_grace_is_over(&tree).await;
    });
}

#[test]
fn a_token_request_does_not_outlive_its_tree() {
    let rig = Rig::new();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        use std::io::Read as _;
        let (mut stream, _) = listener.accept().unwrap();
        sender.send("it is asked for").ok();
        let mut bytes = [0; 4096];
        while stream.read(&mut bytes).unwrap_or(0) > 0 {}
        sender.send("it is given up").ok();
    });
    let mut key: serde_json::Value =
        serde_json::from_str(&rig.sandbox.service_account_key()).unwrap();
    key["token_uri"] = format!("http://127.0.0.1:{port}/token").into();
    std::fs::write(rig.key.path(), key.to_string()).unwrap();
    block_on(async {
        let mut config = rig.config().sheet(one_price(ONE));
        config.shutdown_grace = Duration::from_millis(100);
        let tree = SupervisorActor::new(config).start();
        // The host lives on meanwhile: it waits on another thread.
        let receiver = Arc::new(Mutex::new(receiver));
        let told = |within| {
            let receiver = receiver.clone();
            tokio::task::spawn_blocking(move || receiver.lock().unwrap().recv_timeout(within))
        };
        assert_eq!(told(SOON).await.unwrap(), Ok("it is asked for"));
        tree.send(Shutdown).await.unwrap();
        // Much sooner than the deadline of a token, which is ten seconds.
        assert_eq!(told(Duration::from_secs(5)).await.unwrap(), Ok("it is given up"));
    });
}

#[test]
fn a_tree_that_never_had_a_turn_does_not_panic() {
    let rig = Rig::new();
    let config = rig.config().sheet(one_price(ONE));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let own = seen.clone();
    let id = thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if thread::current().id() == id {
            own.lock().unwrap().push(info.to_string());
        }
    }));
    let system = actix_rt::System::new();
    system.block_on(async { drop(SupervisorActor::new(config).start().downgrade()) });
    drop(system);
    std::panic::set_hook(before);
    let seen = seen.lock().unwrap();
    assert!(seen.is_empty(), "{seen:?}");
}

#[test]
fn hup_and_term_at_once_finish_the_write() {
    let rig = Rig::new();
    let text = price_in(ONE, "A1");
    let file = rig.file(&text);
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    rig.sandbox.inject(slow(900));
    rig.is_writing();
    process.signal("HUP");
    process.says("the configuration is read again");
    process.signal("TERM");
    assert_eq!(process.end().status.code(), Some(0));
    let last = writes(&rig.sandbox).pop().unwrap();
    assert!(last.applied && last.status == Some(200), "{last:?}");
}

#[test]
fn a_reload_that_cannot_be_built_leaves_the_old_tree() {
    let rig = Rig::new();
    let text = price_in(ONE, "A1");
    let file = rig.file(&text);
    let mut process = Process::start(&["-c", file.path().to_str().unwrap()]);
    rig.shows("A1");
    let new = rig.file(&text.replacen('{', r#"{ "tls": { "ca_file": "/nonexistent.pem" },"#, 1));
    std::fs::copy(new.path(), file.path()).unwrap();
    process.signal("HUP");
    process.says("the old one stays");
    process.signal("TERM");
    let output = process.end();
    let log = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{log}");
}
