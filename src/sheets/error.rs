//! Why a spreadsheet was not written, by what can be done about it.
//! Pure: no I/O, no clock, no randomness.

use std::time::Duration;

use super::wire::{self, ApiError};
use crate::{
    http::{Answer, HttpError},
    messages::{Failure, FailureClass},
};

/// Why a request to the Sheets API failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(super) enum SheetsError {
    /// There was no whole answer: whether it was done is unknown.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// Google, or something on the way to it, is in trouble: whether it was done is unknown.
    #[error("Google is in trouble: {text}")]
    Server { text: String, wait: Option<Duration> },
    /// The answer is not one of Google's: whether it was done is unknown.
    #[error("the answer is not Google's: {0}")]
    NotGoogle(String),
    /// Google asks for fewer requests.
    #[error("Google asks for fewer requests: {text}")]
    RateLimited { text: String, wait: Option<Duration> },
    /// Google does not take the token.
    #[error("Google does not accept the access token: {0}")]
    Unauthorized(String),
    /// The token is good, and not for spreadsheets.
    #[error("the access token is not for spreadsheets: {0}")]
    Scope(String),
    /// The account may not write here.
    #[error("Google refuses: {0}")]
    Denied(String),
    /// The Sheets API is not switched on.
    #[error("the Google Sheets API is not enabled in the project of this account")]
    Disabled { url: Option<String> },
    /// There is no such spreadsheet.
    #[error("there is no such spreadsheet, or it is in the bin")]
    NotFound,
    /// It is a file of another kind.
    #[error("the file is not a Google spreadsheet but an Office file")]
    OfficeFile,
    /// Google refuses one entry of a write, and with it all of it.
    #[error("{text}")]
    BadEntry { index: usize, text: String },
    /// Google refuses a write without saying which entry of it.
    #[error("{0}")]
    BadRequest(String),
}

impl SheetsError {
    /// Sorts an answer that is not a success.
    pub(super) fn from_answer(answer: &Answer) -> Self {
        let Some(error) = wire::api_error(answer) else {
            return Self::without_error(answer);
        };
        let ApiError { message, status, reason, activation_url } = error;
        let told = if message.is_empty() { status.clone() } else { message.clone() };
        let rate = reason.to_ascii_lowercase().contains("ratelimit")
            || reason == "RATE_LIMIT_EXCEEDED"
            || status == "RESOURCE_EXHAUSTED";
        match answer.status {
            429 => Self::RateLimited { text: told, wait: answer.retry_after },
            403 if rate => Self::RateLimited { text: told, wait: answer.retry_after },
            403 if reason == "SERVICE_DISABLED" => Self::Disabled { url: activation_url },
            403 if reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT" => Self::Scope(told),
            401 => Self::Unauthorized(told),
            403 => Self::Denied(told),
            404 => Self::NotFound,
            400 if message.contains("must not be an Office file") => Self::OfficeFile,
            400 => match wire::rejected_entry(&message) {
                Some(index) => Self::BadEntry { index, text: told },
                None => Self::BadRequest(told),
            },
            _ => Self::Server {
                text: format!("HTTP {}: {told}", answer.status),
                wait: answer.retry_after,
            },
        }
    }

    fn without_error(answer: &Answer) -> Self {
        let told = answer.describe();
        match answer.status {
            401 => Self::Unauthorized(told),
            429 => Self::RateLimited { text: told, wait: answer.retry_after },
            408 | 425 | 500.. => Self::Server { text: told, wait: answer.retry_after },
            _ => Self::NotGoogle(told),
        }
    }

    /// Whether the spreadsheet may have been written all the same.
    pub(super) const fn is_ambiguous(&self) -> bool {
        match self {
            Self::Http(error) => !error.is_unsent(),
            _ => self.others_may_succeed(),
        }
    }

    /// Whether a request of another kind may succeed meanwhile: it is no answer to this one.
    pub(super) const fn others_may_succeed(&self) -> bool {
        matches!(self, Self::Http(_) | Self::Server { .. } | Self::NotGoogle(_))
    }

