//! A server in memory that says what a test has it say, whomever is asked for. Touches: nothing.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use crate::{Dialer, Line};

/// Connections to a server that answers each request, of which it sees head and body, with a
/// status and a body.
pub(crate) fn scripted(
    answer: impl Fn(&str) -> (u16, String) + Clone + Send + Sync + 'static,
) -> Dialer {
    Dialer::new(move |_, _| {
        let (ours, theirs) = duplex(64 * 1024);
        drop(actix_rt::spawn(serve(theirs, answer.clone())));
        async { Ok(Line::new(ours)) }
    })
}

/// Answers one request after the other.
async fn serve(mut line: DuplexStream, answer: impl Fn(&str) -> (u16, String)) {
    let (mut request, mut bytes) = (String::new(), [0; 4 * 1024]);
    while let Ok(length @ 1..) = line.read(&mut bytes).await {
        request.push_str(&String::from_utf8_lossy(bytes.get(..length).unwrap_or_default()));
        if is_whole(&request) {
            let (status, body) = answer(&request);
            let length = body.len();
            let answer = format!("HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\r\n{body}");
            // Whoever has hung up wants no answer.
            if line.write_all(answer.as_bytes()).await.is_err() {
                return;
            }
            request.clear();
        }
    }
}

/// Whether all of a request is there.
fn is_whole(request: &str) -> bool {
    let Some((head, body)) = request.split_once("\r\n\r\n") else { return false };
    let lines = head.lines().filter_map(|line| line.split_once(':'));
    let mut lengths = lines.filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let length = lengths.next().and_then(|(_, length)| length.trim().parse().ok());
    body.len() >= length.unwrap_or(0)
}
