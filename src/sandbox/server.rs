//! The server: one thread, one listener on the loopback, the journal around every request.
//! Touches: sockets of 127.0.0.1, its own thread, the wall clock. Never: anything else's.

use std::{
    convert::Infallible,
    future::pending,
    io,
    net::{SocketAddr, TcpListener as StdListener},
    rc::Rc,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc as std_mpsc,
    },
    time::Duration,
};

use actix_http::{HttpService, Request as HttpRequest, Response};
use actix_web::{
    body::{BodySize, BodyStream, to_bytes_limited},
    dev::{Payload, Service as _, ServiceFactory as _, fn_service},
    http::{
        StatusCode,
        header::{HeaderName, HeaderValue},
    },
    web::Bytes,
};
use jiff::Timestamp;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
};

use super::{
    body::{Script, Step},
    exchange::{Reply, Request},
    faults::{Mangling, Outcome, Plan, Play, Serve, play},
    journal::Entry,
    state::State,
};

/// The longest body of a request that is read: more than Sheets' own recommendation of 2 MB.
const REQUEST_BYTES: usize = 32 * 1024 * 1024;

/// How long an idle connection stays open: minutes, as at Google's and Cloudflare's.
const KEEP_ALIVE: Duration = Duration::from_secs(240);

/// The state, and the bell that rings when it has changed.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    changes: watch::Sender<u64>,
    connections: AtomicU64,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        Self {
            state: Mutex::new(state),
            changes: watch::Sender::new(0),
            connections: AtomicU64::new(0),
        }
    }

    pub(super) fn read(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes the state, and says so to everybody who waits.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let result = change(&mut self.read());
        self.changes.send_modify(|version| *version += 1);
        result
    }

    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }
}

/// What the server's thread can be told.
pub(super) enum Command {
    /// Closes the listener and every connection.
    Pause(std_mpsc::Sender<io::Result<()>>),
    /// Listens again, at the same port.
    Resume(std_mpsc::Sender<io::Result<()>>),
    /// Answers after this time: a deadline on the real clock for whoever waits.
    After(Duration, oneshot::Sender<()>),
    /// Ends the thread.
    Stop,
}

/// Binds an address of the loopback without listening: so the port stays ours while the
/// listener is away.
pub(super) fn reserve(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// Listens at an address that may be reserved.
pub(super) fn listen(address: SocketAddr) -> io::Result<StdListener> {
    let socket = reserve(address)?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves until it is told to stop.
pub(super) async fn run(
    shared: Arc<Shared>,
    address: SocketAddr,
    first: StdListener,
    mut commands: mpsc::UnboundedReceiver<Command>,
) -> io::Result<()> {
    let handler = {
        let shared = Arc::clone(&shared);
        fn_service(move |request| {
            let shared = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(answer(shared, request).await) }
        })
    };
    let http = HttpService::build()
        .keep_alive(KEEP_ALIVE)
        .client_request_timeout(Duration::ZERO)
        .h1_allow_half_closed(false)
        .on_connect_ext(move |stream: &TcpStream, data| {
            let id = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
            let socket = SockRef::from(stream).try_clone().ok().map(Rc::new);
            data.insert(Connection { id, socket });
        })
        .h1(handler);
    let http = http.new_service(()).await.map_err(|()| io::Error::other("no HTTP service"))?;
    let mut listener = Some(TcpListener::from_std(first)?);
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            command = commands.recv() => match command {
                None | Some(Command::Stop) => break,
                Some(Command::Pause(done)) => {
                    listener = None;
                    open.shutdown().await;
                    done.send(Ok(())).ok();
                }
                Some(Command::Resume(done)) => {
                    let result = match listener {
                        Some(_) => Ok(()),
                        None => listen(address).and_then(TcpListener::from_std).map(|fresh| {
                            listener = Some(fresh);
                        }),
                    };
                    done.send(result).ok();
                }
                Some(Command::After(pause, mut done)) => {
                    actix_web::rt::spawn(async move {
                        tokio::select! {
                            () = tokio::time::sleep(pause) => { done.send(()).ok(); }
                            () = done.closed() => {}
                        }
                    });
                }
            },
            Some((stream, peer)) = accept(listener.as_ref()) => {
                while open.try_join_next().is_some() {}
                open.spawn_local(http.call((stream, Some(peer))));
            }
        }
    }
    drop(listener);
    open.shutdown().await;
    Ok(())
}

