//! `ratesheet run`: the service. Touches: signals.

use actix::{AsyncContext, Context, Message};
use ratesheet::{Config, Event, Reload, Shutdown, SupervisorActor};
use slog::{Logger, crit, error, info};
use tokio::{sync::mpsc::UnboundedReceiver, task::JoinHandle};

use super::{
    Options,
    exit::Exit,
    face::{Bound, Face},
    inbox::inbox,
    layers::{self, Environment},
    load,
    logger::Logging,
    process::{Asked, Signals},
};

/// Writes the sheets until it is asked to stop.
pub(super) fn run(options: &Options) -> Exit {
    let config = match load(options) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let logging = Logging::start(&config.log);
    let log = logging.log.clone();
    info!(log, "ratesheet {}", env!("CARGO_PKG_VERSION"));
    let exit = match Bound::by(&config) {
        Ok(bound) => actix_rt::System::new().block_on(service(config, bound, options, &log)),
        Err(problem) => {
            crit!(log, "{}", problem);
            Exit::Config
        }
    };
    drop(log);
    logging.finish();
    exit
}

async fn service(config: Config, bound: Option<Bound>, options: &Options, log: &Logger) -> Exit {
    let supervisor = SupervisorActor::new(config).logger(log.clone());
    let service = Service::start(supervisor, log.clone());
    let face = match Face::start(bound, service.supervisor.clone(), log.clone()) {
        Ok(face) => face,
        Err(problem) => {
            crit!(log, "{}", problem);
            return Exit::GaveUp;
        }
    };
    let reload = || {
        let loaded = layers::load(&Environment::of_process(), &options.flags());
        let config = loaded.map_err(|error| error.to_string())?.config;
        face.follow(&config)?;
        Ok(config)
    };
    service.serve(reload).await
}

/// A supervisor at work in this process.
#[derive(Debug)]
pub(super) struct Service {
    pub(super) supervisor: actix::Addr<SupervisorActor>,
    events: UnboundedReceiver<Event>,
    task: JoinHandle<()>,
    log: Logger,
}

/// What happens to a service.
enum Happening {
    Asked(Asked),
    Event(Option<Event>),
    Ended(bool),
}

impl Service {
    /// Starts it. What it runs in is watched: that nothing can bring back a supervisor must not
    /// go unnoticed.
    pub(super) fn start(supervisor: SupervisorActor, log: Logger) -> Self {
        let (receiver, events) = inbox();
        let ctx = Context::new();
        let address = ctx.address();
        let task = actix_rt::spawn(ctx.into_future(supervisor.subscriber(receiver)));
        Self { supervisor: address, events, task, log }
    }

    /// Stays until it has stopped, been stopped, or given up.
    pub(super) async fn serve(mut self, reload: impl Fn() -> Result<Config, String>) -> Exit {
        let mut signals = match Signals::new() {
            Ok(signals) => signals,
            Err(cause) => {
                crit!(self.log, "signals cannot be heeded: {}", cause);
                return Exit::GaveUp;
            }
        };
        let mut stopping = false;
        loop {
            let happening = tokio::select! {
                asked = signals.next() => Happening::Asked(asked),
                event = self.events.recv() => Happening::Event(event),
                ended = &mut self.task => Happening::Ended(ended.is_ok()),
            };
            match happening {
                Happening::Asked(Asked::Reload) => self.reload(reload()),
                Happening::Asked(again) if stopping => return again.at_once(),
                Happening::Asked(_) => {
                    info!(self.log, "stopping");
                    stopping = true;
                    self.tell(Shutdown);
                }
                Happening::Event(Some(Event::Escalated(why))) => {
                    crit!(self.log, "{}", why.reason);
                    return Exit::GaveUp;
                }
                Happening::Event(_) => {}
                Happening::Ended(true) if stopping => return Exit::Done,
                Happening::Ended(_) => {
                    crit!(self.log, "the supervisor itself has failed");
                    return Exit::GaveUp;
                }
            }
        }
    }

    fn reload(&self, config: Result<Config, String>) {
        match config {
            Ok(config) => {
                info!(self.log, "the configuration is read again");
                self.tell(Reload(Box::new(config)));
            }
            Err(problems) => {
                error!(
                    self.log,
                    "the new configuration cannot be used, the old one stays: {}", problems
                );
            }
        }
    }

    /// Sends a command; that it is done is seen by what happens.
    fn tell<M>(&self, command: M)
    where
        M: Message + Send + 'static,
        M::Result: Send,
        SupervisorActor: actix::Handler<M>,
        Context<SupervisorActor>: actix::dev::ToEnvelope<SupervisorActor, M>,
    {
        let sent = self.supervisor.send(command);
        let log = self.log.clone();
        actix_rt::spawn(async move {
            if sent.await.is_err() {
                slog::debug!(log, "the supervisor has gone before it answered");
            }
        });
    }
}
