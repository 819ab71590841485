//! A connection that carries so many bytes and no more, and is overheard: for yup-oauth2's own
//! HTTP client.
//! Touches: the network.

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{Connected, Connection, HttpConnector},
    },
    rt::TokioExecutor,
};
use tower_service::Service;
use yup_oauth2::{
    CustomHyperClientBuilder,
    hyper::rt::{Read, ReadBuf, ReadBufCursor, Write},
};

use super::overheard::Heard;
use crate::{
    dial::ForHyper,
    http::{Names, Tls},
};

/// The most that a token endpoint may answer, in bytes, its head included. An answer has about
/// two kilobytes; yup-oauth2 makes eighty times as much of a hostile one.
const ANSWER_CAP: usize = 32 * 1024;

/// The client that yup-oauth2 asks for tokens with: it trusts whom the rest of the tree trusts,
/// keeps no connection, and reads no more than a token can need.
///
/// Plain http is possible here, since a key file names its own `token_uri`; which of these are
/// acceptable is decided when the key is read.
///
/// What it hears of the answer's head is left in `heard`.
pub(super) fn client(tls: &Tls, heard: &Heard) -> CustomHyperClientBuilder<LimitedConnector> {
    let https = HttpsConnectorBuilder::new()
        .with_tls_config(tls.for_hyper())
        .https_or_http()
        .enable_http1();
    let way = match tls.dialer() {
        None => {
            let mut tcp = HttpConnector::new_with_resolver(tls.names());
            tcp.enforce_http(false);
            Way::Network(https.wrap_connector(tcp))
        }
        Some(dialer) => Way::Dialer(https.wrap_connector(dialer.for_hyper())),
    };
    let client = Client::builder(TokioExecutor::new())
        .pool_max_idle_per_host(0)
        .build(LimitedConnector { way, heard: heard.clone() });
    CustomHyperClientBuilder::from(client)
}

/// Connects, and limits and hears what the connection brings.
#[derive(Clone)]
pub(super) struct LimitedConnector {
    way: Way,
    heard: Heard,
}

#[derive(Clone)]
enum Way {
    Network(HttpsConnector<HttpConnector<Names>>),
    Dialer(HttpsConnector<ForHyper>),
}

type ConnectError = <HttpsConnector<HttpConnector<Names>> as Service<Uri>>::Error;
type Connecting = Pin<Box<dyn Future<Output = Result<Limited, ConnectError>> + Send>>;

impl Service<Uri> for LimitedConnector {
    type Response = Limited;
    type Error = ConnectError;
    type Future = Connecting;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        match &mut self.way {
            Way::Network(network) => network.poll_ready(cx),
            Way::Dialer(dialer) => dialer.poll_ready(cx),
        }
    }

    fn call(&mut self, to: Uri) -> Self::Future {
        let heard = self.heard.clone();
        match &mut self.way {
            Way::Network(network) => limited(network.call(to), heard),
            Way::Dialer(dialer) => limited(dialer.call(to), heard),
        }
    }
}

fn limited<T: Wire + 'static>(
    connecting: impl Future<Output = Result<T, ConnectError>> + Send + 'static,
    heard: Heard,
) -> Connecting {
    Box::pin(
        async move { Ok(Limited { inner: Box::new(connecting.await?), left: ANSWER_CAP, heard }) },
    )
}

trait Wire: Read + Write + Connection + Send + Unpin {}

impl<T: Read + Write + Connection + Send + Unpin> Wire for T {}

/// A connection from which no more than so many bytes can be read, and whose first answer is
/// heard.
pub(super) struct Limited {
    inner: Box<dyn Wire>,
    left: usize,
    heard: Heard,
}

impl Read for Limited {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        // By way of a buffer of our own, since what was read into theirs is not shown.
        let mut bytes = [0; 4096];
        let room = buffer.remaining().min(bytes.len());
        let mut own = ReadBuf::new(bytes.get_mut(..room).unwrap_or_default());
        ready!(Pin::new(&mut self.inner).poll_read(cx, own.unfilled()))?;
        let read = own.filled();
        self.left = self
            .left
            .checked_sub(read.len())
            .ok_or_else(|| io::Error::other("the answer is too large"))?;
        self.heard.hear(read);
        buffer.put_slice(read);
        Poll::Ready(Ok(()))
    }
}

impl Write for Limited {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

impl Connection for Limited {
    fn connected(&self) -> Connected {
        self.inner.connected()
    }
}
