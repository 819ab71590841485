//! One Google identity: its token and its budget of writes, shared by all the spreadsheets that
//! are written in its name. Touches: the key file and the network, through `auth` and `metadata`;
//! the clock.

use std::{
    cell::RefCell,
    fmt,
    path::PathBuf,
    rc::{Rc, Weak},
    time::Duration,
};

use slog::{Logger, info};
use tokio::{sync::broadcast, time::Instant};

use super::{
    GoogleConfig,
    auth::{self, AccessToken, TokenError},
    client::SheetsClient,
    credentials::Credentials,
    key::ServiceAccountKey,
    metadata::{self, Metadata},
};
use crate::{
    gate::Gate,
    http::{Tls, TlsConfig, TlsError},
    pace::{Backoff, RetryConfig},
    setup::{SetupError, checked},
};

/// So many requests at once, before the pace sets in.
const BURST: u32 = 5;

/// A Google identity. To clone it is to share it, budget and token and all.
///
/// It belongs to the thread that made it.
#[derive(Clone)]
pub struct Account(Rc<Inner>);

struct Inner {
    source: Source,
    tls: Tls,
    backoff: Backoff,
    token: RefCell<Option<AccessToken>>,
    /// The request for a token that is under way, as long as somebody waits for its outcome.
    asking: RefCell<Weak<Asking>>,
    trouble: RefCell<Option<Trouble>>,
    email: RefCell<Rc<str>>,
    /// Whose name has been told.
    introduced: RefCell<Rc<str>>,
    client: SheetsClient,
    /// Google counts reads and writes apart, and allows as many of the one as of the other.
    reads: Gate,
    writes: Gate,
}

/// Tells the outcome of a request for a token, to those who wait in the order in which they came.
type Asking = broadcast::Sender<Result<AccessToken, TokenError>>;

/// No token is asked for before `until`.
struct Trouble {
    error: TokenError,
    failures: u32,
    until: Instant,
}

/// What Google counts apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Budget {
    Reads,
    Writes,
}

/// Where tokens come from.
enum Source {
    File(PathBuf),
    Key(ServiceAccountKey),
    Metadata(Metadata),
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
        let gate = || Gate::new(BURST, f64::from(google.writes_per_minute) / 60.0);
        let source = match credentials.into() {
            Credentials::File(path) => Source::File(path),
            Credentials::Key(key) => Source::Key(key),
            Credentials::Metadata(server) => Source::Metadata(Metadata::new(&server, tls)?),
        };
        let nobody: Rc<str> = "the service account".into();
        Ok(Self(Rc::new(Inner {
            source,
            tls: tls.clone(),
            backoff: retry.backoff,
            token: RefCell::new(None),
            asking: RefCell::default(),
            trouble: RefCell::new(None),
            introduced: RefCell::new(Rc::clone(&nobody)),
            email: RefCell::new(nobody),
            client: SheetsClient::new(google, tls)?,
            reads: gate(),
            writes: gate(),
        })))
    }

    /// The way to Google, whose connections all spreadsheets share.
    pub(super) fn client(&self) -> &SheetsClient {
        &self.0.client
    }

    /// The e-mail address that spreadsheets have to be shared with, once it is known.
    pub(super) fn email(&self) -> Rc<str> {
        Rc::clone(&self.0.email.borrow())
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
        let now = Instant::now();
        let old = self.0.token.borrow().clone();
        if let Some(token) = old.as_ref().filter(|token| !token.is_old(now)) {
            return Ok(token.clone());
        }
        let renewed = match self.trouble_at(now) {
            None => self.ask().await,
            Some(error) => Err(error),
        };
        // The old one is good to its end: that a new one is not to be had yet is no trouble.
        renewed.or_else(|error| old.filter(|old| old.is_good(Instant::now())).ok_or(error))
    }

    /// Waits for the outcome of the request that is under way, or of a new one. That is a task of
    /// its own, since whoever began it may hang while others wait; it ends with the last of them.
    async fn ask(&self) -> Result<AccessToken, TokenError> {
        let asking = self.0.asking.borrow().upgrade();
        let mut told = match asking {
            Some(asking) => asking.subscribe(),
            None => self.begin_to_ask(),
        };
        told.recv().await.unwrap_or_else(|_| {
            Err(TokenError::Unavailable {
                reason: "it was not asked to the end".into(),
                wait: None,
            })
        })
    }

    fn begin_to_ask(&self) -> broadcast::Receiver<Result<AccessToken, TokenError>> {
        let (tell, told) = broadcast::channel(1);
        let tell = Rc::new(tell);
        self.0.asking.replace(Rc::downgrade(&tell));
        let account = self.clone();
        actix_rt::spawn(async move {
            tokio::select! {
                biased;
                outcome = account.renew() => drop(tell.send(outcome)),
                () = tell.closed() => {}
            }
        });
        told
    }

    /// Why no token is asked for now, while a failure's backoff lasts.
    fn trouble_at(&self, now: Instant) -> Option<TokenError> {
        let trouble = self.0.trouble.borrow();
        let lasting = trouble.as_ref().filter(|trouble| now < trouble.until);
        lasting.map(|trouble| trouble.error.clone())
    }

    async fn renew(&self) -> Result<AccessToken, TokenError> {
        let outcome = match &self.0.source {
            Source::File(path) => self.by_key(auth::read_key(path)).await,
            Source::Key(key) => self.by_key(Ok(key.clone())).await,
            Source::Metadata(server) => metadata::within(self.by_metadata(server)).await,
        };
        if let Ok(token) = &outcome {
            self.0.token.replace(Some(token.clone()));
        }
        let mut trouble = self.0.trouble.borrow_mut();
        *trouble = outcome.as_ref().err().map(|error| {
            let failures = trouble.as_ref().map_or(1, |before| before.failures.saturating_add(1));
            let wait = self.0.backoff.jittered(failures, fastrand::f64());
            let wait = wait.max(error.wait().unwrap_or_default());
            Trouble { error: error.clone(), failures, until: Instant::now() + wait }
        });
        outcome
    }

    async fn by_key(
        &self,
        key: Result<ServiceAccountKey, TokenError>,
    ) -> Result<AccessToken, TokenError> {
        let key = key?;
        self.0.email.replace(key.client_email().into());
        auth::request_token(key, &self.0.tls).await
    }

    /// Whose token it is comes first: when it is refused, that has to be told.
    async fn by_metadata(&self, server: &Metadata) -> Result<AccessToken, TokenError> {
        let email = server.email().await?;
        self.0.email.replace(email.into());
        server.token().await
    }

    /// Forgets a token that Google does not take; another that has come meanwhile is kept.
    pub(super) fn reject(&self, rejected: &AccessToken) {
        self.0.token.borrow_mut().take_if(|token| token == rejected);
    }

    /// A token to make a request with, as soon as the budget allows it. While there is no token
    /// nobody waits for a turn, which others can use.
    pub(super) async fn turn(&self, budget: Budget) -> Result<AccessToken, TokenError> {
        self.token().await?;
        self.gate(budget).pass().await;
        self.token().await
    }

    /// Google has had enough of this identity: no request of this kind for this long.
    pub(super) fn hold_off(&self, wait: Duration, budget: Budget) {
        self.gate(budget).shut_for(wait);
    }

    /// Whether Google has had enough of it at present.
    pub(super) fn holds_off(&self, budget: Budget) -> bool {
        self.gate(budget).is_shut()
    }

    fn gate(&self, budget: Budget) -> &Gate {
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
