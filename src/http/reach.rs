//! Connections by TCP, to whichever of a host's addresses takes one first.
//! Touches: the network.
//!
//! awc by itself goes from one address to the next when the system gives the first one up, which
//! is after two minutes where packets vanish: with an IPv6 that leads nowhere it would never come
//! to IPv4. So an address that is silent is soon joined by the next, as RFC 8305 has it.

use std::{
    collections::VecDeque,
    future::Future,
    io,
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use actix_rt::net::TcpStream;
use actix_service::Service;
use actix_tls::connect::{ConnectError, ConnectInfo, Connection, ResolverService};
use awc::http::Uri;
use tokio::{task::JoinSet, time::timeout};

use super::names::Names;

/// An address that has been silent for this long is joined by the next.
const HEAD_START: Duration = Duration::from_millis(250);

/// Makes the connections of an awc client.
#[derive(Clone)]
pub(super) struct Reach(ResolverService);

impl Reach {
    /// Connections to hosts that are found by these.
    pub(super) fn by(names: Names) -> Self {
        Self(ResolverService::custom(names))
    }
}

impl Service<ConnectInfo<Uri>> for Reach {
    type Response = Connection<Uri, TcpStream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, to: ConnectInfo<Uri>) -> Self::Future {
        let resolving = self.0.call(to);
        Box::pin(async move {
            let to = resolving.await?;
            let stream = first(alternating(to.addrs()), TcpStream::connect).await;
            Ok(Connection::new(to.request().clone(), stream.map_err(ConnectError::Io)?))
        })
    }
}

/// Addresses of IPv6 and IPv4 in turn, beginning with what the system thinks best.
fn alternating(addresses: impl Iterator<Item = SocketAddr>) -> VecDeque<SocketAddr> {
    let (mut four, mut six) = (0, 0);
    let mut ranked: Vec<_> = addresses
        .map(|address| {
            let rank = if address.is_ipv4() { &mut four } else { &mut six };
            *rank += 1;
            (*rank, address)
        })
        .collect();
    ranked.sort_by_key(|(rank, _)| *rank); // which leaves those of one rank in their order
    ranked.into_iter().map(|(_, address)| address).collect()
}

/// The first connection to one of these addresses; otherwise why the last of them has none.
async fn first<T, F>(
    mut addresses: VecDeque<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let mut why = io::Error::from(io::ErrorKind::AddrNotAvailable);
    let mut under_way = JoinSet::new();
    loop {
        if let Some(address) = addresses.pop_front() {
            under_way.spawn(connect(address));
        }
        let ended = under_way.join_next();
        let ended = match addresses.is_empty() {
            true => ended.await,
            false => match timeout(HEAD_START, ended).await {
                Ok(ended) => ended,
                Err(_) => continue,
            },
        };
        match ended {
            Some(Ok(Ok(connected))) => return Ok(connected),
            Some(Ok(Err(cause))) => why = cause,
            Some(Err(cause)) => why = cause.into(),
            None => return Err(why),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use tokio::time::Instant;

    use super::*;

    const SILENT: &str = "[2001:db8::1]:443";
    const ALSO_SILENT: &str = "[2001:db8::2]:443";
    const REFUSING: &str = "192.0.2.1:443";
    const OPEN: &str = "192.0.2.2:443";

    /// A connection is the address that it leads to.
    async fn connect(address: SocketAddr) -> io::Result<SocketAddr> {
        match address.to_string().as_str() {
            REFUSING => Err(io::ErrorKind::ConnectionRefused.into()),
            OPEN => Ok(address),
            _ => pending().await,
        }
    }

    fn addresses(texts: &[&str]) -> VecDeque<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_is_silent_is_joined_by_the_next_and_one_that_refuses_at_once() {
        for (texts, waited) in [
            (&[OPEN, SILENT][..], 0),
            (&[SILENT, OPEN], 1),
            (&[SILENT, ALSO_SILENT, OPEN], 2),
            (&[REFUSING, OPEN], 0),
            (&[SILENT, REFUSING, OPEN], 1),
        ] {
            let begin = Instant::now();
            let connected = first(addresses(texts), connect).await.unwrap();
            assert_eq!(connected.to_string(), OPEN);
            assert_eq!(begin.elapsed(), HEAD_START * waited, "{texts:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn when_all_refuse_it_says_why_and_when_all_are_silent_it_waits() {
        let refused = first(addresses(&[REFUSING, REFUSING]), connect).await.unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
        assert!(first(addresses(&[]), connect).await.is_err());
        let silent = first(addresses(&[REFUSING, SILENT]), connect);
        assert!(timeout(HEAD_START * 100, silent).await.is_err());
    }

    #[test]
    fn a_url_may_have_an_address_for_a_host() {
        actix_rt::System::new().block_on(async {
            for home in ["127.0.0.1", "[::1]"] {
                let Ok(listener) = std::net::TcpListener::bind(format!("{home}:0")) else {
                    assert_eq!(home, "[::1]"); // which not every machine has
                    continue;
                };
                let at = listener.local_addr().unwrap();
                let to = ConnectInfo::new(format!("http://{at}").parse().unwrap());
                let connected = Reach::by(Names::default()).call(to).await.unwrap();
                assert_eq!(connected.io_ref().peer_addr().unwrap(), at);
            }
        });
    }

    #[test]
    fn addresses_of_both_kinds_are_tried_in_turn() {
        let of = |texts: &[&str]| alternating(addresses(texts).into_iter());
        let mixed = [SILENT, ALSO_SILENT, REFUSING, OPEN];
        assert_eq!(of(&mixed), addresses(&[SILENT, REFUSING, ALSO_SILENT, OPEN]));
        assert_eq!(of(&[OPEN, SILENT, REFUSING]), addresses(&[OPEN, SILENT, REFUSING]));
        assert_eq!(of(&[OPEN, REFUSING]), addresses(&[OPEN, REFUSING]));
        assert_eq!(of(&[]), addresses(&[]));
    }
}
