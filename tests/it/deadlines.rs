//! Every wait has an end: servers that stand still in each phase of a request, and that the next
//! attempt begins when it must.

use std::{
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Duration,
};

use ratesheet::{
    Config,
    sandbox::{Fault, Service},
};
use socket2::{Domain, Socket, Type};
use tokio::time::Instant;

use crate::rig::{ONE, Rig, block_on, one_price, report, status, took, with_tree};

/// From one byte to the next.
const QUICKLY: Duration = Duration::from_millis(50);

/// Room for a busy machine.
const SLACK: Duration = Duration::from_secs(3);

/// A server that takes no more connections: who comes to it waits for an answer to his SYN.
struct Full {
    address: SocketAddr,
    _all: (Socket, Vec<Socket>),
}

impl Full {
    fn new() -> Self {
        let socket = || Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
        let server = socket();
        server.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
        server.listen(0).unwrap();
        let address = server.local_addr().unwrap().as_socket().unwrap();
        let fill = || {
            let client = socket();
            client.set_nonblocking(true).unwrap();
            drop(client.connect(&address.into()));
            client
        };
        let clients = (0..4).map(|_| fill()).collect();
        Self { address, _all: (server, clients) }
    }
}

/// A server that the kernel accepts connections for, and nobody else.
fn silent() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// A head, byte by byte.
fn head_that_drips(every: Duration) -> Fault {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
    let pieces = head.chars().map(String::from).collect();
    Fault::Raw { pieces, every }
}

fn body_that_drips() -> Fault {
    Fault::Drip { bytes: 1, every: QUICKLY }
}

/// No request that met a fault was open for longer than it may, and three, at least, for as long.
fn each_was_given_up(rig: &Rig, service: Service, deadline: Duration) {
    let all = rig.sandbox.requests(service);
    let met: Vec<_> = all.iter().filter(|entry| entry.fault.is_some()).filter_map(took).collect();
    // Those that the end of a tree has cut short are no matter.
    let whole = met.iter().filter(|took| **took > deadline / 2).count();
    let longest = met.iter().max().unwrap();
    assert!(whole >= 3 && *longest < deadline + SLACK / 2, "{met:?}");
}

/// Three attempts at Kraken take no longer than three deadlines and waits.
fn kraken_is_given_up(config: Config) {
    let each = config.kraken.deadline + config.retry.backoff.max;
    block_on(async {
        with_tree(config.sheet(one_price(ONE)), async |supervisor| {
            let began = Instant::now();
            while status(supervisor).await.kraken.failures < 3 {
                assert!(
                    began.elapsed() < 3 * each + SLACK,
                    "{:?}",
                    status(supervisor).await.kraken
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    });
}

/// As many at Google.
fn google_is_given_up(config: Config) {
    let each = config.google.deadline + config.retry.backoff.max;
    block_on(async {
        with_tree(config.sheet(one_price(ONE)), async |supervisor| {
            let began = Instant::now();
            let often = |report: &ratesheet::SpreadsheetReport| {
                report.failing.as_ref().is_some_and(|failing| failing.attempts >= 3)
            };
            report(supervisor, often).await;
            assert!(began.elapsed() < 4 * each + SLACK, "{:?}", began.elapsed());
        })
        .await;
    });
}

#[test]
fn who_does_not_take_the_connection_is_given_up() {
    let (rig, full) = (Rig::new(), Full::new());
    assert!(
        TcpStream::connect_timeout(&full.address, Duration::from_millis(300)).is_err(),
        "it takes connections"
    );
    let mut config = rig.config();
    config.kraken.url = format!("http://{}", full.address);
    kraken_is_given_up(config);
    let mut config = rig.config();
    config.google.url = format!("http://{}", full.address);
    google_is_given_up(config);
}

#[test]
fn who_does_not_shake_hands_is_given_up() {
    let (rig, (_listener, address)) = (Rig::new(), silent());
    let mut config = rig.config();
    config.kraken.url = format!("https://{address}");
    kraken_is_given_up(config);
    let mut config = rig.config();
    config.google.url = format!("https://{address}");
    google_is_given_up(config);
}

#[test]
fn a_head_that_drips_is_given_up() {
    let rig = Rig::new();
    for service in [Service::Kraken, Service::Sheets] {
        rig.sandbox.fault(service, head_that_drips(QUICKLY));
    }
    kraken_is_given_up(rig.config());
    each_was_given_up(&rig, Service::Kraken, rig.config().kraken.deadline);
    rig.sandbox.clear_faults();
    rig.sandbox.fault(Service::Sheets, head_that_drips(QUICKLY));
    google_is_given_up(rig.config());
    each_was_given_up(&rig, Service::Sheets, rig.config().google.deadline);
}

#[test]
fn a_body_that_drips_is_given_up() {
    let rig = Rig::new();
    rig.sandbox.fault(Service::Kraken, body_that_drips());
    kraken_is_given_up(rig.config());
    each_was_given_up(&rig, Service::Kraken, rig.config().kraken.deadline);
    rig.sandbox.clear_faults();
    rig.sandbox.fault(Service::Sheets, body_that_drips());
    google_is_given_up(rig.config());
    each_was_given_up(&rig, Service::Sheets, rig.config().google.deadline);
}

/// A token has ten seconds, whatever is configured; all of these wait here at once.
#[test]
fn a_token_that_is_not_given_is_given_up() {
    let given_up = |rig: &Rig| {
        block_on(async {
            with_tree(rig.config().sheet(one_price(ONE)), async |supervisor| {
                let began = Instant::now();
                let failing = report(supervisor, |report| report.failing.is_some()).await;
                let took = began.elapsed();
                let told = failing.failing.unwrap().failure.to_string();
                assert!(told.contains("token endpoint"), "{told}");
                assert!(took < Duration::from_secs(10) + SLACK, "{took:?}: {told}");
            })
            .await;
        });
    };
    let every = Duration::from_millis(200);
    let (full, (_listener, silent)) = (Full::new(), silent());
    thread::scope(|scope| {
        for drip in [Fault::Drip { bytes: 1, every }, head_that_drips(every)] {
            scope.spawn(move || {
                let rig = Rig::new();
                rig.sandbox.fault(Service::Token, drip);
                given_up(&rig);
            });
        }
        for url in [format!("http://{}", full.address), format!("https://{silent}")] {
            scope.spawn(move || {
                let rig = Rig::new();
                rig.set_token_endpoint(&url);
                given_up(&rig);
            });
        }
    });
}
