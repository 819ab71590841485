//! Access tokens from Google, by way of yup-oauth2. Touches: the key file, the network.
//! Never: a log, or an error, with anything secret in it.
//!
//! yup-oauth2 logs tokens at the level `debug` to the `log` facade: a host whose logger takes these
//! should silence its target. The command has no such logger.
//!
//! yup-oauth2 by itself waits for ever for a body that drips, reads bodies of any size, never
//! looks at the HTTP status or at Retry-After (`overheard` does), keeps an answer without a token
//! for ever, and panics when a token lives for millions of years. So each token is asked for by a
//! new authenticator, of which nothing is kept, in a task of its own, over a connection that
//! carries so many bytes and no more, within a deadline; and what comes out of it is looked at
//! before it is used.

use std::{fmt, path::Path, rc::Rc, time::Duration};

use tokio::{
    task::JoinHandle,
    time::{Instant, timeout},
};
use yup_oauth2::{
    Error as YupError, HyperClientBuilder as _, ServiceAccountAuthenticator,
    error::{AuthError, AuthErrorCode, SendError},
};

use super::{key::ServiceAccountKey, limited::client, overheard::Heard};
use crate::{
    file::{read_regular, reading_remedy},
    http::{Tls, UNTRUSTED_REMEDY, clause, excerpt, untrusted},
    messages::{Failure, FailureClass},
};

/// The whole of a token request, from connecting to the last byte.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);

/// The one scope: the spreadsheets that are shared with the account, and nothing else.
const SCOPE: &str = "https://www.googleapis.com/auth/spreadsheets";

/// A token that lives longer than this is none of Google's, whose tokens live an hour.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);

/// What Google wants to see with every request. Its text is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct AccessToken {
    secret: Rc<str>,
    asked: Instant,
    life: Duration,
}

impl AccessToken {
    /// A token that was asked for at that moment, and lives so long from then on. The clock that
    /// the moment is of has to go on while the machine is suspended, as Google's does.
    ///
    /// # Errors
    /// When no token is like this: in words.
    pub(super) fn new(secret: &str, asked: Instant, life: Duration) -> Result<Self, &'static str> {
        let printable = secret.bytes().all(|b| b.is_ascii_graphic());
        if secret.is_empty() || secret.len() > 16 * 1024 || !printable {
            return Err("the token in its answer is not a token");
        }
        if life.is_zero() || life > LONGEST_LIFE {
            return Err("the token in its answer lives for an absurd time");
        }
        Ok(Self { secret: secret.into(), asked, life })
    }

    /// For the Authorization header, and for nothing else.
    pub(super) fn secret(&self) -> &str {
        &self.secret
    }

    /// Whether it is to be replaced by now: five minutes before it ends, which is time enough to
    /// bear an outage of the endpoint; of a short life the last quarter.
    pub(super) fn is_old(&self, now: Instant) -> bool {
        const EARLY: Duration = Duration::from_secs(5 * 60);
        self.left(now) < EARLY.min(self.life / 4)
    }

    /// Whether it can still be used: a request made at the last moment might arrive too late. That
    /// is longer than until it is old, so that there is time for a new one.
    pub(super) fn is_good(&self, now: Instant) -> bool {
        const LATE: Duration = Duration::from_secs(10);
        self.left(now) > LATE.min(self.life / 8)
    }

    fn left(&self, now: Instant) -> Duration {
        (self.asked + self.life).saturating_duration_since(now)
    }
}

impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken(…)")
    }
}

