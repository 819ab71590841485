//! One Google identity: its token and its budget of writes, shared by all the spreadsheets that
//! are written in its name. Touches: the key file and the network, through `auth`; the clock.

use std::{cell::RefCell, fmt, path::PathBuf, rc::Rc, time::Duration};

use tokio::{sync::Mutex, time::Instant};

use super::{
    GoogleConfig,
    auth::{self, AccessToken, TokenError},
    client::SheetsClient,
    key::ServiceAccountKey,
};
use crate::{
    gate::Gate,
    http::{Tls, TlsConfig, TlsError},
    pace::{Backoff, RetryConfig},
};

/// So many requests at once, before the pace sets in.
const BURST: u32 = 5;

/// A Google identity. To clone it is to share it, budget and token and all.
///
/// It belongs to the thread that made it.
#[derive(Clone)]
pub struct Account(Rc<Inner>);

struct Inner {
    credentials: Credentials,
    tls: Tls,
    backoff: Backoff,
    /// Who holds it is asking for a token; the others wait and take theirs from there.
    token: Mutex<Option<AccessToken>>,
    trouble: RefCell<Option<Trouble>>,
    email: RefCell<Rc<str>>,
    client: SheetsClient,
    /// Google counts reads and writes apart, and allows as many of the one as of the other.
    reads: Gate,
    writes: Gate,
}

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

/// Where an account's key is.
#[derive(Debug, Clone)]
pub enum Credentials {
    /// In a file, which is read whenever a token is needed: it may be replaced meanwhile.
    File(PathBuf),
    /// In memory.
    Key(ServiceAccountKey),
}

impl From<PathBuf> for Credentials {
    fn from(file: PathBuf) -> Self {
        Self::File(file)
    }
}

impl From<ServiceAccountKey> for Credentials {
    fn from(key: ServiceAccountKey) -> Self {
        Self::Key(key)
    }
}

impl Credentials {
    fn key(&self) -> Result<ServiceAccountKey, TokenError> {
        match self {
            Self::File(path) => auth::read_key(path),
            Self::Key(key) => Ok(key.clone()),
        }
    }
}

impl Account {
    /// The identity with this key. `google` says how fast it may write, `retry` when to ask again for a token that
    /// was not given.
    ///
    /// # Errors
    /// When the certificate authorities of `tls` cannot be read.
    pub fn new(
        credentials: impl Into<Credentials>,
        google: &GoogleConfig,
        retry: RetryConfig,
        tls: &TlsConfig,
    ) -> Result<Self, TlsError> {
        Self::with_tls(credentials, google, retry, &Tls::new(tls)?)
    }

    pub(crate) fn with_tls(
        credentials: impl Into<Credentials>,
        google: &GoogleConfig,
        retry: RetryConfig,
        tls: &Tls,
    ) -> Result<Self, TlsError> {
        let gate = || Gate::new(BURST, f64::from(google.writes_per_minute) / 60.0);
        Ok(Self(Rc::new(Inner {
            credentials: credentials.into(),
            tls: tls.clone(),
            backoff: retry.backoff,
            token: Mutex::new(None),
            trouble: RefCell::new(None),
            email: RefCell::new("the service account".into()),
            client: SheetsClient::new(google, tls)?,
            reads: gate(),
            writes: gate(),
        })))
    }

    /// The way to Google, whose connections all spreadsheets share.
    pub(super) fn client(&self) -> &SheetsClient {
        &self.0.client
    }

    /// The e-mail address that spreadsheets have to be shared with, once the key has been read.
    pub(super) fn email(&self) -> Rc<str> {
        Rc::clone(&self.0.email.borrow())
    }

    /// A token that is good for a while. However many ask at once, one request is made; after a
    /// failure none is made until its backoff has passed.
    pub(super) async fn token(&self) -> Result<AccessToken, TokenError> {
        let mut token = self.0.token.lock().await;
        let now = Instant::now();
        if let Some(token) = token.as_ref().filter(|token| !token.is_old(now)) {
            return Ok(token.clone());
        }
        let trouble = self.trouble_at(now);
        let renewed = match trouble {
            None => self.renew().await,
            Some(error) => Err(error),
        };
        match (renewed, token.as_ref()) {
            (Ok(fresh), _) => {
                *token = Some(fresh.clone());
                Ok(fresh)
            }
            // The old one is good to its end: that a new one is not to be had yet is no trouble.
            (Err(_), Some(old)) if old.is_good(Instant::now()) => Ok(old.clone()),
            (Err(error), _) => Err(error),
        }
    }

    /// Why no token is asked for now, while a failure's backoff lasts.
    fn trouble_at(&self, now: Instant) -> Option<TokenError> {
        let trouble = self.0.trouble.borrow();
        let lasting = trouble.as_ref().filter(|trouble| now < trouble.until);
        lasting.map(|trouble| trouble.error.clone())
    }

    async fn renew(&self) -> Result<AccessToken, TokenError> {
        let outcome = match self.0.credentials.key() {
            Ok(key) => {
                *self.0.email.borrow_mut() = key.client_email().into();
                auth::request_token(key, &self.0.tls).await
            }
            Err(error) => Err(error),
        };
        let mut trouble = self.0.trouble.borrow_mut();
        *trouble = outcome.as_ref().err().map(|error| {
            let failures = trouble.as_ref().map_or(1, |before| before.failures.saturating_add(1));
            let wait = self.0.backoff.jittered(failures, fastrand::f64());
            Trouble { error: error.clone(), failures, until: Instant::now() + wait }
        });
        outcome
    }

    /// Forgets a token that Google does not take; another that has come meanwhile is kept.
    pub(super) async fn reject(&self, rejected: &AccessToken) {
        let mut token = self.0.token.lock().await;
        if token.as_ref() == Some(rejected) {
            *token = None;
        }
    }

    /// Waits until the budget allows another read.
    pub(super) async fn may_read(&self) {
        self.0.reads.pass().await;
    }

    /// Waits until the budget allows another write.
    pub(super) async fn may_write(&self) {
        self.0.writes.pass().await;
    }

    /// Google has had enough of this identity: no request of this kind for this long.
    pub(super) fn hold_off(&self, wait: Duration, budget: Budget) {
        match budget {
            Budget::Reads => self.0.reads.shut_for(wait),
            Budget::Writes => self.0.writes.shut_for(wait),
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account").field("credentials", &self.0.credentials).finish_non_exhaustive()
    }
}
