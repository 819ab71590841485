//! One pair and its prices, which walk at random.
//! Pure: no I/O, no clock; the dice come in as an argument.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::pairs::Row;

/// What a ticker says of a pair, as Kraken spells it: strings as they go over the wire.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticker {
    /// The best ask: price, whole lot volume, lot volume.
    pub a: [String; 3],
    /// The best bid: price, whole lot volume, lot volume.
    pub b: [String; 3],
    /// The last trade: price, lot volume.
    pub c: [String; 2],
    /// Volume: today, last 24 hours.
    pub v: [String; 2],
    /// Volume-weighted average price: today, last 24 hours.
    pub p: [String; 2],
    /// Number of trades: today, last 24 hours.
    pub t: [u64; 2],
    /// Lowest price: today, last 24 hours.
    pub l: [String; 2],
    /// Highest price: today, last 24 hours.
    pub h: [String; 2],
    /// Today's opening price.
    pub o: String,
}

impl Ticker {
    /// Reads what was set, as far as it is a ticker.
    pub(in crate::sandbox) fn from_json(json: &Value) -> Option<Self> {
        Self::deserialize(json).ok()
    }
}

/// One pair that is traded.
#[derive(Debug, Clone)]
pub(in crate::sandbox) struct Market {
    pub(super) row: Row,
    pub(in crate::sandbox) delisted: bool,
    /// What somebody set: it no longer walks.
    pub(in crate::sandbox) pinned: Option<Value>,
    walk: Walk,
}

/// Where a walk is, in ticks of the price.
#[derive(Debug, Clone)]
struct Walk {
    last: i64,
    bid: i64,
    ask: i64,
    open: i64,
    low: i64,
    high: i64,
    /// Traded today, in millionths of a coin, and what that cost, in ticks of such millionths.
    volume: i128,
    turnover: i128,
    trades: u64,
}

impl Market {
    pub(super) fn new(row: Row) -> Self {
        let last = to_ticks(row.8, row.5);
        let walk = Walk {
            last,
            bid: last - i64::from(last > 0),
            ask: last + i64::from(last > 0),
            open: last,
            low: last,
            high: last,
            volume: 0,
            turnover: 0,
            trades: 0,
        };
        Self { row, delisted: false, pinned: None, walk }
    }

    /// Whether there is anything to trade: some books are empty for ever.
    fn is_alive(&self) -> bool {
        self.walk.open > 0
    }

    /// Goes one step: the price moves by up to 0.05 %, and by a tick at least every other time.
    pub(super) fn step(&mut self, dice: &mut fastrand::Rng) {
        if !self.is_alive() {
            return;
        }
        let walk = &mut self.walk;
        let reach = (walk.last / 2_000).max(1);
        walk.last = (walk.last + dice.i64(-reach..=reach)).max(2);
        // The book lies around the last trade, one to three ticks wide, and is never crossed.
        walk.bid = (walk.last - dice.i64(0..=1)).max(1);
        walk.ask = (walk.last + dice.i64(0..=1)).max(walk.bid + 1);
        walk.low = walk.low.min(walk.last);
        walk.high = walk.high.max(walk.last);
        let lot = i128::from(dice.i64(1_000..5_000_000));
        walk.volume += lot;
        walk.turnover += lot * i128::from(walk.last);
        walk.trades += dice.u64(1..=4);
    }

    /// The ticker as it goes over the wire.
    pub(super) fn wire(&self) -> Value {
        if let Some(pinned) = &self.pinned {
            return pinned.clone();
        }
        serde_json::to_value(self.ticker()).unwrap_or_default()
    }

    pub(in crate::sandbox) fn ticker(&self) -> Ticker {
        let (walk, lots) = (&self.walk, self.row.7);
        let price = |ticks: i64| print(i128::from(ticks), self.row.5, self.row.6);
        let volume = |millionths: i128| print(millionths, 6, lots);
        if !self.is_alive() {
            let (zero, none) = (price(0), volume(0));
            return Ticker {
                a: [zero.clone(), "0".into(), "0.000".into()],
                b: [zero.clone(), "0".into(), "0.000".into()],
                c: [zero.clone(), none.clone()],
                v: [none.clone(), none],
                p: [zero.clone(), zero.clone()],
                t: [0, 0],
                l: [zero.clone(), zero.clone()],
                h: [zero.clone(), zero.clone()],
                o: zero,
            };
        }
        // Yesterday's trades count for the last 24 hours: as many again, at the opening price.
        let day = 86_400_000_000;
        let average = |turnover: i128, volume: i128| price_of_average(turnover, volume, walk.last);
        let yesterday = i128::from(walk.open) * day;
        Ticker {
            a: [price(walk.ask), "1".into(), "1.000".into()],
            b: [price(walk.bid), "1".into(), "1.000".into()],
            c: [price(walk.last), volume(120_721)],
            v: [volume(walk.volume), volume(walk.volume + day)],
            p: [
                price(average(walk.turnover, walk.volume)),
                price(average(walk.turnover + yesterday, walk.volume + day)),
            ],
            t: [walk.trades, walk.trades + 21_514],
            l: [price(walk.low), price(walk.low.min(walk.open))],
            h: [price(walk.high), price(walk.high.max(walk.open))],
            o: price(walk.open),
        }
    }
}

