//! The face of the service, which answers probes: it follows the configuration. Touches: a listening socket,
//! through [`StatusServer`].

use std::{
    cell::RefCell,
    net::{SocketAddr, TcpListener},
};

use actix::Addr;
use ratesheet::{Config, StatusServer, SupervisorActor};
use slog::{Logger, info};

/// The face, where there is one.
#[derive(Debug)]
pub(super) struct Face {
    supervisor: Addr<SupervisorActor>,
    log: Logger,
    /// Where it was told to listen, and who listens.
    served: RefCell<Option<(SocketAddr, StatusServer)>>,
}

/// Where it was told to listen, and what is asked there.
#[derive(Debug)]
pub(super) struct Bound(SocketAddr, TcpListener);

impl Bound {
    /// Listens where `config` says, if it does; `said_by` is what says so.
    ///
    /// # Errors
    /// When it cannot listen there: in words.
    pub(super) fn by(config: &Config, said_by: &str) -> Result<Option<Self>, String> {
        let Some(at) = config.status.listen else { return Ok(None) };
        let listener = TcpListener::bind(at).map_err(|error| {
            format!("the probes cannot listen at {at}: {error}; {said_by} can name another address")
        })?;
        Ok(Some(Self(at, listener)))
    }
}

impl Face {
    /// The face of this supervisor's tree.
    ///
    /// # Errors
    /// When it cannot be served: in words.
    pub(super) fn start(
        bound: Option<Bound>,
        supervisor: Addr<SupervisorActor>,
        log: Logger,
    ) -> Result<Self, String> {
        let face = Self { supervisor, log, served: RefCell::default() };
        face.serve(bound)?;
        Ok(face)
    }

    /// Listens where `config` says, and nowhere else.
    ///
    /// # Errors
    /// When it cannot listen there: in words. Then everything stays as it was.
    pub(super) fn follow(&self, config: &Config, said_by: &str) -> Result<(), String> {
        let served = self.served.borrow().as_ref().map(|(at, _)| *at);
        if served == config.status.listen {
            Ok(())
        } else {
            self.serve(Bound::by(config, said_by)?)
        }
    }

    fn serve(&self, bound: Option<Bound>) -> Result<(), String> {
        let served = match bound {
            Some(Bound(at, listener)) => {
                let server = StatusServer::serve(listener, &self.supervisor, &self.log)
                    .map_err(|error| format!("the probes cannot be served: {error}"))?;
                info!(self.log, "the probes listen"; "address" => server.address().to_string());
                Some((at, server))
            }
            None => None,
        };
        self.served.replace(served);
        Ok(())
    }
}
