//! What a quote is: the pair it is of, the fields it has, the numbers in it.
//! Pure: no I/O, no clock, no randomness.

use std::{fmt, hash, str::FromStr};

use jiff::Timestamp;
use rust_decimal::Decimal;

/// A market, as somebody writes it: `xbteur`, `XBT/EUR`, `XXBTZEUR`, `BTC/USD:BTNL`.
///
/// Two pairs are equal when they differ in case or in slashes alone. Which market of Kraken's a
/// name stands for, and that `BTC` is Kraken's `XBT`, is not known here but to the KrakenActor.
#[derive(Clone)]
pub struct AssetPair {
    text: Box<str>,
    key: Box<str>,
}

impl AssetPair {
    /// The shortest and the longest name, in characters. Kraken's own run from `KEUR` (4) to a
    /// dozen or so; the upper bound keeps nonsense out of a URL.
    pub const LENGTHS: std::ops::RangeInclusive<usize> = 4..=24;

    /// Reads a pair.
    ///
    /// # Errors
    /// When the text is shorter or longer than [`LENGTHS`](Self::LENGTHS) or has a character
    /// that no pair of Kraken's has.
    pub fn parse(text: &str) -> Result<Self, InvalidPair> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | ':');
        if let Some(found) = text.chars().find(|&c| !allowed(c)) {
            return Err(InvalidPair::Character(found));
        }
        if !Self::LENGTHS.contains(&text.len()) {
            return Err(InvalidPair::Length(text.len()));
        }
        if !text.contains(|c: char| c.is_ascii_alphabetic()) {
            return Err(InvalidPair::NoLetter);
        }
        Ok(Self { text: text.into(), key: Self::canonical(text).into() })
    }

    /// The pair as it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The form by which names are compared: upper case, without slashes.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Brings any name into the form by which names are compared.
    pub fn canonical(name: &str) -> String {
        name.chars().filter(|&c| c != '/').map(|c| c.to_ascii_uppercase()).collect()
    }
}

impl FromStr for AssetPair {
    type Err = InvalidPair;

    fn from_str(text: &str) -> Result<Self, InvalidPair> {
        Self::parse(text)
    }
}

impl fmt::Display for AssetPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for AssetPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AssetPair({})", self.text)
    }
}

impl PartialEq for AssetPair {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for AssetPair {}

impl PartialOrd for AssetPair {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for AssetPair {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key.cmp(&other.key)
    }
}

impl hash::Hash for AssetPair {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.key.hash(state);
    }
}

/// Why a text is no pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidPair {
    /// It has a character that no pair has.
    #[error("a pair has letters, digits, '.', '/' and ':' only, not {0:?}")]
    Character(char),
    /// It is too short or too long.
    #[error("a pair has 4 to 24 characters, not {0}")]
    Length(usize),
    /// It has no letter at all.
    #[error("a pair has letters, such as xbteur or XBT/EUR")]
    NoLetter,
}

/// What of a quote goes into a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum QuoteField {
    /// What you pay: the best ask, from the customer's side.
    Buy,
    /// What you get: the best bid, from the customer's side.
    Sell,
    /// The best bid.
    Bid,
    /// The best ask.
    Ask,
    /// The price of the last trade.
    Last,
    /// Today's opening price, at 00:00 UTC.
    Open,
    /// The highest price of the last 24 hours.
    High,
    /// The lowest price of the last 24 hours.
    Low,
    /// The volume weighted average price of the last 24 hours.
    Vwap,
    /// The volume of the last 24 hours, in units of the base asset.
    Volume,
    /// How many trades there were in the last 24 hours.
    Trades,
    /// `last ÷ open − 1`: 0.012 is 1.2 % up since 00:00 UTC.
    Change,
    /// The middle of bid and ask.
    Mid,
    /// `ask − bid`.
    Spread,
    /// When this pair's quote was asked for, as a spreadsheet's date-time number.
    Time,
}

