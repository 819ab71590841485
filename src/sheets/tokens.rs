//! The tokens of one Google identity: the last one, and how the next one is come by.
//! Touches: the key file and the network, through `auth` and `metadata`; the clock.

use std::{cell::RefCell, path::PathBuf, rc::Rc, time::Duration};

use slog::debug;
use tokio::time::Instant;

use super::{
    auth::{self, AccessToken, TokenError},
    credentials::Credentials,
    key::ServiceAccountKey,
    metadata::{self, Metadata},
};
use crate::{
    http::{Tls, TlsError},
    retry::Backoff,
    suspend,
};

/// What an identity has of tokens.
pub(super) struct Tokens {
    source: Source,
    tls: Tls,
    backoff: Backoff,
    last: RefCell<Option<AccessToken>>,
    outage: RefCell<Option<Outage>>,
    email: RefCell<Rc<str>>,
    /// Goes on while the machine is suspended: a token grows old meanwhile.
    pub(super) clock: fn() -> Instant,
}

/// Where tokens come from.
enum Source {
    File(PathBuf),
    Key(ServiceAccountKey),
    Metadata(Metadata),
}

/// No token is asked for before `until`.
struct Outage {
    error: TokenError,
    failures: u32,
    until: Instant,
}

impl Tokens {
    /// None yet. `backoff` says when to ask again for one that was not given.
    pub(super) fn new(
        credentials: Credentials,
        backoff: Backoff,
        tls: &Tls,
    ) -> Result<Self, TlsError> {
        let source = match credentials {
            Credentials::File(path) => Source::File(path),
            Credentials::Key(key) => Source::Key(key),
            Credentials::Metadata(server) => Source::Metadata(Metadata::new(&server, tls)?),
        };
        Ok(Self {
            source,
            tls: tls.clone(),
            backoff,
            last: RefCell::new(None),
            outage: RefCell::new(None),
            email: RefCell::new("the service account".into()),
            clock: suspend::now,
        })
    }

    /// Now, as it is reckoned here.
    pub(super) fn now(&self) -> Instant {
        (self.clock)()
    }

    /// Whose they are, once it is known.
    pub(super) fn email(&self) -> Rc<str> {
        Rc::clone(&self.email.borrow())
    }

    /// The one that was given last, however old.
    pub(super) fn last(&self) -> Option<AccessToken> {
        self.last.borrow().clone()
    }

    /// Forgets a token that Google does not take; another that has come meanwhile is kept.
    pub(super) fn reject(&self, rejected: &AccessToken) {
        self.last.borrow_mut().take_if(|token| token == rejected);
    }

    /// Why none is asked for now, while a failure's backoff lasts.
    pub(super) fn outage(&self, now: Instant) -> Option<TokenError> {
        let outage = self.outage.borrow();
        let lasting = outage.as_ref().filter(|outage| now < outage.until);
        lasting.map(|outage| outage.error.clone())
    }

    /// How long none is asked for, from now on.
    pub(super) fn wait(&self, now: Instant) -> Duration {
        let outage = self.outage.borrow();
        outage
            .as_ref()
            .map(|outage| outage.until.saturating_duration_since(now))
            .unwrap_or_default()
    }

    /// Asks for another.
    pub(super) async fn renew(&self) -> Result<AccessToken, TokenError> {
        let begun = Instant::now();
        let outcome = match &self.source {
            Source::File(path) => self.by_key(auth::read_key(path)).await,
            Source::Key(key) => self.by_key(Ok(key.clone())).await,
            Source::Metadata(server) => metadata::within(self.by_metadata(server)).await,
        };
        let told = outcome.as_ref().map_or_else(ToString::to_string, |_| "ok".into());
        debug!(self.tls.log(), "an access token is asked for";
            "outcome" => told, "ms" => begun.elapsed().as_millis() as u64);
        if let Ok(token) = &outcome {
            self.last.replace(Some(token.clone()));
        }
        let mut outage = self.outage.borrow_mut();
        *outage = outcome.as_ref().err().map(|error| {
            let failures = outage.as_ref().map_or(1, |before| before.failures.saturating_add(1));
            let wait = self.backoff.jittered(failures, fastrand::f64());
            let wait = wait.max(error.wait().unwrap_or_default());
            Outage { error: error.clone(), failures, until: self.now() + wait }
        });
        outcome
    }

    async fn by_key(
        &self,
        key: Result<ServiceAccountKey, TokenError>,
    ) -> Result<AccessToken, TokenError> {
        let key = key?;
        self.email.replace(key.client_email().into());
        auth::request_token(key, &self.tls, self.now()).await
    }

    /// Whose token it is comes first: when it is refused, that has to be told.
    async fn by_metadata(&self, server: &Metadata) -> Result<AccessToken, TokenError> {
        let email = server.email().await?;
        self.email.replace(email.into());
        server.token(self.now()).await
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{
        dial::{Dialer, Line},
        http::TlsConfig,
        sheets::fuzzing::a_key,
    };

    /// The tokens of a key whose endpoint is never there.
    fn unreachable() -> Tokens {
        let dialer = Dialer::new(|_, _| async { Err::<Line, _>(io::Error::other("no way")) });
        let tls = Tls::new(&TlsConfig::default()).unwrap().over(Some(dialer));
        let backoff = Backoff { min: Duration::from_secs(60), max: Duration::from_secs(60) };
        Tokens::new(Credentials::Key(a_key()), backoff, &tls).unwrap()
    }

    #[actix_rt::test]
    async fn after_a_failure_none_is_asked_for_before_its_time() {
        fastrand::seed(7);
        let (tokens, start) = (unreachable(), Instant::now());
        assert!(tokens.outage(start).is_none(), "nothing has failed yet");
        let failure = tokens.renew().await.unwrap_err().to_string();
        let until = tokens.outage.borrow().as_ref().unwrap().until;
        assert!(until > start);
        let told = |at| tokens.outage(at).map(|error| error.to_string());
        assert_eq!(told(until - Duration::from_millis(1)), Some(failure));
        assert_eq!(told(until), None);
        assert_eq!(tokens.wait(start), until - start);
        assert_eq!(tokens.wait(until), Duration::ZERO);
    }

    #[actix_rt::test]
    async fn whose_they_are_is_known_though_there_are_none() {
        let tokens = unreachable();
        assert_eq!(&*tokens.email(), "the service account");
        assert!(tokens.renew().await.is_err() && tokens.last().is_none());
        assert_eq!(&*tokens.email(), a_key().client_email());
    }

    #[actix_rt::test]
    async fn a_token_is_kept_until_another_comes_or_google_does_not_take_it() {
        let token = |secret| AccessToken::new(secret, Instant::now(), Duration::from_secs(60));
        let (old, new) = (token("old").unwrap(), token("new").unwrap());
        let tokens = unreachable();
        tokens.last.replace(Some(new.clone()));
        assert!(tokens.renew().await.is_err());
        tokens.reject(&old);
        assert_eq!(tokens.last(), Some(new.clone()), "neither is the fault of this one");
        tokens.reject(&new);
        assert_eq!(tokens.last(), None);
    }
}
