//! Tests of what the face bears: strangers who take its places, dawdle, and say too much.

use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    thread,
};

use tokio::time::Instant;

use super::*;

/// The longest that anything is waited for that must happen.
const SOON: Duration = Duration::from_secs(30);

/// How much sooner than it should a timer of the server may end: its clock is coarse.
const COARSE: Duration = Duration::from_secs(1);

const GET: &str = "GET /livez HTTP/1.1\r\nHost: x\r\n";

/// Shows a face to a test. The loop that it tells of has only just turned.
fn served(test: impl FnOnce(SocketAddr)) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = listener.local_addr().unwrap();
    let (stop, stopped) = oneshot::channel();
    let mut shared = Shared::new();
    shared.loop_patience = Duration::MAX;
    let shared = Arc::new(shared);
    let thread = spawn(listener, shared, stopped, crate::log_facade()).unwrap();
    test(at);
    drop(stop);
    thread.join().unwrap();
}

/// A stranger who has said this.
fn says(at: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(at).unwrap();
    stream.set_read_timeout(Some(SOON)).unwrap();
    stream.write_all(text.as_bytes()).unwrap_or_default(); // it may not be listened to
    stream
}

/// All that the stranger is answered until he is hung up on, which must happen.
fn hears(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer).map_err(|error| error.kind());
    let cut = matches!(ended, Ok(_) | Err(io::ErrorKind::ConnectionReset));
    let answer = String::from_utf8(answer).unwrap();
    assert!(cut, "{ended:?} after {answer:?}");
    answer
}

#[test]
fn who_comes_when_all_places_are_taken_waits_for_one() {
    served(|at| {
        let begin = Instant::now();
        let silent: Vec<_> = (0..CONNECTIONS).map(|_| says(at, "")).collect();
        let answer = hears(says(at, &format!("{GET}Connection: close\r\n\r\n")));
        let waited = begin.elapsed();
        assert!(answer.ends_with("alive\n"), "{answer}");
        // They keep their places until their time is up.
        assert!(waited > ASK_WITHIN - COARSE, "answered after {waited:?}, beside {CONNECTIONS}");
        drop(silent);
        let begin = Instant::now();
        hears(says(at, &format!("{GET}Connection: close\r\n\r\n")));
        assert!(begin.elapsed() < ASK_WITHIN, "places are not given back");
    });
}

#[test]
fn whoever_dawdles_is_hung_up_on() {
    let whole = format!("{GET}\r\n");
    let said = [
        String::new(),
        GET.to_owned(),
        whole.clone(),
        format!("{whole}{GET}"),
        format!("{GET}Content-Length: 10\r\n\r\n123"),
        format!("{GET}Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n"),
        format!("{GET}Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"),
    ];
    served(|at| {
        let begin = Instant::now();
        thread::scope(|scope| {
            for text in &said {
                let whole = &whole;
                scope.spawn(move || {
                    let answer = hears(says(at, text));
                    assert_eq!(answer.contains("alive\n"), text.starts_with(whole), "{text:?}");
                    let took = begin.elapsed();
                    assert!(took < 2 * (ASK_WITHIN + CLOSE_WITHIN), "{text:?}: {took:?}");
                });
            }
        });
    });
}

#[test]
fn whoever_dawdles_after_an_answer_is_hung_up_on() {
    served(|at| {
        let mut stream = says(at, &format!("{GET}\r\n"));
        let (mut answer, mut piece) = (Vec::new(), [0; 512]);
        while !answer.ends_with(b"alive\n") {
            let read = stream.read(&mut piece).unwrap();
            assert!(read > 0, "it hangs up");
            answer.extend_from_slice(&piece[..read]);
        }
        let begin = Instant::now();
        stream.write_all(b"G").unwrap();
        hears(stream);
        let took = begin.elapsed();
        assert!(took < ANSWERED_WITHIN + 2 * CLOSE_WITHIN, "{took:?}");
    });
}

#[test]
fn a_head_that_is_too_large_is_refused() {
    served(|at| {
        for (size, status) in [(0, 200), (HEAD / 2, 200), (HEAD, 431), (20 * HEAD, 431)] {
            let (name, path) = ("x".repeat(size), "y".repeat(size));
            for text in [
                format!("{GET}Connection: close\r\nX-Long: {name}\r\n\r\n"),
                format!("GET /livez?{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
            ] {
                let answer = hears(says(at, &text));
                let expected = format!("HTTP/1.1 {status} ");
                // Who is hung up on in the middle of his sentence may not hear why.
                let cut = size > HEAD && answer.is_empty();
                assert!(cut || answer.starts_with(&expected), "{size}: {answer}");
            }
        }
    });
}

#[test]
fn of_a_head_without_an_end_so_much_is_read_and_no_more() {
    served(|at| {
        let endless = |size: usize| format!("{GET}X-Long: {}", "x".repeat(size - GET.len() - 8));
        let begin = Instant::now();
        hears(says(at, &endless(READ as usize)));
        let took = begin.elapsed();
        assert!(took < ASK_WITHIN - COARSE, "it waits for more: {took:?}");
        hears(says(at, &endless(READ as usize - 1)));
        let took = begin.elapsed();
        assert!(took > ASK_WITHIN - COARSE, "it is hung up on before: {took:?}");
    });
}

#[test]
fn a_body_is_refused_and_not_read() {
    served(|at| {
        for length in ["Content-Length: 1000000000", "Transfer-Encoding: chunked"] {
            let answer = hears(says(at, &format!("{GET}{length}\r\n\r\n")));
            assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
            assert!(answer.contains("\r\nconnection: close"), "{answer}");
        }
        let none = says(at, &format!("{GET}Content-Length: 0\r\nConnection: close\r\n\r\n"));
        assert!(hears(none).starts_with("HTTP/1.1 200 "));
    });
}
