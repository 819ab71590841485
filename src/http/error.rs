//! Why there is no answer, in words, and what it means for whoever asked.
//! Touches: nothing.

use std::{error::Error, io, time::Duration};

use awc::error::{ConnectError, SendRequestError};

use super::{CONNECT_WITHIN, excerpt, secret::tells};
use crate::messages::{Failure, FailureClass};

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum HttpError {
    #[error("cannot connect: {0}")]
    Connect(String),
    #[error("the certificate is not to be trusted: {0}")]
    Certificate(String),
    #[error("no answer within {0:?}")]
    Deadline(Duration),
    #[error("the connection broke: {0}")]
    Broken(String),
    #[error("the answer broke off: {0}")]
    Body(String),
    #[error("the answer broke off before its end")]
    Truncated,
    #[error("the answer has no length, so that its end cannot be known")]
    Unframed,
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the answer is encoded as {0}, which was not asked for")]
    Encoded(String),
    #[error("the answer cannot be unpacked: {0}")]
    Gzip(String),
    #[error("redirected (HTTP {status}) to {to}, which is not followed")]
    Redirect { status: u16, to: String },
    #[error("the answer repeats what is secret, and is not shown")]
    Withheld,
    #[error("the address is http, where anybody on the way can read the access token")]
    InTheClear,
}

impl HttpError {
    pub(super) fn from_send(cause: SendRequestError) -> Self {
        match cause {
            SendRequestError::Connect(cause) => Self::from_connect(&cause),
            SendRequestError::Send(cause) => Self::Broken(cause.to_string()),
            SendRequestError::Response(cause) => Self::Broken(excerpt(&cause.to_string())),
            other => Self::Broken(excerpt(&other.to_string())),
        }
    }

    /// Why no connection came about, or why it ended before anything was answered.
    fn from_connect(cause: &ConnectError) -> Self {
        let why = match cause {
            // It says so too when the other side hangs up in place of an answer.
            ConnectError::Disconnected => {
                return Self::Broken("it was closed before anything was answered".into());
            }
            ConnectError::Io(cause) => return Self::from_io(cause),
            ConnectError::Timeout => format!("no connection within {CONNECT_WITHIN:?}"),
            ConnectError::Resolver(cause) => {
                format!("the name of the host cannot be resolved: {}", excerpt(&cause.to_string()))
            }
            ConnectError::NoRecords => "the name of the host has no address".into(),
            other => excerpt(&other.to_string()),
        };
        Self::Connect(why)
    }

    /// Whether nothing of the request can have reached the server.
    pub(crate) const fn is_unsent(&self) -> bool {
        matches!(self, Self::Connect(_) | Self::Certificate(_) | Self::InTheClear)
    }

    /// The error with nothing in it that could repeat `secret`.
    pub(super) fn without(self, secret: &str) -> Self {
        if !tells(self.to_string().as_bytes(), secret) {
            return self;
        }
        Self::Withheld
    }

    fn from_io(cause: &io::Error) -> Self {
        let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match (untrusted(cause), tls) {
            (Some(why), _) => Self::Certificate(why),
            (None, Some(other)) => Self::Connect(format!("TLS: {other}")),
            (None, None) => Self::Connect(cause.to_string()),
        }
    }

    /// What the failure means, where `server` is whom we asked: a name and a URL.
    pub(crate) fn failure(&self, server: &str) -> Failure {
        let (class, remedy) = match self {
            Self::Certificate(_) => (FailureClass::Tls, UNTRUSTED_REMEDY),
            Self::Redirect { .. } => (FailureClass::Transient, REDIRECTED_REMEDY),
            _ => (FailureClass::Transient, ""),
        };
        Failure { class, reason: format!("{server}: {self}"), remedy: remedy.into() }
    }
}

/// What to do about a redirect, since neither Kraken nor Google sends one.
const REDIRECTED_REMEDY: &str = "Check the url in the configuration; if it is right, a captive \
     portal or a proxy answers in the server's place";

/// What to do about a certificate that is not to be trusted.
pub(crate) const UNTRUSTED_REMEDY: &str = "Check this machine's clock; if a proxy of your own \
     signs certificates, name its authority in tls.ca_file";

/// What is wrong with a certificate, if it is that which an error comes from in the end.
pub(crate) fn untrusted(error: &(dyn Error + 'static)) -> Option<String> {
    if let Some(rustls::Error::InvalidCertificate(why)) = error.downcast_ref() {
        return Some(why.to_string());
    }
    // What an error of the system wraps is not its source.
    let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    let inner = wrapped.map(|inner| -> &(dyn Error + 'static) { inner });
    untrusted(inner.or_else(|| error.source())?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_awc_says_of_its_own_workings_is_told_in_words() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let unknown = Box::new(io::Error::other("Name or service not known"));
        for (cause, told) in [
            (
                ConnectError::Disconnected,
                "the connection broke: it was closed before anything was answered",
            ),
            (ConnectError::Io(refused), "cannot connect: connection refused"),
            (ConnectError::Timeout, "cannot connect: no connection within 3s"),
            (ConnectError::NoRecords, "cannot connect: the name of the host has no address"),
            (
                ConnectError::Resolver(unknown),
                "cannot connect: the name of the host cannot be resolved: Name or service not known",
            ),
        ] {
            assert_eq!(HttpError::from_connect(&cause).to_string(), told);
        }
    }
    #[test]
    fn a_certificate_that_is_not_to_be_trusted_is_found_within_what_wraps_it() {
        let cause = |error: rustls::Error| ConnectError::Io(io::Error::other(error));
        let ended = rustls::Error::InvalidCertificate(rustls::CertificateError::Expired);
        let ended = HttpError::from_connect(&cause(ended));
        assert!(matches!(&ended, HttpError::Certificate(_)), "{ended}");
        let other = HttpError::from_connect(&cause(rustls::Error::HandshakeNotComplete));
        assert!(matches!(&other, HttpError::Connect(why) if why.starts_with("TLS: ")), "{other}");
    }

    #[test]
    fn what_a_person_can_do_is_said_of_what_a_person_can_mend() {
        let redirect = || HttpError::Redirect { status: 302, to: "elsewhere".into() };
        for (error, class, remedy) in [
            (HttpError::Certificate("it".into()), FailureClass::Tls, UNTRUSTED_REMEDY),
            (redirect(), FailureClass::Transient, REDIRECTED_REMEDY),
            (HttpError::Truncated, FailureClass::Transient, ""),
        ] {
            let told = error.failure("Kraken");
            assert_eq!((told.class, &*told.remedy), (class, remedy));
            assert_eq!(told.reason, format!("Kraken: {error}"));
        }
    }
}
