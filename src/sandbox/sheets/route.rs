//! Which method of the Sheets API a path means.
//! Pure: no I/O, no clock, no randomness.

use crate::sandbox::exchange::percent_decode;

/// A method of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Method {
    Get,
    BatchUpdate,
    GetValues,
    UpdateValues,
    AppendValues,
    ClearValues,
    BatchGetValues,
    BatchUpdateValues,
    BatchClearValues,
}

impl Method {
    /// Its name in error details.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Get => "GetSpreadsheet",
            Self::BatchUpdate => "BatchUpdateSpreadsheet",
            Self::GetValues => "GetValues",
            Self::UpdateValues => "UpdateValues",
            Self::AppendValues => "AppendValues",
            Self::ClearValues => "ClearValues",
            Self::BatchGetValues => "BatchGetValues",
            Self::BatchUpdateValues => "BatchUpdateValues",
            Self::BatchClearValues => "BatchClearValues",
        }
    }

    /// Whether it counts as a write.
    pub(super) fn is_write(self) -> bool {
        !matches!(self, Self::Get | Self::GetValues | Self::BatchGetValues)
    }
}

/// A method and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub(super) method: Method,
    pub(super) id: String,
    /// Decoded; empty where the method has none in its path.
    pub(super) range: String,
}

impl Route {
    /// Finds the method of a path that is still percent-encoded. `None`: there is none, and the
    /// front of Google answers with a page.
    pub(super) fn of(verb: &str, path: &str) -> Option<Self> {
        let rest = path.strip_prefix("/v4/spreadsheets/")?;
        // google-spreadsheet of npm reads a spreadsheet with a slash at the end.
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        let (head, tail) = match rest.split_once('/') {
            Some((head, tail)) => (head, Some(tail)),
            None => (rest, None),
        };
        let route = |method, id: &str, range: &str| {
            let (id, range) = (percent_decode(id), percent_decode(range));
            (!id.is_empty()).then_some(Self { method, id, range })
        };
        let Some(tail) = tail else {
            return match (verb, head.rsplit_once(':')) {
                ("GET", None) => route(Method::Get, head, ""),
                ("POST", Some((id, "batchUpdate"))) => route(Method::BatchUpdate, id, ""),
                _ => None,
            };
        };
        match (verb, tail) {
            // As google-spreadsheet of npm writes it.
            ("POST", ":batchUpdate") => return route(Method::BatchUpdate, head, ""),
            ("GET", "values:batchGet") => return route(Method::BatchGetValues, head, ""),
            ("POST", "values:batchUpdate") => return route(Method::BatchUpdateValues, head, ""),
            ("POST", "values:batchClear") => return route(Method::BatchClearValues, head, ""),
            _ => {}
        }
        let range = tail.strip_prefix("values/").filter(|range| !range.is_empty())?;
        match (verb, range.rsplit_once(':')) {
            ("GET", _) => route(Method::GetValues, head, range),
            ("PUT", _) => route(Method::UpdateValues, head, range),
            ("POST", Some((range, "append"))) => route(Method::AppendValues, head, range),
            ("POST", Some((range, "clear"))) => route(Method::ClearValues, head, range),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_find_their_method() {
        let check = |verb: &str, path: &str, expected: Option<(Method, &str)>| {
            let route = Route::of(verb, &format!("/v4/spreadsheets/ID{path}"));
            if let Some(route) = &route {
                assert_eq!(route.id, "ID");
            }
            let route = route.map(|route| (route.method, route.range));
            assert_eq!(route, expected.map(|(m, range)| (m, range.into())), "{verb} {path}");
        };
        check("GET", "", Some((Method::Get, "")));
        check("GET", "/", Some((Method::Get, "")));
        check("POST", ":batchUpdate", Some((Method::BatchUpdate, "")));
        check("POST", "/:batchUpdate", Some((Method::BatchUpdate, "")));
        check("POST", "/values:batchUpdate", Some((Method::BatchUpdateValues, "")));
        check("POST", "/values:batchClear", Some((Method::BatchClearValues, "")));
        check("GET", "/values:batchGet", Some((Method::BatchGetValues, "")));
        check("GET", "/values/A1:B2", Some((Method::GetValues, "A1:B2")));
        let encoded = "%27It%27%27s%20a%2Ftab%20%231%2050%25%27%21A1";
        let decoded = "'It''s a/tab #1 50%'!A1";
        check("PUT", &format!("/values/{encoded}"), Some((Method::UpdateValues, decoded)));
        check("POST", "/values/A1%3AB2:append", Some((Method::AppendValues, "A1:B2")));
        check("POST", "/values/A1:B2:append", Some((Method::AppendValues, "A1:B2")));
        check("POST", "/values/Sheet1:clear", Some((Method::ClearValues, "Sheet1")));
        check("POST", "/values/A1", None);
        check("DELETE", "", None);
        check("POST", "", None);
        check("PUT", "/values/", None);
        assert_eq!(Route::of("GET", "/v4/spreadsheets/"), None);
        assert_eq!(Route::of("GET", "/v4/documents/x"), None);
    }
}
