//! Kraken's bodies: what a ticker and a list of asset pairs look like on the wire.
//! Pure: no I/O, no clock, no randomness.
//!
//! The shapes are those of <https://docs.kraken.com/api/docs/rest-api/get-ticker-information>.
//! Every ticker is decoded by itself: one that is broken costs its own pair and no other.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::KrakenError;
use crate::{
    http::{Answer, Few, FewByName},
    quote::{Price, Quote, decimal},
};

/// The most errors of an answer that are read.
const MOST_ERRORS: usize = 16;

/// The longest text in an answer, in bytes: Kraken's have a few words.
const LONGEST_TEXT: usize = 1_024;

/// The most pairs of an answer. Kraken has about 1,500.
const MOST_PAIRS: usize = 4_000;

/// The tickers of an answer.
#[derive(Debug, Default)]
pub(super) struct Tickers {
    /// By Kraken's own name of the pair.
    pub(super) rows: BTreeMap<String, Result<Quote, BadTicker>>,
    /// What Kraken says beside them: why some may be missing.
    pub(super) beside: Option<KrakenError>,
}

/// A ticker that cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("Kraken's answer for this pair is not a ticker")]
pub(super) struct BadTicker;

/// What Kraken answers, with a result or without one, with errors and warnings or without.
#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    error: Few<String, MOST_ERRORS>,
    #[serde(borrow)]
    result: Option<&'a RawValue>,
}

/// A row of AssetPairs; the rest of it is none of our business.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(super) struct AssetPairInfo {
    /// The name without prefixes and slash: `XBTEUR`.
    #[serde(default)]
    pub(super) altname: String,
    /// The name with a slash: `XBT/EUR`.
    #[serde(default)]
    pub(super) wsname: String,
}

/// Decodes an answer of the Ticker endpoint, asked for at `at`.
///
/// # Errors
/// When there is no result, or none that can be used beside the errors.
pub(super) fn tickers(answer: &Answer, at: Timestamp) -> Result<Tickers, KrakenError> {
    let (rows, beside) = rows(answer)?;
    let rows = rows.into_iter().map(|(key, row)| (key, quote(row, at))).collect();
    Ok(Tickers { rows, beside })
}

/// Decodes an answer of the AssetPairs endpoint: the rows by Kraken's own name of the pair.
///
/// # Errors
/// As [`tickers`], and when there are errors beside them: what a list leaves out does not exist,
/// so half a list is worse than an old one.
pub(super) fn asset_pairs(answer: &Answer) -> Result<BTreeMap<String, AssetPairInfo>, KrakenError> {
    let usable = |(key, row): (String, &RawValue)| {
        let row: AssetPairInfo = serde_json::from_str(row.get()).ok()?;
        let named = is_name(&key) && is_name(&row.altname) && is_name(&row.wsname);
        named.then_some((key, row))
    };
    let (rows, beside) = rows(answer)?;
    if let Some(error) = beside {
        return Err(error);
    }
    let rows: BTreeMap<_, _> = rows.into_iter().filter_map(usable).collect();
    if rows.is_empty() {
        return Err(KrakenError::NotKraken("a list of asset pairs without any".into()));
    }
    Ok(rows)
}

/// Names go into URLs and into messages for people: what has other characters is no name.
fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'/' | b':');
    text.len() <= 32 && text.bytes().all(allowed)
}

type Rows<'a> = BTreeMap<String, &'a RawValue>;

/// The rows of an answer's result, and the errors beside them: Kraken has been seen to send both.
fn rows(answer: &Answer) -> Result<(Rows<'_>, Option<KrakenError>), KrakenError> {
    if has_long_text(&answer.body) {
        return Err(KrakenError::NotKraken(answer.describe()));
    }
    let envelope: Envelope<'_> =
        serde_json::from_slice(&answer.body).map_err(|cause| not_kraken(answer, &cause))?;
    let rows = envelope.result.and_then(|raw| serde_json::from_str(raw.get()).ok());
    let rows = rows.map(|FewByName::<_, MOST_PAIRS>(rows)| rows);
    let errors: Vec<String> =
        envelope.error.0.into_iter().filter(|text| !text.starts_with('W')).collect();
    match rows {
        Some(rows) if errors.is_empty() => Ok((rows, None)),
        Some(rows) if !rows.is_empty() => Ok((rows, Some(KrakenError::from_texts(&errors)))),
        None if errors.is_empty() => Err(KrakenError::NotKraken(answer.describe())),
        _ => Err(KrakenError::from_texts(&errors)),
    }
}