/// Why there is no token.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub(super) enum TokenError {
    /// The key file cannot be used.
    #[error("{reason}")]
    Key { reason: String, remedy: &'static str },
    /// Google rejects the key.
    #[error("Google rejects the key of {account}: {reason}")]
    Rejected { account: String, reason: String },
    /// Google says that the time in the request is wrong.
    #[error("Google rejects the time in the request of {account}: {reason}")]
    Clock { account: String, reason: String },
    /// The token endpoint cannot be reached, or is in trouble.
    #[error("Google's token endpoint gives no token: {reason}")]
    Unavailable { reason: String, wait: Option<Duration> },
    /// Whoever answers in place of the token endpoint cannot show that it is Google.
    #[error("Google's token endpoint gives no token: the certificate is not to be trusted: {why}")]
    Untrusted { why: String },
    /// The metadata server cannot be reached, or is in trouble.
    #[error("Google's metadata server gives no token: {reason}")]
    NoMetadata { reason: String, remedy: &'static str, wait: Option<Duration> },
    /// The metadata server has no identity to give, or not this one.
    #[error("Google's metadata server gives no token: {reason}")]
    NoIdentity { reason: String, remedy: &'static str },
}

impl TokenError {
    /// For how long whoever was asked wants to be left alone, if that was said.
    pub(super) const fn wait(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { wait, .. } | Self::NoMetadata { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The token endpoint, in trouble for this reason.
    fn unavailable(reason: impl Into<String>) -> Self {
        Self::Unavailable { reason: reason.into(), wait: None }
    }

    /// With the status and the wait that the answer came with, where they tell more.
    fn with_head(self, head: Option<(u16, Option<Duration>)>) -> Self {
        match (self, head) {
            (Self::Unavailable { reason, .. }, Some((status, wait))) if status != 200 => {
                Self::Unavailable { reason: format!("HTTP {status}, {reason}"), wait }
            }
            (error, _) => error,
        }
    }

    /// The failure as it is reported.
    pub(super) fn failure(&self) -> Failure {
        let (class, remedy) = match self {
            Self::Key { remedy, .. } | Self::NoIdentity { remedy, .. } => {
                (FailureClass::Credentials, *remedy)
            }
            Self::NoMetadata { remedy, .. } => (FailureClass::Transient, *remedy),
            Self::Rejected { .. } => (
                FailureClass::Credentials,
                "Create a new key for the service account in the Google Cloud console, and put \
                 it in the place of this one: it is read again",
            ),
            Self::Clock { .. } => {
                (FailureClass::Clock, "Set this machine's clock, or have it set by NTP")
            }
            Self::Unavailable { .. } => (FailureClass::Transient, ""),
            Self::Untrusted { .. } => (FailureClass::Tls, UNTRUSTED_REMEDY),
        };
        Failure { class, reason: self.to_string(), remedy: remedy.into() }
    }
}

/// Asks for a token, at the moment `now`.
///
/// # Errors
/// [`TokenError`] says whose fault it is.
pub(super) async fn request_token(
    key: ServiceAccountKey,
    tls: &Tls,
    now: Instant,
) -> Result<AccessToken, TokenError> {
    let email = key.client_email().to_owned();
    let tls = tls.clone();
    let heard = Heard::default();
    let hearing = heard.clone();
    // In a task of its own a panic of the library's is an error and no more.
    let mut request = OwnTask(actix_rt::spawn(async move {
        timeout(DEADLINE, exchange(key, &tls, &hearing, now)).await
    }));
    let outcome = match (&mut request.0).await {
        Ok(Ok(outcome)) => outcome.map_err(|error| sort(error, email)),
        Ok(Err(_)) => Err(TokenError::unavailable(format!("no answer within {DEADLINE:?}"))),
        Err(_) => Err(TokenError::unavailable("its answer cannot be understood")),
    };
    let head = heard.head(jiff::Timestamp::now());
    match (outcome, head) {
        (Ok(_), Some((status, _))) if status != 200 => {
            Err(TokenError::unavailable("and yet a token").with_head(head))
        }
        (outcome, head) => outcome.map_err(|error| error.with_head(head)),
    }
}

/// A task that ends with whoever waits for it.
struct OwnTask<T>(JoinHandle<T>);

impl<T> Drop for OwnTask<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Reads a key file.
///
/// # Errors
/// When it cannot be used.
pub(super) fn read_key(path: &Path) -> Result<ServiceAccountKey, TokenError> {
    let unusable = |reason: String, remedy: &'static str| TokenError::Key { reason, remedy };
    let bytes = read_regular(path, ServiceAccountKey::MOST_BYTES).map_err(|cause| {
        unusable(
            format!("the key file {} cannot be read: {cause}", path.display()),
            reading_remedy(path, &cause),
        )
    })?;
    ServiceAccountKey::from_json(&bytes).map_err(|why| {
        unusable(format!("the key file {} cannot be used: {why}", path.display()), why.remedy())
    })
}

enum ExchangeError {
    Library(YupError),
    /// The key cannot sign.
    Setup,
    Unusable(&'static str),
}

async fn exchange(
    key: ServiceAccountKey,
    tls: &Tls,
    heard: &Heard,
    asked: Instant,
) -> Result<AccessToken, ExchangeError> {
    let client = client(tls, heard).build_hyper_client().map_err(ExchangeError::Library)?;
    let authenticator = ServiceAccountAuthenticator::with_client(key.into_inner(), client)
        .build()
        .await
        .map_err(|_| ExchangeError::Setup)?;
    let token = authenticator.token(&[SCOPE]).await.map_err(ExchangeError::Library)?;
    let now = jiff::Timestamp::now();
    let secret = token.token().ok_or(ExchangeError::Unusable("there is no token in its answer"))?;
    let expires = token
        .expiration_time()
        .ok_or(ExchangeError::Unusable("its answer does not say how long the token lives"))?;
    // The library has added it to the time that it had a moment ago: to whole seconds, this is
    // what Google has said, whatever jump the clock has made before.
    const SECOND: i128 = 1_000_000_000;
    let life = (expires.unix_timestamp_nanos() - now.as_nanosecond() + SECOND / 2) / SECOND;
    let life = u64::try_from(life).map(Duration::from_secs).unwrap_or_default();
    AccessToken::new(secret, asked, life).map_err(ExchangeError::Unusable)
}

fn sort(error: ExchangeError, account: String) -> TokenError {
    match error {
        ExchangeError::Unusable(why) => TokenError::unavailable(why),
        ExchangeError::Setup => TokenError::Rejected {
            account,
            reason: "the private key in the file cannot be used".into(),
        },
        ExchangeError::Library(YupError::AuthError(error)) => sort_oauth(&error, account),
        ExchangeError::Library(YupError::HttpClientError(error)) => match untrusted(&error) {
            Some(why) => TokenError::Untrusted { why },
            None => TokenError::unavailable(transport(&error)),
        },
        ExchangeError::Library(YupError::HttpError(_)) => {
            TokenError::unavailable("the connection broke")
        }
        ExchangeError::Library(YupError::JSONError(_)) => {
            TokenError::unavailable("its answer is not JSON")
        }
        // Whatever else the library says may have a secret in it.
        ExchangeError::Library(_) => TokenError::unavailable("the request failed"),
    }
}

/// Sorts what Google answers, in the words of RFC 6749 §5.2.
fn sort_oauth(error: &AuthError, account: String) -> TokenError {
    // Every JWT begins like this: an answer that repeats ours is not shown.
    let clean = |text: &str| if text.contains("eyJ") { String::new() } else { text.to_owned() };
    let description = clean(error.error_description.as_deref().unwrap_or_default());
    let code = clean(error.error.as_str());
    let reason = clause(&format!("{code}: {description}"));
    let reason = reason.trim_matches([':', ' ']).to_owned();
    match error.error {
        AuthErrorCode::InvalidGrant if description.contains("reasonable timeframe") => {
            TokenError::Clock { account, reason }
        }
        AuthErrorCode::InvalidGrant
        | AuthErrorCode::InvalidClient
        | AuthErrorCode::UnauthorizedClient
        | AuthErrorCode::AccessDenied => TokenError::Rejected { account, reason },
        AuthErrorCode::Other(ref code) if code == "disabled_client" || code == "deleted_client" => {
            TokenError::Rejected { account, reason }
        }
        _ => TokenError::unavailable(reason),
    }
}

/// The innermost reason of a failed request: `connection refused` rather than `client error`.
fn transport(error: &SendError) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    excerpt(&inner.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_grows_old_before_it_ends_and_is_good_for_a_while_after_that() {
        for (life, old, bad) in
            [(3_599.0, 3_299.0, 3_589.0), (60.0, 45.0, 52.5), (8.0, 6.0, 7.0), (1.0, 0.75, 0.875)]
        {
            let asked = Instant::now();
            let token = AccessToken::new("ya29.x", asked, Duration::from_secs_f64(life)).unwrap();
            let after = |secs: f64| asked + Duration::from_secs_f64(secs);
            assert!(
                !token.is_old(after(old - 0.001)) && token.is_old(after(old + 0.001)),
                "{life}"
            );
            assert!(token.is_good(after(bad - 0.001)) && !token.is_good(after(bad)), "{life}");
            assert!(!token.is_good(after(life + 9e9)), "{life}");
        }
    }
}
