//! Numbers, durations, names: from how they are written to what they are.
//! Pure: no I/O, no clock, no randomness.

use std::{fmt, time::Duration};

use super::{
    Member, Node,
    problem::{clipped, shown},
};
use crate::suggest::did_you_mean;

/// A value as it is written, wherever.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    /// `null` in the file.
    Null,
    /// `true` or `false` in the file.
    Bool(bool),
    /// A number in the file.
    Number(&'a str),
    /// A text in the file.
    Text(&'a str),
    /// A list in the file.
    List(&'a [Node<'a>]),
    /// An object in the file.
    Object(&'a [Member<'a>]),
    /// What a variable or a flag says: any scalar is written as plain text there.
    Outside(&'a str),
}

impl fmt::Display for Raw<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Number(text) => f.write_str(&clipped(text)),
            Self::Text(text) | Self::Outside(text) => f.write_str(&shown(text)),
            Self::List(_) => f.write_str("a list"),
            Self::Object(_) => f.write_str("an object"),
        }
    }
}

/// Why a value is not taken: what was found, what is expected, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    found: String,
    expected: String,
    help: Option<String>,
}

impl Refusal {
    /// Says what is expected.
    pub(crate) fn new(expected: impl Into<String>) -> Self {
        Self { found: String::new(), expected: expected.into(), help: None }
    }

    /// Says what was found.
    pub(crate) fn found(self, found: impl Into<String>) -> Self {
        Self { found: found.into(), ..self }
    }

    /// Says what to do about it.
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// Says what was probably meant, if that is known.
    pub(crate) fn or_meant(self, meant: Option<&str>) -> Self {
        match meant {
            Some(meant) => self.help(format!("did you mean \"{meant}\"?")),
            None => self,
        }
    }

    /// Says what to do about what a variable or a flag says, if that is nothing, or is in quotes,
    /// as files of variables have them that are not read by a shell.
    pub(super) fn advised_for(self, raw: Raw<'_>) -> Self {
        let Raw::Outside(text) = raw else { return self };
        match text.as_bytes() {
            [] => self.help("leave it out, or say something"),
            [b'"', .., b'"'] | [b'\'', .., b'\''] => self.help("write it without the quotes"),
            _ => self,
        }
    }

    /// Says what was found, unless that is said already.
    pub(crate) fn or_found(self, found: impl fmt::Display) -> Self {
        if self.found.is_empty() { self.found(found.to_string()) } else { self }
    }

    /// The message and the help.
    pub(crate) fn words(self) -> (String, Option<String>) {
        (format!("found {}; expected {}", self.found, self.expected), self.help)
    }
}

/// From how long to how long a duration may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DurationRange {
    /// The shortest, in milliseconds.
    pub(crate) min: u64,
    /// The longest, in milliseconds.
    pub(crate) max: u64,
}

/// From so many milliseconds to so many.
pub(crate) const fn millis(min: u64, max: u64) -> DurationRange {
    DurationRange { min, max }
}

impl DurationRange {
    /// Whether a duration is within.
    pub(crate) fn holds(&self, value: Duration) -> bool {
        (Duration::from_millis(self.min)..=Duration::from_millis(self.max)).contains(&value)
    }
}

impl DurationRange {
    /// Refuses a duration that is not within; one that is too short was written with a unit or not.
    fn refuse(&self, value: Duration, has_unit: bool) -> Refusal {
        let refusal = Refusal::new(self.to_string());
        let least = Duration::from_millis(self.min);
        match has_unit {
            _ if value >= least => refusal,
            true => refusal.help(format!("write at least \"{}\"", written(least))),
            false => refusal.help(format!("write at least {}", self.min)),
        }
    }
}

impl fmt::Display for DurationRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [min, max] = [self.min, self.max].map(|ms| span(Duration::from_millis(ms)));
        write!(f, "{min} to {max}")
    }
}

/// A duration as a person writes it: in the largest unit that it is a whole number of.
pub fn span(value: Duration) -> String {
    let ms = value.as_millis();
    match ms {
        _ if !value.subsec_nanos().is_multiple_of(1_000_000) => format!("{value:?}"),
        _ if ms >= 3_600_000 && ms.is_multiple_of(3_600_000) => format!("{} h", ms / 3_600_000),
        _ if ms >= 60_000 && ms.is_multiple_of(60_000) => format!("{} min", ms / 60_000),
        _ if ms >= 1_000 && ms.is_multiple_of(1_000) => format!("{} s", ms / 1_000),
        _ => format!("{ms} ms"),
    }
}

