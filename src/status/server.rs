//! The face's thread, and what it bears. Touches: a listening socket, a thread of its own.

use std::{
    convert::Infallible,
    future::ready,
    io,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_http::{
    HttpMessage as _, HttpService, Request, Response, StatusCode, body::BoxBody, header,
};
use actix_service::{Service as _, ServiceFactory as _, fn_service};
use slog::{Logger, error};
use tokio::{net, sync::oneshot, task::JoinSet, time::sleep};

use super::{
    answer::{answer, refuse},
    sips::Sips,
    watch::Shared,
};

/// The most connections at once.
const CONNECTIONS: usize = 64;

/// The most that a request may say, in bytes. It has no body.
const HEAD: usize = 8 << 10;

/// The most bytes of a connection that are read between two answers: enough to be told, mostly,
/// that it is too much.
const READ: u64 = 2 * HEAD as u64;

/// The longest that a request may take to arrive.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// The longest that a connection is kept between two requests.
const KEEP_IDLE: Duration = Duration::from_secs(5);

/// The longest from one answer to the next, however it is asked for: actix-http by itself times
/// the first request alone, and none whose answer is not taken.
const ANSWERED_WITHIN: Duration = Duration::from_secs(10);

/// The longest that the other side may take to close its end.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// The wait after a connection that could not be taken, as where there is no descriptor left.
const TAKE_AGAIN: Duration = Duration::from_millis(200);

/// Serves on a thread of its own, until `stopped` says so or its other end is dropped.
pub(super) fn spawn(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    log: Logger,
) -> io::Result<JoinHandle<()>> {
    let serve = move || {
        let serving = async {
            tokio::select! {
                ended = serve(listener, shared) => ended,
                _ = stopped => Ok(()),
            }
        };
        let served = actix_rt::Runtime::new().and_then(|runtime| runtime.block_on(serving));
        if let Err(cause) = served {
            error!(log, "the probes are not answered any more: {}", cause);
        }
    };
    thread::Builder::new().name("status".into()).spawn(serve)
}

/// Serves for ever, unless it cannot begin. Whoever comes when all places are taken waits for one.
async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    let replies = fn_service(move |request| ready(Ok::<_, Infallible>(reply(request, &shared))));
    let http = HttpService::build()
        .client_request_timeout(ASK_WITHIN)
        .client_disconnect_timeout(CLOSE_WITHIN)
        .keep_alive(KEEP_IDLE)
        .h1(replies);
    let http = http.new_service(()).await.map_err(|()| io::Error::other("no HTTP service"))?;
    listener.set_nonblocking(true)?;
    let listener = net::TcpListener::from_std(listener)?;
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = open.join_next() => {}
            taken = listener.accept(), if open.len() < CONNECTIONS => match taken {
                Ok((stream, from)) => {
                    let stream = Sips::new(stream, READ, ANSWERED_WITHIN);
                    open.spawn_local(http.call((stream, Some(from))));
                }
                Err(_) => sleep(TAKE_AGAIN).await,
            },
        }
    }
}

fn reply(mut request: Request, shared: &Shared) -> Response<BoxBody> {
    if has_body(&request) {
        let mut refusal = refuse(StatusCode::PAYLOAD_TOO_LARGE);
        // It is still there when the answer is sent, so that the connection is closed. One that is
        // dropped before is read to its end, which may never come.
        refusal.extensions_mut().insert(request.take_payload());
        return refusal;
    }
    if head(&request) > HEAD {
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    answer(request.method(), request.path(), shared)
}

fn has_body(request: &Request) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// How much a request says.
fn head(request: &Request) -> usize {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
    request.uri().to_string().len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests;
