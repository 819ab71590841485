//! One run: a whole tree of actors, in a world of its own, on a thread of its own, by a
//! clock that jumps from one event to the next.

use std::{rc::Rc, thread, time::Duration};

use actix::{Actor, Context, Handler};
use ratesheet::{
    ActorName, Drill, DrillActor, Event, Reload, ServiceAccountKey, Shutdown, SupervisorActor,
    actix::Addr,
};
use tokio::{
    runtime::Builder,
    time::{advance, sleep, sleep_until},
};

use super::{
    broken::Broken,
    dice::Source,
    failing::Waits,
    faults::Service,
    fresh::Looks,
    month::{DAY, own_memory},
    net, panics,
    plan::{Happening, Plan, Role, secs},
    planted::{Bug, Planted},
    seen::Seen,
    world::World,
};

/// How often the spreadsheets are looked at that are well.
const LOOK: Duration = secs(5);

/// For how long all of them must stay fresh in the end.
const FRESH: Duration = secs(300);

/// How long after its end it is still watched.
const AFTERWARDS: Duration = secs(60);

/// What came of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) hash: u64,
    pub(crate) verdict: Option<(Broken, String)>,
    /// The end of the journal.
    pub(crate) journal: Vec<String>,
    pub(crate) requests: u64,
    pub(crate) looks: Looks,
    pub(crate) waits: Waits,
    /// The memory of the process at each day's end, in KiB.
    pub(crate) days: Vec<u64>,
    pub(crate) seen: Vec<Seen>,
}

/// Runs what a source says. Of the journal so many lines are kept.
pub(crate) fn run(source: &Source, length: Duration, bug: Option<Bug>, keep: usize) -> Outcome {
    let (seed, source) = (source.seed(), source.clone());
    run_plan(seed, move || Plan::new(&source, length), bug, keep)
}

/// Runs what a plan says.
pub(crate) fn run_plan(
    seed: u64,
    plan: impl FnOnce() -> Plan + Send + 'static,
    bug: Option<Bug>,
    keep: usize,
) -> Outcome {
    // On a thread of its own, since awc, actix and fastrand keep things for each thread.
    let run = move || {
        fastrand::seed(seed);
        let paused = || Builder::new_current_thread().enable_time().start_paused(true).build();
        let system = actix_rt::System::with_tokio_rt(|| paused().unwrap());
        system.block_on(async move {
            let world = World::new(plan(), Planted::new(bug), keep);
            tokio::select! {
                biased;
                () = world.broken.notified() => {}
                () = story(&world) => {}
                () = look_after_the_well(&world) => {}
            }
            outcome(&world)
        })
    };
    thread::Builder::new().name(format!("seed {seed}")).spawn(run).unwrap().join().unwrap()
}

/// Runs what a fuzzer has thought of, for as long as it takes to be well again.
pub(crate) fn fuzzed(bytes: &[u8]) -> Result<(), String> {
    let outcome = run(&Source::Bytes(bytes.to_vec()), secs(600), None, 40);
    let Some((broken, text)) = outcome.verdict else { return Ok(()) };
    Err(format!("{}\n{broken:?}: {text}", outcome.journal.join("\n")))
}

fn outcome(world: &World) -> Outcome {
    world.judge(panics::none());
    world.hear();
    let waits = world.state.borrow().checker.waits();
    world.judge(waits.are_long_enough());
    let (hash, journal) = world.journal();
    let mut state = world.state.borrow_mut();
    let (requests, looks) = (state.requests(), *world.looks.borrow());
    let (verdict, seen) = (state.checker.verdict.take(), std::mem::take(&mut state.seen));
    let days = world.days.take();
    Outcome { hash, journal, verdict, requests, looks, waits, days, seen }
}