/// A duration as it is written in a configuration, with its unit.
fn written(value: Duration) -> String {
    span(value).replace(' ', "").replace("min", "m")
}

const A_DURATION: &str = "a number of milliseconds, or a text such as \"5s\"";
const ABOVE_ZERO: &str = "a number of milliseconds above zero";

/// Reads a duration: an integer of milliseconds, or a text with a unit.
pub(crate) fn duration(raw: Raw<'_>, range: &DurationRange) -> Result<Duration, Refusal> {
    let (ms, has_unit) = match raw {
        Raw::Number(text) => (whole_millis(text)?, false),
        Raw::Outside(text)
            if text.starts_with(|c: char| c.is_ascii_digit() || c == '-')
                && !text.ends_with(|c: char| c.is_alphabetic()) =>
        {
            (whole_millis(text)?, false)
        }
        Raw::Text(text) | Raw::Outside(text) => (with_unit(text, range)?, true),
        _ => return Err(Refusal::new(A_DURATION)),
    };
    let value = Duration::from_millis(ms);
    if range.holds(value) { Ok(value) } else { Err(range.refuse(value, has_unit)) }
}

/// An integer without sign, point and exponent.
fn whole_millis(text: &str) -> Result<u64, Refusal> {
    let refusal = Refusal::new("a whole number of milliseconds");
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return text
            .parse()
            .map_err(|_| refusal.found(format!("{}, which is too large", clipped(text))));
    }
    if text.starts_with('-') {
        return Err(Refusal::new(ABOVE_ZERO));
    }
    let number: Option<f64> = text.parse().ok().filter(|n: &f64| n.is_finite());
    let Some(number) = number else {
        return Err(if text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b)) {
            refusal.found(format!("{}, which is too large", clipped(text)))
        } else {
            Refusal::new(A_DURATION)
        });
    };
    // Whoever writes a point means seconds, if there are few.
    let is_seconds = number < 1_000.0 && !text.contains(['e', 'E']);
    if number.fract() == 0.0 && (1.0..1e15).contains(&number) && !is_seconds {
        return Err(refusal.help(format!("did you mean {number:.0}?")));
    }
    let ms = number * 1_000.0;
    Err(if text.contains(['e', 'E']) || ms.fract() != 0.0 {
        refusal
    } else {
        refusal.help(format!("for {number} s write {ms:.0}"))
    })
}

/// A number and its unit.
fn with_unit(text: &str, range: &DurationRange) -> Result<u64, Refusal> {
    const UNITS: [(&str, u64); 4] = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
    let refusal = Refusal::new(A_DURATION);
    let digits = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let (number, unit) = text.split_at(text.len() - digits.len());
    if unit.is_empty() {
        return Err(match number.trim_start_matches('0') {
            "" if number.is_empty() => refusal,
            "" => Refusal::new(ABOVE_ZERO),
            number => refusal.help(without_unit(&clipped(number))),
        });
    }
    let Some(&(_, factor)) = UNITS.iter().find(|(name, _)| *name == unit && !number.is_empty())
    else {
        return Err(match meant(text).or_else(|| meant(&with_point(text)?)) {
            Some(value) if !range.holds(value) => range.refuse(value, true),
            Some(value) => refusal.help(format!("did you mean \"{}\"?", written(value))),
            None => refusal.help("the units are ms, s, m and h"),
        });
    };
    let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(factor));
    ms.ok_or_else(|| refusal.found(format!("{}, which is too long", shown(text))))
}

/// What a person may mean: `1.5s`, `1h 30m`, `2 days`; in whole milliseconds.
fn meant(text: &str) -> Option<Duration> {
    let text = text.to_lowercase();
    let (mut rest, mut ms) = (text.as_str(), 0.0);
    while !rest.is_empty() {
        let (number, tail) = rest.split_at(rest.find(char::is_alphabetic)?);
        let end = tail.find(|c: char| !c.is_alphabetic()).unwrap_or(tail.len());
        let unit = tail[..end].strip_suffix('s').filter(|unit| unit.len() > 1);
        let factor = match unit.unwrap_or(&tail[..end]) {
            "ms" | "msec" | "milli" | "millisecond" => 1.0,
            "s" | "sec" | "second" => 1e3,
            "m" | "min" | "minute" => 6e4,
            "h" | "hr" | "hour" => 3.6e6,
            "d" | "day" => 8.64e7,
            _ => return None,
        };
        ms += number.trim().parse::<f64>().ok()? * factor;
        rest = tail[end..].trim();
    }
    let whole = ms.fract() == 0.0 && (0.0..1e15).contains(&ms);
    whole.then(|| Duration::from_millis(ms as u64))
}

