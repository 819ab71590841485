//! JSON whose objects keep the order of their fields, as Google's answers do.
//! Pure: no I/O, no clock, no randomness.

use serde::{Serialize, Serializer, ser::SerializeMap};
use serde_json::Value;

/// A JSON value with ordered objects.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Json {
    Leaf(Value),
    List(Vec<Self>),
    Object(Vec<(&'static str, Self)>),
}

impl Json {
    /// As Google prints it: two spaces, and a line feed at the end.
    pub(super) fn pretty(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).unwrap_or_default();
        text.push('\n');
        text
    }

    /// Without any space.
    pub(super) fn compact(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Leaf(value) => value.serialize(serializer),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (name, value) in fields {
                    map.serialize_entry(name, value)?;
                }
                map.end()
            }
        }
    }
}

impl<T: Into<Value>> From<T> for Json {
    fn from(value: T) -> Self {
        Self::Leaf(value.into())
    }
}

/// Builds an object from pairs, in order.
pub(super) fn object<const N: usize>(fields: [(&'static str, Json); N]) -> Json {
    Json::Object(fields.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_keep_their_order_and_the_print_is_googles() {
        let json = object([("z", 1.into()), ("a", Json::List(vec!["x".into()]))]);
        assert_eq!(json.pretty(), "{\n  \"z\": 1,\n  \"a\": [\n    \"x\"\n  ]\n}\n");
        assert_eq!(json.compact(), r#"{"z":1,"a":["x"]}"#);
    }
}
