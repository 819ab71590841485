//! awc's one way out: every request of ours but the token's goes through here, under a deadline
//! that covers all of it, with a cap on the answer, to the host that was named and no other.
//! Touches: the network; the log. Never: credentials of its own.
//!
//! awc by itself waits for ever for a body that drips, takes a truncated body for a whole one,
//! follows redirects with the request's body to another host, never gets past an address that is
//! silent, and unpacks a few bytes into gigabytes. Each of these is fenced here.

mod answer;
mod body;
mod error;
mod few;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod gzip;
mod names;
mod reach;
mod retry_after;
mod secret;
mod tls;
mod words;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use awc::{
    Client, ClientRequest, Connector, SendClientRequest,
    body::BodyStream,
    http::{StatusCode, Uri, header},
};
use jiff::Timestamp;
use slog::{Logger, debug};
use tokio::time::{Instant, timeout};

pub use self::tls::{TlsConfig, TlsError};
pub(crate) use self::{
    answer::Answer,
    error::{HttpError, UNTRUSTED_REMEDY, untrusted},
    few::{Few, FewByName},
    names::Names,
    retry_after::retry_after,
    tls::Tls,
    words::{clause, excerpt},
};
use self::{answer::clock_ahead, reach::Reach};

/// The longest wait for a connection, DNS included, within the deadline of a request.
const CONNECT_WITHIN: Duration = Duration::from_secs(3);

/// The longest TLS handshake, within the deadline of a request.
const HANDSHAKE_WITHIN: Duration = Duration::from_secs(5);

/// An idle connection is kept this long: longer than most cadences, so that ticks share one.
const KEEP_IDLE: Duration = Duration::from_secs(90);

/// No connection is kept longer, so that a changed address in DNS is found.
const KEEP_AT_MOST: Duration = Duration::from_secs(15 * 60);

/// What an answer may be packed in: nothing, unless the caller asks for it.
const PLAIN: &str = "identity";

/// Of a large answer a quarter comes over the wire.
const PACKED: &str = "gzip";

/// What we call ourselves.
const USER_AGENT: &str = concat!("ratesheet/", env!("CARGO_PKG_VERSION"));

/// A client with a deadline for each request. It belongs to the thread that made it.
#[derive(Clone)]
pub(crate) struct Http {
    client: Client,
    deadline: Duration,
    log: Logger,
}

impl Http {
    pub(crate) fn new(tls: &Tls, deadline: Duration) -> Result<Self, TlsError> {
        // With a `-roots` feature of awc's switched on by somebody else in the host's tree,
        // `Connector::new` panics when that tree has two crypto providers.
        let connector = catch_unwind(AssertUnwindSafe(Connector::new)).map_err(|_| {
            TlsError::Setup("awc found more than one crypto provider and chose none".into())
        })?;
        let connector = connector
            .rustls_0_23(tls.for_awc())
            .timeout(CONNECT_WITHIN)
            .handshake_timeout(HANDSHAKE_WITHIN)
            // No limit of its own: who has a request in flight never has a second, and one who
            // hangs must not take the place of another.
            .limit(0)
            .conn_keep_alive(KEEP_IDLE)
            .conn_lifetime(KEEP_AT_MOST);
        let client = Client::builder()
            .disable_timeout() // it ends with the head; ours covers the body too
            .disable_redirects()
            .add_default_header((header::USER_AGENT, USER_AGENT))
            .add_default_header((header::ACCEPT_ENCODING, PLAIN));
        let client = match tls.dialer() {
            None => client.connector(connector.connector(Reach::by(tls.names()))).finish(),
            Some(dialer) => client.connector(connector.connector(dialer.for_awc())).finish(),
        };
        Ok(Self { client, deadline, log: tls.log().clone() })
    }

    /// Gets `url`.
    pub(crate) async fn get(
        &self,
        url: &str,
        bearer: Option<&str>,
        cap: usize,
    ) -> Result<Answer, HttpError> {
        let request = authorized(self.client.get(url), bearer);
        protected(url, bearer)?;
        self.finish(("GET", url), request.no_decompress().send(), bearer, PLAIN, cap).await
    }

    /// Gets `url`, of which everything behind the host is secret: nothing tells it, and no answer
    /// that repeats it is shown.
    pub(crate) async fn get_secret(&self, url: &str, cap: usize) -> Result<Answer, HttpError> {
        let (host, path) = secret::split(url);
        let sent = self.client.get(url).no_decompress().send();
        self.finish(("GET", host), sent, Some(path), PLAIN, cap).await
    }

    /// Gets `url`, whose answer is large and may come in gzip. The cap is for what it unpacks to.
    pub(crate) async fn get_packed(&self, url: &str, cap: usize) -> Result<Answer, HttpError> {
        let request = self.client.get(url).insert_header((header::ACCEPT_ENCODING, PACKED));
        self.finish(("GET", url), request.no_decompress().send(), None, PACKED, cap).await
    }

    /// Gets `url` with one more header, and in nobody's name: no token goes there.
    pub(crate) async fn get_with(
        &self,
        url: &str,
        header: (&'static str, &'static str),
        cap: usize,
    ) -> Result<Answer, HttpError> {
        let request = self.client.get(url).insert_header(header);
        self.finish(("GET", url), request.no_decompress().send(), None, PLAIN, cap).await
    }