/// Whether a text is longer than any of Kraken's. Decoders make copies of texts, and more of them
/// for their own errors: it is better not to begin.
fn has_long_text(json: &[u8]) -> bool {
    let (mut inside, mut escaped, mut length) = (false, false, 0_usize);
    json.iter().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if inside => escaped = true,
            b'"' => (inside, length) = (!inside, 0),
            _ => {}
        }
        length += usize::from(inside);
        length > LONGEST_TEXT
    })
}

fn not_kraken(answer: &Answer, cause: &serde_json::Error) -> KrakenError {
    if cause.is_eof() && !answer.body.is_empty() && answer.status == 200 {
        return KrakenError::NotKraken("it breaks off in the middle".into());
    }
    KrakenError::NotKraken(answer.describe())
}

/// One ticker: `a`, `b` and `c` are lists whose first element is the price; of `v`, `p`, `l`,
/// `h` and `t` the second is of the last 24 hours; `o` is a single text.
#[derive(Deserialize)]
struct TickerInfo<'a> {
    #[serde(borrow)]
    a: &'a RawValue,
    #[serde(borrow)]
    b: &'a RawValue,
    #[serde(borrow)]
    c: &'a RawValue,
    #[serde(borrow)]
    v: Option<&'a RawValue>,
    #[serde(borrow)]
    p: Option<&'a RawValue>,
    #[serde(borrow)]
    t: Option<&'a RawValue>,
    #[serde(borrow)]
    l: Option<&'a RawValue>,
    #[serde(borrow)]
    h: Option<&'a RawValue>,
    #[serde(borrow)]
    o: Option<&'a RawValue>,
}

fn quote(row: &RawValue, at: Timestamp) -> Result<Quote, BadTicker> {
    let info: TickerInfo<'_> = serde_json::from_str(row.get()).map_err(|_| BadTicker)?;
    let price = |raw: Option<&RawValue>| Price::new(number(raw?)?);
    let mut quote = Quote::empty(at);
    quote.ask = price(nth(Some(info.a), 0));
    quote.bid = price(nth(Some(info.b), 0));
    quote.last = price(nth(Some(info.c), 0));
    quote.vwap = price(nth(info.p, 1));
    quote.low = price(nth(info.l, 1));
    quote.high = price(nth(info.h, 1));
    quote.open = price(info.o);
    quote.volume = nth(info.v, 1).and_then(number);
    quote.trades = nth(info.t, 1).and_then(|raw| serde_json::from_str(raw.get()).ok());
    Ok(quote)
}

/// One of the first two elements of a list.
fn nth(list: Option<&RawValue>, n: usize) -> Option<&RawValue> {
    let Few(list): Few<_, 2> = serde_json::from_str(list?.get()).ok()?;
    list.get(n).copied()
}

