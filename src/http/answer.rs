//! An answer that arrived whole, and what is told of it. Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::{clause, excerpt, secret::tells};

/// The gist of an answer is looked for in so many bytes of it.
const GIST: usize = 8 * 1024;

/// An answer that arrived whole.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) retry_after: Option<Duration>,
    /// How far the server's clock is ahead of this machine's, give or take a second and the way.
    pub(crate) clock_ahead: Option<SignedDuration>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// An answer for a test.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn json(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            content_type: "application/json; charset=UTF-8".into(),
            retry_after: None,
            clock_ahead: None,
            body: body.into(),
        }
    }

    /// The answer with nothing in it that could repeat `secret`, which we sent: what an answer
    /// says may end up in an error, a log, a page.
    pub(crate) fn without(mut self, secret: &str) -> Self {
        if tells(&self.body, secret) {
            self.body = b"it repeats what is secret, and is not shown".to_vec();
        }
        if tells(self.content_type.as_bytes(), secret) {
            self.content_type.clear();
        }
        self
    }

    /// What it is, for an error: `HTTP 502, text/html: Bad gateway`. Of an HTML page it is the
    /// title alone.
    pub(crate) fn describe(&self) -> String {
        let kind = self.content_type.split(';').next().unwrap_or_default().trim();
        // What tells most comes first, and a copy of all of it would be large.
        let beginning = self.body.get(..GIST).unwrap_or(&self.body);
        let text = String::from_utf8_lossy(beginning);
        let gist = html_title(&text).unwrap_or_else(|| text.trim().to_owned());
        let gist = clause(&gist);
        let kind = if kind.is_empty() { "no content type" } else { kind };
        match gist.is_empty() {
            true => format!("HTTP {}, {}, nothing in it", self.status, excerpt(kind)),
            false => format!("HTTP {}, {}: {gist}", self.status, excerpt(kind)),
        }
    }
}

/// How far the clock that wrote a `Date` header is ahead of `now`.
pub(super) fn clock_ahead(header: &str, now: Timestamp) -> Option<SignedDuration> {
    let date = Timestamp::try_from(httpdate::parse_http_date(header).ok()?).ok()?;
    Some(date.duration_since(now))
}

fn html_title(text: &str) -> Option<String> {
    // Lower-casing ASCII keeps every offset.
    let lower = text.to_ascii_lowercase();
    let start = lower.find("<title")?;
    let start = start + lower[start..].find('>')? + 1;
    let end = start + lower[start..].find("</title")?;
    Some(text[start..end].trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(content_type: &str, body: &str) -> Answer {
        Answer { content_type: content_type.into(), ..Answer::json(502, body) }
    }

    #[test]
    fn of_a_page_its_title_is_told_and_of_a_text_its_beginning() {
        for (content_type, body, told) in [
            (
                "text/html; charset=UTF-8",
                "<html><head><TITLE lang=en> Bad\ngateway </TITLE></head>…",
                "HTTP 502, text/html: Bad gateway",
            ),
            ("text/plain", "out\u{1b}[2J of\r\norder", "HTTP 502, text/plain: out [2J of order"),
            ("", "", "HTTP 502, no content type, nothing in it"),
            ("a", "<title>unfinished", "HTTP 502, a: <title>unfinished"),
        ] {
            assert_eq!(answer(content_type, body).describe(), told);
        }
        let long = answer("text/plain", &"ä".repeat(10_000)).describe();
        assert!(long.chars().count() < 240 && long.ends_with('…'));
    }

    #[test]
    fn an_answer_that_repeats_a_secret_is_not_shown() {
        let secret = "ya29.c.b0Aaekm1K-canary";
        for body in [
            "Bearer ya29.c.b0Aaekm1K-canary",
            "<title>ya29.c.b0Aae…</title>",
            "it ends with aekm1K-canary",
        ] {
            let told = answer("text/html", body).without(secret).describe();
            assert!(!told.contains("ya29") && !told.contains("canary"), "{told}");
        }
        let padded = "ya29.c.b0Aaekm1K-canary..............";
        let told = answer("text/plain", "please wait ..............").without(padded).describe();
        assert!(told.contains("please wait"), "{told}");
        let told = answer("text/plain", "ekm1K-canary.............").without(padded).describe();
        assert!(!told.contains("canary"), "{told}");
        let told = answer("text/plain", "ya29 is how they begin").without(secret).describe();
        assert!(told.contains("ya29 is"), "{told}");
        assert!(answer("text/plain", "x").without("").describe().ends_with(": x"));
    }
}
