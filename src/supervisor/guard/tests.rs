//! Tests of the guard: real actors that really panic, stop and hang, under a paused clock.

use std::{cell::RefCell, future::pending, sync::Arc};

use actix::{Message, WrapFuture};
use tokio::sync::Mutex;

use super::*;
use crate::{retry::Backoff, supervisor::RestartIntensity};

/// What an actor of the tests is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Message)]
#[rtype(result = "u32")]
enum Do {
    /// Answer with the number of the incarnation.
    Answer,
    Panic,
    /// Panic with a message that quotes something.
    Quote,
    Stop,
    Hang,
    /// Panic later, when a timer has run out.
    PanicLater,
    /// Panic in something that it has begun.
    PanicMeanwhile,
    /// Stop, and panic when that is done.
    PanicAtTheEnd,
    /// Panic when it is dropped.
    PanicWhenDropped,
    /// Take the one bed there is, and stay in it.
    LieDown,
}

/// An actor that does as it is asked, and may panic as soon as it is started.
struct Patient {
    /// Which of the ends is to be its last words.
    last: Option<Do>,
    incarnation: u32,
    /// So many incarnations, from the second on, panic in `started`.
    sickly: u32,
    /// So many restarts panic.
    frail: u32,
    bed: Arc<Mutex<()>>,
    births: Rc<Cell<u32>>,
}

impl Actor for Patient {
    type Context = Context<Self>;

    fn started(&mut self, _: &mut Self::Context) {
        self.incarnation += 1;
        self.births.set(self.incarnation);
        assert!(self.incarnation < 2 || self.incarnation > 1 + self.sickly, "born sick");
    }

    fn stopped(&mut self, _: &mut Self::Context) {
        assert!(self.last.take() != Some(Do::PanicAtTheEnd), "at the end");
    }
}

impl Drop for Patient {
    fn drop(&mut self) {
        assert!(self.last != Some(Do::PanicWhenDropped), "when dropped");
    }
}

impl Supervised for Patient {
    fn restarting(&mut self, _: &mut Self::Context) {
        let frail = self.frail > 0;
        self.frail = self.frail.saturating_sub(1);
        assert!(!frail, "frail");
    }
}

impl Handler<Do> for Patient {
    type Result = u32;

    fn handle(&mut self, what: Do, ctx: &mut Self::Context) -> u32 {
        match what {
            Do::Answer => {}
            Do::Panic => panic!("as asked"),
            Do::Quote => panic!("this was read: {}", self.incarnation),
            Do::Stop => ctx.stop(),
            Do::Hang => ctx.wait(pending().into_actor(self)),
            Do::PanicLater => {
                ctx.run_later(Duration::from_millis(1), |_, _| panic!("later"));
            }
            Do::PanicMeanwhile => {
                ctx.spawn(async { panic!("meanwhile") }.into_actor(self));
            }
            Do::PanicAtTheEnd => {
                self.last = Some(what);
                ctx.stop();
            }
            Do::PanicWhenDropped => self.last = Some(what),
            Do::LieDown => {
                let bed = Arc::clone(&self.bed);
                let rest = async move {
                    let _bed = bed.lock_owned().await;
                    pending::<()>().await;
                };
                ctx.spawn(rest.into_actor(self));
            }
        }
        self.incarnation
    }
}

impl Handler<Ping> for Patient {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

impl Handler<Stop> for Patient {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

/// Keeps the faults that it is told of.
struct Nurse(Rc<RefCell<Vec<(Duration, Fault)>>>, Instant);

impl Actor for Nurse {
    type Context = Context<Self>;
}

impl Handler<Fault> for Nurse {
    type Result = ();

    fn handle(&mut self, fault: Fault, _: &mut Self::Context) {
        self.0.borrow_mut().push((self.1.elapsed(), fault));
    }
}

struct Ward {
    _nurse: Addr<Nurse>,
    patient: Guarded<Patient>,
    faults: Rc<RefCell<Vec<(Duration, Fault)>>>,
    bed: Arc<Mutex<()>>,
    births: Rc<Cell<u32>>,
}

impl Ward {
    fn new(sickly: u32, dispensable: bool) -> Self {
        Self::with(sickly, 0, dispensable)
    }

