//! One request and one reply, as plain data, and what a URL is written in.
//! Pure: no I/O, no clock, no randomness.

use actix_web::web::Bytes;

/// A request as it arrived. The path is still percent-encoded.
#[derive(Debug, Clone)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    /// Lower-case names.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Bytes,
}

impl Request {
    /// The first header of that (lower-case) name.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The parameters of the query, decoded, in order.
    pub(super) fn params(&self) -> Vec<(String, String)> {
        parse_form(&self.query)
    }

    /// The last parameter of that name, decoded.
    pub(super) fn param(&self, name: &str) -> Option<String> {
        self.params().into_iter().rev().find(|(n, _)| n == name).map(|(_, value)| value)
    }
}

/// A reply that has not been sent yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Reply {
    pub(super) fn new(status: u16, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let headers = vec![("content-type".into(), content_type.into())];
        Self { status, headers, body: body.into() }
    }

    /// A page as the front of Google or of Cloudflare shows it.
    pub(super) fn html(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(status, "text/html; charset=UTF-8", body)
    }

    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// Google's page for a path, or a verb, that no service answers.
pub(super) fn google_not_found(path: &str) -> Reply {
    let path: String = path.chars().filter(|c| !matches!(c, '<' | '>' | '&' | '"')).collect();
    Reply::html(
        404,
        format!(
            "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  \
             <title>Error 404 (Not Found)!!1</title>\n  <p><b>404.</b> \
             <ins>That’s an error.</ins>\n  <p>The requested URL <code>{path}</code> was not \
             found on this server.  <ins>That’s all we know.</ins>\n"
        ),
    )
}

/// Decodes `%41` to `A`. What is no valid escape stays as it is.
pub(super) fn percent_decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let escaped = bytes.get(at + 1..at + 3).and_then(|hex| {
            let hex = std::str::from_utf8(hex).ok()?;
            u8::from_str_radix(hex, 16).ok()
        });
        match escaped {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                at += 3;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Reads `a=1&b=2+3`, as of a query or of a form.
pub(super) fn parse_form(text: &str) -> Vec<(String, String)> {
    text.split('&')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (name, value) = part.split_once('=').unwrap_or((part, ""));
            let decode = |text: &str| percent_decode(&text.replace('+', " "));
            (decode(name), decode(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_decoded_and_broken_ones_left_alone() {
        let check = |input: &str, expected: &str| assert_eq!(percent_decode(input), expected);
        check("%27It%27%27s%20a%2Ftab%27%21A1", "'It''s a/tab'!A1");
        check("50%", "50%");
        check("%zz%4", "%zz%4");
        check("%F0%9F%8C%B5", "🌵");
    }

    #[test]
    fn a_form_is_read_in_order_and_with_its_plus_signs() {
        let form = parse_form("ranges=A1%3AB2&ranges=C+3&flag&x=");
        let expected = [("ranges", "A1:B2"), ("ranges", "C 3"), ("flag", ""), ("x", "")];
        assert_eq!(form, expected.map(|(n, v)| (n.to_string(), v.to_string())));
    }
}
