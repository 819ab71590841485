//! The room of time: the ScheduleActor says when which sheets are due.
//! Touches: the clock. Never: the network, other rooms.

mod cadence;

use std::{collections::BTreeSet, time::Duration};

use actix::{
    Actor, ActorContext, Context, Handler, Recipient, Supervised, WeakRecipient, dev::SendError,
};
use slog::{Logger, debug, warn};
use tokio::time::Instant;

use self::cadence::Cadences;
use crate::{
    messages::{Ping, Report, ScheduleReport, SheetIndex, Stop, Tick},
    seldom::OnceAMinute,
    suspend::suspended,
    timer::later,
    tree::span,
};

/// A tick that comes later than this, and misses others, is worth a word.
const STANDSTILL: Duration = Duration::from_secs(1);

/// So much time that no timer has counted is a suspend of the machine, and no matter of two clocks
/// that are read one after the other.
const SUSPEND: Duration = Duration::from_secs(1);

/// It looks at least so often whether there was one: until then no sheet's timer is right.
const LOOK: Duration = Duration::from_secs(30);

/// A tick that has found no room is sent again after this long, if no other comes before.
const SEND_AGAIN: Duration = Duration::from_secs(1);

/// Nothing but pings and the stop comes in.
const MAILBOX: usize = 16;

/// Sends a [`Tick`] whenever sheets are due: at once when it starts, and then each sheet at
/// multiples of its own period. After a stall of any length there is one tick, not many; and so
/// there is within half a minute after a suspend of the machine, which is for all sheets.
///
/// It ticks for as long as somebody has its address.
#[derive(Debug)]
pub struct ScheduleActor {
    cadences: Cadences,
    /// Sheets that are due with the next tick, whatever their cadence: theirs is not delivered yet.
    overdue: BTreeSet<SheetIndex>,
    /// It was down: that is known, and is not the process's fault.
    was_down: bool,
    ticks: Recipient<Tick>,
    reports: Option<WeakRecipient<Report>>,
    log: Logger,
    left: Option<u64>,
    report: ScheduleReport,
    /// When the next tick is due.
    due: Instant,
    /// For how long the machine has been suspended by now.
    suspended: fn() -> Duration,
    /// For how long it had been when that was last looked at.
    slept: Duration,
    /// What is said of standstills.
    stood_still: OnceAMinute,
    /// What is said of suspends.
    was_suspended: OnceAMinute,
    /// What is said of ticks that cannot be delivered.
    undelivered: OnceAMinute,
}

impl ScheduleActor {
    /// An actor that sends ticks for these sheets, each as often as it says, to `ticks`.
    pub fn new(
        sheets: impl IntoIterator<Item = (SheetIndex, Duration)>,
        ticks: Recipient<Tick>,
    ) -> Self {
        Self {
            cadences: Cadences::new(sheets, Instant::now()),
            overdue: BTreeSet::new(),
            was_down: false,
            ticks,
            reports: None,
            log: crate::log_facade(),
            left: None,
            report: ScheduleReport::default(),
            due: Instant::now(),
            suspended,
            slept: suspended(),
            stood_still: OnceAMinute::default(),
            was_suspended: OnceAMinute::default(),
            undelivered: OnceAMinute::default(),
        }
    }

    /// Tells how it is doing to `reports`, without keeping it alive.
    #[must_use]
    pub fn reports(mut self, reports: Recipient<Report>) -> Self {
        self.reports = Some(reports.downgrade());
        self
    }

    /// Logs to `log`; by default to the `log` facade.
    #[must_use]
    pub fn logger(mut self, log: Logger) -> Self {
        self.log = log;
        self
    }

    /// Sends so many ticks and no more.
    #[must_use]
    pub const fn limit(mut self, ticks: u64) -> Self {
        self.left = Some(ticks);
        self
    }

