//! A supervisor at work in this process, until it has stopped, been stopped, or given up.
//! Touches: signals.

use std::{future::pending, pin::pin, rc::Rc};

use actix::{Addr, AsyncContext, Context, Handler, Message, dev::ToEnvelope};
use ratesheet::{Config, Event, GetStatus, Reload, Shutdown, State, SupervisorActor};
use slog::{Logger, crit, debug, error, info};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use super::{
    exit::Exit,
    inbox::inbox,
    notify::Manager,
    process::{Asked, Signals},
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

    /// Stays until the end, which `signals` ask for. `reload` reads the configuration again, `watch`
    /// is shown every event.
    pub(super) async fn serve(
        self,
        signals: Signals,
        reload: impl Fn() -> Result<Config, String>,
        watch: impl FnMut(&Event) -> Watch,
    ) -> Exit {
        self.serve_until(signals, pending::<()>(), reload, watch).await
    }

    /// As [`serve`](Self::serve); `quit` asks it to stop, as a signal does.
    pub(super) async fn serve_until<T>(
        mut self,
        mut signals: Signals,
        quit: impl Future<Output = T>,
        reload: impl Fn() -> Result<Config, String>,
        mut watch: impl FnMut(&Event) -> Watch,
    ) -> Exit {
        let mut quit = pin!(quit);
        self.ready_at_work();
        let mut pulse = self.manager.pulse();
        let mut stopping = false;
        loop {
            let happening = tokio::select! {
                _ = &mut quit, if !stopping => Happening::Asked(Asked::Interrupt),
                asked = signals.next() => Happening::Asked(asked),
                event = self.events.recv() => Happening::Event(event),
                ended = &mut self.task => Happening::Ended { cleanly: ended.is_ok() },
                () = pulse.beat() => Happening::Beat,
            };
            match happening {
                // The thread that everything runs in has come round to it.
                Happening::Beat => self.manager.alive(),
                Happening::Asked(Asked::Reload | Asked::Alone) if stopping => {}
                Happening::Asked(Asked::Reload) => {
                    self.manager.reloading();
                    self.reload(reload());
                }
                Happening::Asked(again) if stopping => return again.at_once(),
                Happening::Asked(_) => {
                    info!(self.log, "stopping");
                    stopping = true;
                    self.manager.stopping();
                    self.tell(Shutdown);
                }
                Happening::Event(Some(event @ Event::Escalated(_))) => {
                    watch(&event);
                    return Exit::GaveUp;
                }
                Happening::Event(Some(event)) => {
                    if !stopping && watch(&event) == Watch::Done {
                        stopping = true;
                        self.tell(Shutdown);
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

    fn reload(&self, config: Result<Config, String>) {
        match config {
            Ok(config) => {
                info!(self.log, "the configuration is read again");
                let told = self.tell(Reload(Box::new(config)));
                let manager = Rc::clone(&self.manager);
                actix_rt::spawn(async move {
                    // Even if it was refused: the old one is at work then.
                    drop(told.await);
                    manager.ready();
                });
            }
            Err(problems) => {
                error!(self.log, "the new configuration cannot be used, the old one stays";
                    "problems" => problems);
                self.manager.ready();
            }
        }
    }

    /// Says that it is ready as soon as there is a tree.
    fn ready_at_work(&self) {
        let asked = self.supervisor.send(GetStatus);
        let manager = Rc::clone(&self.manager);
        actix_rt::spawn(async move {
            if asked.await.is_ok_and(|status| status.state == State::Running) {
                manager.ready();
            }
        });
    }

    /// Sends a command, and ends when it has been answered; what comes of it is seen by what
    /// happens.
    fn tell<M>(&self, command: M) -> JoinHandle<()>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        SupervisorActor: Handler<M>,
        Context<SupervisorActor>: ToEnvelope<SupervisorActor, M>,
    {
        let sent = self.supervisor.send(command);
        let log = self.log.clone();
        actix_rt::spawn(async move {
            if sent.await.is_err() {
                debug!(log, "the supervisor has gone before it answered");
            }
        })
    }
}