async fn accept(listener: Option<&TcpListener>) -> Option<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await.ok(),
        None => pending().await,
    }
}

/// A connection, as its requests see it.
#[derive(Clone)]
struct Connection {
    id: u64,
    /// The same socket once more, for an option that can only be set on it.
    socket: Option<Rc<Socket>>,
}

/// An entry of the journal that is still open. Ends it when dropped.
pub(super) struct Open {
    shared: Arc<Shared>,
    seq: u64,
}

impl Open {
    fn edit(&self, change: impl FnOnce(&mut Entry)) {
        self.shared.update(|state| state.journal.edit(self.seq, change));
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.shared.update(|state| state.journal.end(self.seq, Timestamp::now()));
    }
}

async fn answer(shared: Arc<Shared>, mut request: HttpRequest) -> Response<Script> {
    let connection = request.conn_data::<Connection>().cloned();
    let body = read_body(request.take_payload()).await;
    let whole = body.is_some();
    let request = plain(&request, body.unwrap_or_default());
    let id = connection.as_ref().map_or(0, |connection| connection.id);
    let (seq, mut plan) = shared.update(|state| state.begin(&request, id, Timestamp::now()));
    if !whole {
        plan.serve = Serve::No;
        plan.outcome = Outcome::Drop { reset: false };
    }
    let open = Open { shared: Arc::clone(&shared), seq };
    let reply = serve(&shared, seq, &request, plan.serve).await;
    finish(plan, reply, open, connection).await
}

fn plain(request: &HttpRequest, body: Bytes) -> Request {
    let headers = request.head().headers();
    let headers = headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
    });
    Request {
        method: request.method().to_string(),
        path: request.path().to_owned(),
        query: request.uri().query().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body,
    }
}

/// The whole body; `None` when it breaks off or is too long.
async fn read_body(payload: Payload) -> Option<Bytes> {
    to_bytes_limited(BodyStream::new(payload), REQUEST_BYTES).await.ok()?.ok()
}

/// Carries a request out, when the plan says so.
async fn serve(shared: &Arc<Shared>, seq: u64, request: &Request, when: Serve) -> Option<Reply> {
    let apply = |shared: &Shared| {
        shared.update(|state| {
            state.journal.edit(seq, |entry| entry.applied = true);
            state.respond(request, Timestamp::now())
        })
    };
    match when {
        Serve::No => None,
        Serve::AtOnce => Some(apply(shared)),
        Serve::After(pause) => {
            tokio::time::sleep(pause).await;
            Some(apply(shared))
        }
        Serve::Detached(pause) => {
            let (shared, request) = (Arc::clone(shared), request.clone());
            let task = actix_web::rt::spawn(async move {
                tokio::time::sleep(pause).await;
                shared.update(|state| {
                    state.journal.edit(seq, |entry| entry.applied = true);
                    state.respond(&request, Timestamp::now())
                })
            });
            task.await.ok()
        }
    }
}

