//! Field masks: `sheets.properties(title,sheetId),namedRanges`.
//! Pure: no I/O, no clock, no randomness.

use std::collections::BTreeMap;

use crate::sandbox::json::Json;

/// What a mask selects. Without any name in it, everything.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mask(BTreeMap<String, Self>);

impl Mask {
    /// Reads a mask; `None` when its brackets do not match or a name is missing.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut rest: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).rev().collect();
        let mask = Self::parse_list(&mut rest)?;
        rest.is_empty().then_some(mask)
    }

    fn parse_list(rest: &mut Vec<char>) -> Option<Self> {
        let mut mask = Self::default();
        loop {
            let (path, below) = Self::parse_item(rest)?;
            mask.add(&path, below);
            match rest.last() {
                Some(',') => rest.pop(),
                _ => return Some(mask),
            };
        }
    }

    fn parse_item(rest: &mut Vec<char>) -> Option<(Vec<String>, Self)> {
        let mut path = vec![String::new()];
        loop {
            match rest.last().copied() {
                Some('.' | '/') => path.push(String::new()),
                Some(',' | ')') | None => break,
                Some('(') => {
                    rest.pop();
                    let below = Self::parse_list(rest)?;
                    let closed = rest.pop() == Some(')');
                    return (closed && path.iter().all(|name| !name.is_empty()))
                        .then_some((path, below));
                }
                Some(c) => path.last_mut()?.push(c),
            }
            rest.pop();
        }
        path.iter().all(|name| !name.is_empty()).then(|| (path, Self::default()))
    }

    fn add(&mut self, path: &[String], below: Self) {
        let Some((name, path)) = path.split_first() else {
            self.0.extend(below.0);
            return;
        };
        if name == "*" {
            return;
        }
        let known = self.0.contains_key(name);
        let child = self.0.entry(name.clone()).or_default();
        // `a` and `a.b` together are all of `a`.
        let everything = path.is_empty() && below.0.is_empty();
        match known && (child.0.is_empty() || everything) {
            true => child.0.clear(),
            false => child.add(path, below),
        }
    }

    /// Whether anything at or below that path is selected.
    pub(super) fn selects(&self, path: &[&str]) -> bool {
        match path.split_first() {
            None => true,
            Some(_) if self.0.is_empty() => true,
            Some((name, path)) => self.0.get(*name).is_some_and(|child| child.selects(path)),
        }
    }

    /// The first name that is none of these.
    pub(super) fn unknown(&self, known: &[&str]) -> Option<&str> {
        self.0.keys().map(String::as_str).find(|name| !known.contains(name))
    }

    /// What is left of a reply.
    pub(super) fn apply(&self, json: Json) -> Json {
        if self.0.is_empty() {
            return json;
        }
        match json {
            Json::Object(fields) => {
                let selected = fields.into_iter().filter_map(|(name, value)| {
                    self.0.get(name).map(|child| (name, child.apply(value)))
                });
                Json::Object(selected.collect())
            }
            Json::List(items) => {
                Json::List(items.into_iter().map(|item| self.apply(item)).collect())
            }
            leaf @ Json::Leaf(_) => leaf,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::json::object;

    fn reply() -> Json {
        let sheet = |id: i64| {
            object([
                ("properties", object([("sheetId", id.into()), ("title", "T".into())])),
                ("data", Json::List(vec![])),
            ])
        };
        object([
            ("spreadsheetId", "x".into()),
            ("properties", object([("title", "Doc".into()), ("timeZone", "Etc/UTC".into())])),
            ("sheets", Json::List(vec![sheet(0), sheet(7)])),
        ])
    }

    #[test]
    fn masks_select() {
        let check = |mask: &str, expected: &str| {
            assert_eq!(Mask::parse(mask).unwrap().apply(reply()).compact(), expected, "{mask}");
        };
        check("spreadsheetId", r#"{"spreadsheetId":"x"}"#);
        let title = r#"{"sheets":[{"properties":{"title":"T"}},{"properties":{"title":"T"}}]}"#;
        check("sheets.properties.title", title);
        check("sheets/properties(title)", title);
        check("sheets(properties(title))", title);
        check(
            "properties.timeZone,spreadsheetId",
            r#"{"spreadsheetId":"x","properties":{"timeZone":"Etc/UTC"}}"#,
        );
        check("sheets.data", r#"{"sheets":[{"data":[]},{"data":[]}]}"#);
        check("namedRanges", "{}");
        check("*", &reply().compact());
        check(
            "properties,properties.title",
            r#"{"properties":{"title":"Doc","timeZone":"Etc/UTC"}}"#,
        );
        check(
            "properties.title,properties",
            r#"{"properties":{"title":"Doc","timeZone":"Etc/UTC"}}"#,
        );
    }

    #[test]
    fn broken_masks_are_not_read() {
        for mask in ["", "a(", "a)", "a,,b", "a..b", "(a)", "a(b"] {
            assert_eq!(Mask::parse(mask), None, "{mask}");
        }
    }
}
