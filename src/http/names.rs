//! The names of hosts, looked up by the system's resolver. Touches: that, in threads of tokio's.
//!
//! A lookup cannot be broken off: where a name server is silent it lasts ten seconds and more,
//! long after whoever asked has given up and asks again. So each name is looked up once at a time,
//! and who asks meanwhile is told what comes of it.

use std::{
    collections::BTreeMap,
    error::Error,
    io,
    net::{IpAddr, SocketAddr, ToSocketAddrs as _},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
};

use actix_tls::connect::Resolve;
use hyper_util::client::legacy::connect::dns::Name;
use tokio::{sync::watch, task::spawn_blocking};
use tower_service::Service;

/// What came of a lookup, once it is over.
type Found = Option<Result<Arc<[IpAddr]>, Arc<io::Error>>>;

/// The lookups under way, of all who have a clone of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(Arc<Mutex<BTreeMap<String, watch::Receiver<Found>>>>);

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

    /// The lookup of a host that is under way, or a new one.
    fn lookup_of(
        &self,
        host: String,
        look_up: impl FnOnce(&str) -> io::Result<Arc<[IpAddr]>> + Send + 'static,
    ) -> watch::Receiver<Found> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Those that are over have no other end any more.
        all.retain(|_, lookup| lookup.has_changed().is_ok());
        if let Some(under_way) = all.get(&host) {
            return under_way.clone();
        }
        let (end, lookup) = watch::channel(None);
        let name = host.clone();
        spawn_blocking(move || end.send_replace(Some(look_up(&name).map_err(Arc::new))));
        all.insert(host, lookup.clone());
        lookup
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

    use super::*;

    const HOME: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_name_is_looked_up_once_at_a_time_though_nobody_waits_any_more() {
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
