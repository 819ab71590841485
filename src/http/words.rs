//! awc's words for what has gone wrong, where ours are better: it tells of its own workings.
//! Touches: nothing.

use awc::error::ConnectError;

use super::{CONNECT_WITHIN, HttpError, excerpt};

/// Why no connection came about, or why it ended before anything was answered.
pub(super) fn of_connect(cause: &ConnectError) -> HttpError {
    let why = match cause {
        // It says so too when the other side hangs up in place of an answer.
        ConnectError::Disconnected => {
            return HttpError::Broken("it was closed before anything was answered".into());
        }
        ConnectError::Io(cause) => return HttpError::from_io(cause),
        ConnectError::Timeout => format!("no connection within {CONNECT_WITHIN:?}"),
        ConnectError::Resolver(cause) => {
            format!("the name of the host cannot be resolved: {}", excerpt(&cause.to_string()))
        }
        ConnectError::NoRecords => "the name of the host has no address".into(),
        other => excerpt(&other.to_string()),
    };
    HttpError::Connect(why)
}

/// The beginning of a foreign sentence as a clause, without its full stop: more may follow.
pub(crate) fn clause(text: &str) -> String {
    let short = excerpt(text);
    short.trim_end_matches(['.', ' ']).to_owned()
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_sentence_of_others_becomes_a_clause() {
        for (text, told) in [
            ("The caller does not have permission", "The caller does not have permission"),
            (" Invalid JWT\nSignature. ", "Invalid JWT Signature"),
            ("…", "…"),
            (".", ""),
        ] {
            assert_eq!(clause(text), told);
        }
    }

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
            assert_eq!(of_connect(&cause).to_string(), told);
        }
    }
}
