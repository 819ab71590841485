//! Why there is no answer, in words, and what it means for whoever asked.
//! Touches: nothing.

use std::{io, time::Duration};

use awc::error::{ConnectError, SendRequestError};

use super::{CONNECT_WITHIN, excerpt, tells};
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
    #[error("the address is http, where anybody on the way can read the access token")]
    InTheClear,
}

impl HttpError {
    pub(super) fn from_send(cause: SendRequestError) -> Self {
        match cause {
            SendRequestError::Connect(ConnectError::Io(cause)) => Self::from_io(&cause),
            SendRequestError::Connect(ConnectError::Timeout) => {
                Self::Connect(format!("no connection within {CONNECT_WITHIN:?}"))
            }
            SendRequestError::Connect(cause) => Self::Connect(excerpt(&cause.to_string())),
            SendRequestError::Send(cause) => Self::Broken(cause.to_string()),
            SendRequestError::Response(cause) => Self::Broken(excerpt(&cause.to_string())),
            other => Self::Broken(excerpt(&other.to_string())),
        }
    }

    /// The error with nothing in it that could repeat `secret`.
    pub(super) fn without(self, secret: &str) -> Self {
        if !tells(self.to_string().as_bytes(), secret) {
            return self;
        }
        Self::Broken("the answer repeats the access token, and is not shown".into())
    }

    fn from_io(cause: &io::Error) -> Self {
        let tls = cause.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
        match tls {
            Some(rustls::Error::InvalidCertificate(why)) => Self::Certificate(why.to_string()),
            Some(other) => Self::Connect(format!("TLS: {other}")),
            None => Self::Connect(cause.to_string()),
        }
    }

    /// What the failure means, where `server` is whom we asked: a name and a URL.
    pub(crate) fn failure(&self, server: &str) -> Failure {
        let (class, remedy) = match self {
            Self::Certificate(_) => (
                FailureClass::Tls,
                "Check this machine's clock; if a proxy of your own signs certificates, name its \
                 authority in tls.ca_file",
            ),
            Self::Redirect { .. } => {
                (FailureClass::Transient, "Check the url in the configuration")
            }
            _ => (FailureClass::Transient, ""),
        };
        Failure { class, reason: format!("{server}: {self}"), remedy: remedy.into() }
    }
}
