//! The face of the service, which answers probes: it follows the configuration.
//! Touches: a listening socket, through [`StatusServer`].

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
        match TcpListener::bind(at) {
            Ok(listener) => Ok(Some(Self(at, listener))),
            Err(error) => Err(format!(
                "the probes cannot listen at {at}: {error}; {said_by} can name another address"
            )),
        }
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
        let wanted = config.status.listen;
        let served = self.served.borrow().as_ref().map(|(at, server)| (*at, server.address()));
        match served {
            Some((at, _)) if wanted == Some(at) => Ok(()),
            Some((at, address)) if wanted.is_some_and(|new| new.port() == address.port()) => {
                self.close();
                let moved = Bound::by(config, said_by).and_then(|bound| self.serve(bound));
                moved.map_err(|problem| match self.serve_again(at, address) {
                    Ok(()) => problem,
                    Err(worse) => format!("{problem}; and now they listen nowhere: {worse}"),
                })
            }
            _ => self.serve(Bound::by(config, said_by)?),
        }
    }

    /// Listens no more. A port can be had once only, be it at one address (127.0.0.1) and at all
    /// of them (0.0.0.0): who changes from one to the other must let go of it first.
    fn close(&self) {
        if let Some((_, server)) = self.served.take() {
            server.stop();
        }
    }

    /// Listens at `address` again, as which `at` was understood.
    fn serve_again(&self, at: SocketAddr, address: SocketAddr) -> Result<(), String> {
        let listener = TcpListener::bind(address).map_err(|error| error.to_string())?;
        self.serve(Some(Bound(at, listener)))
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr, TcpStream};

    use actix::Actor as _;

    use super::*;

    #[test]
    fn it_moves_to_another_address_with_the_same_port_and_stays_where_it_cannot() {
        actix_rt::System::new().block_on(async {
            let supervisor = SupervisorActor::new(Config::new()).ticks(0).start();
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let at = |address: IpAddr| {
                let mut config = Config::new();
                config.status.listen = Some((address, port).into());
                config
            };
            let here = at(Ipv4Addr::LOCALHOST.into());
            // The same place once more, as far as the system is concerned.
            let same = at(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into());
            // An address for manuals, which no machine has.
            let nowhere = at(Ipv4Addr::new(192, 0, 2, 1).into());
            let log = Logger::root(slog::Discard, slog::o!());
            let face = Face::start(Bound::by(&here, "it").unwrap(), supervisor, log).unwrap();
            for (config, moves) in [(&same, true), (&nowhere, false), (&here, true), (&here, true)]
            {
                let before = face.served.borrow().as_ref().unwrap().0;
                assert_eq!(face.follow(config, "it").is_ok(), moves, "{:?}", config.status.listen);
                let after = face.served.borrow().as_ref().unwrap().0;
                assert_eq!(after, if moves { config.status.listen.unwrap() } else { before });
                assert!(TcpStream::connect(after).is_ok(), "{after}");
            }
            face.follow(&Config::new(), "it").unwrap();
            assert!(face.served.borrow().is_none());
        });
    }
}