/// `1.5s` of `1,5s`; three digits behind a comma may be thousands.
fn with_point(text: &str) -> Option<String> {
    let (whole, rest) = text.split_once(',')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    (1..3).contains(&digits).then(|| format!("{whole}.{rest}"))
}

/// What to do about digits in quotes. Few are seconds to whoever writes them, and would be next to
/// no time as milliseconds.
fn without_unit(digits: &str) -> String {
    const SECONDS: usize = 2;
    if digits.len() <= SECONDS {
        return format!("did you mean \"{digits}s\"? A number without quotes is milliseconds");
    }
    format!(
        "write it without quotes: {digits}, which is milliseconds; or with a unit: \"{digits}ms\""
    )
}

/// Reads an integer.
pub(super) fn integer(raw: Raw<'_>, (min, max): (u32, u32)) -> Result<u32, Refusal> {
    let refusal = Refusal::new(format!("a whole number from {min} to {max}"));
    let text = match raw {
        Raw::Number(text) | Raw::Outside(text) => text,
        Raw::Text(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            return Err(refusal.help(format!("write it without quotes: {}", clipped(text))));
        }
        _ => return Err(refusal),
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|n| digits && (min..=max).contains(n)).ok_or(refusal)
}

/// Reads a number, perhaps with a fraction.
pub(super) fn number(raw: Raw<'_>, (min, max): (f64, f64)) -> Result<f64, Refusal> {
    let refusal = Refusal::new(format!("a number from {min} to {max}"));
    let text = match raw {
        Raw::Number(text) | Raw::Outside(text) => text,
        Raw::Text(text) if text.parse::<f64>().is_ok() => {
            return Err(refusal.help(format!("write it without quotes: {}", clipped(text))));
        }
        _ => return Err(refusal),
    };
    let plain = text.bytes().all(|b| b.is_ascii_digit() || b"+-.eE".contains(&b));
    text.parse().ok().filter(|n| plain && (min..=max).contains(n)).ok_or(refusal)
}

/// Reads a text that is not empty.
pub(crate) fn text<'a>(raw: Raw<'a>, expected: &str) -> Result<&'a str, Refusal> {
    match raw {
        Raw::Text("") | Raw::Outside("") => Err(Refusal::new(expected).found("an empty text")),
        Raw::Text(text) | Raw::Outside(text) => Ok(text),
        _ => Err(Refusal::new(expected)),
    }
}