async fn story(world: &Rc<World>) {
    let plan = &world.plan;
    let witness = Witness(Rc::clone(world)).start();
    let supervisor = SupervisorActor::new(plan.config.clone())
        .key(key())
        .dialer(net::dialer(world))
        .logger(world.log.logger())
        .subscriber(witness.recipient())
        .start();
    let before = |time: &Duration| plan.stop.is_none_or(|stop| *time < stop);
    for (at, happening) in plan.happenings.iter().filter(|(at, _)| before(at)) {
        sleep_until(world.at(*at)).await;
        world.happens(happening);
        if let Some(role) = world.bug_sees(happening) {
            fail(world, &supervisor, role, Drill::Panic).await;
        }
        match happening {
            Happening::Standstill(long) => advance(*long).await,
            Happening::Drill(role, drill) => {
                let met = fail(world, &supervisor, *role, *drill).await;
                world.state.borrow_mut().checker.drilled(*role, met);
            }
            Happening::Reload => {
                let reload = supervisor.send(Reload(Box::new(plan.config.clone())));
                let (world, order) = (Rc::clone(world), world.order());
                actix_rt::spawn(async move { world.obeyed(order, reload.await.unwrap()) });
            }
            _ => {}
        }
    }
    if let Some(stop) = plan.stop {
        sleep_until(world.at(stop)).await;
    } else {
        let end = world.must_all_be_fresh_at() + FRESH;
        sleep_until(world.at(plan.end.max(end))).await;
    }
    stop(world, &supervisor).await;
}

/// Makes an actor fail; whether there is one.
async fn fail(world: &World, supervisor: &Addr<SupervisorActor>, role: Role, drill: Drill) -> bool {
    let order = DrillActor { actor: name(&world.plan, role), drill, relentless: false };
    supervisor.send(order).await.unwrap()
}

/// Looks again and again at the spreadsheets that are well.
async fn look_after_the_well(world: &World) {
    for look in 1.. {
        sleep(LOOK).await;
        world.hear();
        world.the_well_must_be_fresh();
        if (look * LOOK.as_secs()).is_multiple_of(DAY) {
            world.days.borrow_mut().push(own_memory());
        }
    }
}

async fn stop(world: &World, supervisor: &Addr<SupervisorActor>) {
    world.note("it is to stop");
    world.order();
    world.state.borrow_mut().checker.stops(world.now());
    supervisor.send(Shutdown).await.unwrap();
    sleep(world.bug_stops()).await;
    world.state.borrow_mut().checker.stopped(world.now(), &world.plan);
    world.note("it has stopped");
    world.bug_sees_the_end().await;
    sleep(AFTERWARDS).await;
    world.state.borrow_mut().checker.nothing_is_left(world.open.get());
    world.note("nothing is to be left");
}

fn name(plan: &Plan, role: Role) -> ActorName {
    match role {
        Role::Schedule => ActorName::Schedule,
        Role::Kraken => ActorName::Kraken,
        Role::Sheets(book) => ActorName::Sheets(plan.spreadsheets[book].as_str().into()),
    }
}

fn role(plan: &Plan, name: &ActorName) -> Role {
    let books = (0..plan.spreadsheets.len()).map(Role::Sheets);
    let mut roles = books.chain([Role::Schedule, Role::Kraken]);
    roles.find(|role| self::name(plan, *role) == *name).unwrap()
}

fn key() -> ServiceAccountKey {
    let json = serde_json::json!({
        "type": "service_account",
        "client_email": "simulated@example.iam.gserviceaccount.com",
        "private_key_id": "1",
        "private_key": include_str!("../keys/rsa-2048.pem"),
        "token_uri": format!("http://127.0.0.1:{}/token", Service::Token.port()),
    });
    ServiceAccountKey::from_json(json.to_string().as_bytes()).unwrap()
}

/// Notes the faults of the actors.
struct Witness(Rc<World>);

impl Actor for Witness {
    type Context = Context<Self>;
}

impl Handler<Event> for Witness {
    type Result = ();

    fn handle(&mut self, event: Event, _: &mut Self::Context) {
        let world = &self.0;
        let text = format!("{event:?}");
        match event {
            Event::Fault(_) if world.bug() == Some(Bug::BlindGuard) => return,
            Event::Fault(fault) => {
                let role = role(&world.plan, &fault.actor);
                if world.bug_keeps(role, &fault) {
                    return;
                }
                world.fault_of(role, &fault);
            }
            Event::Escalated(_) => {
                world.judge(Err((Broken::Fault, text.clone())));
            }
            _ => return,
        }
        world.note(&text);
    }
}
