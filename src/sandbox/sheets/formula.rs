//! Formulas, as far as a stand-in needs them: `+ - * /`, brackets and cells of the same tab.
//! Everything else is `#NAME?`. Pure: no I/O, no clock, no randomness.

use super::{a1::Span, cell::Content};

/// Finds the value of a cell, by row and column. `None`: it is empty.
pub(in crate::sandbox) type Lookup<'a> = &'a dyn Fn(u32, u32) -> Option<Content>;

/// Brackets and signs deeper than this are refused, not followed.
const DEPTH: usize = 64;

/// Computes a formula, which begins with `=`.
pub(in crate::sandbox) fn evaluate(formula: &str, look: Lookup<'_>) -> Content {
    let text: String = formula.chars().skip(1).filter(|c| !c.is_whitespace()).collect();
    let mut parser = Parser { rest: &text, look, depth: 0 };
    let result = parser.sum().and_then(|value| match parser.rest.is_empty() {
        true => Ok(value),
        false => Err("#ERROR!"),
    });
    match result {
        Ok(number) if number.is_finite() => Content::Number(number),
        Ok(_) => Content::Text("#NUM!".into()),
        Err(error) => Content::Text(error.into()),
    }
}

struct Parser<'a> {
    rest: &'a str,
    look: Lookup<'a>,
    depth: usize,
}

type Outcome = Result<f64, &'static str>;

impl Parser<'_> {
    fn sum(&mut self) -> Outcome {
        let mut sum = self.product()?;
        loop {
            if self.eat('+') {
                sum += self.product()?;
            } else if self.eat('-') {
                sum -= self.product()?;
            } else {
                return Ok(sum);
            }
        }
    }

    fn product(&mut self) -> Outcome {
        let mut product = self.factor()?;
        loop {
            if self.eat('*') {
                product *= self.factor()?;
            } else if self.eat('/') {
                let divisor = self.factor()?;
                if divisor == 0.0 {
                    return Err("#DIV/0!");
                }
                product /= divisor;
            } else {
                return Ok(product);
            }
        }
    }

    fn factor(&mut self) -> Outcome {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err("#ERROR!");
        }
        let value = if self.eat('-') {
            self.factor().map(|value| -value)
        } else if self.eat('+') {
            self.factor()
        } else if self.eat('(') {
            let value = self.sum()?;
            if self.eat(')') { Ok(value) } else { Err("#ERROR!") }
        } else {
            self.atom()
        };
        self.depth -= 1;
        value
    }

    fn atom(&mut self) -> Outcome {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '.' | '$' | '_');
        let end = self.rest.find(|c| !is_part(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        if word.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
            return word.parse().map_err(|_| "#ERROR!");
        }
        match Span::parse(word).filter(|_| !rest.starts_with(['(', '!', ':'])) {
            Some(span) => match (self.look)(span.top, span.left) {
                None => Ok(0.0),
                Some(Content::Number(number)) => Ok(number),
                Some(Content::Bool(flag)) => Ok(f64::from(u8::from(flag))),
                Some(Content::Text(text)) if text == "#REF!" => Err("#REF!"),
                Some(Content::Text(_) | Content::Formula(_)) => Err("#VALUE!"),
            },
            None if word.is_empty() => Err("#ERROR!"),
            None => Err("#NAME?"),
        }
    }

    fn eat(&mut self, wanted: char) -> bool {
        let rest = self.rest.strip_prefix(wanted);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_computed() {
        let cells = |row, column| match (row, column) {
            (0, 0) => Some(Content::Number(6.0)),
            (1, 0) => Some(Content::Text("x".into())),
            _ => None,
        };
        let check = |formula: &str, expected: Content| {
            assert_eq!(evaluate(formula, &cells), expected, "{formula}");
        };
        let text = |text: &str| Content::Text(text.into());
        check("= 1 / 1024", Content::Number(0.0009765625));
        check("=6*2", Content::Number(12.0));
        check("=-(1+2)*3", Content::Number(-9.0));
        check("=A1*$A$1+B9", Content::Number(36.0));
        check("=A2+1", text("#VALUE!"));
        check("=1/0", text("#DIV/0!"));
        check("=NOW()", text("#NAME?"));
        check("=1+", text("#ERROR!"));
        check(&format!("={}1", "(".repeat(1000)), text("#ERROR!"));
    }
}
