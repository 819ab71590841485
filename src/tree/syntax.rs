//! From a text to a tree: strict JSON by jsonc-parser, and words for each way to break it.
//! Pure: no I/O, no clock, no randomness.

use jsonc_parser::{
    CollectOptions, ParseOptions, ParseStringErrorKind,
    ast::{ObjectProp, Value as Ast},
    errors::{ParseError, ParseErrorKind as Kind},
    parse_to_ast,
};

use super::{
    Member, Node, Value,
    problem::{ConfigProblem, clipped, shown},
    text::Source,
};

/// How deep objects and lists may be within each other. Three levels are needed.
const DEEPEST: usize = 32;

/// A breach of the syntax: where, what, and what to do.
type Breach = (usize, String, Option<String>);

/// Reads a text as one JSON value.
pub(super) fn parse<'a>(source: &Source<'a>) -> Result<Node<'a>, Box<ConfigProblem>> {
    let scan = Scan::of(source.text);
    if let Some(offset) = scan.too_deep {
        let message = format!("found nesting deeper than {DEEPEST}; expected three levels at most");
        return Err(problem(source, (offset, message, None)));
    }
    let breach = match parse_to_ast(source.text, &CollectOptions::default(), &strict()) {
        Ok(result) => match (result.value, scan.fault) {
            (Some(root), None) => return Ok(node(root)),
            (_, Some(fault)) => fault,
            (None, None) => (0, "found nothing; expected a JSON object".into(), None),
        },
        Err(error) => {
            let breach = explain(source, &error, &scan.open);
            scan.fault.filter(|fault| fault.0 <= breach.0).unwrap_or(breach)
        }
    };
    Err(problem(source, breach))
}

fn problem(source: &Source<'_>, (offset, message, help): Breach) -> Box<ConfigProblem> {
    let (place, snippet) = (source.place(offset), source.snippet(offset));
    Box::new(ConfigProblem { place, snippet, ..ConfigProblem::whole(message, help) })
}

/// JSON as RFC 8259 has it, and nothing beside.
fn strict() -> ParseOptions {
    ParseOptions {
        allow_comments: false,
        allow_loose_object_property_names: false,
        allow_trailing_commas: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    }
}

/// The recursion is as deep as the text, which [`Scan`] has bounded.
fn node(ast: Ast<'_>) -> Node<'_> {
    match ast {
        Ast::StringLit(lit) => Node { at: lit.range.start, value: Value::Text(lit.value) },
        Ast::NumberLit(lit) => Node { at: lit.range.start, value: Value::Number(lit.value) },
        Ast::BooleanLit(lit) => Node { at: lit.range.start, value: Value::Bool(lit.value) },
        Ast::NullKeyword(lit) => Node { at: lit.range.start, value: Value::Null },
        Ast::Array(array) => Node {
            at: array.range.start,
            value: Value::List(array.elements.into_iter().map(node).collect()),
        },
        Ast::Object(object) => Node {
            at: object.range.start,
            value: Value::Object(object.properties.into_iter().map(member).collect()),
        },
    }
}

fn member(property: ObjectProp<'_>) -> Member<'_> {
    use jsonc_parser::ast::ObjectPropName as Name;
    let (key_at, key) = match property.name {
        Name::String(lit) => (lit.range.start, lit.value),
        Name::Word(lit) => (lit.range.start, lit.value.into()),
    };
    Member { key, key_at, node: node(property.value) }
}

/// A first look at a text, without recursion: how deep it is, what stays open at its end, and the
/// breaches that the parser lets pass. It ends at the first character that strict JSON has not,
/// since the parser stops there at the latest.
#[derive(Debug, Default)]
struct Scan {
    open: Vec<usize>,
    too_deep: Option<usize>,
    fault: Option<Breach>,
}

impl Scan {
    fn of(text: &str) -> Self {
        let mut scan = Self::default();
        let mut chars = text.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '{' | '[' if scan.open.len() == DEEPEST => {
                    scan.too_deep = Some(at);
                    return scan;
                }
                '{' | '[' => scan.open.push(at),
                '}' | ']' => drop(scan.open.pop()),
                '"' if !scan.text(at, &mut chars) => return scan,
                '"' | ' ' | '\t' | '\r' | '\n' => {}
                c if c.is_whitespace() || c.is_control() => {
                    let found = format!("found the character U+{:04X}", u32::from(c));
                    let message = format!("{found}; JSON knows spaces, tabs and line ends only");
                    let help = "it looks like a space: delete it and type a space".to_owned();
                    scan.fault = Some((at, message, c.is_whitespace().then_some(help)));
                    return scan;
                }
                '/' | '#' | '\'' => return scan,
                _ => {}
            }
        }
        scan
    }

    /// Goes to the end of the text that begins with the quote at `at`; whether there is one.
    fn text(&mut self, at: usize, chars: &mut std::str::CharIndices<'_>) -> bool {
        while let Some((here, c)) = chars.next() {
            match c {
                '"' => return true,
                '\\' => drop(chars.next()),
                '\n' | '\r' => {
                    self.fault = Some(unterminated(at));
                    return false;
                }
                c if c < ' ' => {
                    let escape =
                        if c == '\t' { "\\t".into() } else { format!("\\u{:04x}", u32::from(c)) };
                    let message = "found a control character in a text; expected its escape";
                    self.fault = Some((here, message.into(), Some(format!("write {escape}"))));
                    return false;
                }
                _ => {}
            }
        }
        false
    }
}

