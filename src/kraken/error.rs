//! Why Kraken gave no quotes, by what can be done about it.
//! Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use crate::{
    http::{Answer, HttpError},
    messages::{Failure, FailureClass},
};

/// Why a request brought nothing.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum KrakenError {
    /// There was no whole answer.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// There was one, but not one of Kraken's: a page of the network before it, or half a JSON.
    #[error("the answer is not Kraken's JSON: {0}")]
    NotKraken(String),
    /// The network before Kraken is in trouble.
    #[error("the answer is not Kraken's JSON: {text}")]
    Status {
        text: String,
        /// The wait that it asks for.
        wait: Option<Duration>,
    },
    /// Kraken says that it is in trouble, or that something is wrong with the request.
    #[error("Kraken says {0}")]
    Service(String),
    /// Kraken asks for fewer requests.
    #[error("Kraken asks for fewer requests: {text}")]
    RateLimited {
        text: String,
        /// The wait that it asks for, or that is known to be needed.
        wait: Option<Duration>,
    },
    /// One of the pairs is unknown to Kraken; it does not say which.
    #[error("Kraken says {0}")]
    UnknownPair(String),
}

impl KrakenError {
    /// Sorts an answer of another status than 200, by which Kraken itself speaks: the network
    /// before it has (a 403 too: it is how Cloudflare blocks an address).
    pub(super) fn from_status(answer: &Answer) -> Self {
        let text = answer.describe();
        // What is known to be needed, whatever is asked for.
        let least = match answer.status {
            429 => Duration::from_secs(5),
            403 => Duration::from_secs(60),
            _ => return Self::Status { text, wait: answer.retry_after },
        };
        let wait = least.max(answer.retry_after.unwrap_or_default());
        Self::RateLimited { text, wait: Some(wait) }
    }

    /// Sorts the errors that an answer states. Kraken's errors are texts such as
    /// `EQuery:Unknown asset pair`
    /// (<https://docs.kraken.com/api/docs/guides/spot-rest-intro>).
    pub(super) fn from_texts(texts: &[String]) -> Self {
        let text = crate::http::excerpt(&texts.join(", "));
        let says = |needle: &str| text.to_ascii_lowercase().contains(needle);
        if says("unknown asset pair") || says("invalid asset pair") || says("invalid arguments") {
            Self::UnknownPair(text)
        } else if says("temporary lockout") {
            // About a quarter of an hour, for the whole address.
            Self::RateLimited { text, wait: Some(Duration::from_secs(60)) }
        } else if says("rate limit") || says("too many requests") || says("throttled") {
            Self::RateLimited { text, wait: Some(Duration::from_secs(5)) }
        } else {
            Self::Service(text)
        }
    }

    /// The failure as it is reported, where `url` is where Kraken was looked for.
    pub(super) fn failure(&self, url: &str) -> Failure {
        match self {
            Self::Http(error) => error.failure(&format!("Kraken ({url})")),
            Self::RateLimited { .. } => Failure {
                class: FailureClass::RateLimited,
                reason: self.to_string(),
                remedy: "Lower kraken.requests_per_second, or look for other programs that ask \
                         Kraken from this address"
                    .into(),
            },
            Self::NotKraken(_) | Self::Status { .. } | Self::Service(_) | Self::UnknownPair(_) => {
                Failure::new(FailureClass::Transient, self.to_string(), "")
            }
        }
    }

    /// The same once more, with another wait, if it is one that asks for a wait.
    pub(super) fn again(&self, wait: Duration) -> Option<Self> {
        let wait = Some(wait);
        match self {
            Self::RateLimited { text, .. } => Some(Self::RateLimited { text: text.clone(), wait }),
            Self::Status { text, .. } => Some(Self::Status { text: text.clone(), wait }),
            _ => None,
        }
    }

    /// Whether it asks for fewer requests, or for a wait.
    pub(super) fn is_plea(&self) -> bool {
        let waits = self.wait().is_some_and(|wait| !wait.is_zero());
        matches!(self, Self::RateLimited { .. }) || waits
    }

    /// The wait that Kraken asks for.
    pub(super) fn wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } | Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_wants_to_be_left_alone_says_so_again_with_the_wait_that_is_left() {
        let wait = Duration::from_secs(7);
        let text = || "later".to_owned();
        for error in [
            KrakenError::RateLimited { text: text(), wait: None },
            KrakenError::Status { text: text(), wait: Some(Duration::from_secs(60)) },
        ] {
            let again = error.again(wait).unwrap();
            assert_eq!((again.to_string(), again.wait()), (error.to_string(), Some(wait)));
            assert!(error.is_plea() && again.is_plea());
        }
        let at_once = KrakenError::Status { text: text(), wait: Some(Duration::ZERO) };
        assert!(!at_once.is_plea() && !KrakenError::Service(text()).is_plea());
        assert!(KrakenError::Service(text()).again(wait).is_none(), "nothing was asked for");
    }

    #[test]
    fn krakens_texts_are_sorted_by_what_can_be_done() {
        let class = |text: &str| match KrakenError::from_texts(&[text.to_owned()]) {
            KrakenError::UnknownPair(_) => "pair",
            KrakenError::RateLimited { .. } => "rate",
            KrakenError::Service(_) => "service",
            _ => "other",
        };
        for (text, expected) in [
            ("EQuery:Unknown asset pair", "pair"),
            ("EQuery:Invalid asset pair", "pair"),
            ("EGeneral:Invalid arguments", "pair"),
            ("EGeneral:Too many requests", "rate"),
            ("EAPI:Rate limit exceeded", "rate"),
            ("EGeneral:Temporary lockout", "rate"),
            ("EService: Throttled: 1764000000", "rate"),
            ("EService:Unavailable", "service"),
            ("EService:Busy", "service"),
            ("EGeneral:Internal error", "service"),
            ("EService:Market in cancel_only mode", "service"),
            ("", "service"),
        ] {
            assert_eq!(class(text), expected, "{text}");
        }
    }

    #[test]
    fn a_wait_that_is_asked_for_is_kept_and_does_not_shorten_one_that_is_needed() {
        let secs = Duration::from_secs;
        for (status, asked, wait) in [
            (429, None, Some(secs(5))),
            (429, Some(secs(0)), Some(secs(5))),
            (429, Some(secs(30)), Some(secs(30))),
            (403, Some(secs(0)), Some(secs(60))),
            (403, Some(secs(90)), Some(secs(90))),
            (503, Some(secs(30)), Some(secs(30))),
            (520, None, None),
        ] {
            let answer = Answer { retry_after: asked, ..Answer::json(status, "") };
            assert_eq!(KrakenError::from_status(&answer).wait(), wait, "{status} {asked:?}");
        }
    }

    #[test]
    fn a_wait_that_is_known_to_be_needed_is_told() {
        let wait = |text: &str| KrakenError::from_texts(&[text.to_owned()]).wait();
        assert_eq!(wait("EGeneral:Temporary lockout"), Some(Duration::from_secs(60)));
        assert_eq!(wait("EAPI:Rate limit exceeded"), Some(Duration::from_secs(5)));
        assert_eq!(wait("EService:Unavailable"), None);
    }
}
