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
    pace::OnceAMinute,
    timer::later,
};

/// A tick that comes later than this, and misses others, is worth a word.
const STANDSTILL: Duration = Duration::from_secs(1);

/// A tick that has found no room is sent again after this long, if no other comes before.
const DELIVER_AGAIN: Duration = Duration::from_secs(1);

/// Nothing but pings and the stop comes in.
const MAILBOX: usize = 16;

/// Sends a [`Tick`] whenever sheets are due: at once when it starts, and then each sheet at
/// multiples of its own period. After a stall of any length there is one tick, not many.
///
/// It ticks for as long as somebody has its address.
#[derive(Debug)]
pub struct ScheduleActor {
    cadences: Cadences,
    /// Sheets whose tick could not be delivered: they are due with the next.
    overdue: BTreeSet<SheetIndex>,
    /// It was down: that is known, and is not the process's fault.
    was_down: bool,
    ticks: Recipient<Tick>,
    reports: Option<WeakRecipient<Report>>,
    log: Logger,
    left: Option<u64>,
    report: ScheduleReport,
    /// When the armed tick is due.
    due: Instant,
    /// What is said of standstills.
    stood_still: OnceAMinute,
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
            stood_still: OnceAMinute::default(),
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

    /// Arms the timer for the next tick. One at a time: a repeating timer would make up for a
    /// stall by a burst.
    fn arm(&mut self, ctx: &mut Context<Self>) {
        if self.left == Some(0) {
            return;
        }
        let Some(next) = self.cadences.next() else { return };
        let soon = (!self.overdue.is_empty()).then(|| Instant::now() + DELIVER_AGAIN);
        let next = soon.map_or(next, |soon| next.min(soon));
        self.due = next;
        let wait = next.saturating_duration_since(Instant::now());
        later(ctx, wait, |actor: &mut Self, ctx| {
            actor.tick();
            actor.arm(ctx);
        });
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let (due, missed) = self.cadences.due(now);
        self.report.missed += missed;
        let was_down = std::mem::take(&mut self.was_down);
        let stood_still = !was_down && now.saturating_duration_since(self.due) > STANDSTILL;
        if missed > 0 && stood_still && self.stood_still.may_say(now) {
            warn!(self.log, "this process stood still; missed ticks are skipped"; "missed" => missed);
        }
        if due.is_empty() && self.overdue.is_empty() {
            return; // a timer may fire a hair early
        }
        self.report.ticks += 1;
        let due = std::mem::take(&mut self.overdue).into_iter().chain(due).collect::<BTreeSet<_>>();
        let tick = Tick { seq: self.report.ticks, due: due.iter().copied().collect() };
        debug!(self.log, "tick"; "seq" => tick.seq, "sheets" => tick.due.len());
        let trouble = match self.ticks.try_send(tick) {
            Ok(()) => None,
            Err(SendError::Closed(_)) => Some("it is gone"),
            Err(SendError::Full(_)) => {
                self.overdue = due;
                Some("its mailbox is full")
            }
        };
        if self.overdue.is_empty() {
            self.left = self.left.map(|left| left.saturating_sub(1));
        }
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
}

impl Actor for ScheduleActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.set_mailbox_capacity(MAILBOX);
        if self.report.ticks == 0 {
            // However long ago it was made.
            self.cadences.begin(Instant::now());
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
    use std::{cell::RefCell, rc::Rc};

    use actix::Actor as _;

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

    #[test]
    fn a_sheet_whose_tick_finds_no_room_is_due_with_the_next() {
        const FAST: SheetIndex = SheetIndex(0);
        const SLOW: SheetIndex = SheetIndex(1);
        const SECOND: Duration = Duration::from_secs(1);
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
            assert_eq!(actor.report.undelivered, 1, "there is room");
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
        });
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
        });
    }
}
