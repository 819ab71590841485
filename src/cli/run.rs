//! `ratesheet run`: the service. Touches: signals.

use ratesheet::{Config, SupervisorActor};
use slog::{crit, error, info, warn};

use super::{
    credentials,
    environment::Environment,
    exit::Exit,
    face::{Bound, Face},
    flags::Flags,
    layers::{self, Loaded},
    load,
    logger::Logging,
    notify::Manager,
    panics,
    process::{self, EndedBySignals, Signals},
    service::{Service, Watch},
    unheeded,
};

/// Writes the sheets until it is asked to stop; until it has read how, `ended` ends it.
pub(super) fn run(flags: &Flags, ended: EndedBySignals) -> Exit {
    let system = process::system();
    // Who asks for a reload from here on is heard as soon as there is something to reload.
    let signals = match system.block_on(async { Signals::new() }) {
        Ok(signals) => signals,
        Err(cause) => return unheeded(cause),
    };
    let Loaded { path, config, warnings, listen_by, .. } = match load(flags) {
        Ok(loaded) => loaded,
        Err(exit) => return exit,
    };
    // From here on there is something to finish: what has been logged.
    ended.no_more();
    let logging = Logging::start(&config.log);
    let log = logging.log.clone();
    panics::log_to(&log);
    info!(log, "ratesheet {}", env!("CARGO_PKG_VERSION"));
    // What the configuration itself warns of, the supervisor tells.
    for warning in warnings {
        warn!(log, "{}", warning);
    }
    // What is read again is this file, even if another usual one is there by then.
    let flags = Flags { config: Some(path), ..flags.clone() };
    // An address that is taken is told before anything begins.
    let exit = match Bound::by(&config, listen_by) {
        Ok(bound) => system.block_on(serve(config, bound, signals, &flags, &logging)),
        Err(problem) => {
            crit!(log, "{}", problem);
            Exit::System
        }
    };
    drop(log);
    logging.finish();
    exit
}

async fn serve(
    config: Config,
    bound: Option<Bound>,
    signals: Signals,
    flags: &Flags,
    logging: &Logging,
) -> Exit {
    let log = &logging.log;
    let supervisor = SupervisorActor::new(config).logger(log.clone());
    let manager = Manager::of_process().unwrap_or_else(|problem| {
        warn!(log, "{}", problem);
        Manager::default()
    });
    let service = Service::start(supervisor, log.clone()).managed_by(manager);
    let face = match Face::start(bound, service.supervisor.clone(), log.clone()) {
        Ok(face) => face,
        Err(problem) => {
            crit!(log, "{}", problem);
            return Exit::System;
        }
    };
    let face = &face;
    let reload = || {
        let loaded = layers::load_again(&Environment::of_process(), flags);
        let Loaded { name, config, listen_by, .. } = loaded.map_err(|error| error.to_string())?;
        config.tls.check(&name).map_err(|error| error.to_string())?;
        credentials::identity(&config).map_err(|error| error.to_string())?;
        let place = face.prepare(&config, listen_by)?;
        let (logs, key_warning) = (config.log, credentials::warning(&config));
        let in_force = move || {
            logging.follow(&logs);
            if let Err(problem) = face.go(place) {
                error!(log, "{}", problem);
            }
            if let Some(warning) = key_warning {
                warn!(log, "{}", warning);
            }
        };
        Ok((config, in_force))
    };
    service.serve(signals, reload, |_| Watch::On).await
}
