//! What a cell holds, how input becomes it and how it is shown.
//! Pure: no I/O, no clock, no randomness.

use jiff::civil::Date;
use serde_json::{Number, Value};

use super::formula;

/// What a cell holds.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Cell {
    pub(in crate::sandbox) content: Content,
    /// How it is shown, where that is not as its content alone would be: `50%`, a date.
    shown: Option<String>,
}

/// A number is a double, as everywhere in Sheets.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Content {
    Number(f64),
    Text(String),
    Bool(bool),
    /// With its `=`.
    Formula(String),
}

impl Cell {
    #[cfg(test)]
    pub(in crate::sandbox) fn number(number: f64) -> Self {
        Content::Number(number).into()
    }

    /// Takes a value as it is (`RAW`). `None`: it empties the cell.
    pub(in crate::sandbox) fn raw(value: &Value) -> Option<Self> {
        let content = match value {
            Value::Bool(flag) => Content::Bool(*flag),
            Value::Number(number) => Content::Number(number.as_f64()?),
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => Content::Text(text.clone()),
            Value::Null | Value::Array(_) | Value::Object(_) => return None,
        };
        Some(content.into())
    }

    /// Takes a value as if somebody typed it (`USER_ENTERED`), in an English locale.
    pub(in crate::sandbox) fn typed(value: &Value) -> Option<Self> {
        let Value::String(text) = value else { return Self::raw(value) };
        if let Some(verbatim) = text.strip_prefix('\'') {
            return Some(Content::Text(verbatim.into()).into());
        }
        if text.len() > 1 && text.starts_with('=') {
            return Some(Content::Formula(text.clone()).into());
        }
        let trimmed = text.trim();
        match trimmed.to_ascii_uppercase().as_str() {
            "" => return Self::raw(value),
            "TRUE" => return Some(Content::Bool(true).into()),
            "FALSE" => return Some(Content::Bool(false).into()),
            _ => {}
        }
        if let Some(number) = typed_number(trimmed) {
            let plain = trimmed.bytes().all(|c| c.is_ascii_digit() || matches!(c, b'.' | b'-'));
            let shown = (!plain).then(|| trimmed.to_owned());
            return Some(Self { content: Content::Number(number), shown });
        }
        if let Some(days) = typed_date(trimmed) {
            let shown = Some(trimmed.to_owned());
            return Some(Self { content: Content::Number(days), shown });
        }
        Self::raw(value)
    }

    /// The value that counts: for a formula its result, by the cells it refers to.
    pub(in crate::sandbox) fn effective(&self, look: formula::Lookup<'_>) -> Content {
        match &self.content {
            Content::Formula(text) => formula::evaluate(text, look),
            content => content.clone(),
        }
    }

    /// As the sheet shows it: always text.
    pub(in crate::sandbox) fn formatted(&self, look: formula::Lookup<'_>) -> String {
        self.shown.clone().unwrap_or_else(|| show(&self.effective(look)))
    }

    /// As it stands in the formula bar.
    pub(in crate::sandbox) fn entered(&self) -> Value {
        self.content.to_value()
    }
}

impl From<Content> for Cell {
    fn from(content: Content) -> Self {
        Self { content, shown: None }
    }
}

impl Content {
    pub(in crate::sandbox) fn to_value(&self) -> Value {
        match self {
            Self::Number(number) => number_value(*number),
            Self::Text(text) | Self::Formula(text) => text.as_str().into(),
            Self::Bool(flag) => (*flag).into(),
        }
    }
}

/// A double as JSON: whole numbers without a point.
pub(in crate::sandbox) fn number_value(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        return (number as i64).into();
    }
    Number::from_f64(number).map_or(Value::Null, Value::Number)
}

fn show(content: &Content) -> String {
    match content {
        Content::Number(number) => show_number(*number),
        Content::Text(text) | Content::Formula(text) => text.clone(),
        Content::Bool(flag) => flag.to_string().to_ascii_uppercase(),
    }
}

