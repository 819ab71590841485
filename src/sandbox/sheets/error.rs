//! What the Sheets API refuses, and in which words.
//! Pure: no I/O, no clock, no randomness.

use crate::sandbox::{
    exchange::Reply,
    json::{Json, object},
    pages::{self, PROJECT_NUMBER},
};

/// A refusal, in Google's envelope.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    code: u16,
    status: &'static str,
    message: String,
    details: Option<Json>,
    challenge: Option<&'static str>,
}

impl ApiError {
    fn new(code: u16, status: &'static str, message: impl Into<String>) -> Self {
        Self { code, status, message: message.into(), details: None, challenge: None }
    }

    /// 400 `INVALID_ARGUMENT`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "INVALID_ARGUMENT", message)
    }

    /// 400 with the field that is wrong.
    pub(super) fn bad_field(field: &str, description: impl Into<String>, message: &str) -> Self {
        let description = description.into();
        let violation = object([("field", field.into()), ("description", description.into())]);
        let detail = object([
            ("@type", "type.googleapis.com/google.rpc.BadRequest".into()),
            ("fieldViolations", Json::List(vec![violation])),
        ]);
        let mut error = Self::invalid(message);
        error.details = Some(Json::List(vec![detail]));
        error
    }

    /// A value of the wrong JSON type.
    pub(super) fn bad_value(field: &str, kind: &str, found: &serde_json::Value) -> Self {
        let found = match found {
            serde_json::Value::String(_) => found.to_string(),
            other => format!("\"{other}\""),
        };
        let text = format!("Invalid value at '{field}' ({kind}), {found}");
        Self::bad_field(field, text.clone(), &text)
    }

    pub(super) fn unknown_name(name: &str) -> Self {
        let text =
            format!("Invalid JSON payload received. Unknown name \"{name}\": Cannot find field.");
        let mut error = Self::bad_field("", text.clone(), &text);
        error.message = text;
        error
    }

    pub(super) fn unparsable_range(range: &str) -> Self {
        Self::invalid(format!("Unable to parse range: {range}"))
    }

    pub(super) fn grid_limits(range: &str, rows: u32, columns: u32) -> Self {
        Self::invalid(format!(
            "Range ({range}) exceeds grid limits. Max rows: {rows}, max columns: {columns}"
        ))
    }

    pub(super) fn protected() -> Self {
        Self::invalid(
            "You are trying to edit a protected cell or object. Please contact the spreadsheet \
             owner to remove protection if you need to edit.",
        )
    }

    pub(super) fn too_long() -> Self {
        Self::invalid(
            "Your input contains more than the maximum of 50000 characters in a single cell.",
        )
    }

    pub(super) fn too_many_cells() -> Self {
        Self::invalid(
            "This action would increase the number of cells in the workbook above the limit of \
             10000000 cells.",
        )
    }

    pub(super) fn not_found() -> Self {
        Self::new(404, "NOT_FOUND", "Requested entity was not found.")
    }

    pub(super) fn not_shared() -> Self {
        Self::new(403, "PERMISSION_DENIED", "The caller does not have permission")
    }

    pub(super) fn bad_token() -> Self {
        let mut error = Self::new(
            401,
            "UNAUTHENTICATED",
            "Request had invalid authentication credentials. Expected OAuth 2 access token, \
             login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
        );
        error.challenge =
            Some("Bearer realm=\"https://accounts.google.com/\", error=\"invalid_token\"");
        error
    }

    pub(super) fn no_token(method: &str) -> Self {
        let mut error = Self::new(
            401,
            "UNAUTHENTICATED",
            "Request is missing required authentication credential. Expected OAuth 2 access \
             token, login cookie or other valid authentication credential. See \
             https://developers.google.com/identity/sign-in/web/devconsole-project.",
        );
        error.challenge = Some("Bearer realm=\"https://accounts.google.com/\"");
        error.details = Some(Json::List(vec![error_info(
            "CREDENTIALS_MISSING",
            vec![
                ("method", method_name(method).into()),
                ("service", "sheets.googleapis.com".into()),
            ],
        )]));
        error
    }

    pub(super) fn scope(method: &str) -> Self {
        let mut error =
            Self::new(403, "PERMISSION_DENIED", "Request had insufficient authentication scopes.");
        error.challenge =
            Some("Bearer realm=\"https://accounts.google.com/\", error=\"insufficient_scope\"");
        error.details = Some(Json::List(vec![error_info(
            "ACCESS_TOKEN_SCOPE_INSUFFICIENT",
            vec![
                ("service", "sheets.googleapis.com".into()),
                ("method", method_name(method).into()),
            ],
        )]));
        error
    }

    pub(super) fn service_disabled() -> Self {
        let url = format!(
            "https://console.developers.google.com/apis/api/sheets.googleapis.com/overview?project={PROJECT_NUMBER}"
        );
        let message = format!(
            "Google Sheets API has not been used in project {PROJECT_NUMBER} before or it is \
             disabled. Enable it by visiting {url} then retry. If you enabled this API recently, \
             wait a few minutes for the action to propagate to our systems and retry."
        );
        let info = error_info(
            "SERVICE_DISABLED",
            vec![
                ("serviceTitle", "Google Sheets API".into()),
                ("consumer", format!("projects/{PROJECT_NUMBER}").into()),
                ("activationUrl", url.clone().into()),
                ("containerInfo", PROJECT_NUMBER.into()),
                ("service", "sheets.googleapis.com".into()),
            ],
        );
        let localized = object([
            ("@type", "type.googleapis.com/google.rpc.LocalizedMessage".into()),
            ("locale", "en-US".into()),
            ("message", message.clone().into()),
        ]);
        let link = object([
            ("description", "Google developers console API activation".into()),
            ("url", url.into()),
        ]);
        let help = object([
            ("@type", "type.googleapis.com/google.rpc.Help".into()),
            ("links", Json::List(vec![link])),
        ]);
        let mut error = Self::new(403, "PERMISSION_DENIED", message);
        error.details = Some(Json::List(vec![info, localized, help]));
        error
    }

    /// Says which entry of a batch is meant.
    pub(super) fn of_data(mut self, index: usize) -> Self {
        self.message = format!("Invalid data[{index}]: {}", self.message);
        self
    }

    /// Says which request of a batch is meant.
    pub(super) fn of_request(mut self, index: usize, kind: &str) -> Self {
        self.message = format!("Invalid requests[{index}].{kind}: {}", self.message);
        self
    }

    pub(super) fn reply(&self) -> Reply {
        let body = match &self.details {
            Some(details) => {
                pages::google_error_with(self.code, self.status, &self.message, details.clone())
            }
            None => pages::google_error(self.code, self.status, &self.message),
        };
        let reply = pages::json(self.code, body.pretty());
        match self.challenge {
            Some(challenge) => reply.with("www-authenticate", challenge),
            None => reply,
        }
    }

    #[cfg(test)]
    pub(super) fn message(&self) -> &str {
        &self.message
    }
}

fn method_name(method: &str) -> String {
    format!("google.apps.sheets.v4.SpreadsheetsService.{method}")
}

fn error_info(reason: &str, metadata: Vec<(&'static str, Json)>) -> Json {
    object([
        ("@type", "type.googleapis.com/google.rpc.ErrorInfo".into()),
        ("reason", reason.into()),
        ("domain", "googleapis.com".into()),
        ("metadata", Json::Object(metadata)),
    ])
}