/// Turns the plan's outcome into what the connection sends.
async fn finish(
    plan: Plan,
    reply: Option<Reply>,
    open: Open,
    connection: Option<Connection>,
) -> Response<Script> {
    match plan.outcome {
        Outcome::Hang => pending().await,
        Outcome::Drop { reset } => {
            if reset {
                end_by_reset(connection);
            }
            gone(open)
        }
        Outcome::Raw { pieces, every } => {
            if let Some(socket) = connection.and_then(|connection| connection.socket) {
                // When it cannot be sent, the client has gone: the end is the same.
                send_raw(&socket, &pieces, every).await.unwrap_or_default();
            }
            gone(open)
        }
        Outcome::Flood { start, again, times } => {
            if let Some(socket) = connection.and_then(|connection| connection.socket) {
                send_flood(&socket, &start, &again, times).await.unwrap_or_default();
            }
            gone(open)
        }
        Outcome::Infinite => {
            let head = Reply::new(200, "application/json; charset=UTF-8", "");
            let spaces = Bytes::from(vec![b' '; 16 * 1024]);
            let steps = [Step::Repeat(spaces, Duration::ZERO)].into();
            respond(head, Play { size: BodySize::Stream, steps, close: false }, open)
        }
        Outcome::Other(mut other) => {
            let body = std::mem::take(&mut other.body);
            respond(other, play(&Mangling::None, body), open)
        }
        Outcome::Right(mangling) => {
            let mut reply = reply.unwrap_or_else(|| Reply::new(500, "text/plain", ""));
            let mut body = std::mem::take(&mut reply.body);
            if let Mangling::ContentEncoding(name) = &mangling {
                reply.headers.retain(|(name, _)| name != "content-encoding");
                reply.headers.push(("content-encoding".into(), name.clone()));
                body.iter_mut().for_each(|byte| *byte ^= 0xa5);
            }
            if mangling == Mangling::ResetMid {
                end_by_reset(connection);
            }
            respond(reply, play(&mangling, body), open)
        }
    }
}

/// Without linger, the last close of a connection sends RST. If it cannot be set, a FIN must do.
fn end_by_reset(connection: Option<Connection>) {
    if let Some(socket) = connection.and_then(|connection| connection.socket) {
        socket.set_linger(Some(Duration::ZERO)).unwrap_or_default();
    }
}

/// A response whose head is never sent: its body breaks off before the first flush, and with it
/// the connection.
fn gone(open: Open) -> Response<Script> {
    let script = Script::new(BodySize::Sized(1), [Step::Break], open);
    Response::with_body(StatusCode::OK, script)
}

/// Writes past HTTP, right into the socket.
async fn send_raw(socket: &Socket, pieces: &[String], every: Duration) -> io::Result<()> {
    let stream = TcpStream::from_std(socket.try_clone()?.into())?;
    for piece in pieces {
        tokio::time::sleep(every).await;
        send_all(&stream, piece.as_bytes()).await?;
    }
    Ok(())
}

async fn send_flood(socket: &Socket, start: &[u8], again: &[u8], times: u64) -> io::Result<()> {
    let stream = TcpStream::from_std(socket.try_clone()?.into())?;
    send_all(&stream, start).await?;
    // Many short ones go out together: a system call for each would be no flood.
    let at_once = (16 * 1024 / again.len().max(1)).max(1) as u64;
    let together = again.repeat(at_once.min(times) as usize);
    for _ in 0..times / at_once {
        send_all(&stream, &together).await?;
    }
    let rest = again.repeat((times % at_once) as usize);
    send_all(&stream, &rest).await
}

async fn send_all(stream: &TcpStream, mut rest: &[u8]) -> io::Result<()> {
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(sent) => rest = rest.get(sent..).unwrap_or_default(),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn respond(reply: Reply, play: Play, open: Open) -> Response<Script> {
    open.edit(|entry| entry.status = Some(reply.status));
    let status = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let script = Script::new(play.size, play.steps, open);
    let mut response = Response::with_body(status, script);
    for (name, value) in &reply.headers {
        let header = (HeaderName::try_from(name.as_str()), HeaderValue::try_from(value.as_str()));
        if let (Ok(name), Ok(value)) = header {
            response.headers_mut().append(name, value);
        }
    }
    if play.close {
        response.head_mut().no_chunking(true);
        response.head_mut().set_connection_type(actix_http::ConnectionType::Close);
    }
    response
}
