//! The server's side of HTTP/1.1, as much of it as ratesheet speaks: no chunks, no pipelining.

use std::{fmt::Write as _, io};

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    pub(crate) bearer: String,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        let (method, target) = (method.to_owned(), target.to_owned());
        Self { method, target, bearer: String::new(), body: Vec::new() }
    }

    /// Puts one text in the place of another, throughout its body.
    pub(crate) fn rewrite(&mut self, from: &str, to: &str) {
        self.body = String::from_utf8_lossy(&self.body).replace(from, to).into_bytes();
    }

    /// The target without its query.
    pub(crate) fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }

    /// The name of the first parameter of the query.
    pub(crate) fn query_name(&self) -> &str {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query.split('=').next().unwrap_or_default()
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        let (_, query) = self.target.split_once('?')?;
        query.split('&').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    }

    fn from_head(head: &str) -> (Self, usize) {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let mut request = Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            bearer: String::new(),
            body: Vec::new(),
        };
        let mut length = 0;
        for line in lines {
            let Some((name, value)) = line.split_once(':') else { continue };
            let value = value.trim();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.parse().unwrap_or_default();
            } else if name.eq_ignore_ascii_case("authorization") {
                request.bearer = value.trim_start_matches("Bearer ").to_owned();
            }
        }
        (request, length)
    }
}

/// Reads the next request; `None` when the client has closed the connection.
pub(crate) async fn read(
    from: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> io::Result<Option<Request>> {
    loop {
        if let Some(end) = buffer.windows(4).position(|part| part == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
            let (mut request, length) = Request::from_head(&head);
            while buffer.len() < end + 4 + length {
                if from.read_buf(buffer).await? == 0 {
                    return Ok(None);
                }
            }
            request.body = buffer[end + 4..end + 4 + length].to_vec();
            buffer.drain(..end + 4 + length);
            return Ok(Some(request));
        }
        if from.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) content_type: &'static str,
    pub(crate) retry_after: Option<u64>,
    pub(crate) body: String,
    /// Whether it does what was asked.
    pub(crate) good: bool,
}

impl Reply {
    /// What was asked, done.
    pub(crate) fn good(body: String) -> Self {
        Self { good: true, ..Self::bad(200, body) }
    }

    /// A refusal, in JSON.
    pub(crate) const fn bad(status: u16, body: String) -> Self {
        let content_type = "application/json; charset=UTF-8";
        Self { status, content_type, retry_after: None, body, good: false }
    }

    /// A page of something on the way.
    pub(crate) fn page(status: u16) -> Self {
        let body = format!("<html><head><title>{status}: =IMPORTXML(1)</title></head></html>");
        Self { content_type: "text/html", ..Self::bad(status, body) }
    }

    /// All of it, as it goes over the wire.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self { status, content_type, body, .. } = self;
        let mut text = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n",
            body.len()
        );
        if let Some(wait) = self.retry_after {
            write!(text, "retry-after: {wait}\r\n").unwrap();
        }
        text.push_str("\r\n");
        text.push_str(body);
        text.into_bytes()
    }
}