fn unterminated(at: usize) -> Breach {
    let message = "found a text that does not end on its line; expected a closing \"";
    (at, message.into(), None)
}

/// Words for an error of the parser.
fn explain(source: &Source<'_>, error: &ParseError, open: &[usize]) -> Breach {
    let range = error.range();
    let at = range.start.min(source.text.len());
    let rest = source.text.get(at..).unwrap_or_default();
    let say = |message: &str, help: &str| {
        (at, message.to_owned(), (!help.is_empty()).then(|| help.to_owned()))
    };
    match error.kind() {
        Kind::CommentsNotAllowed | Kind::UnterminatedCommentBlock => comment(at),
        Kind::SingleQuotedStringsNotAllowed => {
            say("found a single quote; expected \"", "JSON puts texts in double quotes")
        }
        Kind::TrailingCommasNotAllowed => {
            say("found a trailing comma; JSON has none after the last value", "delete the comma")
        }
        Kind::ExpectedComma => missing_comma(source.text, at),
        Kind::MultipleRootJsonValues => match rest.chars().next() {
            Some(c @ ('}' | ']')) => say(&format!("found one '{c}' too many"), "delete it"),
            _ => say("found more after the end of the document; expected nothing", ""),
        },
        Kind::ExpectedStringObjectProperty if rest.starts_with(|c: char| c.is_ascii_digit()) => {
            say(
                "found a number; expected a key in double quotes",
                "JSON writes 1.5 with a point, and 1000 without a comma",
            )
        }
        Kind::ExpectedStringObjectProperty => say(
            &format!("found the key {} without quotes; expected \"", clipped(word(rest))),
            "JSON puts keys in double quotes",
        ),
        Kind::HexadecimalNumbersNotAllowed => {
            say("found a hexadecimal number; expected a decimal one", "")
        }
        Kind::UnaryPlusNumbersNotAllowed => {
            say("found a '+' before a number; expected the number alone", "delete the +")
        }
        Kind::BareDecimalPointNumbersNotAllowed => say(
            "found a number with nothing on one side of its point; expected digits there",
            "write 0.5 or 5.0",
        ),
        Kind::NonFiniteNumbersNotAllowed => {
            say("found a number that is none; expected a finite one", "")
        }
        Kind::ExpectedDigit
        | Kind::ExpectedDigitFollowingNegativeSign
        | Kind::ExpectedPlusMinusOrDigitInNumberLiteral => {
            say("found a number that breaks off; expected a digit", "")
        }
        Kind::String(kind) => text_error(at, rest, kind),
        _ if range.end >= source.text.len() && at_the_end(error.kind(), rest) => {
            ends_early(source, open)
        }
        Kind::ExpectedColonAfterObjectKey => say("found no ':' after the key; expected one", ""),
        // Within a list the parser takes the end of `5s` for a word of its own.
        _ if glued(source.text, at) => missing_comma(source.text, at),
        _ => unexpected(at, rest),
    }
}

/// Whether a word begins right behind a digit.
fn glued(text: &str, at: usize) -> bool {
    text[..at].ends_with(|c: char| c.is_ascii_digit())
        && text[at..].starts_with(|c: char| c.is_alphanumeric() || c == '_')
}

fn comment(at: usize) -> Breach {
    let help = "JSON has no comments: delete it";
    (at, "found a comment; expected JSON".into(), Some(help.into()))
}

