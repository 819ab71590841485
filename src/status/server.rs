//! The face's thread, and what it bears. Touches: a listening socket, threads of its own.

use std::{
    io,
    net::TcpListener,
    sync::Arc,
    thread::{self, JoinHandle},
    time::Duration,
};

use actix_web::{
    App, HttpRequest, HttpResponse, HttpServer,
    http::{StatusCode, header},
    web,
};
use slog::{Logger, error};
use tokio::sync::oneshot;

use super::{
    answer::{answer, refuse},
    watch::Shared,
};

/// The most connections at once.
const CONNECTIONS: usize = 64;

/// The most that a request may say. It has no body.
const HEAD: usize = 16 << 10;

/// The longest that a request may take to arrive.
const ASK_WITHIN: Duration = Duration::from_secs(5);

/// The longest that a connection is kept between two requests.
const KEEP_IDLE: Duration = Duration::from_secs(5);

/// The longest that the other side may take to close its end.
const CLOSE_WITHIN: Duration = Duration::from_secs(1);

/// Serves on a thread of its own, until `stopped` says so or its other end is dropped.
pub(super) fn spawn(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
    log: Logger,
) -> io::Result<JoinHandle<()>> {
    let serve = move || {
        let served = actix_rt::System::new().block_on(serve(listener, shared, stopped));
        if let Err(cause) = served {
            error!(log, "the status page is not served any more: {}", cause);
        }
    };
    thread::Builder::new().name("status".into()).spawn(serve)
}

async fn serve(
    listener: TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    let shared = web::Data::from(shared);
    let app =
        move || App::new().app_data(web::Data::clone(&shared)).default_service(web::to(reply));
    let mut server = HttpServer::new(app)
        .workers(1)
        .worker_max_blocking_threads(1)
        .max_connections(CONNECTIONS)
        .client_request_timeout(ASK_WITHIN)
        .client_disconnect_timeout(CLOSE_WITHIN)
        .keep_alive(KEEP_IDLE)
        .disable_signals()
        .listen(listener)?
        .run();
    tokio::select! {
        ended = &mut server => return ended,
        _ = stopped => {}
    }
    let stopping = server.handle().stop(false);
    server.await?;
    stopping.await;
    Ok(())
}

async fn reply(
    request: HttpRequest,
    body: web::Payload,
    shared: web::Data<Shared>,
) -> HttpResponse {
    if has_body(&request) {
        let mut refusal = refuse(StatusCode::PAYLOAD_TOO_LARGE);
        // It is still there when the answer is sent, so that the connection is closed. One that is
        // dropped before is read to its end, which may never come.
        refusal.extensions_mut().insert(body);
        return refusal;
    }
    if head(&request) > HEAD {
        return refuse(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
    }
    answer(request.method(), request.path(), &shared)
}

fn has_body(request: &HttpRequest) -> bool {
    let headers = request.headers();
    let length = headers.get(header::CONTENT_LENGTH);
    headers.contains_key(header::TRANSFER_ENCODING) || length.is_some_and(|length| length != "0")
}

/// How much a request says.
fn head(request: &HttpRequest) -> usize {
    let headers = request.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len());
    request.uri().to_string().len() + headers.sum::<usize>()
}

#[cfg(test)]
mod tests;
