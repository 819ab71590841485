//! The bodies by which Kraken, Google and Cloudflare say that something went wrong.
//! Pure: no I/O, no clock, no randomness.

use super::{
    exchange::Reply,
    journal::Service,
    json::{Json, object},
};

/// The number of the Google Cloud project that the sandbox's account belongs to.
pub(super) const PROJECT_NUMBER: &str = "314159265358";

/// A JSON reply of Google's.
pub(super) fn json(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(status, "application/json; charset=UTF-8", body)
        .with("cache-control", "private")
        .with("server", "ESF")
        .with("vary", "Origin, X-Origin, Referer")
        .with("x-content-type-options", "nosniff")
}

/// A JSON reply of Kraken's.
pub(super) fn kraken(body: impl Into<Vec<u8>>) -> Reply {
    Reply::new(200, "application/json", body)
        .with("cache-control", "public, max-age=2")
        .with("cf-cache-status", "EXPIRED")
        .with("server", "cloudflare")
        .with("vary", "Accept-Encoding")
        .with("x-content-type-options", "nosniff")
}

/// Kraken's errors come with status 200.
pub(super) fn kraken_error(error: &str) -> Reply {
    kraken(object([("error", Json::List(vec![error.into()]))]).compact())
}

/// The envelope of Google's API errors, without details.
pub(super) fn google_error(code: u16, status: &str, message: &str) -> Json {
    let error = vec![("code", code.into()), ("message", message.into()), ("status", status.into())];
    object([("error", Json::Object(error))])
}

/// The envelope, with details.
pub(super) fn google_error_with(code: u16, status: &str, message: &str, details: Json) -> Json {
    object([(
        "error",
        object([
            ("code", code.into()),
            ("message", message.into()),
            ("status", status.into()),
            ("details", details),
        ]),
    )])
}

/// The error of an OAuth token endpoint, RFC 6749.
pub(super) fn oauth_error(error: &str, description: &str) -> Json {
    object([("error", error.into()), ("error_description", description.into())])
}

/// The page that stands in for a service that failed.
pub(super) fn html_error(service: Service, code: u16) -> Reply {
    if service == Service::Kraken {
        let reason = match code {
            520 => "Web server is returning an unknown error",
            521 => "Web server is down",
            522 => "Connection timed out",
            524 => "A timeout occurred",
            525 => "SSL handshake failed",
            414 => "Request-URI Too Large",
            502 => "Bad gateway",
            504 => "Gateway time-out",
            _ => "Service temporarily unavailable",
        };
        let body = format!(
            "<!DOCTYPE html>\n<html class=\"no-js\" lang=\"en-US\">\n<head>\n\
             <title>api.kraken.com | {code}: {reason}</title>\n<meta charset=\"UTF-8\" />\n\
             </head>\n<body>\n<h1>Error {code}</h1>\n<h2>{reason}</h2>\n\
             <p>Ray ID: 9a3c1f0d5b7e2c41</p>\n</body>\n</html>\n"
        );
        return Reply::html(code, body)
            .with("server", "cloudflare")
            .with("cf-ray", "9a3c1f0d5b7e2c41-FRA");
    }
    let reason = match code {
        408 => "Request Timeout",
        429 => "Too Many Requests",
        404 => "Not Found",
        _ => "Server Error",
    };
    let body = format!(
        "<!DOCTYPE html>\n<html lang=en>\n  <meta charset=utf-8>\n  \
         <title>Error {code} ({reason})!!1</title>\n  <p><b>{code}.</b> \
         <ins>That’s an error.</ins>\n  <p>The server encountered a temporary error and could \
         not complete your request.<p>Please try again in 30 seconds.  \
         <ins>That’s all we know.</ins>\n"
    );
    Reply::html(code, body)
}

/// Which of Google's quotas is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Quota {
    pub(super) writes: bool,
    pub(super) per_user: bool,
    pub(super) limit: u32,
}

impl Quota {
    /// The one that a service account hits first.
    pub(super) const WRITES: Self = Self { writes: true, per_user: true, limit: 60 };
}

/// The 429 as it was recorded. There is no `Retry-After`.
pub(super) fn quota_exceeded(quota: &Quota, window_start: i64) -> Reply {
    let Quota { writes, per_user, limit } = *quota;
    let kind = if writes { "Write" } else { "Read" };
    let (of_user, unit, suffix) = if per_user {
        (" per user", "1/min/{project}/{user}", "PerUser")
    } else {
        ("", "1/min/{project}", "PerProject")
    };
    let message = format!(
        "Quota exceeded for quota metric '{kind} requests' and limit '{kind} requests per \
         minute{of_user}' of service 'sheets.googleapis.com' for consumer \
         'project_number:{PROJECT_NUMBER}'."
    );
    let metric = format!("sheets.googleapis.com/{}_requests", kind.to_lowercase());
    let info = object([
        ("@type", "type.googleapis.com/google.rpc.ErrorInfo".into()),
        ("reason", "RATE_LIMIT_EXCEEDED".into()),
        ("domain", "googleapis.com".into()),
        (
            "metadata",
            object([
                ("window_start_time", window_start.to_string().into()),
                ("quota_metric", metric.into()),
                ("quota_location", "global".into()),
                ("service", "sheets.googleapis.com".into()),
                ("quota_unit", unit.into()),
                ("quota_limit", format!("{kind}RequestsPerMinute{suffix}").into()),
                ("consumer", format!("projects/{PROJECT_NUMBER}").into()),
                ("quota_limit_value", limit.to_string().into()),
            ]),
        ),
    ]);
    let link = "https://cloud.google.com/docs/quotas/help/request_increase";
    let help = object([
        ("@type", "type.googleapis.com/google.rpc.Help".into()),
        (
            "links",
            Json::List(vec![object([
                ("description", "Request a higher quota limit.".into()),
                ("url", link.into()),
            ])]),
        ),
    ]);
    let details = Json::List(vec![info, help]);
    json(429, google_error_with(429, "RESOURCE_EXHAUSTED", &message, details).pretty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_429_reads_as_recorded() {
        let reply = quota_exceeded(&Quota::WRITES, 17);
        let body: serde_json::Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(
            body["error"]["message"],
            "Quota exceeded for quota metric 'Write requests' and limit 'Write requests per \
             minute per user' of service 'sheets.googleapis.com' for consumer \
             'project_number:314159265358'."
        );
        let metadata = &body["error"]["details"][0]["metadata"];
        assert_eq!(metadata["quota_limit"], "WriteRequestsPerMinutePerUser");
        assert_eq!(metadata["quota_limit_value"], "60");
        assert!(!reply.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("retry-after")));
    }
}
