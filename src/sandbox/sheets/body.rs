//! JSON bodies of requests, read as strictly as Google's gateway reads them.
//! Pure: no I/O, no clock, no randomness.

use serde_json::{Map, Value};

use super::error::ApiError;

/// Reads a body that must be a JSON object; an empty body is an empty object.
pub(super) fn parse(body: &[u8]) -> Result<Value, ApiError> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(Value::Object(Map::new()));
    }
    serde_json::from_slice(body).map_err(|_| {
        let head: String = String::from_utf8_lossy(body).chars().take(20).collect();
        ApiError::invalid(format!("Invalid JSON payload received. Unexpected token.\n{head}\n^"))
    })
}

/// The fields of an object; a name that is none of these is refused.
pub(super) fn fields(value: &Value, known: &[&str]) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(object) = value else {
        let text =
            "Invalid JSON payload received. Unknown name \"\": Root element must be a message.";
        return Err(ApiError::invalid(text));
    };
    let mut fields = Map::new();
    for (name, value) in object {
        let camel = camel_case(name);
        if !known.contains(&camel.as_str()) {
            return Err(ApiError::unknown_name(name));
        }
        if !value.is_null() {
            fields.insert(camel, value.clone());
        }
    }
    Ok(fields)
}

/// A text field.
pub(super) fn text<'a>(fields: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Value::as_str)
}

/// A repeated field: a single value counts as a list of one.
pub(super) fn list<'a>(fields: &'a Map<String, Value>, name: &str) -> &'a [Value] {
    match fields.get(name) {
        Some(Value::Array(items)) => items,
        Some(single) => std::slice::from_ref(single),
        None => &[],
    }
}

/// A field that is true or false; some clients write it as text.
pub(super) fn flag(fields: &Map<String, Value>, name: &str) -> bool {
    match fields.get(name) {
        Some(Value::Bool(flag)) => *flag,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// Protobuf's JSON takes `value_input_option` for `valueInputOption`.
fn camel_case(name: &str) -> String {
    let mut upper = false;
    let mut camel = String::with_capacity(name.len());
    for c in name.chars() {
        if c == '_' {
            upper = true;
        } else {
            camel.push(if upper { c.to_ascii_uppercase() } else { c });
            upper = false;
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_may_be_in_snake_case_and_unknown_ones_are_refused() {
        let value = json!({ "value_input_option": "RAW", "data": null });
        let fields = fields(&value, &["valueInputOption", "data"]).unwrap();
        assert_eq!(text(&fields, "valueInputOption"), Some("RAW"));
        assert!(list(&fields, "data").is_empty());
        let error = super::fields(&json!({ "dat": [] }), &["data"]).unwrap_err();
        let expected = "Invalid JSON payload received. Unknown name \"dat\": Cannot find field.";
        assert_eq!(error.message(), expected);
    }
}
