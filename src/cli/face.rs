//! The face of the service, which answers probes: it follows the configuration.
//! Touches: a listening socket, through [`StatusServer`].

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    net::{IpAddr, SocketAddr, TcpListener},
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

/// Where the face is to be.
#[derive(Debug)]
pub(super) enum Place {
    /// Where it is.
    Here,
    /// Where somebody listens already; or nowhere.
    At(Option<Bound>),
    /// At an address that overlaps with this one and has its port, and what says so. A port can be
    /// had once only, be it at one address (127.0.0.1) and at all of them (0.0.0.0): who changes
    /// from one to the other must let go of it first.
    SamePort(SocketAddr, &'static str),
}

impl Bound {
    /// Listens where `config` says, if it does; `said_by` is what says so.
    ///
    /// # Errors
    /// When it cannot listen there: in words.
    pub(super) fn by(config: &Config, said_by: &str) -> Result<Option<Self>, String> {
        let Some(at) = config.status.listen else { return Ok(None) };
        Self::to(at, at, said_by).map(Some)
    }

    /// Listens at `address`, as which `at` is understood.
    fn to(at: SocketAddr, address: SocketAddr, said_by: &str) -> Result<Self, String> {
        let listener = TcpListener::bind(address).map_err(|error| refused(at, &error, said_by))?;
        Ok(Self(at, listener))
    }
}

/// Says that nobody can listen there, and who can change it.
fn refused(at: SocketAddr, error: &io::Error, said_by: &str) -> String {
    format!("the probes cannot listen at {at}: {error}; {said_by} can name another address")
}

/// Whether who listens at the one may keep another from the other, if the ports are the same.
fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let (one, other) = (one.to_canonical(), other.to_canonical());
    // Who listens at all addresses of IPv6 mostly does so at those of IPv4, too.
    let covers =
        |all: IpAddr, one: IpAddr| all.is_unspecified() && (all.is_ipv6() || one.is_ipv4());
    one == other || covers(one, other) || covers(other, one)
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

    /// Has a place ready where `config` says that it is to be; it stays where it is meanwhile.
    /// `said_by` is what says so.
    ///
    /// # Errors
    /// When it cannot listen there: in words.
    pub(super) fn prepare(&self, config: &Config, said_by: &'static str) -> Result<Place, String> {
        let served = self.served.borrow().as_ref().map(|(at, server)| (*at, server.address()));
        let Some(wanted) = config.status.listen else { return Ok(Place::At(None)) };
        if served.is_some_and(|(at, _)| at == wanted) {
            return Ok(Place::Here);
        }
        let is_in_the_way = |(_, here): (SocketAddr, SocketAddr)| {
            here.port() == wanted.port() && overlap(here.ip(), wanted.ip())
        };
        match TcpListener::bind(wanted) {
            Ok(listener) => Ok(Place::At(Some(Bound(wanted, listener)))),
            Err(error)
                if error.kind() == ErrorKind::AddrInUse && served.is_some_and(is_in_the_way) =>
            {
                Ok(Place::SamePort(wanted, said_by))
            }
            Err(error) => Err(refused(wanted, &error, said_by)),
        }
    }

    /// Goes to a place that was prepared while it was where it is now.
    ///
    /// # Errors
    /// When it cannot, since somebody else has a part of the address: it may have been in its own
    /// way, and sees no other before it has let go. In words; then it stays where it was.
    pub(super) fn go(&self, place: Place) -> Result<(), String> {
        match place {
            Place::Here => Ok(()),
            Place::At(bound) => self.serve(bound),
            Place::SamePort(wanted, said_by) => {
                let left = self.served.take().map(|(at, server)| {
                    let address = server.address();
                    server.stop();
                    (at, address)
                });
                let moved = Bound::to(wanted, wanted, said_by).and_then(|b| self.serve(Some(b)));
                let (Err(problem), Some((at, address))) = (&moved, left) else { return moved };
                match Bound::to(at, address, said_by).and_then(|bound| self.serve(Some(bound))) {
                    Ok(()) => moved,
                    Err(worse) => Err(format!("{problem}; and now they listen nowhere: {worse}")),
                }
            }
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
            None => {
                if self.served.borrow().is_some() {
                    info!(self.log, "the probes listen no more");
                }
                None
            }
        };
        // Whoever goes on from here finds the address free that it was at.
        if let Some((_, left)) = self.served.replace(served) {
            left.stop();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpStream};

    use actix::Actor as _;

    use super::*;

    #[test]
    fn it_moves_to_another_address_with_the_same_port_and_stays_where_it_cannot_or_is_not_to_yet() {
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
            let place = || face.served.borrow().as_ref().unwrap().0;
            for (config, moves) in [(&same, true), (&nowhere, false), (&here, true), (&here, true)]
            {
                let before = place();
                let prepared = face.prepare(config, "it");
                assert_eq!(prepared.is_ok(), moves, "{:?}", config.status.listen);
                assert!(place() == before && TcpStream::connect(before).is_ok(), "it has moved");
                if let Ok(prepared) = prepared {
                    face.go(prepared).unwrap();
                }
                assert_eq!(place(), if moves { config.status.listen.unwrap() } else { before });
                assert!(TcpStream::connect(place()).is_ok(), "{}", place());
            }
            // Somebody else has the place that it is to go to, and with it a part of all places.
            let elsewhere = at(Ipv4Addr::new(127, 0, 0, 2).into());
            let taken = TcpListener::bind(elsewhere.status.listen.unwrap()).unwrap();
            let everywhere = at(Ipv4Addr::UNSPECIFIED.into());
            let known_before = face.prepare(&elsewhere, "it").unwrap_err();
            let known_after = face.go(face.prepare(&everywhere, "it").unwrap()).unwrap_err();
            for (problem, config) in [(known_before, &elsewhere), (known_after, &everywhere)] {
                let address = config.status.listen.unwrap();
                let told = format!("the probes cannot listen at {address}: Address already in use");
                assert!(problem.starts_with(&told), "{problem}");
                assert!(problem.ends_with("; it can name another address"), "{problem}");
                assert!(TcpStream::connect(place()).is_ok(), "it has not stayed");
            }
            drop(taken);
            for config in [&elsewhere, &everywhere, &elsewhere] {
                face.prepare(config, "it").and_then(|there| face.go(there)).unwrap();
                assert_eq!(Some(place()), config.status.listen);
                assert!(TcpStream::connect(place()).is_ok(), "{}", place());
            }
            face.prepare(&Config::new(), "it").and_then(|nowhere| face.go(nowhere)).unwrap();
            assert!(face.served.borrow().is_none());
        });
    }

    #[test]
    fn all_addresses_overlap_with_each_of_them() {
        for (one, other, expected) in [
            ("127.0.0.1", "127.0.0.1", true),
            ("127.0.0.1", "::ffff:127.0.0.1", true),
            ("127.0.0.1", "127.0.0.2", false),
            ("127.0.0.1", "::1", false),
            ("0.0.0.0", "127.0.0.1", true),
            ("0.0.0.0", "::ffff:127.0.0.1", true),
            ("0.0.0.0", "::1", false),
            ("0.0.0.0", "::", true),
            ("::", "127.0.0.1", true),
            ("::", "::1", true),
        ] {
            let [one, other]: [IpAddr; 2] = [one, other].map(|text| text.parse().unwrap());
            assert_eq!(overlap(one, other), expected, "{one} {other}");
            assert_eq!(overlap(other, one), expected, "{other} {one}");
        }
    }
}