impl QuoteField {
    /// Every field, in the order in which they are listed for people.
    pub const ALL: &'static [Self] = &[
        Self::Buy,
        Self::Sell,
        Self::Bid,
        Self::Ask,
        Self::Last,
        Self::Open,
        Self::High,
        Self::Low,
        Self::Vwap,
        Self::Volume,
        Self::Trades,
        Self::Change,
        Self::Mid,
        Self::Spread,
        Self::Time,
    ];

    /// The field's name in a configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Buy => "buy",
            Self::Sell => "sell",
            Self::Bid => "bid",
            Self::Ask => "ask",
            Self::Last => "last",
            Self::Open => "open",
            Self::High => "high",
            Self::Low => "low",
            Self::Vwap => "vwap",
            Self::Volume => "volume",
            Self::Trades => "trades",
            Self::Change => "change",
            Self::Mid => "mid",
            Self::Spread => "spread",
            Self::Time => "time",
        }
    }

    /// What the field means, in one line.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Buy => "what you pay: the best ask",
            Self::Sell => "what you get: the best bid",
            Self::Bid => "the best bid",
            Self::Ask => "the best ask",
            Self::Last => "the price of the last trade",
            Self::Open => "today's opening price, at 00:00 UTC",
            Self::High => "the highest price of the last 24 hours",
            Self::Low => "the lowest price of the last 24 hours",
            Self::Vwap => "the volume weighted average price of the last 24 hours",
            Self::Volume => "the volume of the last 24 hours, in the base asset",
            Self::Trades => "the number of trades in the last 24 hours",
            Self::Change => "last / open - 1: 0.012 is 1.2 % up since 00:00 UTC",
            Self::Mid => "the middle of bid and ask",
            Self::Spread => "ask - bid",
            Self::Time => "when this pair's quote was asked for, a date-time number",
        }
    }

    /// The field with the name that a configuration gives it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }
}

/// As people read it: `sell (best bid)`, since `buy` and `sell` mean the opposite to some.
impl fmt::Display for QuoteField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Buy => f.write_str("buy (best ask)"),
            Self::Sell => f.write_str("sell (best bid)"),
            other => f.write_str(other.name()),
        }
    }
}

/// A price: a decimal above zero, exactly as the exchange states it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Price(Decimal);

impl Price {
    /// A price of this amount, unless it is zero or less: an empty side of the order book is
    /// stated as `0.00000`, and that is no price.
    pub fn new(amount: Decimal) -> Option<Self> {
        (amount > Decimal::ZERO).then_some(Self(amount))
    }

    /// The amount, above zero.
    pub fn amount(self) -> Decimal {
        self.0
    }
}

/// One pair's prices and figures, fetched at one moment.
///
/// A field is `None` where the exchange states no price: an empty side of the book, or no trade
/// within the window.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Quote {
    /// When it was asked for.
    pub at: Timestamp,
    /// The best bid.
    pub bid: Option<Price>,
    /// The best ask.
    pub ask: Option<Price>,
    /// The price of the last trade.
    pub last: Option<Price>,
    /// Today's opening price, at 00:00 UTC.
    pub open: Option<Price>,
    /// The highest price of the last 24 hours.
    pub high: Option<Price>,
    /// The lowest price of the last 24 hours.
    pub low: Option<Price>,
    /// The volume weighted average price of the last 24 hours.
    pub vwap: Option<Price>,
    /// The volume of the last 24 hours, in units of the base asset; zero or more.
    pub volume: Option<Decimal>,
    /// How many trades there were in the last 24 hours.
    pub trades: Option<u64>,
}

impl Quote {
    /// A quote that was asked for at `at` and states nothing yet.
    pub const fn empty(at: Timestamp) -> Self {
        Self {
            at,
            bid: None,
            ask: None,
            last: None,
            open: None,
            high: None,
            low: None,
            vwap: None,
            volume: None,
            trades: None,
        }
    }

    /// The number that a field states, if it states one. [`QuoteField::Time`] is no number of
    /// the quote's: what it is in a cell depends on the spreadsheet's time zone.
    pub fn number(&self, field: QuoteField) -> Option<Decimal> {
        let price = match field {
            QuoteField::Bid | QuoteField::Sell => self.bid,
            QuoteField::Ask | QuoteField::Buy => self.ask,
            QuoteField::Last => self.last,
            QuoteField::Open => self.open,
            QuoteField::High => self.high,
            QuoteField::Low => self.low,
            QuoteField::Vwap => self.vwap,
            QuoteField::Volume => return self.volume,
            QuoteField::Trades => return self.trades.map(Decimal::from),
            QuoteField::Change => return self.change(),
            QuoteField::Mid => return self.mid(),
            QuoteField::Spread => return self.spread(),
            QuoteField::Time => return None,
        };
        price.map(Price::amount)
    }