    /// Arms the timer for the next tick, or for the next look at how long the machine has slept.
    /// One at a time: a repeating timer would make up for a stall by a burst.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.left == Some(0) {
            return;
        }
        let Some(next) = self.cadences.next() else { return };
        let now = Instant::now();
        self.due = if self.overdue.is_empty() { next } else { next.min(now + SEND_AGAIN) };
        let wait = self.due.saturating_duration_since(now).min(LOOK);
        later(ctx, wait, |actor: &mut Self, ctx| {
            actor.tick();
            actor.arm(ctx);
        });
    }

    /// Ticks if there is a sheet that is due.
    fn tick(&mut self) {
        let now = Instant::now();
        self.look_at_the_clock(now);
        if self.overdue.is_empty() {
            return; // it has only looked, or a timer has fired a hair early
        }
        let due = self.overdue.iter().copied().collect();
        let tick = Tick { seq: self.report.ticks + 1, due };
        debug!(self.log, "tick"; "seq" => tick.seq, "sheets" => tick.due.len());
        let sent = self.ticks.try_send(tick);
        if !matches!(sent, Err(SendError::Full(_))) {
            self.overdue.clear();
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
        let trouble = match sent {
            Ok(()) => {
                self.report.ticks += 1;
                None
            }
            Err(SendError::Closed(_)) => Some("it is gone"),
            Err(SendError::Full(_)) => Some("its mailbox is full"),
        };
        if let Some(why) = trouble {
            self.report.undelivered += 1;
            if self.undelivered.may_say(now) {
                warn!(self.log, "a tick cannot be delivered to the KrakenActor: {}", why);
            }
        }
        if let Some(reports) = self.reports.as_ref().and_then(WeakRecipient::upgrade) {
            // Reports are cumulative: a lost one costs nothing.
            drop(reports.try_send(Report::Schedule(self.report)));
        }
    }

    /// Notes which sheets are due: those whose cadence it is, and all of them after a suspend of
    /// the machine. What is noted is not lost, whatever happens before it is sent.
    fn look_at_the_clock(&mut self, now: Instant) {
        let suspended = (self.suspended)();
        let slept = suspended.saturating_sub(self.slept);
        let was_suspended = slept >= SUSPEND;
        if was_suspended {
            self.slept = suspended;
            self.cadences.suspended(slept);
            self.overdue.extend(self.cadences.sheets());
        }
        let (due, missed) = self.cadences.due(now);
        self.overdue.extend(due);
        self.report.missed += missed;
        let was_down = std::mem::take(&mut self.was_down);
        let stood_still = !was_down && now.saturating_duration_since(self.due) > STANDSTILL;
        if was_suspended {
            if self.was_suspended.may_say(now) {
                warn!(self.log, "this machine was suspended for {}; missed ticks are skipped",
                    rounded(slept); "missed" => missed);
            }
        } else if missed > 0 && stood_still && self.stood_still.may_say(now) {
            warn!(self.log, "this process stood still; missed ticks are skipped"; "missed" => missed);
        }
    }
}

/// A time in words, to the second, or to the minute if it is long.
fn rounded(slept: Duration) -> String {
    let seconds = slept.as_secs();
    span(Duration::from_secs(if seconds < 600 { seconds } else { seconds - seconds % 60 }))
}

impl Actor for ScheduleActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if !self.was_down {
            // However long ago it was made.
            self.cadences.begin(Instant::now());
            self.slept = (self.suspended)();
        }
        self.arm(ctx);
    }
}

/// The cadences are kept, so that the rhythm is not lost; the timer is armed anew in `started`.
impl Supervised for ScheduleActor {
    fn restarting(&mut self, _: &mut Self::Context) {
        self.was_down = true;
    }
}

impl Handler<Ping> for ScheduleActor {
    type Result = ();

    fn handle(&mut self, _: Ping, _: &mut Self::Context) {}
}

impl Handler<Stop> for ScheduleActor {
    type Result = ();

    fn handle(&mut self, _: Stop, ctx: &mut Self::Context) {
        ctx.stop();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        panic::{AssertUnwindSafe, catch_unwind},
        rc::Rc,
        sync::atomic::{AtomicBool, Ordering},
    };

    use actix::Actor as _;
    use slog::{Drain, Level, Never, OwnedKVList, Record, o};

    use super::*;
    use crate::journal::Journal;

    /// Whom ticks are sent to. It is gone.
    struct Nobody;

    impl Actor for Nobody {
        type Context = Context<Self>;

        fn started(&mut self, ctx: &mut Self::Context) {
            ctx.stop();
        }
    }

    impl Handler<Tick> for Nobody {
        type Result = ();

        fn handle(&mut self, _: Tick, _: &mut Self::Context) {}
    }

    /// Keeps the sheets that are due, and has room for one tick until it is its turn.
    struct Kraken(Rc<RefCell<Vec<Vec<SheetIndex>>>>);

    impl Actor for Kraken {
        type Context = Context<Self>;
    }

    impl Handler<Tick> for Kraken {
        type Result = ();