    /// For how long Google wants to be left alone, if it says so.
    pub(super) const fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { wait, .. } | Self::Server { wait, .. } => *wait,
            _ => None,
        }
    }

    /// The failure as it is reported. `url` is where Google was looked for, `account` who asked,
    /// `spreadsheet` for what.
    pub(super) fn failure(&self, url: &str, account: &str, spreadsheet: &str) -> Failure {
        let (class, remedy) = match self {
            Self::Http(error) => return error.failure(&format!("Google Sheets ({url})")),
            Self::Server { .. } | Self::NotGoogle(_) | Self::BadRequest(_) => {
                (FailureClass::Transient, String::new())
            }
            Self::BadEntry { .. } => (FailureClass::Cell, String::new()),
            Self::RateLimited { .. } => (
                FailureClass::RateLimited,
                "Lengthen the timeout, write fewer spreadsheets with this account, or lower \
                 google.writes_per_minute if other programs use it too"
                    .to_owned(),
            ),
            Self::Unauthorized(_) => (
                FailureClass::Transient,
                "If it lasts, check that the key still exists in the Google Cloud console"
                    .to_owned(),
            ),
            // A key's token has the scope that was asked for; a machine may bar it.
            Self::Scope(_) => (
                FailureClass::Credentials,
                "Give the machine the access scope https://www.googleapis.com/auth/spreadsheets: \
                 stop it, and add that to its --scopes by `gcloud compute instances \
                 set-service-account`"
                    .to_owned(),
            ),
            Self::Denied(_) => (
                FailureClass::Spreadsheet,
                format!("Open the spreadsheet, press Share, and add {account} as an Editor"),
            ),
            Self::Disabled { url } => (
                FailureClass::Spreadsheet,
                format!(
                    "Enable it at {} , and wait a few minutes",
                    url.as_deref().unwrap_or(
                        "https://console.cloud.google.com/apis/library/sheets.googleapis.com"
                    )
                ),
            ),
            Self::NotFound => (
                FailureClass::Spreadsheet,
                format!(
                    "Check the id {spreadsheet}: in the spreadsheet's URL it stands between /d/ \
                     and /edit"
                ),
            ),
            Self::OfficeFile => (
                FailureClass::Spreadsheet,
                "Open it, choose File, Save as Google Sheets, and configure the new file's id"
                    .to_owned(),
            ),
        };
        Failure { class, reason: self.to_string(), remedy }
    }
}

/// Whether Google says, in this text, that there is no such tab or named range.
pub(super) fn is_nowhere(text: &str) -> bool {
    text.to_ascii_lowercase().contains("unable to parse range")
}

/// What to do about a cell that Google refuses, by Google's text.
pub(super) fn cell_remedy(text: &str) -> &'static str {
    let says = |needle: &str| text.to_ascii_lowercase().contains(needle);
    if is_nowhere(text) {
        "Check that the tab or the named range exists and is spelt like this"
    } else if says("exceeds grid limits") {
        "Add rows or columns to the tab, or choose another cell"
    } else if says("protected") {
        "Let the account edit the protected range, or choose another cell"
    } else {
        "Check the cell in the configuration"
    }
}

