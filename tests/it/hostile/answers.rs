//! Answers that no honest server gives: without end, broken, forged, or made to be expensive.

use std::{io::Write as _, sync::LazyLock};

use flate2::{Compression, write::GzEncoder};
use ratesheet::sandbox::{Fault, Service};

const KIB: usize = 1024;

/// The head of an answer takes less than this.
const HEAD: usize = 256;

/// So much Google may say of a spreadsheet, and of the contents of its cells.
const PROPERTIES: usize = 512 * KIB;

/// Every answer, under a name for whoever reads that a test has failed.
pub(super) fn all(service: Service) -> Vec<(&'static str, Fault)> {
    // As large as may be: a token with the head of its answer, Google's answers and what it says of
    // a spreadsheet or of cells, tickers and the list of pairs.
    let sizes: &[usize] = match service {
        Service::Token => &[32 * KIB - HEAD],
        Service::Sheets => &[256 * KIB, PROPERTIES],
        _ => &[1024 * KIB, 3 * 1024 * KIB],
    };
    let stuffed = sizes.iter().flat_map(|&size| stuffed(size)).collect();
    [stuffed, endless(), packed(), odd(), lengths(), heads()].concat()
}

/// A title, or a name, that is much like all others, and as long as still may be a slip of another.
pub(super) fn alike(n: usize) -> String {
    format!("{}{n:06}", "X".repeat(56))
}