        fn handle(&mut self, tick: Tick, _: &mut Self::Context) {
            self.0.borrow_mut().push(tick.due);
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    /// Panics at the first tick that is logged, as a host's own logger may.
    struct Panics(AtomicBool);

    impl Drain for Panics {
        type Ok = ();
        type Err = Never;

        fn log(&self, record: &Record<'_>, _: &OwnedKVList) -> Result<(), Never> {
            let panics = record.level() == Level::Debug && self.0.swap(false, Ordering::Relaxed);
            if panics { panic!("a drain") } else { Ok(()) }
        }
    }

    #[test]
    fn a_panic_before_a_tick_is_sent_loses_none_though_it_is_a_day_to_the_next() {
        actix_rt::System::new().block_on(async {
            let due = Rc::new(RefCell::new(Vec::new()));
            let kraken = Kraken(Rc::clone(&due)).start();
            let mut actor =
                ScheduleActor::new([(SheetIndex(0), SECOND * 86_400)], kraken.recipient());
            actor = actor.logger(Logger::root(Panics(AtomicBool::new(true)).fuse(), o!()));
            tokio::time::pause();
            let ticked = catch_unwind(AssertUnwindSafe(|| actor.tick()));
            assert!(ticked.is_err(), "the drain does not panic");
            let mut ctx = Context::new();
            actor.restarting(&mut ctx);
            actor.started(&mut ctx);
            assert_eq!(actor.due - Instant::now(), SEND_AGAIN, "it waits for the next day");
            actor.tick();
            while due.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            assert_eq!(due.take(), [vec![SheetIndex(0)]]);
        });
    }

    thread_local! {
        /// For how long the machine was suspended, as far as a test is concerned.
        static SUSPENDED: Cell<Duration> = const { Cell::new(Duration::ZERO) };
    }

    #[test]
    fn half_a_minute_after_a_suspend_every_sheet_has_had_a_tick_and_goes_on_in_its_rhythm() {
        const HOUR: Duration = Duration::from_secs(3_600);
        const NIGHT: Duration = Duration::from_secs(8 * 3_600 + 40 * 60 + 5);
        let [hourly, daily] = [0, 1].map(SheetIndex);
        actix_rt::System::new().block_on(async {
            tokio::time::pause();
            let due = Rc::new(RefCell::new(Vec::new()));
            let kraken = Kraken(Rc::clone(&due)).start();
            let journal = Journal::default();
            let cadences = [(hourly, HOUR), (daily, 24 * HOUR)];
            let mut actor = ScheduleActor::new(cadences, kraken.clone().recipient());
            actor.suspended = || SUSPENDED.get();
            let actor = actor.logger(journal.logger()).start();
            let passes = async |time: Duration| {
                tokio::time::sleep(time).await;
                due.take()
            };
            assert_eq!(passes(10 * 60 * SECOND).await, [vec![hourly, daily]]);
            SUSPENDED.set(NIGHT);
            assert_eq!(passes(LOOK + SECOND).await, [vec![hourly, daily]], "no tick after it");
            let told = journal.take();
            let words = "this machine was suspended for 520 min; missed ticks are skipped";
            assert!(matches!(&*told, [line] if line.contains(words)), "{told:?}");
            // Since its start 10 min, the night and some 31 s have passed: 8:50:36.
            assert_eq!(passes(9 * 60 * SECOND).await, Vec::<Vec<_>>::new(), "a second tick");
            assert_eq!(passes(SECOND * 30).await, [vec![hourly]], "out of its rhythm");
            // So little is the difference of two clocks, until it adds up.
            SUSPENDED.set(NIGHT + SECOND / 2);
            assert_eq!(passes(LOOK * 2).await, Vec::<Vec<_>>::new());
            SUSPENDED.set(NIGHT + SECOND);
            assert_eq!(passes(LOOK * 2).await, [vec![hourly, daily]]);
            drop(actor);
        });
    }

    #[test]
    fn a_sheet_whose_tick_finds_no_room_is_due_with_the_next() {
        const FAST: SheetIndex = SheetIndex(0);
        const SLOW: SheetIndex = SheetIndex(1);
        actix_rt::System::new().block_on(async {
            let due = Rc::new(RefCell::new(Vec::new()));
            let kraken = Kraken::create(|ctx| {
                ctx.set_mailbox_capacity(1);
                Kraken(Rc::clone(&due))
            });
            tokio::time::pause();
            let cadences = [(FAST, SECOND), (SLOW, SECOND * 3_600)];
            let mut actor = ScheduleActor::new(cadences, kraken.recipient());
            while actor.ticks.try_send(Tick::new(0, Vec::new())).is_ok() {}
            actor.tick();
            assert_eq!((actor.report.ticks, actor.report.undelivered), (0, 1), "there is room");
            while due.borrow().is_empty() {
                tokio::task::yield_now().await;
            }
            for _ in 0..2 {
                tokio::time::advance(SECOND).await;
                actor.tick();
                tokio::task::yield_now().await;
            }
            while due.borrow().last() != Some(&vec![FAST]) {
                tokio::task::yield_now().await;
            }
            due.borrow_mut().retain(|due| !due.is_empty());
            assert_eq!(due.take(), [vec![FAST, SLOW], vec![FAST]]);
            assert_eq!((actor.report.ticks, actor.report.undelivered), (2, 1));
        });
    }

    #[test]
    fn a_tick_that_is_late_and_the_only_one_is_no_standstill() {
        actix_rt::System::new().block_on(async {
            let kraken = Kraken(Rc::default()).start();
            let journal = Journal::default();
            let hourly = [(SheetIndex(0), SECOND * 3_600)];
            let mut actor = ScheduleActor::new(hourly, kraken.recipient()).logger(journal.logger());
            tokio::time::pause();
            actor.tick();
            actor.arm(&mut Context::new());
            tokio::time::advance(SECOND * 3_610).await;
            actor.tick();
            assert_eq!((actor.report.ticks, actor.report.missed), (2, 0));
            assert!(journal.take().iter().all(|line| !line.contains("stood still")));
        });
    }

    #[test]
    fn how_long_a_machine_slept_is_told_roughly() {
        let told = [1, 90, 599, 661, 7_200].map(|seconds| rounded(SECOND * seconds));
        assert_eq!(told, ["1 s", "90 s", "599 s", "11 min", "2 h"]);
    }

    #[test]
    fn only_a_standstill_of_the_process_is_called_one_and_ticks_begin_when_it_starts() {
        actix_rt::System::new().block_on(async {
            let due = Rc::new(RefCell::new(Vec::new()));
            let kraken = Kraken(Rc::clone(&due)).start();
            let journal = Journal::default();
            let every_second = [(SheetIndex(0), Duration::from_secs(1))];
            let mut actor = ScheduleActor::new(every_second, kraken.recipient());
            actor = actor.logger(journal.logger());
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(10)).await;
            let mut ctx = Context::new();
            actor.started(&mut ctx);
            actor.tick();
            tokio::time::advance(Duration::from_secs(10)).await;
            actor.restarting(&mut ctx);
            actor.tick();
            assert_eq!(journal.take(), Vec::<String>::new());
            assert_eq!((actor.report.ticks, actor.report.missed), (2, 9));
        });
    }

