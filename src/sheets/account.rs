//! One Google identity: its token and its budgets of reads and writes, shared by all the
//! spreadsheets that are written in its name. Touches: the key file and the network, through
//! `tokens`; the clock.

use std::{
    cell::RefCell,
    fmt,
    rc::{Rc, Weak},
    time::Duration,
};

use slog::{Logger, info};
use tokio::sync::broadcast;

use super::{
    GoogleConfig,
    auth::{AccessToken, TokenError},
    client::SheetsClient,
    credentials::Credentials,
    tokens::Tokens,
    trouble::Trouble,
};
use crate::{
    gate::Gate,
    http::{Tls, TlsConfig, TlsError},
    messages::{Failure, FailureClass},
    retry::RetryConfig,
    setup::{SetupError, checked},
};

/// So many requests at once, before the pace sets in.
const BURST: u32 = 5;

/// For how long a request waits, without a word, while Google wants to be asked for less: after
/// most pleas no longer than its backoff.
const PATIENCE: Duration = Duration::from_secs(10);

/// A Google identity. To clone it is to share it, budget and token and all.
///
/// It belongs to the thread that made it.
#[derive(Clone)]
pub struct Account(Rc<Inner>);

struct Inner {
    tokens: Rc<Tokens>,
    /// The request for a token that is under way, as long as somebody waits for its outcome.
    asking: RefCell<Weak<Asking>>,
    /// It waits itself while the old token is good, and nobody else does.
    beside: RefCell<Option<Told>>,
    /// Whose name has been told.
    introduced: RefCell<Rc<str>>,
    client: SheetsClient,
    /// Google counts reads and writes apart, and allows as many of the one as of the other.
    reads: Quota,
    writes: Quota,
}

/// How much may be asked for.
struct Quota {
    gate: Rc<Gate>,
    /// How Google last asked for less.
    plea: RefCell<Failure>,
}

/// Tells the outcome of a request for a token, to those who wait in the order in which they came.
type Asking = broadcast::Sender<Result<AccessToken, TokenError>>;
type Told = broadcast::Receiver<Result<AccessToken, TokenError>>;

/// What Google counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    Reads,
    Writes,
}

impl Account {
    /// The identity with these credentials. `google` says how fast it may write, `retry` when to
    /// ask again for a token that was not given.
    ///
    /// # Errors
    /// When the certificate authorities of `tls` cannot be read, or anything else is not well
    /// formed.
    pub fn new(
        credentials: impl Into<Credentials>,
        google: &GoogleConfig,
        retry: RetryConfig,
        tls: &TlsConfig,
    ) -> Result<Self, SetupError> {
        checked(|mistakes| {
            google.check(mistakes);
            retry.check(mistakes);
        })?;
        Ok(Self::with_tls(credentials, google, retry, &Tls::new(tls)?)?)
    }

    pub(crate) fn with_tls(
        credentials: impl Into<Credentials>,
        google: &GoogleConfig,
        retry: RetryConfig,
        tls: &Tls,
    ) -> Result<Self, TlsError> {
        let quota = || Quota {
            gate: Rc::new(Gate::new(BURST, f64::from(google.writes_per_minute) / 60.0)),
            plea: RefCell::new(Failure::new(
                FailureClass::RateLimited,
                "Google asks for fewer requests",
                "",
            )),
        };
        let tokens = Rc::new(Tokens::new(credentials.into(), retry.backoff, tls)?);
        Ok(Self(Rc::new(Inner {
            introduced: RefCell::new(tokens.email()),
            tokens,
            asking: RefCell::default(),
            beside: RefCell::default(),
            client: SheetsClient::new(google, tls)?,
            reads: quota(),
            writes: quota(),
        })))
    }

    /// What those wait for their turn at who read, and who write.
    pub(crate) fn gates(&self) -> [Rc<Gate>; 2] {
        [&self.0.reads, &self.0.writes].map(|quota| Rc::clone(&quota.gate))
    }

    /// The way to Google, whose connections all spreadsheets share.
    pub(super) fn client(&self) -> &SheetsClient {
        &self.0.client
    }

    /// The e-mail address that spreadsheets have to be shared with, once it is known.
    pub(super) fn email(&self) -> Rc<str> {
        self.0.tokens.email()
    }

    /// Logs in whose name is written, as soon as that is known, and again when it is another: to
    /// a spreadsheet's log, and of all of them to the first.
    pub(super) fn introduce(&self, log: &Logger) {
        let email = self.email();
        if *self.0.introduced.borrow() != email {
            info!(log, "in the name of {}", email);
            self.0.introduced.replace(email);
        }
    }

