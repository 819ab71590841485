//! The network: connections in memory, and the servers' side of them.

use std::{
    cell::Cell,
    future::pending,
    io,
    pin::Pin,
    rc::Rc,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use ratesheet::{Dialer, Line};
use tokio::{
    io::{
        AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, DuplexStream, ReadBuf,
        WriteHalf, duplex, split,
    },
    sync::{mpsc, oneshot},
    time::{sleep, timeout},
};

use super::{
    broken::Broken,
    faults::{self, Fault, Service},
    google,
    http1::{self, Reply, Request},
    kraken,
    meddle::Meddled,
    planted::Bug,
    request::End,
    world::{Exchange, World},
};

/// The product's end of a connection.
struct Wire {
    duplex: DuplexStream,
    /// Whether its end is a reset.
    reset: Arc<AtomicBool>,
}

impl AsyncRead for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = std::task::ready!(Pin::new(&mut self.duplex).poll_read(cx, buffer));
        let ended = buffer.filled().len() == before && buffer.remaining() > 0;
        if ended && self.reset.load(Ordering::Relaxed) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        Poll::Ready(read)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.duplex).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.duplex).poll_shutdown(cx)
    }
}

type Call = (String, u16, oneshot::Sender<io::Result<Line>>);

/// Makes connections to the servers of a world.
pub(crate) fn dialer(world: &Rc<World>) -> Dialer {
    let (calls, mut waiting) = mpsc::unbounded_channel::<Call>();
    let world = Rc::clone(world);
    actix_rt::spawn(async move {
        while let Some((host, port, line)) = waiting.recv().await {
            match Service::at(&host, port) {
                Some(service) => {
                    actix_rt::spawn(connect(Rc::clone(&world), service, line));
                }
                None => world.judge(Err((Broken::Foreign, format!("{host}:{port} is called")))),
            }
        }
    });
    Dialer::new(move |host, port| {
        let (answer, line) = oneshot::channel();
        let sent = calls.send((host.to_owned(), port, answer));
        async move {
            sent.map_err(io::Error::other)?;
            line.await.map_err(io::Error::other)?
        }
    })
}

/// Counts an open connection.
struct Open<'a>(&'a Cell<usize>);

