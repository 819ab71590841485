//! `ratesheet run`: the service. Touches: signals.

use ratesheet::SupervisorActor;
use slog::info;

use super::{
    Options,
    exit::Exit,
    layers::{self, Environment},
    load,
    logger::Logging,
    service::{Service, Watch},
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
    let exit = actix_rt::System::new().block_on(async {
        let supervisor = SupervisorActor::new(config).logger(log.clone());
        let reload = || layers::load(&Environment::of_process(), &options.flags());
        let reload = || reload().map(|loaded| loaded.config).map_err(|error| error.to_string());
        Service::start(supervisor, log.clone()).serve(reload, |_| Watch::On).await
    });
    drop(log);
    logging.finish();
    exit
}