/// Whether the parser ran out of text.
fn at_the_end(kind: &Kind, rest: &str) -> bool {
    rest.trim().is_empty() || matches!(kind, Kind::UnterminatedArray | Kind::UnterminatedObject)
}

fn ends_early(source: &Source<'_>, open: &[usize]) -> Breach {
    let end = source.text.trim_end().len();
    let message = "found the unexpected end of the file".to_owned();
    let Some(&opened) = open.last() else { return (end, message, None) };
    let (line, column) = source.position(opened);
    let bracket = source.text[opened..].chars().next().unwrap_or('{');
    let closing = if bracket == '{' { '}' } else { ']' };
    let message = format!("{message}; expected '{closing}'");
    (end, message, Some(format!("the '{bracket}' of line {line}, column {column} is still open")))
}

/// Two values stand side by side: mostly that is a comma forgotten, and sometimes one mistyped
/// value which the parser takes for two.
fn missing_comma(text: &str, at: usize) -> Breach {
    let before = &text[..at];
    let next = text[at..].chars().next().unwrap_or(' ');
    let number =
        before.trim_end_matches(|c: char| c.is_ascii_digit() || matches!(c, '.' | '-')).len();
    let number = &before[number..];
    let start = at - number.len();
    if !number.is_empty() && (next.is_alphanumeric() || matches!(next, '_' | '.' | '-')) {
        let tail = word(&text[at..]);
        let all = format!("{number}{tail}");
        return match next {
            '0'..='9' => {
                (start, "found a number with a leading zero; expected it without".into(), None)
            }
            '_' => (start, "found a number with '_' in it; expected digits alone".into(), None),
            _ => {
                let help = format!("write a duration with a unit in quotes: {}", shown(&all));
                let unit = ["ms", "s", "m", "h"].contains(&tail);
                (start, format!("found {}; expected a number", clipped(&all)), unit.then_some(help))
            }
        };
    }
    let help = "put a comma between the two values";
    (at, "found no comma after this value; expected one".into(), Some(help.into()))
}

fn text_error(at: usize, rest: &str, kind: &ParseStringErrorKind) -> Breach {
    match kind {
        ParseStringErrorKind::UnterminatedStringLiteral => unterminated(at),
        ParseStringErrorKind::InvalidUnicodeEscapeSequence(_) => {
            let message = "found half of a surrogate pair; expected \\ud8xx\\udcxx, both halves";
            (at, message.into(), Some("write the character itself".into()))
        }
        ParseStringErrorKind::ExpectedFourHexDigits => {
            (at, "found \\u with too few digits; expected four hexadecimal ones".into(), None)
        }
        _ => {
            let escape: String = rest.chars().take(2).collect();
            let message = format!("found {}, which JSON does not know", clipped(&escape));
            (at, message, Some("write \\\\ for one backslash".into()))
        }
    }
}

/// Something stands where a value or a key should.
fn unexpected(at: usize, rest: &str) -> Breach {
    let word = word(rest);
    let (what, help) = match rest.chars().next() {
        Some('#') => return comment(at),
        Some(c @ (',' | ':' | '}' | ']')) => (
            format!("found '{c}'; expected a value"),
            "something is missing before it, or it is one too many",
        ),
        Some('{' | '[') => ("found a bracket; expected a key in double quotes".into(), ""),
        Some('“' | '”' | '„' | '«') => (
            "found a typographic quote; expected \"".into(),
            "JSON knows the plain double quote only",
        ),
        _ => match word.to_ascii_lowercase().as_str() {
            "true" | "yes" | "on" => {
                (format!("found {}; expected a value", clipped(word)), "write true")
            }
            "false" | "no" | "off" => {
                (format!("found {}; expected a value", clipped(word)), "write false")
            }
            "null" | "none" | "nil" | "undefined" => (
                format!("found {}; expected a value", clipped(word)),
                "write null, or leave the key out",
            ),
            "nan" | "infinity" | "inf" => {
                (format!("found {}; expected a finite number", clipped(word)), "")
            }
            "" => (
                format!(
                    "found {}; expected a value",
                    shown(&rest.chars().take(1).collect::<String>())
                ),
                "",
            ),
            _ => (
                format!("found {} without quotes; expected a value", clipped(word)),
                "JSON puts texts in double quotes",
            ),
        },
    };
    (at, what, (!help.is_empty()).then(|| help.to_owned()))
}

