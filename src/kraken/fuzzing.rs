//! What must hold of anything that calls itself Kraken's answer.
//! Touches: nothing.

use jiff::Timestamp;

use super::{pairs::PairIndex, wire};
use crate::{fuzzing::assert_printable, http::Answer, quote::QuoteField};

/// Whatever Kraken answers, no number in a quote is zero, negative, or more than a cell can hold,
/// and what is wrong is told in one printable line.
pub fn ticker(bytes: &[u8]) {
    match wire::tickers(&Answer::json(200, bytes), Timestamp::UNIX_EPOCH) {
        Ok(tickers) => {
            for quote in tickers.rows.values().flatten() {
                for &field in QuoteField::ALL {
                    let number = quote.cell_number(field);
                    assert!(number.is_none_or(f64::is_finite), "{field}: {number:?}");
                }
                let prices = [quote.bid, quote.ask, quote.last, quote.open, quote.vwap];
                for price in prices.into_iter().flatten() {
                    assert!(price.amount().is_sign_positive() && !price.amount().is_zero());
                }
            }
            if let Some(beside) = tickers.beside {
                assert_printable(&beside.to_string());
            }
        }
        Err(error) => assert_printable(&error.failure("https://api.kraken.com").to_string()),
    }
}

/// Whatever Kraken lists, its names are of harmless characters, and each is found under its own.
pub fn asset_pairs(bytes: &[u8]) {
    let rows = match wire::asset_pairs(&Answer::json(200, bytes)) {
        Ok(rows) => rows,
        Err(error) => {
            assert_printable(&error.failure("https://api.kraken.com").to_string());
            return;
        }
    };
    let harmless = |c: char| c.is_ascii_alphanumeric() || "./:".contains(c);
    let index = PairIndex::new(&rows);
    for (key, row) in &rows {
        assert!([key, &row.altname, &row.wsname].iter().all(|name| name.chars().all(harmless)));
        if let Ok(pair) = crate::AssetPair::parse(key) {
            assert!(index.key(&pair).is_some(), "{key} is not found by its own name");
        }
    }
}