    fn with(sickly: u32, frail: u32, dispensable: bool) -> Self {
        let faults = Rc::new(RefCell::new(Vec::new()));
        let nurse = Nurse(Rc::clone(&faults), Instant::now()).start();
        let supervision = SupervisionConfig {
            intensity: RestartIntensity { max_restarts: 3, period: Duration::from_secs(60) },
            backoff: Backoff { min: Duration::from_secs(1), max: Duration::from_secs(30) },
            ..SupervisionConfig::default()
        };
        let policy = Policy {
            name: ActorName::Kraken,
            supervision,
            dispensable,
            faults: nurse.clone().recipient().downgrade(),
        };
        let (bed, births) = (Arc::default(), Rc::default());
        let patient = Patient {
            last: None,
            incarnation: 0,
            sickly,
            frail,
            bed: Arc::clone(&bed),
            births: Rc::clone(&births),
        };
        Self { _nurse: nurse, patient: Guarded::start(patient, policy), faults, bed, births }
    }

    async fn ask(&self, what: Do) -> Option<u32> {
        self.patient.addr.send(what).await.ok()
    }

    fn exits(&self) -> Vec<Exit> {
        self.faults.borrow().iter().map(|(_, fault)| fault.exit.clone()).collect()
    }

    fn next(&self) -> Vec<Next> {
        self.faults.borrow().iter().map(|(_, fault)| fault.next).collect()
    }
}

/// Runs a test under a clock that stands still while there is something to do.
fn paused(test: impl Future<Output = ()>) {
    let runtime = || {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().start_paused(true).build().unwrap()
    };
    actix_rt::System::with_tokio_rt(runtime).block_on(test);
}

const fn restart(seconds: u64) -> Next {
    Next::Restart(Duration::from_secs(seconds))
}

#[test]
fn after_a_panic_the_address_lives_on_and_what_waits_is_not_lost() {
    paused(async {
        let ward = Ward::new(0, false);
        assert_eq!(ward.ask(Do::Answer).await, Some(1));
        let asked = Instant::now();
        let panicking = ward.patient.addr.send(Do::Panic);
        let waiting = ward.patient.addr.send(Do::Answer);
        assert!(panicking.await.is_err());
        assert_eq!(waiting.await, Ok(2));
        assert_eq!(asked.elapsed().as_secs(), 1, "it is restarted after its backoff");
        assert_eq!(ward.exits(), [Exit::Panicked("as asked".into())]);
        assert_eq!(ward.next(), [restart(1)]);
    });
}

#[test]
fn wherever_an_actor_panics_it_is_restarted() {
    for (what, told) in [
        (Do::PanicLater, "later"),
        (Do::PanicMeanwhile, "meanwhile"),
        (Do::PanicAtTheEnd, "at the end"),
    ] {
        paused(async {
            let ward = Ward::new(0, false);
            assert_eq!(ward.ask(what).await, Some(1));
            sleep(Duration::from_secs(10)).await;
            assert_eq!(ward.ask(Do::Answer).await, Some(2), "{told}");
            assert_eq!(ward.exits(), [Exit::Panicked(told.into())]);
        });
    }
}

#[test]
fn an_actor_that_panics_when_it_is_dropped_takes_nobody_with_it() {
    paused(async {
        let (ward, other) = (Ward::new(0, false), Ward::new(0, false));
        assert_eq!(ward.ask(Do::PanicWhenDropped).await, Some(1));
        let addr = ward.patient.addr.clone();
        drop(ward);
        assert!(addr.send(Do::Answer).await.is_err());
        assert_eq!(other.ask(Do::Answer).await, Some(1));
    });
}

#[test]
fn a_panic_that_may_quote_what_was_read_is_told_without_its_words() {
    paused(async {
        let ward = Ward::new(0, false);
        ward.ask(Do::Quote).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(2));
        let told: Vec<_> = ward.exits().iter().map(ToString::to_string).collect();
        let withheld = "its message is not shown, as it may quote what was being read";
        assert_eq!(told, [format!("panicked: {withheld}")]);
    });
}

#[test]
fn an_actor_that_stops_by_itself_is_restarted() {
    paused(async {
        let ward = Ward::new(0, false);
        ward.ask(Do::Stop).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(2));
        assert_eq!(ward.exits(), [Exit::Stopped]);
    });
}