/// The word that a text begins with.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_alphanumeric() && !matches!(c, '_' | '-' | '$' | '.'));
    &text[..end.unwrap_or(text.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_with_its_positions() {
        let source = Source::new("{\"a\\u00e9\\ud83c\\udf35\": [1, \"x\", null, true, {}]}");
        let root = parse(&source).unwrap();
        let Value::Object(members) = root.value else { panic!("no object") };
        assert_eq!((members[0].key.as_ref(), members[0].key_at), ("aé🌵", 1));
        let Value::List(items) = &members[0].node.value else { panic!("no list") };
        assert_eq!(items.iter().map(|item| item.at).collect::<Vec<_>>(), [25, 28, 33, 39, 45]);
    }

    #[test]
    fn each_breach_has_its_place_and_its_words() {
        for (text, place, words) in [
            ("{\"a\": 1,}", (1, 8), "trailing comma"),
            ("{\"a\": [1,\n]}", (1, 9), "trailing comma"),
            ("{\n// x\n}", (2, 1), "comment"),
            ("{\n/* x */}", (2, 1), "comment"),
            ("{ # x\n}", (1, 3), "comment"),
            ("# x\n{}", (1, 1), "comment"),
            ("{'a': 1}", (1, 2), "single quote"),
            ("{a: 1}", (1, 2), "key a without quotes"),
            ("{\"a\": 1} {}", (1, 10), "after the end"),
            ("{\"a\": 1}}", (1, 9), "one '}' too many"),
            ("{\"a\": 1", (1, 8), "unexpected end"),
            ("{\"a\": [1, 2", (1, 12), "expected ']'"),
            ("{\"a\":", (1, 6), "unexpected end"),
            ("{\"a\"", (1, 5), "unexpected end"),
            ("{", (1, 2), "unexpected end"),
            ("{\"a\": }", (1, 7), "'}'"),
            ("{,}", (1, 2), "','"),
            ("{\"a\" 1}", (1, 6), "':'"),
            ("{\"a\": 1 \"b\": 2}", (1, 8), "no comma"),
            ("{\"a\": 1\n\"b\": 2}", (1, 8), "no comma"),
            ("[1 2]", (1, 3), "no comma"),
            ("[012]", (1, 2), "leading zero"),
            ("[1_000]", (1, 2), "'_'"),
            ("[5s]", (1, 2), "found 5s"),
            ("[0x10]", (1, 2), "hexadecimal"),
            ("[+5]", (1, 2), "'+'"),
            ("[.5]", (1, 2), "point"),
            ("[5.]", (1, 2), "point"),
            ("[NaN]", (1, 2), "finite"),
            ("[-Infinity]", (1, 2), "finite"),
            ("[True]", (1, 2), "found True"),
            ("[yes]", (1, 2), "found yes"),
            ("[xbteur]", (1, 2), "xbteur without quotes"),
            ("[“a”]", (1, 2), "typographic"),
            ("[\"a\nb\"]", (1, 2), "does not end on its line"),
            ("[\"a\tb\"]", (1, 4), "control character"),
            ("[\"C:\\keys\"]", (1, 5), "\\k"),
            ("[\"\\ud800\"]", (1, 3), "surrogate"),
            ("[\"\\u12\"]", (1, 3), "four"),
            ("[\"abc]", (1, 2), "closing"),
            ("[1,\u{a0}2]", (1, 4), "U+00A0"),
            ("[1,\u{1b}2]", (1, 4), "U+001B"),
            ("[1,\u{c}2]", (1, 4), "U+000C"),
        ] {
            let problem = parse(&Source::new(text)).map(|_| ()).unwrap_err();
            assert_eq!(problem.position(), Some(place), "{text}: {}", problem.message());
            let all = format!("{} {}", problem.message(), problem.help().unwrap_or_default());
            assert!(all.contains(words), "{text}: {all}");
        }
    }

    #[test]
    fn a_hundred_thousand_brackets_do_no_harm() {
        for text in ["[".repeat(100_000), "{\"a\":".repeat(100_000), "[".repeat(100_000) + "//"] {
            let problem = parse(&Source::new(&text)).map(|_| ()).unwrap_err();
            assert!(problem.message().contains("deeper than 32"), "{}", problem.message());
        }
        let deepest = format!("{}{}", "[".repeat(32), "]".repeat(32));
        assert!(parse(&Source::new(&deepest)).is_ok());
    }
}
