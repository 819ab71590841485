//! The head of a token endpoint's answer, which yup-oauth2 keeps to itself: with which status it
//! came, and for how long the endpoint wants to be left alone.
//! Pure: no I/O, no clock, no randomness.
//!
//! yup-oauth2 takes a client of hyper's and no layer around it, so that the answer itself cannot be
//! looked at. What can be is the connection (`limited`): each carries one exchange in HTTP/1.1, and
//! passes by here after TLS has been taken off. Nothing of the body is kept, nor of an answer
//! before the answer (`103 Early Hints`), over which hyper reads too.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::http::retry_after;

/// No head that is looked at is longer.
const HEAD: usize = 16 * 1024;

/// The most headers that are looked at: hyper takes no answer with more.
const HEADERS: usize = 100;

/// What has been heard of an answer.
#[derive(Clone, Default)]
pub(super) struct Heard(Arc<Mutex<Hearing>>);

#[derive(Default)]
struct Hearing {
    /// The head, as far as it has come.
    head: Vec<u8>,
    /// What comes now is its body.
    over: bool,
}

impl Heard {
    /// The status, and how long to wait, if the answer says so.
    pub(super) fn head(&self, now: Timestamp) -> Option<(u16, Option<Duration>)> {
        let hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        // What is not complete has told its status all the same.
        response.parse(&hearing.head).ok()?;
        let wait = response.headers.iter().find(|h| h.name.eq_ignore_ascii_case("retry-after"));
        let wait = wait.and_then(|header| std::str::from_utf8(header.value).ok());
        Some((response.code?, wait.and_then(|text| retry_after(text, now))))
    }

    /// Keeps what has been read, up to the end of the head.
    pub(super) fn hear(&self, read: &[u8]) {
        let mut hearing = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for &byte in read {
            if hearing.over || hearing.head.len() == HEAD {
                return;
            }
            hearing.hear(byte);
        }
    }
}

impl Hearing {
    fn hear(&mut self, byte: u8) {
        // Empty lines before an answer are none of it.
        if self.head.is_empty() && matches!(byte, b'\r' | b'\n') {
            return;
        }
        self.head.push(byte);
        // A line may end without a carriage return.
        if self.head.ends_with(b"\n\r\n") || self.head.ends_with(b"\n\n") {
            self.over = !self.is_interim();
            if !self.over {
                self.head.clear();
            }
        }
    }

    /// Whether the answer itself is yet to come. After a 101 none does.
    fn is_interim(&self) -> bool {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        let whole = response.parse(&self.head).is_ok_and(|status| status.is_complete());
        whole && response.code.is_some_and(|code| (100..200).contains(&code) && code != 101)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(pieces: &[&str]) -> Option<(u16, Option<Duration>)> {
        let heard = Heard::default();
        pieces.iter().for_each(|piece| heard.hear(piece.as_bytes()));
        heard.head(Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn of_an_answer_the_status_is_heard_and_how_long_to_wait() {
        let seconds = |n| Some(Duration::from_secs(n));
        for (pieces, head) in [
            (&["HTTP/1.1 503 No\r\nRetry-After: 7\r\n\r\n"][..], Some((503, seconds(7)))),
            (&["HTTP/1.1 50", "3 No\r\nretry-", "after: 7\r\n\r", "\n{}"], Some((503, seconds(7)))),
            (&["HTTP/1.1 200 OK\r\n\r\nRetry-After: 7\r\n\r\n"], Some((200, None))),
            (&["HTTP/1.1 503 No\nRetry-After: 7\n\n{}"], Some((503, seconds(7)))),
            (&["\r\n\r\nHTTP/1.1 503 No\r\n\r\n{}"], Some((503, None))),
            (&["HTTP/1.1 429 Slow\r\nRetry-After: soon\r\n\r\n"], Some((429, None))),
            (&["HTTP/1.1 502 Bad\r\nDate: x"], Some((502, None))),
            (&["SSH-2.0-OpenSSH\r\n"], None),
            (&[], None),
        ] {
            assert_eq!(heard(pieces), head, "{pieces:?}");
        }
        let many = format!("HTTP/1.1 503 No\r\n{}\r\n", "A: b\r\n".repeat(HEADERS));
        assert_eq!(heard(&[&many]), Some((503, None)));
    }

    #[test]
    fn an_answer_before_the_answer_is_forgotten() {
        let hints = "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\nRetry-After: 9\r\n\r\n";
        let goes_on = "HTTP/1.1 100 Continue\n\n";
        for (pieces, head) in [
            (&[hints, "HTTP/1.1 200 OK\r\n\r\n{}"][..], Some((200, None))),
            (&[goes_on, hints, hints, "HTTP/1.1 503 No\r\n\r\n"], Some((503, None))),
            (&["HTTP/1.1 100 Go on\r\n\r\nHTTP/1.1 429 Slow\r\n\r\n"], Some((429, None))),
            (&["HTTP/1.1 101 Other\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"], Some((101, None))),
            (&[hints], None),
        ] {
            assert_eq!(heard(pieces), head, "{pieces:?}");
        }
    }

    #[test]
    fn nothing_of_the_body_is_kept_and_of_a_head_without_end_not_all() {
        for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n", "HTTP/1.1 200 OK\n\r\n"] {
            let heard = Heard::default();
            heard.hear(format!("{head}{{\"access_token\":\"CANARY\"}}").as_bytes());
            heard.hear(b"CANARY");
            assert_eq!(heard.0.lock().unwrap().head, head.as_bytes());
        }
        let endless = Heard::default();
        (0..100).for_each(|_| endless.hear(&[b'x'; 1_000]));
        assert_eq!(endless.0.lock().unwrap().head.len(), HEAD);
    }
}
