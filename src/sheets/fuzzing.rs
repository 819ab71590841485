//! What must hold of anything that calls itself Google's answer, and of whatever somebody takes
//! for a cell, a spreadsheet or a key. Touches: nothing.

#![allow(clippy::expect_used, reason = "what must hold")]

use actix_rt::System;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex},
    time::Instant,
};

use super::{
    SpreadsheetId, Tab,
    a1::CellRef,
    auth, configured,
    error::SheetsError,
    index::Index,
    key::ServiceAccountKey,
    locate::{self, Sought},
    wire,
};
use crate::{
    dial::{Dialer, Line},
    fuzzing::assert_printable,
    http::{Answer, Tls},
    messages::CellContent,
};

pub use super::plan::fuzzing::plan;

/// Whatever Google answers, it is sorted, and told in one printable line; of two bytes the first
/// two are the status.
pub fn sheets_answer(bytes: &[u8]) {
    let (status, body) = match bytes {
        [high, low, body @ ..] => (u16::from_be_bytes([*high, *low]) % 600, body),
        _ => (200, bytes),
    };
    let answer = Answer::json(status, body);
    let error = SheetsError::from_answer(&answer);
    let failure = error.failure("https://sheets.googleapis.com", "bot@x.example", "15Cc");
    assert_printable(&failure.to_string());
    wire::updated_cells(&answer);
    if let Some(found) = wire::properties(&answer) {
        let cell = CellRef::parse("B7").expect("it is a cell");
        let (tab, content) = (Tab::Title("Sheet 1".into()), CellContent::Updated);
        let sought = Sought { cell: &cell, tab: &tab, name: "B7", content: &content };
        let places = locate::place([sought; 2], &mut Index::new(&found));
        for failure in places.into_iter().filter_map(Result::err) {
            assert_printable(&failure.to_string());
        }
    }
    for asked in 0..3 {
        let found = wire::contents(&answer, asked);
        assert!(found.is_none_or(|found| found.len() == asked));
    }
}

/// A cell is read as it is printed, and goes to Google in a form that is one cell and no formula.
pub fn cell(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(cell) = configured::cell(text) else { return };
    assert_eq!(CellRef::parse(&cell.to_string()).as_ref(), Ok(&cell), "{text}");
    let range = cell.range("It's");
    assert!(!range.contains(char::is_control), "{range:?}");
    let place = range.rsplit_once('!').map_or(range.as_str(), |(_, place)| place);
    assert!(place.chars().all(|c| c.is_alphanumeric() || c == '_'), "{range:?}");
    // The quotes around a title close where the title ends.
    if let Some((tab, _)) = range.rsplit_once('!') {
        let inner = tab.strip_prefix('\'').and_then(|tab| tab.strip_suffix('\''));
        let inner = inner.expect("a title is always sent in quotes");
        assert!(!inner.replace("''", "").contains('\''), "{range:?}");
    }
}

/// What is taken for a spreadsheet cannot break out of the URL that it becomes part of.
pub fn spreadsheet(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((id, tab)) = configured::sheet(text) else { return };
    let safe = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    assert!(id.as_str().bytes().all(safe) && id.as_str().len() >= 20, "{id}");
    assert_eq!(SpreadsheetId::parse(id.as_str()), Some(id));
    assert_printable(&tab.to_string());
}

/// A key of `data` is read, and reads the same when it is put together again.
pub fn source(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok((pair, field)) = configured::source(text) else { return };
    let again = format!("kraken:{pair}:{}", field.name());
    assert_eq!(configured::source(&again).ok(), Some((pair, field)), "{text}");
}

/// A key is read, or one short printable line says why not: none that could hold a key.
pub fn key(bytes: &[u8]) {
    match ServiceAccountKey::from_json(bytes) {
        Ok(key) => assert!(key.client_email().is_ascii()),
        Err(why) => {
            let told = why.to_string();
            assert_printable(&told);
            assert!(!told.contains('\n') && told.chars().count() < 600, "{told}");
        }
    }
}

/// Whatever the token endpoint answers, as an HTTP message or as the body of a good one: there is
/// a token that can stand in a header, or one printable line that repeats nothing of ours.
pub fn token_answer(bytes: &[u8]) {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", bytes.len());
    let whole = bytes.starts_with(b"HTTP/");
    let answer = [if whole { b"" } else { head.as_bytes() }, bytes].concat();
    let dialer = Dialer::new(move |_, _| {
        let (ours, theirs) = duplex(64 * 1024);
        drop(actix_rt::spawn(answer_once(theirs, answer.clone())));
        async { Ok(Line::new(ours)) }
    });
    let tls = Tls::new(&crate::TlsConfig::default()).expect("roots are compiled in");
    let tls = tls.over(Some(dialer));
    match System::new().block_on(auth::request_token(a_key(), &tls, Instant::now())) {
        Ok(token) => assert!(token.secret().bytes().all(|byte| byte.is_ascii_graphic())),
        Err(error) => {
            let told = error.failure().to_string();
            assert_printable(&told);
            assert!(!told.contains("eyJ"), "{told}");
        }
    }
}

/// Reads a request, answers it, and hangs up.
async fn answer_once(mut line: DuplexStream, answer: Vec<u8>) {
    let mut request = [0; 8 * 1024];
    // Whoever asked may have gone: there is nobody to tell then.
    if line.read(&mut request).await.is_ok() && line.write_all(&answer).await.is_ok() {
        drop(line.shutdown().await);
    }
}

/// A key that anybody may know.
pub(super) fn a_key() -> ServiceAccountKey {
    let key = serde_json::json!({
        "type": "service_account",
        "private_key": include_str!("../../tests/keys/rsa-2048.pem"),
        "client_email": "bot@p.iam.gserviceaccount.com",
        "token_uri": "http://127.0.0.1:1/token",
    });
    ServiceAccountKey::from_json(key.to_string().as_bytes()).expect("it is a key")
}