    /// A token that is good for a while. However many ask at once, one request is made; after a
    /// failure none is made until its backoff has passed.
    pub(super) async fn token(&self) -> Result<AccessToken, TokenError> {
        let tokens = &self.0.tokens;
        let now = tokens.now();
        match tokens.last() {
            Some(token) if !token.is_old(now) => Ok(token),
            // It is good to its end: nobody waits for a new one, which may not be to be had yet.
            Some(token) if token.is_good(now) => {
                if tokens.outage(now).is_none() {
                    self.0.beside.replace(Some(self.ask()));
                }
                Ok(token)
            }
            _ => match tokens.outage(now) {
                Some(error) => Err(error),
                None => self.ask().recv().await.unwrap_or_else(|_| {
                    Err(TokenError::Unavailable {
                        reason: "it was not asked to the end".into(),
                        wait: None,
                    })
                }),
            },
        }
    }

    /// How long no token is asked for after one was not given.
    pub(super) fn wait_for_token(&self) -> Duration {
        self.0.tokens.wait(self.0.tokens.now())
    }

    /// Tells the outcome of the request that is under way, or of a new one.
    fn ask(&self) -> Told {
        let asking = self.0.asking.borrow().upgrade();
        asking.map_or_else(|| self.begin_to_ask(), |asking| asking.subscribe())
    }

    /// A request is a task of its own, since whoever began it may hang while others wait; it ends
    /// with the last of them, and with this account, which it does not keep alive.
    fn begin_to_ask(&self) -> Told {
        let (tell, told) = broadcast::channel(1);
        let tell = Rc::new(tell);
        self.0.asking.replace(Rc::downgrade(&tell));
        let tokens = Rc::clone(&self.0.tokens);
        actix_rt::spawn(async move {
            tokio::select! {
                biased;
                outcome = tokens.renew() => drop(tell.send(outcome)),
                () = tell.closed() => {}
            }
        });
        told
    }

    /// Forgets a token that Google does not take; another that has come meanwhile is kept.
    pub(super) fn reject(&self, rejected: &AccessToken) {
        self.0.tokens.reject(rejected);
    }

    /// A token to make a request with, as soon as the budget allows it. While there is no token
    /// nobody waits for a turn, which others can use; nor does anybody for long, without a word,
    /// because of what Google has said to others.
    pub(super) async fn turn(&self, budget: Budget) -> Result<AccessToken, Trouble> {
        self.token().await.map_err(Trouble::Token)?;
        let Quota { gate, plea } = self.quota(budget);
        if !gate.pass_within(PATIENCE).await {
            return Err(Trouble::HeldOff(plea.borrow().clone(), gate.shut()));
        }
        self.token().await.map_err(Trouble::Token)
    }

    /// Google has had enough of this identity: no request of this kind for this long, and why.
    pub(super) fn hold_off(&self, wait: Duration, budget: Budget, why: &Failure) {
        let Quota { gate, plea } = self.quota(budget);
        gate.shut_for(wait);
        plea.replace(why.clone());
    }

    fn quota(&self, budget: Budget) -> &Quota {
        match budget {
            Budget::Reads => &self.0.reads,
            Budget::Writes => &self.0.writes,
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("email", &self.email()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use tokio::time::Instant;

    use super::*;
    use crate::{
        scripted::scripted,
        sheets::{MetadataServer, credentials::Credentials},
    };

    #[actix_rt::test]
    async fn after_a_suspend_a_token_that_has_ended_in_it_is_not_used() {
        /// How long the machine has slept, in seconds.
        static SLEPT: AtomicU64 = AtomicU64::new(0);
        /// How many tokens there have been.
        static GIVEN: AtomicU64 = AtomicU64::new(0);
        let dialer = scripted(|request| {
            if request.contains("/email") {
                return (200, "bot@x".to_owned());
            }
            let count = GIVEN.fetch_add(1, Ordering::Relaxed);
            (200, format!(r#"{{"access_token":"token-{count}","expires_in":3599}}"#))
        });
        let credentials = Credentials::Metadata(MetadataServer::at("metadata.test").unwrap());
        let tls = Tls::new(&TlsConfig::default()).unwrap().over(Some(dialer));
        let google = GoogleConfig::default();
        let mut account =
            Account::with_tls(credentials, &google, RetryConfig::default(), &tls).unwrap();
        let tokens = Rc::get_mut(&mut account.0).and_then(|inner| Rc::get_mut(&mut inner.tokens));
        tokens.unwrap().clock =
            || Instant::now() + Duration::from_secs(SLEPT.load(Ordering::Relaxed));
        let used = async || account.token().await.unwrap().secret().to_owned();
        assert_eq!((used().await, used().await), ("token-0".into(), "token-0".into()));
        SLEPT.store(8 * 3_600, Ordering::Relaxed);
        assert_eq!((used().await, used().await), ("token-1".into(), "token-1".into()));
    }
}
