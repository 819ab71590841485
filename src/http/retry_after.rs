//! What a server says of when to ask it again.
//! Pure: no I/O, no clock, no randomness: `now` comes in as an argument.

use std::time::Duration;

use jiff::Timestamp;

/// The wait that a `Retry-After` header asks for: seconds, or a date (RFC 9110 §10.2.3), at most
/// fifteen minutes. What is neither is ignored; a date in the past is no wait.
pub(crate) fn retry_after(header: &str, now: Timestamp) -> Option<Duration> {
    const LONGEST: Duration = Duration::from_secs(15 * 60);
    let header = header.trim();
    if !header.is_empty() && header.bytes().all(|b| b.is_ascii_digit()) {
        return Some(header.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let date = Timestamp::try_from(httpdate::parse_http_date(header).ok()?).ok()?;
    let wait = Duration::try_from(date.duration_since(now)).unwrap_or_default();
    Some(wait.min(LONGEST))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_seconds_or_a_date_or_nothing() {
        let now = "2026-11-24T08:00:00Z".parse().unwrap();
        for (header, wait) in [
            ("7", Some(Duration::from_secs(7))),
            (" 7 ", Some(Duration::from_secs(7))),
            ("99999999999999999999999", Some(Duration::from_secs(900))),
            ("Tue, 24 Nov 2026 08:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tuesday, 24-Nov-26 08:00:09 GMT", Some(Duration::from_secs(9))),
            ("Tue Nov 24 08:00:09 2026", Some(Duration::from_secs(9))),
            ("Tue, 24 Nov 2026 07:00:00 GMT", Some(Duration::ZERO)),
            ("Thu, 31 Dec 9998 23:59:59 GMT", Some(Duration::from_secs(900))),
            ("-5", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(retry_after(header, now), wait, "{header:?}");
        }
    }
}
