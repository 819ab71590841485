//! The names of hosts, looked up by the system's resolver. Touches: that, in threads of tokio's.
//!
//! A lookup cannot be broken off: where a name server is silent it lasts ten seconds and more,
//! long after whoever asked has given up and asks again. So who asks meanwhile is told what comes
//! of it, unless it is so old that a new one may well be over before; and of these there are few.

use std::{
    error::Error,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use actix_tls::connect::Resolve;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::{sync::watch, task::spawn_blocking, time::Instant};
use tower_service::Service;

/// A lookup that has lasted for so long is not joined any more: the name server that it asked may
/// answer again, and it would not hear of that.
const JOINED_WITHIN: Duration = Duration::from_secs(5);

/// The most lookups of one name at a time. One that never ends keeps its thread for ever.
const MOST: usize = 3;

/// What came of a lookup, once it is over.
type Found = Option<Result<Arc<[IpAddr]>, Arc<io::Error>>>;

/// A lookup under way.
#[derive(Debug)]
struct Lookup {
    host: String,
    begin: Instant,
    found: watch::Receiver<Found>,
}

/// The lookups under way, of all who have a clone of it, the newest last.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<Mutex<Vec<Lookup>>>);

impl Names {
    /// The addresses of a host.
    async fn find(self, host: String) -> Result<Vec<SocketAddr>, Arc<io::Error>> {
        // An address is no name. One of IPv6 has brackets in a URL, which awc leaves there.
        if let Ok(ip) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
            return Ok(vec![(ip, 0).into()]);
        }
        let mut lookup = self.lookup_of(host, look_up);
        let found = lookup.wait_for(Option::is_some).await.map(|found| found.clone());
        match found {
            Ok(Some(found)) => Ok(found?.iter().map(|ip| (*ip, 0).into()).collect()),
            _ => Err(Arc::new(io::Error::other("the lookup failed"))),
        }
    }

    /// A lookup of a host that is under way, or a new one.
    fn lookup_of(
        &self,
        host: String,
        look_up: impl FnOnce(&str) -> io::Result<Arc<[IpAddr]>> + Send + 'static,
    ) -> watch::Receiver<Found> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are over have no other end any more.
        all.retain(|lookup| lookup.found.has_changed().is_ok());
        let of_host = || all.iter().filter(|lookup| lookup.host == host);
        if let Some(newest) = of_host().next_back()
            && (newest.begin.elapsed() < JOINED_WITHIN || of_host().count() >= MOST)
        {
            return newest.found.clone();
        }
        let (end, found) = watch::channel(None);
        let name = host.clone();
        spawn_blocking(move || end.send_replace(Some(look_up(&name).map_err(Arc::new))));
        all.push(Lookup { host, begin: Instant::now(), found: found.clone() });
        found
    }
}

/// Asks the system, and waits for it.
fn look_up(host: &str) -> io::Result<Arc<[IpAddr]>> {
    Ok((host, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// As awc asks.
impl Resolve for Names {
    fn lookup<'a>(
        &'a self,
        host: &'a str,
        port: u16,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<SocketAddr>, Box<dyn Error>>> + 'a>> {
        Box::pin(async move {
            let mut found = self.clone().find(host.to_owned()).await?;
            found.iter_mut().for_each(|address| address.set_port(port));
            Ok(found)
        })
    }
}

/// As hyper asks.
impl Service<Name> for Names {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = Arc<io::Error>;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, host: Name) -> Self::Future {
        let finding = self.clone().find(host.as_str().to_owned());
        Box::pin(async move { finding.await.map(Vec::into_iter) })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use tokio::time::advance;

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_lookup_is_joined_though_nobody_waits_any_more() {
        actix_rt::System::new().block_on(async {
            let names = Names::default();
            let (go_on, held) = mpsc::channel::<()>();
            let slow = move |_: &str| {
                held.recv().unwrap();
                Ok([HOME].into())
            };
            drop(names.lookup_of("a.invalid".into(), slow));
            let twice = |_: &str| panic!("it is looked up once more");
            let mut second = names.clone().lookup_of("a.invalid".into(), twice);
            let other = |_: &str| Err(io::Error::other("none"));
            let mut other = names.lookup_of("b.invalid".into(), other);
            let none = other.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            assert_eq!(none.unwrap_err().to_string(), "none");
            go_on.send(()).unwrap();
            let found = second.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            assert_eq!(found.unwrap().to_vec(), [HOME]);
            // It is over when its thread has let go of it.
            second.changed().await.unwrap_err();
            let afresh = |_: &str| Ok([].into());
            let mut afresh = names.lookup_of("a.invalid".into(), afresh);
            let found = afresh.wait_for(Option::is_some).await.unwrap().clone().unwrap();
            assert!(found.unwrap().is_empty());
        });
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_that_hangs_is_not_joined_for_ever_and_there_are_three_at_the_most() {
        let names = Names::default();
        let (go_on, held) = mpsc::channel::<()>();
        let held = Arc::new(Mutex::new(held));
        let mut hanging = Vec::new();
        for _ in 0..MOST {
            let held = Arc::clone(&held);
            let hangs = move |_: &str| {
                held.lock().unwrap().recv().unwrap_or_default();
                Ok([HOME].into())
            };
            hanging.push(names.lookup_of("a.invalid".into(), hangs));
            advance(JOINED_WITHIN - Duration::from_millis(1)).await;
            let twice = |_: &str| panic!("one that is fresh is not joined");
            let joined = names.lookup_of("a.invalid".into(), twice);
            assert!(joined.same_channel(hanging.last().unwrap()));
            advance(Duration::from_millis(1)).await;
        }
        advance(10 * JOINED_WITHIN).await;
        let more = |_: &str| panic!("there is one more");
        let joined = names.lookup_of("a.invalid".into(), more);
        assert!(joined.same_channel(&hanging[MOST - 1]));
        assert!(!hanging[0].same_channel(&hanging[1]) && !hanging[1].same_channel(&joined));
        // Whoever ends makes room.
        go_on.send(()).unwrap();
        while names.0.lock().unwrap().iter().all(|lookup| lookup.found.has_changed().is_ok()) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let none = |_: &str| Ok([].into());
        let mut afresh = names.lookup_of("a.invalid".into(), none);
        let found = afresh.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        assert!(found.unwrap().is_empty());
        drop(go_on); // which ends the others
    }

    #[test]
    fn a_name_has_its_addresses_and_the_port_that_was_asked_for() {
        actix_rt::System::new().block_on(async {
            let found = Names::default().lookup("localhost", 81).await.unwrap();
            assert!(found.iter().any(|address| address.ip().is_loopback()), "{found:?}");
            assert!(found.iter().all(|address| address.port() == 81), "{found:?}");
            // So long a label is in no name, and no server is asked for it.
            assert!(Names::default().lookup(&"x".repeat(64), 81).await.is_err());
        });
    }

    #[test]
    fn an_address_is_not_looked_up() {
        actix_rt::System::new().block_on(async {
            for (host, address) in [("[::1]", "[::1]:81"), ("127.0.0.1", "127.0.0.1:81")] {
                let found = Names::default().lookup(host, 81).await.unwrap();
                assert_eq!(found, [address.parse().unwrap()]);
            }
        });
    }
}