/// Reads one of several names.
pub(super) fn choice<T: Copy>(raw: Raw<'_>, choices: &[(&str, T)]) -> Result<T, Refusal> {
    let names: Vec<_> = choices.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    let refusal = Refusal::new(format!("one of {}", names.join(", ")));
    let (Raw::Text(text) | Raw::Outside(text)) = raw else { return Err(refusal) };
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let names = || choices.iter().map(|(name, _)| *name);
    let short = || names().find(|name| text.to_lowercase().starts_with(name));
    Err(refusal.or_meant(did_you_mean(text, names()).or_else(short)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: DurationRange = millis(1, 86_400_000);

    #[test]
    fn durations_are_milliseconds_or_have_a_unit() {
        for (raw, ms) in [
            (Raw::Number("5000"), 5_000),
            (Raw::Number("1"), 1),
            (Raw::Text("500ms"), 500),
            (Raw::Text("5s"), 5_000),
            (Raw::Text("2m"), 120_000),
            (Raw::Text("1h"), 3_600_000),
            (Raw::Outside("5000"), 5_000),
            (Raw::Outside("5s"), 5_000),
        ] {
            assert_eq!(duration(raw, &DAY), Ok(Duration::from_millis(ms)), "{raw}");
        }
    }

    #[test]
    fn what_is_no_duration_says_why() {
        for (raw, words) in [
            (Raw::Number("0"), "found 0; expected 1 ms to 24 h | write at least 1"),
            (Raw::Number("-1"), "found -1; expected a number of milliseconds above zero"),
            (Raw::Number("-0"), "above zero"),
            (Raw::Number("5.7"), "a whole number of milliseconds | for 5.7 s write 5700"),
            (Raw::Number("0.5"), "for 0.5 s write 500"),
            (Raw::Number("5.0"), "for 5 s write 5000"),
            (Raw::Number("5000.0"), "did you mean 5000?"),
            (Raw::Number("1e3"), "whole number of milliseconds | did you mean 1000?"),
            (Raw::Number("1e400"), "found 1e400, which is too large"),
            (Raw::Number("18446744073709551616"), "18446744073709551616, which is too large"),
            (Raw::Number("18446744073709551615"), "expected 1 ms to 24 h"),
            (Raw::Number("86400001"), "expected 1 ms to 24 h"),
            (Raw::Bool(true), "found true; expected a number of milliseconds, or a text such"),
            (Raw::Null, "found null"),
            (Raw::List(&[]), "found a list"),
            (
                Raw::Text("1000"),
                "found \"1000\"; expected a number of milliseconds, or a text such as \"5s\" | write it without quotes: 1000, which is milliseconds",
            ),
            (Raw::Text("100"), "write it without quotes: 100"),
            (Raw::Text("10"), "| did you mean \"10s\"? A number without quotes is milliseconds"),
            (Raw::Text("0050"), "did you mean \"50s\"?"),
            (Raw::Text("0"), "found \"0\"; expected a number of milliseconds above zero"),
            (Raw::Text("0s"), "expected 1 ms to 24 h | write at least \"1ms\""),
            (Raw::Text("0 secs"), "expected 1 ms to 24 h | write at least \"1ms\""),
            (Raw::Outside("0s"), "expected 1 ms to 24 h | write at least \"1ms\""),
            (Raw::Text(""), "found \"\""),
            (Raw::Text("5 s"), "did you mean \"5s\"?"),
            (Raw::Text("5S"), "did you mean \"5s\"?"),
            (Raw::Text("5sec"), "did you mean \"5s\"?"),
            (Raw::Text("5 x"), "the units are"),
            (Raw::Text("5,5s"), "did you mean \"5500ms\"?"),
            (Raw::Text("5,000ms"), "the units are"),
            (Raw::Text("5d"), "found \"5d\"; expected 1 ms to 24 h"),
            (Raw::Text("-5s"), "found \"-5s\"; expected a number of milliseconds, or"),
            (Raw::Text("1d"), "did you mean \"24h\"?"),
            (Raw::Text("1.5s"), "did you mean \"1500ms\"?"),
            (Raw::Text("0.0001s"), "the units are"),
            (Raw::Text("1h30m"), "did you mean \"90m\"?"),
            (Raw::Text("1 Minute, 5 secs"), "the units are"),
            (Raw::Text("1 Minute 5 secs"), "did you mean \"65s\"?"),
            (Raw::Text("90 minutes"), "did you mean \"90m\"?"),
            (Raw::Text("s"), "the units are"),
            (Raw::Text("99999999999999999999h"), "too long"),
            (Raw::Text("9999999999999999h"), "too long"),
            (Raw::Text("25h"), "expected 1 ms to 24 h"),
            (Raw::Outside("abc"), "found \"abc\"; expected a number of milliseconds"),
            (Raw::Outside("-1"), "above zero"),
            (Raw::Outside("0"), "1 ms to 24 h | write at least 1"),
        ] {
            let (message, help) = duration(raw, &DAY).unwrap_err().or_found(raw).words();
            let all = format!("{message} | {}", help.unwrap_or_default());
            assert!(all.contains(words), "{all}\n{words}");
        }
    }

    #[test]
    fn integers_numbers_and_choices_are_strict() {
        assert_eq!(integer(Raw::Number("5"), (1, 9)), Ok(5));
        assert_eq!(integer(Raw::Outside("5"), (1, 9)), Ok(5));
        for raw in [
            Raw::Number("0"),
            Raw::Number("5.0"),
            Raw::Text("5"),
            Raw::Bool(true),
            Raw::Outside("+5"),
        ] {
            assert!(integer(raw, (1, 9)).is_err(), "{raw}");
        }
        assert_eq!(number(Raw::Number("0.5"), (0.1, 9.0)), Ok(0.5));
        for raw in [
            Raw::Number("0"),
            Raw::Number("-1"),
            Raw::Number("1e400"),
            Raw::Outside("NaN"),
            Raw::Outside("inf"),
            Raw::Null,
        ] {
            assert!(number(raw, (0.1, 9.0)).is_err(), "{raw}");
        }
        let levels = [("info", 1), ("debug", 2)];
        assert_eq!(choice(Raw::Text("debug"), &levels), Ok(2));
        let (message, help) =
            choice(Raw::Text("DEBUG"), &levels).unwrap_err().or_found("x").words();
        assert_eq!(message, "found x; expected one of \"info\", \"debug\"");
        assert_eq!(help.as_deref(), Some("did you mean \"debug\"?"));
        let help = choice(Raw::Text("Information"), &levels).unwrap_err().words().1;
        assert_eq!(help.as_deref(), Some("did you mean \"info\"?"));
    }
}