fn price_of_average(turnover: i128, volume: i128, otherwise: i64) -> i64 {
    let average = turnover.checked_div(volume);
    average.and_then(|ticks| i64::try_from(ticks).ok()).unwrap_or(otherwise)
}

/// Reads a price of the table in ticks of that many decimals.
fn to_ticks(price: &str, decimals: u32) -> i64 {
    let (whole, fraction) = price.split_once('.').unwrap_or((price, ""));
    let mut digits = format!("{whole}{fraction}");
    let missing = (decimals as usize).saturating_sub(fraction.len());
    digits.extend(std::iter::repeat_n('0', missing));
    digits.parse().unwrap_or(0)
}

/// Prints ticks of so many decimals with at least so many decimals.
fn print(ticks: i128, decimals: u32, printed: u32) -> String {
    let unit = 10_i128.pow(decimals);
    let (whole, fraction) = (ticks / unit, ticks % unit);
    let mut text = whole.to_string();
    if decimals > 0 || printed > 0 {
        text.push('.');
    }
    if decimals > 0 {
        text.push_str(&format!("{fraction:0width$}", width = decimals as usize));
    }
    text.extend(std::iter::repeat_n('0', printed.saturating_sub(decimals) as usize));
    if printed < decimals {
        text.truncate(text.len() - (decimals - printed) as usize);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{super::pairs::PAIRS, *};

    fn market(key: &str) -> Market {
        Market::new(*PAIRS.iter().find(|row| row.0 == key).unwrap())
    }

    #[test]
    fn numbers_are_printed_as_kraken_prints_them() {
        let check = |ticks, decimals, printed, expected: &str| {
            assert_eq!(print(ticks, decimals, printed), expected);
        };
        check(575_501, 1, 5, "57550.10000");
        check(2_502, 9, 12, "0.000002502000");
        check(9_874_512, 0, 5, "9874512.00000");
        check(0, 7, 7, "0.0000000");
        check(1_234_567, 6, 5, "1.23456");
        check(14_837, 2, 6, "148.370000");
    }

    #[test]
    fn every_first_price_is_read_to_the_last_digit() {
        for row in PAIRS {
            let printed = print(i128::from(to_ticks(row.8, row.5)), row.5, row.5);
            let expected = if row.8 == "0" { "0.0000000" } else { row.8 };
            assert_eq!(printed.trim_end_matches('.'), expected, "{}", row.0);
        }
    }

    #[test]
    fn a_walk_never_crosses_the_book_and_repeats_itself_for_a_seed() {
        let walk = |seed| {
            let (mut market, mut dice) = (market("PEPEEUR"), fastrand::Rng::with_seed(seed));
            for _ in 0..10_000 {
                market.step(&mut dice);
                let walk = &market.walk;
                assert!(0 < walk.bid && walk.bid < walk.ask);
                assert!(walk.low <= walk.last && walk.last <= walk.high);
            }
            market.ticker()
        };
        assert_eq!(walk(7), walk(7));
        assert_ne!(walk(7), walk(8));
    }

    #[test]
    fn an_empty_book_stays_zero() {
        let mut market = market("KEUR");
        market.step(&mut fastrand::Rng::with_seed(1));
        let expected = serde_json::json!({
            "a": ["0.0000000", "0", "0.000"], "b": ["0.0000000", "0", "0.000"],
            "c": ["0.0000000", "0.00000"], "v": ["0.00000", "0.00000"],
            "p": ["0.0000000", "0.0000000"], "t": [0, 0],
            "l": ["0.0000000", "0.0000000"], "h": ["0.0000000", "0.0000000"],
            "o": "0.0000000",
        });
        assert_eq!(market.wire(), expected);
    }
}
