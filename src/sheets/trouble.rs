//! Why an attempt to write has come to nothing, whoever's fault it was, and what follows from it.
//! Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use super::{
    Account,
    auth::{AccessToken, TokenError},
    error::SheetsError,
};
use crate::{
    messages::{Failure, FailureClass},
    retry::RetryConfig,
};

/// Why an attempt has come to nothing.
pub(super) enum Trouble {
    Token(TokenError),
    /// Google has told others who go by this account why, and for how long, it is to be left
    /// alone.
    HeldOff(Failure, Duration),
    Sheets(SheetsError, AccessToken),
    Partial {
        updated: usize,
        sent: usize,
    },
    /// Google refuses one cell after the other for the same reason, which is none of theirs.
    Hopeless(String),
}

/// What follows from it.
#[derive(Debug)]
pub(super) struct Setback {
    /// What is reported.
    pub(super) failure: Failure,
    /// How long to wait before the next attempt.
    pub(super) wait: Duration,
    /// Whether all who go by this account have to wait: Google asks it for fewer requests.
    pub(super) is_everybodys: bool,
    /// Whether requests of another kind may succeed meanwhile.
    pub(super) others_may_succeed: bool,
    /// The token that Google does not take.
    pub(super) rejected: Option<AccessToken>,
}

impl Trouble {
    /// What follows from it, after so many attempts in a row that have come to nothing (one is the
    /// first). `failure` is how it is reported.
    pub(super) fn setback(
        self,
        failure: Failure,
        attempts: u32,
        retry: &RetryConfig,
        dice: f64,
    ) -> Setback {
        let own = match failure.class {
            FailureClass::Spreadsheet => retry.probe_after(attempts, dice),
            _ => retry.backoff.jittered(attempts, dice),
        };
        let is_everybodys = matches!(self, Self::Sheets(SheetsError::RateLimited { .. }, _));
        // Google may not say how long; to ask again at once would be asking for more of it.
        let least = if is_everybodys { retry.backoff.ceiling(2) } else { Duration::ZERO };
        let asked = match &self {
            Self::Sheets(error, _) => error.asked_wait().unwrap_or_default(),
            Self::HeldOff(_, wait) => *wait,
            _ => Duration::ZERO,
        };
        Setback {
            failure,
            wait: own.max(asked).max(least),
            is_everybodys,
            others_may_succeed: match &self {
                Self::Sheets(error, _) => is_everybodys || error.others_may_succeed(),
                Self::HeldOff(..) => true,
                _ => false,
            },
            rejected: match self {
                Self::Sheets(SheetsError::Unauthorized(_), token) => Some(token),
                _ => None,
            },
        }
    }

    /// The failure as it is reported, where `account` asked for `spreadsheet`.
    pub(super) fn failure(&self, account: &Account, spreadsheet: &str) -> Failure {
        match self {
            Self::Token(error) => error.failure(),
            Self::HeldOff(failure, _) => Failure {
                reason: format!("all spreadsheets of this account wait: {}", failure.reason),
                ..failure.clone()
            },
            Self::Sheets(error, _) => {
                error.failure(account.client().url(), &account.email(), spreadsheet)
            }
            Self::Hopeless(text) => Failure::new(
                FailureClass::Spreadsheet,
                format!("Google refuses one cell after the other: {text}"),
                "Check whether the account may edit this spreadsheet",
            ),
            Self::Partial { updated, sent } => Failure::new(
                FailureClass::Transient,
                format!("Google confirms {updated} of {sent} cells"),
                "",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    /// What follows from the first failure of this kind, whose dice stand at nothing.
    fn setback(error: SheetsError, retry: &RetryConfig) -> Setback {
        let token = AccessToken::new("secret", Instant::now(), secs(3_600)).unwrap();
        let failure = error.failure("https://x", "bot@x", "id");
        Trouble::Sheets(error, token).setback(failure, 1, retry, 0.0)
    }

    #[test]
    fn a_wait_that_google_asks_for_never_shortens_our_own() {
        let retry = RetryConfig::default();
        let limited = |wait| SheetsError::RateLimited { text: String::new(), wait };
        let server = |wait| SheetsError::Server { text: String::new(), wait };
        for (error, wait) in [
            (limited(None), secs(1)),
            (limited(Some(secs(0))), secs(1)),
            (limited(Some(Duration::from_millis(200))), secs(1)),
            (limited(Some(secs(30))), secs(30)),
            (server(None), secs(0)),
            (server(Some(secs(30))), secs(30)),
            (SheetsError::NotFound, secs(10)),
        ] {
            let told = format!("{error:?}");
            assert_eq!(setback(error, &retry).wait, wait, "{told}");
        }
    }

    #[test]
    fn the_least_wait_is_no_longer_than_any_wait_may_be() {
        let mut retry = RetryConfig::default();
        (retry.backoff.min, retry.backoff.max) = (secs(40), secs(60));
        let limited = SheetsError::RateLimited { text: String::new(), wait: None };
        assert_eq!(setback(limited, &retry).wait, secs(60));
    }

    #[test]
    fn only_googles_plea_for_fewer_requests_is_everybodys() {
        let retry = RetryConfig::default();
        let text = String::new();
        let wait = Some(secs(1));
        let limited = setback(SheetsError::RateLimited { text: text.clone(), wait }, &retry);
        assert!(limited.is_everybodys && limited.others_may_succeed && limited.rejected.is_none());
        let server = setback(SheetsError::Server { text: text.clone(), wait }, &retry);
        assert!(!server.is_everybodys && server.others_may_succeed);
        let denied = setback(SheetsError::Denied(text.clone()), &retry);
        assert!(!denied.is_everybodys && !denied.others_may_succeed && denied.rejected.is_none());
        assert!(setback(SheetsError::Unauthorized(text), &retry).rejected.is_some());
    }
}
