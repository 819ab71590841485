//! A supervisor at work in this process, until it has stopped, been stopped, or given up.
//! Touches: signals.

use std::{future::pending, pin::pin, rc::Rc};

use actix::{Addr, AsyncContext, Context};
use ratesheet::{Config, Event, Shutdown, SupervisorActor};
use slog::{Logger, crit, debug, info, warn};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use super::{
    exit::Exit,
    inbox::inbox,
    notify::Manager,
    process::{Asked, Signals},
    reloads::Reloads,
};

/// A supervisor, and the task that it runs in.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) supervisor: Addr<SupervisorActor>,
    events: UnboundedReceiver<Event>,
    task: JoinHandle<()>,
    log: Logger,
    manager: Rc<Manager>,
}

/// Whether to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watch {
    On,
    /// It has been seen enough: stop.
    Done,
}

/// What happens to a service.
enum Happening {
    Asked(Asked),
    Event(Option<Event>),
    Ended { cleanly: bool },
    Reloaded,
    Beat,
}

impl Service {
    /// Starts it. The task is watched, since nobody brings back a supervisor that fails itself:
    /// that must not go unnoticed.
    pub(super) fn start(supervisor: SupervisorActor, log: Logger) -> Self {
        let (receiver, events) = inbox();
        let ctx = Context::new();
        let address = ctx.address();
        let task = actix_rt::spawn(ctx.into_future(supervisor.subscriber(receiver)));
        Self { supervisor: address, events, task, log, manager: Rc::default() }
    }

    /// It tells `manager` how it is doing.
    pub(super) fn managed_by(mut self, manager: Manager) -> Self {
        self.manager = Rc::new(manager);
        self
    }

    /// Stays until the end, which `signals` ask for. `reload` reads the configuration again, and
    /// gives with it what else is to be done once the tree goes by it; `watch` is shown every
    /// event.
    pub(super) async fn serve<F: FnOnce()>(
        self,
        signals: Signals,
        reload: impl Fn() -> Result<(Config, F), String>,
        watch: impl FnMut(&Event) -> Watch,
    ) -> Exit {
        self.serve_until(signals, pending::<()>(), reload, watch).await
    }

    /// As [`serve`](Self::serve); `quit` asks it to stop, as a signal does.
    pub(super) async fn serve_until<T, F: FnOnce()>(
        mut self,
        mut signals: Signals,
        quit: impl Future<Output = T>,
        reload: impl Fn() -> Result<(Config, F), String>,
        mut watch: impl FnMut(&Event) -> Watch,
    ) -> Exit {
        let mut quit = pin!(quit);
        let manager = Rc::clone(&self.manager);
        let mut reloads = Reloads::of(self.supervisor.clone(), reload, manager, self.log.clone());
        let mut pulse = self.manager.pulse();
        let mut stopping = false;
        loop {
            let happening = tokio::select! {
                _ = &mut quit, if !stopping => Happening::Asked(Asked::Interrupt),
                asked = signals.next() => Happening::Asked(asked),
                event = self.events.recv() => Happening::Event(event),
                ended = &mut self.task => Happening::Ended { cleanly: ended.is_ok() },
                () = reloads.seen_through(), if !stopping => Happening::Reloaded,
                () = pulse.beat() => Happening::Beat,
            };
            match happening {
                Happening::Reloaded => {}
                // The thread that everything runs in has come round to it.
                Happening::Beat => self.manager.alive(),
                Happening::Asked(Asked::Reload | Asked::Alone) if stopping => {}
                Happening::Asked(Asked::Reload) => reloads.asked(),
                Happening::Asked(again) if stopping => {
                    // Of a tree, only who writes is waited for.
                    warn!(
                        self.log,
                        "asked once more to stop, it ends at once: a write that is \
                        under way is abandoned, and Google may yet carry it out"
                    );
                    return again.at_once();
                }
                Happening::Asked(_) => {
                    info!(self.log, "stopping");
                    stopping = true;
                    self.manager.stopping();
                    self.shut_down();
                }
                Happening::Event(Some(event @ Event::Escalated(_))) => {
                    watch(&event);
                    return Exit::GaveUp;
                }
                Happening::Event(Some(event)) => {
                    if !stopping && watch(&event) == Watch::Done {
                        stopping = true;
                        self.shut_down();
                    }
                }
                // Nobody sends events any more: the supervisor is about to be gone.
                Happening::Event(None) => {
                    let ended = (&mut self.task).await;
                    return self.ended(ended.is_ok(), stopping);
                }
                Happening::Ended { cleanly } => return self.ended(cleanly, stopping),
            }
        }
    }

    fn ended(&self, cleanly: bool, stopping: bool) -> Exit {
        if cleanly && stopping {
            return Exit::Done;
        }
        crit!(self.log, "the supervisor itself has failed");
        Exit::GaveUp
    }

    /// Has it shut down; what comes of it is seen by what happens.
    fn shut_down(&self) {
        let sent = self.supervisor.send(Shutdown);
        let log = self.log.clone();
        actix_rt::spawn(async move {
            if sent.await.is_err() {
                debug!(log, "the supervisor has gone before it answered");
            }
        });
    }
}