/// A number, which Kraken sends as a text.
fn number(raw: &RawValue) -> Option<Decimal> {
    decimal(serde_json::from_str(raw.get()).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quote::QuoteField;

    fn answer(body: &str) -> Answer {
        Answer::json(200, body)
    }

    fn read(body: &str) -> Result<Tickers, KrakenError> {
        tickers(&answer(body), Timestamp::UNIX_EPOCH)
    }

    /// A ticker as recorded from Kraken, with another ask.
    fn ticker(ask: &str) -> String {
        format!(
            r#"{{"a":[{ask},"1","1.000"],"b":["30300.00000","1","1.000"],"c":["30303.20000","0.00067643"],
            "v":["4083.67001100","4412.73601799"],"p":["30706.77771","30689.13205"],"t":[34619,38907],
            "l":["29868.30000","29868.30000"],"h":["31631.00000","31631.00000"],"o":"30502.80000"}}"#
        )
    }

    #[test]
    fn every_field_comes_from_its_place() {
        let body = format!(r#"{{"error":[],"result":{{"XXBTZUSD":{}}}}}"#, ticker("\"30300.1\""));
        let quote = read(&body).unwrap().rows.remove("XXBTZUSD").unwrap().unwrap();
        for (field, expected) in [
            (QuoteField::Ask, "30300.1"),
            (QuoteField::Bid, "30300"),
            (QuoteField::Last, "30303.2"),
            (QuoteField::Volume, "4412.73601799"),
            (QuoteField::Vwap, "30689.13205"),
            (QuoteField::Trades, "38907"),
            (QuoteField::Low, "29868.3"),
            (QuoteField::High, "31631"),
            (QuoteField::Open, "30502.8"),
        ] {
            let number = quote.number(field).unwrap().normalize().to_string();
            assert_eq!(number, expected, "{field}");
        }
    }

    #[test]
    fn a_bad_number_is_no_price_and_costs_no_other() {
        for bad in [
            "\"NaN\"",
            "\"inf\"",
            "\"-1\"",
            "\"0\"",
            "\"0.0000000\"",
            "\"\"",
            "\"1,5\"",
            "\"1e400\"",
            "null",
            "1.5",
            "[]",
            "\"٣\"",
        ] {
            let body = format!(r#"{{"error":[],"result":{{"X":{}}}}}"#, ticker(bad));
            let quote = read(&body).unwrap().rows.remove("X").unwrap().unwrap();
            assert_eq!(quote.ask, None, "{bad}");
            assert!(quote.bid.is_some(), "{bad}");
        }
    }

    #[test]
    fn a_broken_ticker_costs_its_own_pair_alone() {
        let body = format!(
            r#"{{"error":[],"result":{{"A":{},"B":null,"C":"x","D":{{"a":1}},"E":[]}}}}"#,
            ticker("\"1\"")
        );
        let rows = read(&body).unwrap().rows;
        assert!(rows["A"].is_ok());
        for key in ["B", "C", "D", "E"] {
            assert_eq!(rows[key], Err(BadTicker), "{key}");
        }
    }

    #[test]
    fn errors_count_only_where_there_is_no_result() {
        let with = |errors: &str, result: &str| {
            read(&format!(r#"{{"error":[{errors}]{result}}}"#)).map(|tickers| tickers.rows.len())
        };
        let row = format!(r#","result":{{"A":{}}}"#, ticker("\"1\""));
        assert_eq!(with("\"WGeneral:Danger\"", &row).unwrap(), 1);
        assert_eq!(with("\"EService:Busy\"", &row).unwrap(), 1);
        assert_eq!(with("", ",\"result\":{}").unwrap(), 0);
        assert!(matches!(with("\"EService:Busy\"", ""), Err(KrakenError::Service(_))));
        assert!(matches!(
            with("\"EQuery:Unknown asset pair\"", ",\"result\":{}"),
            Err(KrakenError::UnknownPair(_))
        ));
        assert!(matches!(with("", ""), Err(KrakenError::NotKraken(_))));
    }

    #[test]
    fn what_is_not_krakens_says_what_it_is() {
        for (body, told) in [
            ("{\"error\":[],\"resu", "breaks off"),
            ("<html><title>520: Web server</title>", "520: Web server"),
            ("", "nothing in it"),
            ("[1,2]", "[1,2]"),
            ("{\"error\":[],\"result\":[]}", "{\"error\":[],\"result\":[]}"),
        ] {
            let text = read(body).unwrap_err().to_string();
            assert!(text.contains(told), "{body}: {text}");
        }
    }

    #[test]
    fn texts_are_read_up_to_a_length_and_counted_as_json_counts_them() {
        let text = |n| format!(r#"["\\","\"{}",1]"#, "x".repeat(n));
        assert!(!has_long_text(text(LONGEST_TEXT - 3).as_bytes()));
        assert!(has_long_text(text(LONGEST_TEXT).as_bytes()));
        assert!(!has_long_text(&[b' '; 10_000]) && !has_long_text(&[b'"'; 10_000]));
        let told = read(&format!(r#"{{"error":["{}"]}}"#, "x".repeat(5_000))).unwrap_err();
        assert!(told.to_string().len() < 500, "{told}");
    }

    #[test]
    fn asset_pairs_need_a_name_and_nothing_else() {
        let body = r#"{"error":[],"result":{"XXBTZEUR":{"altname":"XBTEUR","wsname":"XBT/EUR",
            "position_limit":99999999999},"ODD":{"altname":"ODD"},"BAD":7}}"#;
        let rows = asset_pairs(&answer(body)).unwrap();
        assert_eq!(rows.keys().collect::<Vec<_>>(), ["ODD", "XXBTZEUR"]);
        assert_eq!(rows["XXBTZEUR"].wsname, "XBT/EUR");
        assert!(asset_pairs(&answer(r#"{"error":[],"result":{}}"#)).is_err());
    }

    #[test]
    fn a_list_of_pairs_beside_an_error_is_none() {
        let with = |errors: &str| {
            let pairs = r#"{"ADAEUR":{"altname":"ADAEUR"}}"#;
            asset_pairs(&answer(&format!(r#"{{"error":[{errors}],"result":{pairs}}}"#)))
        };
        assert!(matches!(with("\"EService:Busy\""), Err(KrakenError::Service(_))));
        assert!(matches!(
            with("\"EAPI:Rate limit exceeded\""),
            Err(KrakenError::RateLimited { .. })
        ));
        assert_eq!(with("\"WGeneral:Danger\"").unwrap().len(), 1);
    }
}