    /// Posts a JSON body to `url`.
    pub(crate) async fn post_json(
        &self,
        url: &str,
        bearer: &str,
        json: Vec<u8>,
        cap: usize,
    ) -> Result<Answer, HttpError> {
        let request = authorized(self.client.post(url), Some(bearer))
            .insert_header((header::CONTENT_TYPE, "application/json"));
        protected(url, Some(bearer))?;
        self.finish(
            ("POST", url),
            request.no_decompress().send_body(json),
            Some(bearer),
            PLAIN,
            cap,
        )
        .await
    }

    /// Receives the answer, and tells of it: without the query, in which there may be a hundred
    /// pairs, and without the secret that was sent, should it be repeated.
    async fn finish(
        &self,
        (method, url): (&str, &str),
        sent: SendClientRequest,
        secret: Option<&str>,
        accepted: &str,
        cap: usize,
    ) -> Result<Answer, HttpError> {
        let begun = Instant::now();
        let outcome = match timeout(self.deadline, receive(sent, accepted, cap)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(HttpError::Deadline(self.deadline)),
        };
        let secret = secret.unwrap_or_default();
        let outcome =
            outcome.map(|answer| answer.without(secret)).map_err(|error| error.without(secret));
        let told = match &outcome {
            Ok(answer) => answer.status.to_string(),
            Err(error) => error.to_string(),
        };
        debug!(self.log, "{} {}", method, url.split('?').next().unwrap_or_default();
            "outcome" => told, "ms" => begun.elapsed().as_millis() as u64);
        outcome
    }
}

/// A token is never sent where others can read it.
fn protected(url: &str, bearer: Option<&str>) -> Result<(), HttpError> {
    let safe = bearer.is_none() || url.parse().is_ok_and(|uri| is_private(&uri));
    if safe { Ok(()) } else { Err(HttpError::InTheClear) }
}

/// Whether what is sent there can be read by nobody else. Of an address that names a user nobody
/// can be sure whose host it names.
fn is_private(uri: &Uri) -> bool {
    let (Some(authority), Some(scheme)) = (uri.authority(), uri.scheme_str()) else { return false };
    let encrypted = scheme == "https";
    let here = scheme == "http" && crate::tree::is_loopback(authority.host());
    !authority.as_str().contains('@') && (encrypted || here)
}

fn authorized(request: ClientRequest, bearer: Option<&str>) -> ClientRequest {
    match bearer {
        Some(token) => request.bearer_auth(token),
        None => request,
    }
}

async fn receive(sent: SendClientRequest, accepted: &str, cap: usize) -> Result<Answer, HttpError> {
    let response = sent.await.map_err(HttpError::from_send)?;
    let status = response.status();
    let text = |name| {
        let value = response.headers().get(name);
        value.and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    if status.is_redirection() {
        let to = text(header::LOCATION).unwrap_or_default();
        return Err(HttpError::Redirect { status: status.as_u16(), to: excerpt(&to) });
    }
    let encoding = text(header::CONTENT_ENCODING).unwrap_or_else(|| PLAIN.into());
    let packed = !encoding.eq_ignore_ascii_case(PLAIN);
    if packed && !encoding.eq_ignore_ascii_case(accepted) {
        return Err(HttpError::Encoded(excerpt(&encoding)));
    }
    let length: Option<u64> = text(header::CONTENT_LENGTH).and_then(|text| text.parse().ok());
    let framed = length.is_some() || response.headers().contains_key(header::TRANSFER_ENCODING);
    let content_type = text(header::CONTENT_TYPE).unwrap_or_default();
    let now = Timestamp::now();
    let retry_after = text(header::RETRY_AFTER).and_then(|text| retry_after(&text, now));
    let clock_ahead = text(header::DATE).and_then(|text| clock_ahead(&text, now));
    let body = body::read(BodyStream::new(response), length, packed, cap).await?;
    // awc reads a body without a length as an empty one.
    if !framed && body.received == 0 && status != StatusCode::NO_CONTENT {
        return Err(HttpError::Unframed);
    }
    let status = status.as_u16();
    Ok(Answer { status, content_type, retry_after, clock_ahead, body: body.bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_the_clear_but_to_this_machine() {
        for (url, safe) in [
            ("https://sheets.googleapis.com/v4", true),
            ("http://127.0.0.1:8080/v4", true),
            ("http://localhost/v4", true),
            ("http://[::1]:8080/v4", true),
            ("http://[::1]/v4", true),
            ("HTTPS://sheets.googleapis.com/v4", true),
            ("HTTP://LOCALHOST/v4", true),
            ("http://127.0.0.1:80@evil.example/", false),
            ("http://127.0.0.1@evil.example/", false),
            ("https://sheets.googleapis.com@evil.example/", false),
            ("//127.0.0.1/v4", false),
            ("127.0.0.1", false),
            ("http://192.0.2.1/v4", false),
            ("http://127.0.0.1.example.com/v4", false),
            ("http://user@example.com/v4", false),
            ("ftp://127.0.0.1/", false),
        ] {
            assert_eq!(protected(url, Some("token")).is_ok(), safe, "{url}");
            assert!(protected(url, None).is_ok(), "{url}");
        }
    }
}
