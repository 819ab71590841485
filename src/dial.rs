//! Connections that are made in another way than by TCP: through a host's own proxy, or to
//! servers that are simulated. Touches: nothing by itself.
//!
//! Without a [`Dialer`] none of this is used: awc and hyper make their own connections. TLS, where
//! the address asks for it, comes on top, and so do all deadlines.

use std::{
    fmt,
    future::Future,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use actix_rt::net::{ActixStream, Ready};
use actix_tls::connect::{ConnectError, ConnectInfo, Connection as Connected};
use awc::http::Uri;
use hyper_util::{client::legacy::connect, rt::TokioIo};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection on its way.
type Dialing = Pin<Box<dyn Future<Output = io::Result<Line>> + Send>>;

/// What makes one to a name and a port.
type Dial = dyn Fn(&str, u16) -> Dialing + Send + Sync;

/// Makes connections: to whom, it is told by name and port.
#[derive(Clone)]
pub struct Dialer(Arc<Dial>);

impl Dialer {
    /// A dialer that calls `dial` for each connection.
    pub fn new<F>(dial: impl Fn(&str, u16) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = io::Result<Line>> + Send + 'static,
    {
        Self(Arc::new(move |host, port| Box::pin(dial(host, port))))
    }

    pub(crate) const fn for_awc(self) -> ForAwc {
        ForAwc(self)
    }

    pub(crate) const fn for_hyper(self) -> ForHyper {
        ForHyper(self)
    }
}

impl fmt::Debug for Dialer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dialer(…)")
    }
}

/// A dialer as awc wants it.
#[derive(Clone)]
pub(crate) struct ForAwc(Dialer);

impl actix_service::Service<ConnectInfo<Uri>> for ForAwc {
    type Response = Connected<Uri, Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Self::Error>>>>;

    fn poll_ready(&self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&self, to: ConnectInfo<Uri>) -> Self::Future {
        let dialing = (self.0.0)(to.hostname(), to.port());
        Box::pin(async move {
            let Line(stream) = dialing.await.map_err(ConnectError::Io)?;
            Ok(Connected::new(to.request().clone(), stream))
        })
    }
}

/// A dialer as hyper wants it.
#[derive(Clone)]
pub(crate) struct ForHyper(Dialer);

impl tower_service::Service<http::Uri> for ForHyper {
    type Response = TokioIo<Stream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<TokioIo<Stream>>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, to: http::Uri) -> Self::Future {
        let known = if to.scheme_str() == Some("https") { 443 } else { 80 };
        let port = to.port_u16().unwrap_or(known);
        let dialing = (self.0.0)(to.host().unwrap_or_default(), port);
        Box::pin(async move { dialing.await.map(|Line(stream)| TokioIo::new(stream)) })
    }
}

/// A connection that a [`Dialer`] has made.
pub struct Line(Stream);

impl Line {
    /// What can be read from `wire` and written to it.
    pub fn new(wire: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Self {
        Self(Stream(Box::new(wire)))
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line(…)")
    }
}

/// What is in a [`Line`], as awc and hyper want it.
pub(crate) struct Stream(Box<dyn Wire>);

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// awc wants it.
impl fmt::Debug for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stream(…)")
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// Whether it is ready shows when it is tried.
impl ActixStream for Stream {
    fn poll_read_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::READABLE))
    }

    fn poll_write_ready(&self, _: &mut Context<'_>) -> Poll<io::Result<Ready>> {
        Poll::Ready(Ok(Ready::WRITABLE))
    }
}

impl connect::Connection for Stream {
    fn connected(&self) -> connect::Connected {
        connect::Connected::new()
    }
}