    /// The number that a field is in a cell: the double that is nearest to the decimal.
    pub fn cell_number(&self, field: QuoteField) -> Option<f64> {
        // By way of its text: a decimal's own conversion is off by a digit now and then.
        let number = self.number(field)?.to_string().parse().ok()?;
        f64::is_finite(number).then_some(number)
    }

    fn change(&self) -> Option<Decimal> {
        // Ten places are more than the prices have; the quotient by itself has no end.
        let quotient = self.last?.amount().checked_div(self.open?.amount())?;
        quotient.checked_sub(Decimal::ONE).map(|change| change.round_dp(10))
    }

    fn mid(&self) -> Option<Decimal> {
        self.bid?.amount().checked_add(self.ask?.amount())?.checked_div(Decimal::TWO)
    }

    fn spread(&self) -> Option<Decimal> {
        self.ask?.amount().checked_sub(self.bid?.amount())
    }
}

/// Reads a number as an exchange states it: digits, and perhaps a point and digits.
///
/// `NaN`, `inf`, `1e5`, `-1`, `1,5`, `+1`, `.5` and digits of other scripts are all refused, and
/// so is a number of more digits than a decimal of 96 bits holds.
pub(crate) fn decimal(text: &str) -> Option<Decimal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(fraction) {
        return None;
    }
    Decimal::from_str_exact(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_equal_whatever_their_case_and_slashes() {
        let pair = |text| AssetPair::parse(text).unwrap();
        assert_eq!(pair("xbteur"), pair("XBT/EUR"));
        assert_ne!(pair("xbteur"), pair("xbtusd"));
        assert_eq!(pair("Xbt/Eur").to_string(), "Xbt/Eur");
    }

    #[test]
    fn what_no_pair_has_is_refused() {
        for (text, why) in [
            ("", InvalidPair::Length(0)),
            ("XBT", InvalidPair::Length(3)),
            ("XBTUSD,ETHUSD", InvalidPair::Character(',')),
            ("XBT/USD?x=1", InvalidPair::Character('?')),
            ("xbt eur", InvalidPair::Character(' ')),
            ("123456", InvalidPair::NoLetter),
        ] {
            assert_eq!(AssetPair::parse(text), Err(why), "{text}");
        }
    }

    #[test]
    fn numbers_follow_one_strict_grammar() {
        for text in ["0", "1", "30300.10000", "0.000002502000", "0012.50"] {
            assert!(decimal(text).is_some(), "{text}");
        }
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e5", "1E5", "NaN", "inf", "1,5", " 1", "1 ",
            "1.2.3", "٣", "0x10", "1_000",
        ] {
            assert_eq!(decimal(text), None, "{text}");
        }
        assert_eq!(decimal(&"9".repeat(400)), None);
    }

    #[test]
    fn fields_are_read_by_their_names_and_say_which_side_they_are() {
        for &field in QuoteField::ALL {
            assert_eq!(QuoteField::from_name(field.name()), Some(field));
        }
        assert_eq!(QuoteField::Sell.to_string(), "sell (best bid)");
        assert_eq!(QuoteField::Buy.to_string(), "buy (best ask)");
    }

    #[test]
    fn derived_fields_are_exact_and_absent_when_a_part_is() {
        let price = |text| Price::new(decimal(text).unwrap());
        let mut quote = Quote::empty(Timestamp::UNIX_EPOCH);
        quote.bid = price("30300.00000");
        assert_eq!(quote.number(QuoteField::Mid), None);
        quote.ask = price("30300.10000");
        quote.last = price("101");
        quote.open = price("100");
        for (field, expected) in [
            (QuoteField::Sell, "30300"),
            (QuoteField::Buy, "30300.1"),
            (QuoteField::Mid, "30300.05"),
            (QuoteField::Spread, "0.1"),
            (QuoteField::Change, "0.01"),
        ] {
            let number = quote.number(field).unwrap();
            assert_eq!(number.normalize().to_string(), expected, "{field}");
        }
        assert_eq!(price("0.0000"), None);
    }
}