#[test]
fn an_actor_that_no_longer_answers_is_restarted_after_three_pings() {
    paused(async {
        let ward = Ward::new(0, false);
        let asked = Instant::now();
        ward.ask(Do::Hang).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(2));
        assert_eq!(ward.exits(), [Exit::Stuck]);
        assert_eq!(asked.elapsed().as_secs(), 3 * 5 + 1, "three pings, and the backoff");
    });
}

#[test]
fn an_actor_at_peace_is_left_in_peace() {
    paused(async {
        let ward = Ward::new(0, false);
        tokio::time::sleep(Duration::from_secs(3_600)).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(1));
        assert_eq!(ward.exits(), []);
    });
}

#[test]
fn a_panic_while_it_starts_is_a_fault_like_any_other() {
    paused(async {
        let ward = Ward::new(2, false);
        ward.ask(Do::Panic).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(4));
        assert_eq!(ward.next(), [restart(1), restart(2), restart(4)]);
    });
}

#[test]
fn a_panic_while_it_is_restarted_is_a_fault_like_any_other() {
    paused(async {
        let ward = Ward::with(0, 2, false);
        ward.ask(Do::Panic).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(2));
        assert_eq!(ward.next(), [restart(1), restart(2), restart(4)]);
    });
}

#[test]
fn what_it_was_about_is_dropped_at_once_and_not_after_the_wait() {
    paused(async {
        let ward = Ward::new(0, false);
        ward.ask(Do::LieDown).await;
        ward.ask(Do::Answer).await;
        assert!(ward.bed.try_lock().is_err());
        ward.ask(Do::Panic).await;
        let asked = Instant::now();
        drop(ward.bed.lock().await);
        assert_eq!(asked.elapsed(), Duration::ZERO);
    });
}

#[test]
fn who_waits_for_a_restart_is_not_started_by_being_dropped() {
    paused(async {
        let Ward { _nurse, patient, faults, births, .. } = Ward::new(0, false);
        assert!(patient.addr.send(Do::Panic).await.is_err());
        while faults.borrow().is_empty() {
            tokio::task::yield_now().await;
        }
        drop(patient);
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(births.get(), 1);
    });
}

#[test]
fn beyond_its_intensity_it_is_given_up_and_says_why() {
    paused(async {
        let ward = Ward::new(u32::MAX, false);
        ward.ask(Do::Panic).await;
        assert_eq!(ward.ask(Do::Answer).await, None);
        assert_eq!(ward.next(), [restart(1), restart(2), restart(4), Next::GiveUp]);
        let faults = ward.faults.borrow();
        assert_eq!(faults.last().map(|(_, fault)| fault.count), Some(4));
        assert_eq!(faults.last().map(|(at, _)| at.as_secs()), Some(7));
    });
}

#[test]
fn whom_the_others_can_do_without_is_parked_and_tried_again() {
    paused(async {
        let ward = Ward::new(5, true);
        ward.ask(Do::Panic).await;
        assert_eq!(ward.ask(Do::Answer).await, Some(7));
        let park = Next::Park(Duration::from_secs(300));
        assert_eq!(ward.next(), [restart(1), restart(2), restart(4), park, restart(1), restart(2)]);
    });
}

#[test]
fn faults_that_are_far_apart_are_borne_for_ever() {
    paused(async {
        let ward = Ward::new(0, false);
        for incarnation in 1..50 {
            assert_eq!(ward.ask(Do::Answer).await, Some(incarnation));
            ward.ask(Do::Panic).await;
            tokio::time::sleep(Duration::from_secs(101)).await;
        }
        assert!(ward.next().iter().all(|next| matches!(next, Next::Restart(_))));
    });
}

#[test]
fn who_is_asked_to_stop_stops_and_is_not_revived() {
    paused(async {
        let ward = Ward::new(0, false);
        let addr = ward.patient.addr.clone();
        ward.patient.stopped(Deadline::at(Instant::now() + Duration::from_secs(8))).await;
        assert!(!addr.connected());
        assert_eq!(ward.faults.borrow().len(), 0);
    });
}

#[test]
fn who_hangs_does_not_hold_up_a_stop_beyond_its_deadline() {
    paused(async {
        let ward = Ward::new(0, false);
        ward.ask(Do::Hang).await;
        let asked = Instant::now();
        ward.patient.stopped(Deadline::at(asked + Duration::from_secs(8))).await;
        assert_eq!(asked.elapsed().as_secs(), 8);
    });
}