impl<'a> Open<'a> {
    fn new(count: &'a Cell<usize>) -> Self {
        count.set(count.get() + 1);
        Self(count)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn connect(world: Rc<World>, service: Service, mut line: oneshot::Sender<io::Result<Line>>) {
    let fault = world.fault(service, None);
    if let Some(fault) = fault {
        world.unreachable(service, fault);
    }
    match fault {
        Some(Fault::Refuse) => {
            drop(line.send(Err(io::ErrorKind::ConnectionRefused.into())));
            return;
        }
        Some(Fault::NeverConnect) => return line.closed().await,
        Some(_) => sleep(Duration::from_millis(world.dice(|dice| dice.u64(0..5_000)))).await,
        None => {}
    }
    let (ours, duplex) = duplex(64 * 1024);
    let reset = Arc::new(AtomicBool::new(false));
    if line.send(Ok(Line::new(Wire { duplex, reset: Arc::clone(&reset) }))).is_ok() {
        let open = Open::new(&world.open);
        serve(&world, service, ours, &reset).await;
        if world.bug_leaks() {
            std::mem::forget(open);
        }
    }
}

/// Answers one request after the other, until the connection ends.
async fn serve(world: &Rc<World>, service: Service, ours: DuplexStream, reset: &AtomicBool) {
    let (mut reader, mut writer) = split(ours);
    let mut buffer = Vec::new();
    loop {
        let read = timeout(world.plan.keep_alive, http1::read(&mut reader, &mut buffer)).await;
        let Ok(Ok(Some(request))) = read else { return };
        let request = match world.meddles(service, request) {
            Meddled::Sent(request) => request,
            Meddled::Swallowed(reply) => {
                drop(writer.write_all(&reply.bytes()).await);
                continue;
            }
        };
        if let Some(between) = world.bug_comes_between(&request) {
            beside(world, service, between).await;
        }
        let exchange = world.begins(service, request);
        world.bug_sees_fault(&exchange);
        let (goes_on, cut) = tokio::select! {
            biased;
            () = cut_by_bug(world, &exchange) => (false, true),
            goes_on = answer(world, &exchange, &mut writer, reset) => (goes_on, false),
            _ = reader.read_u8() => (false, true),
        };
        if !goes_on {
            world.ends(&exchange, &End { cut, ..End::default() }); // unless it has ended well
            world.bug_sees_end(&exchange, None, false);
            return;
        }
    }
}

/// Does and answers what was asked, as far as the fault lets it; whether the connection goes on.
async fn answer(
    world: &Rc<World>,
    exchange: &Exchange,
    writer: &mut WriteHalf<DuplexStream>,
    reset: &AtomicBool,
) -> bool {
    sleep(Duration::from_millis(world.plan.latency) + world.bug_dawdles(exchange)).await;
    reset.store(world.dice(|dice| dice.bool()), Ordering::Relaxed);
    let delay = |most| Duration::from_millis(world.dice(|dice| dice.u64(0..most)));
    let (service, fault) = (exchange.service, exchange.fault);
    match fault {
        Some(Fault::Hang) => pending().await,
        Some(Fault::Reset) => return false,
        Some(Fault::LateApply) => {
            apply_late(world, exchange);
            return if world.dice(|dice| dice.bool()) { pending().await } else { false };
        }
        Some(Fault::Delay) if world.dice(|dice| dice.bool()) => sleep(delay(40_000)).await,
        _ => {}
    }
    let (reply, pairs) = match fault {
        Some(Fault::Status) => (world.dice(|dice| faults::status(service, dice)), Vec::new()),
        Some(Fault::Says(code, rest)) => (faults::says(service, code, rest), Vec::new()),
        Some(Fault::Unauthorized) => (google::unauthorized(), Vec::new()),
        Some(Fault::RateLimit) => {
            (world.dice(|dice| faults::rate_limit(service, dice)), Vec::new())
        }
        Some(Fault::BadBody) => {
            drop(world.act(exchange)); // whether it is done is nobody's to know
            (world.dice(faults::bad_body), Vec::new())
        }
        _ => world.act(exchange),
    };
    let bytes = reply.bytes();
    let half = bytes.len() - reply.body.len() / 2 - 1;
    match fault {
        Some(Fault::LostReply) => return false,
        Some(Fault::ResetMid | Fault::Truncate) => {
            drop(writer.write_all(&bytes[..half]).await);
            reset.store(fault == Some(Fault::ResetMid), Ordering::Relaxed);
            return false;
        }
        Some(Fault::Drip) => {
            let pause = delay(2_000);
            for part in bytes.chunks(16) {
                sleep(pause).await;
                if writer.write_all(part).await.is_err() {
                    return false;
                }
            }
        }
        Some(Fault::Delay) => {
            sleep(delay(40_000)).await;
            if writer.write_all(&bytes).await.is_err() {
                return false;
            }
        }
        _ if writer.write_all(&bytes).await.is_err() => return false,
        _ => {}
    }
    // An answer of Kraken's with which something is wrong may be of any use, or of none.
    let odd = reply.good && service == Service::Kraken && fault == Some(Fault::Quirk);
    let own = fault.is_none() || reply.body.contains(kraken::UNKNOWN);
    let (good, own) = (reply.good && !odd, !reply.good && own);
    let end = End { status: reply.status, whole: true, good, own, odd, pairs, cut: false };
    world.ends(exchange, &end);
    world.bug_sees_end(exchange, Some(&reply), good);
    true
}

/// Carries out a write some time after its connection has died.
fn apply_late(world: &Rc<World>, exchange: &Exchange) {
    let late = world.dice(faults::late);
    let world = Rc::clone(world);
    let id = exchange.id;
    let exchange = Exchange { fault: None, ..exchange.clone() };
    actix_rt::spawn(async move {
        sleep(late).await;
        let (reply, _) = world.act(&exchange);
        world.note(&format!("#{id} is done late: {}", reply.good));
    });
}

/// A request that is made beside all connections.
pub(crate) async fn beside(world: &World, service: Service, request: Request) {
    let exchange = world.begins(service, request);
    if exchange.fault.is_some() {
        return world.ends(&exchange, &End::default());
    }
    let (Reply { status, good, .. }, pairs) = world.act(&exchange);
    let end = End { status, whole: true, good, own: !good, odd: false, pairs, cut: false };
    world.ends(&exchange, &end);
}

/// Ends when a bug breaks off a request.
async fn cut_by_bug(world: &World, exchange: &Exchange) {
    if world.bug() != Some(Bug::CutWrite) {
        return pending().await;
    }
    while !world.bug_cuts(exchange) {
        sleep(Duration::from_millis(100)).await;
    }
}
