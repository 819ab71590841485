//! Every fault as the wire sees it: raw sockets, so that no client hides anything.

use std::io::ErrorKind;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

use super::*;

const TIME: &str = "/0/public/Time";

/// What arrives until the connection ends: head, body, and how it ended.
struct Heard {
    head: String,
    body: Vec<u8>,
    end: Result<(), ErrorKind>,
}

impl Heard {
    fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        let fields = lines.filter_map(|line| line.split_once(": "));
        fields.into_iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

async fn connect(sandbox: &Sandbox, verb: &str, target: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(sandbox.address()).await.unwrap();
    let request = format!(
        "{verb} {target} HTTP/1.1\r\nHost: here\r\nConnection: close\r\nAuthorization: {}\r\n\
         Content-Length: {}\r\n\r\n{body}",
        bearer(sandbox),
        body.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

async fn hear(sandbox: &Sandbox, verb: &str, target: &str, body: &str) -> Heard {
    let mut stream = connect(sandbox, verb, target, body).await;
    let mut bytes = Vec::new();
    let read = timeout(SOON, stream.read_to_end(&mut bytes)).await.unwrap();
    let end = read.map(|_| ()).map_err(|error| error.kind());
    let head = bytes.windows(4).position(|four| four == b"\r\n\r\n").map_or(0, |at| at + 4);
    let body = bytes.split_off(head);
    Heard { head: String::from_utf8(bytes).unwrap(), body, end }
}

async fn with(fault: Fault) -> (Sandbox, Heard) {
    let sandbox = sandbox();
    sandbox.fault(Service::Kraken, fault);
    let heard = hear(&sandbox, "GET", TIME, "").await;
    (sandbox, heard)
}

#[actix_rt::test]
async fn another_reply_comes_whole_with_its_headers() {
    let fault = Fault::google(503, "UNAVAILABLE", "The service is currently unavailable.")
        .header("Retry-After", "7");
    let (sandbox, heard) = with(fault).await;
    assert_eq!((heard.status(), heard.header("retry-after")), (503, Some("7")));
    assert_eq!(heard.header("content-type"), Some("application/json; charset=UTF-8"));
    assert_eq!(heard.json()["error"]["status"], "UNAVAILABLE");
    let entry = &sandbox.journal()[0];
    assert_eq!((entry.status, entry.applied), (Some(503), false));
    assert!(entry.fault.as_deref().unwrap().starts_with("Status"));
}

#[actix_rt::test]
async fn pages_and_krakens_errors_and_redirects_look_real() {
    let (_, heard) = with(Fault::Html(520)).await;
    let title = "api.kraken.com | 520: Web server is returning an unknown error";
    assert!(String::from_utf8(heard.body).unwrap().contains(title));
    let (_, heard) = with(Fault::KrakenError("EService:Unavailable".into())).await;
    assert_eq!((heard.status(), heard.json()), (200, json!({"error": ["EService:Unavailable"]})));
    let to = "http://127.0.0.1:1/elsewhere".to_owned();
    let (_, heard) = with(Fault::Redirect { code: 307, to: to.clone() }).await;
    assert_eq!((heard.status(), heard.header("location")), (307, Some(to.as_str())));
    let (_, heard) = with(Fault::GarbageJson).await;
    assert!(heard.status() == 200 && heard.json().is_null() && !heard.body.is_empty());
    let (_, heard) = with(Fault::EmptyBody).await;
    assert_eq!((heard.status(), heard.header("content-length")), (200, Some("0")));
    let (_, heard) = with(Fault::Quota429).await;
    assert_eq!((heard.status(), heard.header("retry-after")), (429, None));
}

#[actix_rt::test]
async fn a_connection_is_reset_or_closed_without_a_byte() {
    let (sandbox, heard) = with(Fault::Reset).await;
    assert_eq!((heard.head.as_str(), heard.end), ("", Err(ErrorKind::ConnectionReset)));
    assert_eq!(sandbox.journal()[0].status, None);
    let (_, heard) = with(Fault::Close).await;
    assert_eq!((heard.head.as_str(), heard.end), ("", Ok(())));
}

#[actix_rt::test]
async fn a_truncated_body_is_shorter_than_its_length_says() {
    let (sandbox, heard) = with(Fault::Truncate).await;
    let told: usize = heard.header("content-length").unwrap().parse().unwrap();
    assert_eq!((heard.body.len(), heard.end), (told / 2, Ok(())));
    assert!(sandbox.journal()[0].applied);
    let (_, heard) = with(Fault::ResetMid).await;
    assert_eq!((heard.body.len(), heard.end), (told / 2, Err(ErrorKind::ConnectionReset)));
}

#[actix_rt::test]
async fn chunks_may_lack_their_end_and_a_body_may_end_with_the_connection() {
    let (_, heard) = with(Fault::ChunkedNoEnd).await;
    assert_eq!(heard.header("transfer-encoding"), Some("chunked"));
    let body = String::from_utf8(heard.body).unwrap();
    assert!(body.contains("unixtime") && !body.ends_with("0\r\n\r\n"), "{body}");
    let (_, heard) = with(Fault::CloseDelimited).await;
    assert_eq!(heard.header("transfer-encoding"), None);
    assert_eq!(heard.header("content-length"), None);
    assert_eq!(heard.json()["error"], json!([]));
}

#[actix_rt::test]
async fn a_drip_arrives_whole_in_the_end() {
    let (_, heard) = with(Fault::Drip { bytes: 40, every: Duration::from_millis(1) }).await;
    assert_eq!(heard.json()["error"], json!([]));
}

#[actix_rt::test]
async fn anything_can_be_sent_past_http() {
    let pieces = ["HTTP/1.1 200 OK\r\n", "Content-Length: 1073741824\r\n\r\n", "{"];
    let pieces = pieces.map(str::to_owned).into();
    let (sandbox, heard) = with(Fault::Raw { pieces, every: Duration::from_millis(1) }).await;
    assert_eq!(heard.header("content-length"), Some("1073741824"));
    assert_eq!((heard.body.as_slice(), heard.end), (b"{".as_slice(), Ok(())));
    assert_eq!(sandbox.journal()[0].status, None);
    let pieces = vec!["SSH-2.0-OpenSSH_9.2\r\n".to_owned()];
    let (_, heard) = with(Fault::Raw { pieces, every: Duration::ZERO }).await;
    assert_eq!((heard.head.as_str(), heard.body.len()), ("", 21));
}

#[actix_rt::test]
async fn a_flood_is_sent_to_the_last_byte_whatever_they_are() {
    let start = b"HTTP/1.1 200 OK\r\n\r\n\xff".to_vec();
    let (_, heard) = with(Fault::Flood { start, again: b"ab".to_vec(), times: 20_001 }).await;
    assert_eq!((heard.body[0], heard.body.len(), heard.end), (0xff, 1 + 2 * 20_001, Ok(())));
    let (sandbox, heard) = with(Fault::bytes("x-a: b\r\n", b"\0\xff")).await;
    assert_eq!((heard.status(), heard.header("x-a")), (200, Some("b")));
    assert_eq!((heard.header("content-length"), &*heard.body), (Some("2"), &b"\0\xff"[..]));
    let name = sandbox.journal()[0].fault.clone().unwrap();
    assert!(name.starts_with("Flood(") && name.len() < 100, "{name}");
}

#[actix_rt::test]
async fn an_encoding_is_claimed_that_nobody_can_decode() {
    let (_, heard) = with(Fault::ContentEncoding("br".into())).await;
    assert_eq!(heard.header("content-encoding"), Some("br"));
    assert!(heard.json().is_null());
}

#[actix_rt::test]
async fn an_infinite_body_goes_on_until_nobody_reads() {
    let sandbox = sandbox();
    sandbox.fault(Service::Kraken, Fault::Infinite);
    let mut stream = connect(&sandbox, "GET", TIME, "").await;
    let mut million = vec![0; 1_000_000];
    timeout(SOON, stream.read_exact(&mut million)).await.unwrap().unwrap();
    assert_eq!(sandbox.journal()[0].ended, None);
    drop(stream);
    let ended = |sandbox: &Sandbox| sandbox.journal()[0].ended.is_some();
    sandbox.wait_for(ended, SOON).await.unwrap();
}

#[actix_rt::test]
async fn a_request_that_hangs_is_open_until_its_client_leaves() {
    let sandbox = sandbox();
    sandbox.fault(Service::Kraken, Fault::Hang);
    let stream = connect(&sandbox, "GET", TIME, "").await;
    sandbox.wait_for(|sandbox| sandbox.count(Service::Kraken) == 1, SOON).await.unwrap();
    assert_eq!(sandbox.journal()[0].ended, None);
    drop(stream);
    let ended = |sandbox: &Sandbox| sandbox.journal()[0].ended.is_some();
    sandbox.wait_for(ended, SOON).await.unwrap();
    assert!(!sandbox.journal()[0].applied);
}

#[actix_rt::test]
async fn a_write_may_be_carried_out_and_its_reply_lost() {
    let sandbox = sandbox();
    let target = format!("/v4/spreadsheets/{ID}/values:batchUpdate");
    let rule = |fault| FaultRule::new(Service::Sheets, fault).spreadsheet(ID).times(1);
    sandbox.inject(rule(Fault::ApplyThenDrop));
    sandbox.inject(rule(Fault::Reset).after_applying());
    sandbox.inject(rule(Fault::status(500)).after_applying());
    sandbox.inject(rule(Fault::status(500)));
    for (value, status, expected) in [(1, 0, 1), (2, 0, 2), (3, 500, 3), (4, 500, 3), (5, 200, 5)] {
        let body = write("A1", json!(value)).to_string();
        let heard = hear(&sandbox, "POST", &target, &body).await;
        assert_eq!(heard.status(), status);
        assert_eq!(sandbox.cell(ID, "Sheet 1", "A1"), Some(json!(expected)));
    }
}

#[actix_rt::test]
async fn a_late_write_lands_though_its_client_has_left_and_a_delayed_one_does_not() {
    let sandbox = sandbox();
    let target = format!("/v4/spreadsheets/{ID}/values:batchUpdate");
    let hour = Duration::from_secs(3600);
    let late = Duration::from_millis(30);
    for (fault, applied) in [(Fault::Delay(hour), false), (Fault::ApplyLate(late), true)] {
        let id = sandbox.fault(Service::Sheets, fault);
        let seq = sandbox.journal().len() as u64;
        let body = write("A1", json!(1)).to_string();
        let stream = connect(&sandbox, "POST", &target, &body).await;
        let arrived = |sandbox: &Sandbox| !sandbox.journal_since(seq).is_empty();
        sandbox.wait_for(arrived, SOON).await.unwrap();
        drop(stream);
        let over = |sandbox: &Sandbox| {
            let entry = &sandbox.journal_since(seq)[0];
            entry.ended.is_some() && entry.applied == applied
        };
        sandbox.wait_for(over, SOON).await.unwrap();
        sandbox.clear_fault(id);
    }
    let landed = |sandbox: &Sandbox| sandbox.cell(ID, "Sheet 1", "A1") == Some(json!(1));
    sandbox.wait_for(landed, SOON).await.unwrap();
}

#[actix_rt::test]
async fn a_delayed_request_is_answered_all_right() {
    let (_, heard) = with(Fault::Delay(Duration::from_millis(5))).await;
    assert_eq!((heard.status(), &heard.json()["error"]), (200, &json!([])));
}

#[actix_rt::test]
async fn other_requests_go_on_while_one_hangs() {
    let sandbox = sandbox();
    sandbox.inject(FaultRule::new(Service::Kraken, Fault::Hang).path("/Ticker"));
    let _hanging = connect(&sandbox, "GET", "/0/public/Ticker?pair=XBTEUR", "").await;
    sandbox.wait_for(|sandbox| sandbox.count(Service::Kraken) == 1, SOON).await.unwrap();
    assert_eq!(hear(&sandbox, "GET", TIME, "").await.status(), 200);
    let journal = sandbox.journal();
    assert!(journal[0].overlaps(&journal[1]));
}