/// The "automatic" format: at most ten decimals and fifteen digits.
fn show_number(number: f64) -> String {
    let size = number.abs();
    if number == 0.0 {
        return "0".into();
    }
    if !(1e-9..1e15).contains(&size) {
        let text = format!("{number:E}");
        let (digits, exponent) = text.split_once('E').unwrap_or((&text, "0"));
        let exponent: i32 = exponent.parse().unwrap_or(0);
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}E{sign}{:02}", exponent.abs());
    }
    let whole_digits = if size < 1.0 { 0 } else { size.log10() as usize + 1 };
    let text = format!("{number:.*}", 15_usize.saturating_sub(whole_digits).min(10));
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn typed_number(text: &str) -> Option<f64> {
    let (text, scale) = match text.strip_suffix('%') {
        Some(text) => (text.trim_end(), 0.01),
        None => (text, 1.0),
    };
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    let (whole, rest) = match digits.find(|c: char| !c.is_ascii_digit() && c != ',') {
        Some(end) => digits.split_at(end),
        None => (digits, ""),
    };
    let groups: Vec<&str> = whole.split(',').collect();
    let grouped = groups.iter().skip(1).all(|group| group.len() == 3)
        && (groups.len() == 1 || (1..=3).contains(&groups.first().map_or(0, |g| g.len())));
    if !grouped {
        return None;
    }
    let sign = if text.starts_with('-') { "-" } else { "" };
    let number: f64 = format!("{sign}{}{rest}", groups.concat()).parse().ok()?;
    Some(number * scale).filter(|number| number.is_finite())
}

/// Days since the last day of 1899, as Sheets counts them.
fn typed_date(text: &str) -> Option<f64> {
    let date: Date = text.parse().ok().filter(|_| text.len() == 10)?;
    let epoch = Date::constant(1899, 12, 30);
    Some(f64::from(epoch.until(date).ok()?.get_days()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn raw_values_are_kept_as_they_are() {
        let check = |value: Value, expected: Option<Content>| {
            assert_eq!(Cell::raw(&value).map(|cell| cell.content), expected, "{value}");
        };
        check(json!(30300.1), Some(Content::Number(30300.1)));
        check(json!("30300.1"), Some(Content::Text("30300.1".into())));
        check(json!("=1+1"), Some(Content::Text("=1+1".into())));
        check(json!(true), Some(Content::Bool(true)));
        check(json!(""), None);
    }

    #[test]
    fn typed_values_are_read() {
        let check = |text: &str, expected: Content, shown: &str| {
            let cell = Cell::typed(&json!(text)).unwrap();
            let formatted = cell.formatted(&|_, _| None);
            assert_eq!((cell.content, formatted.as_str()), (expected, shown), "{text}");
        };
        check("1.5", Content::Number(1.5), "1.5");
        check("-2", Content::Number(-2.0), "-2");
        check("1,234.5", Content::Number(1234.5), "1,234.5");
        check("1,23", Content::Text("1,23".into()), "1,23");
        check("50%", Content::Number(0.5), "50%");
        check("2024-01-02", Content::Number(45293.0), "2024-01-02");
        check("true", Content::Bool(true), "TRUE");
        check("'007", Content::Text("007".into()), "007");
        check("inf", Content::Text("inf".into()), "inf");
        check("= 1 / 1024", Content::Formula("= 1 / 1024".into()), "0.0009765625");
    }

    #[test]
    fn numbers_are_shown_short() {
        let check = |number: f64, expected: &str| assert_eq!(show_number(number), expected);
        check(30300.1, "30300.1");
        check(1.0 / 3.0, "0.3333333333");
        check(0.000002502, "0.000002502");
        check(5.0, "5");
        check(100.0, "100");
        check(1.5e-12, "1.5E-12");
        check(1e20, "1E+20");
    }

    #[test]
    fn whole_numbers_have_no_point() {
        assert_eq!(number_value(5.0).to_string(), "5");
        assert_eq!(number_value(30300.1).to_string(), "30300.1");
        assert_eq!(number_value(-0.5).to_string(), "-0.5");
    }
}
