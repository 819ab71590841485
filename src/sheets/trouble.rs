//! Why an attempt to write has come to nothing, whoever's fault it was.
//! Pure: no I/O, no clock, no randomness.

use super::{
    Account,
    auth::{AccessToken, TokenError},
    error::SheetsError,
};
use crate::messages::{Failure, FailureClass};

/// Why an attempt has come to nothing.
pub(super) enum Trouble {
    Token(TokenError),
    Sheets(SheetsError, AccessToken),
    Partial {
        updated: usize,
        sent: usize,
    },
    /// Google refuses one cell after the other for the same reason, which is none of theirs.
    Hopeless(String),
}

impl Trouble {
    /// Whether something may have been written all the same.
    const fn is_ambiguous(&self) -> bool {
        matches!(self, Self::Sheets(error, _) if error.is_ambiguous())
    }

    /// Whether it may be a matter of this one kind of request.
    pub(super) const fn is_passing(&self) -> bool {
        self.is_ambiguous() || matches!(self, Self::Sheets(SheetsError::RateLimited { .. }, _))
    }

    /// The failure as it is reported, where `account` asked for `spreadsheet`.
    pub(super) fn failure(&self, account: &Account, spreadsheet: &str) -> Failure {
        match self {
            Self::Token(error) => error.failure(),
            Self::Sheets(error, _) => {
                error.failure(account.client().url(), &account.email(), spreadsheet)
            }
            Self::Hopeless(text) => Failure {
                class: FailureClass::Spreadsheet,
                reason: format!("Google refuses one cell after the other: {text}"),
                remedy: "Check whether the account may edit this spreadsheet".into(),
            },
            Self::Partial { updated, sent } => Failure {
                class: FailureClass::Transient,
                reason: format!("Google confirms {updated} of {sent} cells"),
                remedy: String::new(),
            },
        }
    }
}