/// That Google refuses a cell, with this text, and what to do about it. Which cell it is stands
/// beside it, so that all that are refused alike have the same.
pub(super) fn cell_failure(text: &str) -> Failure {
    Failure {
        class: FailureClass::Cell,
        reason: format!("Google refuses the cell: {}", wire::without_entry(text)),
        remedy: cell_remedy(text).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(status: u16, body: &str) -> SheetsError {
        SheetsError::from_answer(&Answer::json(status, body))
    }

    fn error(message: &str, status: &str, reason: &str) -> String {
        serde_json::json!({ "error": {
            "message": message, "status": status, "details": [{ "reason": reason }]
        }})
        .to_string()
    }

    #[test]
    fn googles_errors_are_sorted_by_what_can_be_done() {
        use FailureClass as C;
        let parse = "Invalid data[1]: Unable to parse range: NoSuchTab!A1";
        let office = "This operation is not supported for this document. The document must not be an Office file.";
        for (status, body, class) in [
            (
                401,
                error("Request had invalid authentication credentials.", "UNAUTHENTICATED", ""),
                C::Transient,
            ),
            (
                403,
                error("The caller does not have permission", "PERMISSION_DENIED", ""),
                C::Spreadsheet,
            ),
            (403, error("…", "PERMISSION_DENIED", "SERVICE_DISABLED"), C::Spreadsheet),
            (
                403,
                error("Insufficient", "PERMISSION_DENIED", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"),
                C::Credentials,
            ),
            (403, error("…", "PERMISSION_DENIED", "rateLimitExceeded"), C::RateLimited),
            (403, error("…", "PERMISSION_DENIED", "RATE_LIMIT_EXCEEDED"), C::RateLimited),
            (403, error("…", "RESOURCE_EXHAUSTED", ""), C::RateLimited),
            (404, error("Requested entity was not found.", "NOT_FOUND", ""), C::Spreadsheet),
            (404, "<html>not found</html>".into(), C::Transient),
            (400, error(parse, "INVALID_ARGUMENT", ""), C::Cell),
            (400, error("Unable to parse range: x", "INVALID_ARGUMENT", ""), C::Transient),
            (400, error(office, "FAILED_PRECONDITION", ""), C::Spreadsheet),
            (
                429,
                error("Quota exceeded", "RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED"),
                C::RateLimited,
            ),
            (429, "<html>Sorry…</html>".into(), C::RateLimited),
            (500, error("Internal error encountered.", "INTERNAL", ""), C::Transient),
            (502, "<html><title>Error 502 (Server Error)!!1</title>".into(), C::Transient),
            (503, "not json".into(), C::Transient),
            (200, "not json".into(), C::Transient),
        ] {
            let failure = sorted(status, &body).failure("https://x", "bot@x", "id");
            assert_eq!(failure.class, class, "{status} {body}");
        }
    }

    #[test]
    fn a_write_that_reached_nobody_was_not_carried_out_and_one_without_its_answer_may_have_been() {
        let deadline = Duration::from_secs(30);
        for (error, is_ambiguous) in [
            (HttpError::Connect("refused".into()), false),
            (HttpError::Certificate("it has ended".into()), false),
            (HttpError::InTheClear, false),
            (HttpError::Deadline(deadline), true),
            (HttpError::Broken("reset".into()), true),
            (HttpError::Truncated, true),
            (HttpError::Withheld, true),
        ] {
            let told = error.to_string();
            assert_eq!(SheetsError::Http(error).is_ambiguous(), is_ambiguous, "{told}");
        }
        let [server, limited] = [
            SheetsError::Server { text: "503".into(), wait: None },
            SheetsError::RateLimited { text: "429".into(), wait: None },
        ];
        assert!(server.is_ambiguous() && !limited.is_ambiguous());
    }

    #[test]
    fn whoever_is_in_trouble_is_left_alone_for_as_long_as_it_asks() {
        let wait = Some(Duration::from_secs(30));
        for (body, status, heard) in [
            ("<html>", 503, true),
            ("<html>", 408, true),
            ("<html>", 429, true),
            ("<html>", 404, false),
            (r#"{ "error": { "message": "Try later" } }"#, 503, true),
        ] {
            let answer = Answer { retry_after: wait, ..Answer::json(status, body) };
            let asked = SheetsError::from_answer(&answer).asked_wait();
            assert_eq!(asked, wait.filter(|_| heard), "{status} {body}");
        }
    }

    #[test]
    fn what_to_do_about_a_cell_follows_from_what_google_says_of_it() {
        for (text, remedy) in [
            ("Unable to parse range: 'Prcies'!A1", "the tab or the named range exists"),
            ("Range ('Prices'!A2000) exceeds grid limits.", "Add rows or columns"),
            ("You are trying to edit a protected cell or object.", "edit the protected range"),
            ("No.", "Check the cell in the configuration"),
        ] {
            let told = cell_failure(text).remedy;
            assert!(told.contains(remedy), "{text}: {told}");
        }
    }

    #[test]
    fn a_refusal_says_whom_to_share_with() {
        let body = error("The caller does not have permission", "PERMISSION_DENIED", "");
        let told = sorted(403, &body).failure("https://x", "bot@x.iam", "15Cc").to_string();
        assert!(told.contains("add bot@x.iam as an Editor"), "{told}");
    }

    #[test]
    fn what_is_alike_in_class_and_not_in_what_follows_is_told_apart() {
        let disabled = error("…", "PERMISSION_DENIED", "SERVICE_DISABLED");
        assert!(matches!(sorted(403, &disabled), SheetsError::Disabled { .. }));
        for body in [error("Bad token", "UNAUTHENTICATED", ""), "<html>".into()] {
            assert!(matches!(sorted(401, &body), SheetsError::Unauthorized(_)), "{body}");
        }
    }
}