    #[test]
    fn a_standstill_and_a_tick_that_nobody_takes_are_both_told() {
        actix_rt::System::new().block_on(async {
            let nobody = Nobody.start();
            while nobody.connected() {
                tokio::task::yield_now().await;
            }
            let journal = Journal::default();
            let every_second = [(SheetIndex(0), Duration::from_secs(1))];
            let mut actor = ScheduleActor::new(every_second, nobody.recipient());
            actor = actor.logger(journal.logger());
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(10)).await;
            actor.tick();
            let told = journal.take();
            let times = |what: &str| told.iter().filter(|line| line.contains(what)).count();
            assert_eq!((times("stood still"), times("cannot be delivered")), (1, 1), "{told:?}");
            assert_eq!((actor.report.ticks, actor.report.undelivered), (0, 1));
        });
    }
    #[test]
    fn a_standstill_in_which_no_tick_was_due_is_not_spoken_of() {
        actix_rt::System::new().block_on(async {
            let (journal, due) = (Journal::default(), Rc::default());
            let kraken = Kraken(Rc::clone(&due)).start();
            let every_day = [(SheetIndex(0), Duration::from_secs(86_400))];
            let mut actor = ScheduleActor::new(every_day, kraken.recipient());
            actor = actor.logger(journal.logger());
            actor.tick();
            tokio::time::pause();
            tokio::time::advance(Duration::from_secs(3_600)).await;
            actor.due = Instant::now() - 10 * STANDSTILL;
            actor.tick();
            assert_eq!(journal.take(), Vec::<String>::new());
        });
    }
}
