//! Access tokens without a key: from the metadata server that Google puts beside its machines
//! (Compute Engine, Cloud Run, GKE with workload identity). Touches: the network, through `http`.
//! Never: sends it anything secret, or shows of an answer with a token more than that it is one.
//! What it answers in place of a token is shown.
//!
//! It is asked by plain http, by design: its address is link-local, and part of the machine. That
//! a request bears the header `Metadata-Flavor` is what keeps pages in a browser from asking.
//! yup-oauth2 could ask as well, but knows no other address than the usual one's path, never looks
//! at the status, and does not say whose token it is.

use std::{future::Future, time::Duration};

use serde::Deserialize;
use tokio::time::{Instant, timeout};

use super::{
    auth::{AccessToken, DEADLINE, TokenError},
    credentials::MetadataServer,
};
use crate::http::{Answer, Http, HttpError, Tls, TlsError};

const HEADER: (&str, &str) = ("Metadata-Flavor", "Google");

/// The one scope, as it stands in an URL. Where access scopes are set for the whole machine, it
/// gets those and no others.
const SCOPE: &str = "https%3A%2F%2Fwww.googleapis.com%2Fauth%2Fspreadsheets";

/// The most that it may answer, in bytes.
const ANSWER_CAP: usize = 64 * 1024;

const ELSEWHERE: &str = "\"metadata\" is for Google Cloud alone (Compute Engine, Cloud Run, GKE); \
                         elsewhere name a service account's key as the credentials";

/// Asks the metadata server.
#[derive(Clone)]
pub(super) struct Metadata {
    http: Http,
    /// Where the account is that the machine has by default.
    account: String,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

impl Metadata {
    pub(super) fn new(server: &MetadataServer, tls: &Tls) -> Result<Self, TlsError> {
        let host = server.host();
        Ok(Self {
            http: Http::new(tls, DEADLINE)?,
            account: format!("http://{host}/computeMetadata/v1/instance/service-accounts/default"),
        })
    }

    /// Asks whose tokens it gives out: with this address spreadsheets have to be shared.
    ///
    /// # Errors
    /// [`TokenError`] says whose fault it is.
    pub(super) async fn email(&self) -> Result<String, TokenError> {
        let answer = self.get("email").await?;
        let email = String::from_utf8_lossy(&answer.body).trim().to_owned();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_+@:".contains(c);
        if email.is_empty() || email.len() > 320 || !email.chars().all(plain) {
            return Err(stranger());
        }
        // GKE names the pool where the pod's account is linked to none of Google's.
        if !email.contains('@') {
            return Err(TokenError::NoIdentity {
                reason: format!("its identity {email} is no account that can be shared with"),
                remedy: "Link the pod's Kubernetes service account to one of Google's, by the \
                         annotation iam.gke.io/gcp-service-account and the role \
                         roles/iam.workloadIdentityUser",
            });
        }
        Ok(email)
    }

    /// Asks for a token, at the moment `now`.
    ///
    /// # Errors
    /// [`TokenError`] says whose fault it is.
    pub(super) async fn token(&self, now: Instant) -> Result<AccessToken, TokenError> {
        let answer = self.get(&format!("token?scopes={SCOPE}")).await?;
        let granted: Granted = serde_json::from_slice(&answer.body).map_err(|_| stranger())?;
        let life = Duration::from_secs(granted.expires_in);
        let token = AccessToken::new(&granted.access_token, now, life);
        token.map_err(|why| TokenError::NoMetadata { reason: why.into(), remedy: "", wait: None })
    }

    async fn get(&self, what: &str) -> Result<Answer, TokenError> {
        let url = format!("{}/{what}", self.account);
        let answer = self.http.get_with(&url, HEADER, ANSWER_CAP).await.map_err(unreachable)?;
        if answer.status == 200 { Ok(answer) } else { Err(refused(&answer)) }
    }
}

/// Both questions, one after the other, within one deadline.
pub(super) async fn within<T>(
    asking: impl Future<Output = Result<T, TokenError>>,
) -> Result<T, TokenError> {
    let late = |_| unreachable(HttpError::Deadline(DEADLINE));
    timeout(DEADLINE, asking).await.map_err(late)?
}

fn unreachable(error: HttpError) -> TokenError {
    match error {
        HttpError::Redirect { .. } => stranger(),
        error => {
            TokenError::NoMetadata { reason: error.to_string(), remedy: ELSEWHERE, wait: None }
        }
    }
}

/// Somebody else answers under its name: a captive portal, or a provider's search page.
fn stranger() -> TokenError {
    let reason = "the answer is not the metadata server's".to_owned();
    TokenError::NoMetadata { reason, remedy: ELSEWHERE, wait: None }
}

/// What an answer means that is no success.
fn refused(answer: &Answer) -> TokenError {
    let reason = answer.describe();
    let remedy = match answer.status {
        404 => "Give the machine a service account: it has none",
        401 | 403 => {
            "Let the Kubernetes service account act as Google's (role \
             roles/iam.workloadIdentityUser), and see that the latter exists and is enabled"
        }
        400..=407 | 409..=428 => "See what it says of the service account",
        _ => {
            return TokenError::NoMetadata { reason, remedy: "", wait: answer.retry_after };
        }
    };
    TokenError::NoIdentity { reason, remedy }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::TlsConfig;

    /// On a clock that runs on whenever everybody waits.
    #[tokio::test(start_paused = true)]
    async fn one_that_never_answers_is_waited_for_ten_seconds_in_all() {
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = silent.local_addr().unwrap().to_string();
        let server = MetadataServer::at(&host).unwrap();
        let tls = Tls::new(&TlsConfig::default()).unwrap();
        let start = Instant::now();
        let local = tokio::task::LocalSet::new();
        let asked = local.run_until(async {
            let metadata = Metadata::new(&server, &tls).unwrap();
            within(async {
                metadata.email().await?;
                metadata.token(Instant::now()).await
            })
            .await
        });
        let failure = asked.await.unwrap_err().failure();
        assert!(start.elapsed() <= DEADLINE + Duration::from_millis(10), "{:?}", start.elapsed());
        assert!(failure.reason.contains("within"), "{failure}");
        assert_eq!(failure.remedy, ELSEWHERE);
    }
}