/// Spreadsheets with as many tabs, and as many named ranges, as may be, all called alike; and with
/// titles that are as long as may be, and longer.
pub(super) fn crowded() -> Vec<(&'static str, Fault)> {
    // As many as there is room for behind the one tab that is looked for with success.
    let crowd = |then: &str, one: &dyn Fn(usize) -> String| {
        let mut text = format!(r#"{{"sheets":[{{"properties":{{"title":"Sheet 1"}}}}{then}"#);
        for more in (0..).map(one) {
            if text.len() + more.len() + "]}".len() > PROPERTIES {
                break;
            }
            text.push_str(&more);
        }
        text.push_str("]}");
        Fault::bytes("content-type: application/json\r\n", text.as_bytes())
    };
    let tab = |title: String| format!(r#",{{"properties":{{"title":"{title}"}}}}"#);
    let title = |length| {
        let title = "x".repeat(length);
        Fault::json(200, format!(r#"{{"sheets":[{{"properties":{{"title":"{title}"}}}}]}}"#))
    };
    let range = |n| format!(r#",{{"name":"{}"}}"#, alike(n));
    vec![
        ("a crowd of tabs", crowd("", &|n| tab(alike(n)))),
        ("a crowd of names", crowd(r#"],"namedRanges":[{}"#, &range)),
        ("long titles", crowd("", &|_| tab("🌵".repeat(250)))),
        ("half a megabyte of a title", title(500 * KIB)),
    ]
}

/// What calls itself the contents of a hundred cells: as large as may be, and as large as they can
/// be.
pub(super) fn contents() -> Vec<(&'static str, Fault)> {
    let others = r#",{"values":[["x"]]}"#.repeat(99);
    let of_size = |size: usize| {
        let (begin, end) = (r#"{"valueRanges":[{"values":[[""#, format!(r#""]]}}{others}]}}"#));
        let text = "x".repeat(size - begin.len() - end.len());
        // Another request follows, for which there is a new connection.
        Fault::bytes("connection: close\r\n", [begin, &text, &end].concat().as_bytes())
    };
    vec![
        ("half a megabyte in a cell", of_size(PROPERTIES)),
        ("eight megabytes in cells", of_size(8 * 1024 * KIB)),
    ]
}

/// The beginning of a list of as many markets as are borne, each by as many names as it may have,
/// and as long ones.
fn markets(size: usize) -> String {
    let mut markets =
        r#"{"error":[],"result":{"XXBTZEUR":{"altname":"XBTEUR","wsname":"XBT/EUR"}"#.to_owned();
    for n in 1..4_000 {
        let market = format!(r#","k{n:031}":{{"altname":"a{n:031}","wsname":"XBT/w{n:027}"}}"#);
        if markets.len() + market.len() + 2 > size {
            break;
        }
        markets.push_str(&market);
    }
    markets
}

/// Answers of a size that is borne, and of which much could be made in memory.
fn stuffed(size: usize) -> Vec<(&'static str, Fault)> {
    // `begin`, as many times `again` as there is room for, `end`; and blanks, to the last byte.
    let body = |begin: &str, again: &str, end: &str| {
        let times = (size - begin.len() - end.len()) / again.len();
        let text = [begin, &again.repeat(times), end].concat();
        let text = text.clone() + &" ".repeat(size - text.len());
        Fault::bytes("content-type: application/json\r\n", text.as_bytes())
    };
    let mut pairs = r#"{"error":[],"result":{"XXBTZEUR":1"#.to_owned();
    for n in 0.. {
        let pair = format!(r#","{n:x}":1"#);
        if pairs.len() + pair.len() + 2 > size {
            break;
        }
        pairs.push_str(&pair);
    }
    let ticker = |field: &str| format!(r#"{{"error":[],"result":{{"XXBTZEUR":{{"{field}":[0"#);
    let details = r#"{"error":{"code":503,"message":"","status":"UNAVAILABLE","details":[{}"#;
    vec![
        ("many errors", body(r#"{"error":["E""#, r#","E""#, "]}")),
        ("one long error", body(r#"{"error":[""#, "E", r#""]}"#)),
        ("many pairs", body(&pairs, " ", "}}")),
        ("many markets", body(&markets(size), " ", "}}")),
        ("many numbers in a row", body(&ticker("a"), ",0", "]}}}")),
        ("many objects in a row", body(&ticker("v"), r#",{"":0}"#, "]}}}")),
        ("many details", body(details, r#",{"":0}"#, "]}}")),
        ("a long message", body(r#"{"error":{"message":""#, "m", r#""}}"#)),
        ("many tabs", body(r#"{"sheets":[{}"#, r#",{"properties":{"title":""}}"#, "]}")),
        ("many names", body(r#"{"sheets":[],"namedRanges":[{}"#, ",{}", "]}")),
        ("many ranges", body(r#"{"valueRanges":[{}"#, r#",{"range":""}"#, "]}")),
        ("a long page", body("<html><title>", "x", "")),
        ("many bytes of no UTF-8", Fault::bytes("", &vec![0xff; size])),
        ("a long token", body(r#"{"expires_in":3599,"access_token":""#, "x", r#""}"#)),
        ("a long reason", body(r#"{"error":""#, "x", r#"","error_description":"x"}"#)),
    ]
}

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
const EVER: u64 = u64::MAX;

fn flood(start: impl AsRef<[u8]>, again: impl AsRef<[u8]>, times: u64) -> Fault {
    Fault::Flood { start: start.as_ref().into(), again: again.as_ref().into(), times }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// A body in chunks that begins like this and goes on like that for ever.
fn chunked(head: &str, first: &[u8], then: &[u8]) -> Fault {
    let head = format!("{OK}{head}transfer-encoding: chunked\r\n\r\n");
    let first = if first.is_empty() { Vec::new() } else { chunk(first) };
    flood([head.as_bytes(), &first].concat(), chunk(then), EVER)
}

fn endless() -> Vec<(&'static str, Fault)> {
    let spaces = [b' '; 16 * 1024];
    vec![
        ("chunks without end", chunked("", b"", &spaces)),
        ("many small chunks without end", chunked("", b"", b" ")),
        ("a gigabyte", flood(format!("{OK}content-length: 1073741824\r\n\r\n"), spaces, EVER)),
        (
            "one chunk without end",
            flood(
                format!("{OK}transfer-encoding: chunked\r\n\r\nffffffffffffffff\r\n"),
                spaces,
                EVER,
            ),
        ),
        ("a body without a length and without end", flood(format!("{OK}\r\n"), spaces, EVER)),
        (
            "a list without end",
            chunked("", br#"{"error":["#, r#""EService:Busy","#.repeat(100).as_bytes()),
        ),
        (
            "an extension of a chunk without end",
            flood(format!("{OK}transfer-encoding: chunked\r\n\r\n5;"), [b'x'; 1024], EVER),
        ),
        (
            "trailers without end",
            flood(
                format!("{OK}transfer-encoding: chunked\r\n\r\n2\r\n{{}}\r\n0\r\n"),
                "x-trailer: x\r\n",
                1_000_000,
            ),
        ),
    ]
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A few kilobytes that unpack to sixteen megabytes.
static BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&vec![b' '; 16 * 1024 * 1024]));

fn packed() -> Vec<(&'static str, Fault)> {
    const GZIP: &str = "content-encoding: gzip\r\n";
    let bomb = &*BOMB;
    let whole = gzip(br#"{"error":[],"result":{}}"#);
    let start = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
    let named = [0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 0xff];
    // A stored block of nothing: bytes that unpack to none.
    let nothing = [0, 0, 0, 0xff, 0xff].repeat(3_000);
    vec![
        ("a bomb", Fault::bytes(GZIP, bomb)),
        ("a bomb in a bomb", Fault::bytes(GZIP, &gzip(bomb))),
        ("a bomb of several members", Fault::bytes(GZIP, &bomb.repeat(4))),
        ("gzip that unpacks to nothing for ever", chunked(GZIP, &start, &nothing)),
        ("empty members for ever", chunked(GZIP, b"", &gzip(b"").repeat(500))),
        ("a name within gzip without end", chunked(GZIP, &named, &[b'x'; 8 * 1024])),
        ("half of a gzip", Fault::bytes(GZIP, &whole[..whole.len() / 2])),
        ("gzip with garbage behind it", Fault::bytes(GZIP, &[&whole[..], b"garbage"].concat())),
        ("no gzip at all", Fault::bytes(GZIP, br#"{"error":[],"result":{}}"#)),
        ("gzip twice", Fault::bytes("content-encoding: gzip, gzip\r\n", &gzip(&whole))),
        ("brotli", Fault::bytes("content-encoding: br\r\n", &[0x5b; 64])),
        ("zstd", Fault::bytes("content-encoding: zstd\r\n", b"\x28\xb5\x2f\xfd\x04\x00")),
        ("deflate", Fault::bytes("content-encoding: deflate\r\n", bomb)),
    ]
}

fn odd() -> Vec<(&'static str, Fault)> {
    let nested = "[".repeat(100_000);
    let body = |text: &[u8]| Fault::bytes("content-type: application/json\r\n", text);
    vec![
        ("a hundred thousand brackets", body(nested.as_bytes())),
        (
            "brackets in a result",
            body(format!(r#"{{"error":[],"result":{{"XXBTZEUR":{nested}"#).as_bytes()),
        ),
        (
            "whole brackets in a row",
            body(
                format!(
                    r#"{{"error":[],"result":{{"XXBTZEUR":{{"a":{nested}{}}}}}}}"#,
                    "]".repeat(100_000)
                )
                .as_bytes(),
            ),
        ),
        ("objects in objects", body(r#"{"error":"#.repeat(20_000).as_bytes())),
        ("no UTF-8", body(b"{\"error\":[\"E\xff\xfe\xc0\x80\"],\"result\":{\"\xff\":1}}")),
        ("a byte-order mark", body("\u{feff}{\"error\":[],\"result\":{}}".as_bytes())),
        (
            "UTF-16",
            body(&"{\"error\":[]}".encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<_>>()),
        ),
        ("half a surrogate", body(br#"{"error":["\ud800"],"result":{"\udfff":{}}}"#)),
        (
            "a number of a million digits",
            body(format!(r#"{{"error":[],"result":{}}}"#, "9".repeat(1_000_000)).as_bytes()),
        ),
        ("a key twice", body(br#"{"error":[],"error":[],"result":{},"result":{}}"#)),
        ("nothing but zeros", body(&[0; 4_096])),
        (
            "a hundred thousand errors",
            body(format!(r#"{{"error":["E"{}]}}"#, r#","E""#.repeat(100_000)).as_bytes()),
        ),
        (
            "an error of half a megabyte",
            body(format!(r#"{{"error":["{}"]}}"#, "\\u001b[2J".repeat(50_000)).as_bytes()),
        ),
    ]
}

fn lengths() -> Vec<(&'static str, Fault)> {
    let with = |lines: &str| flood(format!("{OK}{lines}\r\n{{}}"), "", 0);
    vec![
        ("a negative length", with("content-length: -1\r\n")),
        ("a length of 2^63", with("content-length: 9223372036854775808\r\n")),
        ("a length of 2^64", with("content-length: 18446744073709551616\r\n")),
        ("two lengths", with("content-length: 2\r\ncontent-length: 1000\r\n")),
        ("a list of lengths", with("content-length: 2, 1000\r\n")),
        ("a length with a sign", with("content-length: +2\r\n")),
        ("a length in hexadecimal", with("content-length: 0x2\r\n")),
        ("a length and chunks", with("content-length: 2\r\ntransfer-encoding: chunked\r\n")),
        ("an unknown coding", with("transfer-encoding: sideways\r\n")),
    ]
}

fn heads() -> Vec<(&'static str, Fault)> {
    vec![
        ("a million headers", flood("HTTP/1.1 200 OK\r\n", "x-a: b\r\n", 1_000_000)),
        ("a header of a megabyte", flood("HTTP/1.1 200 OK\r\nx-a: ", [b'a'; 1024], 1024)),
        ("a reason of a megabyte", flood("HTTP/1.1 200 ", [b'O'; 1024], 1024)),
        ("continue without end", flood("", "HTTP/1.1 100 Continue\r\n\r\n", 100_000)),
        ("hints without end", flood("", "HTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n", 100_000)),
        ("another protocol", flood("HTTP/1.1 101 Switching\r\nupgrade: x\r\n\r\n", "", 0)),
        ("no HTTP", flood("SSH-2.0-OpenSSH_9.9\r\n", "", 0)),
        ("bytes", flood([0, 1, 2, 0xff, 0xfe, 27, 91], [0; 64], 1_000)),
        ("HTTP/9.9", flood("HTTP/9.9 200 OK\r\n\r\n", "", 0)),
        ("a status of five digits", flood("HTTP/1.1 99999 OK\r\n\r\n", "", 0)),
        ("a status of 999", flood("HTTP/1.1 999 OK\r\ncontent-length: 0\r\n\r\n", "", 0)),
        (
            "control characters in a head",
            flood("HTTP/1.1 500 \x1b[2J\r\ncontent-type: text/\x1b]0;x\x07\r\n\r\n", "", 0),
        ),
    ]
}
